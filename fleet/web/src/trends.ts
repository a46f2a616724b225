// How the equity of the fleet went: asked for once a minute, and sooner while somebody is shown of whom nothing is known.

import { useEffect, useReducer } from "preact/hooks";
import { type Trend, type Trends, ask } from "./api";
import { useLive } from "./live";

const EVERY = 60_000;
const SOON = 3_000;

let trends: Record<string, Trend> = {};
let trouble: string | null = null;
let asked_ms = 0;

/** The trends by id, and why they are unknown or old. */
export function useTrends(): [Record<string, Trend>, string | null] {
  const { fleet } = useLive();
  const [, again] = useReducer((count: number) => count + 1, 0);
  const isLacking = fleet.instances.some((row) => row.alive && trends[row.id] === undefined);
  useEffect(() => {
    const look = () => {
      if (document.hidden || Date.now() - asked_ms < (isLacking ? SOON : EVERY)) return;
      asked_ms = Date.now();
      ask<Trends>("GET", "/fleet/trends")
        .then((answer) => {
          trends = answer.instances;
          trouble = answer.trouble;
          again(undefined as never);
        })
        // What is wrong is told by the live changes.
        .catch(() => {});
    };
    look();
    const timer = setInterval(look, 1_000);
    return () => clearInterval(timer);
  }, [isLacking]);
  return [trends, trouble];
}

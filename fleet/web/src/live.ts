// The fleet as it is now: the whole of it at first, then what changes, twice a second.

import { useEffect, useReducer } from "preact/hooks";
import type { Beat, Fleet, Row } from "./api";

/** What the page knows of the fleet. */
export interface Live {
  fleet: Fleet;
  /** By id. */
  rows: Map<string, Row>;
  /** Whether changes come in. */
  connected: boolean;
  /** When the last event came, by this machine's clock, ms. */
  at_ms: number;
}

const EMPTY: Fleet = {
  number: 0,
  time_ms: 0,
  trouble: null,
  hidden: 0,
  halt: null,
  directive: null,
  instances: [],
};

const live: Live = { fleet: EMPTY, rows: new Map(), connected: false, at_ms: 0 };
const readers = new Set<() => void>();
/** Called when the server no longer lets us in. */
let refused: () => void = () => {};
let source: EventSource | null = null;

type Changes = Omit<Fleet, "instances"> & { changed: Record<string, Partial<Row>>; gone: string[] };

function tell(): void {
  for (const reader of readers) reader();
}

function whole(fleet: Fleet): void {
  live.fleet = fleet;
  live.rows = new Map(fleet.instances.map((row) => [row.id, row]));
}

function changes({ changed, gone, ...rest }: Changes): void {
  for (const id of gone) live.rows.delete(id);
  for (const [id, fields] of Object.entries(changed)) {
    const before = live.rows.get(id);
    const beat =
      fields.beat && before?.beat ? ({ ...before.beat, ...fields.beat } as Beat) : (fields.beat ?? before?.beat ?? null);
    live.rows.set(id, { ...before, ...fields, beat: "beat" in fields && fields.beat === null ? null : beat } as Row);
  }
  live.fleet = { ...rest, instances: [...live.rows.values()] };
}

/** Begins to listen. `whenRefused` is called when the server no longer lets us in. */
export function listen(whenRefused: () => void): void {
  refused = whenRefused;
  document.addEventListener("visibilitychange", connect);
  connect();
}

// A browser has six connections for all its tabs: those that nobody sees use none.
function connect(): void {
  if (document.hidden) {
    source?.close();
    source = null;
    return;
  }
  if (source !== null && source.readyState !== EventSource.CLOSED) return;
  source = new EventSource("/api/v1/fleet/changes");
  const take = (apply: (data: never) => void) => (event: MessageEvent<string>) => {
    apply(JSON.parse(event.data) as never);
    live.connected = true;
    live.at_ms = Date.now();
    tell();
  };
  source.addEventListener("fleet", take(whole));
  source.addEventListener("changes", take(changes));
  source.addEventListener("error", () => {
    live.connected = false;
    tell();
    // The browser tries again by itself, unless the server answered with an error.
    if (source?.readyState === EventSource.CLOSED) {
      refused();
      setTimeout(connect, 2000);
    }
  });
}

/** Ends listening, at the end of a session. */
export function forget(): void {
  document.removeEventListener("visibilitychange", connect);
  source?.close();
  source = null;
  whole(EMPTY);
  tell();
}

/** The fleet; renders again with each change. */
export function useLive(): Live {
  const [, again] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const reader = () => again(undefined as never);
    readers.add(reader);
    return () => void readers.delete(reader);
  }, []);
  return live;
}

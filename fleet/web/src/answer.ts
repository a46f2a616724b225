// Answers of the API that are asked for again and again while the page is seen.

import { useEffect, useState } from "preact/hooks";
import { Refused, type Rows, ask } from "./api";

/** The most rows that are kept of a list. */
const MOST = 5_000;

function words(error: unknown): string {
  return error instanceof Refused ? error.message : String(error);
}

/** Calls `look` now and every so many ms, unless nobody sees the page. */
function useAgain(look: (isCurrent: () => boolean) => void, every: number, of: unknown): void {
  useEffect(() => {
    let current = true;
    const seen = () => {
      if (!document.hidden) look(() => current);
    };
    seen();
    const timer = setInterval(seen, every);
    return () => {
      current = false;
      clearInterval(timer);
    };
  }, [of, every]);
}

/** The last answer, and what is wrong. */
export function useAnswer<T>(path: string, every: number): [T | null, string] {
  const [found, setFound] = useState<{ path: string; answer: T } | null>(null);
  const [trouble, setTrouble] = useState("");
  useAgain(
    (isCurrent) =>
      void ask<T>("GET", path)
        .then((answer) => {
          if (!isCurrent()) return;
          setFound({ path, answer });
          setTrouble("");
        })
        .catch((error: unknown) => isCurrent() && setTrouble(words(error))),
    every,
    path,
  );
  return [found?.path === path ? found.answer : null, trouble];
}

export interface List<T> {
  /** Null before the first answer. */
  rows: T[] | null;
  /** Asks for older rows; null: there are none. */
  more: (() => void) | null;
  trouble: string;
}

/** A list that grows at its beginning by itself, and at its end when more is asked for. */
export function useList<T>(path: string, every: number, id: (row: T) => string): List<T> {
  const [list, setList] = useState<{ path: string; rows: T[]; next: string | null } | null>(null);
  const [trouble, setTrouble] = useState("");
  const take = ({ rows, next, unreadable }: Rows<T>, isNewest: boolean) => {
    setTrouble(unreadable ?? "");
    setList((before) => {
      if (before === null || before.path !== path) return { path, rows, next };
      const known = new Set(before.rows.map(id));
      const others = rows.filter((row) => !known.has(id(row)));
      if (!isNewest) return { path, rows: [...before.rows, ...others], next };
      // So many are new that some between may be missing: begin again.
      if (others.length === rows.length && rows.length > 0) return { path, rows, next };
      return { path, rows: [...others, ...before.rows].slice(0, MOST), next: before.next };
    });
  };
  useAgain(
    (isCurrent) =>
      void ask<Rows<T>>("GET", path)
        .then((answer) => isCurrent() && take(answer, true))
        .catch((error: unknown) => isCurrent() && setTrouble(words(error))),
    every,
    path,
  );
  const current = list?.path === path ? list : null;
  const next = current?.next ?? null;
  const more =
    next === null || current!.rows.length >= MOST
      ? null
      : () =>
          void ask<Rows<T>>("GET", `${path}?after=${encodeURIComponent(next)}`)
            .then((answer) => take(answer, false))
            .catch((error: unknown) => setTrouble(words(error)));
  return { rows: current?.rows ?? null, more, trouble };
}

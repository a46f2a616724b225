// Copying: what each follower did with each source's signals, and how far behind it is. What needs attention comes first.

import { useEffect, useState } from "preact/hooks";
import { type Copies, type Copying, Refused, ask } from "./api";
import { count, duration, moment } from "./format";
import { Bars } from "./small";
import { type Column, Table, sorted } from "./table";
import { set, useUrl } from "./url";

const TIMES: [string, string][] = [
  ["3600", "last hour"],
  ["21600", "last 6 hours"],
  ["86400", "last 24 hours"],
  ["604800", "last 7 days"],
];
/** Time between two questions, ms. */
const EVERY = 15_000;
/** A follower that is further behind needs attention, ms. */
const LATE = 10_000;

const id = (row: Copies) => `${row.follower} ${row.source} ${row.symbol}`;
const of = (row: Copies, outcome: string) => row.outcomes[outcome] ?? 0;

/** Red: a signal is without a report, or nobody knows what became of an order. */
function attention(row: Copies): number {
  if (row.unreported > 0 || of(row, "unknown") > 0) return 2;
  return of(row, "rejected") > 0 || (row.lag_ms ?? 0) > LATE ? 1 : 0;
}

const points = (value: number | undefined) => (value === undefined ? "–" : value.toFixed(1));
const ms = (value: number | undefined) => (value === undefined ? "–" : duration(value));

function columns(found: Copying | null): Column<Copies>[] {
  const text = (name: "follower" | "source" | "symbol", head: string, width: number): Column<Copies> => ({
    name, head, width, text: (row) => <bdi class={name === "symbol" ? "" : "name"}>{row[name]}</bdi>, value: (row) => row[name],
  });
  const number = (name: string, head: string, value: (row: Copies) => number, title: string, tone = ""): Column<Copies> => ({
    name, head, title, width: 76, right: true, text: (row) => (value(row) === 0 ? "–" : count(value(row))), value,
    tone: (row) => (value(row) > 0 ? tone : ""),
  });
  const spread = (name: string, head: string, at: number, values: (row: Copies) => number[], show: (value: number | undefined) => string, title: string): Column<Copies> => ({
    name, head, title, width: 78, right: true, text: (row) => show(values(row)[at]), value: (row) => values(row)[at] ?? -Infinity,
  });
  const bars = (name: string, head: string, counts: (row: Copies) => number[], bounds: number[], show: (value: number) => string, title: string): Column<Copies> => ({
    name, head, title, width: 112, text: (row) => <Bars counts={counts(row)} bounds={bounds} show={show} label={title} />,
  });
  const delays = (row: Copies) => row.delay_ms;
  const slips = (row: Copies) => row.slippage;
  return [
    text("follower", "Follower", 174),
    text("source", "Source", 174),
    text("symbol", "Symbol", 90),
    {
      name: "lag", head: "Lag", width: 70, right: true, title: "How far behind it reads the source",
      text: (row) => (row.lag_ms === null ? "–" : row.lag_ms === 0 ? "none" : duration(row.lag_ms)), value: (row) => row.lag_ms ?? -1,
      tone: (row) => ((row.lag_ms ?? 0) > LATE ? "warn" : ""),
    },
    number("done", "Copied", (row) => of(row, "done"), "Done"),
    number("partial", "Partial", (row) => of(row, "partial"), "A part of the volume was done", "warn"),
    number("skipped", "Skipped", (row) => of(row, "skipped"), "Skipped by the follower: the reasons are below"),
    number("rejected", "Rejected", (row) => of(row, "rejected"), "By the trade server", "warn"),
    number("unknown", "Unknown", (row) => of(row, "unknown"), "An order was sent, and nobody knows what became of it", "bad"),
    number("unreported", "Unrep.", (row) => row.unreported, "Signals past a minute without a report", "bad"),
    bars("delays", "Delays", (row) => row.delay_counts, found?.delay_bounds ?? [], duration, "How many fills had which delay"),
    bars("slippages", "Slippages", (row) => row.slippage_counts, found?.slippage_bounds ?? [], String, "How many fills had which slippage, points"),
    spread("delay", "Delay", 1, delays, ms, "From the signal to the fill: the median"),
    spread("delay90", "90 %", 2, delays, ms, "What 90 of 100 fills do not exceed"),
    spread("delay99", "99 %", 3, delays, ms, "What 99 of 100 fills do not exceed"),
    spread("slippage", "Slippage", 1, slips, points, "How much worse the price was than the wanted one, points: the median"),
    spread("slippage90", "90 %", 2, slips, points, "What 90 of 100 fills do not exceed"),
    spread("slippage99", "99 %", 3, slips, points, "What 99 of 100 fills do not exceed"),
  ];
}

export function CopyingPage({ utc }: { utc: boolean }) {
  const [found, setFound] = useState<Copying | null>(null);
  const [trouble, setTrouble] = useState("");
  const url = useUrl().searchParams;
  const since = url.get("since") ?? "86400";
  useEffect(() => {
    let current = true;
    const look = () => {
      if (document.hidden) return;
      ask<Copying>("GET", `/copying?since_s=${encodeURIComponent(since)}`)
        .then((answer) => {
          if (!current) return;
          setFound(answer);
          setTrouble("");
        })
        .catch((error: unknown) => current && setTrouble(error instanceof Refused ? error.message : String(error)));
    };
    setFound(null);
    look();
    const timer = setInterval(look, EVERY);
    return () => {
      current = false;
      clearInterval(timer);
    };
  }, [since]);
  const words = (url.get("q") ?? "").toLowerCase();
  const rows = (found?.copies ?? []).filter((row) => id(row).toLowerCase().includes(words));
  const sort = url.get("sort") ?? "";
  const ordered = sort === "" ? sorted(rows, [], "", id).sort((one, other) => attention(other) - attention(one)) : sorted(rows, columns(found), sort, id);
  const reasons = (found?.reasons ?? []).filter((reason) => `${reason.follower} ${reason.reason}`.toLowerCase().includes(words));
  return (
    <main class="fill">
      <h1>Copying</h1>
      <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        <input type="search" placeholder="Filter by follower, source, symbol" aria-label="Filter" value={url.get("q") ?? ""} onInput={(event) => set({ q: event.currentTarget.value })} />
        <select aria-label="How far back" value={since} onChange={(event) => set({ since: event.currentTarget.value === "86400" ? "" : event.currentTarget.value })}>
          {TIMES.map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
        {found !== null && <span class="count">as of {moment(found.time_ms, utc)}</span>}
      </form>
      {trouble !== "" && <p class="bad" role="alert">{trouble}</p>}
      <Table
        label="Followers and sources"
        rows={ordered}
        columns={columns(found)}
        id={id}
        sort={sort}
        onSort={(next) => set({ sort: next })}
        tone={(row) => ["", "a1", "a2"][attention(row)] ?? ""}
        empty={found === null ? "…" : "No follower has reported anything in this time."}
      />
      {reasons.length + (found?.unreadable.length ?? 0) > 0 && (
        <section class="reasons" aria-label="Why signals were not executed" tabIndex={0}>
          <h2>Why signals were not executed</h2>
          <ul class="plain">
            {reasons.map(({ follower, reason, count: times }) => (
              <li key={`${follower} ${reason}`}>
                <b class="times">{count(times)}</b> <bdi class="name">{follower}</bdi> <span>{reason}</span>
              </li>
            ))}
            {found?.unreadable.map((line) => (
              <li key={line} class="bad">
                {line}
              </li>
            ))}
          </ul>
        </section>
      )}
    </main>
  );
}

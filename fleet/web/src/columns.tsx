// The columns of the fleet's table.

import type { Live } from "./live";
import type { Beat, Row, Trend } from "./api";
import { count, duration, money, sign, trouble } from "./format";
import { Spark } from "./small";
import type { Column } from "./table";
import { follow } from "./url";

/** What is shown unless the URL says otherwise. */
export const USUAL = [
  "state", "id", "broker", "kind", "currency", "balance", "equity", "spark", "day", "drawdown", "profit", "margin", "positions",
  "pending", "commit", "clock", "throttle", "halt", "agent",
];

const THROTTLE = ["–", "slow", "heavy", "critical"];

/** A difference of clocks. */
export function difference(ms: number): string {
  const size = Math.abs(ms);
  return ms === 0 ? "–" : `${ms > 0 ? "+" : "-"}${size < 1000 ? `${Math.round(size)} ms` : duration(size)}`;
}

/** How long ago something was, by the server's clock. */
export function age(live: Live, ms: number): number {
  return Math.max(0, live.fleet.time_ms - ms);
}

/** A column about the last heartbeat; empty without one. */
function of(
  name: string,
  head: string,
  width: number,
  text: (beat: Beat) => string,
  value: (beat: Beat) => string | number,
  more: Partial<Column<Row>> = {},
): Column<Row> {
  return {
    name,
    head,
    width,
    text: (row) => (row.beat === null ? "" : text(row.beat)),
    value: (row) => (row.beat === null ? "" : value(row.beat)),
    ...more,
  };
}

function number(
  name: string,
  head: string,
  width: number,
  text: (beat: Beat) => string,
  value: (beat: Beat) => number | null,
  more: Partial<Column<Row>> = {},
): Column<Row> {
  // Who has no heartbeat comes last.
  const sort = (row: Row) => (row.beat === null ? -Infinity : (value(row.beat) ?? -Infinity));
  return of(name, head, width, text, () => 0, { right: true, ...more, value: sort });
}

export function columns(live: Live, trends: Record<string, Trend>): Column<Row>[] {
  const day = (row: Row) => trends[row.id]?.day_profit ?? null;
  const drawdown = (row: Row) => trends[row.id]?.drawdown ?? null;
  const silent = (row: Row) => row.trouble.includes("silent") || row.trouble.includes("gone");
  return [
    {
      name: "state",
      head: "State",
      width: 168,
      // Several troubles: the worst is first.
      text: (row) => {
        const words = row.trouble.map((name) => trouble(name) + (name === row.trouble[0] && silent(row) ? ` ${duration(age(live, row.seen_ms))}` : ""));
        return <span title={[...words, row.beat?.forbidden ?? ""].filter(Boolean).join(", ")}>{words.join(", ") || "ok"}</span>;
      },
      // The worst first when it is sorted upwards.
      value: (row) => -row.attention * 100 - row.trouble.length,
      tone: (row) => ["calm", "warn", "bad"][row.attention] ?? "",
    },
    {
      name: "id",
      head: "Instance",
      width: 172,
      text: (row) => (
        <a class="name" href={`/instance/${encodeURIComponent(row.id)}`} onClick={follow}>
          <bdi>{row.id}</bdi>
        </a>
      ),
      value: (row) => row.id,
    },
    of("login", "Login", 90, (beat) => String(beat.login), (beat) => beat.login, { right: true }),
    of("broker", "Broker", 118, (beat) => beat.broker, (beat) => beat.broker),
    of("server", "Server", 150, (beat) => beat.server, (beat) => beat.server),
    of("kind", "Kind", 64, (beat) => beat.account, (beat) => beat.account, {
      tone: (row) => (row.beat?.account === "real" ? "real" : ""),
    }),
    of("currency", "Cur", 42, (beat) => beat.currency, (beat) => beat.currency),
    number("balance", "Balance", 92, (beat) => money(beat.balance, beat.currency), (beat) => beat.balance),
    number("equity", "Equity", 92, (beat) => money(beat.equity, beat.currency), (beat) => beat.equity),
    {
      name: "spark",
      head: "24 hours",
      width: 112,
      title: "The equity of the last 24 hours, each on its own scale",
      text: (row) => trends[row.id] && <Spark trend={trends[row.id]!} />,
    },
    {
      name: "day",
      head: "Day",
      width: 84,
      right: true,
      title: "By how much the equity has changed since the broker's day began, without payments",
      text: (row) => (row.beat === null ? "" : money(day(row), row.beat.currency)),
      value: (row) => day(row) ?? -Infinity,
      tone: (row) => sign(day(row)),
    },
    {
      name: "drawdown",
      head: "Drawd.",
      width: 62,
      right: true,
      title: "Drawdown: how far the equity is below its highest of the last 7 days, without payments",
      text: (row) => (row.beat === null ? "" : drawdown(row) === null ? "–" : `${drawdown(row)!.toFixed(1)} %`),
      value: (row) => drawdown(row) ?? -Infinity,
    },
    number("profit", "Floating", 80, (beat) => money(beat.profit, beat.currency), (beat) => beat.profit, {
      title: "Floating profit",
      tone: (row) => sign(row.beat?.profit ?? null),
    }),
    number("free", "Free margin", 104, (beat) => money(beat.margin_free, beat.currency), (beat) => beat.margin_free),
    number(
      "margin", "Margin", 76,
      (beat) => (beat.margin_level === 0 ? "–" : `${count(beat.margin_level)} %`),
      // Without positions there is no margin to lose.
      (beat) => (beat.margin_level === 0 ? Infinity : beat.margin_level),
      {
        title: "Margin level",
        tone: ({ beat }) => (!beat || beat.margin_level === 0 || beat.margin_level >= 200 ? "" : beat.margin_level < 100 ? "bad" : "warn"),
      },
    ),
    number("positions", "Pos", 42, (beat) => count(beat.positions), (beat) => beat.positions, { title: "Open positions" }),
    number("orders", "Orders", 62, (beat) => count(beat.orders), (beat) => beat.orders, { title: "Pending orders" }),
    number("pending", "Pending", 70, (beat) => count(beat.pending), (beat) => beat.pending, {
      title: "Records that have not reached Redis yet",
      tone: (row) => ((row.beat?.pending ?? 0) > 1000 ? "warn" : ""),
    }),
    number("commit", "Commit", 64, (beat) => (beat.commit_us === 0 ? "–" : duration(beat.commit_us / 1000)), (beat) => beat.commit_us, {
      title: "How long the slower lane's commits take",
      tone: (row) => ((row.beat?.commit_us ?? 0) > 1e6 ? "warn" : ""),
    }),
    number("clock", "Clock", 66, (beat) => difference(beat.clock_ms), (beat) => Math.abs(beat.clock_ms), {
      title: "Its machine's clock minus the server's",
      tone: (row) => (Math.abs(row.beat?.clock_ms ?? 0) > 2000 ? "warn" : ""),
    }),
    of("throttle", "Throttle", 66, (beat) => THROTTLE[beat.throttle] ?? String(beat.throttle), (beat) => beat.throttle, {
      tone: (row) => ((row.beat?.throttle ?? 0) > 0 ? "warn" : ""),
    }),
    of("halt", "Halted", 60, (beat) => (beat.halted === null ? "?" : beat.halted === "none" ? "–" : beat.halted), (beat) => beat.halted ?? "", {
      title: "The halt that it obeys: entries are blocked, or all: copies are closed too",
      tone: (row) => (row.beat?.halted && row.beat.halted !== "none" ? "warn" : ""),
    }),
    of("follower", "Follower", 80, (beat) => ["–", "acts", "stands by"][beat.follower] ?? "?", (beat) => beat.follower),
    of("agent", "Agent", 136, (beat) => beat.agent, (beat) => beat.agent, { title: "Expert Advisor and its version" }),
    of("build", "Build", 60, (beat) => String(beat.build), (beat) => beat.build, { right: true }),
    number("ping", "Ping", 70, (beat) => (beat.ping_us === 0 ? "–" : duration(beat.ping_us / 1000)), (beat) => beat.ping_us, {
      title: "The last ping to the trade server",
    }),
    {
      name: "seen",
      head: "Seen",
      width: 66,
      right: true,
      title: "Time since its last heartbeat was sent",
      text: (row) => duration(age(live, row.seen_ms)),
      value: (row) => age(live, row.seen_ms),
      tone: (row) => (silent(row) ? "bad" : ""),
    },
  ];
}


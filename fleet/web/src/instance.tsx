// One instance: what its heartbeat says, how its equity went, and its trades, signals and reports.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { useAnswer } from "./answer";
import type { Beat, Equity, Row, Session, Trend } from "./api";
import { Chart } from "./chart";
import { age, difference } from "./columns";
import { Commanding } from "./command";
import { count, duration, moment, money, sign, trouble } from "./format";
import { Closed, Events, Open, Reports, Signals } from "./trades";
import { useLive } from "./live";
import { useTrends } from "./trends";
import { follow, set, useUrl } from "./url";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** What the chart shows: its name in the URL and in words, which samples, and how far back. */
const SPANS = [
  ["", "24 hours", "minutes", DAY],
  ["48h", "48 hours", "minutes", 2 * DAY],
  ["30d", "30 days", "hours", 30 * DAY],
  ["1y", "a year", "hours", 366 * DAY],
] as const;

const TABS = [
  ["", "Open positions", Open],
  ["closed", "Closed", Closed],
  ["events", "Events", Events],
  ["signals", "Signals sent", Signals],
  ["reports", "Signals followed", Reports],
] as const;

/** The id in the path of an instance's page. */
export function idOf(pathname: string): string {
  try {
    return decodeURIComponent(pathname.replace("/instance/", ""));
  } catch {
    return "";
  }
}

export function InstancePage({ session, utc }: { session: Session; utc: boolean }) {
  const live = useLive();
  const [trends] = useTrends();
  const url = useUrl();
  const [commanding, command] = useState(false);
  const id = idOf(url.pathname);
  const row = live.rows.get(id);
  const tab = url.searchParams.get("tab") ?? "";
  const [, , Shown] = TABS.find(([name]) => name === tab) ?? TABS[0];
  const currency = row?.beat?.currency ?? "";
  return (
    <main class="instance">
      <div class="title">
        <h1>
          <a href="/" onClick={follow}>
            Fleet
          </a>{" "}
          / <bdi>{id}</bdi>
        </h1>
        {row !== undefined && <State row={row} />}
        {session.operate && row?.alive && (
          <button type="button" onClick={() => command(true)}>
            Halt or throttle…
          </button>
        )}
      </div>
      {row === undefined && live.fleet.time_ms > 0 && <p class="warn">Nobody of this name is in the list of instances. What Redis still has of it is below.</p>}
      {row !== undefined && <Facts row={row} trend={trends[id]} utc={utc} silent={age(live, row.seen_ms)} />}
      <EquityChart id={id} currency={currency} utc={utc} span={url.searchParams.get("span") ?? ""} />
      <nav class="tabs" aria-label="About this instance">
        {TABS.map(([name, words]) => (
          <a
            key={name}
            href={`${url.pathname}${name === "" ? "" : `?tab=${name}`}`}
            aria-current={tab === name ? "page" : undefined}
            onClick={(event) => {
              event.preventDefault();
              set({ tab: name });
            }}
          >
            {words}
          </a>
        ))}
      </nav>
      <Shown key={`${id} ${tab}`} id={id} currency={currency} utc={utc} />
      {commanding && <Commanding instances={[id]} onClose={() => command(false)} />}
    </main>
  );
}

function State({ row }: { row: Row }) {
  const tone = ["good", "warn", "bad"][row.attention] ?? "";
  return <p class={tone}>{row.trouble.map(trouble).join(", ") || "ok"}</p>;
}

interface FactsOptions {
  row: Row;
  trend: Trend | undefined;
  utc: boolean;
  /** How long ago the last heartbeat was, ms. */
  silent: number;
}

function Facts({ row, trend, utc, silent }: FactsOptions) {
  const { beat } = row;
  if (beat === null) {
    return <p class="calm">Its last heartbeat came at {moment(row.seen_ms, utc)}. Redis no longer has its state.</p>;
  }
  const amount = (value: number | null | undefined) => money(value, beat.currency);
  const day = trend?.day_profit ?? null;
  return (
    <dl class="facts">
      <Fact name="Balance" of="balance">{amount(beat.balance)} {beat.currency}</Fact>
      <Fact name="Equity" of="equity">{amount(beat.equity)} {beat.currency}</Fact>
      <Fact name="Floating profit" of="profit" tone={sign(beat.profit)}>{amount(beat.profit)}</Fact>
      <Fact name="Day's profit" of="day" tone={sign(day)}>{amount(day)}</Fact>
      <Fact name="Drawdown" of="drawdown">{percent(trend?.drawdown)}</Fact>
      <Fact name="Margin" of="margin">{amount(beat.margin)}{beat.margin_level > 0 && `, level ${count(beat.margin_level)} %`}</Fact>
      <Fact name="Free margin" of="free">{amount(beat.margin_free)}</Fact>
      <Fact name="Account" of="login">{beat.login}, {beat.account}, 1:{beat.leverage}</Fact>
      <Fact name="Broker" of="broker"><bdi>{beat.broker}</bdi>, <bdi>{beat.server}</bdi></Fact>
      <Fact name="Broker's time" of="time">{offset(beat)}</Fact>
      <Fact name="Connected" of="connected" tone={beat.connected ? "" : "bad"}>{beat.connected ? (beat.ping_us > 0 ? `yes, ping ${duration(beat.ping_us / 1000)}` : "yes") : "no"}</Fact>
      <Fact name="May trade" of="forbidden" tone={beat.forbidden === null ? "" : "warn"}>{beat.forbidden === null ? "yes" : `no: ${beat.forbidden}`}</Fact>
      <Fact name="Halted" of="halt" tone={beat.halted === "none" ? "" : "warn"}>
        {beat.halted === null ? "unknown: its library knows no halt" : beat.halted === "none" ? "no" : beat.halted}
        {row.halt !== null && <>, by <bdi>{row.halt.who}</bdi>: <bdi>{row.halt.why}</bdi></>}
      </Fact>
      <Fact name="Throttle" of="throttle" tone={beat.throttle > 0 ? "warn" : ""}>{["none", "slow", "heavy", "critical"][beat.throttle] ?? beat.throttle}</Fact>
      <Fact name="Pending records" of="pending">{count(beat.pending)}{beat.refused > 0 && `, ${count(beat.refused)} calls refused`}</Fact>
      <Fact name="Commits take" of="commit">{beat.commit_us === 0 ? "–" : duration(beat.commit_us / 1000)}</Fact>
      <Fact name="Clock" of="clock">{difference(beat.clock_ms)}</Fact>
      <Fact name="Follower" of="follower">{["no", "acts", "stands by"][beat.follower] ?? "?"}</Fact>
      <Fact name="Agent" of="agent"><bdi>{beat.agent}</bdi>, build {beat.build}</Fact>
      <Fact name="Last heartbeat" of="seen">{duration(silent)} ago, every {duration(beat.interval_ms)}</Fact>
    </dl>
  );
}

function Fact({ name, of, tone = "", children }: { name: string; of: string; tone?: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class={tone} data-fact={of}>
        {children}
      </dd>
    </div>
  );
}

export function percent(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : `${value.toFixed(1)} %`;
}

function offset({ server_offset_s: seconds }: Beat): string {
  const minutes = Math.round(Math.abs(seconds) / 60);
  return `UTC${seconds < 0 ? "-" : "+"}${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}`;
}

interface EquityOptions {
  id: string;
  currency: string;
  utc: boolean;
  span: string;
}

function EquityChart({ id, currency, utc, span }: EquityOptions) {
  const [, words, period, length] = SPANS.find(([name]) => name === span) ?? SPANS[0];
  const [found, trouble] = useAnswer<Equity>(`/instances/${encodeURIComponent(id)}/equity?period=${period}`, 30_000);
  const isHidden = found !== null && found.equity === null;
  const { times, columns } = spread(found, period === "minutes" ? 60_000 : HOUR, length);
  return (
    <section aria-label="Equity" class="equity">
      <div class="filters">
        <h2>Equity</h2>
        <select aria-label="How far back" value={span} onChange={(event) => set({ span: event.currentTarget.value })}>
          {SPANS.map(([name, text]) => (
            <option key={name} value={name}>
              {text}
            </option>
          ))}
        </select>
        {(trouble || found?.unreadable) && <span class="bad" role="alert">{trouble || found?.unreadable}</span>}
      </div>
      {isHidden ? (
        <p class="calm">Your role does not show money.</p>
      ) : times.length < 2 ? (
        <p class="calm">{found === null && trouble === "" ? "…" : `No heartbeat has left its equity in the last ${words}.`}</p>
      ) : (
        <Chart
          title=""
          times={times}
          lines={[
            { label: "equity", values: columns[0]! },
            { label: "balance", values: columns[1]! },
          ]}
          show={(value) => money(value, currency)}
          utc={utc}
          group="equity"
          height={220}
          zero={false}
        />
      )}
    </section>
  );
}

/** The samples of this time, with an empty one where some are missing, so that no line is drawn there. */
function spread(found: Equity | null, every: number, length: number): { times: number[]; columns: (number | null)[][] } {
  const times: number[] = [];
  const columns: (number | null)[][] = [[], []];
  if (found?.equity && found.balance) {
    const from = Date.now() - length;
    found.time_ms.forEach((time, at) => {
      if (time < from) return;
      const last = times.at(-1);
      if (last !== undefined && time - last > every) {
        times.push(last + every);
        for (const column of columns) column.push(null);
      }
      times.push(time);
      columns[0]!.push(found.equity![at]!);
      columns[1]!.push(found.balance![at]!);
    });
  }
  return { times, columns };
}

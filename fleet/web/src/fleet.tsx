// The fleet: all instances in one table, those that need attention first, and totals that mix neither currencies nor demo
// with real money.

import { useState } from "preact/hooks";
import type { Row, Session, Trend } from "./api";
import { USUAL, columns } from "./columns";
import { count, money, sign } from "./format";
import { useLive } from "./live";
import { Commanding } from "./command";
import { Table, sorted } from "./table";
import { useTrends } from "./trends";
import { set, useUrl } from "./url";

const STATES = [
  ["", "all"],
  ["attention", "need attention"],
  ["halted", "halted"],
  ["throttled", "throttled"],
  ["gone", "gone"],
] as const;

/** The rows that a URL's parameters ask for. */
export function filtered(rows: Row[], url: URLSearchParams): Row[] {
  const [words, kind, currency, state] = ["q", "kind", "currency", "state"].map((name) => url.get(name) ?? "");
  const wanted = words!.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter((row) => {
    const { beat } = row;
    const text = `${row.id} ${beat?.broker ?? ""} ${beat?.server ?? ""} ${beat?.agent ?? ""} ${beat?.login ?? ""}`.toLowerCase();
    if (!wanted.every((word) => text.includes(word))) return false;
    if (kind !== "" && beat?.account !== kind) return false;
    if (currency !== "" && beat?.currency !== currency) return false;
    switch (state) {
      case "attention":
        return row.attention > 0;
      case "halted":
        return beat?.halted === "entries" || beat?.halted === "all";
      case "throttled":
        return (beat?.throttle ?? 0) > 0;
      case "gone":
        return !row.alive;
      default:
        return true;
    }
  });
}

export function FleetPage({ session, utc: _utc }: { session: Session; utc: boolean }) {
  const live = useLive();
  const url = useUrl().searchParams;
  const [chosen, choose] = useState<Set<string>>(new Set());
  const [commanding, command] = useState(false);
  const rows = live.fleet.instances;
  const shown = filtered(rows, url);
  const [trends, trouble] = useTrends();
  const all = columns(live, trends);
  const names = url.get("columns")?.split(",") ?? USUAL;
  const visible = all.filter((column) => names.includes(column.name));
  const sort = url.get("sort") ?? "state";
  // Who is gone or filtered away is not acted on.
  const targets = shown.filter((row) => chosen.has(row.id)).map((row) => row.id);
  const onChoose = (ids: string[], add: boolean) => {
    const next = new Set(chosen);
    for (const id of ids) add ? next.add(id) : next.delete(id);
    choose(next);
  };

  return (
    <main class="fill">
      <h1 class="unseen">Fleet</h1>
      <Totals rows={rows} trends={trends} />
      <Filters rows={rows} url={url} columns={all.map(({ name, head }) => ({ name, head }))} names={names}>
        <span class="count" aria-live="off">
          {count(shown.length)} of {count(rows.length)}
          {live.fleet.hidden > 0 && ` and ${count(live.fleet.hidden)} more names without a heartbeat`}
        </span>
        {session.operate && (
          <button type="button" disabled={shown.length === 0} onClick={() => command(true)}>
            {targets.length > 0 ? `Halt or throttle ${count(targets.length)} selected…` : `Halt or throttle ${count(shown.length)} shown…`}
          </button>
        )}
      </Filters>
      {trouble !== null && <p class="warn" role="status">The day’s profit, the drawdown and the 24 hours are unknown or old: {trouble}</p>}
      <Table
        label="Instances"
        rows={sorted(shown, all, sort, (row) => row.id)}
        columns={visible}
        id={(row) => row.id}
        sort={sort}
        onSort={(next) => set({ sort: next === "state" ? "" : next })}
        tone={(row) => ["", "a1", "a2"][row.attention] ?? ""}
        {...(session.operate ? { chosen, onChoose } : {})}
        empty={rows.length === 0 ? "No instance has ever sent a heartbeat here." : "No instance is like that."}
      />
      {commanding && (
        <Commanding
          instances={targets.length > 0 ? targets : shown.map((row) => row.id)}
          onClose={() => command(false)}
        />
      )}
    </main>
  );
}

interface Filters {
  rows: Row[];
  url: URLSearchParams;
  columns: { name: string; head: string }[];
  names: string[];
  children: preact.ComponentChildren;
}

function Filters({ rows, url, columns: all, names, children }: Filters) {
  const currencies = [...new Set(rows.map((row) => row.beat?.currency ?? ""))].filter(Boolean).sort();
  const toggle = (name: string) => {
    const next = names.includes(name) ? names.filter((other) => other !== name) : [...names, name];
    const usual = next.length === USUAL.length && USUAL.every((other) => next.includes(other));
    set({ columns: usual ? "" : next.join(",") });
  };
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      <input
        type="search"
        placeholder="Filter by name, broker, agent"
        aria-label="Filter by name, broker, agent"
        value={url.get("q") ?? ""}
        onInput={(event) => set({ q: event.currentTarget.value })}
      />
      <Choice name="state" label="State" url={url} options={STATES.map(([value, text]) => [value, text])} />
      <Choice name="kind" label="Kind" url={url} options={[["", "demo and real"], ["real", "real"], ["demo", "demo"], ["contest", "contest"]]} />
      <Choice name="currency" label="Currency" url={url} options={[["", "all currencies"], ...currencies.map((name) => [name, name] as [string, string])]} />
      <details class="menu">
        <summary>Columns</summary>
        <div>
          {all.map(({ name, head }) => (
            <label key={name}>
              <input type="checkbox" checked={names.includes(name)} onChange={() => toggle(name)} /> {head}
            </label>
          ))}
        </div>
      </details>
      {children}
    </form>
  );
}

function Choice({ name, label, url, options }: { name: string; label: string; url: URLSearchParams; options: [string, string][] }) {
  return (
    <select aria-label={label} value={url.get(name) ?? ""} onChange={(event) => set({ [name]: event.currentTarget.value })}>
      {options.map(([value, text]) => (
        <option key={value} value={value}>
          {text}
        </option>
      ))}
    </select>
  );
}

interface Sum {
  kind: string;
  currency: string;
  instances: number;
  balance: number | null;
  equity: number | null;
  profit: number | null;
  /** The day's profit; null: it is hidden, or unknown of all. */
  day: number | null;
  positions: number;
}

/** The sums of the living by kind of account and currency, real money first. */
export function sums(rows: Row[], trends: Record<string, Trend>): Sum[] {
  const found = new Map<string, Sum>();
  for (const { id, beat } of rows) {
    if (beat === null) continue;
    const { account: kind, currency } = beat;
    const name = `${kind} ${currency}`;
    const sum = found.get(name) ?? { kind, currency, instances: 0, balance: 0, equity: 0, profit: 0, day: null, positions: 0 };
    const add = (to: number | null, more: number | null) => (to === null || more === null ? null : to + more);
    sum.instances += 1;
    sum.balance = add(sum.balance, beat.balance);
    sum.equity = add(sum.equity, beat.equity);
    sum.profit = add(sum.profit, beat.profit);
    const day = trends[id]?.day_profit ?? null;
    if (day !== null) sum.day = (sum.day ?? 0) + day;
    sum.positions += beat.positions;
    found.set(name, sum);
  }
  const rank = (sum: Sum) => ["real", "contest", "demo"].indexOf(sum.kind);
  return [...found.values()].sort((one, other) => rank(one) - rank(other) || one.currency.localeCompare(other.currency));
}

function Totals({ rows, trends }: { rows: Row[]; trends: Record<string, Trend> }) {
  const bad = rows.filter((row) => row.attention === 2).length;
  const some = rows.filter((row) => row.attention === 1).length;
  const alive = rows.filter((row) => row.alive).length;
  return (
    <section class="totals" aria-label="Totals">
      <dl>
        <div>
          <dt>alive</dt>
          <dd data-total="alive">
            {count(alive)} of {count(rows.length)}
          </dd>
        </div>
        <div class={bad > 0 ? "bad" : ""}>
          <dt>must act</dt>
          <dd data-total="bad">{count(bad)}</dd>
        </div>
        <div class={some > 0 ? "warn" : ""}>
          <dt>to watch</dt>
          <dd data-total="warn">{count(some)}</dd>
        </div>
      </dl>
      <div class="sums" tabIndex={0} role="region" aria-label="Totals by kind and currency">
      <table>
        <thead>
          <tr>
            <th scope="col">Account</th>
            <th scope="col" class="right">Instances</th>
            <th scope="col" class="right">Balance</th>
            <th scope="col" class="right">Equity</th>
            <th scope="col" class="right">Day</th>
            <th scope="col" class="right">Floating</th>
            <th scope="col" class="right">Positions</th>
          </tr>
        </thead>
        <tbody>
          {sums(rows, trends).map((sum) => (
            <tr key={`${sum.kind} ${sum.currency}`} data-sum={`${sum.kind} ${sum.currency}`}>
              <th scope="row" class={sum.kind}>
                {sum.kind} {sum.currency}
              </th>
              <td class="right">{count(sum.instances)}</td>
              <td class="right">{money(sum.balance, sum.currency)}</td>
              <td class="right">{money(sum.equity, sum.currency)}</td>
              <td class={`right ${sign(sum.day)}`}>{money(sum.day, sum.currency)}</td>
              <td class={`right ${sign(sum.profit)}`}>{money(sum.profit, sum.currency)}</td>
              <td class="right">{count(sum.positions)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      </div>
    </section>
  );
}

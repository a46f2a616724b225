// The lists of an instance: positions, trade events, signals and reports.

import { useAnswer, useList } from "./answer";
import type { Deal, Position, Positions, Report, Signal, Trade, TradeEvent } from "./api";
import { count, duration, moment, money, sign } from "./format";
import { type Column, Table, sorted } from "./table";
import { set, useUrl } from "./url";

/** Time between two questions, ms. */
const EVERY = 5_000;
const OPEN_EVERY = 2_000;

interface Options {
  id: string;
  currency: string;
  utc: boolean;
}

const of = (id: string, what: string) => `/instances/${encodeURIComponent(id)}/${what}`;

/** A price with its symbol's digits; 0: none. */
function price(value: number, digits: number): string {
  return value === 0 ? "–" : digits > 0 ? value.toFixed(digits) : String(value);
}

const time = (ms: number, utc: boolean) => (ms === 0 ? "–" : moment(ms, utc));

function text<T>(name: string, head: string, width: number, value: (row: T) => string, more: Partial<Column<T>> = {}): Column<T> {
  return { name, head, width, value, text: (row) => <bdi title={value(row)}>{value(row)}</bdi>, ...more };
}

function number<T>(name: string, head: string, width: number, value: (row: T) => number | null, show: (row: T) => string, more: Partial<Column<T>> = {}): Column<T> {
  return { name, head, width, right: true, value: (row) => value(row) ?? -Infinity, text: show, ...more };
}

const side = (value: string) => (value === "buy" ? "good" : value === "sell" ? "bad" : "");

/** The columns of what is known of a position. */
function states(currency: string, isOpen: boolean): Column<Trade>[] {
  const value = <T extends string | number | null>(pick: (state: Position) => T) => (row: Trade) => (row.state === null ? null : pick(row.state));
  const string = (pick: (state: Position) => string) => (row: Trade) => value(pick)(row) ?? "";
  const prices = (name: string, head: string, pick: (state: Position) => number) =>
    number<Trade>(name, head, 90, value(pick), (row) => (row.state === null ? "" : price(pick(row.state), row.state.digits)));
  const amounts = (name: string, head: string, pick: (state: Position) => number | null, tone = false) =>
    number<Trade>(name, head, 84, value(pick), (row) => (row.state === null ? "" : money(pick(row.state), currency)), {
      tone: (row) => (tone ? sign(value(pick)(row)) : ""),
    });
  return [
    text<Trade>("symbol", "Symbol", 90, string((state) => state.symbol)),
    text<Trade>("side", "Side", 48, string((state) => state.side), { tone: (row) => side(row.state?.side ?? "") }),
    isOpen
      ? number<Trade>("volume", "Lots", 60, value((state) => state.volume), (row) => String(row.state?.volume ?? ""))
      : number<Trade>("volume", "Lots", 60, value((state) => state.volume_closed), (row) => String(row.state?.volume_closed || row.state?.volume || "–")),
    prices("open", "Open", (state) => state.price_open),
    isOpen ? prices("current", "Current", (state) => state.price_current) : prices("close", "Close", (state) => state.price_close),
    prices("sl", "Stop loss", (state) => state.stop_loss),
    prices("tp", "Take profit", (state) => state.take_profit),
    amounts("profit", "Profit", (state) => state.profit, true),
    amounts("swap", "Swap", (state) => state.swap),
    amounts("commission", "Comm.", (state) => state.commission),
    number<Trade>("magic", "Magic", 76, value((state) => state.magic), (row) => String(row.state?.magic ?? "")),
    text<Trade>("comment", "Comment", 150, string((state) => state.comment)),
  ];
}

const position: Column<Trade> = number("position", "Position", 112, (row) => row.position, (row) => String(row.position));
const opened = (utc: boolean): Column<Trade> => number("opened", "Opened", 152, (row) => row.state?.opened_ms ?? 0, (row) => time(row.state?.opened_ms ?? 0, utc));

export function Open({ id, currency, utc }: Options) {
  const [found, trouble] = useAnswer<Positions>(of(id, "positions"), OPEN_EVERY);
  const columns = [position, ...states(currency, true), opened(utc)];
  const hidden = (found?.count ?? 0) - (found?.positions.length ?? 0);
  return (
    <Rows
      label="Open positions"
      rows={found?.positions ?? null}
      columns={columns}
      id={(row) => String(row.position)}
      trouble={trouble || found?.unreadable || ""}
      empty="No position is open."
      note={hidden > 0 ? `${count(hidden)} more are not shown` : ""}
      more={null}
      first="position"
    />
  );
}

export function Closed({ id, currency, utc }: Options) {
  const list = useList<Trade>(of(id, "trades"), EVERY, (row) => String(row.position));
  const closed = number<Trade>("closed", "Closed", 152, (row) => row.closed_ms, (row) => (row.standing === "gone" ? `gone by ${time(row.closed_ms, utc)}` : time(row.closed_ms, utc)), {
    title: "Gone: it is no longer open, and nobody told how it closed",
    tone: (row) => (row.standing === "gone" ? "warn" : ""),
  });
  return <Rows label="Closed positions" {...list} columns={[closed, position, ...states(currency, false), opened(utc)]} id={(row) => String(row.position)} empty="No position was closed in the last 30 days." first="-closed" />;
}

/** The words and numbers of a deal or of a position's state. */
const about = (row: TradeEvent): Deal | Position | null => row.deal ?? row.state;

export function Events({ id, currency, utc }: Options) {
  const list = useList<TradeEvent>(of(id, "events"), EVERY, (row) => row.id);
  const deal = (row: TradeEvent) => (row.deal === null ? "" : row.deal.entry === "none" ? row.deal.kind : `${row.deal.kind} ${row.deal.entry}`);
  const paid = (row: TradeEvent) => about(row)?.profit ?? null;
  const prices = (row: TradeEvent) => row.deal?.price ?? (row.what === "close" ? row.state?.price_close : row.state?.price_open) ?? 0;
  const levels = (name: string, head: string, pick: (state: Position) => number) =>
    number<TradeEvent>(name, head, 90, (row) => (row.state === null ? null : pick(row.state)), (row) => (row.state === null ? "" : price(pick(row.state), row.state.digits)));
  const columns: Column<TradeEvent>[] = [
    number("time", "Time", 152, (row) => row.time_ms, (row) => time(row.time_ms, utc)),
    text("what", "Event", 66, (row) => row.what),
    number("position", "Position", 112, (row) => row.position, (row) => (row.position === 0 ? "–" : String(row.position))),
    text("symbol", "Symbol", 90, (row) => about(row)?.symbol ?? ""),
    text("side", "Side", 100, (row) => row.state?.side ?? deal(row), { tone: (row) => side(row.state?.side ?? row.deal?.kind ?? "") }),
    number("volume", "Lots", 60, (row) => about(row)?.volume ?? null, (row) => String(about(row)?.volume || "–")),
    number("price", "Price", 90, prices, (row) => price(prices(row), about(row)?.digits ?? 0), { title: "Of a deal its own, of a closing the closing price, else that of the opening" }),
    levels("sl", "Stop loss", (state) => state.stop_loss),
    levels("tp", "Take profit", (state) => state.take_profit),
    number("profit", "Profit", 84, paid, (row) => (about(row) === null ? "" : money(paid(row), currency)), { tone: (row) => sign(paid(row)) }),
    number("deal", "Deal", 96, (row) => row.deal?.deal ?? null, (row) => String(row.deal?.deal ?? "")),
    text("comment", "Comment", 150, (row) => about(row)?.comment ?? ""),
  ];
  return <Rows label="Trade events" {...list} columns={columns} id={(row) => row.id} empty="Nothing happened to its trades in the last 7 days." first="" />;
}

export function Signals({ id, utc }: Options) {
  const list = useList<Signal>(of(id, "signals"), EVERY, (row) => row.id);
  const prices = (name: string, head: string, pick: (row: Signal) => number) => number<Signal>(name, head, 90, pick, (row) => price(pick(row), 0));
  const columns: Column<Signal>[] = [
    number("time", "Time", 152, (row) => row.time_ms, (row) => time(row.time_ms, utc)),
    text("action", "Action", 66, (row) => row.action, { tone: (row) => side(row.action) }),
    text("symbol", "Symbol", 90, (row) => row.symbol),
    number("volume", "Lots", 60, (row) => row.volume, (row) => (row.volume === 0 ? "–" : String(row.volume))),
    { ...prices("price", "Price", (row) => row.price), title: "–: at the market" },
    prices("sl", "Stop loss", (row) => row.stop_loss),
    prices("tp", "Take profit", (row) => row.take_profit),
    text("event", "Because of", 110, (row) => [row.event, row.order].filter(Boolean).join(" "), { title: "What happened in its own account" }),
    text("volumes", "Lots before, after", 110, (row) => row.volumes?.join(" → ") ?? ""),
    number("position", "Position", 112, (row) => row.position, (row) => (row.position === 0 ? "–" : String(row.position))),
    number("magic", "Magic", 76, (row) => row.magic, (row) => String(row.magic)),
    text("expiry", "Ends", 152, (row) => time(row.expiry_ms, utc)),
    text("comment", "Comment", 150, (row) => (row.retried ? `(put back) ${row.comment}` : row.comment)),
  ];
  return <Rows label="Signals sent" {...list} columns={columns} id={(row) => row.id} empty="It has sent no signal lately." first="" />;
}

export function Reports({ id, utc }: Options) {
  const list = useList<Report>(of(id, "reports"), EVERY, (row) => row.id);
  const tone = (row: Report) => ({ done: "good", partial: "warn", rejected: "warn", unknown: "bad" })[row.outcome] ?? "";
  const columns: Column<Report>[] = [
    number("time", "Time", 152, (row) => row.time_ms, (row) => time(row.time_ms, utc)),
    text("source", "Source", 150, (row) => row.source),
    text("action", "Action", 66, (row) => row.action, { tone: (row) => side(row.action) }),
    text("symbol", "Symbol", 90, (row) => row.symbol),
    text("outcome", "Outcome", 76, (row) => row.outcome, { tone }),
    number("volume", "Lots", 84, (row) => row.volume_done, (row) => (row.volume_wanted === 0 ? "–" : `${row.volume_done} of ${row.volume_wanted}`)),
    number("wanted", "Wanted", 90, (row) => row.price_wanted, (row) => price(row.price_wanted, row.digits), { title: "The price that was wanted" }),
    number("price", "Price", 90, (row) => row.price_filled, (row) => price(row.price_filled, row.digits)),
    number("slippage", "Slippage", 76, (row) => row.slippage, (row) => (row.volume_done > 0 ? row.slippage.toFixed(1) : "–"), { title: "How much worse the price was than the wanted one, points" }),
    number("delay", "Delay", 70, (row) => row.latency_ms, (row) => (row.volume_done > 0 ? duration(row.latency_ms) : "–"), { title: "From the signal to the fill" }),
    number("position", "Copy", 96, (row) => row.position, (row) => (row.position === 0 ? "–" : String(row.position)), { title: "The copy's position" }),
    text("reason", "Reason", 300, (row) => (row.retcode > 0 && row.outcome !== "done" ? `${row.reason} (${row.retcode})`.trim() : row.reason)),
    text("given", "Signal given", 152, (row) => time(row.signal_ms, utc)),
    text("signal", "Signal", 190, (row) => row.signal, { title: "Its producer and number" }),
  ];
  return <Rows label="Signals followed" {...list} columns={columns} id={(row) => row.id} empty="It has reported nothing in the last 7 days." first="" />;
}

interface RowsOptions<T> {
  label: string;
  rows: T[] | null;
  more: (() => void) | null;
  trouble: string;
  columns: Column<T>[];
  id: (row: T) => string;
  empty: string;
  /** What it is sorted by unless the URL says otherwise; empty: as they come, the newest first. */
  first: string;
  note?: string;
}

function Rows<T>({ label, rows, more, trouble, columns, id, empty, first, note = "" }: RowsOptions<T>) {
  const sort = useUrl().searchParams.get("sort") ?? first;
  const isKnown = columns.some((column) => column.name === sort.replace(/^-/, ""));
  const ordered = rows === null || !isKnown ? (rows ?? []) : sorted(rows, columns, sort, id);
  return (
    <>
      {trouble !== "" && (
        <p class="bad" role="alert">
          {trouble}
        </p>
      )}
      <Table label={label} rows={ordered} columns={columns} id={id} sort={sort} onSort={(next) => set({ sort: next === first ? "" : next })} empty={rows === null ? "…" : empty} />
      <div class="foot">
        <span class="count">
          {count(ordered.length)} shown{note !== "" && `, ${note}`}
        </span>
        {more !== null && (
          <button type="button" onClick={more}>
            Show older ones
          </button>
        )}
      </div>
    </>
  );
}

// The API as the page uses it; /api/v1/openapi.json describes all of it.

export type Level = "none" | "entries" | "all";
export type Role = "view-without-money" | "view" | "operate";

export interface Ordered {
  level: Level;
  who: string;
  why: string;
}

export interface Directive {
  level: number;
  until_ms: number;
}

export interface Beat {
  login: number;
  server: string;
  broker: string;
  currency: string;
  account: "demo" | "contest" | "real";
  balance: number | null;
  equity: number | null;
  margin: number | null;
  margin_free: number | null;
  margin_level: number;
  profit: number | null;
  leverage: number;
  connected: boolean;
  forbidden: string | null;
  ping_us: number;
  positions: number;
  orders: number;
  pending: number;
  refused: number;
  commit_us: number;
  clock_ms: number;
  throttle: number;
  halted: Level | null;
  follower: number;
  agent: string;
  build: number;
  interval_ms: number;
  server_offset_s: number;
}

export interface Row {
  id: string;
  alive: boolean;
  seen_ms: number;
  attention: 0 | 1 | 2;
  trouble: string[];
  beat: Beat | null;
  halt: Ordered | null;
  directive: Directive | null;
}

export interface Fleet {
  number: number;
  time_ms: number;
  trouble: string | null;
  hidden: number;
  halt: Ordered | null;
  directive: Directive | null;
  instances: Row[];
}

export interface Session {
  name: string | null;
  role: Role | null;
  operate: boolean;
  csrf: string | null;
}

export type What = "halt-entries" | "halt-and-close" | "resume" | "throttle" | "end-throttle";

export interface Command {
  what: What;
  all: boolean;
  instances: string[];
  why: string;
  level: number;
  minutes: number;
}

export interface Preview {
  effects: string[];
  alive: number;
  away: number;
  positions: number;
  replaces: { key: string; value: string }[];
}

export interface Done {
  written: number;
  failed: string[];
  audit: string | null;
  note: string | null;
}

export interface Letter {
  id: string;
  shard: number;
  source: string;
  group: string;
  deliveries: number;
  error: string;
  signal: string;
}

export interface AuditEntry {
  id: string;
  who: string;
  from: string;
  what: string;
  on: string;
  why: string;
  failed: string;
}

export interface Copies {
  follower: string;
  source: string;
  symbol: string;
  lag_ms: number | null;
  fills: number;
  unreported: number;
  outcomes: Record<string, number>;
  /** What 10, 50, 90, 99 and 100 of 100 fills do not exceed; empty without fills. */
  delay_ms: number[];
  slippage: number[];
  delay_counts: number[];
  slippage_counts: number[];
}

export interface Copying {
  time_ms: number;
  since_s: number;
  copies: Copies[];
  /** Up to where the bars reach; the last bar has what is above. */
  delay_bounds: number[];
  slippage_bounds: number[];
  reasons: { follower: string; reason: string; count: number }[];
  unreadable: string[];
}

export interface Node {
  lane: string;
  address: string;
  replica: boolean;
  trouble: string | null;
  used_memory: number;
  max_memory: number;
  ops_per_second: number;
  cpu: number;
  ping_us: number;
  clients: number;
  blocked_clients: number;
  oom_errors: number;
  evicted_keys: number;
  rejected_connections: number;
  lag_s: number | null;
  lag_bytes: number | null;
}

export interface Past {
  time_ms: number[];
  used_memory: number[];
  ops_per_second: number[];
  cpu: number[];
  ping_us: number[];
}

export interface Servers {
  time_ms: number;
  nodes: Node[];
  past: Record<string, Past>;
}

export interface Streams {
  count: number;
  streams: {
    source: string;
    shard: number;
    length: number;
    last_ms: number;
    groups: { name: string; consumers: number; pending: number; lag: number | null }[];
  }[];
}

export interface Finding {
  light: "green" | "yellow" | "red";
  check: string;
  server: string;
  text: string;
  commands: string[];
  cure: string | null;
}

/** How the equity of an instance went. */
export interface Trend {
  day_profit: number | null;
  drawdown: number | null;
  /** The last 24 hours, from 0 for the lowest to 100 for the highest. */
  spark: (number | null)[];
}

export interface Trends {
  trouble: string | null;
  time_ms: number;
  instances: Record<string, Trend>;
}

export interface Equity {
  time_ms: number[];
  /** Null for who may not see money. */
  balance: number[] | null;
  equity: number[] | null;
  margin: number[] | null;
  profit: number[] | null;
  unreadable: string | null;
}

export interface Position {
  ticket: number;
  symbol: string;
  side: "buy" | "sell";
  volume: number;
  volume_closed: number;
  price_open: number;
  price_current: number;
  price_close: number;
  stop_loss: number;
  take_profit: number;
  profit: number | null;
  swap: number | null;
  commission: number | null;
  magic: number;
  opened_ms: number;
  digits: number;
  comment: string;
}

export interface Trade {
  position: number;
  standing: "open" | "closed" | "gone";
  time_ms: number;
  closed_ms: number;
  state: Position | null;
}

export interface Positions {
  count: number;
  positions: Trade[];
  unreadable: string | null;
}

export interface Deal {
  deal: number;
  order: number;
  kind: string;
  entry: string;
  symbol: string;
  volume: number;
  price: number;
  profit: number | null;
  swap: number | null;
  commission: number | null;
  magic: number;
  digits: number;
  comment: string;
}

export interface TradeEvent {
  id: string;
  time_ms: number;
  what: "open" | "change" | "close" | "gone" | "deal";
  position: number;
  state: Position | null;
  deal: Deal | null;
}

export interface Signal {
  id: string;
  time_ms: number;
  action: string;
  symbol: string;
  volume: number;
  price: number;
  stop_loss: number;
  take_profit: number;
  magic: number;
  position: number;
  expiry_ms: number;
  event: string | null;
  order: string | null;
  volumes: [number, number] | null;
  comment: string;
  retried: boolean;
}

export interface Report {
  id: string;
  time_ms: number;
  source: string;
  signal: string;
  signal_ms: number;
  action: string;
  outcome: string;
  retcode: number;
  reason: string;
  symbol: string;
  volume_wanted: number;
  volume_done: number;
  price_wanted: number;
  price_filled: number;
  slippage: number;
  latency_ms: number;
  position: number;
  order: number;
  deal: number;
  digits: number;
}

/** Some rows, the newest first. */
export interface Rows<T> {
  rows: T[];
  next: string | null;
  unreadable: string | null;
}

/** Why a request failed. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

let csrf: string | null = null;

/** Asks the API; an answer that is no success is thrown. */
export async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = {};
  if (body !== undefined) headers["content-type"] = "application/json";
  if (csrf !== null) headers["x-csrf-token"] = csrf;
  let answer: Response;
  try {
    answer = await fetch(`/api/v1${path}`, { method, headers, body: body === undefined ? null : JSON.stringify(body) });
  } catch {
    throw new Refused(0, "mt5fleet web does not answer");
  }
  const json = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (!answer.ok) throw new Refused(answer.status, json?.error ?? `the server answers ${answer.status}`);
  return json as T;
}

/** Who we are; with a token: logs in. */
export async function session(token?: string): Promise<Session> {
  const found = await (token === undefined
    ? ask<Session>("GET", "/session")
    : ask<Session>("POST", "/session", { token }));
  csrf = found.csrf;
  return found;
}

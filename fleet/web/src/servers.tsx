// The Redis servers: the nodes and their last hours, the streams, and what the doctor finds.

import { useAnswer } from "./answer";
import type { Finding, Node, Servers, Streams } from "./api";
import { Chart } from "./chart";
import { count, duration, moment } from "./format";
import { type Column, Table, sorted } from "./table";
import { set, useUrl } from "./url";

function bytes(value: number): string {
  if (value < 1024) return `${Math.round(value)} B`;
  if (value < 1024 ** 2) return `${(value / 1024).toFixed(0)} KiB`;
  if (value < 1024 ** 3) return `${(value / 1024 ** 2).toFixed(1)} MiB`;
  return `${(value / 1024 ** 3).toFixed(2)} GiB`;
}

const percent = (share: number) => `${(share * 100).toFixed(share < 0.095 ? 1 : 0)} %`;

/** Above this share of its memory a node needs attention. */
const FULL = 0.8;

const share = (node: Node) => (node.max_memory > 0 ? node.used_memory / node.max_memory : 0);
const key = (node: Node) => `${node.lane} ${node.address}`;

function attention(node: Node): number {
  if (node.trouble !== null) return 2;
  return share(node) > FULL || (node.lag_s ?? 0) > 1 || node.cpu > FULL ? 1 : 0;
}

const number = (name: string, head: string, width: number, value: (node: Node) => number, show: (value: number) => string, title = head, tone = (_: Node) => ""): Column<Node> => ({
  name, head, width, title, right: true, tone, value, text: (node) => (node.trouble === null ? show(value(node)) : ""),
});

const NODES: Column<Node>[] = [
  { name: "lane", head: "Lane", width: 56, text: (node) => node.lane, value: (node) => node.lane },
  { name: "role", head: "Role", width: 70, text: (node) => (node.replica ? "replica" : "master") },
  {
    name: "node", head: "Node", width: 230, value: (node) => node.address,
    text: (node) => (node.trouble === null ? <b>{node.address}</b> : <span class="bad" title={node.trouble}>{node.address} {node.trouble}</span>),
  },
  number("ops", "Ops/s", 76, (node) => node.ops_per_second, count),
  number("memory", "Memory", 84, (node) => node.used_memory, bytes),
  number("limit", "Limit", 84, (node) => node.max_memory, (value) => (value === 0 ? "none" : bytes(value))),
  number("used", "Used", 60, share, (value) => (value === 0 ? "–" : percent(value)), "Share of the memory limit", (node) => (share(node) > FULL ? "warn" : "")),
  number("cpu", "CPU", 60, (node) => node.cpu, percent, "Use of the serving thread", (node) => (node.cpu > FULL ? "warn" : "")),
  number("ping", "Ping", 70, (node) => node.ping_us, (value) => duration(value / 1000)),
  {
    name: "lag", head: "Lag", width: 76, right: true, title: "How far a replica is behind its master", value: (node) => node.lag_bytes ?? -1,
    text: (node) => (node.lag_s === null ? "–" : node.lag_s > 1 ? `${node.lag_s} s` : bytes(node.lag_bytes ?? 0)),
    tone: (node) => ((node.lag_s ?? 0) > 1 ? "warn" : ""),
  },
  number("clients", "Clients", 66, (node) => node.clients, count),
  number("oom", "OOM", 60, (node) => node.oom_errors, count, "Writes refused for want of memory, since its start", (node) => (node.oom_errors > 0 ? "warn" : "")),
  number("evicted", "Evicted", 70, (node) => node.evicted_keys, count, "Keys thrown away for want of memory, since its start", (node) => (node.evicted_keys > 0 ? "warn" : "")),
];

export function ServersPage({ utc }: { utc: boolean }) {
  const [servers, trouble] = useAnswer<Servers>("/servers", 5_000);
  const url = useUrl().searchParams;
  const sort = url.get("sort") ?? "";
  const nodes = servers?.nodes ?? [];
  const rows = sort === "" ? [...nodes].sort((one, other) => attention(other) - attention(one)) : sorted(nodes, NODES, sort, key);
  return (
    <main class="servers">
      <h1>Servers</h1>
      {trouble !== "" && <p class="bad" role="alert">{trouble}</p>}
      <Table
        label="Redis nodes"
        rows={rows}
        columns={NODES}
        id={key}
        sort={sort}
        onSort={(next) => set({ sort: next })}
        tone={(node) => ["", "a1", "a2"][attention(node)] ?? ""}
        empty={servers === null || servers.time_ms === 0 ? "…" : "There are no nodes."}
      />
      {servers !== null && <Charts servers={servers} utc={utc} />}
      <Findings />
      <StreamsTable utc={utc} />
    </main>
  );
}

function Charts({ servers, utc }: { servers: Servers; utc: boolean }) {
  const addresses = servers.nodes.map((node) => node.address).filter((address) => servers.past[address] !== undefined);
  // All nodes are sampled at the same moments, but one may have come later.
  const times = [...new Set(addresses.flatMap((address) => servers.past[address]!.time_ms))].sort((one, other) => one - other);
  const lines = (of: "used_memory" | "ops_per_second" | "cpu" | "ping_us") =>
    addresses.map((address) => {
      const past = servers.past[address]!;
      const at = new Map(past.time_ms.map((time, index) => [time, past[of][index]!]));
      const lane = servers.nodes.find((node) => node.address === address)?.lane ?? "";
      const isAlone = servers.nodes.filter((node) => node.lane === lane).length === 1;
      return { label: isAlone ? lane : `${lane} ${address}`, values: times.map((time) => at.get(time) ?? null) };
    });
  if (times.length < 2) return null;
  return (
    <section class="charts" aria-label="The last hours">
      <Chart title="Ops/s" times={times} lines={lines("ops_per_second")} show={count} utc={utc} group="servers" />
      <Chart title="Memory" times={times} lines={lines("used_memory")} show={bytes} utc={utc} group="servers" />
      <Chart title="CPU" times={times} lines={lines("cpu")} show={percent} utc={utc} group="servers" />
      <Chart title="Ping" times={times} lines={lines("ping_us")} show={(value) => duration(value / 1000)} utc={utc} group="servers" />
    </section>
  );
}

function Findings() {
  const [findings, trouble] = useAnswer<Finding[]>("/doctor", 60_000);
  const of = (light: string) => (findings ?? []).filter((finding) => finding.light === light);
  const bad = [...of("red"), ...of("yellow")];
  return (
    <section class="card">
      <h2>
        What the doctor finds{" "}
        {findings !== null && (
          <span class="count">
            {of("red").length} red, {of("yellow").length} yellow, {of("green").length} green
          </span>
        )}
      </h2>
      {trouble !== "" && <p class="bad" role="alert">{trouble}</p>}
      {findings === null && trouble === "" && <p class="calm">Examining…</p>}
      <ul class="findings" tabIndex={0} aria-label="Findings">
        {bad.map(({ light, check, server, text, commands, cure }) => (
          <li key={`${check} ${server} ${text}`}>
            <span class={light === "red" ? "bad" : "warn"}>
              {light} {check}
            </span>{" "}
            {server !== "" && <b>{server}</b>} {text}
            {[...commands, ...(cure === null ? [] : [cure])].map((line) => (
              <code key={line}>{line}</code>
            ))}
          </li>
        ))}
      </ul>
    </section>
  );
}

interface Line {
  source: string;
  group: string;
  length: number;
  last_ms: number;
  pending: number;
  lag: number | null;
  consumers: number;
}

function StreamsTable({ utc }: { utc: boolean }) {
  const [streams, trouble] = useAnswer<Streams>("/streams", 30_000);
  const lines: Line[] = (streams?.streams ?? []).flatMap(({ source, length, last_ms, groups }) =>
    groups.length === 0
      ? [{ source, group: "", length, last_ms, pending: 0, lag: null, consumers: 0 }]
      : groups.map(({ name, pending, lag, consumers }) => ({ source, group: name, length, last_ms, pending, lag, consumers })),
  );
  const columns: Column<Line>[] = [
    { name: "source", head: "Source", width: 190, text: (line) => <bdi class="name">{line.source}</bdi> },
    { name: "length", head: "Signals", width: 76, right: true, text: (line) => count(line.length) },
    { name: "last", head: "Last", width: 150, text: (line) => (line.last_ms === 0 ? "–" : moment(line.last_ms, utc)) },
    { name: "group", head: "Group", width: 130, text: (line) => <bdi>{line.group || "–"}</bdi> },
    { name: "consumers", head: "Workers", width: 76, right: true, text: (line) => (line.group === "" ? "–" : count(line.consumers)) },
    { name: "lag", head: "To deliver", width: 86, right: true, text: (line) => (line.lag === null ? "–" : count(line.lag)), tone: (line) => ((line.lag ?? 0) > 1000 ? "warn" : "") },
    { name: "pending", head: "In work", width: 80, right: true, title: "Delivered and not acknowledged", text: (line) => (line.group === "" ? "–" : count(line.pending)) },
  ];
  return (
    <>
      <h2>
        Streams of signals {streams !== null && <span class="count">{count(streams.count)}</span>}
      </h2>
      {trouble !== "" && <p class="bad" role="alert">{trouble}</p>}
      <Table label="Streams of signals" rows={lines} columns={columns} id={(line) => `${line.source} ${line.group}`} empty={streams === null ? "…" : "No source has given a signal lately."} />
    </>
  );
}

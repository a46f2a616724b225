// Halts and throttles: what Redis says now, who obeys, and the commands to all.

import { useState } from "preact/hooks";
import type { Directive, Ordered, Row, Session, What } from "./api";
import { moment } from "./format";
import { type Live, useLive } from "./live";
import { Commanding } from "./command";

const LEVELS = ["none", "slow", "heavy", "critical"];

export function HaltPage({ session, utc }: { session: Session; utc: boolean }) {
  const live = useLive();
  const [commanding, command] = useState<{ instances: string[] | null; first: What } | null>(null);
  const { halt, directive, instances } = live.fleet;
  const own = instances.filter((row) => row.halt !== null || row.directive !== null);
  const disobey = instances.filter((row) => row.trouble.includes("disobeys"));
  return (
    <main>
      <h1>Halt and throttle</h1>
      <section class="card">
        <h2>All instances</h2>
        <p data-halt={halt?.level ?? "none"}>
          <Halted halt={halt} />
        </p>
        <p>
          <Throttled directive={directive} utc={utc} live={live} />
        </p>
        {session.operate ? (
          <p class="buttons">
            <button type="button" class="danger" onClick={() => command({ instances: null, first: "halt-entries" })}>
              Halt all…
            </button>
            <button type="button" onClick={() => command({ instances: null, first: "resume" })}>
              Resume all…
            </button>
            <button type="button" onClick={() => command({ instances: null, first: "throttle" })}>
              Throttle all…
            </button>
          </p>
        ) : (
          <p class="calm">
            {session.role === "operate"
              ? "This server only shows: start mt5fleet web with --operate to act."
              : "You may only view. A token with the role operate may halt and throttle."}
          </p>
        )}
      </section>
      <Some
        title="Instances that do not obey"
        empty="Everybody who is alive does what Redis says."
        rows={disobey}
        {...(session.operate ? { onCommand: (id: string) => command({ instances: [id], first: "resume" as const }) } : {})}
        text={(row) => (
          <>
            {row.beat?.halted === null
              ? "its library knows no halt"
              : `obeys ${row.beat?.halted}, though Redis says ${strictest(row, live)}`}
          </>
        )}
      />
      <Some
        title="Instances with a halt or a throttle of their own"
        empty="No instance has a halt or a throttle of its own."
        rows={own}
        {...(session.operate ? { onCommand: (id: string) => command({ instances: [id], first: "resume" as const }) } : {})}
        text={(row) => (
          <>
            {row.halt !== null && <Halted halt={row.halt} />}{" "}
            {row.directive !== null && <Throttled directive={row.directive} utc={utc} live={live} />}
          </>
        )}
      />
      {commanding !== null && <Commanding {...commanding} onClose={() => command(null)} />}
    </main>
  );
}

function strictest(row: Row, live: Live): string {
  const levels = [row.halt?.level, live.fleet.halt?.level];
  return levels.includes("all") ? "all" : levels.includes("entries") ? "entries" : "none";
}

function Halted({ halt }: { halt: Ordered | null }) {
  if (halt === null) return <span class="calm">No halt.</span>;
  const what = halt.level === "all" ? "New positions are blocked, and copies are closed" : "New positions are blocked";
  return (
    <span class="warn">
      {what}, by <bdi>{halt.who}</bdi>: <bdi>{halt.why}</bdi>
    </span>
  );
}

function Throttled({ directive, utc, live }: { directive: Directive | null; utc: boolean; live: Live }) {
  if (directive === null || directive.until_ms <= live.fleet.time_ms) return <span class="calm">No throttle.</span>;
  return (
    <span class="warn">
      Throttled to {LEVELS[directive.level] ?? directive.level} until {moment(directive.until_ms, utc)}
    </span>
  );
}

interface SomeOptions {
  title: string;
  empty: string;
  rows: Row[];
  text: (row: Row) => preact.ComponentChildren;
  onCommand?: (id: string) => void;
}

function Some({ title, empty, rows, text, onCommand }: SomeOptions) {
  return (
    <section class="card">
      <h2>
        {title} {rows.length > 0 && <span class="count">{rows.length}</span>}
      </h2>
      {rows.length === 0 ? (
        <p class="calm">{empty}</p>
      ) : (
        <ul class="plain">
          {rows.slice(0, 200).map((row) => (
            <li key={row.id}>
              <bdi class="name">{row.id}</bdi> <span>{text(row)}</span>
              {onCommand && (
                <button type="button" onClick={() => onCommand(row.id)}>
                  Halt or resume…
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

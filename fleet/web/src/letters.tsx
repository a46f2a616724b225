// Dead letters: signals that no worker could process, to put back or delete.

import { useEffect, useState } from "preact/hooks";
import { type Letter, Refused, type Session, ask } from "./api";
import { Confirm } from "./confirm";
import { count, moment } from "./format";
import { type Column, Table, sorted } from "./table";
import { set, useUrl } from "./url";

const name = (letter: Letter) => `${letter.shard}/${letter.id}`;
const at = (letter: Letter) => Number(letter.id.split("-")[0]);

function columns(utc: boolean): Column<Letter>[] {
  return [
    { name: "time", head: "Time", width: 164, text: (letter) => moment(at(letter), utc), value: at },
    { name: "source", head: "Source", width: 170, text: (letter) => <bdi class="name">{letter.source}</bdi>, value: (letter) => letter.source },
    { name: "group", head: "Group", width: 110, text: (letter) => <bdi>{letter.group}</bdi>, value: (letter) => letter.group },
    { name: "tries", head: "Tries", width: 56, right: true, text: (letter) => count(letter.deliveries), value: (letter) => letter.deliveries, title: "How often it was handed out" },
    { name: "error", head: "Error", width: 320, text: (letter) => <span title={letter.error}>{letter.error}</span>, value: (letter) => letter.error },
    { name: "signal", head: "Signal", width: 420, text: (letter) => <span title={letter.signal}>{letter.signal}</span>, value: (letter) => letter.signal },
  ];
}

export function LettersPage({ session, utc }: { session: Session; utc: boolean }) {
  const [letters, setLetters] = useState<{ count: number; letters: Letter[] } | null>(null);
  const [trouble, setTrouble] = useState("");
  const [chosen, choose] = useState<Set<string>>(new Set());
  const [settling, settle] = useState<"retry" | "drop" | null>(null);
  const url = useUrl().searchParams;
  const look = () =>
    ask<{ count: number; letters: Letter[] }>("GET", "/deadletters")
      .then((found) => {
        setLetters(found);
        setTrouble("");
      })
      .catch((error: unknown) => setTrouble(error instanceof Refused ? error.message : String(error)));
  useEffect(() => void look(), []);

  const words = (url.get("q") ?? "").toLowerCase();
  const all = letters?.letters ?? [];
  const rows = all.filter((letter) => `${letter.source} ${letter.group} ${letter.error} ${letter.signal}`.toLowerCase().includes(words));
  const selected = rows.filter((letter) => chosen.has(name(letter)));
  const targets = selected.length > 0 ? selected : rows;
  const onChoose = (names: string[], add: boolean) => {
    const next = new Set(chosen);
    for (const one of names) add ? next.add(one) : next.delete(one);
    choose(next);
  };
  return (
    <main class="fill">
      <h1>Dead letters</h1>
      <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        <input type="search" placeholder="Filter" aria-label="Filter" value={url.get("q") ?? ""} onInput={(event) => set({ q: event.currentTarget.value })} />
        <button type="button" onClick={() => void look()}>
          Look again
        </button>
        <span class="count">
          {count(rows.length)} of {count(letters?.count ?? 0)}
        </span>
        {session.operate && (
          <>
            <button type="button" disabled={targets.length === 0} onClick={() => settle("retry")}>
              Put {count(targets.length)} back…
            </button>
            <button type="button" disabled={targets.length === 0} onClick={() => settle("drop")}>
              Delete {count(targets.length)}…
            </button>
          </>
        )}
      </form>
      {trouble !== "" && <p class="bad" role="alert">{trouble}</p>}
      <Table
        label="Dead letters"
        rows={sorted(rows, columns(utc), url.get("sort") ?? "-time", name)}
        columns={columns(utc)}
        id={name}
        sort={url.get("sort") ?? "-time"}
        onSort={(sort) => set({ sort })}
        {...(session.operate ? { chosen, onChoose } : {})}
        empty={letters === null ? "…" : "No signal is dead: workers could process all of them."}
      />
      {settling !== null && (
        <Confirm
          title={settling === "retry" ? `Put ${count(targets.length)} dead letters back` : `Delete ${count(targets.length)} dead letters`}
          effects={
            settling === "retry"
              ? ["Each signal is appended to its source's stream again, marked as seen before.", "Every group of workers receives it; followers skip it.", "The letter is removed."]
              : ["The letters are deleted. Their signals will never be processed."]
          }
          action={settling === "retry" ? "Put back" : "Delete"}
          isDangerous={settling === "drop"}
          onConfirm={async (why) => {
            const places = targets.map(({ shard, id }) => ({ shard, id }));
            const done = await ask<{ count: number; failed: string[] }>("POST", "/deadletters", { what: settling, letters: places, why });
            choose(new Set());
            await look();
            return [`${count(done.count)} of ${count(places.length)} done.`, ...done.failed];
          }}
          onClose={() => settle(null)}
        />
      )}
    </main>
  );
}

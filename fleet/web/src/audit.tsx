// The audit: who did what, and why.

import { useEffect, useState } from "preact/hooks";
import { type AuditEntry, Refused, ask } from "./api";
import { moment } from "./format";
import { type Column, Table } from "./table";
import { set, useUrl } from "./url";

/** The entries of one answer. */
const PAGE = 200;

function columns(utc: boolean): Column<AuditEntry>[] {
  const text = (name: Exclude<keyof AuditEntry, "id">, head: string, width: number): Column<AuditEntry> => ({
    name,
    head,
    width,
    text: (entry) => <bdi title={entry[name]}>{entry[name]}</bdi>,
  });
  return [
    { name: "time", head: "Time", width: 164, text: (entry) => moment(Number(entry.id.split("-")[0]), utc) },
    { ...text("who", "Who", 110) },
    { ...text("what", "What", 210) },
    { ...text("on", "On", 260) },
    { ...text("why", "Why", 280) },
    { ...text("failed", "Failed", 260), tone: () => "bad" },
    { ...text("from", "From", 120) },
  ];
}

export function AuditPage({ utc }: { utc: boolean }) {
  const [entries, setEntries] = useState<AuditEntry[] | null>(null);
  const [more, setMore] = useState(false);
  const [trouble, setTrouble] = useState("");
  const url = useUrl().searchParams;
  const look = (before: AuditEntry[]) => {
    const last = before.at(-1);
    ask<AuditEntry[]>("GET", `/audit?count=${PAGE}${last === undefined ? "" : `&before=${last.id}`}`)
      .then((found) => {
        setEntries([...before, ...found]);
        setMore(found.length === PAGE);
        setTrouble("");
      })
      .catch((error: unknown) => setTrouble(error instanceof Refused ? error.message : String(error)));
  };
  useEffect(() => look([]), []);
  const words = (url.get("q") ?? "").toLowerCase();
  const rows = (entries ?? []).filter((entry) => Object.values(entry).join(" ").toLowerCase().includes(words));
  return (
    <main class="fill">
      <h1>Audit</h1>
      <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        <input type="search" placeholder="Filter" aria-label="Filter" value={url.get("q") ?? ""} onInput={(event) => set({ q: event.currentTarget.value })} />
        <button type="button" onClick={() => look([])}>
          Look again
        </button>
        {more && (
          <button type="button" onClick={() => look(entries ?? [])}>
            Older
          </button>
        )}
      </form>
      {trouble !== "" && <p class="bad" role="alert">{trouble}</p>}
      <Table
        label="Audit"
        rows={rows}
        columns={columns(utc)}
        id={(entry) => entry.id}
        tone={(entry) => (entry.failed === "" ? "" : "a2")}
        empty={entries === null ? "…" : "Nobody has done anything from here yet."}
      />
    </main>
  );
}

// A command to instances: first what will happen, then a reason, then who obeys.

import { useEffect, useRef, useState } from "preact/hooks";
import { type Done, type Command, type Preview, Refused, type Row, type What, ask } from "./api";
import { count } from "./format";
import { type Live, useLive } from "./live";

const WHATS: [What, string][] = [
  ["halt-entries", "Halt: no new positions"],
  ["halt-and-close", "Halt, then close all copies"],
  ["resume", "Resume: end the halt"],
  ["throttle", "Throttle: send less"],
  ["end-throttle", "End the throttle"],
];

/** The most names that the dialog lists. */
const NAMED = 12;

interface Options {
  /** Whom it concerns; none: all, also those that come later. */
  instances: string[] | null;
  first?: What;
  onClose: () => void;
}

/** Whether an instance does what was commanded. */
function obeys(row: Row, what: What, live: Live): boolean {
  const told = [row.halt?.level ?? "none", live.fleet.halt?.level ?? "none"];
  switch (what) {
    case "halt-entries":
      return row.beat?.halted === "entries" || row.beat?.halted === "all";
    case "halt-and-close":
      return row.beat?.halted === "all";
    case "resume":
      // The other key may still halt it.
      return row.beat?.halted === (told.includes("all") ? "all" : told.includes("entries") ? "entries" : "none");
    case "throttle":
      return (row.beat?.throttle ?? 0) > 0;
    case "end-throttle":
      return row.beat?.throttle === 0;
  }
}

export function Commanding({ instances, first = "halt-entries", onClose }: Options) {
  const live = useLive();
  const dialog = useRef<HTMLDialogElement>(null);
  const [what, choose] = useState<What>(first);
  const [why, setWhy] = useState("");
  const [level, setLevel] = useState(1);
  const [minutes, setMinutes] = useState(15);
  const [preview, setPreview] = useState<Preview | null>(null);
  const [done, setDone] = useState<Done | null>(null);
  // The look during which the command was carried out may have seen what was before.
  const [since, setSince] = useState(0);
  const [trouble, setTrouble] = useState("");
  const [busy, setBusy] = useState(false);
  // The filter may change while the dialog is open: the command keeps whom it was opened for.
  const whom = useRef(instances).current;
  const command: Command = { what, all: whom === null, instances: whom ?? [], why, level, minutes };

  useEffect(() => dialog.current?.showModal(), []);
  useEffect(() => {
    let current = true;
    setPreview(null);
    setTrouble("");
    ask<Preview>("POST", "/commands/preview", { ...command, why: "" })
      .then((found) => current && setPreview(found))
      .catch((error: unknown) => current && setTrouble(told(error)));
    return () => {
      current = false;
    };
  }, [what, level, minutes]);

  async function send(event: Event) {
    event.preventDefault();
    setBusy(true);
    setTrouble("");
    try {
      const answer = await ask<Done>("POST", "/commands", command);
      setSince(live.fleet.number + 1);
      setDone(answer);
    } catch (error) {
      setTrouble(told(error));
    }
    setBusy(false);
  }

  const whose = whom === null ? "all instances" : whom.length === 1 ? whom[0]! : `${count(whom.length)} instances`;
  return (
    <dialog ref={dialog} class="command" aria-labelledby="command-title" onClose={onClose}>
      <h2 id="command-title">Halt or throttle {whose}</h2>
      {whom !== null && whom.length > 1 && <Names names={whom} />}
      {done === null ? (
        <form onSubmit={send}>
          <fieldset>
            <legend>What</legend>
            {WHATS.map(([value, text]) => (
              <label key={value} class={value === "halt-and-close" ? "bad" : ""}>
                <input type="radio" name="what" value={value} checked={what === value} onChange={() => choose(value)} /> {text}
              </label>
            ))}
          </fieldset>
          {what === "throttle" && (
            <p class="row">
              <label>
                Level{" "}
                <select value={level} onChange={(event) => setLevel(Number(event.currentTarget.value))}>
                  <option value={1}>slow</option>
                  <option value={2}>heavy</option>
                  <option value={3}>critical</option>
                </select>
              </label>
              <label>
                for{" "}
                <input
                  type="number"
                  min={1}
                  max={1440}
                  value={minutes}
                  onInput={(event) => setMinutes(Number(event.currentTarget.value))}
                />{" "}
                minutes
              </label>
            </p>
          )}
          <section class="preview" aria-label="What will happen" aria-live="polite">
            <h3>What will happen</h3>
            {preview === null ? <p>{trouble === "" ? "…" : trouble}</p> : <Foreseen preview={preview} what={what} />}
          </section>
          <label class="why">
            Reason, which traders see
            <input
              type="text"
              required
              maxLength={120}
              value={why}
              placeholder="news at 14:30"
              onInput={(event) => setWhy(event.currentTarget.value)}
            />
          </label>
          {preview !== null && trouble !== "" && <p class="bad" role="alert">{trouble}</p>}
          <p class="buttons">
            <button type="button" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
            <button
              type="submit"
              class={what === "halt-and-close" ? "danger" : "primary"}
              disabled={busy || preview === null || why.trim() === ""}
            >
              {WHATS.find(([value]) => value === what)?.[1].split(":")[0]} — {whose}
            </button>
          </p>
        </form>
      ) : (
        <Result done={done} what={what} whom={whom} live={live} isCurrent={live.fleet.number > since} onClose={() => dialog.current?.close()} />
      )}
    </dialog>
  );
}

function told(error: unknown): string {
  return error instanceof Refused ? error.message : String(error);
}

function Names({ names }: { names: string[] }) {
  const more = names.length - NAMED;
  return (
    <p class="names">
      {names.slice(0, NAMED).map((name) => (
        <bdi key={name}>{name} </bdi>
      ))}
      {more > 0 && `and ${count(more)} more`}
    </p>
  );
}

function Foreseen({ preview, what }: { preview: Preview; what: What }) {
  const closes = what === "halt-and-close";
  return (
    <>
      <ol>
        {preview.effects.map((effect) => (
          <li key={effect}>{effect}</li>
        ))}
      </ol>
      <p>
        {count(preview.alive)} alive, with {count(preview.positions)} open {preview.positions === 1 ? "position" : "positions"}
        {closes ? ", of which copies are closed" : ""}.
        {preview.away > 0 && ` ${count(preview.away)} without a heartbeat hear of it when they connect.`}
      </p>
      {preview.replaces.length > 0 && (
        <>
          <p>This replaces:</p>
          <ul class="replaced">
            {preview.replaces.slice(0, NAMED).map(({ key, value }) => (
              <li key={key}>
                <code>{key}</code> <bdi>{value}</bdi>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}

interface ResultOptions {
  done: Done;
  what: What;
  whom: string[] | null;
  live: Live;
  /** Whether what is shown was looked at after the command. */
  isCurrent: boolean;
  onClose: () => void;
}

function Result({ done, what, whom, live, isCurrent, onClose }: ResultOptions) {
  const concerned = live.fleet.instances.filter((row) => row.alive && (whom === null || whom.includes(row.id)));
  const not = concerned.filter((row) => !isCurrent || !obeys(row, what, live)).map((row) => row.id);
  return (
    <section aria-live="polite">
      <p data-obey={concerned.length - not.length} class={not.length === 0 ? "good" : ""}>
        {count(concerned.length - not.length)} of {count(concerned.length)} instances that are alive obey.
      </p>
      {not.length > 0 && (
        <>
          <p>Not yet:</p>
          <Names names={not} />
        </>
      )}
      {done.failed.map((failure) => (
        <p key={failure} class="bad">
          Not written: {failure}
        </p>
      ))}
      {done.note !== null && <p class="warn">{done.note}</p>}
      <p class="buttons">
        <button type="button" class="primary" onClick={onClose}>
          Close
        </button>
      </p>
    </section>
  );
}

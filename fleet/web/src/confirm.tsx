// A dialog that says what will happen, asks for a reason, and tells what became of it.

import { useEffect, useRef, useState } from "preact/hooks";

interface Options {
  title: string;
  effects: string[];
  action: string;
  isDangerous: boolean;
  /** Does it; returns what became of it, in lines. */
  onConfirm: (why: string) => Promise<string[]>;
  onClose: () => void;
}

export function Confirm({ title, effects, action, isDangerous, onConfirm, onClose }: Options) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [why, setWhy] = useState("");
  const [told, tell] = useState<string[] | null>(null);
  const [trouble, setTrouble] = useState("");
  const [busy, setBusy] = useState(false);
  // What it is about must not change while the dialog is open.
  const first = useRef({ title, effects }).current;
  useEffect(() => dialog.current?.showModal(), []);

  async function send(event: Event) {
    event.preventDefault();
    setBusy(true);
    setTrouble("");
    try {
      tell(await onConfirm(why));
    } catch (error) {
      setTrouble(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
  }

  return (
    <dialog ref={dialog} aria-labelledby="confirm-title" onClose={onClose}>
      <h2 id="confirm-title">{first.title}</h2>
      {told === null ? (
        <form onSubmit={send}>
          <section class="preview" aria-label="What will happen">
            <h3>What will happen</h3>
            <ol>
              {first.effects.map((effect) => (
                <li key={effect}>{effect}</li>
              ))}
            </ol>
          </section>
          <label class="why">
            Reason, for the audit
            <input type="text" required maxLength={120} value={why} onInput={(event) => setWhy(event.currentTarget.value)} />
          </label>
          {trouble !== "" && <p class="bad" role="alert">{trouble}</p>}
          <p class="buttons">
            <button type="button" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
            <button type="submit" class={isDangerous ? "danger" : "primary"} disabled={busy || why.trim() === ""}>
              {action}
            </button>
          </p>
        </form>
      ) : (
        <section aria-live="polite">
          {told.map((line) => (
            <p key={line}>{line}</p>
          ))}
          <p class="buttons">
            <button type="button" class="primary" onClick={() => dialog.current?.close()}>
              Close
            </button>
          </p>
        </section>
      )}
    </dialog>
  );
}

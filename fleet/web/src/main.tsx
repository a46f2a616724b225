// The page: who is logged in, where in it we are, and what is wrong with the whole.

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Refused, type Session, ask, session as enter } from "./api";
import { AuditPage } from "./audit";
import { CopyingPage } from "./copying";
import { FleetPage } from "./fleet";
import { clock, moment } from "./format";
import { HaltPage } from "./halt";
import { InstancePage } from "./instance";
import { LettersPage } from "./letters";
import { forget, listen, useLive } from "./live";
import { ServersPage } from "./servers";
import { follow, useUrl } from "./url";

const PAGES = [
  { path: "/", name: "Fleet", page: FleetPage },
  { path: "/halt", name: "Halt and throttle", page: HaltPage },
  { path: "/copying", name: "Copying", page: CopyingPage },
  { path: "/deadletters", name: "Dead letters", page: LettersPage },
  { path: "/audit", name: "Audit", page: AuditPage },
  { path: "/servers", name: "Servers", page: ServersPage },
];

/** Looks come twice a second; without one for so long something is wrong, ms. */
const LATE = 15_000;

/** A choice that this browser remembers. */
function useChoice(name: string, usual: string): [string, (value: string) => void] {
  const [value, set] = useState(() => localStorage.getItem(name) ?? usual);
  return [
    value,
    (next) => {
      localStorage.setItem(name, next);
      set(next);
    },
  ];
}

function Page() {
  const [session, setSession] = useState<Session | null>(null);
  const [trouble, setTrouble] = useState("");
  const [theme, setTheme] = useChoice("theme", "auto");
  const [time, setTime] = useChoice("time", "local");
  document.documentElement.dataset.theme = theme;

  const look = (token?: string) =>
    enter(token)
      .then((found) => {
        setSession(found);
        setTrouble("");
      })
      .catch((error: unknown) => setTrouble(error instanceof Refused ? error.message : String(error)));
  useEffect(() => {
    // A link of mt5fleet web has the token behind #, which browsers send to nobody.
    const token = new URLSearchParams(location.hash.slice(1)).get("token");
    if (token !== null) history.replaceState(null, "", location.pathname + location.search);
    void look(token ?? undefined).then(() => (token === null ? undefined : look()));
  }, []);
  const isIn = session !== null && session.role !== null;
  useEffect(() => {
    if (!isIn) return undefined;
    listen(() => void look());
    return forget;
  }, [isIn]);

  const leave = () => ask("DELETE", "/session").finally(() => look());
  return (
    <>
      <Top session={session} theme={theme} setTheme={setTheme} time={time} setTime={setTime} onLeave={leave} />
      {session === null ? (
        <main>
          <p role="alert">{trouble || "…"}</p>
          {trouble !== "" && (
            <button type="button" onClick={() => void look()}>
              Try again
            </button>
          )}
        </main>
      ) : isIn ? (
        <Inside session={session} utc={time === "utc"} />
      ) : (
        <Entrance trouble={trouble} onToken={(token) => void look(token)} />
      )}
    </>
  );
}

function Inside({ session, utc }: { session: Session; utc: boolean }) {
  const { pathname } = useUrl();
  const isInstance = pathname.startsWith("/instance/");
  const { page: Shown } = isInstance ? { page: InstancePage } : (PAGES.find(({ path }) => path === pathname) ?? PAGES[0]!);
  return (
    <>
      <Banners utc={utc} />
      <Shown session={session} utc={utc} />
    </>
  );
}

/** What is wrong with the whole. */
function Banners({ utc }: { utc: boolean }) {
  const { fleet, connected, at_ms } = useLive();
  // Silence is told too: no event makes this render again.
  const [now, tick] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => tick(Date.now()), 2000);
    return () => clearInterval(timer);
  }, []);
  const isLate = connected && now - at_ms > LATE;
  const since = at_ms === 0 ? "" : ` What is shown is from ${clock(at_ms, utc)}.`;
  return (
    <div class="banners" role="status">
      {isLate && <p class="bad">mt5fleet web has told nothing new for {Math.round((now - at_ms) / 1000)} s.{since}</p>}
      {!connected && at_ms > 0 && <p class="bad">mt5fleet web does not answer; trying again.{since}</p>}
      {fleet.trouble !== null && (
        <p class="bad">
          Redis: {fleet.trouble}.{fleet.time_ms > 0 && ` What is shown is from ${moment(fleet.time_ms, utc)}.`}
        </p>
      )}
      {fleet.halt !== null && (
        <p class="warn">
          {fleet.halt.level === "all" ? "All instances are halted, and copies are closed" : "All instances are halted"}, by{" "}
          <bdi>{fleet.halt.who}</bdi>: <bdi>{fleet.halt.why}</bdi>
        </p>
      )}
    </div>
  );
}

interface TopOptions {
  session: Session | null;
  theme: string;
  setTheme: (theme: string) => void;
  time: string;
  setTime: (time: string) => void;
  onLeave: () => void;
}

function Top({ session, theme, setTheme, time, setTime, onLeave }: TopOptions) {
  const { pathname } = useUrl();
  const { fleet, connected } = useLive();
  const isIn = session !== null && session.role !== null;
  // On a phone the names of the pages do not fit side by side.
  useEffect(() => {
    document.querySelector("header a[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [pathname, isIn]);
  return (
    <header>
      <b>mt5fleet</b>
      {isIn && (
        <nav aria-label="Pages">
          {PAGES.map(({ path, name }) => (
            <a key={path} href={path} aria-current={pathname === path ? "page" : undefined} onClick={follow}>
              {name}
            </a>
          ))}
        </nav>
      )}
      <span class="gap" />
      {isIn && (
        <span class={connected ? "live" : "live off"} title="The server's time at the last look">
          {connected && fleet.time_ms > 0 ? clock(fleet.time_ms, time === "utc") : "–"}
        </span>
      )}
      <select aria-label="Times" value={time} onChange={(event) => setTime(event.currentTarget.value)}>
        <option value="local">local</option>
        <option value="utc">UTC</option>
      </select>
      <select aria-label="Theme" value={theme} onChange={(event) => setTheme(event.currentTarget.value)}>
        <option value="auto">auto</option>
        <option value="light">light</option>
        <option value="dark">dark</option>
      </select>
      {session?.name && session.csrf && (
        <button type="button" onClick={onLeave} title={`Logged in as ${session.name}, role ${session.role}`}>
          Log out
        </button>
      )}
    </header>
  );
}

function Entrance({ trouble, onToken }: { trouble: string; onToken: (token: string) => void }) {
  const [token, setToken] = useState("");
  return (
    <main>
      <form
        class="card entrance"
        onSubmit={(event) => {
          event.preventDefault();
          onToken(token);
        }}
      >
        <h1>Log in</h1>
        <label>
          Token
          <input
            type="password"
            autoComplete="current-password"
            required
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        {trouble !== "" && (
          <p class="bad" role="alert">
            {trouble}
          </p>
        )}
        <button type="submit" class="primary">
          Log in
        </button>
        <p class="calm">
          Your administrator makes one with <code>mt5fleet token</code>.
        </p>
      </form>
    </main>
  );
}

render(<Page />, document.getElementById("page")!);

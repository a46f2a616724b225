// Redis servers, a fleet, a running mt5fleet web, and a browser that looks at it.

import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type Page, chromium } from "playwright-core";
import { Redis } from "./redis";

export const PATIENCE = 30_000;
const PROGRAM = process.env.MT5FLEET ?? "../../target/debug/mt5fleet";
// Of the servers and of mt5fleet web. tests/browser.rs keeps them its own until the tests end.
const PORTS = (process.env.PORTS ?? "6490,6491,6492,6493").split(",").map(Number);
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** What somebody with a terminal's password may write wherever texts are. */
export const HOSTILE = `"><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>{{7*7}}`;

/** Waits until `look` gives something. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined | false | null>): Promise<T> {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false && found !== null) return found;
    assert.ok(Date.now() < deadline, `not within ${PATIENCE / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The value that a heartbeat's field has; the names are those of docs/wire-format.md. */
export type Heartbeat = Record<string, string>;

export class World {
  readonly folder = mkdtempSync(join(tmpdir(), "mt5fleet-page-"));
  readonly config = join(this.folder, "site.toml");
  readonly tokens: Record<string, string> = {};
  readonly faults: string[] = [];
  ports: number[] = [];
  redis!: Redis;
  url = "";
  private processes: ChildProcess[] = [];
  private web: ChildProcess | null = null;
  private browser!: Browser;

  static async start(people: [string, string][]): Promise<World> {
    const world = new World();
    world.ports = PORTS.slice(0, 3);
    await world.run(["up", "--ports", world.ports.join(",")], (lines) => lines.includes("Press Ctrl-C to stop."));
    const lanes = ["ris", "rts", "rtss"].map((lane, at) => `[${lane}]\nurl = "redis://127.0.0.1:${world.ports[at]}"\n`);
    writeFileSync(world.config, lanes.join(""));
    world.redis = await Redis.open(world.ports[0]!);
    for (const [name, role] of people) {
      const file = join(world.folder, "tokens");
      const made = spawnedError([PROGRAM, "token", "--name", name, "--role", role, "--tokens", file]);
      world.tokens[name] = made.trim().split(" ").at(-1)!;
    }
    await world.serve();
    world.browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
    });
    return world;
  }

  /** Starts the server, at the same address as before. */
  async serve(): Promise<void> {
    const told = await this.run(
      ["web", "--config", this.config, "--operate", "--tokens", join(this.folder, "tokens"), "--listen", `127.0.0.1:${PORTS[3]}`],
      (lines) => lines.length > 0,
    );
    this.web = this.processes.at(-1)!;
    this.url = told[0]!.replace("the fleet is at ", "");
  }

  /** The server's process. */
  server(): number {
    return this.web!.pid!;
  }

  /** Ends the server. */
  async unserve(): Promise<void> {
    const ended = new Promise((resolve) => this.web?.once("exit", resolve));
    this.web?.kill("SIGTERM");
    await ended;
  }

  /** Terminals that use the real library. */
  async terminals(count: number, more = ["--signal-rate", "1"]): Promise<void> {
    await this.run(
      ["simulate", "--config", this.config, "--terminals", String(count), "--seconds", "900", ...more],
      () => true,
    );
  }

  private run(words: string[], ready: (lines: string[]) => boolean): Promise<string[]> {
    const child = spawn(PROGRAM, words, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, TMPDIR: this.folder } });
    this.processes.push(child);
    const lines: string[] = [];
    if (ready(lines)) return Promise.resolve(lines);
    return new Promise((resolve, reject) => {
      createInterface({ input: child.stdout! }).on("line", (line) => {
        lines.push(line);
        if (ready(lines)) resolve(lines);
      });
      child.once("exit", (code) => reject(new Error(`mt5fleet ${words[0]} ended with ${code}: ${lines.join("\n")}`)));
    });
  }

  /** A browser of its own, logged in by this person's token. Everything that it does wrong is noted. */
  async page(person: string | null, path = "/", options: Record<string, unknown> = {}): Promise<Page> {
    const context = await this.browser.newContext({ baseURL: this.url, viewport: { width: 1440, height: 800 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE);
    page.on("pageerror", (error) => this.faults.push(`error: ${error.message}`));
    page.on("dialog", (dialog) => {
      this.faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("console", (message) => {
      // The browser itself tells of answers that are no success; whether those are right is for the tests.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
        this.faults.push(`console: ${message.text()}`);
      }
    });
    page.on("request", (request) => {
      const place = new URL(request.url());
      if (place.protocol !== "data:" && place.origin !== this.url) this.faults.push(`foreign: ${request.url()}`);
    });
    const token = person === null ? "" : `#token=${this.tokens[person]}`;
    await page.goto(`${path}${token}`);
    return page;
  }

  /** Writes heartbeats with these fields besides the usual ones. */
  async heartbeat(id: string, fields: Heartbeat = {}): Promise<void> {
    const now = Date.now();
    const all: Heartbeat = {
      v: "2", t: String(now), lg: "7", sv: "Demo-Server", co: "Broker", cu: "EUR", ac: "0", ba: "1000", eq: "1000", mg: "0",
      mf: "1000", ml: "0", pr: "0", le: "100", cn: "1", at: "1", et: "1", aa: "1", ae: "1", po: "0", or: "0", bu: "5200",
      iv: "600000", tw: "0", sw: "0", rf: "0", ag: "agent 1", th: "0", tl: "0", sl: "0", fo: "0", ck: "0", ha: "0", pi: "0",
      ...fields,
    };
    await this.redis.ask("HSET", `is:{${id}}`, ...Object.entries(all).flat());
    await this.redis.ask("PEXPIRE", `is:{${id}}`, 3_600_000);
    await this.redis.ask("ZADD", "il", now, id);
  }

  async field(id: string, name: string): Promise<string | null> {
    return (await this.redis.ask("HGET", `is:{${id}}`, name)) as string | null;
  }

  async end(): Promise<void> {
    await this.browser?.close();
    this.redis?.close();
    const ended = this.processes
      .filter((child) => child.exitCode === null && child.signalCode === null)
      .map((child) => new Promise((resolve) => child.once("exit", resolve)));
    for (const child of this.processes.reverse()) child.kill("SIGTERM");
    await Promise.all(ended);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function spawnedError([program, ...words]: string[]): string {
  // The token is on standard error.
  return execFileSync("/bin/sh", ["-c", '"$0" "$@" 2>&1 >/dev/null', program!, ...words], { encoding: "utf8" });
}

/** The source of the accessibility checker. */
export const axe = readFileSync("node_modules/axe-core/axe.min.js", "utf8");

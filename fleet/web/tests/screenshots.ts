// Pictures of the pages for the documents, of terminals that use the real library and copy each other's trades, and of brokers'
// accounts beside them: `node tests/run.mjs screenshots`. OUT is the folder; EVERY=yes adds every page in both themes and at
// phone width, to look at.

import { mkdirSync } from "node:fs";
import type { Page } from "playwright-core";
import { fill, idOf } from "./fleet-data";
import type { Row } from "../src/api";
import { type Sample, history } from "./history";
import { Redis } from "./redis";
import { World, eventually } from "./world";

const OUT = process.env.OUT ?? "../../docs/screenshots";
const EVERY = process.env.EVERY === "yes";
const COUNT = 60;
const WIDE = { width: 1280, height: 720 };
const PHONE = { width: 390, height: 780 };

const world = await World.start([["olga", "operate"]]);

/** A course of 40 days that ends with this account: steps by chance, the same each time. */
function course(seed: number, now: number, { balance, profit, margin }: Sample): Buffer {
  let state = seed * 7919 + 17;
  const chance = () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648 - 0.5;
  };
  // By the quarter of an hour, backwards from now.
  const steps: number[] = [0];
  for (let at = 1; at < 41 * 96; at++) steps.push(steps[at - 1]! + chance() * 0.004 * balance - 0.00002 * balance);
  const gap = seed % 4 === 1 ? [30, 44] : [0, 0];
  const floats: number[] = [profit];
  for (let at = 1; at < 41 * 96; at++) floats.push(floats[at - 1]! * 0.93 + chance() * 0.006 * balance);
  return history(now, 39, (time) => {
    const at = Math.max(0, Math.floor((now - time) / 900_000));
    if (at >= gap[0]! && at < gap[1]!) return null;
    const within = 1 - ((now - time) % 900_000) / 900_000;
    const float = floats[at]! + (floats[Math.max(0, at - 1)]! - floats[at]!) * within;
    return { balance: balance + steps[at]!, profit: float, margin };
  });
}

async function shoot(page: Page, name: string): Promise<void> {
  await page.waitForTimeout(400);
  await page.screenshot({ path: `${OUT}/${name}.png` });
}

/** Reports of what a follower did with so many signals of a source in the last hour. */
async function reports(stream: Redis, follower: string, source: string, symbol: string, count: number, slow: number): Promise<void> {
  const reasons = ["it is 2140 ms old, and 2000 are allowed", "the spread of 31 points is above 25", "the symbol may not be traded now"];
  for (let at = 0; at < count; at++) {
    const now = Date.now() - (count - at) * 9_000;
    const chance = Math.abs(Math.sin(at * 12.9898 + slow) * 43_758.5453) % 1;
    const isDone = chance < 0.93;
    const delay = isDone ? Math.round(slow * Math.exp(3 * chance)) : 0;
    const slippage = isDone ? Math.round((chance * 6 - 2 + (slow % 7) * 0.3) * 10) / 10 : 0;
    const fields = {
      v: 2, p: "aa", q: at + 1, t: now, o: 7200, i: follower, so: source, sp: "00000000000000bb", sq: at + 1, st: now - delay, a: at % 2 ? "b" : "s",
      oc: isDone ? "d" : at % 40 === 7 ? "r" : "s", rc: isDone ? 10009 : at % 40 === 7 ? 10018 : 0, re: isDone ? "" : reasons[at % 3]!, sy: symbol, vw: 0.1, vd: isDone ? 0.1 : 0,
      pw: 1.1034, pf: isDone ? 1.1034 + slippage / 1e5 : 0, sg: slippage, la: delay, mg: 20, po: isDone ? 900_100 + at : 0, or: isDone ? 1 : 0, de: isDone ? 1 : 0, dg: 5, pq: at,
    };
    await stream.ask("XADD", `sr:{0}:${follower}`, "*", ...Object.entries(fields).flat());
  }
}

async function dead(): Promise<void> {
  const letters = await Redis.open(world.ports[2]!);
  const errors = ["HTTP 503 from https://desk.example/orders", "the volume 0.37 is no multiple of 0.1", "the command ended with 1: unknown symbol"];
  for (const [at, error] of errors.entries()) {
    const fields = ["d", "x", "x-source", idOf(at), "x-id", "9-9", "x-group", "desk", "x-error", error, "x-deliveries", 5];
    await letters.ask("XADD", "sd:{0}", `${Date.now() - (3 - at) * 700_000}-1`, ...fields);
  }
  letters.close();
}

try {
  mkdirSync(OUT, { recursive: true });
  const now = Date.now();
  for (let at = 0; at < COUNT; at++) {
    // The account of fill(): the histories must be there before the server sees the heartbeats.
    const scale = at % 4 === 2 ? 150 : 1;
    const sample = { balance: (10_000 + 731.17 * at) * scale, profit: at % 6 ? Math.sin(at) * 400 * scale : 0, margin: 0 };
    await world.redis.ask("SET", `ih:{${idOf(at)}}`, course(at + 1, now, sample));
  }
  const ids = await fill(world, COUNT);
  await dead();
  // Simulated accounts begin with this balance.
  for (let at = 1; at <= 22; at++) {
    const past = course(at * 3 + 2, now, { balance: 10_000, profit: 0, margin: 0 });
    await world.redis.ask("SET", `ih:{${5_000_000 + at}.Fleet-Demo}`, past);
  }
  await world.terminals(20, ["--copy", "--signal-rate", "0"]);
  const page = await world.page("olga", "/", { viewport: WIDE, colorScheme: "light" });
  const terminals = await eventually("terminals trade", async () => {
    const { instances } = await page.evaluate(async () => (await fetch("/api/v1/fleet")).json());
    const found = (instances ?? []).filter((row: Row) => !ids.includes(row.id) && row.beat !== null && row.beat.positions > 2);
    return found.length >= 10 && (found as Row[]);
  });
  // The first of them are the sources.
  const names = terminals.map((row) => row.id).sort();
  const [sources, followers] = [names.slice(0, 2), names.slice(2)];
  const follower = followers[0]!;
  const stream = await Redis.open(world.ports[2]!);
  for (const [at, id] of followers.slice(0, 8).entries()) {
    for (const [next, symbol] of ["EURUSD", "GBPUSD", "XAUUSD"].entries()) {
      await reports(stream, id, sources[at % 2]!, symbol, 40 + at * 9 + next * 31, 12 + at * 9 + next * 5);
    }
  }
  stream.close();
  // Somebody halts one, so that the audit has something to tell.
  await page.getByRole("searchbox").fill(idOf(7));
  await page.getByRole("button", { name: "Halt or throttle 1 shown…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Reason").fill("rollover at 23:00, spreads are wide");
  await shoot(page, "halt");
  await dialog.getByRole("button", { name: "Halt —" }).click();
  await dialog.getByText("written").or(dialog.getByText("obey")).first().waitFor();
  await page.context().close();

  const pages: [string, string, (page: Page) => Promise<unknown>][] = [
    ["fleet", "/", (shown) => shown.locator("svg.spark path").nth(5).waitFor()],
    ["instance", `/instance/${follower}?tab=reports`, (shown) => shown.locator("canvas").waitFor()],
    ["copying", "/copying?since=3600", (shown) => shown.locator("svg.bars").first().waitFor()],
    ["servers", "/servers", (shown) => shown.getByText(/\d+ red/).waitFor()],
  ];
  const others: typeof pages = [
    ["instance-open", `/instance/${follower}`, (shown) => shown.locator("tr[data-id]").first().waitFor()],
    ["instance-closed", `/instance/${follower}?tab=closed`, (shown) => shown.locator("tr[data-id]").first().waitFor()],
    ["instance-events", `/instance/${follower}?tab=events`, (shown) => shown.locator("tr[data-id]").first().waitFor()],
    ["letters", "/deadletters", (shown) => shown.locator("tr[data-id]").first().waitFor()],
    ["audit", "/audit", (shown) => shown.locator("tr[data-id]").first().waitFor()],
    ["halts", "/halt", (shown) => shown.locator("li").first().waitFor()],
  ];
  type Look = [string, Record<string, unknown>];
  const looks: Look[] = [
    ["", { viewport: WIDE, colorScheme: "light" }],
    ["-dark", { viewport: WIDE, colorScheme: "dark" }],
    ["-phone", { viewport: PHONE, colorScheme: "light" }],
    ...(EVERY ? [["-phone-dark", { viewport: PHONE, colorScheme: "dark" }] as Look] : []),
  ];
  for (const [suffix, options] of looks) {
    for (const [name, path, ready] of EVERY ? [...pages, ...others] : pages) {
      // The documents show each page once, and the fleet in all looks.
      if (!EVERY && suffix !== "" && name !== "fleet") continue;
      const shown = await world.page("olga", path, options);
      await ready(shown);
      await shoot(shown, name + suffix);
      await shown.context().close();
    }
  }
  if (world.faults.length > 0) throw new Error(world.faults.join("\n"));
} finally {
  await world.end();
}

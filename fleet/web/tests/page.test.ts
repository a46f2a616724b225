// The page in a real browser: what it shows is what Redis has, what it does reaches terminals, and what strangers write
// into Redis does nothing in it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { fill, idOf } from "./fleet-data";
import { history } from "./history";
import { Redis } from "./redis";
import { HOSTILE, World, axe, eventually } from "./world";

const COUNT = Number(process.env.INSTANCES ?? 100);
let world: World;
let ids: string[];

before(async () => {
  world = await World.start([
    ["olga", "operate"],
    ["vera", "view"],
    ["max", "view-without-money"],
  ]);
  // Histories are read when an instance is seen first.
  await world.redis.ask("SET", `ih:{${idOf(5)}}`, history(Date.now(), 40, () => ({ balance: 5_000, profit: 250, margin: 10 })));
  ids = await fill(world, COUNT);
});
after(() => world?.end());

/** The text of a cell, as it is shown. */
function cell(page: Page, id: string, column: string) {
  return page.locator(`tr[data-id="${id}"] td[data-column="${column}"]`);
}

/** The ids of the rows that are in the document, in their order. */
function shown(page: Page): Promise<string[]> {
  return page.locator("tr[data-id]").evaluateAll((rows) => rows.map((row) => (row as HTMLElement).dataset.id!));
}

async function loaded(page: Page): Promise<void> {
  await page.locator("tr[data-id]").first().waitFor();
}

const wide = { viewport: { width: 3000, height: 800 } };

test("each value is Redis'", async () => {
  const columns = "state,id,login,broker,server,kind,currency,balance,equity,profit,free,margin,positions,orders,pending,commit,throttle,halt,agent,build";
  const page = await world.page("vera", `/?columns=${columns}`, wide);
  await loaded(page);
  const amount = (text: string | null, places: number) => {
    const format = new Intl.NumberFormat("en", { minimumFractionDigits: places, maximumFractionDigits: places });
    return format.format(Number(text));
  };
  for (const id of [ids[0]!, ids[1]!, ids[2]!, ids[21]!, ids[26]!, ids.at(-1)!]) {
    await page.getByRole("searchbox").fill(id);
    await cell(page, id, "id").waitFor();
    const field = (name: string) => world.field(id, name);
    const places = (await field("cu")) === "JPY" ? 0 : 2;
    const level = Number(await field("ml"));
    const expected: [string, string | null][] = [
      ["login", await field("lg")],
      ["broker", await field("co")],
      ["server", await field("sv")],
      ["kind", ["demo", "contest", "real"][Number(await field("ac"))]!],
      ["currency", await field("cu")],
      ["balance", amount(await field("ba"), places)],
      ["equity", amount(await field("eq"), places)],
      ["profit", amount(await field("pr"), places)],
      ["free", amount(await field("mf"), places)],
      ["margin", level === 0 ? "–" : `${amount(String(level), 0)} %`],
      ["positions", await field("po")],
      ["orders", await field("or")],
      ["pending", amount(String(Number(await field("tw")) + Number(await field("sw"))), 0)],
      ["halt", (await field("ha")) === "1" ? "entries" : "–"],
      ["agent", await field("ag")],
      ["build", await field("bu")],
    ];
    for (const [column, value] of expected) {
      assert.equal(await cell(page, id, column).innerText(), value, `${column} of ${id}`);
    }
  }
  await page.context().close();
});

test("totals mix neither currencies nor kinds of account", async () => {
  const page = await world.page("vera");
  await loaded(page);
  const sums = new Map<string, number>();
  for (const id of ids) {
    const kind = ["demo", "contest", "real"][Number(await world.field(id, "ac"))];
    const name = `${kind} ${await world.field(id, "cu")}`;
    sums.set(name, (sums.get(name) ?? 0) + Number(await world.field(id, "eq")));
  }
  const rows = await page.locator("tr[data-sum]").evaluateAll((all) =>
    all.map((row) => [(row as HTMLElement).dataset.sum!, (row as HTMLTableRowElement).cells[3]!.innerText] as const),
  );
  const expected = [...sums].map(([name, sum]) => [name, Math.round(sum * 100)] as const);
  const found = rows.map(([name, text]) => [name, Math.round(Number(text.replaceAll(",", "")) * 100)] as const);
  for (const [name, sum] of expected) {
    const places = name.endsWith("JPY") ? 100 : 1;
    const other = found.find(([of]) => of === name)?.[1] ?? Number.NaN;
    assert.ok(Math.abs(sum - other) <= places / 2 + 1, `${name}: ${sum} and ${other}`);
  }
  assert.equal(found.length, expected.length);
  assert.ok(rows[0]![0].startsWith("real "), "real money comes first");
  await page.context().close();
});

test("a change is shown without anybody doing anything, and who needs attention comes first", async () => {
  const page = await world.page("vera");
  await loaded(page);
  const calm = ids[69]!;
  const first = await shown(page);
  assert.ok(!first.slice(0, 4).includes(calm));
  await world.redis.ask("HSET", `is:{${calm}}`, "eq", "123456.78", "cn", "0");
  await cell(page, calm, "equity").getByText("123,456.78").waitFor();
  assert.equal(await cell(page, calm, "state").innerText(), "no broker");
  const worst = (await shown(page)).slice(0, 4);
  assert.ok(worst.includes(calm), `${calm} is not among ${worst}`);
  await world.redis.ask("HSET", `is:{${calm}}`, "cn", "1");
  await page.context().close();
});

test("the URL holds filter, order and columns", async () => {
  const page = await world.page("vera");
  await loaded(page);
  await page.getByRole("searchbox").fill("roboforex");
  await page.getByRole("combobox", { name: "Kind" }).selectOption("real");
  await page.getByRole("combobox", { name: "Currency" }).selectOption("USD");
  await page.getByRole("button", { name: "Equity" }).click();
  await page.getByText("Columns", { exact: true }).click();
  await page.locator(".menu").getByLabel("Login").check();
  await page.locator(".menu").getByLabel("Agent").uncheck();
  const url = new URL(page.url());
  assert.equal(url.searchParams.get("q"), "roboforex");
  assert.equal(url.searchParams.get("sort"), "-equity");
  const rows = await shown(page);
  assert.ok(rows.length > 0 && rows.length < COUNT, `${rows.length} rows`);
  for (const id of rows) {
    assert.deepEqual([await world.field(id, "co"), await world.field(id, "ac"), await world.field(id, "cu")], ["RoboForex", "2", "USD"]);
  }
  const values = await Promise.all(rows.map((id) => world.field(id, "eq")));
  assert.deepEqual(values, [...values].sort((one, other) => Number(other) - Number(one)));

  // Another person sees the same.
  const other = await world.page("olga", url.pathname + url.search);
  await loaded(other);
  assert.deepEqual(await shown(other), rows);
  assert.equal(await cell(other, rows[0]!, "login").count(), 1);
  assert.equal(await cell(other, rows[0]!, "agent").count(), 0);
  await other.context().close();
  await page.context().close();
});

test("a halt from the page reaches a terminal, and so does its end", async () => {
  await world.terminals(2);
  const terminal = await eventually("a terminal sends heartbeats", async () => {
    const names = (await world.redis.ask("ZRANGE", "il", 0, -1)) as string[];
    return names.find((name) => !ids.includes(name));
  });
  const page = await world.page("olga");
  await page.getByRole("searchbox").fill(terminal);
  await cell(page, terminal, "id").waitFor();
  await page.getByRole("button", { name: "Halt or throttle 1 shown…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("They open no new positions.").waitFor();
  await dialog.getByText("1 alive, with").waitFor();
  const halt = dialog.getByRole("button", { name: "Halt —" });
  assert.ok(await halt.isDisabled(), "no order without a reason");
  await dialog.getByLabel("Reason").fill("news at 14:30");
  assert.equal(await world.redis.ask("GET", `halt:{${terminal}}`), null, "nothing is done before it is confirmed");
  await halt.click();
  await dialog.getByText("1 of 1 instances that are alive obey.").waitFor();
  assert.equal(await world.redis.ask("GET", `halt:{${terminal}}`), "entries:olga:news at 14:30");
  assert.equal(await world.field(terminal, "ha"), "1", "the terminal's own heartbeat says that it obeys");
  await dialog.getByRole("button", { name: "Close" }).click();
  assert.equal(await cell(page, terminal, "halt").innerText(), "entries");

  await page.getByRole("link", { name: "Halt and throttle" }).click();
  const own = page.locator("li", { hasText: terminal });
  await own.getByText("news at 14:30").waitFor();
  await own.getByRole("button", { name: "Halt or resume…" }).click();
  await dialog.getByText("They may open positions again").waitFor();
  await dialog.getByText("entries:olga:news at 14:30").waitFor();
  await dialog.getByLabel("Reason").fill("over");
  await dialog.getByRole("button", { name: "Resume —" }).click();
  await dialog.getByText("1 of 1 instances that are alive obey.").waitFor();
  assert.equal(await world.field(terminal, "ha"), "0");
  await page.context().close();
});

test("who may only view is offered nothing to do and refused everything", async () => {
  for (const person of ["vera", "max"]) {
    const page = await world.page(person);
    await loaded(page);
    assert.equal(await page.getByRole("button", { name: /^Halt or throttle/ }).count(), 0);
    assert.equal(await page.locator("td.choice").count(), 0);
    const money = await cell(page, (await shown(page))[0]!, "equity").innerText();
    assert.equal(money === "–", person === "max", `${person} sees ${money}`);
    await page.getByRole("link", { name: "Halt and throttle" }).click();
    await page.getByText("You may only view.").waitFor();
    const status = await page.evaluate(async () => {
      const { csrf } = await (await fetch("/api/v1/session")).json();
      const order = { what: "halt-entries", all: true, why: "x" };
      const headers = { "content-type": "application/json", "x-csrf-token": csrf };
      return (await fetch("/api/v1/commands", { method: "POST", headers, body: JSON.stringify(order) })).status;
    });
    assert.equal(status, 403);
    await page.context().close();
  }
  assert.equal(await world.redis.ask("GET", "halt"), null);
  // Without a token there is nothing but the way in.
  const stranger = await world.page(null);
  await stranger.getByLabel("Token").fill("guess");
  await stranger.getByRole("button", { name: "Log in" }).click();
  await stranger.getByText("the token is unknown").waitFor();
  assert.equal(await stranger.locator("tr[data-id]").count(), 0);
  await stranger.context().close();
});

test("what strangers write into Redis is text and nothing else", async () => {
  const id = "6000000.Hostile";
  await world.heartbeat(id, { co: HOSTILE, sv: HOSTILE, cu: HOSTILE.slice(0, 10), ag: HOSTILE, cn: "0" });
  await world.redis.ask("SET", `halt:{${id}}`, `entries:${HOSTILE.replaceAll(":", "")}:${HOSTILE.slice(0, 100)}`);
  for (const name of ["<b>x</b>", HOSTILE]) await world.redis.ask("ZADD", "il", Date.now(), name);
  const page = await world.page("olga", "/?columns=state,id,broker,server,currency,agent", wide);
  await page.getByRole("searchbox").fill("6000000");
  await cell(page, id, "broker").getByText("<script>").waitFor();
  assert.ok(HOSTILE.startsWith(await cell(page, id, "broker").innerText()), "it is shown as it is");
  await page.getByRole("link", { name: "Halt and throttle" }).click();
  await page.locator("li", { hasText: id }).getByText("<img src=x").first().waitFor();
  const hacked = await page.evaluate(() => [document.images.length, document.scripts.length, "hacked" in window]);
  assert.deepEqual(hacked, [0, 1, false]);
  await world.redis.ask("DEL", `is:{${id}}`, `halt:{${id}}`);
  await page.context().close();
});

test("dead letters are shown as text, put back and deleted, and the audit tells who did it", async () => {
  const letters = await Redis.open(world.ports[2]!);
  for (const at of [1, 2, 3]) {
    const fields = ["d", "x", "x-source", "1.Demo", "x-id", "9-9", "x-group", "copiers", "x-error", `${HOSTILE}${at}`, "x-deliveries", 5];
    await letters.ask("XADD", "sd:{0}", `${at}000-1`, ...fields);
  }
  const page = await world.page("olga", "/deadletters", wide);
  await page.locator("tr[data-id]").nth(2).waitFor();
  assert.deepEqual(await shown(page), ["0/3000-1", "0/2000-1", "0/1000-1"]);
  assert.equal(await cell(page, "0/3000-1", "error").innerText(), `${HOSTILE}3`);
  const dialog = page.getByRole("dialog");
  for (const [id, button, action] of [
    ["0/3000-1", "Put 1 back…", "Put back"],
    ["0/2000-1", "Delete 1…", "Delete"],
  ] as const) {
    await page.getByLabel(`Select ${id}`).check();
    await page.getByRole("button", { name: button }).click();
    await dialog.getByLabel("Reason").fill(`test ${HOSTILE}`.slice(0, 120));
    await dialog.getByRole("button", { name: action }).click();
    await dialog.getByText("1 of 1 done.").waitFor();
    await dialog.getByRole("button", { name: "Close" }).click();
  }
  assert.deepEqual(await shown(page), ["0/1000-1"]);
  assert.equal(await letters.ask("XLEN", "sd:{0}"), 1);
  assert.equal(await letters.ask("XLEN", "ss:{0}:1.Demo"), 1, "it is in its stream again");
  letters.close();

  await page.getByRole("link", { name: "Audit" }).click();
  await page.locator("tr[data-id]").nth(1).waitFor();
  const newest = (column: string) => page.locator(`tr[aria-rowindex="2"] td[data-column="${column}"]`).innerText();
  assert.deepEqual([await newest("who"), await newest("what"), await newest("on")], ["olga", "delete dead letters", "0/2000-1"]);
  assert.equal(await newest("why"), `test ${HOSTILE}`.slice(0, 120));
  assert.equal(await page.evaluate(() => document.images.length), 0);
  await page.context().close();
});

test("what followers did is shown by follower and source", async () => {
  const page = await world.page("vera", "/copying");
  await page.getByText("No follower has reported anything in this time.").waitFor();
  const stream = await Redis.open(world.ports[2]!);
  const names = "v p q t o i so sp sq st a oc rc re sy vw vd pw pf sg la mg po or de dg pq".split(" ");
  const now = Date.now();
  const report = (sq: number, oc: string, la: number) => [
    2, "00000000000000aa", sq, now, 0, "2.Demo", "1.Demo", "00000000000000bb", sq, now - 100, "b", oc, 10009, oc === "d" ? "" : HOSTILE, "EURUSD",
    0.1, oc === "d" ? 0.1 : 0, 1.1, oc === "d" ? 1.1 : 0, 2, la, 1, 1, 1, 1, 5, sq - 1,
  ];
  for (const values of [report(1, "d", 120), report(2, "d", 140), report(3, "s", 0)]) {
    await stream.ask("XADD", "sr:{0}:2.Demo", "*", ...names.flatMap((name, at) => [name, values[at]!]));
  }
  stream.close();
  // Answers are kept for ten seconds; another time is another answer.
  await page.getByRole("combobox", { name: "How far back" }).selectOption("3600");
  const row = "2.Demo 1.Demo EURUSD";
  await cell(page, row, "follower").waitFor();
  const values = await Promise.all(["done", "skipped", "unreported", "delay", "slippage"].map((name) => cell(page, row, name).innerText()));
  assert.deepEqual(values, ["2", "1", "–", "120 ms", "2.0"]);
  const bars = await cell(page, row, "delays").locator("svg").getAttribute("aria-label");
  assert.equal(bars, "How many fills had which delay: ≤ 200 ms: 2");
  assert.equal(await cell(page, row, "slippages").locator("svg").getAttribute("aria-label"), "How many fills had which slippage, points: ≤ 2: 2");
  await page.getByText("<img src=x").waitFor();
  await page.context().close();
});

test("an instance's page shows its heartbeat, equity, positions, events, signals and reports", async () => {
  const id = ids[5]!;
  const now = Date.now();
  const [trades, signals] = [await Redis.open(world.ports[1]!), await Redis.open(world.ports[2]!)];
  const state = (position: number, more: Record<string, string | number> = {}) => ({
    v: 2, p: "aa", q: position, t: now, o: 7200, e: "o", st: "o", sy: "EURUSD", sd: "b", vo: 0.3, vc: 0, po: 1.10345, pc: 1.10445, px: 0, sl: 1.1,
    tp: 1.2, pr: 30.5, sw: -0.25, cm: -2, mg: 42, ti: position, to: now - 60_000, tc: 0, dg: 5, co: HOSTILE.slice(0, 60), ...more,
  });
  const flat = (fields: Record<string, string | number>) => Object.entries(fields).flat();
  const closed = { e: "c", st: "c", vo: 0, vc: 0.3, px: 1.105, tc: now - 5_000, pr: -12.5 };
  await trades.ask("HSET", `ts:{${id}}:11`, ...flat(state(11)));
  await trades.ask("SADD", `to:{${id}}`, 11);
  for (let at = 0; at < 120; at++) {
    await trades.ask("HSET", `ts:{${id}}:${20 + at}`, ...flat(state(20 + at, closed)));
    await trades.ask("ZADD", `tc:{${id}}`, now - 5_000 - at, 20 + at);
  }
  await trades.ask("XADD", `te:{${id}}`, "*", ...flat({ ...state(11), id: 11, pq: 0 }));
  const deal = { v: 2, p: "aa", q: 12, t: now, o: 7200, e: "d", id: 0, pq: 11, de: 9, or: 0, ki: "p", en: "n", sy: "", vo: 0, px: 0, pr: 500, sw: 0, cm: 0, mg: 0, dg: 2, co: "paid" };
  await trades.ask("XADD", `te:{${id}}`, "*", ...flat(deal));
  await signals.ask("XADD", `ss:{0}:${id}`, "*", ...flat({ v: 2, p: "aa", q: 1, t: now, o: 0, i: id, a: "s", sy: "GOLD", vo: 0.2, pr: 0, sl: 0, tp: 0, mg: 7, po: 0, ex: 0, co: "x", pq: 0 }));
  const report = { v: 2, p: "aa", q: 1, t: now, o: 0, i: id, so: ids[6]!, sp: "00000000000000bb", sq: 3, st: now - 100, a: "b", oc: "d", rc: 10009, re: "", sy: "EURUSD.m", vw: 0.1, vd: 0.1, pw: 1.1, pf: 1.2, sg: 2, la: 140, mg: 1, po: 88, or: 1, de: 1, dg: 5, pq: 0 };
  await signals.ask("XADD", `sr:{0}:${id}`, "*", ...flat(report));

  // From the fleet to its page.
  const page = await world.page("vera");
  await page.getByRole("searchbox").fill(id);
  await cell(page, id, "id").getByRole("link").click();
  await page.locator('[data-fact="broker"]').getByText((await world.field(id, "co"))!).waitFor();
  const currency = (await world.field(id, "cu"))!;
  const places = currency === "JPY" ? 0 : 2;
  const amount = (value: number) => new Intl.NumberFormat("en", { minimumFractionDigits: places, maximumFractionDigits: places }).format(value);
  assert.equal(await page.locator('[data-fact="equity"]').innerText(), `${amount(Number(await world.field(id, "eq")))} ${currency}`);
  await page.locator(".equity canvas").waitFor();
  await page.locator("figcaption").getByText(`equity ${amount(5_250)}`).waitFor();
  await page.locator("figcaption").getByText(`balance ${amount(5_000)}`).waitFor();
  const values = (row: string, columns: string[]) => Promise.all(columns.map((column) => cell(page, row, column).innerText()));
  await cell(page, "11", "symbol").waitFor();
  assert.deepEqual(await values("11", ["symbol", "side", "volume", "open", "current", "profit", "magic", "comment"]), [
    "EURUSD", "buy", "0.3", "1.10345", "1.10445", amount(30.5), "42", HOSTILE.slice(0, 60),
  ]);
  // Live: a position that moves, and one that opens.
  await trades.ask("HSET", `ts:{${id}}:11`, "pr", "-77.5", "pc", "1.09");
  await cell(page, "11", "profit").getByText(amount(-77.5)).waitFor();
  await trades.ask("HSET", `ts:{${id}}:12`, ...flat(state(12, { sd: "s" })));
  await trades.ask("SADD", `to:{${id}}`, 12);
  await cell(page, "12", "side").getByText("sell").waitFor();

  await page.getByRole("link", { name: "Closed" }).click();
  await cell(page, "20", "close").waitFor();
  assert.deepEqual(await values("20", ["close", "volume", "profit"]), ["1.10500", "0.3", amount(-12.5)]);
  await page.getByText("100 shown").waitFor();
  await page.getByRole("button", { name: "Show older ones" }).click();
  await page.getByText("120 shown").waitFor();
  assert.equal(await page.getByRole("button", { name: "Show older ones" }).count(), 0);

  await page.getByRole("link", { name: "Events" }).click();
  const first = page.locator("tr[data-id]").first();
  await first.getByText("deal").waitFor();
  assert.equal(await first.locator('td[data-column="side"]').innerText(), "balance");
  assert.equal(await first.locator('td[data-column="profit"]').innerText(), amount(500));
  await page.getByRole("link", { name: "Signals sent" }).click();
  await first.getByText("GOLD").waitFor();
  assert.equal(await first.locator('td[data-column="action"]').innerText(), "sell");
  await page.getByRole("link", { name: "Signals followed" }).click();
  await first.getByText(ids[6]!).waitFor();
  assert.equal(await first.locator('td[data-column="delay"]').innerText(), "140 ms");
  assert.equal(new URL(page.url()).pathname + new URL(page.url()).search, `/instance/${id}?tab=reports`);
  assert.deepEqual(await page.evaluate(() => [document.images.length, document.scripts.length, "hacked" in window]), [0, 1, false]);
  await page.context().close();

  const without = await world.page("max", `/instance/${id}`);
  await without.getByText("Your role does not show money.").waitFor();
  await cell(without, "11", "symbol").waitFor();
  assert.equal(await cell(without, "11", "profit").innerText(), "–");
  assert.equal(await without.locator("canvas").count(), 0);
  await without.context().close();
  trades.close();
  signals.close();
});

test("the fleet shows the day's profit, the drawdown and the last 24 hours", async () => {
  const page = await world.page("vera");
  const id = ids[5]!;
  await page.getByRole("searchbox").fill(id);
  await cell(page, id, "spark").locator("path").waitFor();
  const trends = await page.evaluate(async () => (await fetch("/api/v1/fleet/trends")).json());
  const { day_profit: day, drawdown } = trends.instances[id];
  assert.ok(Math.abs(day - (Number(await world.field(id, "eq")) - 5_250)) < 0.005, `${day}`);
  const places = (await world.field(id, "cu")) === "JPY" ? 0 : 2;
  const text = new Intl.NumberFormat("en", { minimumFractionDigits: places, maximumFractionDigits: places }).format(day);
  assert.equal(await cell(page, id, "day").innerText(), text);
  assert.equal(await cell(page, id, "drawdown").innerText(), `${drawdown.toFixed(1)} %`);
  await page.context().close();
});

test("the servers are shown as they are, with their last hours and what the doctor finds", async () => {
  const page = await world.page("vera", "/servers");
  for (const [at, lane] of ["ris", "rts", "rtss"].entries()) {
    const id = `${lane} 127.0.0.1:${world.ports[at]}`;
    await cell(page, id, "memory").waitFor();
    const server = await Redis.open(world.ports[at]!);
    const info = String(await server.ask("INFO", "memory"));
    server.close();
    const limit = Number(/maxmemory:(\d+)/.exec(info)![1]);
    const shown = await cell(page, id, "limit").innerText();
    assert.ok(shown === "none" ? limit === 0 : Math.abs(Number.parseFloat(shown) * 1024 ** (shown.includes("GiB") ? 3 : 2) / limit - 1) < 0.01, `${shown} of ${limit}`);
  }
  await page.locator("figure", { hasText: "Ops/s" }).locator("canvas").waitFor();
  await page.getByText(/\d+ red, \d+ yellow, \d+ green/).waitFor();
  await page.context().close();
});

test("the page says that the server is gone, and goes on when it is back", async () => {
  const page = await world.page("vera");
  await loaded(page);
  await world.unserve();
  await page.getByText("mt5fleet web does not answer").waitFor();
  assert.ok((await shown(page)).length > 0, "what it knew is still there");
  await world.serve();
  // A restart ends sessions.
  await page.getByLabel("Token").fill(world.tokens.vera!);
  await page.getByRole("button", { name: "Log in" }).click();
  await loaded(page);
  await world.redis.ask("HSET", `is:{${ids[71]}}`, "eq", "5.55");
  await page.getByRole("searchbox").fill(ids[71]!);
  await cell(page, ids[71]!, "equity").getByText("5.55").waitFor();
  assert.equal(await page.getByText("does not answer").count(), 0);
  await page.context().close();
});

test("every page is accessible, in both themes and on a phone", async () => {
  for (const [colorScheme, viewport] of [
    ["light", { width: 1440, height: 800 }],
    ["dark", { width: 390, height: 780 }],
  ] as const) {
    const page = await world.page("olga", "/", { colorScheme, viewport });
    await loaded(page);
    for (const name of ["Fleet", "Copying", "Dead letters", "Audit", "Servers", "instance", "Halt and throttle", "dialog"]) {
      if (name === "instance") {
        await page.getByRole("link", { name: "Fleet", exact: true }).click();
        await page.getByRole("searchbox").fill(ids[5]!);
        await cell(page, ids[5]!, "id").getByRole("link").click();
        await cell(page, "11", "symbol").waitFor();
      } else if (name === "dialog") {
        await page.getByRole("button", { name: "Halt all…" }).click();
        await page.getByText("They open no new positions.").waitFor();
      } else {
        await page.getByRole("link", { name, exact: true }).click();
      }
      await page.evaluate(axe);
      const faults = await page.evaluate(async () => {
        const { violations } = await (window as unknown as { axe: typeof import("axe-core") }).axe.run();
        return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).slice(0, 3).join(" ")}`);
      });
      assert.deepEqual(faults, [], `${name}, ${colorScheme}`);
      const sideways = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(sideways <= 0, `${name} is ${sideways} px wider than the screen`);
    }
    await page.context().close();
  }
});

test("a thousand rows are a few in the document", async () => {
  const page = await world.page("vera");
  await loaded(page);
  assert.ok((await shown(page)).length < 60);
  const last = await page.locator(".table").evaluate((table) => {
    table.scrollTop = table.scrollHeight;
    return table.querySelector("table")!.getAttribute("aria-rowcount");
  });
  assert.equal(last, String((await world.redis.ask("ZCARD", "il") as number) - 2 + 1), "all but the two impossible names");
  await page.locator(`tr[aria-rowindex="${last}"]`).waitFor();
  await page.context().close();
});

test("nothing went wrong meanwhile, and nothing foreign was asked for", () => {
  assert.deepEqual(world.faults, []);
});

// The pages of records, followers and servers, and that what strangers write is text in all of them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "./redis";
import { cell, ids, wide, world } from "./stage";
import { HOSTILE } from "./world";

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

// The page of the fleet: its values are those of Redis, live, and its URL holds what is shown.

import assert from "node:assert/strict";
import { test } from "node:test";
import { COUNT, cell, ids, loaded, shown, wide, world } from "./stage";

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

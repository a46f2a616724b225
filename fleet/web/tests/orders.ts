// What people do from the page: it reaches terminals, is refused to who may not, and stands in the audit.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "./redis";
import { cell, ids, loaded, shown, wide, world } from "./stage";
import { HOSTILE, eventually } from "./world";

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

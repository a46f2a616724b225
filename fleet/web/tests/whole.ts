// Every page at once: a server that goes and comes back, accessibility, a small document, no faults.

import assert from "node:assert/strict";
import { test } from "node:test";
import { cell, ids, loaded, shown, world } from "./stage";
import { axe, eventually } from "./world";

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

test("on a phone the name of the page that is shown is in sight", async () => {
  const page = await world.page("olga", "/servers", { viewport: { width: 390, height: 780 } });
  const name = page.getByRole("link", { name: "Servers", exact: true });
  await eventually("it is in sight", async () => {
    const box = await name.boundingBox();
    return box !== null && box.x >= 0 && box.x + box.width <= 390;
  });
  await page.context().close();
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

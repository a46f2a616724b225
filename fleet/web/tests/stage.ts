// What all tests of the page share: one world with a fleet, and how to read a table.

import { after, before } from "node:test";
import type { Page } from "playwright-core";
import { fill, idOf } from "./fleet-data";
import { history } from "./history";
import { World } from "./world";

export const COUNT = Number(process.env.INSTANCES ?? 100);
export let world: World;
export let ids: string[];

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
export function cell(page: Page, id: string, column: string) {
  return page.locator(`tr[data-id="${id}"] td[data-column="${column}"]`);
}

/** The ids of the rows that are in the document, in their order. */
export function shown(page: Page): Promise<string[]> {
  return page.locator("tr[data-id]").evaluateAll((rows) => rows.map((row) => (row as HTMLElement).dataset.id!));
}

export async function loaded(page: Page): Promise<void> {
  await page.locator("tr[data-id]").first().waitFor();
}

export const wide = { viewport: { width: 3000, height: 800 } };

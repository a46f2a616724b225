// Five open pages and a thousand instances at a heartbeat a second: what the server needs, and how soon a page shows an
// update. `node tests/run.mjs bench`; the program should be a release build.

import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { fill } from "./fleet-data";
import { World } from "./world";

const COUNT = Number(process.env.INSTANCES ?? 1000);
const SECONDS = Number(process.env.SECONDS ?? 20);
const PAGES = 5;
const UPDATES = 20;

/** The CPU time of a process, s. */
function cpu(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const median = (values: number[]) => [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)]!;

/** Opens the page; returns how long it took to show the first rows, ms. */
async function open(world: World): Promise<[Page, number]> {
  const page = await world.page("vera");
  await page.locator("tr[data-id]").first().waitFor();
  const start = Date.now();
  await page.reload();
  await page.locator("tr[data-id]").first().waitFor();
  return [page, Date.now() - start];
}

const world = await World.start([["vera", "view"]]);
try {
  const ids = await fill(world, COUNT);
  const opened = [];
  for (let at = 0; at < PAGES; at++) opened.push(await open(world));
  let beats = 0;
  const beating = setInterval(() => {
    // A tenth of the fleet each tenth of a second.
    for (let at = beats % 10; at < ids.length; at += 10) {
      const now = Date.now();
      void world.redis.ask("HSET", `is:{${ids[at]}}`, "t", now, "eq", 10_000 + Math.random() * 1000, "pr", Math.random() * 100, "q", beats);
      void world.redis.ask("ZADD", "il", now, ids[at]!);
    }
    beats += 1;
  }, 100);
  const pid = world.server();
  const [before, start] = [cpu(pid), Date.now()];
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
  const share = (cpu(pid) - before) / ((Date.now() - start) / 1000);

  const page = opened[0]![0];
  const id = ids[25]!;
  await page.getByRole("searchbox").fill(id);
  const delays = [];
  for (let at = 0; at < UPDATES; at++) {
    const value = String(1000 + at);
    const shown = page.waitForFunction(
      ([row, text]) => document.querySelector(`tr[data-id="${row}"] td[data-column="pending"]`)?.textContent === text,
      [id, Number(value).toLocaleString("en")],
      { polling: "raf" },
    );
    const wrote = Date.now();
    await world.redis.ask("HSET", `is:{${id}}`, "tw", value, "sw", 0);
    await shown;
    delays.push(Date.now() - wrote);
  }
  clearInterval(beating);
  console.log(`${COUNT} instances, ${PAGES} pages, ${SECONDS} s:`);
  console.log(`  the server uses ${(share * 100).toFixed(1)} % of a core`);
  console.log(`  an update is shown after ${median(delays)} ms, at most ${Math.max(...delays)} ms`);
  console.log(`  the first rows are shown after ${median(opened.map(([, ms]) => ms))} ms`);
  if (world.faults.length > 0) throw new Error(world.faults.join("\n"));
} finally {
  await world.end();
}

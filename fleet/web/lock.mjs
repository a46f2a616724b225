// Removes addresses from the lock file: packages come from whichever registry npm is set to.
import { readFile, writeFile } from "node:fs/promises";

const file = new URL("package-lock.json", import.meta.url);
const lock = JSON.parse(await readFile(file, "utf8"));
for (const entry of Object.values(lock.packages)) {
  delete entry.resolved;
  delete entry.funding;
}
await writeFile(file, `${JSON.stringify(lock, null, 2)}\n`);

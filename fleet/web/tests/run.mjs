// Compiles the tests and runs them in order: `node tests/run.mjs`; with `bench` it measures, with `screenshots` it makes pictures.
// MT5FLEET is the program, CHROMIUM the browser.
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { build } from "esbuild";

const out = "node_modules/.tests";
rmSync(out, { recursive: true, force: true });
await build({
  entryPoints: ["tests/page.test.ts", "tests/bench.ts", "tests/screenshots.ts"],
  outdir: out,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  packages: "external",
  sourcemap: "inline",
  logLevel: "warning",
});
const what = process.argv[2] === undefined ? ["--test", `${out}/page.test.mjs`] : [`${out}/${process.argv[2]}.mjs`];
const { status } = spawnSync(process.execPath, ["--enable-source-maps", ...what], { stdio: "inherit" });
process.exit(status ?? 1);

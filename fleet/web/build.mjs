// Builds the page into dist/: each file as it is and compressed, for mt5fleet to embed.
import { readFile, readdir, rm, writeFile, copyFile, mkdir } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** The page may have at most so many bytes, compressed. */
const LIMIT = 300 * 1024;

const here = (path) => new URL(path, import.meta.url).pathname;
await rm(here("dist"), { recursive: true, force: true });
await mkdir(here("dist"));
await build({
  entryPoints: { app: here("src/main.tsx"), style: here("src/style.css") },
  outdir: here("dist"),
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "eof",
  logLevel: "warning",
});
for (const name of ["index.html", "icon.svg"]) await copyFile(here(`src/${name}`), here(`dist/${name}`));

let size = 0;
for (const name of await readdir(here("dist"))) {
  const packed = gzipSync(await readFile(here(`dist/${name}`)), { level: 9 });
  await writeFile(here(`dist/${name}.gz`), packed);
  size += packed.length;
}
console.log(`the page has ${Math.ceil(size / 1024)} KiB, compressed`);
if (size > LIMIT) throw new Error(`the page may have at most ${LIMIT / 1024} KiB, compressed`);

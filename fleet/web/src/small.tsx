// Charts that fit into a table's cell.

import type { Trend } from "./api";

const HEIGHT = 20;
const STEP = 2;
const BAR = 8;

/** The paths of lines, which are drawn twice a second. */
const paths = new WeakMap<Trend, string>();

function path(trend: Trend): string {
  let found = paths.get(trend);
  if (found === undefined) {
    const parts: string[] = [];
    let isBroken = true;
    trend.spark.forEach((value, at) => {
      if (value !== null) parts.push(`${isBroken ? "M" : "L"}${at * STEP + 1} ${(HEIGHT - 2 - (value / 100) * (HEIGHT - 4)).toFixed(1)}`);
      // A lone value is a dot.
      if (value !== null && isBroken) parts.push("h0.1");
      isBroken = value === null;
    });
    found = parts.join("");
    paths.set(trend, found);
  }
  return found;
}

/** The equity of the last 24 hours, without its scale. */
export function Spark({ trend }: { trend: Trend }) {
  const width = trend.spark.length * STEP + 2;
  return (
    <svg class="spark" width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`} aria-hidden="true">
      <path d={path(trend)} />
    </svg>
  );
}

interface BarsOptions {
  counts: number[];
  /** Up to where each bar reaches; the last one has what is above. */
  bounds: number[];
  show: (bound: number) => string;
  label: string;
}

/** A histogram. */
export function Bars({ counts, bounds, show, label }: BarsOptions) {
  const most = Math.max(...counts, 1);
  if (counts.every((count) => count === 0)) return <>–</>;
  const words = counts.map((count, at) => (count === 0 ? "" : `${at < bounds.length ? `≤ ${show(bounds[at]!)}` : `> ${show(bounds.at(-1)!)}`}: ${count}`));
  const text = `${label}: ${words.filter(Boolean).join(", ")}`;
  return (
    <svg class="bars" width={counts.length * BAR} height={HEIGHT} role="img" aria-label={text}>
      <title>{text}</title>
      {counts.map((count, at) => {
        // What occurred is seen, however seldom.
        const height = count === 0 ? 1 : Math.max(2, Math.round((count / most) * (HEIGHT - 2)));
        return <rect key={at} x={at * BAR} y={HEIGHT - height} width={BAR - 1} height={height} class={count === 0 ? "none" : ""} />;
      })}
    </svg>
  );
}

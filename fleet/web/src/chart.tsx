// A chart of several lines over time.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

/** px */
const HEIGHT = 150;

export interface Line {
  label: string;
  /** One for each time; null where there is none. */
  values: (number | null)[];
}

interface Options {
  title: string;
  /** ms since 1970 UTC, ascending. */
  times: number[];
  lines: Line[];
  show: (value: number) => string;
  utc: boolean;
  /** Charts with the same one show the same moment. */
  group: string;
  /** px */
  height?: number;
  /** Whether the axis begins at zero. */
  zero?: boolean;
}

/** The colour that a class has here in this theme: a canvas knows no classes. */
function colour(place: HTMLElement, name: string): string {
  const probe = document.createElement("span");
  probe.className = name;
  place.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

export function Chart({ title, times, lines, show, utc, group, height = HEIGHT, zero = true }: Options) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const theme = document.documentElement.dataset.theme;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  // The axis shows what the format of the first drawing says: another format is another chart.
  const format = show(1234.5);
  const labels = lines.map((line) => line.label).join();
  const data = [times.map((time) => time / 1000), ...lines.map((line) => line.values)] as uPlot.AlignedData;

  useEffect(() => {
    const element = place.current!;
    const rule = { stroke: colour(element, "rule"), width: 1 };
    const axis = { stroke: colour(element, "calm"), grid: rule, ticks: rule, font: "11px system-ui" };
    const made = new uPlot(
      {
        width: element.clientWidth,
        height,
        tzDate: (seconds) => (utc ? uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC") : new Date(seconds * 1000)),
        cursor: { sync: { key: group } },
        legend: { show: false },
        axes: [{ ...axis, size: 24 }, { ...axis, size: zero ? 64 : 88, values: (_, values) => values.map((value) => show(value)) }],
        scales: { y: zero ? { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } : {} },
        series: [{}, ...lines.map((line, at) => ({ label: line.label, stroke: colour(element, `line-${(at % 6) + 1}`), width: 1.5, points: { show: false } }))],
      },
      data,
      element,
    );
    chart.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
    };
  }, [labels, utc, theme, dark, height, zero, group, format]);
  useEffect(() => chart.current?.setData(data));

  const last = lines.map((line) => ({ label: line.label, value: line.values.findLast((value) => value !== null) }));
  return (
    <figure>
      <figcaption>
        <b>{title}</b>
        {last.map(({ label, value }, at) => (
          <span key={label} class={`key line-${(at % 6) + 1}`}>
            {label} {value === undefined || value === null ? "–" : show(value)}
          </span>
        ))}
      </figcaption>
      <div ref={place} aria-hidden="true" />
    </figure>
  );
}

// A table of many rows: only those on the screen are in the document. Sorting is a column's value and a direction.

import { Virtualizer, elementScroll, observeElementOffset, observeElementRect } from "@tanstack/virtual-core";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useReducer, useRef } from "preact/hooks";

/** The height of a row, px; the style sheet has the same. */
const HEIGHT = 26;

export interface Column<T> {
  /** Its name in the URL. */
  name: string;
  head: string;
  /** What it means, where the head is short. */
  title?: string;
  /** px */
  width: number;
  right?: boolean;
  /** What the cell shows. */
  text: (row: T) => ComponentChildren;
  /** What it is sorted by. */
  value?: (row: T) => string | number;
  /** A class of the cell: good, bad or warn. */
  tone?: (row: T) => string;
}

/** Sorts by a column as the URL says it: its name, with a minus for the other direction; equal rows by id. */
export function sorted<T>(rows: T[], columns: Column<T>[], sort: string, id: (row: T) => string): T[] {
  const down = sort.startsWith("-");
  const value = columns.find((column) => column.name === sort.replace(/^-/, ""))?.value;
  const order = (one: T, other: T): number => {
    if (value !== undefined) {
      const [a, b] = [value(one), value(other)];
      const difference = typeof a === "number" && typeof b === "number" ? a - b : compare(String(a), String(b));
      if (difference !== 0) return down ? -difference : difference;
    }
    return compare(id(one), id(other));
  };
  return [...rows].sort(order);
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

interface Options<T> {
  /** What the table shows, for those who cannot see it. */
  label: string;
  rows: T[];
  columns: Column<T>[];
  id: (row: T) => string;
  sort?: string;
  onSort?: (sort: string) => void;
  /** A class of the row. */
  tone?: (row: T) => string;
  /** The first column chooses rows. */
  chosen?: Set<string>;
  onChoose?: (ids: string[], chosen: boolean) => void;
  /** What stands in place of rows. */
  empty: string;
}

export function Table<T>(options: Options<T>) {
  const { label, rows, columns, id, sort = "", onSort, tone, chosen, onChoose, empty } = options;
  const scroller = useRef<HTMLDivElement>(null);
  const [, again] = useReducer((count: number) => count + 1, 0);
  const virtual = useRef<Virtualizer<HTMLDivElement, Element> | null>(null);
  const settings = {
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => HEIGHT,
    overscan: 8,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    onChange: () => again(undefined as never),
  };
  virtual.current ??= new Virtualizer(settings);
  virtual.current.setOptions(settings);
  useLayoutEffect(() => virtual.current?._didMount(), []);
  useLayoutEffect(() => virtual.current?._willUpdate());
  const items = virtual.current.getVirtualItems();
  const above = items[0]?.start ?? 0;
  const below = Math.max(0, virtual.current.getTotalSize() - (items.at(-1)?.end ?? 0));
  const all = chosen !== undefined && rows.length > 0 && rows.every((row) => chosen.has(id(row)));
  const width = columns.reduce((sum, column) => sum + column.width, chosen ? 30 : 0);

  return (
    <div class="table" ref={scroller} tabIndex={0} role="region" aria-label={label}>
      <table aria-rowcount={rows.length + 1} style={{ minWidth: `${width}px` }}>
        <caption class="unseen">{label}</caption>
        <colgroup>
          {chosen && <col style={{ width: "30px" }} />}
          {columns.map((column) => (
            <col key={column.name} style={{ width: `${column.width}px` }} />
          ))}
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            {chosen && (
              <th scope="col" class="choice">
                <input
                  type="checkbox"
                  aria-label="Select all that are shown"
                  checked={all}
                  onChange={() => onChoose?.(rows.map(id), !all)}
                />
              </th>
            )}
            {columns.map((column) => (
              <Head key={column.name} column={column} sort={sort} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {above > 0 && <Space height={above} />}
          {items.map(({ index }) => {
            const row = rows[index];
            if (row === undefined) return null;
            const name = id(row);
            return (
              <tr key={name} aria-rowindex={index + 2} class={tone?.(row)} data-id={name}>
                {chosen && (
                  <td class="choice">
                    <input
                      type="checkbox"
                      aria-label={`Select ${name}`}
                      checked={chosen.has(name)}
                      onChange={() => onChoose?.([name], !chosen.has(name))}
                    />
                  </td>
                )}
                {columns.map((column) => (
                  <Cell key={column.name} column={column} row={row} />
                ))}
              </tr>
            );
          })}
          {below > 0 && <Space height={below} />}
        </tbody>
      </table>
      {rows.length === 0 && <p class="empty">{empty}</p>}
    </div>
  );
}

function Space({ height }: { height: number }) {
  return (
    <tr aria-hidden="true">
      <td class="space" style={{ height: `${height}px` }} />
    </tr>
  );
}

function Cell<T>({ column, row }: { column: Column<T>; row: T }) {
  const classes = [column.right ? "right" : "", column.tone?.(row) ?? ""].join(" ").trim();
  return (
    <td class={classes} data-column={column.name}>
      {column.text(row)}
    </td>
  );
}

interface HeadOptions<T> {
  column: Column<T>;
  sort: string;
  onSort: ((sort: string) => void) | undefined;
}

function Head<T>({ column, sort, onSort }: HeadOptions<T>) {
  const { name, head, title, right, value } = column;
  const direction = sort === name ? "ascending" : sort === `-${name}` ? "descending" : "none";
  if (value === undefined || onSort === undefined) {
    return (
      <th scope="col" class={right ? "right" : ""} title={title}>
        {head}
      </th>
    );
  }
  // Numbers begin with the largest, texts with the first.
  const next = right ? (sort === `-${name}` ? name : `-${name}`) : sort === name ? `-${name}` : name;
  return (
    <th scope="col" class={right ? "right" : ""} aria-sort={direction} title={title}>
      <button type="button" onClick={() => onSort(next)}>
        {head}
        {direction !== "none" && <span aria-hidden="true">{direction === "ascending" ? " ▲" : " ▼"}</span>}
      </button>
    </th>
  );
}

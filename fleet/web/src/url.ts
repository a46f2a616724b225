// The URL holds which page is shown, and its filters, order and columns: a link shows another person the same.

import { useEffect, useReducer } from "preact/hooks";

const readers = new Set<() => void>();

function tell(): void {
  for (const reader of readers) reader();
}

window.addEventListener("popstate", tell);

/** Goes to another page of ours. */
export function go(url: string): void {
  history.pushState(null, "", url);
  window.scrollTo(0, 0);
  tell();
}

/** Where we are; renders again when that changes. */
export function useUrl(): URL {
  const [, again] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const reader = () => again(undefined as never);
    readers.add(reader);
    return () => void readers.delete(reader);
  }, []);
  return new URL(location.href);
}

/** Sets parameters of the URL; an empty one is left out. */
export function set(values: Record<string, string>): void {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(values)) {
    if (value === "") url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  history.replaceState(null, "", url);
  tell();
}

/** Follows a link to one of our pages without loading the page anew. */
export function follow(event: MouseEvent): void {
  const link = event.currentTarget as HTMLAnchorElement;
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  go(link.href);
}

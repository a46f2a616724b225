// Numbers and times as people read them.

const formats = new Map<string, Intl.NumberFormat>();

/** The digits after the point that a currency has: 0 for JPY, 2 for EUR. */
function digits(currency: string): number {
  try {
    const format = new Intl.NumberFormat("en", { style: "currency", currency });
    return format.resolvedOptions().maximumFractionDigits ?? 2;
  } catch {
    // A broker's own currency, such as USC.
    return 2;
  }
}

/** An amount with its currency's digits. */
export function money(amount: number | null | undefined, currency: string): string {
  if (amount === null || amount === undefined) return "–";
  let format = formats.get(currency);
  if (format === undefined) {
    const places = digits(currency);
    format = new Intl.NumberFormat("en", { minimumFractionDigits: places, maximumFractionDigits: places });
    formats.set(currency, format);
  }
  return format.format(amount);
}

/** The class of an amount that was won or lost. */
export function sign(amount: number | null): string {
  return amount === null || amount === 0 ? "" : amount > 0 ? "good" : "bad";
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export function count(number: number): string {
  return whole.format(number);
}

/** A duration given in ms. */
export function duration(ms: number): string {
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

const two = (number: number) => String(number).padStart(2, "0");

/** A time of day: 14:05:09. */
export function clock(ms: number, utc: boolean): string {
  const at = new Date(ms);
  const parts = utc
    ? [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()]
    : [at.getHours(), at.getMinutes(), at.getSeconds()];
  return parts.map(two).join(":");
}

/** A date and a time: 2026-11-28 14:05:09. */
export function moment(ms: number, utc: boolean): string {
  const at = new Date(ms);
  const parts = utc
    ? [at.getUTCFullYear(), at.getUTCMonth() + 1, at.getUTCDate()]
    : [at.getFullYear(), at.getMonth() + 1, at.getDate()];
  return `${parts.map(two).join("-")} ${clock(ms, utc)}`;
}

const TROUBLE: Record<string, string> = {
  gone: "gone",
  silent: "silent",
  disconnected: "no broker",
  "margin-call": "margin < 100 %",
  "low-margin": "margin < 200 %",
  forbidden: "may not trade",
  halted: "halted",
  disobeys: "does not obey",
  clock: "clock off",
  behind: "behind",
  slow: "slow commits",
  throttled: "throttled",
  refused: "calls refused",
};

/** A trouble in words. */
export function trouble(name: string): string {
  return TROUBLE[name] ?? name;
}

// Histories of equity, written as docs/wire-format.md says.

const MINUTES = 2_880;
const HOURS = 8_760;
const HOURS_AT = MINUTES * 9;
const LAYOUT_AT = HOURS_AT + HOURS * 8;

export interface Sample {
  balance: number;
  profit: number;
  margin: number;
}

/** A history whose samples `at` gives, or none: of each minute of 48 hours and each hour of so many days before this time. */
export function history(now_ms: number, days: number, at: (time_ms: number) => Sample | null): Buffer {
  const bytes = Buffer.alloc(LAYOUT_AT + 1);
  bytes[LAYOUT_AT] = 1;
  for (let minute = Math.floor(now_ms / 60_000) - MINUTES + 1; minute <= now_ms / 60_000; minute++) {
    const lap = Math.floor(minute / MINUTES);
    const place = (minute % MINUTES) * 9;
    const sample = at(minute * 60_000);
    if (sample === null) continue;
    bytes.writeBigUInt64LE(word(sample) | (BigInt(lap & 15) << 60n), place);
    bytes[place + 8] = (lap >> 4) & 255;
  }
  for (let hour = Math.floor(now_ms / 3_600_000) - days * 24; hour <= now_ms / 3_600_000; hour++) {
    const lap = Math.floor(hour / HOURS);
    // The sample of an hour is that of its last minute.
    const time = Math.min(hour * 3_600_000 + 59 * 60_000, Math.floor(now_ms / 60_000) * 60_000);
    const sample = at(time);
    if (sample !== null) bytes.writeBigUInt64LE(word(sample) | (BigInt(lap & 15) << 60n), HOURS_AT + (hour % HOURS) * 8);
  }
  return bytes;
}

/** The values as multiples of the smallest unit in which they fit. */
function word({ balance, profit, margin }: Sample): bigint {
  const values = [balance, profit, margin];
  for (let unit = 1; unit < 64; unit++) {
    const size = [1, 2, 5][(unit - 1) % 3]! * 10 ** (Math.floor((unit - 1) / 3) - 8);
    const multiples = values.map((value) => Math.round(value / size));
    if (multiples.some((multiple) => Math.abs(multiple) > 131_071)) continue;
    const [first, second, third] = multiples.map(BigInt) as [bigint, bigint, bigint];
    const bits = (value: bigint, count: bigint) => value & ((1n << count) - 1n);
    return bits(first, 18n) | (bits(second, 18n) << 18n) | (bits(third, 17n) << 36n) | (BigInt(unit) << 53n);
  }
  throw new Error("no account has so much");
}

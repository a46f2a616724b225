// A fleet of a hundred instances as brokers might have it.

import type { World } from "./world";

const BROKERS = ["IC Markets", "Pepperstone", "Admirals", "RoboForex", "Größe & Söhne AG"];
const CURRENCIES = ["EUR", "USD", "JPY", "GBP"];

const kindOf = (at: number) => (at % 3 === 0 ? "2" : at % 7 === 0 ? "1" : "0");

/** The id of one of them. */
export function idOf(at: number): string {
  return `${5_012_300 + at}.${kindOf(at) === "2" ? "Live" : "Demo"}-${at % 5}`;
}

/** Writes the heartbeats of so many instances, among them some in each kind of trouble. Returns their ids. */
export async function fill(world: World, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let at = 0; at < count; at++) {
    const login = 5_012_300 + at;
    const kind = kindOf(at);
    const broker = BROKERS[at % BROKERS.length]!;
    const id = idOf(at);
    const currency = CURRENCIES[at % CURRENCIES.length]!;
    const scale = currency === "JPY" ? 150 : 1;
    const balance = Math.round((10_000 + 731.17 * at) * scale * 100) / 100;
    const profit = Math.round(Math.sin(at) * 400 * scale * 100) / 100;
    const positions = at % 6;
    const trouble: Record<string, string> =
      [{ cn: "0" }, { ml: "83.4" }, { at: "0" }, { ha: "1" }, { ck: "-4200" }, { th: "2" }, { tw: "5321", tl: "2300000" }, { rf: "3" }, { ml: "152" }][at - 20] ?? {};
    await world.heartbeat(id, {
      lg: String(login), sv: `${broker.split(" ")[0]}-${at % 5}`, co: broker, cu: currency, ac: kind, ba: String(balance),
      eq: String(Math.round((balance + profit) * 100) / 100), mg: positions ? String(200 * scale) : "0", mf: String(balance),
      ml: positions ? String(800 + at * 13) : "0", pr: String(positions ? profit : 0), po: String(positions), or: String(at % 3),
      ag: at % 4 ? "FleetAgent 1.4" : "SignalFollower 1.4", fo: at % 4 ? "0" : "1", tl: String(600 + at * 7), sl: String(500 + at),
      ck: String((at % 9) * 3 - 12), pi: String(18_000 + at * 100), ...trouble,
    });
    ids.push(id);
  }
  return ids;
}

//! What the call of a number says: every value follows from the seed, the caller and the number, so that the
//! oracle knows each record without having seen it made. The names are those of `docs/wire-format.md`.

use mt5_redis::model::deal::Deal;
use mt5_redis::model::signal::*;
use mt5_redis::model::trade::*;

use super::values::Expected::{self, Integer, Number};

/// The instances of a producer's callers, which share its lanes. On a Cluster of three nodes each has another.
pub const INSTANCES: [&str; 3] = ["1.Chaos", "2.Chaos", "3.Chaos"];

/// Fields of a signal, in the order of `packed`.
pub const SIGNAL_FIELDS: [&str; 17] =
    ["v", "p", "q", "t", "o", "i", "a", "sy", "vo", "pr", "sl", "tp", "mg", "po", "ex", "co", "pq"];

/// Fields of a trade state, in the order of `packed`.
pub const TRADE_FIELDS: [&str; 25] = [
    "v", "p", "q", "t", "o", "e", "st", "sy", "sd", "vo", "vc", "po", "pc", "px", "sl", "tp", "pr", "sw",
    "cm", "mg", "ti", "to", "tc", "dg", "co",
];

/// Fields of a position's event, in the order of `packed`.
pub const EVENT_FIELDS: [&str; 27] = [
    "v", "p", "q", "t", "o", "e", "st", "sy", "sd", "vo", "vc", "po", "pc", "px", "sl", "tp", "pr", "sw",
    "cm", "mg", "ti", "to", "tc", "dg", "co", "id", "pq",
];

/// Fields of a deal, in the order of `packed`.
pub const DEAL_FIELDS: [&str; 21] = [
    "v", "p", "q", "t", "o", "e", "id", "pq", "de", "or", "ki", "en", "sy", "vo", "px", "pr", "sw", "cm",
    "mg", "dg", "co",
];

/// The version of these fields.
const SCHEMA: i64 = 2;

const START_MS: i64 = 1_763_800_000_000;
const SYMBOLS: [&str; 6] = ["EURUSD", "XAUUSD.r", "GER40", "BTCUSD#", "Нефть", "US500.cash"];
const COMMENTS: [&str; 5] = ["", "grid 3", "закрыть половину", "a\tb \"c\" \\", "止损 🛑"];

/// How many positions are open at a time, and how many updates one has from its open to its close.
const SLOTS: u64 = 16;
const LIFE: u64 = 12;

/// The numbers of a call with its texts.
pub struct Call<T> {
    pub numbers: T,
    pub symbol: &'static str,
    pub comment: &'static str,
}

/// A random source of this call's own.
fn dice(seed: u64, caller: usize, kind: u64, number: u64) -> fastrand::Rng {
    let mut mixed = seed ^ 0x9e37_79b9_7f4a_7c15;
    for part in [caller as u64, kind, number] {
        mixed = (mixed ^ part).wrapping_mul(0xff51_afd7_ed55_8ccd).rotate_left(29);
    }
    fastrand::Rng::with_seed(mixed)
}

/// Mostly a price as prices are, now and then any finite number.
fn price(dice: &mut fastrand::Rng) -> f64 {
    match dice.u8(..16) {
        0 => 0.0,
        1 => (dice.f64() - 0.5) * 10f64.powi(dice.i32(-12..22)),
        _ => f64::from(dice.u32(..)) / 1e5,
    }
}

fn texts<T>(dice: &mut fastrand::Rng, numbers: T) -> Call<T> {
    Call {
        numbers,
        symbol: SYMBOLS[dice.usize(..SYMBOLS.len())],
        comment: COMMENTS[dice.usize(..COMMENTS.len())],
    }
}

/// The signal of this number.
pub fn signal(seed: u64, caller: usize, number: u64) -> Call<Signal> {
    let mut dice = dice(seed, caller, 1, number);
    let signal = Signal {
        time_ms: START_MS + number as i64,
        expiry_ms: if dice.bool() { START_MS + dice.i64(0..1 << 30) } else { 0 },
        magic: number as i64,
        position: dice.i64(0..=i64::MAX),
        volume: f64::from(dice.u32(1..10_000)) / 100.0,
        price: price(&mut dice),
        stop_loss: price(&mut dice),
        take_profit: price(&mut dice),
        action: dice.i32(1..=4),
        server_offset_s: dice.i32(-86_400..=86_400),
        ..Signal::default()
    };
    texts(&mut dice, signal)
}

/// What must stand in Redis of the signal of this number.
pub fn expected_signal(seed: u64, caller: usize, number: u64) -> Vec<(&'static str, Expected)> {
    let Call { numbers: said, symbol, comment } = signal(seed, caller, number);
    let action = ["b", "s", "c", "m"][said.action as usize - 1];
    vec![
        ("v", Integer(SCHEMA)),
        ("t", Integer(said.time_ms)),
        ("o", Integer(said.server_offset_s.into())),
        ("i", Expected::text(INSTANCES[caller])),
        ("a", Expected::text(action)),
        ("sy", Expected::text(symbol)),
        ("vo", Number(said.volume)),
        ("pr", Number(said.price)),
        ("sl", Number(said.stop_loss)),
        ("tp", Number(said.take_profit)),
        ("mg", Integer(said.magic)),
        ("po", Integer(said.position)),
        ("ex", Integer(said.expiry_ms)),
        ("co", Expected::text(comment)),
    ]
}

/// The trade state of this number. A position is opened, updated and closed, and each of them twice: it is
/// opened again after it was closed.
pub fn trade(seed: u64, caller: usize, number: u64) -> Call<TradeState> {
    let mut dice = dice(seed, caller, 2, number);
    let (slot, turn) = (number % SLOTS, number / SLOTS);
    let (step, life) = (turn % LIFE, turn / LIFE);
    let event = match step {
        0 => MT5REDIS_EVENT_OPEN,
        step if step == LIFE - 1 => MT5REDIS_EVENT_CLOSE,
        _ if dice.bool() => MT5REDIS_EVENT_PRICE,
        _ => MT5REDIS_EVENT_CHANGE,
    };
    let time_ms = START_MS + number as i64;
    let closed = event == MT5REDIS_EVENT_CLOSE;
    let state = TradeState {
        time_ms,
        position: (1 + slot + SLOTS * (life / 2)) as i64,
        ticket: dice.i64(0..=i64::MAX),
        magic: number as i64,
        open_time_ms: if dice.bool() { START_MS } else { 0 },
        close_time_ms: if closed && dice.bool() { time_ms - 7 } else { 0 },
        volume: if closed { 0.0 } else { f64::from(dice.u32(1..10_000)) / 100.0 },
        volume_closed: f64::from(dice.u32(..10_000)) / 100.0,
        price_open: price(&mut dice),
        price_current: price(&mut dice),
        price_close: price(&mut dice),
        stop_loss: price(&mut dice),
        take_profit: price(&mut dice),
        profit: -price(&mut dice),
        swap: -price(&mut dice),
        commission: -price(&mut dice),
        event,
        side: dice.i32(1..=2),
        server_offset_s: dice.i32(-86_400..=86_400),
        digits: dice.i32(0..=15),
    };
    texts(&mut dice, state)
}

/// The deal of this number, if it is a deal: some of the prices are, so that a position's life is whole without them.
pub fn deal(seed: u64, caller: usize, number: u64) -> Option<Call<Deal>> {
    let instead = trade(seed, caller, number);
    if number % 7 != 5 || instead.numbers.event != MT5REDIS_EVENT_PRICE {
        return None;
    }
    let mut dice = dice(seed, caller, 3, number);
    let deal = Deal {
        time_ms: START_MS + number as i64,
        deal: 1 + number as i64,
        order: dice.i64(0..=i64::MAX),
        position: instead.numbers.position,
        magic: number as i64,
        volume: f64::from(dice.u32(..10_000)) / 100.0,
        price: price(&mut dice),
        profit: -price(&mut dice),
        swap: price(&mut dice),
        commission: -price(&mut dice),
        kind: dice.i32(1..=5),
        entry: dice.i32(1..=5),
        server_offset_s: dice.i32(-86_400..=86_400),
        digits: dice.i32(0..=15),
    };
    Some(texts(&mut dice, deal))
}

/// What must stand among the events of the deal of this number.
pub fn expected_deal(said: &Call<Deal>) -> Vec<(&'static str, Expected)> {
    let Call { numbers: said, symbol, comment } = said;
    vec![
        ("v", Integer(SCHEMA)),
        ("t", Integer(said.time_ms)),
        ("o", Integer(said.server_offset_s.into())),
        ("e", Expected::text("d")),
        ("id", Integer(said.position)),
        ("de", Integer(said.deal)),
        ("or", Integer(said.order)),
        ("ki", Expected::text(["b", "s", "p", "c", "o"][said.kind as usize - 1])),
        ("en", Expected::text(["i", "o", "r", "b", "n"][said.entry as usize - 1])),
        ("sy", Expected::text(*symbol)),
        ("vo", Number(said.volume)),
        ("px", Number(said.price)),
        ("pr", Number(said.profit)),
        ("sw", Number(said.swap)),
        ("cm", Number(said.commission)),
        ("mg", Integer(said.magic)),
        ("dg", Integer(said.digits.into())),
        ("co", Expected::text(*comment)),
    ]
}

/// When the position of a close counts as closed.
pub fn closed_at(state: &TradeState) -> i64 {
    if state.close_time_ms > 0 { state.close_time_ms } else { state.time_ms }
}

/// What must stand in Redis of the trade state of this number.
pub fn expected_trade(seed: u64, caller: usize, number: u64) -> Vec<(&'static str, Expected)> {
    let Call { numbers: said, symbol, comment } = trade(seed, caller, number);
    let closed = said.event == MT5REDIS_EVENT_CLOSE;
    vec![
        ("v", Integer(SCHEMA)),
        ("t", Integer(said.time_ms)),
        ("o", Integer(said.server_offset_s.into())),
        ("e", Expected::text(["o", "m", "p", "c"][said.event as usize - 1])),
        ("st", Expected::text(if closed { "c" } else { "o" })),
        ("sy", Expected::text(symbol)),
        ("sd", Expected::text(["b", "s"][said.side as usize - 1])),
        ("vo", Number(said.volume)),
        ("vc", Number(said.volume_closed)),
        ("po", Number(said.price_open)),
        ("pc", Number(said.price_current)),
        ("px", Number(said.price_close)),
        ("sl", Number(said.stop_loss)),
        ("tp", Number(said.take_profit)),
        ("pr", Number(said.profit)),
        ("sw", Number(said.swap)),
        ("cm", Number(said.commission)),
        ("mg", Integer(said.magic)),
        ("ti", Integer(said.ticket)),
        ("to", Integer(said.open_time_ms)),
        ("tc", Integer(if closed { closed_at(&said) } else { 0 })),
        ("dg", Integer(said.digits.into())),
        ("co", Expected::text(comment)),
    ]
}

//! A simulated account: prices on a random walk, three to eight positions that open, change and close, and bursts of
//! signals. Everything follows from the seed; the clock only gives times.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use fastrand::Rng;
use mt5_redis::model::instance::*;
use mt5_redis::model::signal::*;
use mt5_redis::model::trade::*;
use mt5_redis::model::{InstanceState, Signal, TradeState};

/// How many positions an account has.
pub const POSITIONS: RangeInclusive<usize> = 3..=8;
/// Steps a second.
pub const STEPS: u32 = 10;
/// How far the broker's clock is ahead of UTC.
const SERVER_OFFSET_S: i32 = 7200;
const BALANCE: f64 = 10_000.0;

struct Instrument {
    name: &'static str,
    digits: i32,
    price: f64,
    /// Profit per lot for a move of 1.
    lot: f64,
}

const INSTRUMENTS: [Instrument; 6] = [
    Instrument { name: "EURUSD", digits: 5, price: 1.10345, lot: 100_000.0 },
    Instrument { name: "USDJPY.pro", digits: 3, price: 151.207, lot: 660.0 },
    Instrument { name: "XAUUSD", digits: 2, price: 2415.4, lot: 100.0 },
    Instrument { name: "#Germany40", digits: 1, price: 18_250.5, lot: 1.0 },
    Instrument { name: "Газпром", digits: 2, price: 128.45, lot: 1.0 },
    Instrument { name: "CL-OIL", digits: 2, price: 0.15, lot: 1000.0 },
];

/// Comments as people write them: none, short, in another script, with special characters, and of maximal length.
const COMMENTS: [&str; 6] = [
    "",
    "ma cross",
    "сетка, шаг 3",
    "a:b \"c\" {d}\t'e' \\ 100%",
    "🙂 scalp",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
];

/// A position of the account.
#[derive(Clone)]
pub struct Position {
    pub state: TradeState,
    pub symbol: &'static str,
    pub comment: String,
    instrument: usize,
}

/// A signal with its texts.
pub struct Given {
    pub signal: Signal,
    pub symbol: &'static str,
    pub comment: String,
}

/// An account and its prices.
pub struct Market {
    rng: Rng,
    login: i64,
    prices: [f64; INSTRUMENTS.len()],
    positions: BTreeMap<i64, Position>,
    history: BTreeMap<i64, Position>,
    next_position: i64,
    realised: f64,
}

impl Market {
    pub fn new(seed: u64, login: i64) -> Self {
        Self {
            // Accounts with neighbouring logins must not have similar walks.
            rng: Rng::with_seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ login as u64),
            login,
            prices: INSTRUMENTS.map(|instrument| instrument.price),
            positions: BTreeMap::new(),
            history: BTreeMap::new(),
            next_position: login * 100_000 + 1,
            realised: 0.0,
        }
    }

    /// The open positions.
    pub fn positions(&self) -> &BTreeMap<i64, Position> {
        &self.positions
    }

    /// A closed position, if its deals are in the history.
    pub fn closed(&self, position: i64) -> Option<&Position> {
        self.history.get(&position)
    }

    /// Prices move.
    pub fn step(&mut self) {
        for (price, instrument) in self.prices.iter_mut().zip(&INSTRUMENTS) {
            if self.rng.u8(..3) > 0 {
                let points = self.rng.i32(-20..=20);
                *price =
                    rounded(*price + f64::from(points) / 10f64.powi(instrument.digits), instrument.digits);
            }
        }
        self.revalue();
    }

    fn revalue(&mut self) {
        for position in self.positions.values_mut() {
            position.state.price_current = self.prices[position.instrument];
            position.state.profit = profit(position, position.state.volume);
        }
    }

    /// Positions open, change and close.
    pub fn trade(&mut self, now_ms: i64) {
        for id in self.positions.keys().copied().collect::<Vec<_>>() {
            let enough = self.positions.len() > *POSITIONS.start();
            match self.rng.u16(..1000) {
                0..40 if enough => self.close(id, now_ms),
                // As if closed while the terminal was off: gone without a deal.
                40..45 if enough => drop(self.positions.remove(&id)),
                45..95 => self.change(id, |position, rng| {
                    let distance = f64::from(rng.i32(50..500)) / 10f64.powi(position.state.digits);
                    let away = if position.state.side == MT5REDIS_SIDE_BUY { -distance } else { distance };
                    position.state.stop_loss =
                        rounded(position.state.price_current + away, position.state.digits);
                }),
                95..125 => self.change(id, |position, _| close_half(position)),
                125..135 => self.change(id, |position, _| {
                    // Rollover at some brokers: swap is charged and the ticket changes.
                    position.state.swap = rounded(position.state.swap - 0.37, 2);
                    position.state.ticket += 1;
                }),
                _ => {}
            }
        }
        let wanted = self.positions.len() < *POSITIONS.start();
        if wanted || (self.positions.len() < *POSITIONS.end() && self.rng.u8(..6) == 0) {
            self.open(now_ms);
        }
    }

    fn open(&mut self, now_ms: i64) {
        let instrument = self.rng.usize(..INSTRUMENTS.len());
        let volume = f64::from(self.rng.i32(1..=20) * 10) / 100.0;
        let magic = self.rng.i64(-2..5);
        let side = if self.rng.bool() { MT5REDIS_SIDE_BUY } else { MT5REDIS_SIDE_SELL };
        let comment = COMMENTS[self.rng.usize(..COMMENTS.len())].to_owned();
        let id = self.add(instrument, side, volume, comment, now_ms);
        self.change(id, |position, _| position.state.magic = magic);
    }

    /// Opens a position at the price of this symbol; none if there is no such symbol.
    pub fn buy_or_sell(
        &mut self,
        symbol: &str,
        side: i32,
        volume: f64,
        comment: String,
        now_ms: i64,
    ) -> Option<i64> {
        Some(self.add(instrument(symbol)?, side, volume, comment, now_ms))
    }

    fn add(&mut self, instrument: usize, side: i32, volume: f64, comment: String, now_ms: i64) -> i64 {
        let id = self.next_position;
        self.next_position += 1;
        let Instrument { name: symbol, digits, .. } = INSTRUMENTS[instrument];
        let price = self.prices[instrument];
        let state = TradeState {
            position: id,
            ticket: id,
            open_time_ms: now_ms,
            volume,
            price_open: price,
            price_current: price,
            commission: rounded(-3.5 * volume, 2),
            side,
            server_offset_s: SERVER_OFFSET_S,
            digits,
            ..Default::default()
        };
        self.positions.insert(id, Position { state, symbol, comment, instrument });
        id
    }

    fn change(&mut self, id: i64, change: impl FnOnce(&mut Position, &mut Rng)) {
        if let Some(position) = self.positions.get_mut(&id) {
            change(position, &mut self.rng);
        }
    }

    /// Closes a part of a position or adds to it, and sets its stops.
    pub fn set(&mut self, id: i64, volume: f64, stop_loss: f64, take_profit: f64) {
        self.change(id, |position, _| {
            resize(position, volume);
            (position.state.stop_loss, position.state.take_profit) = (stop_loss, take_profit);
        });
    }

    pub fn close(&mut self, id: i64, now_ms: i64) {
        let Some(mut position) = self.positions.remove(&id) else { return };
        resize(&mut position, 0.0);
        position.state.close_time_ms = now_ms;
        let total = position.state.volume_closed;
        position.state.profit = profit(&position, total);
        self.realised += position.state.profit;
        self.history.insert(id, position);
    }

    /// The price of a symbol; none if there is no such symbol.
    pub fn price(&self, symbol: &str) -> Option<f64> {
        Some(self.prices[instrument(symbol)?])
    }

    /// Moves the price of a symbol.
    pub fn move_to(&mut self, symbol: &str, price: f64) {
        if let Some(instrument) = instrument(symbol) {
            self.prices[instrument] = price;
            self.revalue();
        }
    }

    /// The account, for a heartbeat.
    pub fn account(&mut self, now_ms: i64, interval_ms: i32) -> InstanceState {
        let floating: f64 = self.positions.values().map(|position| position.state.profit).sum();
        let margin: f64 = self.positions.values().map(|position| position.state.volume * 331.04).sum();
        let balance = rounded(BALANCE + self.realised, 2);
        let equity = rounded(balance + floating, 2);
        InstanceState {
            time_ms: now_ms,
            login: self.login,
            ping_us: self.rng.i64(15_000..60_000),
            balance,
            equity,
            margin: rounded(margin, 2),
            margin_free: rounded(equity - margin, 2),
            margin_level: if margin > 0.0 { rounded(equity / margin * 100.0, 2) } else { 0.0 },
            profit: rounded(floating, 2),
            credit: 0.0,
            server_offset_s: SERVER_OFFSET_S,
            leverage: 100,
            positions: self.positions.len() as i32,
            orders: self.rng.i32(0..4),
            build: 5200,
            interval_ms,
            flags: MT5REDIS_FLAG_CONNECTED
                | MT5REDIS_FLAG_TERMINAL_TRADE
                | MT5REDIS_FLAG_EXPERT_TRADE
                | MT5REDIS_FLAG_ACCOUNT_TRADE
                | MT5REDIS_FLAG_ACCOUNT_EXPERT
                | MT5REDIS_FLAG_HEDGING,
            account: MT5REDIS_ACCOUNT_DEMO,
        }
    }

    /// The signals of one step: mostly none, and on average one burst a second that adds up to `rate` signals a second.
    pub fn signals(&mut self, rate: u32, now_ms: i64) -> Vec<Given> {
        if rate == 0 || self.rng.u32(..STEPS) > 0 {
            return Vec::new();
        }
        let burst = self.rng.u32(1..rate * 2);
        (0..burst).map(|_| self.signal(now_ms)).collect()
    }

    fn signal(&mut self, now_ms: i64) -> Given {
        let instrument = self.rng.usize(..INSTRUMENTS.len());
        let Instrument { name, digits, .. } = INSTRUMENTS[instrument];
        let price = self.prices[instrument];
        let point = 10f64.powi(-digits);
        let action = self.rng.i32(MT5REDIS_ACTION_BUY..=MT5REDIS_ACTION_MODIFY);
        let entry = action == MT5REDIS_ACTION_BUY || action == MT5REDIS_ACTION_SELL;
        let position = if entry { None } else { self.rng.choice(self.positions.keys().copied()) };
        let signal = Signal {
            time_ms: now_ms,
            expiry_ms: if self.rng.bool() { now_ms + 5000 } else { 0 },
            magic: self.rng.i64(..),
            position: position.unwrap_or(0),
            volume: f64::from(self.rng.i32(i32::from(entry)..200)) / 100.0,
            price,
            stop_loss: rounded(price - 150.0 * point, digits),
            take_profit: rounded(price + 300.0 * point, digits),
            action,
            server_offset_s: SERVER_OFFSET_S,
            ..Default::default()
        };
        Given { signal, symbol: name, comment: COMMENTS[self.rng.usize(..COMMENTS.len())].to_owned() }
    }
}

fn instrument(symbol: &str) -> Option<usize> {
    INSTRUMENTS.iter().position(|instrument| instrument.name == symbol)
}

fn close_half(position: &mut Position) {
    let volume = position.state.volume;
    let part = rounded(volume / 2.0, 2);
    if part >= 0.01 && volume - part >= 0.01 {
        resize(position, rounded(volume - part, 2));
    }
}

fn resize(position: &mut Position, volume: f64) {
    let state = &mut position.state;
    if volume < state.volume {
        state.volume_closed = rounded(state.volume_closed + state.volume - volume, 2);
        state.price_close = state.price_current;
    }
    state.volume = volume;
    position.state.profit = profit(position, volume);
}

fn profit(position: &Position, volume: f64) -> f64 {
    let state = &position.state;
    let moved = state.price_current - state.price_open;
    let moved = if state.side == MT5REDIS_SIDE_BUY { moved } else { -moved };
    rounded(moved * volume * INSTRUMENTS[position.instrument].lot, 2)
}

pub fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seed: u64) -> (String, Market) {
        let mut market = Market::new(seed, 5_000_001);
        let mut told = String::new();
        for step in 0..3000 {
            market.step();
            market.trade(step);
            if step > 10 {
                assert!(POSITIONS.contains(&market.positions.len()), "{} positions", market.positions.len());
            }
            let signals = market.signals(50, step).into_iter().map(|given| given.signal).collect::<Vec<_>>();
            let states = market.positions.values().map(|position| position.state).collect::<Vec<_>>();
            told += &format!("{signals:?} {states:?} {:?}\n", market.account(step, 1000));
        }
        (told, market)
    }

    #[test]
    fn a_seed_repeats_itself_and_another_does_not() {
        assert!(run(1).0 == run(1).0);
        assert!(run(1).0 != run(2).0);
    }

    #[test]
    fn everything_that_happens_to_a_position_happens() {
        let (_, market) = run(3);
        assert!(market.history.len() > 100);
        assert!(market.history.values().any(|closed| closed.state.swap < 0.0));
        assert!(market.history.values().any(|closed| closed.state.stop_loss != 0.0));
        let born = (market.next_position - 500_000_100_001) as usize;
        assert!(market.positions.len() + market.history.len() < born, "some vanish without a deal");
    }

    #[test]
    fn every_value_is_one_that_the_library_takes() {
        let mut market = Market::new(4, 5_000_001);
        for step in 0..1000 {
            market.step();
            market.trade(step);
            market.account(step, 1000).check().unwrap();
            market.signals(20, step).iter().for_each(|given| given.signal.check().unwrap());
            for position in market.positions.values() {
                TradeState { event: MT5REDIS_EVENT_OPEN, ..position.state }.check().unwrap();
            }
            for closed in market.history.values() {
                TradeState { event: MT5REDIS_EVENT_CLOSE, ..closed.state }.check().unwrap();
            }
        }
    }

    #[test]
    fn the_rate_of_signals_is_what_was_asked_for() {
        let mut market = Market::new(5, 5_000_001);
        let given: usize = (0..10_000).map(|step| market.signals(50, step).len()).sum();
        assert!((40_000..60_000).contains(&given), "{given} in 1000 s");
    }
}

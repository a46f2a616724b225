//! What a copying Expert Advisor does in an account: for each signal it makes its copy of the position what the source's
//! position is now.
//!
//! The account is the broker's: its history outlives the process and says which signals were executed, as the comments of
//! orders do in MetaTrader. So a follower that starts again knows its copies, and executes no signal twice. The other way
//! round, a signal is acknowledged only when the history has it.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use anyhow::{Context, Result};
use mt5_redis::inbox::ReceivedSignal;
use mt5_redis::model::signal::MT5REDIS_SIGNAL_UNSAID;

use super::market::Market;
use crate::history::{Execution, History};

/// The copies of one account.
pub struct Follower {
    source: String,
    since_ms: i64,
    history: History,
    /// Which signals were executed: producer and number.
    executed: HashSet<(i64, i64)>,
    /// The copy of each of the source's positions.
    copies: BTreeMap<i64, i64>,
}

impl Follower {
    /// Brings the account to the state that its history says, and copies on from there. Signals from before `since_ms`
    /// are not copied.
    pub fn open(source: &str, since_ms: i64, history: &Path, market: &mut Market) -> Result<Self> {
        let (history, executions) = History::open(history)?;
        let mut follower = Self {
            source: source.to_owned(),
            since_ms,
            history,
            executed: HashSet::new(),
            copies: BTreeMap::new(),
        };
        executions.iter().for_each(|execution| follower.apply(market, execution));
        Ok(follower)
    }

    /// How many signals were executed.
    pub fn executed(&self) -> u64 {
        self.executed.len() as u64
    }

    /// Executes a signal unless it was executed before. Then it may be acknowledged.
    pub fn receive(
        &mut self,
        market: &mut Market,
        signal: &ReceivedSignal,
        symbol: &str,
        now_ms: i64,
    ) -> Result<()> {
        let earlier = self.executed.contains(&(signal.producer, signal.sequence));
        if earlier || signal.event == MT5REDIS_SIGNAL_UNSAID || signal.time_ms < self.since_ms {
            return Ok(());
        }
        let price = market.price(symbol).with_context(|| {
            format!("signal {} of {}: no symbol is called {symbol}", signal.sequence, self.source)
        })?;
        let execution = Execution {
            producer: signal.producer,
            sequence: signal.sequence,
            position: signal.position,
            symbol: symbol.to_owned(),
            side: signal.side,
            volume: signal.volume_after,
            stop_loss: signal.stop_loss,
            take_profit: signal.take_profit,
            price,
            time_ms: now_ms,
        };
        self.history.add(&execution)?;
        self.apply(market, &execution);
        Ok(())
    }

    fn apply(&mut self, market: &mut Market, execution: &Execution) {
        let Execution { position, ref symbol, side, volume, stop_loss, take_profit, price, time_ms, .. } =
            *execution;
        self.executed.insert((execution.producer, execution.sequence));
        market.move_to(symbol, price);
        let copy = self.copies.get(&position).copied();
        let stays = |copy: &i64| volume > 0.0 && market.positions()[copy].state.side == side;
        let kept = copy.filter(stays);
        if let (Some(copy), None) = (copy, kept) {
            market.close(copy, time_ms);
            self.copies.remove(&position);
        }
        if volume > 0.0 {
            let comment = format!("{} {position}", self.source);
            let copy = kept.or_else(|| market.buy_or_sell(symbol, side, volume, comment, time_ms));
            if let Some(copy) = copy {
                self.copies.insert(position, copy);
                market.set(copy, volume, stop_loss, take_profit);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mt5_redis::model::TradeState;
    use mt5_redis::model::signal::*;
    use mt5_redis::model::trade::{MT5REDIS_SIDE_BUY as BUY, MT5REDIS_SIDE_SELL as SELL};

    fn signal(sequence: i64, position: i64, event: i32, side: i32, volume_after: f64) -> ReceivedSignal {
        let stop_loss = if event == MT5REDIS_SIGNAL_CHANGE { 1.09 } else { 0.0 };
        ReceivedSignal {
            producer: 1,
            sequence,
            time_ms: 1000,
            position,
            event,
            side,
            volume_after,
            stop_loss,
            ..Default::default()
        }
    }

    struct Account {
        market: Market,
        follower: Follower,
    }

    impl Account {
        fn open(history: &Path) -> Self {
            let mut market = Market::new(1, 5_000_002);
            let follower = Follower::open("1.Demo", 1000, history, &mut market).unwrap();
            Self { market, follower }
        }

        fn receive(&mut self, signal: ReceivedSignal) {
            self.follower.receive(&mut self.market, &signal, "EURUSD", 2000).unwrap();
        }

        /// The copies: comment, side, volume and stop loss.
        fn copies(&self) -> Vec<(String, i32, f64, f64)> {
            let of = |state: &TradeState| (state.side, state.volume, state.stop_loss);
            let positions = self.market.positions().values();
            let copies = positions.map(|it| (it.comment.clone(), of(&it.state)));
            copies.map(|(comment, (side, volume, stop))| (comment, side, volume, stop)).collect()
        }
    }

    #[test]
    fn a_copy_is_what_the_position_is_now_whatever_happened() {
        let folder = tempfile::tempdir().unwrap();
        let mut account = Account::open(&folder.path().join("history"));
        let copy = |position: i64, side, volume, stop| (format!("1.Demo {position}"), side, volume, stop);
        for (signal, expected) in [
            (signal(1, 7, MT5REDIS_SIGNAL_OPEN, BUY, 1.0), vec![copy(7, BUY, 1.0, 0.0)]),
            (signal(2, 7, MT5REDIS_SIGNAL_PARTIAL_CLOSE, BUY, 0.4), vec![copy(7, BUY, 0.4, 0.0)]),
            (signal(3, 7, MT5REDIS_SIGNAL_CHANGE, BUY, 0.4), vec![copy(7, BUY, 0.4, 1.09)]),
            (signal(4, 7, MT5REDIS_SIGNAL_INCREASE, BUY, 0.9), vec![copy(7, BUY, 0.9, 0.0)]),
            (signal(5, 7, MT5REDIS_SIGNAL_REVERSE, SELL, 0.2), vec![copy(7, SELL, 0.2, 0.0)]),
            // The opening was missed.
            (
                signal(7, 8, MT5REDIS_SIGNAL_PARTIAL_CLOSE, BUY, 0.1),
                vec![copy(7, SELL, 0.2, 0.0), copy(8, BUY, 0.1, 0.0)],
            ),
            (signal(8, 7, MT5REDIS_SIGNAL_CLOSE, SELL, 0.0), vec![copy(8, BUY, 0.1, 0.0)]),
            (signal(9, 7, MT5REDIS_SIGNAL_CLOSE, SELL, 0.0), vec![copy(8, BUY, 0.1, 0.0)]),
            // It does not say what is true now, or is older than the account.
            (signal(10, 8, MT5REDIS_SIGNAL_UNSAID, 0, 0.0), vec![copy(8, BUY, 0.1, 0.0)]),
            (
                ReceivedSignal { time_ms: 999, ..signal(11, 8, MT5REDIS_SIGNAL_CLOSE, BUY, 0.0) },
                vec![copy(8, BUY, 0.1, 0.0)],
            ),
        ] {
            account.receive(signal);
            assert_eq!(account.copies(), expected, "after {signal:?}");
        }
        assert_eq!(account.follower.executed(), 8);
    }

    #[test]
    fn a_follower_that_starts_again_has_its_copies_and_executes_nothing_twice() {
        let folder = tempfile::tempdir().unwrap();
        let history = folder.path().join("history");
        let signals = [
            signal(1, 7, MT5REDIS_SIGNAL_OPEN, BUY, 1.0),
            signal(2, 8, MT5REDIS_SIGNAL_OPEN, SELL, 0.5),
            signal(3, 7, MT5REDIS_SIGNAL_PARTIAL_CLOSE, BUY, 0.4),
            signal(4, 8, MT5REDIS_SIGNAL_CLOSE, SELL, 0.0),
            signal(5, 9, MT5REDIS_SIGNAL_OPEN, BUY, 0.3),
        ];
        let mut whole = Account::open(&history);
        signals.into_iter().for_each(|signal| whole.receive(signal));
        let lines = std::fs::read_to_string(&history).unwrap();

        // It ends after each signal, and in the middle of writing the next one. Then all come again.
        for kept in 0..=signals.len() {
            let cut: String = lines.split_inclusive('\n').take(kept).collect();
            for part in ["", "{\"producer\":1,\"seq"] {
                std::fs::write(&history, format!("{cut}{part}")).unwrap();
                let mut again = Account::open(&history);
                assert_eq!(again.follower.executed(), kept as u64);
                signals.into_iter().for_each(|signal| again.receive(signal));
                assert_eq!(again.copies(), whole.copies(), "after {kept} signals");
                let states =
                    |account: &Account| account.market.positions().keys().copied().collect::<Vec<_>>();
                assert_eq!(states(&again), states(&whole));
                assert_eq!(std::fs::read_to_string(&history).unwrap(), lines, "after {kept} signals");
            }
        }
    }
}

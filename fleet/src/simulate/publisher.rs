//! What `AccountPublisher.mq5` tells the followers of an account: at each look it compares the positions with what it
//! told before. Each signal says what happened to a position and how it is now. What the library refused is told at the
//! next look.

use std::collections::BTreeMap;

use anyhow::Result;
use mt5_redis::model::Signal;
use mt5_redis::model::TradeState;
use mt5_redis::model::signal::*;
use mt5_redis::model::trade::MT5REDIS_SIDE_BUY;

use super::market::{Given, Market, Position, rounded};

/// For how many looks it waits for the deals of an absent position.
const DEALS_LOOKS: u32 = 3;

struct Told {
    last: Position,
    absent_looks: u32,
}

/// The positions as last told.
#[derive(Default)]
pub struct Publisher {
    told: BTreeMap<i64, Told>,
}

impl Publisher {
    /// Tells what has changed. `give` returns whether the library accepted the signal.
    pub fn look(
        &mut self,
        market: &Market,
        now_ms: i64,
        give: &mut impl FnMut(&Given) -> Result<bool>,
    ) -> Result<()> {
        for (&id, position) in market.positions() {
            let before = self.told.get(&id).map(|told| &told.last.state);
            let Some(event) = event(before, &position.state) else { continue };
            let volume_before = before.map_or(0.0, |before| before.volume);
            if give(&given(position, event, volume_before, position.state.volume, now_ms))? {
                self.told.insert(id, Told { last: position.clone(), absent_looks: 0 });
            }
        }
        let mut done = Vec::new();
        for (&id, told) in &mut self.told {
            if market.positions().contains_key(&id) {
                continue;
            }
            told.absent_looks += 1;
            let closed = market.closed(id);
            if closed.is_none() && told.absent_looks <= DEALS_LOOKS {
                continue;
            }
            let last = closed.unwrap_or(&told.last);
            let mut given = given(last, MT5REDIS_SIGNAL_CLOSE, told.last.state.volume, 0.0, now_ms);
            // No deal explains it.
            given.signal.found = closed.is_none().into();
            if give(&given)? {
                done.push(id);
            }
        }
        done.iter().for_each(|id| drop(self.told.remove(id)));
        Ok(())
    }

    /// Whether followers were told how everything is.
    pub fn is_settled(&self, market: &Market) -> bool {
        let told = |(id, position): (&i64, &Position)| {
            let told = self.told.get(id);
            told.is_some_and(|told| event(Some(&told.last.state), &position.state).is_none())
        };
        self.told.len() == market.positions().len() && market.positions().iter().all(told)
    }
}

/// What has happened between two looks that followers must know.
fn event(before: Option<&TradeState>, now: &TradeState) -> Option<i32> {
    let Some(before) = before else { return Some(MT5REDIS_SIGNAL_OPEN) };
    let stops = |state: &TradeState| (state.stop_loss, state.take_profit);
    if now.volume < before.volume {
        Some(MT5REDIS_SIGNAL_PARTIAL_CLOSE)
    } else {
        (stops(before) != stops(now)).then_some(MT5REDIS_SIGNAL_CHANGE)
    }
}

fn given(position: &Position, event: i32, volume_before: f64, volume_after: f64, now_ms: i64) -> Given {
    let state = &position.state;
    let (action, volume) = match event {
        MT5REDIS_SIGNAL_OPEN if state.side == MT5REDIS_SIDE_BUY => (MT5REDIS_ACTION_BUY, volume_after),
        MT5REDIS_SIGNAL_OPEN => (MT5REDIS_ACTION_SELL, volume_after),
        MT5REDIS_SIGNAL_PARTIAL_CLOSE => (MT5REDIS_ACTION_CLOSE, rounded(volume_before - volume_after, 2)),
        MT5REDIS_SIGNAL_CHANGE => (MT5REDIS_ACTION_MODIFY, 0.0),
        _ => (MT5REDIS_ACTION_CLOSE, 0.0),
    };
    let signal = Signal {
        time_ms: now_ms,
        magic: state.magic,
        position: state.position,
        volume,
        price: state.price_current,
        stop_loss: state.stop_loss,
        take_profit: state.take_profit,
        action,
        server_offset_s: state.server_offset_s,
        volume_before,
        volume_after,
        entry_price: state.price_open,
        event,
        side: state.side,
        ..Default::default()
    };
    Given { signal, symbol: position.symbol, comment: position.comment.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Volume, stop loss and take profit of each position.
    type Positions = BTreeMap<i64, (f64, f64, f64)>;

    #[test]
    fn the_signals_say_how_each_position_is_although_some_are_refused() {
        let mut market = Market::new(7, 5_000_001);
        let mut publisher = Publisher::default();
        let mut rng = fastrand::Rng::with_seed(1);
        let (mut told, mut events) = (Positions::new(), BTreeMap::new());
        for step in 0..5000 {
            market.step();
            // In the last looks nothing happens and nothing is refused.
            let last = step >= 4990;
            if !last {
                market.trade(step);
            }
            let mut take = |given: &Given| {
                if !last && rng.u8(..10) == 0 {
                    return Ok(false);
                }
                let signal = &given.signal;
                signal.check().unwrap();
                let before = told.get(&signal.position).map_or(0.0, |(volume, ..)| *volume);
                assert_eq!(signal.volume_before, before, "{signal:?}");
                let now = (signal.volume_after, signal.stop_loss, signal.take_profit);
                match signal.event {
                    MT5REDIS_SIGNAL_CLOSE => told.remove(&signal.position),
                    _ => told.insert(signal.position, now),
                };
                *events.entry((signal.event, signal.found)).or_insert(0) += 1;
                Ok(true)
            };
            publisher.look(&market, step, &mut take).unwrap();
        }
        let of = |state: &TradeState| (state.volume, state.stop_loss, state.take_profit);
        let there: Positions = market.positions().iter().map(|(&id, it)| (id, of(&it.state))).collect();
        assert_eq!(told, there);
        assert!(publisher.is_settled(&market));
        assert_eq!(events.keys().copied().collect::<Vec<_>>(), [(1, 0), (3, 0), (4, 0), (5, 0), (5, 1)]);
    }
}

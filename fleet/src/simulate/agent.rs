//! What an Expert Advisor publishes: at each look it compares the positions with what it published before, as
//! `FleetAgent.mq5` does. What the library refused is published at the next look.

use std::collections::BTreeMap;

use anyhow::Result;
use mt5_redis::model::TradeState;
use mt5_redis::model::trade::*;

use super::market::{Market, Position};

/// For how many looks it waits for the deals of an absent position.
const DEALS_LOOKS: u32 = 3;
/// How often the set of open positions is published even if it has not changed.
const REFRESH_LOOKS: u32 = 10;

/// Something to publish.
pub enum Publication<'a> {
    State { state: &'a TradeState, symbol: &'a str, comment: &'a str },
    OpenSet(&'a [i64]),
}

struct Known {
    last: TradeState,
    absent_looks: u32,
}

/// The positions as last published.
#[derive(Default)]
pub struct Agent {
    known: BTreeMap<i64, Known>,
    open: Vec<i64>,
    looks: u32,
}

impl Agent {
    /// Publishes what has changed. `publish` returns whether the library accepted it.
    pub fn look(
        &mut self,
        market: &Market,
        now_ms: i64,
        publish: &mut impl FnMut(Publication) -> Result<bool>,
    ) -> Result<()> {
        let refresh = self.looks.is_multiple_of(REFRESH_LOOKS);
        self.looks += 1;
        for (&id, position) in market.positions() {
            let event = match self.known.get(&id) {
                None => MT5REDIS_EVENT_OPEN,
                Some(known) => match difference(&known.last, &position.state) {
                    None => continue,
                    Some(event) => event,
                },
            };
            if state(position, event, now_ms, publish)? {
                self.known.insert(id, Known { last: position.state, absent_looks: 0 });
            }
        }
        self.look_for_absent(market, now_ms, publish)?;

        let open: Vec<i64> = self.known.keys().copied().collect();
        if (refresh || open != self.open) && publish(Publication::OpenSet(&open))? {
            self.open = open;
        }
        Ok(())
    }

    /// Whether everything is published except for prices, which the library may leave out.
    pub fn is_settled(&self, market: &Market) -> bool {
        let published = |(id, position): (&i64, &Position)| {
            let known = self.known.get(id);
            known.is_some_and(|known| difference(&known.last, &position.state) != Some(MT5REDIS_EVENT_CHANGE))
        };
        market.positions().iter().all(published) && self.open.iter().eq(market.positions().keys())
    }

    fn look_for_absent(
        &mut self,
        market: &Market,
        now_ms: i64,
        publish: &mut impl FnMut(Publication) -> Result<bool>,
    ) -> Result<()> {
        let mut done = Vec::new();
        for (&id, known) in &mut self.known {
            if market.positions().contains_key(&id) {
                continue;
            }
            if let Some(closed) = market.closed(id) {
                if state(closed, MT5REDIS_EVENT_CLOSE, now_ms, publish)? {
                    done.push(id);
                }
                continue;
            }
            known.absent_looks += 1;
            if known.absent_looks > DEALS_LOOKS {
                // No deal explains it: leaving the set of open positions says enough.
                done.push(id);
            }
        }
        self.known.retain(|id, _| !done.contains(id));
        Ok(())
    }
}

fn state(
    position: &Position,
    event: i32,
    now_ms: i64,
    publish: &mut impl FnMut(Publication) -> Result<bool>,
) -> Result<bool> {
    let state = TradeState { event, time_ms: now_ms, ..position.state };
    publish(Publication::State { state: &state, symbol: position.symbol, comment: &position.comment })
}

/// What has changed between two looks, as an event.
fn difference(last: &TradeState, now: &TradeState) -> Option<i32> {
    let only_price =
        TradeState { price_current: last.price_current, profit: last.profit, swap: last.swap, ..*now };
    if only_price != *last {
        Some(MT5REDIS_EVENT_CHANGE)
    } else if now != last {
        Some(MT5REDIS_EVENT_PRICE)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_publications_reproduce_the_account_although_some_are_refused() {
        let mut market = Market::new(7, 5_000_001);
        let mut agent = Agent::default();
        let mut rng = fastrand::Rng::with_seed(1);
        let mut open = BTreeSet::new();
        let mut events = BTreeMap::new();
        for step in 0..5000 {
            market.step();
            market.trade(step);
            // The last looks refuse nothing, so that everything is published in the end.
            let refuse = step < 4990;
            let mut follow = |publication: Publication| {
                if refuse && rng.u8(..10) == 0 {
                    return Ok(false);
                }
                match publication {
                    Publication::State { state, .. } => {
                        *events.entry(state.event).or_insert(0) += 1;
                        match state.event {
                            MT5REDIS_EVENT_OPEN => assert!(open.insert(state.position)),
                            MT5REDIS_EVENT_CLOSE => assert!(open.remove(&state.position)),
                            _ => assert!(open.contains(&state.position)),
                        }
                    }
                    Publication::OpenSet(positions) => open = positions.iter().copied().collect(),
                }
                Ok(true)
            };
            agent.look(&market, step, &mut follow).unwrap();
        }
        let mut there: BTreeSet<_> = market.positions().keys().copied().collect();
        there.extend(agent.known.keys());
        assert_eq!(open, there);
        assert_eq!(events.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4], "{events:?}");
    }
}

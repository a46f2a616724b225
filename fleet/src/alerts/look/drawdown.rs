//! How far each account's equity is below its highest of the last hours. The highest comes from the history of equity, which
//! is large and so is read rarely; in between the heartbeats raise it. What was paid out since is no loss: the events of
//! trades tell it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use mt5_redis::config::Config;
use mt5_redis::model::deal::{MT5REDIS_DEAL_BALANCE, MT5REDIS_DEAL_CREDIT};
use mt5_redis::model::equity::EquityHistory;
use mt5_redis::model::event::Happened;
use mt5_redis::model::{TradeEvent, key};
use redis::FromRedisValue;

use super::Look;
use crate::alerts::condition::Fact;
use crate::alerts::rules::{self, Limits};
use crate::observe::instances;
use crate::observe::nodes::{Nodes, answer_about_key};
use crate::observe::pages::{self, PAGE};

/// How often a history is read.
const AGAIN: Duration = Duration::from_secs(300);
/// How many histories are read at once: each has 96 KB.
const TOGETHER: usize = 20;
/// The most pages of events that are read of an instance.
const PAGES: usize = 20;

/// The highest equity of the last hours.
#[derive(Clone, Copy)]
struct High {
    equity: f64,
    time_ms: u64,
    read: Instant,
}

struct Place {
    ris: Nodes,
    rts: Nodes,
    limits: Limits,
    highs: HashMap<String, High>,
}

pub fn place(config: &Config, limits: &Limits) -> Look {
    let [ris, rts, _] = Nodes::lanes(config);
    let mut place = Place { ris, rts, limits: limits.clone(), highs: HashMap::new() };
    Box::new(move || place.look())
}

impl Place {
    fn look(&mut self) -> Result<Vec<Fact>, String> {
        let read = self.read();
        let (alive, now_ms) = read.map_err(|error| self.ris.describe(&error))?;
        let mut facts = Vec::new();
        for (name, equity) in alive {
            let Some(high) = self.highs.get(&name).copied() else { continue };
            if rules::drawdown(&name, equity, high.equity, &self.limits).is_none() {
                continue;
            }
            let paid = self.paid(&name, high.time_ms, now_ms).map_err(|error| self.rts.describe(&error))?;
            facts.extend(rules::drawdown(&name, equity, high.equity + paid, &self.limits));
        }
        Ok(facts)
    }

    /// The equity of all who are alive, and the time, ms. Their highs are known then.
    fn read(&mut self) -> Result<(Vec<(String, f64)>, u64)> {
        self.ris.refresh()?;
        let alive = instances::read(&mut self.ris)?.alive;
        let now_ms = self.ris.now_ms()?;
        let alive: Vec<_> = alive.into_iter().map(|(name, beat)| (name, beat.equity)).collect();
        self.highs.retain(|name, _| alive.iter().any(|(other, _)| other == name));
        let due = |name: &str| self.highs.get(name).is_none_or(|high| high.read.elapsed() > AGAIN);
        let due: Vec<&str> = alive.iter().map(|(name, _)| name.as_str()).filter(|name| due(name)).collect();
        let from_ms = now_ms.saturating_sub(self.limits.drawdown_within.as_millis() as u64);
        for names in due.chunks(TOGETHER) {
            let keys: Vec<_> = names.iter().map(|name| key::equity(name)).collect();
            let get = |key: &str| redis::cmd("GET").arg(key).clone();
            let commands: Vec<_> = keys.iter().map(|key| (key.as_str(), get(key))).collect();
            for (name, answer) in names.iter().zip(self.ris.ask_all(&commands)?) {
                let bytes =
                    answer_about_key(answer)?.and_then(|value| Vec::<u8>::from_redis_value(value).ok());
                self.highs.insert((*name).to_owned(), high(bytes.as_deref(), from_ms, now_ms));
            }
        }
        for (name, equity) in &alive {
            if let Some(high) = self.highs.get_mut(name).filter(|high| *equity >= high.equity) {
                (high.equity, high.time_ms) = (*equity, now_ms);
            }
        }
        Ok((alive, now_ms))
    }

    /// What was paid in since this time, and, below 0, what was paid out.
    fn paid(&mut self, name: &str, since_ms: u64, now_ms: u64) -> Result<f64> {
        self.rts.refresh()?;
        let (stream, mut from) = (key::trade_events(name).to_string(), since_ms.to_string());
        let mut sum = 0.0;
        for _ in 0..PAGES {
            let page = pages::read(&mut self.rts, &[(stream.clone(), &from)])?.remove(0).unwrap_or_default();
            for (_, entry) in &page {
                let Ok(event) = TradeEvent::decode(entry) else { continue };
                let Happened::Deal { deal, .. } = event.what else { continue };
                // A deal may be told long after it was made.
                let since = (since_ms as i64..=now_ms as i64).contains(&deal.time_ms);
                if since && [MT5REDIS_DEAL_BALANCE, MT5REDIS_DEAL_CREDIT].contains(&deal.kind) {
                    sum += deal.profit;
                }
            }
            match page.last() {
                Some((last, _)) if page.len() == PAGE => from = format!("({last}"),
                _ => break,
            }
        }
        Ok(sum)
    }
}

/// The highest equity of a history from this time on; none yet if there is no history.
fn high(bytes: Option<&[u8]>, from_ms: u64, now_ms: u64) -> High {
    let history = bytes.and_then(|bytes| EquityHistory::read(bytes, now_ms as i64).ok()).unwrap_or_default();
    let recent = history.minutes.iter().filter(|sample| sample.time_ms >= from_ms as i64);
    let highest = recent.max_by(|one, other| one.equity.total_cmp(&other.equity));
    let (equity, time_ms) = highest.map_or((f64::MIN, now_ms), |it| (it.equity, it.time_ms.max(0) as u64));
    High { equity, time_ms, read: Instant::now() }
}

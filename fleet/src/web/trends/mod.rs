//! How the equity of each instance went: the day's profit, the drawdown, and a line of the last 24 hours. A thread finds it once a
//! minute for all callers. It reads the history of an instance once, and goes on with what the heartbeats say; of the trade
//! events it reads what is new, for the payments.
//!
//! - [`curve`]: the equity of one instance, and what follows from it

mod curve;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use axum::Extension;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use mt5_redis::config::Config;
use mt5_redis::inbox::reply::bytes;
use mt5_redis::model::deal::{MT5REDIS_DEAL_BALANCE, MT5REDIS_DEAL_CREDIT};
use mt5_redis::model::equity::EquityHistory;
use mt5_redis::model::event::{Happened, TradeEvent};
use mt5_redis::model::key;
use serde::Serialize;
use serde_json::json;
use tokio::sync::watch;
use utoipa::ToSchema;

use super::access::Caller;
use super::serve::Room;
use super::watch::{Fleet, Look};
use crate::observe::nodes::{Nodes, answer_about_key};
use crate::observe::pages;
use crate::output;
use curve::{Curve, DAYS_MS, Payment};

/// Time between two rounds.
const EVERY: Duration = Duration::from_secs(60);
/// How often the thread looks for instances that have just appeared.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many histories are read in one exchange: each has 94 KiB.
const TOGETHER: usize = 20;

/// How the equity of an instance went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Trend {
    /// By how much the equity has changed since the broker's day began, without payments; null: unknown, or hidden
    pub day_profit: Option<f64>,
    /// How far it is below its highest value of the last 7 days, without payments, percent; null: unknown
    pub drawdown: Option<f64>,
    /// The last 24 hours in 48 steps, from 0 for the lowest to 100 for the highest; null: no heartbeat came
    pub spark: Vec<Option<u8>>,
}

/// How the equity of all instances went.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct FleetTrends {
    /// When it was found, by the server's clock, ms since 1970 UTC; 0: never
    pub time_ms: u64,
    /// Why they are unknown, or as they were before
    pub trouble: Option<String>,
    /// By id, of the instances that are alive
    pub instances: BTreeMap<String, Trend>,
}

/// The last answers, for callers who may not see money and for those who may.
#[derive(Default)]
pub struct Trends(Mutex<[String; 2]>);

/// How the equity of each instance went
#[utoipa::path(get, path = "/fleet/trends", tag = "fleet", responses(
    (status = 200, description = "the trends, at most a minute old", body = FleetTrends),
))]
pub async fn trends(State(room): State<Arc<Room>>, Extension(caller): Extension<Caller>) -> Response {
    let answers = room.trends.0.lock().unwrap_or_else(PoisonError::into_inner);
    let json = answers[usize::from(caller.role.sees_money())].clone();
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}

impl Trends {
    /// Starts the thread. It ends when what it returns is dropped.
    pub fn start(config: &Config, looks: watch::Receiver<Arc<Look>>) -> Arc<Self> {
        let trends = Arc::new(Self::default());
        trends.tell(FleetTrends::default());
        let [ris, rts, _] = Nodes::lanes(config);
        let mut finder = Finder { ris, rts, curves: HashMap::new() };
        let kept = Arc::downgrade(&trends);
        thread::spawn(move || {
            let (mut last, mut known) = (None::<Instant>, FleetTrends::default());
            loop {
                let look = looks.borrow().clone();
                let Some(trends) = kept.upgrade() else { return };
                let is_due = last.is_none_or(|last| last.elapsed() >= EVERY);
                if look.fleet.time_ms > 0 && (is_due || finder.is_new(&look.fleet)) {
                    // A server that is away is asked again in the next round, and until then the old answers stand.
                    known = finder.find(&look.fleet).unwrap_or_else(|error| FleetTrends {
                        trouble: Some(output::sanitized(&error.to_string())),
                        ..known
                    });
                    trends.tell(known.clone());
                    last = Some(Instant::now());
                }
                drop(trends);
                thread::sleep(LOOK_EVERY);
            }
        });
        trends
    }

    fn tell(&self, mut found: FleetTrends) {
        let shown = json!(found).to_string();
        found.instances.values_mut().for_each(|trend| trend.day_profit = None);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = [json!(found).to_string(), shown];
    }
}

/// Finds the trends.
struct Finder {
    ris: Nodes,
    rts: Nodes,
    curves: HashMap<String, Curve>,
}

impl Finder {
    /// Whether somebody is alive of whom nothing is known yet.
    fn is_new(&self, fleet: &Fleet) -> bool {
        fleet.instances.iter().any(|row| row.alive && !self.curves.contains_key(&row.id))
    }

    fn find(&mut self, fleet: &Fleet) -> Result<FleetTrends> {
        let now_ms = i64::try_from(fleet.time_ms)?;
        let alive = fleet.instances.iter().filter_map(|row| Some((&row.id, row.beat.as_ref()?)));
        let alive: Vec<_> = alive.collect();
        let mut before = std::mem::take(&mut self.curves);
        for (id, _) in &alive {
            self.curves.insert((*id).clone(), before.remove(*id).unwrap_or_else(|| Curve::new(now_ms)));
        }
        self.read_histories(now_ms).map_err(|error| anyhow!(self.ris.describe(&error)))?;
        self.read_payments().map_err(|error| anyhow!(self.rts.describe(&error)))?;
        let mut found = FleetTrends { time_ms: fleet.time_ms, ..FleetTrends::default() };
        for (id, beat) in alive {
            let Some(curve) = self.curves.get_mut(id) else { continue };
            let equity = beat.equity.unwrap_or_default();
            curve.add(now_ms, equity);
            curve.forget(now_ms - DAYS_MS);
            found.instances.insert(id.clone(), curve.trend(now_ms, equity, beat.server_offset_s * 1000));
        }
        Ok(found)
    }

    /// Reads the histories of those of whom nothing is known, or nothing recent.
    fn read_histories(&mut self, now_ms: i64) -> Result<()> {
        self.ris.refresh()?;
        let wanting = self.curves.iter().filter(|(_, curve)| curve.lacks(now_ms));
        let wanting: Vec<String> = wanting.map(|(id, _)| id.clone()).collect();
        for some in wanting.chunks(TOGETHER) {
            let keys: Vec<_> = some.iter().map(|id| key::equity(id)).collect();
            let get = |key: &key::Key| redis::cmd("GET").arg(key.as_str()).clone();
            let commands: Vec<_> = keys.iter().map(|key| (key.as_str(), get(key))).collect();
            for (id, answer) in some.iter().zip(self.ris.ask_all(&commands)?) {
                let answer = match answer {
                    // It is no history: nothing so large is.
                    Err(error) if error.is_io_error() => None,
                    answer => answer_about_key(answer)?,
                };
                let read = |bytes| EquityHistory::read(bytes, now_ms).ok();
                let history = answer.as_ref().and_then(bytes).and_then(read).unwrap_or_default();
                if let Some(curve) = self.curves.get_mut(id) {
                    curve.begin(&history, now_ms);
                }
            }
        }
        Ok(())
    }

    /// Reads the next page of each instance's trade events.
    fn read_payments(&mut self) -> Result<()> {
        self.rts.refresh()?;
        let mut wanting: Vec<(String, String)> =
            self.curves.iter().map(|(id, curve)| (id.clone(), curve.events_from.clone())).collect();
        wanting.sort_unstable();
        for some in wanting.chunks(pages::TOGETHER) {
            let streams: Vec<_> =
                some.iter().map(|(id, from)| (key::trade_events(id).to_string(), from.as_str())).collect();
            for ((id, _), page) in some.iter().zip(pages::read(&mut self.rts, &streams)?) {
                let Some(curve) = self.curves.get_mut(id) else { continue };
                // What cannot be read has no payments that anybody knows of.
                let page = page.unwrap_or_default();
                curve.is_behind = page.len() == pages::PAGE;
                if let Some((last, _)) = page.last() {
                    curve.events_from = format!("({last}");
                }
                page.iter().filter_map(|(_, entry)| payment(entry)).for_each(|payment| curve.pay(payment));
            }
        }
        Ok(())
    }
}

/// The payment that an entry of the trade events tells of.
fn payment(entry: &[Vec<u8>]) -> Option<Payment> {
    match TradeEvent::decode(entry).ok()?.what {
        Happened::Deal { deal, .. } if [MT5REDIS_DEAL_BALANCE, MT5REDIS_DEAL_CREDIT].contains(&deal.kind) => {
            Some(Payment { deal: deal.deal, time_ms: deal.time_ms, amount: deal.profit })
        }
        _ => None,
    }
}

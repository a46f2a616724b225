//! Looks at the instances twice a second while a page is open, in a thread of its own, and keeps the last look for all callers: what ten pages
//! ask costs Redis as much as one.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use mt5_redis::config::Config;
use mt5_redis::model::key;
use redis::{FromRedisValue, RedisResult, Value as Reply};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use utoipa::ToSchema;

use super::fleet::{self, Level, MONEY, Moment, Ordered, Row, Throttle};
use crate::govern::directives::Directive;
use crate::halt::order;
use crate::observe::instances::{self, Instances};
use crate::observe::nodes::{Nodes, answer_about_key};

/// Time between two looks while a page waits for changes: it shows a heartbeat within a second.
const EVERY: Duration = Duration::from_millis(500);
/// The same while none does.
const IDLE: Duration = Duration::from_secs(1);
/// The most instances without a heartbeat that are shown: anybody may have added their names.
const DEAD: usize = 200;

/// The fleet at one moment.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Fleet {
    /// Looks are numbered
    pub number: u64,
    /// When it was looked at, by the server's clock, ms since 1970 UTC; 0: never
    pub time_ms: u64,
    /// Why the instances are unknown, or as they were before
    pub trouble: Option<String>,
    /// How many more names there are without a heartbeat
    pub hidden: usize,
    /// The halt for all
    pub halt: Option<Ordered>,
    /// The throttle directive for all
    pub directive: Option<Throttle>,
    pub instances: Vec<Row>,
}

/// A look, with its JSON for callers who see money and for those who do not.
#[derive(Default)]
pub struct Look {
    pub fleet: Fleet,
    /// What has changed since the look before.
    changes: [String; 2],
    whole: [OnceLock<String>; 2],
}

impl Look {
    pub fn number(&self) -> u64 {
        self.fleet.number
    }

    /// The fleet.
    pub fn whole(&self, money: bool) -> &str {
        self.whole[usize::from(money)].get_or_init(|| {
            let mut whole = json!(self.fleet);
            if !money {
                whole["instances"].as_array_mut().into_iter().flatten().for_each(hide);
            }
            whole.to_string()
        })
    }

    /// The fleet as far as it differs from the look before: `changed` has the changed fields of each row, and of its
    /// heartbeat, by id; `gone` the ids that are no longer there.
    pub fn changes(&self, money: bool) -> &str {
        &self.changes[usize::from(money)]
    }
}

/// Hides the money of a row.
fn hide(row: &mut Value) {
    // An index would add what is not there.
    if let Some(beat) = row.get_mut("beat").and_then(Value::as_object_mut) {
        for field in MONEY {
            if let Some(value) = beat.get_mut(field) {
                *value = Value::Null;
            }
        }
    }
}

/// The rows by id, as JSON.
type Rows = HashMap<String, Value>;

pub struct Watch {
    nodes: Nodes,
    ttl_ms: u64,
    last: Arc<Look>,
    rows: Rows,
}

impl Watch {
    /// Starts the thread. Returns the looks, and what asks for a look at once.
    pub fn start(config: &Config) -> (watch::Receiver<Arc<Look>>, SyncSender<()>) {
        let [nodes, ..] = Nodes::lanes(config);
        let ttl_ms = config.ris_ttl.as_millis() as u64;
        let mut watch = Self { nodes, ttl_ms, last: Arc::default(), rows: Rows::new() };
        let (sender, receiver) = watch::channel(Arc::default());
        let (poke, poked) = sync_channel(1);
        thread::spawn(move || watch.run(&sender, &poked));
        (receiver, poke)
    }

    fn run(&mut self, looks: &watch::Sender<Arc<Look>>, poked: &Receiver<()>) {
        loop {
            self.look();
            if looks.send(self.last.clone()).is_err() {
                return;
            }
            // Two of the receivers are the server's own.
            let every = if looks.receiver_count() > 2 { EVERY } else { IDLE };
            if let Err(RecvTimeoutError::Disconnected) = poked.recv_timeout(every) {
                return;
            }
        }
    }

    /// Looks once. If Redis does not answer, everything else stays as it was.
    fn look(&mut self) {
        let number = self.last.number() + 1;
        let fleet = match self.read() {
            Ok(fleet) => Fleet { number, ..fleet },
            Err(error) => {
                let trouble = Some(self.nodes.describe(&error));
                Fleet { number, trouble, ..self.last.fleet.clone() }
            }
        };
        let rows: Rows = fleet.instances.iter().map(|row| (row.id.clone(), json!(row))).collect();
        let changes = [false, true].map(|money| changes(&fleet, &self.rows, &rows, money));
        self.rows = rows;
        self.last = Arc::new(Look { fleet, changes, ..Look::default() });
    }

    fn read(&mut self) -> Result<Fleet> {
        let nodes = &mut self.nodes;
        nodes.refresh()?;
        let Instances { alive, dead, invalid_count, .. } = instances::read(nodes)?;
        let now_ms = nodes.now_ms()?;
        let all = [key::HALT, key::DIRECTIVE].map(|key| (key, redis::cmd("GET").arg(key).clone()));
        let mut answers = nodes.ask_all(&all)?.into_iter();
        let mut next = || text(answers.next().expect("an answer to each command"));
        let (halt, directive) =
            (next()?.and_then(|value| ordered(&value)), next()?.and_then(|value| asked(&value, now_ms)));
        let moment = Moment {
            now_ms,
            ttl_ms: self.ttl_ms,
            halt: halt.as_ref().map_or(Level::None, |halt| halt.level),
        };
        let mut rows = Vec::new();
        // Both keys of an instance are in one slot.
        let asked_of: Vec<_> =
            alive.iter().map(|(name, _)| (key::halt(name), key::directive(name))).collect();
        let commands: Vec<_> = asked_of
            .iter()
            .map(|(halt, directive)| {
                (halt.as_str(), redis::cmd("MGET").arg(&**halt).arg(&**directive).clone())
            })
            .collect();
        for ((name, heartbeat), answer) in alive.into_iter().zip(nodes.ask_all(&commands)?) {
            let own =
                answer_about_key(answer)?.and_then(|own| <[Option<Vec<u8>>; 2]>::from_redis_value(own).ok());
            let [halt, directive] = own.unwrap_or_default();
            let halt = halt.and_then(|value| ordered(&value));
            let directive = directive.and_then(|value| asked(&value, now_ms));
            rows.push(fleet::row(name, heartbeat, halt, directive, &moment));
        }
        let hidden = dead.len().saturating_sub(DEAD) + invalid_count;
        rows.extend(dead.into_iter().take(DEAD).map(|(name, seen_ms)| fleet::gone(name, seen_ms, now_ms)));
        rows.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(Fleet { number: 0, time_ms: now_ms, trouble: None, hidden, halt, directive, instances: rows })
    }
}

/// The text of a key, if it has one.
fn text(answer: RedisResult<Reply>) -> Result<Option<Vec<u8>>> {
    let answer = answer_about_key(answer)?;
    Ok(answer.and_then(|value| Option::<Vec<u8>>::from_redis_value(value).ok().flatten()))
}

/// The halt that a value orders; none if it ends one.
fn ordered(value: &[u8]) -> Option<Ordered> {
    Ordered::of(order::read(value))
}

/// The throttle that a value asks for; none if it is over.
fn asked(value: &[u8], now_ms: u64) -> Option<Throttle> {
    let directive = Directive::read(std::str::from_utf8(value).ok()?)?;
    let Directive { level, until_ms } = directive;
    (level > 0 && until_ms > now_ms).then_some(Throttle { level, until_ms })
}

/// What differs between two looks.
fn changes(fleet: &Fleet, before: &Rows, now: &Rows, money: bool) -> String {
    let mut changed = Map::new();
    for (id, row) in now {
        let mut difference = match before.get(id) {
            Some(old) => difference(old, row),
            None => row.clone(),
        };
        if !money {
            hide(&mut difference);
        }
        if difference.as_object().is_some_and(|fields| !fields.is_empty()) {
            changed.insert(id.clone(), difference);
        }
    }
    let gone: Vec<&String> = before.keys().filter(|id| !now.contains_key(*id)).collect();
    let Fleet { number, time_ms, trouble, hidden, halt, directive, .. } = fleet;
    json!({
        "number": number, "time_ms": time_ms, "trouble": trouble, "hidden": hidden, "halt": halt,
        "directive": directive, "changed": changed, "gone": gone,
    })
    .to_string()
}

/// The fields that differ, and of a heartbeat its fields that differ.
fn difference(old: &Value, new: &Value) -> Value {
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else { return new.clone() };
    let differing = new.iter().filter(|(name, value)| old.get(*name) != Some(value));
    let fields = differing.map(|(name, value)| {
        let inner = old.get(name).filter(|old| name.as_str() == "beat" && old.is_object());
        let value =
            inner.filter(|_| value.is_object()).map_or_else(|| value.clone(), |old| difference(old, value));
        (name.clone(), value)
    });
    Value::Object(fields.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::fleet::Beat;

    fn row(id: &str, equity: f64) -> Row {
        let beat = Beat { equity: Some(equity), positions: 2, ..Beat::default() };
        Row { id: id.into(), alive: true, beat: Some(beat), ..Row::default() }
    }

    fn rows(rows: &[Row]) -> Rows {
        rows.iter().map(|row| (row.id.clone(), json!(row))).collect()
    }

    #[test]
    fn only_what_differs_is_sent_and_money_only_to_who_may_see_it() {
        let before = rows(&[row("a", 1.0), row("b", 1.0), row("c", 1.0)]);
        let now = rows(&[row("a", 2.0), row("b", 1.0), Row { alive: false, beat: None, ..row("d", 0.0) }]);
        let read = |money| -> Value {
            serde_json::from_str(&changes(&Fleet::default(), &before, &now, money)).unwrap()
        };
        let seen = read(true);
        assert_eq!(seen["changed"]["a"], json!({ "beat": { "equity": 2.0 } }));
        assert_eq!(seen["changed"].get("b"), None);
        assert_eq!((&seen["changed"]["d"]["id"], &seen["changed"]["d"]["beat"]), (&json!("d"), &Value::Null));
        assert_eq!(seen["gone"], json!(["c"]));
        let hidden = read(false);
        assert_eq!(hidden["changed"]["a"], json!({ "beat": { "equity": null } }));
        assert_eq!(hidden["changed"].as_object().unwrap().len(), 2, "{hidden}");
        let look =
            Look { fleet: Fleet { instances: vec![row("a", 7.25)], ..Fleet::default() }, ..Look::default() };
        assert!(look.whole(true).contains("7.25") && !look.whole(false).contains("7.25"));
    }

    #[test]
    fn a_directive_that_is_over_asks_for_nothing() {
        assert_eq!(asked(b"2:1000", 999), Some(Throttle { level: 2, until_ms: 1000 }));
        for value in [&b"2:1000"[..], b"0:9999", b"x", b"", b"\xff:1"] {
            assert_eq!(asked(value, 1000), None, "{value:?}");
        }
    }
}

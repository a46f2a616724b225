//! The latest states of positions, from their hashes. An instance's sets name the open positions and the closed ones.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use mt5_redis::inbox::reply::{array, bytes, text};
use mt5_redis::model::key;
use mt5_redis::model::traded::Traded;
use redis::{Cmd, Value};

use super::notes::Notes;
use super::rows;
use super::source::{Source, told};
use super::tables::Row;
use crate::observe::nodes::{Nodes, answer_about_key};

/// How many hashes are asked for at once.
const TOGETHER: usize = 500;

/// Positions that were open when they were last read, by instance: what became of them is read again.
#[derive(Default)]
pub struct Positions(BTreeMap<String, BTreeSet<i64>>);

impl Positions {
    /// Reads an instance's open positions, those that were open before, and those closed since this time, ms. Passes on
    /// some rows at a time.
    pub fn read(
        &mut self,
        source: &mut Source,
        instance: &str,
        since_ms: u64,
        notes: &mut Notes,
        take: &mut dyn FnMut(Vec<Row>) -> Result<()>,
    ) -> Result<()> {
        let nodes = &mut source.rts;
        let open_key = key::open_trades(instance);
        let members = ask(nodes, &open_key, redis::cmd("SMEMBERS").arg(open_key.as_str()), notes)?;
        let open: BTreeSet<i64> = ids(&members).collect();
        let closed_key = key::closed_trades(instance);
        let mut range = redis::cmd("ZRANGEBYSCORE");
        range.arg(closed_key.as_str()).arg(since_ms).arg("+inf");
        let closed = ask(nodes, &closed_key, &range, notes)?;
        let before = self.0.insert(instance.to_owned(), open.clone()).unwrap_or_default();
        let positions: BTreeSet<i64> = ids(&closed).chain(open).chain(before).collect();
        let positions: Vec<i64> = positions.into_iter().collect();
        for some in positions.chunks(TOGETHER) {
            take(states(nodes, instance, some, notes)?)?;
        }
        Ok(())
    }
}

/// The rows of positions. One that has expired by now has none.
fn states(nodes: &mut Nodes, instance: &str, positions: &[i64], notes: &mut Notes) -> Result<Vec<Row>> {
    let keys: Vec<_> = positions.iter().map(|position| key::trade(instance, *position)).collect();
    let ask = |key: &str| redis::cmd("HGETALL").arg(key).clone();
    let commands: Vec<_> = keys.iter().map(|key| (key.as_str(), ask(key))).collect();
    let answers = nodes.ask_all(&commands).map_err(|error| told(nodes, &error))?;
    let mut found = Vec::new();
    for (&position, answer) in positions.iter().zip(answers) {
        let hash = match answer {
            Err(error) if error.is_io_error() => {
                notes.unreadable("trades", instance, "a position is too large to be read".to_owned());
                continue;
            }
            answer => answer_about_key(answer).map_err(|error| told(nodes, &error))?.unwrap_or(Value::Nil),
        };
        let hash: Vec<Vec<u8>> =
            array(&hash).iter().filter_map(|value| Some(bytes(value)?.to_vec())).collect();
        if hash.is_empty() {
            continue;
        }
        match Traded::decode(position, &hash) {
            Ok(traded) => found.push(rows::trade(instance, position, traded)),
            Err(why) => notes.unreadable("trades", instance, why),
        }
    }
    Ok(found)
}

/// The answer about a set. One that is too large, or no set, is noted.
fn ask(nodes: &mut Nodes, key: &str, command: &Cmd, notes: &mut Notes) -> Result<Value> {
    let answer = nodes.ask_all(&[(key, command.clone())]).map_err(|error| told(nodes, &error))?.remove(0);
    match answer {
        Err(error) if error.is_io_error() => {
            notes.unreadable("trades", key, "it is too large to be read".to_owned());
            Ok(Value::Nil)
        }
        answer => Ok(answer_about_key(answer).map_err(|error| told(nodes, &error))?.unwrap_or(Value::Nil)),
    }
}

/// The identifiers in a set; whoever may write it may add anything else.
fn ids(members: &Value) -> impl Iterator<Item = i64> {
    array(members).iter().filter_map(|member| text(member)?.parse().ok().filter(|id| *id > 0))
}

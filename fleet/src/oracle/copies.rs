//! Copies: the open positions of each follower, as Redis has them, are those of its source, and its account executed each
//! signal of its source once.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow};
use mt5_redis::config::Config;
use redis::FromRedisValue;
use rmpv::Value;

use super::values::Hash;
use crate::history::Execution;
use crate::ledger::Ledger;
use crate::observe::nodes::Nodes;

/// The most findings that are kept in words; the counts have all.
const FINDINGS: usize = 100;
/// The fields of a position that a copy shares, and the comment, with their places in a packed record.
const SYMBOL: (&str, usize) = ("sy", 7);
const SIDE: (&str, usize) = ("sd", 8);
const VOLUME: (&str, usize) = ("vo", 9);
const STOP_LOSS: (&str, usize) = ("sl", 14);
const TAKE_PROFIT: (&str, usize) = ("tp", 15);
const COMMENT: (&str, usize) = ("co", 24);

/// An account that copies another.
#[derive(Clone, Debug)]
pub struct Following {
    pub follower: String,
    pub source: String,
    /// What the account's broker says was executed.
    pub executions: Vec<Execution>,
}

/// What the check of the copies found.
#[derive(Debug, Default, PartialEq)]
pub struct Copies {
    pub sources: u64,
    pub followers: u64,
    /// Open copies that are as the source's position.
    pub open: u64,
    /// Positions of a source without a copy.
    pub missing: u64,
    /// Copies of nothing that is open, and second copies of a position.
    pub surplus: u64,
    /// Copies with another symbol, side, volume or stop than the source's position.
    pub wrong: u64,
    /// Signals that were executed once, counted for each follower.
    pub copied: u64,
    pub uncopied: u64,
    /// Executions of a signal that was executed before or that its source never gave.
    pub repeated: u64,
    /// What is wrong, in words; the first hundred.
    pub findings: Vec<String>,
}

impl Copies {
    /// Whether nothing is wrong. A check without a copied signal shows nothing.
    pub fn is_good(&self) -> bool {
        self.faults() == 0 && self.copied > 0
    }

    /// How much is wrong.
    pub fn faults(&self) -> u64 {
        self.missing + self.surplus + self.wrong + self.uncopied + self.repeated
    }

    /// The counts, as in the last line of the demo.
    pub fn numbers(&self) -> String {
        let Self { sources, open, missing, surplus, wrong, copied, uncopied, repeated, .. } = self;
        format!(
            "sources={sources} copies={open} missing={missing} surplus={surplus} wrong={wrong} copied={copied} \
             uncopied={uncopied} repeated={repeated}"
        )
    }

    fn find(&mut self, finding: String) {
        if self.findings.len() < FINDINGS {
            self.findings.push(finding);
        }
    }
}

/// Checks followers that have ended, against their sources' ledgers and positions.
pub fn check(config: &Config, ledgers: &[Ledger], followings: &[Following]) -> Result<Copies> {
    let [_, mut nodes, _] = Nodes::lanes(config);
    nodes.refresh()?;
    let mut copies = Copies::default();
    let mut sources: BTreeMap<&str, BTreeMap<i64, Hash>> = BTreeMap::new();
    for Following { follower, source, executions } in followings {
        copies.followers += 1;
        if !sources.contains_key(source.as_str()) {
            sources.insert(source, positions(&mut nodes, source)?);
        }
        match ledgers.iter().find(|ledger| ledger.instance == *source) {
            Some(ledger) => executed(follower, ledger, executions, &mut copies)?,
            None => copies.find(format!("{source}, which {follower} copies, never started")),
        }
        held(follower, source, &sources[source.as_str()], positions(&mut nodes, follower)?, &mut copies);
    }
    copies.sources = sources.len() as u64;
    Ok(copies)
}

/// The open positions of an instance.
fn positions(nodes: &mut Nodes, instance: &str) -> Result<BTreeMap<i64, Hash>> {
    let ids: Vec<i64> = nodes.ask_owner(redis::cmd("SMEMBERS").arg(format!("to:{{{instance}}}")))?;
    let keys: Vec<String> = ids.iter().map(|id| format!("ts:{{{instance}}}:{id}")).collect();
    let commands: Vec<_> =
        keys.iter().map(|key| (key.as_str(), redis::cmd("HGETALL").arg(key).clone())).collect();
    let hashes = nodes.ask_all(&commands)?.into_iter();
    let hashes = hashes.map(|hash| Ok(Hash::from_redis_value(hash?)?)).collect::<Result<Vec<_>>>()?;
    Ok(ids.into_iter().zip(hashes).collect())
}

/// Compares a follower's positions with its source's.
fn held(
    follower: &str,
    source: &str,
    positions: &BTreeMap<i64, Hash>,
    found: BTreeMap<i64, Hash>,
    copies: &mut Copies,
) {
    let mut copied = BTreeMap::new();
    for (id, copy) in &found {
        let comment = field(copy, COMMENT);
        let origin = comment.strip_prefix(source).and_then(|rest| rest.trim_start().parse::<i64>().ok());
        match origin.filter(|origin| positions.contains_key(origin)) {
            Some(origin) if copied.insert(origin, copy).is_none() => {}
            Some(origin) => {
                copies.surplus += 1;
                copies.find(format!("{follower} copies position {origin} of {source} twice, also as {id}"));
            }
            None => {
                copies.surplus += 1;
                copies.find(format!(
                    "position {id} of {follower}, {comment:?}, is a copy of nothing that is open at {source}"
                ));
            }
        }
    }
    for (id, position) in positions {
        let Some(copy) = copied.get(id) else {
            copies.missing += 1;
            copies.find(format!("{follower} has no copy of position {id} of {source}"));
            continue;
        };
        let fields = [SYMBOL, SIDE, VOLUME, STOP_LOSS, TAKE_PROFIT];
        let differing = fields.iter().find(|name| !same(&field(position, **name), &field(copy, **name)));
        let Some(&name) = differing else {
            copies.open += 1;
            continue;
        };
        copies.wrong += 1;
        let (theirs, ours) = (field(position, name), field(copy, name));
        copies.find(format!(
            "the copy of position {id} of {source} at {follower} has {} {ours:?}, the position has {theirs:?}",
            name.0
        ));
    }
}

/// Compares what an account executed with the signals of its source.
fn executed(follower: &str, ledger: &Ledger, executions: &[Execution], copies: &mut Copies) -> Result<()> {
    let name = &ledger.producers[2];
    let producer = u64::from_str_radix(name, 16).map_err(|_| anyhow!("{name} is not a producer's name"))?;
    let mut left: BTreeMap<(i64, i64), bool> =
        ledger.signals.iter().map(|given| ((producer as i64, given.sequence as i64), false)).collect();
    for execution in executions {
        match left.get_mut(&(execution.producer, execution.sequence)) {
            Some(done) if !*done => {
                *done = true;
                copies.copied += 1;
            }
            of => {
                let what = if of.is_some() { "a second time" } else { "which was never given" };
                copies.repeated += 1;
                copies.find(format!(
                    "{follower} executed signal {} of {}, {what}",
                    execution.sequence, ledger.instance
                ));
            }
        }
    }
    for ((_, sequence), _) in left.iter().filter(|(_, done)| !**done) {
        copies.uncopied += 1;
        copies.find(format!("{follower} did not execute signal {sequence} of {}", ledger.instance));
    }
    Ok(())
}

/// A field as text, from either encoding; empty if it is absent.
fn field(hash: &Hash, (name, place): (&str, usize)) -> String {
    let Some(mut packed) = hash.get("d").map(Vec::as_slice) else {
        return hash.get(name).map(|text| String::from_utf8_lossy(text).into_owned()).unwrap_or_default();
    };
    let record = rmpv::decode::read_value(&mut packed).unwrap_or(Value::Nil);
    match record.as_array().and_then(|record| record.get(place)) {
        Some(Value::String(text)) => text.as_str().unwrap_or_default().to_owned(),
        Some(Value::Nil) | None => String::new(),
        Some(number) => number.to_string(),
    }
}

/// Whether two fields say the same; numbers may be written in several ways.
fn same(left: &str, right: &str) -> bool {
    match (left.parse::<f64>(), right.parse::<f64>()) {
        (Ok(left), Ok(right)) => left == right,
        _ => left == right && !left.is_empty(),
    }
}

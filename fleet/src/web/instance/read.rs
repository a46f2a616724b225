//! Reads what is known of one instance. Whoever may write a key can write anything into it: what cannot be read is counted.

use mt5_redis::config::Config;
use mt5_redis::inbox::item::EntryId;
use mt5_redis::inbox::reply::{array, bytes, entries, number, text};
use mt5_redis::model::equity::EquityHistory;
use mt5_redis::model::event::TradeEvent;
use mt5_redis::model::key;
use mt5_redis::model::received::Received;
use mt5_redis::model::reported::Reported;
use mt5_redis::model::traded::Traded;
use redis::{Cmd, Value};

use super::super::problem::Problem;
use super::rows::{Equity, Event, Report, Signal, Trade};
use super::{MOST, Page, Period, Positions, Wanted};
use crate::errors::server_reply;
use crate::observe::nodes::{Nodes, answer_about_key};
use crate::output;

/// What cannot be read: how many, and why the first.
#[derive(Default)]
struct Unreadable(u64, String);

impl Unreadable {
    fn add(&mut self, why: String) {
        if self.0 == 0 {
            self.1 = why;
        }
        self.0 += 1;
    }

    fn told(self) -> Option<String> {
        (self.0 > 0).then(|| output::sanitized(&format!("{} unreadable, the first: {}", self.0, self.1)))
    }
}

fn told(nodes: &Nodes, error: &anyhow::Error) -> Problem {
    Problem::upstream(&nodes.describe(error))
}

/// The answers to commands about keys. One that is too large is an error in words.
fn ask(nodes: &mut Nodes, commands: &[(&str, Cmd)]) -> Result<Vec<Result<Value, String>>, Problem> {
    let answers = nodes.ask_all(commands).map_err(|error| told(nodes, &error))?;
    let answers = answers.into_iter().map(|answer| match answer {
        Err(error) if error.is_io_error() => Ok(Err(server_reply(&error))),
        answer => Ok(Ok(answer_about_key(answer)?.unwrap_or(Value::Nil))),
    });
    answers.collect::<anyhow::Result<_>>().map_err(|error| told(nodes, &error))
}

fn ask_one(nodes: &mut Nodes, key: &str, command: &Cmd) -> Result<Result<Value, String>, Problem> {
    ask(nodes, &[(key, command.clone())]).map(|mut answers| answers.remove(0))
}

fn connected(mut nodes: Nodes) -> Result<Nodes, Problem> {
    nodes.refresh().map_err(|error| told(&nodes, &error))?;
    Ok(nodes)
}

pub fn equity(config: &Config, instance: &str, period: Period, money: bool) -> Result<Equity, Problem> {
    let [ris, ..] = Nodes::lanes(config);
    let mut ris = connected(ris)?;
    let now_ms = ris.now_ms().map_err(|error| told(&ris, &error))?;
    let key = key::equity(instance);
    let answer = ask_one(&mut ris, &key, redis::cmd("GET").arg(key.as_str()))?;
    let history = answer.and_then(|answer| match bytes(&answer) {
        Some(bytes) => EquityHistory::read(bytes, i64::try_from(now_ms).unwrap_or(i64::MAX)),
        None => Ok(EquityHistory::default()),
    });
    Ok(match history {
        Ok(EquityHistory { minutes, hours }) => {
            Equity::of(if matches!(period, Period::Minutes) { &minutes } else { &hours }, money)
        }
        Err(why) => Equity { unreadable: Some(output::sanitized(&why)), ..Equity::of(&[], money) },
    })
}

pub fn positions(config: &Config, instance: &str, money: bool) -> Result<Positions, Problem> {
    let [_, rts, _] = Nodes::lanes(config);
    let mut rts = connected(rts)?;
    let key = key::open_trades(instance);
    // A set may have any number of members, and this gives all of them or as many as are shown.
    let commands = [
        redis::cmd("SCARD").arg(key.as_str()).clone(),
        redis::cmd("SRANDMEMBER").arg(key.as_str()).arg(MOST).clone(),
    ];
    let mut answers = ask(&mut rts, &commands.map(|command| (key.as_str(), command)))?.into_iter();
    let mut next = || answers.next().unwrap_or(Ok(Value::Nil));
    let mut unreadable = Unreadable::default();
    let count = next().ok().as_ref().and_then(number).unwrap_or(0);
    let mut open = next().map(|members| ids(&members)).unwrap_or_else(|why| {
        unreadable.add(why);
        Vec::new()
    });
    open.sort_unstable();
    let positions = states(&mut rts, instance, &open, money, &mut unreadable)?;
    Ok(Positions { count, positions, unreadable: unreadable.told() })
}

pub fn trades(config: &Config, instance: &str, wanted: &Wanted, money: bool) -> Result<Page<Trade>, Problem> {
    let (count, skipped) = (wanted.count(), wanted.skipped()?);
    let [_, rts, _] = Nodes::lanes(config);
    let mut rts = connected(rts)?;
    let key = key::closed_trades(instance);
    let range = redis::cmd("ZREVRANGE").arg(key.as_str()).arg(skipped).arg(skipped + count - 1).clone();
    let mut unreadable = Unreadable::default();
    let members = ask_one(&mut rts, &key, &range)?.unwrap_or_else(|why| {
        unreadable.add(why);
        Value::Nil
    });
    let rows = states(&mut rts, instance, &ids(&members), money, &mut unreadable)?;
    let next = (array(&members).len() == count).then(|| (skipped + count).to_string());
    Ok(Page { rows, next, unreadable: unreadable.told() })
}

/// The identifiers among the members of a set.
fn ids(members: &Value) -> Vec<i64> {
    array(members).iter().filter_map(|member| text(member)?.parse().ok().filter(|id| *id > 0)).collect()
}

/// What is known of these positions, in the same order. One that has expired by now is left out.
fn states(
    nodes: &mut Nodes,
    instance: &str,
    positions: &[i64],
    money: bool,
    unreadable: &mut Unreadable,
) -> Result<Vec<Trade>, Problem> {
    let keys: Vec<_> = positions.iter().map(|position| key::trade(instance, *position)).collect();
    let hash = |key: &str| redis::cmd("HGETALL").arg(key).clone();
    let commands: Vec<_> = keys.iter().map(|key| (key.as_str(), hash(key))).collect();
    let mut found = Vec::new();
    for (&position, answer) in positions.iter().zip(ask(nodes, &commands)?) {
        let traded = answer.and_then(|hash| {
            let items: Vec<Vec<u8>> =
                array(&hash).iter().filter_map(|value| Some(bytes(value)?.to_vec())).collect();
            (!items.is_empty()).then(|| Traded::decode(position, &items)).transpose()
        });
        match traded {
            Ok(traded) => found.extend(traded.map(|traded| Trade::of(position, traded, money))),
            Err(why) => unreadable.add(why),
        }
    }
    Ok(found)
}

pub fn events(config: &Config, instance: &str, wanted: &Wanted, money: bool) -> Result<Page<Event>, Problem> {
    let [_, rts, _] = Nodes::lanes(config);
    let decode = |id, entry: &[Vec<u8>]| Ok(Event::of(id, TradeEvent::decode(entry)?, money));
    newest(rts, &key::trade_events(instance), wanted, decode)
}

pub fn signals(config: &Config, instance: &str, wanted: &Wanted) -> Result<Page<Signal>, Problem> {
    let [_, _, rtss] = Nodes::lanes(config);
    let decode = |id, entry: &[Vec<u8>]| {
        let signal = Received::decode(entry)?;
        of(instance, &signal.instance)?;
        Ok(Signal::of(id, signal))
    };
    newest(rtss, &key::signals(shard(config, instance), instance), wanted, decode)
}

pub fn reports(config: &Config, instance: &str, wanted: &Wanted) -> Result<Page<Report>, Problem> {
    let [_, _, rtss] = Nodes::lanes(config);
    let decode = |id, entry: &[Vec<u8>]| {
        let report = Reported::decode(entry)?;
        of(instance, &report.instance)?;
        Ok(Report::of(id, report))
    };
    newest(rtss, &key::reports(shard(config, instance), instance), wanted, decode)
}

fn shard(config: &Config, instance: &str) -> u16 {
    if config.rtss_shards == 1 { 0 } else { key::shard(instance, config.rtss_shards) }
}

fn of(instance: &str, said: &str) -> Result<(), String> {
    if instance == said { Ok(()) } else { Err(format!("it says that it is of {said}")) }
}

/// The newest entries of a stream, as far as they are wanted.
fn newest<T>(
    nodes: Nodes,
    stream: &str,
    wanted: &Wanted,
    decode: impl Fn(EntryId, &[Vec<u8>]) -> Result<T, String>,
) -> Result<Page<T>, Problem> {
    let (count, end) = (wanted.count(), wanted.end()?);
    let mut nodes = connected(nodes)?;
    let range = redis::cmd("XREVRANGE").arg(stream).arg(end).arg("-").arg("COUNT").arg(count).clone();
    let mut unreadable = Unreadable::default();
    let found = ask_one(&mut nodes, stream, &range)?.unwrap_or_else(|why| {
        unreadable.add(why);
        Value::Nil
    });
    let found = entries(&found);
    let next = found.last().filter(|_| found.len() == count).map(|(id, _)| id.to_string());
    let mut rows = Vec::new();
    for (id, entry) in found {
        match decode(id, &entry.unwrap_or_default()) {
            Ok(row) => rows.push(row),
            Err(why) => unreadable.add(why),
        }
    }
    Ok(Page { rows, next, unreadable: unreadable.told() })
}

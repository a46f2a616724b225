//! What Redis has to export: streams by their table and instance, and which instances have trades. It reads and changes
//! nothing. Lists of names are hints that anybody may fill, and an entry may say anything: whatever does not fit is told and
//! left out.

use std::collections::BTreeSet;

use anyhow::{Result, anyhow};
use mt5_redis::config::Config;
use mt5_redis::inbox::item::EntryId;
use mt5_redis::inbox::reply::number;
use mt5_redis::model::received::Received;
use mt5_redis::model::reported::Reported;
use mt5_redis::model::{InstanceId, TradeEvent, key};

use super::rows::{self, Record};
use super::tables::Table;
use crate::observe::names;
use crate::observe::nodes::{Nodes, answer_about_key};
use crate::observe::pages::{self, Page};

/// A stream with the rows of one instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stream {
    pub table: Table,
    pub instance: String,
    pub key: String,
}

/// What there is.
#[derive(Default)]
pub struct Look {
    pub streams: BTreeSet<Stream>,
    /// Instances with trades.
    pub trades: BTreeSet<String>,
    /// Instances with a history of equity.
    pub equity: BTreeSet<String>,
}

/// The servers of a fleet, and what of it is wanted.
pub struct Source {
    pub ris: Nodes,
    pub rts: Nodes,
    rtss: Nodes,
    shards: u16,
    pub tables: BTreeSet<Table>,
    /// Empty: all.
    instances: BTreeSet<String>,
}

impl Source {
    pub fn new(config: &Config, tables: BTreeSet<Table>, instances: BTreeSet<String>) -> Self {
        let [ris, rts, rtss] = Nodes::lanes(config);
        Self { ris, rts, rtss, shards: config.rtss_shards, tables, instances }
    }

    /// Finds the servers, and returns the clock of the one for signals, ms.
    pub fn connect(&mut self) -> Result<u64> {
        for nodes in [&mut self.ris, &mut self.rts, &mut self.rtss] {
            nodes.refresh().map_err(|error| told(nodes, &error))?;
        }
        self.rtss.now_ms().map_err(|error| told(&self.rtss, &error))
    }

    /// The clock of the server with the trades, ms.
    pub fn now_ms(&mut self) -> Result<u64> {
        self.rts.now_ms().map_err(|error| told(&self.rts, &error))
    }

    /// Finds the streams and instances of the wanted tables. A thorough look asks every server for all its keys; another
    /// one finds new terminals by the list of heartbeats.
    pub fn look(&mut self, thorough: bool) -> Result<Look> {
        let mut look = Look::default();
        if self.wants(Table::Signals) || self.wants(Table::Reports) {
            let keys = self.rtss.scan("s[rs]:{*}:*").map_err(|error| told(&self.rtss, &error))?;
            for key in keys {
                let Some((_, instance)) = key.split_once("}:") else { continue };
                let table = if key.starts_with("sr:") { Table::Reports } else { Table::Signals };
                let stream = self.stream(table, instance);
                // No terminal writes any other key.
                if self.is_wanted(instance) && self.wants(table) && stream.key == key {
                    look.streams.insert(stream);
                }
            }
        }
        if ![Table::Trades, Table::Events, Table::Equity].iter().any(|table| self.wants(*table)) {
            return Ok(look);
        }
        let listed = names::read(&mut self.ris, key::INSTANCE_LIST);
        let listed = listed.map_err(|error| told(&self.ris, &error))?.instances;
        let listed: Vec<String> = listed.into_keys().filter(|name| self.is_wanted(name)).collect();
        if self.wants(Table::Trades) {
            look.trades = self.with_key(Table::Trades, &["to", "tc"], &listed, thorough)?;
        }
        if self.wants(Table::Events) {
            let instances = self.with_key(Table::Events, &["te"], &listed, thorough)?;
            look.streams.extend(instances.iter().map(|instance| self.stream(Table::Events, instance)));
        }
        if self.wants(Table::Equity) {
            look.equity = self.with_key(Table::Equity, &["ih"], &listed, thorough)?;
        }
        Ok(look)
    }

    /// The instances that have a key of one of these kinds, `kind:{I}`: of those that are listed, or of all.
    fn with_key(
        &mut self,
        table: Table,
        kinds: &[&str],
        listed: &[String],
        thorough: bool,
    ) -> Result<BTreeSet<String>> {
        let nodes = self.nodes(table);
        let mut found = BTreeSet::new();
        for kind in kinds {
            let keys: Vec<String> = if thorough {
                nodes.scan(&format!("{kind}:{{*}}")).map_err(|error| told(nodes, &error))?
            } else {
                let keys: Vec<String> = listed.iter().map(|name| format!("{kind}:{{{name}}}")).collect();
                let existing = names::existing(nodes, &keys).map_err(|error| told(nodes, &error))?;
                existing.into_iter().map(str::to_owned).collect()
            };
            let name = |key: String| Some(key.get(kind.len() + 2..)?.strip_suffix('}')?.to_owned());
            found.extend(keys.into_iter().filter_map(name));
        }
        found.retain(|instance| self.is_wanted(instance));
        Ok(found)
    }

    /// How many entries each of these streams has.
    pub fn lengths(&mut self, streams: &[Stream]) -> Result<Vec<u64>> {
        let mut lengths = Vec::new();
        for of_table in streams.chunk_by(|one, other| one.table == other.table) {
            let ask = |stream: &Stream| redis::cmd("XLEN").arg(&stream.key).clone();
            let commands: Vec<_> = of_table.iter().map(|stream| (stream.key.as_str(), ask(stream))).collect();
            let nodes = self.nodes(of_table[0].table);
            for answer in nodes.ask_all(&commands).map_err(|error| told(nodes, &error))? {
                let answer = answer_about_key(answer).map_err(|error| told(nodes, &error))?;
                lengths.push(answer.as_ref().and_then(number).unwrap_or(0));
            }
        }
        Ok(lengths)
    }

    /// A page of each of these streams of one server, from the place beside it on. A stream whose page does not fit into
    /// one answer with the others is asked again alone.
    pub fn pages(&mut self, streams: &[(&Stream, String)]) -> Result<Vec<Page>> {
        let Some((first, _)) = streams.first() else { return Ok(Vec::new()) };
        let nodes = self.nodes(first.table);
        let keys: Vec<_> = streams.iter().map(|(stream, from)| (stream.key.clone(), from.as_str())).collect();
        let mut read = || {
            let mut found = pages::read(nodes, &keys)?;
            for (page, key) in found.iter_mut().zip(&keys) {
                if page.is_err() && keys.len() > 1 {
                    *page = pages::read(nodes, std::slice::from_ref(key))?.remove(0);
                }
            }
            Ok(found)
        };
        let found = read();
        found.map_err(|error| told(self.nodes(first.table), &error))
    }

    /// The lane that has a table.
    fn nodes(&mut self, table: Table) -> &mut Nodes {
        match table {
            Table::Trades | Table::Events => &mut self.rts,
            Table::Equity => &mut self.ris,
            Table::Signals | Table::Reports => &mut self.rtss,
        }
    }

    pub fn wants(&self, table: Table) -> bool {
        self.tables.contains(&table)
    }

    fn is_wanted(&self, instance: &str) -> bool {
        let wanted = self.instances.is_empty() || self.instances.contains(instance);
        wanted && InstanceId::new(instance).is_ok()
    }

    fn stream(&self, table: Table, instance: &str) -> Stream {
        let shard = if self.shards == 1 { 0 } else { key::shard(instance, self.shards) };
        let key = match table {
            Table::Reports => key::reports(shard, instance),
            Table::Events => key::trade_events(instance),
            _ => key::signals(shard, instance),
        };
        Stream { table, instance: instance.to_owned(), key: key.to_string() }
    }
}

/// An entry of a stream as a row, or why it is none.
pub fn record(stream: &Stream, id: EntryId, entry: &[Vec<u8>]) -> Result<Record, String> {
    let of = |instance: &str| match instance == stream.instance {
        true => Ok(()),
        false => Err(format!("it says that it is of {instance}")),
    };
    match stream.table {
        Table::Trades | Table::Equity => Err("it is no entry of a stream".to_owned()),
        Table::Events => Ok(rows::event(&stream.instance, TradeEvent::decode(entry)?, id)),
        Table::Signals => {
            let signal = Received::decode(entry)?;
            of(&signal.instance)?;
            Ok(rows::signal(signal, id))
        }
        Table::Reports => {
            let report = Reported::decode(entry)?;
            of(&report.instance)?;
            Ok(rows::report(report, id))
        }
    }
}

/// An error at a lane in words.
pub fn told(nodes: &Nodes, error: &anyhow::Error) -> anyhow::Error {
    anyhow!("{}", nodes.describe(error))
}

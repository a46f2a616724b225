//! Reads execution reports and signals, a page at a time, from whichever server has them.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow};
use mt5_redis::config::Config;
use mt5_redis::inbox::item::EntryId;
use mt5_redis::model::received::Received;
use mt5_redis::model::reported::Reported;
use mt5_redis::model::{InstanceId, key};

use crate::observe::nodes::Nodes;
use crate::observe::pages::{self, PAGE, TOGETHER};

/// An entry of a follower's stream: a report, or why it is none.
pub type Entry = Result<Reported, String>;

pub struct Reader {
    nodes: Nodes,
    shards: u16,
    /// Where to read on, for each follower; none: its stream cannot be read.
    places: BTreeMap<String, Option<String>>,
}

impl Reader {
    pub fn new(config: &Config) -> Self {
        let [_, _, nodes] = Nodes::lanes(config);
        Self { nodes, shards: config.rtss_shards, places: BTreeMap::new() }
    }

    /// An error in words.
    pub fn told(&self, error: &anyhow::Error) -> anyhow::Error {
        anyhow!("{}", self.nodes.describe(error))
    }

    /// Finds the servers, and returns their clock, ms.
    pub fn connect(&mut self) -> Result<u64> {
        self.nodes.refresh()?;
        self.nodes.now_ms()
    }

    /// Finds the followers that report. A new one's reports are read from this time on.
    pub fn look(&mut self, from_ms: u64) -> Result<()> {
        for stream in self.nodes.scan("sr:{*}:*")? {
            let follower = stream.split_once("}:").map_or("", |(_, follower)| follower);
            // No terminal writes any other key.
            if InstanceId::new(follower).is_ok() && self.stream(follower) == stream {
                self.places.entry(follower.to_owned()).or_insert_with(|| Some(from_ms.to_string()));
            }
        }
        Ok(())
    }

    /// Passes on the next reports of each follower. Returns whether there may be more.
    pub fn read(&mut self, take: &mut dyn FnMut(&str, EntryId, Entry)) -> Result<bool> {
        let readable = self.places.iter().filter_map(|(name, from)| Some((name.clone(), from.clone()?)));
        let readable: Vec<_> = readable.collect();
        let mut more = false;
        for some in readable.chunks(TOGETHER) {
            let streams: Vec<_> =
                some.iter().map(|(name, from)| (self.stream(name), from.as_str())).collect();
            let pages = pages::read(&mut self.nodes, &streams)?;
            for ((follower, _), page) in some.iter().zip(pages) {
                let page = page.unwrap_or_else(|why| {
                    take(follower, EntryId::default(), Err(why));
                    self.places.insert(follower.clone(), None);
                    Vec::new()
                });
                more |= page.len() == PAGE;
                if let Some((last, _)) = page.last() {
                    self.places.insert(follower.clone(), Some(format!("({last}")));
                }
                for (id, entry) in page {
                    let report =
                        Reported::decode(&entry).and_then(|report| match report.instance == *follower {
                            true => Ok(report),
                            false => Err(format!("it says that it is of {}", report.instance)),
                        });
                    take(follower, id, report);
                }
            }
        }
        Ok(more)
    }

    /// Passes on the signals of a source from this time on, with the times when they reached Redis, ms. An inner error
    /// says why they cannot be read.
    pub fn signals(
        &mut self,
        source: &str,
        from_ms: u64,
        take: &mut dyn FnMut(u64, Received),
    ) -> Result<Result<(), String>> {
        let stream = key::signals(self.shard(source), source).to_string();
        let mut from = from_ms.to_string();
        loop {
            let page = match pages::read(&mut self.nodes, &[(stream.clone(), &from)])?.remove(0) {
                Ok(page) => page,
                Err(why) => return Ok(Err(why)),
            };
            for (id, entry) in &page {
                match Received::decode(entry) {
                    Ok(signal) if signal.instance == source && !signal.retried => take(id.ms, signal),
                    _ => {}
                }
            }
            match page.last() {
                Some((last, _)) if page.len() == PAGE => from = format!("({last}"),
                _ => return Ok(Ok(())),
            }
        }
    }

    fn stream(&self, follower: &str) -> String {
        key::reports(self.shard(follower), follower).to_string()
    }

    fn shard(&self, instance: &str) -> u16 {
        if self.shards == 1 { 0 } else { key::shard(instance, self.shards) }
    }
}

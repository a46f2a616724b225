//! Who tells the alerts, and what is told: two keys of the rts server, which keeps a log of its writes. Of several programs
//! only the holder of the lease looks and tells. It stores what it tells before it does so, and only while the lease is its
//! own; so a successor repeats nothing and leaves nothing out.
//!
//! Who cannot ask the server goes on as before. Who never could, since it started, tells for itself: better twice than never
//! that the server is gone.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use mt5_redis::config::{Address, Config};
use redis::RedisError;
use serde::{Deserialize, Serialize};

use super::delivery::queue::Queue;
use super::state::State;
use crate::govern::lease;
use crate::observe::nodes::Nodes;

/// What is told. Both keys are in one slot of a Cluster.
pub const KEY: &str = "alerts:{fleet}";
const LEASE: &str = "alerts:{fleet}:lease";
/// How long the lease outlives its holder.
pub const TIME: Duration = Duration::from_secs(10);
/// How long the state outlives the last program that tells alerts, ms.
const KEPT_MS: u64 = 7 * 86_400_000;
/// Time between two searches for the master.
const REFRESH: Duration = Duration::from_secs(10);
/// The form of what is stored.
const VERSION: u32 = 1;

/// What is stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    v: u32,
    /// Who tells.
    pub by: String,
    /// The sinks and their kinds.
    pub sinks: Vec<(String, String)>,
    /// What could not be looked at, and why.
    pub trouble: Vec<String>,
    pub state: State,
    pub queue: Queue,
}

/// A program's hold on the lease.
pub struct Lease {
    nodes: Nodes,
    pub name: String,
    owner: Option<(Address, Instant)>,
    /// Whose it was when the server last answered; none: it never has.
    ours: Option<bool>,
    started: Instant,
    /// The server's clock minus ours, ms.
    offset_ms: i64,
    /// Whether it was lost or unknown since the state was last read.
    doubtful: bool,
}

impl Lease {
    pub fn new(config: &Config, program: &str) -> Self {
        let [_, nodes, _] = Nodes::lanes(config);
        let name = format!("{program} {:08x}", fastrand::u32(..));
        let started = Instant::now();
        Self { nodes, name, owner: None, ours: None, started, offset_ms: 0, doubtful: true }
    }

    /// Takes or extends it. Returns whether this program tells, and why the server could not be asked.
    pub fn renew(&mut self) -> (bool, Option<String>) {
        let trouble = match self.ask() {
            Ok(ours) => {
                self.ours = Some(ours);
                None
            }
            Err(error) => {
                (self.owner, self.doubtful) = (None, true);
                let mut words = self.nodes.describe(&error);
                if error.downcast_ref().and_then(RedisError::code) == Some("NOPERM") {
                    // Another program may be allowed to.
                    self.ours = Some(false);
                    words += "; print the user of this program with mt5fleet acl --alerts";
                }
                Some(words)
            }
        };
        let leads = self.ours.unwrap_or(self.started.elapsed() > TIME);
        self.doubtful |= !leads;
        (leads, trouble)
    }

    fn ask(&mut self) -> Result<bool> {
        let owner = self.owner()?;
        let now_ms = self.nodes.now_ms()?;
        self.offset_ms = now_ms as i64 - local_ms();
        lease::take(&mut self.nodes, &owner, LEASE, &self.name, TIME)
    }

    fn owner(&mut self) -> Result<Address> {
        if let Some((owner, at)) = &self.owner
            && at.elapsed() < REFRESH
        {
            return Ok(owner.clone());
        }
        self.nodes.refresh()?;
        let owner = self.nodes.owner(LEASE)?;
        self.owner = Some((owner.clone(), Instant::now()));
        Ok(owner)
    }

    /// The server's clock as far as it is known, ms since 1970 UTC.
    pub fn now_ms(&self) -> u64 {
        local_ms().saturating_add(self.offset_ms).max(0) as u64
    }

    /// What another program may have stored since this one was last sure to hold the lease.
    pub fn news(&mut self) -> Result<Option<Stored>> {
        if !self.is_doubtful() {
            return Ok(None);
        }
        let text = text(&mut self.nodes)?;
        // What cannot be read is written anew.
        self.doubtful = false;
        Ok(parse(text)?.filter(|stored| stored.by != self.name))
    }

    /// Whether another program may have told something that this one does not know yet.
    pub fn is_doubtful(&self) -> bool {
        self.doubtful && self.owner.is_some()
    }

    /// Stores the state. Returns false if another program holds the lease.
    pub fn store(&mut self, stored: &Stored) -> Result<bool> {
        let owner = self.owner()?;
        let text = serde_json::to_string(&Stored { v: VERSION, ..stored.clone() })?;
        let set = redis::cmd("SET").arg(KEY).arg(text).arg("PX").arg(KEPT_MS).clone();
        let done = lease::if_mine(&mut self.nodes, &owner, LEASE, &self.name, &set);
        if done.is_err() {
            self.owner = None;
        }
        done
    }

    /// An error of [`news`](Self::news) or [`store`](Self::store) in words.
    pub fn told(&self, error: &anyhow::Error) -> String {
        self.nodes.describe(error)
    }

    pub fn give_back(&mut self) {
        if let Ok(owner) = self.owner() {
            let _ = lease::give_back(&mut self.nodes, &owner, LEASE, &self.name);
        }
    }
}

/// What is stored; none if nothing is.
pub fn read(nodes: &mut Nodes) -> Result<Option<Stored>> {
    parse(text(nodes)?)
}

fn text(nodes: &mut Nodes) -> Result<Option<Vec<u8>>> {
    nodes.ask_owner(redis::cmd("GET").arg(KEY))
}

fn parse(text: Option<Vec<u8>>) -> Result<Option<Stored>> {
    let Some(text) = text else { return Ok(None) };
    let stored: Stored = serde_json::from_slice(&text).with_context(|| format!("{KEY} is not readable"))?;
    ensure!(stored.v == VERSION, "{KEY} is of version {}, and this program knows {VERSION}", stored.v);
    Ok(Some(stored))
}

fn local_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |time| time.as_millis() as i64)
}

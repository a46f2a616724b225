//! The directives that the governor writes, and its respect for other people's: a directive of a higher level stays,
//! and one that lasts longer is restored when ours is no longer needed.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use anyhow::Result;

use crate::observe::nodes::Nodes;

/// The key of the directive for all instances.
pub const FOR_ALL: &str = "ctl";

/// The key of the directive for one instance.
pub fn for_one(instance: &str) -> String {
    format!("ctl:{{{instance}}}")
}

/// A level, and when it ends by the server's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directive {
    pub level: u8,
    pub until_ms: u64,
}

impl Directive {
    pub fn lasting(level: u8, now_ms: u64, hold: Duration) -> Self {
        Self { level, until_ms: now_ms + hold.as_millis() as u64 }
    }

    /// Reads the value of a key; none if it is no directive.
    pub fn read(text: &str) -> Option<Self> {
        let (level, until) = text.split_once(':')?;
        Some(Self { level: level.parse().ok()?, until_ms: until.parse().ok()? })
    }

    /// Whether it is of a higher level, or of the same level and longer.
    fn outlasts(self, other: Self) -> bool {
        self.level > other.level || self.level == other.level && self.until_ms > other.until_ms
    }
}

impl fmt::Display for Directive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.level, self.until_ms)
    }
}

/// What this governor wrote, by key.
#[derive(Default)]
pub struct Directives {
    ours: HashMap<String, Directive>,
    /// Other people's directives that ours replaced and that last longer.
    displaced: HashMap<String, Directive>,
}

impl Directives {
    /// Writes a directive, unless somebody else's outlasts it. Returns whether it was written.
    pub fn write(&mut self, nodes: &mut Nodes, key: &str, ours: Directive, now_ms: u64) -> Result<bool> {
        if let Some(theirs) = self.others(nodes, key)?.filter(|theirs| theirs.until_ms > now_ms) {
            if theirs.outlasts(ours) {
                return Ok(false);
            }
            if theirs.until_ms > ours.until_ms {
                self.displaced.insert(key.to_owned(), theirs);
            }
        }
        nodes.ask_owner::<()>(redis::cmd("SET").arg(key).arg(ours.to_string()))?;
        self.ours.insert(key.to_owned(), ours);
        Ok(true)
    }

    /// Restores replaced directives under keys that are no longer in `asked`.
    pub fn restore(&mut self, nodes: &mut Nodes, asked: &[String], now_ms: u64) -> Result<()> {
        let over: Vec<String> = self.displaced.keys().filter(|key| !asked.contains(key)).cloned().collect();
        for key in over {
            let theirs = self.displaced[&key];
            if theirs.until_ms > now_ms && self.others(nodes, &key)?.is_none() {
                nodes.ask_owner::<()>(redis::cmd("SET").arg(&key).arg(theirs.to_string()))?;
            }
            self.displaced.remove(&key);
        }
        Ok(())
    }

    /// The directive under a key, if it is not ours.
    fn others(&self, nodes: &mut Nodes, key: &str) -> Result<Option<Directive>> {
        let there: Option<String> = nodes.ask_owner(redis::cmd("GET").arg(key))?;
        let there = there.as_deref().and_then(Directive::read);
        Ok(there.filter(|there| self.ours.get(key) != Some(there)))
    }
}

//! The governor: in each round it samples every node, takes the lease, writes directives, and trims streams and lists.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use anyhow::Result;
use mt5_redis::config::{Address, Config};
use mt5_redis::model::key;
use redis::RedisError;
use serde_json::json;

use super::command::Options;
use super::directives::{Directive, Directives, FOR_ALL, for_one};
use super::fleet::{self, Fleet};
use super::judge::{self, Calm};
use super::log::{Warnings, event};
use super::trim::{self, Rules};
use super::{export, lease};
use crate::errors;
use crate::observe::nodes::Nodes;
use crate::observe::sample::{self, Sample, Seen};
use crate::observe::{names, streams};

/// Rounds at level 1 in which only the noisiest instances get a directive, before all do.
const NOISIEST_ROUNDS: u32 = 3;
/// How many rounds the lease outlives its holder.
const LEASE_ROUNDS: u32 = 3;
const LEASE_MIN: Duration = Duration::from_secs(5);
/// Time between two searches for followers.
const FOLLOWERS_EVERY: Duration = Duration::from_secs(15);
/// The most names in one line of the log.
const NAMED: usize = 10;
/// So many stale names at once are not dead terminals: somebody invents them.
const INVENTED: usize = 1000;

/// A governor, and what it saw in its last rounds.
pub(super) struct Governor {
    options: Options,
    rules: Rules,
    hold: Duration,
    shards: u16,
    /// The masters of ris, rts and rtss.
    lanes: [Nodes; 3],
    samples: HashMap<(usize, Address), (Instant, Sample)>,
    fleet: Fleet,
    calm: Calm,
    /// Our name in the lease.
    name: String,
    /// Whether we hold the lease.
    leads: bool,
    rounds: u32,
    /// Consecutive rounds at level 1.
    at_level_1: u32,
    /// The level and the keys of the last directives, to log only changes.
    asked: (u8, Vec<String>),
    directives: Directives,
    /// The keys of the followers' positions, and when they were searched for.
    followers: Result<Vec<String>>,
    followers_looked: Option<Instant>,
    /// Nodes that did not answer in the last round.
    silent: usize,
    warnings: Warnings,
}

impl Governor {
    pub(super) fn new(options: Options, config: &Config) -> Self {
        let rules = Rules {
            retention: config.rtss_retention,
            keep: options.keep.min(config.rtss_retention),
            max_length: config.rtss_max_length,
        };
        // At level 3 an instance reads directives only twice in its time to live: one must last until the next read.
        let hold = options.hold.unwrap_or(config.ris_ttl / 2 + Duration::from_secs(15));
        Self {
            rules,
            hold,
            shards: config.rtss_shards,
            calm: Calm::new(options.quiet),
            lanes: Nodes::lanes(config),
            samples: HashMap::new(),
            fleet: Fleet::default(),
            name: format!("{:016x}", fastrand::u64(..)),
            leads: false,
            rounds: 0,
            at_level_1: 0,
            asked: (0, Vec::new()),
            directives: Directives::default(),
            followers: Ok(Vec::new()),
            followers_looked: None,
            silent: 0,
            warnings: Warnings::default(),
            options,
        }
    }

    /// Samples everything, and acts if we hold the lease. What fails is logged and tried again in the next round.
    pub(super) fn round(&mut self) {
        self.rounds += 1;
        self.warnings.begin();
        let (wanted, why) = self.look_at_nodes();
        let level = self.calm.step(Instant::now(), wanted);
        if let Err(error) = self.lead() {
            self.leads = false;
            self.warn("lease", self.lanes[0].describe(&error));
        }
        if let Err(error) = self.fleet.look(&mut self.lanes[0]) {
            self.warn("instances", self.lanes[0].describe(&error));
        }
        let mut at_level = [0; 4];
        for (_, heartbeat) in &self.fleet.seen.alive {
            at_level[heartbeat.level.min(3) as usize] += 1;
        }
        export::instances(at_level, self.fleet.seen.dead.len());
        export::level(level, self.leads);
        // Rates need two samples.
        let sampled = !self.options.once || self.rounds > 1;
        let acts = sampled && (self.leads || self.options.dry_run);
        if acts {
            if let Err(error) = self.direct(level, &why) {
                self.warn("directive", self.lanes[0].describe(&error));
            }
            if let Err(error) = self.forget() {
                self.warn("instances", self.lanes[0].describe(&error));
            }
        }
        if let Err(error) = self.look_at_streams(acts) {
            self.warn("streams", self.lanes[2].describe(&error));
        }
        if self.options.once && acts {
            let instances = self.fleet.seen.alive.len();
            event("round", json!({ "level": level, "why": why, "instances": instances }));
        }
    }

    /// How many rounds it has made.
    pub(super) fn rounds(&self) -> u32 {
        self.rounds
    }

    /// Whether every node answered in the last round and the level is 0.
    pub(super) fn is_calm(&self) -> bool {
        self.silent == 0 && self.calm.level() == 0
    }

    /// The highest level that a node needs, and why.
    fn look_at_nodes(&mut self) -> (u8, String) {
        let mut highest = (0, String::new());
        self.silent = 0;
        // A server of several lanes is sampled once.
        let mut looked = HashSet::new();
        for at in 0..self.lanes.len() {
            let lane = self.lanes[at].lane;
            let masters = match self.lanes[at].refresh() {
                Ok(masters) => masters,
                Err(error) => {
                    self.silent += 1;
                    self.warn(lane, self.lanes[at].describe(&error));
                    continue;
                }
            };
            for address in masters {
                if !looked.insert(address.clone()) {
                    continue;
                }
                match sample::take(&mut self.lanes[at], &address) {
                    Ok(sample) => {
                        if !sample.missing.is_empty() {
                            let missing = sample.missing.join(", ");
                            let words = format!("does not report {missing}: the level ignores that");
                            self.warn(&format!("{lane} {address}"), words);
                        }
                        let now = Instant::now();
                        let before = self.samples.insert((at, address.clone()), (now, sample.clone()));
                        let time = before.as_ref().map_or(self.options.every, |(then, _)| now - *then);
                        let seen = Seen::since(before.as_ref().map(|(_, sample)| sample), sample, time);
                        export::node(lane, &address, &seen);
                        let (level, why) = judge::judge(&seen);
                        if level > highest.0 {
                            highest = (level, format!("{lane} {}: {why}", address));
                        }
                    }
                    Err(error) => {
                        export::node_is_down(lane, &address);
                        self.silent += 1;
                        let level = judge::judge_failure(&error);
                        if level > highest.0 {
                            highest = (level, format!("{lane} {address}: {}", errors::describe(&error)));
                        }
                        self.warn(&format!("{lane} {address}"), self.lanes[at].describe(&error));
                    }
                }
            }
        }
        highest
    }

    /// Takes or keeps the lease.
    fn lead(&mut self) -> Result<()> {
        if self.options.dry_run {
            return Ok(());
        }
        let before = self.leads;
        let owner = self.lanes[0].owner(lease::KEY)?;
        let time = (self.options.every * LEASE_ROUNDS).max(LEASE_MIN);
        self.leads = match lease::take(&mut self.lanes[0], &owner, lease::KEY, &self.name, time) {
            // A full server stores no lease but needs trimming, and two governors do no harm.
            Err(error) if error.downcast_ref().and_then(RedisError::code) == Some("OOM") => true,
            taken => taken?,
        };
        if self.leads != before {
            event("lease", json!({ "leads": self.leads, "name": self.name }));
        }
        Ok(())
    }

    /// Writes directives: for the noisiest instances first, then for all.
    fn direct(&mut self, level: u8, why: &str) -> Result<()> {
        self.at_level_1 = if level == 1 { self.at_level_1 + 1 } else { 0 };
        let noisiest = match level {
            1 if self.at_level_1 <= NOISIEST_ROUNDS && !self.options.once => self.fleet.noisiest(),
            _ => Vec::new(),
        };
        let keys = match level {
            0 => Vec::new(),
            // No instance's rate is known yet.
            _ if noisiest.is_empty() => vec![FOR_ALL.to_owned()],
            _ => noisiest.iter().map(|instance| for_one(instance)).collect(),
        };
        let changed = self.asked != (level, keys.clone());
        if changed && (level > 0 || self.asked.0 > 0) {
            event(
                "directive",
                json!({ "level": level, "keys": keys, "why": why, "dry_run": self.options.dry_run }),
            );
        }
        if !self.options.dry_run {
            let now_ms = self.lanes[0].now_ms()?;
            let mut written = 0;
            for key in &keys {
                written += u64::from(self.directives.write(
                    &mut self.lanes[0],
                    key,
                    Directive::lasting(level, now_ms, self.hold),
                    now_ms,
                )?);
            }
            self.directives.restore(&mut self.lanes[0], &keys, now_ms)?;
            export::directives(written);
        }
        // Directives that are no longer wanted expire.
        self.asked = (level, keys);
        Ok(())
    }

    /// Removes stale names from the list of instances.
    fn forget(&mut self) -> Result<()> {
        let now_ms = self.lanes[0].now_ms()?;
        let instances: Vec<String> =
            self.fleet.forgettable(now_ms, self.options.forget).into_iter().map(str::to_owned).collect();
        if instances.is_empty() && self.fleet.seen.invalid.is_empty() {
            return Ok(());
        }
        let count = instances.len() + self.fleet.seen.invalid_count;
        let some: Vec<&String> = instances.iter().take(NAMED).collect();
        event("forget", json!({ "instances": some, "count": count, "dry_run": self.options.dry_run }));
        if count > INVENTED {
            let words = format!("{count} names had no heartbeat: a client with write access invents names");
            self.warn(key::INSTANCE_LIST, words);
        }
        if !self.options.dry_run {
            let nodes = &mut self.lanes[0];
            export::forgotten(fleet::forget(nodes, &instances)?);
            export::forgotten(names::remove(nodes, key::INSTANCE_LIST, &self.fleet.seen.invalid)?);
        }
        Ok(())
    }

    /// Reads the streams, warns about late groups and, if it acts, trims.
    fn look_at_streams(&mut self, acts: bool) -> Result<()> {
        let nodes = &mut self.lanes[2];
        let now_ms = nodes.now_ms()?;
        // A new follower must be found before the signals it has not read are trimmed.
        let every = FOLLOWERS_EVERY.min(self.rules.keep / 2);
        if self.followers_looked.is_none_or(|looked| looked.elapsed() > every) {
            self.followers = streams::followers(nodes);
            self.followers_looked = Some(Instant::now());
        }
        let refused = self.followers.as_ref().err().map(|error| nodes.describe(error));
        let look = streams::look(nodes, self.shards, self.followers.as_deref().unwrap_or_default())?;
        let mut rules = self.rules;
        if let Some(why) = refused {
            // Followers may not have read anything: trim by age only.
            rules.keep = rules.retention;
            self.warn(
                "followers",
                format!("cannot search for them, so streams are trimmed by age only: {why}"),
            );
        }
        export::streams(&look, now_ms);
        for (group, words) in trim::warnings(&look.streams, now_ms, &self.rules) {
            self.warn(&group, words);
        }
        if !acts {
            return Ok(());
        }
        let dry_run = self.options.dry_run;
        let bound = |stream| Some((stream, trim::may_go_before(stream, now_ms, &rules)?));
        let bounds: Vec<_> = look.streams.iter().filter_map(bound).collect();
        if !bounds.is_empty() {
            let trimmed = if dry_run { 0 } else { trim::trim(&mut self.lanes[2], &bounds)? };
            export::trimmed(trimmed);
            let some: Vec<&str> = bounds.iter().take(NAMED).map(|(stream, _)| stream.key.as_str()).collect();
            event(
                "trim",
                json!({ "streams": some, "count": bounds.len(), "entries": trimmed, "dry_run": dry_run }),
            );
        }
        for (shard, names) in &look.gone {
            let list = key::sources(*shard);
            let removed = if dry_run { 0 } else { trim::forget(&mut self.lanes[2], *shard, names)? };
            event(
                "sources",
                json!({ "list": list.as_str(), "without_stream": names.len(), "removed": removed }),
            );
            if names.len() > INVENTED {
                let count = names.len();
                let words = format!("{count} names had no stream: a client with write access invents names");
                self.warn(&list, words);
            }
        }
        Ok(())
    }

    fn warn(&mut self, what: &str, text: String) {
        self.warnings.add(what, text);
    }

    /// Gives the lease back, so that another governor can act at once.
    pub(super) fn leave(&mut self) {
        if self.leads
            && let Ok(owner) = self.lanes[0].owner(lease::KEY)
        {
            let _ = lease::give_back(&mut self.lanes[0], &owner, lease::KEY, &self.name);
        }
    }
}

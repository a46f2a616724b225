//! `mt5fleet govern`: watches every node of a configuration, asks the fleet to send less before a server
//! falls over, and keeps streams and the list of instances short.
//!
//! It asks by directives that end by themselves, so a governor that dies leaves nothing behind. Two may run:
//! one acts. It logs a JSON object a line.

mod directives;
mod export;
pub(crate) mod fleet_view;
mod judge;
pub(crate) mod lease;
pub(crate) mod names;
pub(crate) mod nodes;
pub(crate) mod sample;
mod serve;
pub(crate) mod streams;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, anyhow, ensure};
use clap::Args;
use mt5_redis::config::{Address, Config};
use mt5_redis::model::key;
use redis::RedisError;
use serde_json::{Value, json};

use crate::{errors, output, stop};
use directives::{Directive, Directives, FOR_ALL, for_one};
use fleet_view::Fleet;
use judge::Calm;
use nodes::Nodes;
use sample::{Sample, Seen};
use streams::Rules;

/// Rounds at level 1 in which only the noisiest instances are asked, before all are.
const NOISIEST_ROUNDS: u32 = 3;
/// A lease outlives so many rounds of its holder.
const LEASE_ROUNDS: u32 = 3;
const LEASE_LEAST: Duration = Duration::from_secs(5);
/// How often it looks which followers there are.
const FOLLOWERS_EVERY: Duration = Duration::from_secs(15);
/// How many names one line of the log has.
const TOLD: usize = 10;
/// So many names at once do not come from terminals that died.
const INVENTED: usize = 1000;

/// How it governs.
#[derive(Args, Clone)]
pub struct Options {
    /// What an Expert Advisor would be given: a redis:// URL, or the path of a TOML file
    #[arg(long)]
    pub config: String,
    /// How often it looks
    #[arg(long, default_value = "2s", value_parser = humantime::parse_duration)]
    pub every: Duration,
    /// How long it must be calm before it asks for one level less
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration)]
    pub quiet: Duration,
    /// How long a directive holds; by default half an instance's time to live and a quarter of a minute
    #[arg(long, value_parser = humantime::parse_duration)]
    pub hold: Option<Duration>,
    /// What every consumer group has processed is kept for so long all the same
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
    pub keep: Duration,
    /// The list forgets an instance so long after its last heartbeat
    #[arg(long, default_value = "30d", value_parser = humantime::parse_duration)]
    pub forget: Duration,
    /// Serve figures for Prometheus at http://ADDRESS/metrics
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<SocketAddr>,
    /// Say what would be done, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Look twice, act once, and end; the exit code says whether every node answered and none
    /// asked for a level
    #[arg(long)]
    pub once: bool,
}

/// Governs until somebody wants to stop. Returns whether all is calm, if it was to look only once.
pub fn govern(options: &Options) -> Result<bool> {
    ensure!(
        options.every >= Duration::from_millis(50) && options.every <= Duration::from_secs(60),
        "--every is refused: pass 50ms to 60s"
    );
    let config = Config::read(&options.config, "").map_err(|error| anyhow!("{error}"))?;
    if let Some(address) = options.metrics {
        let bound = export::serve(address)?;
        log("metrics", json!({ "url": format!("http://{bound}/metrics") }));
    }
    let mut governor = Governor::new(options.clone(), &config);
    loop {
        let next = Instant::now() + options.every;
        governor.round(options.once);
        if options.once && governor.rounds > 1 {
            break;
        }
        while Instant::now() < next && !stop::requested() {
            thread::sleep((next - Instant::now().min(next)).min(Duration::from_millis(50)));
        }
        if stop::requested() {
            break;
        }
    }
    governor.leave();
    Ok(!options.once || governor.calm.level() == 0 && governor.unseen == 0)
}

struct Governor {
    options: Options,
    rules: Rules,
    hold: Duration,
    shards: u16,
    /// ris, rts, rtss.
    lanes: Vec<Nodes>,
    samples: HashMap<(usize, Address), (Instant, Sample)>,
    fleet: Fleet,
    calm: Calm,
    /// Who we are in the lease.
    name: String,
    leads: bool,
    rounds: u32,
    /// Rounds in a row at level 1.
    at_level_1: u32,
    /// What was asked of whom last, to log only what changes.
    asked: (u8, Vec<String>),
    /// What it wrote, and what of others it wrote over.
    directives: Directives,
    /// The keys of the followers' positions, and when they were looked for.
    followers: Result<Vec<String>>,
    looked_for_followers: Option<Instant>,
    /// Nodes that did not answer in the last round.
    unseen: usize,
    /// What was wrong in the last round, and what is in this one.
    warned: HashMap<String, String>,
    warns: HashMap<String, String>,
}

impl Governor {
    fn new(options: Options, config: &Config) -> Self {
        let rules = Rules {
            retention: config.rtss_retention,
            keep: options.keep.min(config.rtss_retention),
            max_length: config.rtss_max_length,
        };
        // A terminal at level 3 looks only twice in its life: the directive must last from one to the next.
        let hold = options.hold.unwrap_or(config.ris_ttl / 2 + Duration::from_secs(15));
        Self {
            rules,
            hold,
            shards: config.rtss_shards,
            calm: Calm::new(options.quiet),
            lanes: [("ris", &config.ris), ("rts", &config.rts), ("rtss", &config.rtss)]
                .map(|(lane, config)| Nodes::new(lane, &config.endpoint))
                .into(),
            samples: HashMap::new(),
            fleet: Fleet::default(),
            name: format!("{:016x}", fastrand::u64(..)),
            leads: false,
            rounds: 0,
            at_level_1: 0,
            asked: (0, Vec::new()),
            directives: Directives::default(),
            followers: Ok(Vec::new()),
            looked_for_followers: None,
            unseen: 0,
            warned: HashMap::new(),
            warns: HashMap::new(),
            options,
        }
    }

    /// Looks, and acts if this is the governor that does. What fails is logged, and tried again next time.
    fn round(&mut self, only_look_at_first: bool) {
        self.rounds += 1;
        self.warned = std::mem::take(&mut self.warns);
        let (wanted, why) = self.look_at_nodes();
        let level = self.calm.step(Instant::now(), wanted);
        if let Err(error) = self.lead() {
            self.leads = false;
            self.warn("lease", self.lanes[0].told(&error));
        }
        if let Err(error) = self.fleet.look(&mut self.lanes[0]) {
            self.warn("instances", self.lanes[0].told(&error));
        }
        let mut at_level = [0; 4];
        for heartbeat in self.fleet.alive.values() {
            at_level[heartbeat.level.min(3) as usize] += 1;
        }
        export::instances(at_level, self.fleet.dead.len());
        export::level(level, self.leads);
        let acts = !(only_look_at_first && self.rounds == 1) && (self.leads || self.options.dry_run);
        if acts {
            if let Err(error) = self.direct(level, &why) {
                self.warn("directive", self.lanes[0].told(&error));
            }
            if let Err(error) = self.forget() {
                self.warn("instances", self.lanes[0].told(&error));
            }
        }
        if let Err(error) = self.look_at_streams(acts) {
            self.warn("streams", self.lanes[2].told(&error));
        }
        if self.options.once && acts {
            log("round", json!({ "level": level, "why": why, "instances": self.fleet.alive.len() }));
        }
    }

    /// The highest level that a node asks for, and why.
    fn look_at_nodes(&mut self) -> (u8, String) {
        let mut highest = (0, String::new());
        self.unseen = 0;
        // A server that serves two lanes is looked at once.
        let mut looked = HashSet::new();
        for at in 0..self.lanes.len() {
            let lane = self.lanes[at].lane;
            let masters = match self.lanes[at].refresh() {
                Ok(masters) => masters,
                Err(error) => {
                    self.unseen += 1;
                    self.warn(lane, self.lanes[at].told(&error));
                    continue;
                }
            };
            for address in masters {
                if !looked.insert(address.clone()) {
                    continue;
                }
                match sample::look(&mut self.lanes[at], &address) {
                    Ok(sample) => {
                        if !sample.hidden.is_empty() {
                            let hidden = sample.hidden.join(", ");
                            let words = format!("does not tell {hidden}: the level does not follow that");
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
                        self.unseen += 1;
                        let level = judge::judge_failure(&error);
                        if level > highest.0 {
                            highest = (level, format!("{lane} {address}: {}", errors::describe(&error)));
                        }
                        self.warn(&format!("{lane} {address}"), self.lanes[at].told(&error));
                    }
                }
            }
        }
        highest
    }

    fn lead(&mut self) -> Result<()> {
        if self.options.dry_run {
            return Ok(());
        }
        let before = self.leads;
        let owner = self.lanes[0].owner(lease::KEY)?;
        let time = (self.options.every * LEASE_ROUNDS).max(LEASE_LEAST);
        self.leads = match lease::take(self.lanes[0].connection(&owner)?, &self.name, time) {
            // A full server takes no lease, and needs somebody who trims: two do no harm.
            Err(error) if error.downcast_ref().and_then(RedisError::code) == Some("OOM") => true,
            taken => taken?,
        };
        if self.leads != before {
            log("lease", json!({ "leads": self.leads, "name": self.name }));
        }
        Ok(())
    }

    /// Asks all, or at first the noisiest.
    fn direct(&mut self, level: u8, why: &str) -> Result<()> {
        self.at_level_1 = if level == 1 { self.at_level_1 + 1 } else { 0 };
        let noisiest = match level {
            1 if self.at_level_1 <= NOISIEST_ROUNDS && !self.options.once => self.fleet.noisiest(),
            _ => Vec::new(),
        };
        let keys = match level {
            0 => Vec::new(),
            // Nobody's noise is known yet, or nobody is there.
            _ if noisiest.is_empty() => vec![FOR_ALL.to_owned()],
            _ => noisiest.iter().map(|instance| for_one(instance)).collect(),
        };
        let news = self.asked != (level, keys.clone());
        if news && (level > 0 || self.asked.0 > 0) {
            log(
                "directive",
                json!({ "level": level, "keys": keys, "why": why, "dry_run": self.options.dry_run }),
            );
        }
        if !self.options.dry_run {
            let now_ms = fleet_view::now_ms(&mut self.lanes[0])?;
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
        // What was asked for before and is no more ends by itself, like everything else we ask.
        self.asked = (level, keys);
        Ok(())
    }

    fn forget(&mut self) -> Result<()> {
        let now_ms = fleet_view::now_ms(&mut self.lanes[0])?;
        let instances: Vec<String> =
            self.fleet.forgettable(now_ms, self.options.forget).into_iter().map(str::to_owned).collect();
        if instances.is_empty() && self.fleet.strange.is_empty() {
            return Ok(());
        }
        let count = instances.len() + self.fleet.strangers;
        let some: Vec<&String> = instances.iter().take(TOLD).collect();
        log("forget", json!({ "instances": some, "count": count, "dry_run": self.options.dry_run }));
        if count > INVENTED {
            let words = format!(
                "{count} names without a heartbeat stood in it: somebody who may add names invents them"
            );
            self.warn(fleet_view::LIST, words);
        }
        if !self.options.dry_run {
            let nodes = &mut self.lanes[0];
            export::forgotten(fleet_view::forget(nodes, &instances)?);
            export::forgotten(names::remove(nodes, fleet_view::LIST, &self.fleet.strange)?);
        }
        Ok(())
    }

    fn look_at_streams(&mut self, acts: bool) -> Result<()> {
        let nodes = &mut self.lanes[2];
        let now_ms = fleet_view::now_ms(nodes)?;
        // A new follower has a minute: what everybody has passed is kept for so long.
        if self
            .looked_for_followers
            .is_none_or(|looked| looked.elapsed() > FOLLOWERS_EVERY.min(self.rules.keep / 2))
        {
            self.followers = streams::followers(nodes);
            self.looked_for_followers = Some(Instant::now());
        }
        let refused = self.followers.as_ref().err().map(|error| nodes.told(error));
        let look = streams::look(nodes, self.shards, self.followers.as_deref().unwrap_or_default())?;
        let mut rules = self.rules;
        if let Some(why) = refused {
            // What they have not read is not known: nothing goes but by its age.
            rules.keep = rules.retention;
            self.warn(
                "followers",
                format!("they cannot be looked for, so nothing is trimmed but by its age: {why}"),
            );
        }
        export::streams(&look, now_ms);
        for (group, words) in streams::warnings(&look.streams, now_ms, &self.rules) {
            self.warn(&group, words);
        }
        if !acts {
            return Ok(());
        }
        let dry_run = self.options.dry_run;
        let bound = |stream| Some((stream, streams::may_go_before(stream, now_ms, &rules)?));
        let bounds: Vec<_> = look.streams.iter().filter_map(bound).collect();
        if !bounds.is_empty() {
            let trimmed = if dry_run { 0 } else { streams::trim(&mut self.lanes[2], &bounds)? };
            export::trimmed(trimmed);
            let some: Vec<&str> = bounds.iter().take(TOLD).map(|(stream, _)| stream.key.as_str()).collect();
            log(
                "trim",
                json!({ "streams": some, "count": bounds.len(), "entries": trimmed, "dry_run": dry_run }),
            );
        }
        for (shard, names) in &look.gone {
            let list = key::sources(*shard);
            let removed = if dry_run { 0 } else { streams::forget(&mut self.lanes[2], *shard, names)? };
            log(
                "sources",
                json!({ "list": list.as_str(), "without_stream": names.len(), "removed": removed }),
            );
            if names.len() > INVENTED {
                let count = names.len();
                let words = format!(
                    "{count} names without a stream stood in it: somebody who may add names invents them"
                );
                self.warn(&list, words);
            }
        }
        Ok(())
    }

    /// Tells of something once, until it is well again or something else is wrong.
    fn warn(&mut self, what: &str, words: String) {
        // Figures change each time; the rest of the sentence is what is told once.
        let text: String = words.chars().filter(|character| !character.is_ascii_digit()).collect();
        if self.warned.get(what) != Some(&text) && self.warns.get(what) != Some(&text) {
            export::warnings(1);
            log("warning", json!({ "what": what, "text": words }));
        }
        self.warns.insert(what.to_owned(), text);
    }

    /// Lets the next governor act at once. Directives end by themselves.
    fn leave(&mut self) {
        if self.leads
            && let Ok(owner) = self.lanes[0].owner(lease::KEY)
            && let Ok(connection) = self.lanes[0].connection(&owner)
        {
            let _ = lease::give_back(connection, &self.name);
        }
    }
}

fn log(event: &str, details: Value) {
    let mut line = json!({
        "time": humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
        "event": event,
    });
    if let (Some(line), Value::Object(details)) = (line.as_object_mut(), details) {
        line.extend(details);
    }
    // Where nobody listens any more the governor governs on.
    let _ = output::json(&line, false).and_then(|line| output::print(&line));
}

//! `mt5fleet top`: the fleet on one screen, a row an instance and a row a Redis node, as heartbeats and INFO
//! show them. It reads only, and looks again every second or two.

pub mod fleet;
mod screen;

use std::collections::HashMap;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use clap::Args;
use mt5_redis::config::{Address, Config, LaneConfig};

use crate::govern::nodes::Nodes;
use crate::govern::sample::{self, Replica, Sample, Seen};
use crate::{output, stop};
use fleet::{Instance, Sort};
use screen::Screen;

/// What is shown, and how.
#[derive(Args, Clone)]
pub struct Options {
    /// What an Expert Advisor would be given: a redis:// URL, or the path of a TOML file
    #[arg(long)]
    config: String,
    /// Print one look and end
    #[arg(long)]
    once: bool,
    /// By what the instances are sorted
    #[arg(long, value_enum, default_value_t)]
    sort: Sort,
    /// Only instances with this in their names
    #[arg(long, default_value = "")]
    filter: String,
    /// How often it looks
    #[arg(long, default_value = "2s", value_parser = humantime::parse_duration)]
    every: Duration,
}

/// A node, and what is wrong where it does not answer.
struct Node {
    lane: &'static str,
    address: String,
    /// How far behind it is; none for a master.
    replica: Option<Replica>,
    seen: Result<Seen, String>,
}

/// One look at everything.
#[derive(Default)]
struct Look {
    nodes: Vec<Node>,
    /// Why there are no instances to show.
    trouble: Option<String>,
    instances: Vec<Instance>,
    /// How many more names without a heartbeat there are.
    more: usize,
}

/// Shows the fleet until somebody has seen enough. Returns whether everything answered.
pub fn top(options: &Options) -> Result<bool> {
    ensure!(options.every >= Duration::from_millis(100), "--every is refused: pass 100ms or more");
    let config = Config::read(&options.config, "").map_err(|error| anyhow!("{error}"))?;
    let lanes = [("ris", &config.ris), ("rts", &config.rts), ("rtss", &config.rtss)];
    let nodes = |(name, lane): (_, &LaneConfig)| (Nodes::new(name, &lane.endpoint), Samples::new());
    let mut watch = Watch { lanes: lanes.map(nodes).into() };
    if options.once {
        let look = watch.look();
        let good = look.trouble.is_none() && look.nodes.iter().all(|node| node.seen.is_ok());
        for (line, _) in screen::lines(&look, options.sort, &options.filter) {
            output::print(&line)?;
        }
        return Ok(good);
    }
    let mut screen = Screen::open(options.sort, options.filter.clone())?;
    // A node that does not answer must not keep the keys waiting.
    let (looks, seen) = channel();
    let every = options.every;
    thread::spawn(move || {
        loop {
            let next = Instant::now() + every;
            if looks.send(watch.look()).is_err() {
                break;
            }
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    });
    let mut look = Look::default();
    while !stop::requested() {
        look = seen.try_iter().last().unwrap_or(look);
        screen.show(&look)?;
    }
    Ok(true)
}

type Samples = HashMap<Address, (Instant, Sample)>;

struct Watch {
    /// Each with what it showed before.
    lanes: Vec<(Nodes, Samples)>,
}

/// What a node shows, beside what it showed before.
fn seen_of(nodes: &mut Nodes, samples: &mut Samples, address: &Address) -> Result<Seen, String> {
    let now = Instant::now();
    let sample = sample::look(nodes, address).map_err(|error| nodes.told(&error))?;
    let before = samples.insert(address.clone(), (now, sample.clone()));
    let time = before.as_ref().map_or(Duration::ZERO, |(then, _)| now - *then);
    Ok(Seen::since(before.as_ref().map(|(_, sample)| sample), sample, time))
}

/// A lane's masters, each with its replicas.
fn nodes_of((nodes, samples): &mut (Nodes, Samples)) -> Vec<Node> {
    let lane = nodes.lane;
    let masters = match nodes.refresh() {
        Ok(masters) => masters,
        Err(error) => {
            let seen = Err(nodes.told(&error));
            return vec![Node { lane, address: String::new(), replica: None, seen }];
        }
    };
    let mut found = Vec::new();
    for address in masters {
        let seen = seen_of(nodes, samples, &address);
        let replicas = seen.as_ref().map_or(Vec::new(), |seen| seen.now.replicas.clone());
        found.push(Node { lane, address: address.to_string(), replica: None, seen });
        found.extend(replicas.into_iter().map(|replica| Node {
            lane,
            address: replica.address.to_string(),
            seen: seen_of(nodes, samples, &replica.address),
            replica: Some(replica),
        }));
    }
    found
}

impl Watch {
    fn look(&mut self) -> Look {
        // The lanes side by side: one whose nodes do not answer takes seconds.
        let found = thread::scope(|threads| {
            let lanes = self.lanes.iter_mut().map(|lane| threads.spawn(|| nodes_of(lane)));
            let lanes: Vec<_> = lanes.collect();
            lanes.into_iter().map(|lane| lane.join().expect("a look does not panic")).collect::<Vec<_>>()
        });
        let mut look = Look::default();
        let reached = found[0].iter().any(|node| node.seen.is_ok());
        for node in found.into_iter().flatten() {
            // Lanes may share their servers.
            let shown = |other: &Node| !node.address.is_empty() && other.address == node.address;
            if !look.nodes.iter().any(shown) {
                look.nodes.push(node);
            }
        }
        if reached {
            match fleet::look(&mut self.lanes[0].0) {
                Ok((instances, more)) => (look.instances, look.more) = (instances, more),
                Err(error) => look.trouble = Some(self.lanes[0].0.told(&error)),
            }
        } else {
            look.trouble = Some("no node of ris answers: instances are not known".to_owned());
        }
        look
    }
}

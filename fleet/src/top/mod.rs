//! `mt5fleet top`: the fleet on one screen, a row an instance and a row a Redis node, as heartbeats and INFO
//! show them. It reads only, and looks again every second or two.

mod fleet;
mod screen;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use clap::Args;
use mt5_redis::config::{Address, Config};

use crate::govern::nodes::Nodes;
use crate::govern::sample::{self, Replica, Sample, Seen};
use crate::stop;
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
}

/// Shows the fleet until somebody has seen enough. Returns whether everything answered.
pub fn top(options: &Options) -> Result<bool> {
    ensure!(options.every >= Duration::from_millis(100), "--every is refused: pass 100ms or more");
    let config = Config::read(&options.config, "").map_err(|error| anyhow!("{error}"))?;
    let lanes = [("ris", &config.ris), ("rts", &config.rts), ("rtss", &config.rtss)];
    let mut watch = Watch {
        lanes: lanes.map(|(name, lane)| Nodes::new(name, &lane.endpoint)).into(),
        samples: HashMap::new(),
    };
    if options.once {
        let look = watch.look();
        let good = look.trouble.is_none() && look.nodes.iter().all(|node| node.seen.is_ok());
        screen::lines(&look, options.sort, &options.filter).iter().for_each(|(line, _)| println!("{line}"));
        return Ok(good);
    }
    let mut screen = Screen::open(options.sort, options.filter.clone())?;
    while !stop::requested() {
        let next = Instant::now() + options.every;
        let look = watch.look();
        while Instant::now() < next && !stop::requested() {
            screen.show(&look, next)?;
        }
    }
    Ok(true)
}

type Samples = HashMap<Address, (Instant, Sample)>;

struct Watch {
    lanes: Vec<Nodes>,
    samples: Samples,
}

/// What a node shows, beside what it showed before.
fn seen_of(nodes: &mut Nodes, samples: &mut Samples, address: &Address) -> Result<Seen, String> {
    let now = Instant::now();
    let sample = sample::look(nodes, address).map_err(|error| format!("{error:#}"))?;
    let before = samples.insert(address.clone(), (now, sample.clone()));
    let time = before.as_ref().map_or(Duration::ZERO, |(then, _)| now - *then);
    Ok(Seen::since(before.as_ref().map(|(_, sample)| sample), sample, time))
}

impl Watch {
    fn look(&mut self) -> Look {
        let mut look = Look::default();
        let mut shown: Vec<Address> = Vec::new();
        for nodes in &mut self.lanes {
            let masters = match nodes.refresh() {
                Ok(masters) => masters,
                Err(error) => {
                    let seen = Err(format!("{error:#}"));
                    look.nodes.push(Node { lane: nodes.lane, address: String::new(), replica: None, seen });
                    continue;
                }
            };
            for address in masters {
                // Lanes may share their servers.
                if shown.contains(&address) {
                    continue;
                }
                shown.push(address.clone());
                let seen = seen_of(nodes, &mut self.samples, &address);
                let replicas = seen.as_ref().map_or(Vec::new(), |seen| seen.now.replicas.clone());
                look.nodes.push(Node { lane: nodes.lane, address: address.to_string(), replica: None, seen });
                look.nodes.extend(replicas.into_iter().map(|replica| Node {
                    lane: nodes.lane,
                    address: replica.address.to_string(),
                    seen: seen_of(nodes, &mut self.samples, &replica.address),
                    replica: Some(replica),
                }));
            }
        }
        match fleet::look(&mut self.lanes[0]) {
            Ok(instances) => look.instances = instances,
            Err(error) => look.trouble = Some(format!("{error:#}")),
        }
        look
    }
}

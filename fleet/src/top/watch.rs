//! Looks at every node and every instance, once or until the user quits.

use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use clap::Args;
use mt5_redis::config::Config;

use super::screen::{self, Screen};
use super::sort::{self, Instance, Sort};
use crate::observe::instances;
use crate::observe::lane::{self, Lane, Node};
use crate::observe::nodes::Nodes;
use crate::{output, stop};

#[derive(Args, Clone)]
pub struct Options {
    /// The bridge's configuration: a redis:// URL or the path of a TOML file
    #[arg(long)]
    config: String,
    /// Print the tables once and exit; the exit code is 0 if every node answered
    #[arg(long)]
    once: bool,
    /// The order of the instances
    #[arg(long, value_enum, default_value_t)]
    sort: Sort,
    /// Show only instances whose names contain this text
    #[arg(long, default_value = "")]
    filter: String,
    /// Time between two updates
    #[arg(long, default_value = "2s", value_parser = humantime::parse_duration)]
    every: Duration,
}

/// Everything that is shown.
#[derive(Default)]
pub(super) struct Look {
    pub(super) nodes: Vec<Node>,
    /// Why there are no instances to show.
    pub(super) trouble: Option<String>,
    pub(super) instances: Vec<Instance>,
    /// How many names without a heartbeat are not shown.
    pub(super) hidden: usize,
}

/// Shows the fleet until the user quits. Returns whether everything answered.
pub fn top(options: &Options) -> Result<bool> {
    ensure!(options.every >= Duration::from_millis(100), "--every is too short: pass 100ms or more");
    let config = Config::read(&options.config, "").map_err(|error| anyhow!("{error}"))?;
    let mut watch = Watch { lanes: Nodes::lanes(&config).map(Lane::new) };
    if options.once {
        let look = watch.look();
        let good = look.trouble.is_none() && look.nodes.iter().all(|node| node.seen.is_ok());
        for (line, _) in screen::lines(&look, options.sort, &options.filter) {
            output::print(&line)?;
        }
        return Ok(good);
    }
    let mut screen = Screen::open(options.sort, options.filter.clone())?;
    // In a thread of its own: a node that does not answer must not delay the keyboard.
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

struct Watch {
    lanes: [Lane; 3],
}

impl Watch {
    fn look(&mut self) -> Look {
        let nodes = lane::look(&mut self.lanes);
        let reached = nodes.iter().any(|node| node.lane == "ris" && node.seen.is_ok());
        let mut look = Look { nodes, ..Look::default() };
        let ris = &mut self.lanes[0].nodes;
        if !reached {
            look.trouble = Some("no ris node answers, so the instances are unknown".to_owned());
            return look;
        }
        match instances::read(ris).and_then(|read| Ok(sort::rows(read, ris.now_ms()?))) {
            Ok(rows) => (look.instances, look.hidden) = rows,
            Err(error) => look.trouble = Some(ris.describe(&error)),
        }
        look
    }
}

//! `mt5fleet halt` and `mt5fleet resume`: an operator's stop for the fleet or for one instance, and which instances obey.
//!
//! A halt is a value in Redis (`docs/halt.md`) that terminals ask for, and so is its end: a key that does not exist ends
//! nothing. Here the value is written, and the heartbeats show who has heard of it. An instance without a heartbeat hears of
//! it when it connects. [`order`] writes and watches it, also for other rooms.

pub mod order;

use std::env;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Args;
use mt5_redis::config::Config;
use mt5_redis::model::halt::{
    Halt, MT5REDIS_HALT_ALL, MT5REDIS_HALT_ENTRIES, MT5REDIS_HALT_NONE, WHO_LIMIT, WHY_LIMIT,
};

use crate::observe::nodes::Nodes;
use crate::{output, stop};

/// Time between two looks at the heartbeats.
const EVERY: Duration = Duration::from_millis(250);
/// The most names that are listed.
const NAMED: usize = 20;

#[derive(Args)]
pub struct Halting {
    #[command(flatten)]
    target: Target,
    /// Close the copies too, not only block new positions
    #[arg(long)]
    flatten: bool,
    /// The reason, which traders see
    #[arg(long)]
    why: String,
}

#[derive(Args)]
pub struct Resuming {
    #[command(flatten)]
    target: Target,
    /// The reason, which the terminals' logs show
    #[arg(long, default_value = "resumed")]
    why: String,
}

#[derive(Args)]
pub struct Target {
    /// The bridge's configuration: a redis:// URL or the path of a TOML file
    #[arg(long)]
    config: String,
    /// This instance alone
    #[arg(long, value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    instance: Option<String>,
    /// All instances
    #[arg(long)]
    all: bool,
    /// Who says so [default: the login user]
    #[arg(long)]
    who: Option<String>,
    /// How long to wait until all instances that are alive obey
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration)]
    wait: Duration,
}

/// Writes a halt. Returns whether all instances that are alive obey in time.
pub fn halt(options: &Halting) -> Result<bool> {
    let level = if options.flatten { MT5REDIS_HALT_ALL } else { MT5REDIS_HALT_ENTRIES };
    let mut order = Order::open(&options.target, level, &options.why)?;
    let what = if options.flatten {
        "open no new positions, and followers close their copies"
    } else {
        "open no new positions; closes and changes of stops go on"
    };
    output::print(&format!("{} will {what}, until mt5fleet resume", order.whose()))?;
    if let Some(before) = order.value()? {
        output::print(&format!("this replaces {}: {}", order.key, output::sanitized(&before)))?;
    }
    order.write()?;
    order.warn_of_loss()?;
    order.watch()
}

/// Ends a halt, also one that only terminals remember. Returns whether all instances that are alive obey in time.
pub fn resume(options: &Resuming) -> Result<bool> {
    let mut order = Order::open(&options.target, MT5REDIS_HALT_NONE, &options.why)?;
    match order.value()? {
        Some(before) => output::print(&format!("this ends {}: {}", order.key, output::sanitized(&before)))?,
        None => {
            output::print(&format!("there is no {}; terminals that remember a halt forget it", order.key))?
        }
    }
    order.write()?;
    output::print(&format!("{} may open positions again, unless the other key halts them", order.whose()))?;
    order.watch()
}

/// The order of these options, if it can be read again.
fn checked(target: &Target, level: i32, why: &str) -> Result<Halt> {
    let login = || ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| env::var(name).ok());
    let who = target.who.clone().or_else(login).filter(|who| !who.trim().is_empty());
    let who = who.context("the system does not say who you are: pass --who NAME")?;
    let halt = Halt { level, who: who.trim().to_owned(), why: why.trim().to_owned() };
    ensure!(!halt.why.is_empty(), "--why is empty: traders must see a reason");
    ensure!(
        order::can_be_read(&halt),
        "--who has at most {WHO_LIMIT} characters and no colon, --why at most {WHY_LIMIT}, both without control characters"
    );
    Ok(halt)
}

/// An order at its server, and the instances that it concerns.
struct Order {
    nodes: Nodes,
    halt: Halt,
    instance: Option<String>,
    key: String,
    deadline: Instant,
}

impl Order {
    fn open(target: &Target, level: i32, why: &str) -> Result<Self> {
        let halt = checked(target, level, why)?;
        let key = order::key_for(target.instance.as_deref())?;
        let config = Config::read(&target.config, "").map_err(|error| anyhow!("{error}"))?;
        let [mut nodes, ..] = Nodes::lanes(&config);
        nodes.refresh().map_err(|error| anyhow!("{}", nodes.describe(&error)))?;
        let instance = target.instance.clone();
        Ok(Self { nodes, halt, instance, key, deadline: Instant::now() + target.wait })
    }

    fn whose(&self) -> &str {
        self.instance.as_deref().unwrap_or("all instances")
    }

    fn told(&self, error: anyhow::Error) -> anyhow::Error {
        anyhow!("{}", self.nodes.describe(&error))
    }

    /// What the key holds now.
    fn value(&mut self) -> Result<Option<String>> {
        order::value(&mut self.nodes, &self.key).map_err(|error| self.told(error))
    }

    /// Writes the key. A full server may throw something away or find room, so it is tried until the deadline.
    fn write(&mut self) -> Result<()> {
        let what = if self.halt.level == MT5REDIS_HALT_NONE { "the end of the halt" } else { "the halt" };
        let mut told = false;
        loop {
            let error = match order::set(&mut self.nodes, &self.key, &self.halt) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if order::code(&error) != Some("OOM") {
                return Err(self.told(error).context(format!("{what} is NOT written")));
            }
            let owner = self.nodes.owner(&self.key)?;
            let (host, port) = (&owner.host, owner.port);
            if Instant::now() >= self.deadline || stop::requested() {
                bail!(
                    "{what} is NOT written: {owner} is full and throws nothing away (OOM). Raise its limit as its \
                     administrator, then repeat: redis-cli -h {host} -p {port} CONFIG SET maxmemory <more bytes>. Terminals \
                     read from a full server too, so they hear of it as soon as it is written"
                );
            }
            if !told {
                output::print(&format!("{owner} is full (OOM): trying again"))?;
                told = true;
            }
            thread::sleep(EVERY);
        }
    }

    /// Warns if a crash of the server could lose the key, because it keeps no log of its writes. Terminals that have heard
    /// of the halt remember it.
    fn warn_of_loss(&mut self) -> Result<()> {
        let owner = self.nodes.owner(&self.key)?;
        let info: Result<String> = self.nodes.ask(&owner, redis::cmd("INFO").arg("persistence"));
        if info.is_ok_and(|info| info.contains("aof_enabled:0")) {
            output::print(&format!(
                "note: {owner} keeps no log of its writes (appendonly no): if it crashes before its next snapshot, terminals \
                 that start or connect later do not hear of the halt; those that obey now remember it"
            ))?;
        }
        Ok(())
    }

    /// Shows how many instances obey, until all that are alive do. Returns whether they do before the deadline. Meanwhile a
    /// failover to a replica may lose the order, which is then written again.
    fn watch(&mut self) -> Result<bool> {
        let mut told = None;
        loop {
            if self.value()?.is_none() {
                output::print(&format!("the server has lost {}: writing it again", self.key))?;
                self.write()?;
            }
            let look = order::look(&mut self.nodes, self.instance.as_deref(), self.halt.level);
            let (alive, others) = look.map_err(|error| self.told(error))?;
            let obey = alive - others.len();
            if told.replace((obey, alive)) != Some((obey, alive)) {
                output::print(&format!("{obey} of {alive} instances that are alive obey"))?;
            }
            if others.is_empty() {
                if alive == 0 {
                    output::print("whoever starts or connects will obey")?;
                }
                return Ok(true);
            }
            if Instant::now() >= self.deadline || stop::requested() {
                let names = others.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
                let more = others.len().saturating_sub(NAMED);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                output::print(&format!(
                    "not yet: {names}{more}; it stays written, and mt5fleet top shows them"
                ))?;
                if self.halt.level == MT5REDIS_HALT_NONE && self.instance.is_none() {
                    output::print(
                        "one that stays halted remembers a halt of its own: mt5fleet resume --instance ID",
                    )?;
                }
                return Ok(false);
            }
            thread::sleep(EVERY);
        }
    }
}

//! Finds the servers, runs every check and prints the findings.

use std::io::{IsTerminal, stdout};
use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::Args;
use mt5_redis::config::Config;

use super::site::{self, Member, Place};
use super::{
    Finding, Light, balance, certificates, clocks, eviction, host, keys, memory, persistence, reach, roles,
    settings, streams, versions,
};
use crate::observe::instances::{self, Heartbeat};
use crate::observe::nodes::Nodes;
use crate::{errors, output};

#[derive(Args, Default)]
pub struct Options {
    /// The bridge's configuration: a redis:// URL or the path of a TOML file
    #[arg(long)]
    pub config: String,
    /// The planned number of terminals [default: as many as are alive now]
    #[arg(long)]
    pub terminals: Option<u64>,
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
    /// Where the system's own settings are; for tests
    #[arg(long, hide = true, default_value = "/")]
    pub root: PathBuf,
}

/// What the checks look at.
pub(super) struct Patient {
    pub(super) config: Config,
    /// What the configuration was read from: a URL or a file.
    pub(super) source: String,
    pub(super) places: Vec<Place>,
    pub(super) terminals: u64,
    /// The live instances, or why they are unknown.
    pub(super) alive: Result<Vec<(String, Heartbeat)>, String>,
    pub(super) root: PathBuf,
}

/// Examines and prints; returns whether nothing is red.
pub fn doctor(options: &Options) -> Result<bool> {
    let findings = examine(options)?;
    let count = |light| findings.iter().filter(|finding| finding.light == light).count();
    let (green, yellow, red) = (count(Light::Green), count(Light::Yellow), count(Light::Red));
    if options.json {
        output::json(&findings, true)?.lines().try_for_each(output::print)?;
    } else {
        let coloured = stdout().is_terminal();
        findings.iter().try_for_each(|finding| finding.print(coloured))?;
        output::print(&format!("doctor: {green} green, {yellow} yellow, {red} red"))?;
    }
    Ok(red == 0)
}

/// All findings.
pub fn examine(options: &Options) -> Result<Vec<Finding>> {
    let config = Config::read(&options.config, "").map_err(|error| anyhow!("{error}"))?;
    let mut findings = Vec::new();
    let places = site::places(&config, &mut findings);
    let alive = alive(&config);
    if let (None, Err(why)) = (options.terminals, &alive) {
        let text = format!(
            "the number of terminals is unknown ({why}): whether there is room for them was not checked"
        );
        findings.push(Finding::yellow("", text).cure("pass --terminals").of("memory"));
    }
    let terminals = options.terminals.unwrap_or(alive.as_ref().map_or(0, |alive| alive.len() as u64));
    let mut patient = Patient {
        config,
        source: options.config.clone(),
        places,
        terminals,
        alive,
        root: options.root.clone(),
    };

    type Check = fn(&mut Patient) -> Result<Vec<Finding>>;
    let checks: [(&str, Check); 13] = [
        ("certificates", certificates::check),
        ("reach", reach::check),
        ("versions", versions::check),
        ("roles", roles::check),
        ("settings", settings::check),
        ("eviction", eviction::check),
        ("host", host::check),
        ("memory", memory::check),
        ("persistence", persistence::check),
        ("keys", keys::check),
        ("streams", streams::check),
        ("clocks", clocks::check),
        ("balance", balance::check),
    ];
    for (name, check) in checks {
        let found = check(&mut patient).unwrap_or_else(|error| {
            vec![Finding::yellow("", format!("the check failed: {}", errors::describe(&error)))]
        });
        findings.extend(found.into_iter().map(|finding| finding.of(name)));
    }
    Ok(findings)
}

/// The live instances. Anybody may add names to the list, so only heartbeats count.
fn alive(config: &Config) -> Result<Vec<(String, Heartbeat)>, String> {
    let mut nodes = Nodes::new("ris", &config.ris.endpoint);
    let read = nodes.refresh().and_then(|_| instances::read(&mut nodes));
    read.map(|read| read.alive).map_err(|error| nodes.describe(&error))
}

impl Patient {
    /// Every server that answered.
    pub(super) fn members(&mut self) -> impl Iterator<Item = &mut Member> {
        self.places.iter_mut().flat_map(|place| &mut place.members)
    }

    /// Every master that answered.
    pub(super) fn masters(&mut self) -> impl Iterator<Item = &mut Member> {
        self.members().filter(|member| member.is_master())
    }
}

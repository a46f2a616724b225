//! `mt5fleet doctor`: connects to what a configuration names and looks at it as an experienced operator
//! does. It changes nothing. Each check is a file of its own and returns findings: green is as it should be,
//! yellow will hurt one day or under load, red hurts now or loses data.

mod balance;
mod certificates;
mod clocks;
mod eviction;
mod finding;
mod host;
mod keys;
mod memory;
mod persistence;
mod reach;
mod roles;
mod settings;
mod shell;
mod site;
mod streams;
mod versions;

use std::io::{IsTerminal, stdout};
use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::Args;
use mt5_redis::config::{Config, Site};

use crate::{errors, output};

pub use finding::{Finding, Light};
pub use settings::AT_START;
pub use site::{Member, Place, connect, connect_server};

#[derive(Args, Default)]
pub struct Options {
    /// What the bridge is given: a redis:// URL, or the path of a TOML file
    #[arg(long)]
    pub config: String,
    /// How many terminals there will be; by default as many as there are now
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
pub struct Patient {
    pub config: Config,
    pub places: Vec<Place>,
    pub terminals: u64,
    pub root: PathBuf,
}

/// Examines and prints; returns whether nothing is red.
pub fn doctor(options: &Options) -> Result<bool> {
    let findings = examine(options)?;
    if options.json {
        output::json(&findings, true)?.lines().try_for_each(output::print)?;
    } else {
        let coloured = stdout().is_terminal();
        findings.iter().try_for_each(|finding| finding.print(coloured))?;
    }
    let count = |light| findings.iter().filter(|finding| finding.light == light).count();
    let red = count(Light::Red);
    if !options.json {
        let (green, yellow) = (count(Light::Green), count(Light::Yellow));
        output::print(&format!("doctor: {green} green, {yellow} yellow, {red} red"))?;
    }
    Ok(red == 0)
}

/// Everything that was found.
pub fn examine(options: &Options) -> Result<Vec<Finding>> {
    let config = Config::read(&options.config, "").map_err(|error| anyhow!("{error}"))?;
    let mut findings = Vec::new();
    let places = site::places(&config, &mut findings);
    let mut patient = Patient { config, places, terminals: 0, root: options.root.clone() };
    patient.terminals = options.terminals.unwrap_or_else(|| keys::instances(&mut patient));

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
        match check(&mut patient) {
            Ok(found) => findings.extend(found.into_iter().map(|finding| finding.of(name))),
            Err(error) => findings
                .push(Finding::yellow("", format!("broke off: {}", errors::describe(&error))).of(name)),
        }
    }
    Ok(findings)
}

impl Patient {
    /// Every server that answered, with the place it belongs to.
    fn members(&mut self) -> impl Iterator<Item = &mut Member> {
        self.places.iter_mut().flat_map(|place| &mut place.members)
    }

    /// Every master that answered.
    fn masters(&mut self) -> impl Iterator<Item = &mut Member> {
        self.members().filter(|member| member.is_master())
    }
}

impl Place {
    fn is_cluster(&self) -> bool {
        matches!(self.endpoint.site, Site::Cluster(_))
    }
}

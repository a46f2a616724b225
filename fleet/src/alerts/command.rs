//! `mt5fleet alerts`: sends a test message to each sink, or lists what is wrong now.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};
use mt5_redis::config::Config;

use super::configuration;
use super::message::Message;
use super::{lease, state};
use crate::observe::nodes::Nodes;
use crate::output;

#[derive(Subcommand)]
pub enum Action {
    /// Send a test message to each sink of [alerts], and say what happened; fails if one did not get it
    Test {
        #[command(flatten)]
        at: At,
        /// Only to this sink
        #[arg(long, value_name = "NAME")]
        sink: Option<String>,
    },
    /// List what is wrong now; the exit code is 0 if nothing is
    List {
        #[command(flatten)]
        at: At,
    },
}

#[derive(Args)]
pub struct At {
    /// The TOML file with the table [alerts]
    #[arg(long)]
    config: String,
}

/// Returns whether all is well.
pub fn alerts(action: &Action) -> Result<bool> {
    match action {
        Action::Test { at, sink } => test(&at.config, sink.as_deref()),
        Action::List { at } => list(&at.config),
    }
}

fn test(source: &str, only: Option<&str>) -> Result<bool> {
    let settings = configuration::read(source)?
        .context("the configuration has no alerts: add a table [alerts.sinks.NAME] (docs/alerts.md)")?;
    let mut sinks = settings.sinks;
    if let Some(only) = only {
        let names: Vec<_> = sinks.iter().map(|sink| sink.name.clone()).collect();
        sinks.retain(|sink| sink.name == only);
        if sinks.is_empty() {
            bail!("there is no sink {only}: the sinks are {}", names.join(", "));
        }
    }
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64;
    let mut all = true;
    for sink in sinks {
        let words = match sink.deliver(&Message::test(now_ms)) {
            Ok(()) => "it was delivered".to_owned(),
            Err(why) => {
                all = false;
                format!("FAILED: {why}")
            }
        };
        output::print(&format!("{} ({}): {words}", sink.name, sink.kind()))?;
    }
    Ok(all)
}

fn list(source: &str) -> Result<bool> {
    let config = Config::read(source, "").map_err(|error| anyhow!("{error}"))?;
    let [_, mut nodes, _] = Nodes::lanes(&config);
    let stored = nodes.refresh().and_then(|_| lease::read(&mut nodes));
    let stored = stored.map_err(|error| anyhow!("{}", nodes.describe(&error)))?;
    let Some(stored) = stored else { bail!("no program has told alerts here in the last week") };
    let firing: Vec<&state::Alert> = stored.state.firing().collect();
    for alert in &firing {
        output::print(&format!("{}: {}: {}", alert.condition.title(), alert.subject, alert.text))?;
    }
    stored.trouble.iter().for_each(|trouble| output::print_error(trouble));
    Ok(firing.is_empty() && stored.trouble.is_empty())
}

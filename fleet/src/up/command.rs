//! `mt5fleet up` and `mt5fleet down`.

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};

use super::note::Note;
use super::{Plan, Servers, server};
use crate::{output, stop};

/// Starts servers and, unless detached, watches them until Ctrl-C.
pub fn up(data: Option<&Path>, plan: &Plan, detach: bool) -> Result<()> {
    let mut servers = match data {
        Some(data) => Servers::start_in(data, plan, detach)?,
        None => Servers::start_here(plan)?,
    };
    for (name, port) in plan.topology.names().iter().zip(servers.ports()) {
        output::print(&format!("{name:<10}  {}", server::url(port)))?;
    }
    let file = servers.config_file();
    ["", &format!("The bridge's configuration, also in {}:", file.display()), ""]
        .into_iter()
        .chain(servers.toml().lines())
        .try_for_each(output::print)?;
    if let (true, Some(data)) = (detach, data) {
        output::print("")?;
        output::print(&format!(
            "The servers keep running. Stop them with: mt5fleet down --data {}",
            data.display()
        ))?;
        return Ok(());
    }
    ["", "Press Ctrl-C to stop."].into_iter().try_for_each(output::print)?;
    let outcome = loop {
        match servers.attend() {
            Ok(None) => {}
            // By `mt5fleet down` in another shell, for example.
            Ok(Some(name)) => {
                break output::print(&format!("The server {name} was shut down; stopping the others."));
            }
            Err(error) => break Err(error),
        }
        if stop::requested() {
            break Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    };
    drop(servers);
    if let Some(data) = data {
        Note::rest(data)?;
    }
    output::print("Stopped.")?;
    outcome
}

/// Stops detached servers.
pub fn down(data: &Path) -> Result<()> {
    let Some(note) = Note::read(data)?.filter(|note| !note.is_at_rest()) else {
        bail!("no servers were started in {}: pass the folder given to mt5fleet up --data", data.display());
    };
    note.stop()?;
    Note::rest(data)?;
    output::print("Stopped.")
}

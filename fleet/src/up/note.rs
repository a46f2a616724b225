//! A note in the data folder about the servers that run or ran there. A server is recognised by its run id, which Redis
//! draws at each start, so another server on the same port is never shut down. Topology and ports are kept after the
//! servers have stopped, because replicas, Sentinels and Cluster nodes know each other by port.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::{Plan, Topology, server};

#[derive(Serialize, Deserialize)]
pub(super) struct Note {
    #[serde(default)]
    topology: Topology,
    servers: Vec<Running>,
}

#[derive(Serialize, Deserialize)]
struct Running {
    port: u16,
    run_id: String,
}

impl Running {
    fn is_there(&self) -> bool {
        server::ask_info(self.port, "run_id").is_ok_and(|id| id == self.run_id)
    }
}

impl Note {
    /// Asks the servers for their run ids.
    pub(super) fn of(topology: Topology, ports: &[u16]) -> Result<Self> {
        let running = |&port: &u16| Ok(Running { port, run_id: server::ask_info(port, "run_id")? });
        Ok(Self { topology, servers: ports.iter().map(running).collect::<Result<_>>()? })
    }

    pub(super) fn read(data: &Path) -> Result<Option<Self>> {
        let path = path(data);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let note = serde_json::from_str(&text);
        note.with_context(|| format!("{} is damaged: stop its servers by hand and remove it", path.display()))
    }

    pub(super) fn write(&self, data: &Path) -> Result<()> {
        let path = path(data);
        fs::write(&path, serde_json::to_string(self)?)
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Notes that the servers have stopped.
    pub(super) fn rest(data: &Path) -> Result<()> {
        let Some(mut note) = Self::read(data)? else { return Ok(()) };
        note.servers.iter_mut().for_each(|server| server.run_id.clear());
        note.write(data)
    }

    pub(super) fn is_at_rest(&self) -> bool {
        self.servers.iter().all(|server| server.run_id.is_empty())
    }

    /// The plan for servers that continue with this data.
    pub(super) fn continued(&self, mut plan: Plan, data: &Path) -> Result<Plan> {
        if plan.topology != self.topology {
            bail!(
                "the data in {} was written with --topology {:?}: pass that, or another folder",
                data.display(),
                self.topology
            );
        }
        if self.topology != Topology::Single {
            let ports: Vec<u16> = self.servers.iter().map(|server| server.port).collect();
            if plan.ports.replace(ports.clone()).is_some_and(|wanted| wanted != ports) {
                bail!("the data in {} belongs to the ports {ports:?}: omit --ports", data.display());
            }
        }
        Ok(plan)
    }

    pub(super) fn any_runs(&self) -> bool {
        self.servers.iter().any(Running::is_there)
    }

    /// Stops the servers that still run.
    pub(super) fn stop(&self) -> Result<()> {
        // Replicas before their masters: a master waits for its replicas.
        for running in self.servers.iter().rev().filter(|running| running.is_there()) {
            server::wait_until_gone(running.port, || running.is_there())?;
        }
        Ok(())
    }
}

fn path(data: &Path) -> PathBuf {
    data.join("mt5fleet.json")
}

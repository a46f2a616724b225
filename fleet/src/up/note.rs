//! The note in a data folder that says which servers run on it. A server is recognised by the run id that
//! Redis draws at each start, so that a stranger on the same port is never shut down.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::server;

#[derive(Serialize, Deserialize)]
pub(super) struct Note {
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
    /// Asks the servers who they are.
    pub(super) fn of(ports: &[u16]) -> Result<Self> {
        let running = |&port: &u16| Ok(Running { port, run_id: server::ask_info(port, "run_id")? });
        Ok(Self { servers: ports.iter().map(running).collect::<Result<_>>()? })
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

    pub(super) fn remove(data: &Path) -> Result<()> {
        match fs::remove_file(path(data)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    pub(super) fn any_runs(&self) -> bool {
        self.servers.iter().any(Running::is_there)
    }

    /// Stops those that still run and waits until they have ended.
    pub(super) fn stop(&self) -> Result<()> {
        for running in self.servers.iter().filter(|running| running.is_there()) {
            server::shut_down(running.port);
            server::wait_until_gone(running.port)?;
        }
        Ok(())
    }
}

fn path(data: &Path) -> PathBuf {
    data.join("mt5fleet.json")
}

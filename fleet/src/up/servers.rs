//! The running servers of a topology. Each has its own port and folder. They end with this process, whatever ends it,
//! unless they were detached; a note in the data folder then says how to find them. With Sentinels or in a Cluster a
//! server that crashed is restarted.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::note::Note;
use super::server::{self, Server};
use super::topology::Node;
use super::{LANES, Topology, cluster, files, reshard, sentinel, version};
use crate::stop;

/// How long replicas, Sentinels and a Cluster may take to find each other.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
/// A crashed server stays down for longer than a failover takes.
const REVIVE_AFTER: Duration = Duration::from_secs(10);

/// What to start.
#[derive(Clone, Default)]
pub struct Plan {
    pub topology: Topology,
    /// One for each server; by default free ones.
    pub ports: Option<Vec<u16>>,
    /// The size of the fleet; by default the limits are those in the files.
    pub terminals: Option<u64>,
}

/// Running servers.
pub struct Servers {
    topology: Topology,
    terminals: Option<u64>,
    servers: Vec<(Node, Server)>,
    data: PathBuf,
    dies_with_us: bool,
    /// Crashed servers, and since when.
    crashed: Vec<(usize, Instant)>,
    /// Configuration files written by this start. If it fails they go, as they may name its ports.
    made: Vec<PathBuf>,
    /// Dropped after the servers, so the folder is deleted last.
    _temporary: Option<TempDir>,
}

impl Servers {
    /// Starts a server for each lane in a temporary folder.
    pub fn start_temporary(ports: Option<[u16; 3]>) -> Result<Self> {
        Self::start_here(&Plan { ports: ports.map(Vec::from), ..Plan::default() })
    }

    /// Starts servers in a temporary folder, which is deleted with them.
    pub fn start_here(plan: &Plan) -> Result<Self> {
        let folder = TempDir::with_prefix("mt5fleet-").context("cannot make a temporary folder")?;
        Self::start(plan, folder.path().to_owned(), true, Some(folder))
    }

    /// Starts servers in `data`. With `detach` they outlive this process.
    pub fn start_in(data: &Path, plan: &Plan, detach: bool) -> Result<Self> {
        let mut plan = plan.clone();
        if let Some(note) = Note::read(data)? {
            if note.any_runs() {
                bail!(
                    "servers are already running in {0}: stop them with mt5fleet down --data {0}",
                    data.display()
                );
            }
            plan = note.continued(plan, data)?;
        }
        let mut servers = Self::start(&plan, data.to_owned(), !detach, None)?;
        Note::of(plan.topology, &servers.ports())?.write(data)?;
        if detach {
            servers.servers.iter_mut().for_each(|(_, server)| server.detach());
        }
        Ok(servers)
    }

    fn start(plan: &Plan, data: PathBuf, dies_with_us: bool, temporary: Option<TempDir>) -> Result<Self> {
        files::write(&data.join("deploy"), version::installed()?)?;
        let Plan { topology, terminals, .. } = *plan;
        let mut servers = Self {
            topology,
            terminals,
            servers: Vec::new(),
            data,
            dies_with_us,
            crashed: Vec::new(),
            made: Vec::new(),
            _temporary: temporary,
        };
        let mut tries = if plan.ports.is_some() { 1 } else { 3 };
        loop {
            let count = topology.names().len();
            let ports = plan.ports.clone().map_or_else(|| server::free_ports(count), Ok)?;
            tries -= 1;
            match servers.start_each(&ports) {
                Ok(()) => break,
                Err(error) if tries == 0 || stop::requested() => return Err(error),
                // Somebody else may have taken a free port meanwhile.
                Err(_) => {
                    servers.stop();
                    servers.made.drain(..).for_each(|file| drop(fs::remove_file(file)));
                }
            }
        }
        match topology {
            Topology::Single => {}
            Topology::Sentinel => sentinel::wait_until_healthy(&servers.ports())?,
            Topology::Cluster => cluster::form(&servers.ports())?,
        }
        let file = servers.config_file();
        fs::write(&file, servers.toml()).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(servers)
    }

    fn start_each(&mut self, ports: &[u16]) -> Result<()> {
        for node in self.topology.nodes(ports) {
            let file = self.data.join(&node.name).join("redis.conf");
            if !file.exists() {
                self.made.push(file);
            }
            let server = self.start_one(&node, Vec::new());
            let server = server.with_context(|| format!("cannot start the server {}", node.name))?;
            self.servers.push((node, server));
        }
        Ok(())
    }

    fn start_one(&self, node: &Node, mut arguments: Vec<String>) -> Result<Server> {
        if let (Some(terminals), server::Kind::Server) = (self.terminals, node.kind) {
            arguments.extend(self.topology.size(node.lane, terminals));
        }
        let folder = self.data.join(&node.name);
        Server::start(&self.data.join("deploy"), &folder, node, &arguments, self.dies_with_us)
    }

    /// Stops all, in reverse order: replicas before their masters.
    fn stop(&mut self) {
        while let Some((_, server)) = self.servers.pop() {
            drop(server);
        }
    }

    /// The ports, in the order of [`Topology::names`].
    pub fn ports(&self) -> Vec<u16> {
        self.servers.iter().map(|(node, _)| node.port).collect()
    }

    pub fn topology(&self) -> Topology {
        self.topology
    }

    /// The current master of each lane, in the order of [`LANES`]; for a Cluster its first node.
    pub fn urls(&self) -> [String; 3] {
        let ports = self.ports();
        std::array::from_fn(|lane| match self.topology {
            Topology::Single => server::url(ports[lane]),
            Topology::Sentinel => {
                let master = sentinel::master(&ports[6..], LANES[lane]);
                server::url(master.unwrap_or(ports[2 * lane]))
            }
            Topology::Cluster => server::url(ports[0]),
        })
    }

    /// The bridge's configuration.
    pub fn toml(&self) -> String {
        self.topology.toml(&self.ports())
    }

    /// The file that [`toml`](Self::toml) is written to.
    pub fn config_file(&self) -> PathBuf {
        self.data.join("mt5redis.toml")
    }

    /// Kills the server on a port, like a crash.
    pub fn kill(&mut self, port: u16) -> Result<()> {
        let found = self.servers.iter_mut().find(|(node, _)| node.port == port);
        found.with_context(|| format!("none of these servers has the port {port}"))?.1.kill()
    }

    /// Causes realistic trouble, in the background: with Sentinels every master crashes, in a Cluster every slot with
    /// data is migrated.
    pub fn trouble(&mut self) -> Result<Option<Trouble>> {
        match self.topology {
            Topology::Single => Ok(None),
            Topology::Sentinel => {
                let sentinels = &self.ports()[6..];
                let masters: Vec<u16> =
                    LANES.iter().filter_map(|lane| sentinel::master(sentinels, lane)).collect();
                for &port in &masters {
                    self.kill(port)?;
                }
                let text = format!("the masters of {} crashed (ports {masters:?})", LANES.join(", "));
                Ok(Some(Trouble(thread::spawn(|| Ok(text)))))
            }
            Topology::Cluster => {
                let port = self.ports()[0];
                let reshard = move || {
                    let moved = reshard::reshard(port)?;
                    Ok(format!("all {moved} slots with data moved to another master"))
                };
                Ok(Some(Trouble(thread::spawn(reshard))))
            }
        }
    }

    /// Restarts crashed servers once others have replaced them, or after a while. A crash without replacement is an
    /// error. Returns the name of a server that somebody shut down.
    pub fn attend(&mut self) -> Result<Option<String>> {
        for at in 0..self.servers.len() {
            let (node, server) = &mut self.servers[at];
            let Some(status) = server.ended() else { continue };
            if status.success() {
                return Ok(Some(node.name.clone()));
            }
            if self.topology == Topology::Single {
                bail!("the server {} crashed, {status}: see redis.log in its folder", node.name);
            }
            if !self.crashed.iter().any(|(crashed, _)| *crashed == at) {
                self.crashed.push((at, Instant::now()));
            }
        }
        for (place, (at, when)) in self.crashed.clone().into_iter().enumerate() {
            let successor = self.successor(at);
            if successor.is_none() && when.elapsed() < REVIVE_AFTER {
                continue;
            }
            // Follow the new master at once, instead of waiting until the Sentinels notice.
            let follow =
                |master: u16| ["--replicaof", "127.0.0.1", &master.to_string()].map(String::from).to_vec();
            let arguments = successor.map(follow).unwrap_or_default();
            self.crashed.remove(place);
            self.servers[at].1 = self.start_one(&self.servers[at].0, arguments)?;
            if successor.is_some() {
                // Keep this for the next start.
                let port = self.servers[at].0.port;
                redis::cmd("CONFIG").arg("REWRITE").exec(&mut server::connect(port)?)?;
            }
            break;
        }
        Ok(None)
    }

    /// The master that the Sentinels promoted in place of a server.
    fn successor(&self, at: usize) -> Option<u16> {
        let node = &self.servers[at].0;
        let lane = LANES.iter().find(|lane| self.topology == Topology::Sentinel && **lane == node.lane)?;
        sentinel::master(&self.ports()[6..], lane).filter(|&master| master != node.port)
    }
}

/// Trouble in progress.
pub struct Trouble(thread::JoinHandle<Result<String>>);

impl Trouble {
    /// Waits until it is over; returns what happened.
    pub fn end(self) -> Result<String> {
        self.0.join().expect("trouble does not panic").context("the planned trouble failed")
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Calls `look` until it reports nothing missing; after a time-out its last report is the error.
pub(super) fn wait(mut look: impl FnMut() -> Result<Option<String>>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let missing = match look() {
            Ok(None) => return Ok(()),
            Ok(Some(missing)) => missing,
            Err(error) => format!("{error:#}"),
        };
        if Instant::now() > deadline {
            bail!("not ready after {PATIENCE:?}: {missing}");
        }
        stop::check()?;
        thread::sleep(POLL);
    }
}

//! `mt5fleet up` and `down`: Redis servers in one of three arrangements, from the very files in `deploy/`.
//!
//! Each server has its own port and its own folder. They end when we end, whatever the reason, unless they
//! were started to stay; then a note in the data folder says how to find them. A server that crashes is
//! started again after a while where another can take its place meanwhile.

mod cluster;
pub mod files;
mod note;
mod reshard;
mod sentinel;
pub mod server;
pub mod sizing;
pub mod topology;
pub mod version;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::{output, stop};
use note::Note;
use server::Server;
use topology::Node;
pub use topology::{LANES, Topology};

/// How long replicas, Sentinels and a Cluster may take to find each other.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
/// A crashed server stays away for longer than a failover takes, so that there is one to be watched.
const REVIVE_AFTER: Duration = Duration::from_secs(10);

/// What is to be started.
#[derive(Clone, Default)]
pub struct Plan {
    pub topology: Topology,
    /// One a server; by default free ones.
    pub ports: Option<Vec<u16>>,
    /// How large the fleet is; by default the servers have the sizes that stand in their files.
    pub terminals: Option<u64>,
}

/// Running servers.
pub struct Servers {
    topology: Topology,
    terminals: Option<u64>,
    servers: Vec<(Node, Server)>,
    data: PathBuf,
    dies_with_us: bool,
    crashed: Vec<(usize, Instant)>,
    /// Configuration files that were made by a start that failed; ports may stand in them.
    made: Vec<PathBuf>,
    /// Removed after the servers have ended, as fields go in order.
    _temporary: Option<TempDir>,
}

impl Servers {
    /// Starts a server for each lane in a temporary folder, which goes with them.
    pub fn start_temporary(ports: Option<[u16; 3]>) -> Result<Self> {
        Self::start_here(&Plan { ports: ports.map(Vec::from), ..Plan::default() })
    }

    /// Starts them in a temporary folder, which goes with them.
    pub fn start_here(plan: &Plan) -> Result<Self> {
        let folder = TempDir::with_prefix("mt5fleet-").context("cannot make a temporary folder")?;
        Self::start(plan, folder.path().to_owned(), true, Some(folder))
    }

    /// Starts them in `data`. With `stay` they outlive us.
    pub fn start_in(data: &Path, plan: &Plan, stay: bool) -> Result<Self> {
        let mut plan = plan.clone();
        if let Some(note) = Note::read(data)? {
            if note.any_runs() {
                bail!("servers already run on the data in {0}: mt5fleet down --data {0}", data.display());
            }
            plan = note.continued(plan, data)?;
        }
        let mut servers = Self::start(&plan, data.to_owned(), !stay, None)?;
        Note::of(plan.topology, &servers.ports())?.write(data)?;
        if stay {
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
                // A port that was free a moment ago may be somebody else's by now.
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
            let server = server.with_context(|| format!("the server for {} does not start", node.name))?;
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

    /// Ends all, those first that the others could miss least.
    fn stop(&mut self) {
        while let Some((_, server)) = self.servers.pop() {
            drop(server);
        }
    }

    /// The ports, in the order of [`Topology::names`].
    pub fn ports(&self) -> Vec<u16> {
        self.servers.iter().map(|(node, _)| node.port).collect()
    }

    /// How they are arranged.
    pub fn topology(&self) -> Topology {
        self.topology
    }

    /// Where each lane's data is now, in the order of [`LANES`]; in a Cluster its first node.
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

    /// The configuration for the bridge.
    pub fn toml(&self) -> String {
        self.topology.toml(&self.ports())
    }

    /// Where [`toml`](Self::toml) is written.
    pub fn config_file(&self) -> PathBuf {
        self.data.join("mt5redis.toml")
    }

    /// Kills the server on this port, as a crash would.
    pub fn kill(&mut self, port: u16) -> Result<()> {
        let found = self.servers.iter_mut().find(|(node, _)| node.port == port);
        found.with_context(|| format!("no server of ours has the port {port}"))?.1.kill()
    }

    /// Makes trouble such as an operator meets: with Sentinels every master crashes, in a Cluster every
    /// slot with data moves, in the background.
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
                let text = format!("the masters of {} crashed, on the ports {masters:?}", LANES.join(", "));
                Ok(Some(Trouble(thread::spawn(|| Ok(text)))))
            }
            Topology::Cluster => {
                let port = self.ports()[0];
                let reshard = move || {
                    let moved = reshard::reshard(port)?;
                    Ok(format!("{moved} slots, all that held data, moved to another master"))
                };
                Ok(Some(Trouble(thread::spawn(reshard))))
            }
        }
    }

    /// Looks after them: starts crashed ones again, when others have taken their place or after a while. A
    /// crash that nobody makes up for is an error. Returns the name of one that somebody ended.
    pub fn attend(&mut self) -> Result<Option<String>> {
        for at in 0..self.servers.len() {
            let (node, server) = &mut self.servers[at];
            let Some(status) = server.ended() else { continue };
            if status.success() {
                return Ok(Some(node.name.clone()));
            }
            if self.topology == Topology::Single {
                bail!("the server for {} crashed, {status}: see redis.log in its folder", node.name);
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
            // Told at once, it need not wait for the Sentinels to find out that it is back.
            let follow =
                |master: u16| ["--replicaof", "127.0.0.1", &master.to_string()].map(String::from).to_vec();
            let arguments = successor.map(follow).unwrap_or_default();
            self.crashed.remove(place);
            self.servers[at].1 = self.start_one(&self.servers[at].0, arguments)?;
            if successor.is_some() {
                // The next start should know it, too.
                let port = self.servers[at].0.port;
                redis::cmd("CONFIG").arg("REWRITE").exec(&mut server::connect(port)?)?;
            }
            break;
        }
        Ok(None)
    }

    /// The master that the Sentinels have chosen in place of a server.
    fn successor(&self, at: usize) -> Option<u16> {
        let node = &self.servers[at].0;
        let lane = LANES.iter().find(|lane| self.topology == Topology::Sentinel && **lane == node.lane)?;
        sentinel::master(&self.ports()[6..], lane).filter(|&master| master != node.port)
    }
}

/// Trouble under way.
pub struct Trouble(thread::JoinHandle<Result<String>>);

impl Trouble {
    /// Waits until it is over, and says what it was.
    pub fn end(self) -> Result<String> {
        self.0.join().expect("trouble does not panic").context("what was to happen half-way broke off")
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Waits until `look` finds nothing more to wait for; what it waits for is told when it takes too long.
fn wait(mut look: impl FnMut() -> Result<Option<String>>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let missing = match look() {
            Ok(None) => return Ok(()),
            Ok(Some(missing)) => missing,
            Err(error) => format!("{error:#}"),
        };
        if Instant::now() > deadline {
            bail!("after {PATIENCE:?}: {missing}");
        }
        stop::check()?;
        thread::sleep(POLL);
    }
}

/// `mt5fleet up`.
pub fn up(data: Option<&Path>, plan: &Plan, detach: bool) -> Result<()> {
    let mut servers = match data {
        Some(data) => Servers::start_in(data, plan, detach)?,
        None => Servers::start_here(plan)?,
    };
    for (node, _) in &servers.servers {
        output::print(&format!("{:<10}  {}", node.name, server::url(node.port)))?;
    }
    let file = servers.config_file();
    ["", &format!("The configuration for the bridge, also in {}:", file.display()), ""]
        .into_iter()
        .chain(servers.toml().lines())
        .try_for_each(output::print)?;
    if let (true, Some(data)) = (detach, data) {
        output::print("")?;
        output::print(&format!("They stay. mt5fleet down --data {} stops them.", data.display()))?;
        return Ok(());
    }
    ["", "Ctrl-C stops them."].into_iter().try_for_each(output::print)?;
    let outcome = loop {
        match servers.attend() {
            Ok(None) => {}
            // As `mt5fleet down` in another shell does.
            Ok(Some(name)) => {
                break output::print(&format!("The server for {name} has ended; stopping the others."));
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

/// `mt5fleet down`.
pub fn down(data: &Path) -> Result<()> {
    let Some(note) = Note::read(data)?.filter(|note| !note.is_at_rest()) else {
        bail!(
            "nothing was started in {}: pass the folder that `mt5fleet up --data` was given",
            data.display()
        );
    };
    note.stop()?;
    Note::rest(data)?;
    output::print("Stopped.")
}

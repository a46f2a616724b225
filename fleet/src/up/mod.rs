//! `mt5fleet up` and `down`: the three Redis servers, from the very files in `deploy/`.
//!
//! Each server has its own port and its own folder. They end when we end, whatever the reason, unless they
//! were started to stay; then a note in the data folder says how to find them.

mod note;
pub mod server;
pub mod version;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::stop;
use note::Note;
use server::Server;

/// The lanes, in the order of the library's lane numbers, with their configurations.
pub const LANES: [(&str, &str); 3] = [
    ("ris", include_str!("../../../deploy/redis-ris.conf")),
    ("rts", include_str!("../../../deploy/redis-rts.conf")),
    ("rtss", include_str!("../../../deploy/redis-rtss.conf")),
];

/// Three running servers.
pub struct Servers {
    servers: Vec<Server>,
    data: PathBuf,
    /// Removed after the servers have ended, as fields go in order.
    _temporary: Option<TempDir>,
}

impl Servers {
    /// Starts them in a temporary folder, which goes with them; without ports, on free ones.
    pub fn start_temporary(ports: Option<[u16; 3]>) -> Result<Self> {
        let folder = TempDir::with_prefix("mt5fleet-").context("cannot make a temporary folder")?;
        Self::start(folder.path().to_owned(), ports, true, Some(folder))
    }

    /// Starts them in `data`, on these ports or on free ones. With `stay` they outlive us.
    pub fn start_in(data: &Path, ports: Option<[u16; 3]>, stay: bool) -> Result<Self> {
        if let Some(note) = Note::read(data)?
            && note.any_runs()
        {
            bail!("servers already run on the data in {0}: mt5fleet down --data {0}", data.display());
        }
        let mut servers = Self::start(data.to_owned(), ports, !stay, None)?;
        Note::of(&servers.ports())?.write(data)?;
        if stay {
            servers.servers.iter_mut().for_each(Server::detach);
        }
        Ok(servers)
    }

    fn start(
        data: PathBuf,
        ports: Option<[u16; 3]>,
        dies_with_us: bool,
        temporary: Option<TempDir>,
    ) -> Result<Self> {
        let version = version::installed()?;
        let mut servers = Vec::new();
        for (lane, (name, configuration)) in LANES.into_iter().enumerate() {
            let configuration = version::adapt(configuration, version);
            let port = ports.map(|ports| ports[lane]);
            let server = Server::start(&configuration, &data.join(name), port, dies_with_us);
            servers.push(server.with_context(|| format!("the server for {name} does not start"))?);
        }
        let servers = Self { servers, data, _temporary: temporary };
        let file = servers.config_file();
        fs::write(&file, servers.toml()).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(servers)
    }

    /// The ports, in the order of [`LANES`].
    pub fn ports(&self) -> Vec<u16> {
        self.servers.iter().map(Server::port).collect()
    }

    /// The URLs, in the order of [`LANES`].
    pub fn urls(&self) -> [String; 3] {
        std::array::from_fn(|lane| self.servers[lane].url())
    }

    /// The configuration for the bridge.
    pub fn toml(&self) -> String {
        let table =
            |((name, _), server): ((&str, _), &Server)| format!("[{name}]\nurl = \"{}\"\n", server.url());
        LANES.into_iter().zip(&self.servers).map(table).collect()
    }

    /// Where [`toml`](Self::toml) is written.
    pub fn config_file(&self) -> PathBuf {
        self.data.join("mt5redis.toml")
    }

    fn any_ended(&mut self) -> Option<&'static str> {
        let mut both = LANES.iter().zip(&mut self.servers);
        both.find_map(|((name, _), server)| server.has_ended().then_some(*name))
    }
}

/// `mt5fleet up`.
pub fn up(data: Option<&Path>, ports: Option<[u16; 3]>, detach: bool) -> Result<()> {
    let mut servers = match data {
        Some(data) => Servers::start_in(data, ports, detach)?,
        None => Servers::start_temporary(ports)?,
    };
    for ((name, _), port) in LANES.iter().zip(servers.ports()) {
        println!("{name:<4}  {}", server::url(port));
    }
    println!("\nThe configuration for the bridge, also in {}:\n", servers.config_file().display());
    print!("{}", servers.toml());
    if let (true, Some(data)) = (detach, data) {
        println!("\nThey stay. mt5fleet down --data {} stops them.", data.display());
        return Ok(());
    }
    println!("\nCtrl-C stops them.");
    while !stop::requested() {
        if let Some(name) = servers.any_ended() {
            // `mt5fleet down` in another shell ends all three; a crash ends one.
            println!("The server for {name} has ended; stopping the others.");
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    drop(servers);
    if let Some(data) = data {
        Note::remove(data)?;
    }
    println!("Stopped.");
    Ok(())
}

/// `mt5fleet down`.
pub fn down(data: &Path) -> Result<()> {
    let Some(note) = Note::read(data)? else {
        bail!(
            "nothing was started in {}: pass the folder that `mt5fleet up --data` was given",
            data.display()
        );
    };
    note.stop()?;
    Note::remove(data)?;
    println!("Stopped.");
    Ok(())
}

//! One `redis-server` process, a server or a Sentinel.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::topology::Node;
use crate::stop;

/// How long a server may take to load its data at its start, or to save it at its end.
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(10);

/// What a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Server,
    Sentinel,
}

/// A running server. Dropping it ends the process, unless it was [detached](Server::detach).
pub struct Server {
    port: u16,
    process: Child,
    detached: bool,
}

impl Server {
    /// Starts a server and waits until it answers. Its configuration file includes those in `deploy`. An existing file
    /// in `folder` is kept, because Sentinels and failovers change it. `arguments` override it.
    pub fn start(
        deploy: &Path,
        folder: &Path,
        node: &Node,
        arguments: &[String],
        dies_with_us: bool,
    ) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let canonical = |path: &Path| {
            fs::canonicalize(path).with_context(|| format!("cannot use the folder {}", path.display()))
        };
        let (deploy, folder) = (canonical(deploy)?, canonical(folder)?);
        let file = folder.join("redis.conf");
        if !file.exists() {
            fs::write(&file, &node.file).with_context(|| format!("cannot write {}", file.display()))?;
        }
        let log = folder.join("redis.log");
        File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new("redis-server");
        command.current_dir(deploy).arg(file);
        command.args(["--port", &node.port.to_string(), "--dir"]).arg(&folder).arg("--logfile").arg(&log);
        command.args(arguments);
        if node.kind == Kind::Sentinel {
            command.arg("--sentinel");
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        prepare(&mut command, dies_with_us);
        let process = command.spawn().context("cannot run redis-server")?;
        let mut server = Self { port: node.port, process, detached: false };
        server.wait_until_ready(&log)?;
        Ok(server)
    }

    fn wait_until_ready(&mut self, log: &Path) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.process.try_wait()? {
                bail!("redis-server on port {} exited, {status}: {}", self.port, last_line(log));
            }
            if self.answers() {
                return Ok(());
            }
            stop::check()?;
            thread::sleep(POLL);
        }
        bail!("redis-server on port {} does not answer after {PATIENCE:?}: see {}", self.port, log.display());
    }

    /// Whether this process answers, and not another server on the same port.
    fn answers(&self) -> bool {
        ask_info(self.port, "process_id").is_ok_and(|id| id == self.process.id().to_string())
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// How the process ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().ok().flatten()
    }

    /// Kills the process, like a crash.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Lets the process outlive us.
    pub fn detach(&mut self) {
        self.detached = true;
    }

    fn end(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while self.ended().is_none() && self.answers() && Instant::now() < deadline {
            // Again and again: a server that is writing its first append-only file refuses.
            shut_down(self.port);
            thread::sleep(POLL);
        }
        // If it has not saved its data by now, it never will.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.detached {
            self.end();
        }
    }
}

/// Shields the server from Ctrl-C, as we stop it in order, and makes it end with us even if we are killed.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn prepare(command: &mut Command, dies_with_us: bool) {
    use rustix::process::{Signal, set_parent_process_death_signal};
    use std::os::unix::process::CommandExt;
    command.process_group(0);
    if dies_with_us {
        // SAFETY: between fork and exec it makes one system call and touches no memory. (The signal is sent when the
        // thread that started the server ends, so that thread must stay.)
        unsafe { command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::TERM))?)) };
    }
}

/// Outside Linux a server outlives us if we are killed.
#[cfg(not(target_os = "linux"))]
fn prepare(_: &mut Command, _: bool) {}

/// The URL of a server on this machine.
pub fn url(port: u16) -> String {
    format!("redis://127.0.0.1:{port}")
}

/// A connection to a server on this machine.
pub fn connect(port: u16) -> Result<redis::Connection> {
    let connection = redis::Client::open(url(port))?.get_connection_with_timeout(Duration::from_secs(1))?;
    connection.set_read_timeout(Some(PATIENCE))?;
    Ok(connection)
}

/// A field of `INFO server`.
pub fn ask_info(port: u16, name: &str) -> Result<String> {
    let info: redis::InfoDict = redis::cmd("INFO").arg("server").query(&mut connect(port)?)?;
    info.get(name).with_context(|| format!("INFO has no {name}"))
}

/// Asks a server to save its data and exit. It answers only if it refuses.
pub fn shut_down(port: u16) {
    if let Ok(mut connection) = connect(port) {
        let _ = redis::cmd("SHUTDOWN").exec(&mut connection);
    }
}

/// Shuts the server on a port down and waits while `is_there` holds.
pub fn wait_until_gone(port: u16, is_there: impl Fn() -> bool) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while is_there() {
        if Instant::now() > deadline {
            bail!("the server on port {port} does not shut down: see its log");
        }
        shut_down(port);
        thread::sleep(POLL);
    }
    Ok(())
}

/// Free ports below the system's range for clients. The ports 10,000 above are free too, for the Cluster bus.
pub fn free_ports(count: usize) -> Result<Vec<u16>> {
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let mut ports = Vec::new();
    for _ in 0..100 * count {
        let port = fastrand::u16(10_000..22_000);
        if !ports.contains(&port) && is_free(port) && is_free(port + 10_000) {
            ports.push(port);
        }
        if ports.len() == count {
            return Ok(ports);
        }
    }
    bail!("cannot find {count} free ports between 10000 and 22000: pass --ports")
}

fn last_line(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("its log is empty").to_owned()
}

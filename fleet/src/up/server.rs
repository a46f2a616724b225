//! One redis-server process, a server or a Sentinel: ready when it answers, ended with us.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::topology::Node;
use crate::stop;

/// How long a server may take to load its data, or to write it before it ends.
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
    /// Starts a server whose configuration file includes those in `deploy`. The file is written into
    /// `folder` if there is none yet: Sentinel and failovers change it. `arguments` override it.
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
                bail!("redis-server on port {} ended, {status}: {}", self.port, last_line(log));
            }
            if self.answers() {
                return Ok(());
            }
            stop::check()?;
            thread::sleep(POLL);
        }
        bail!("redis-server on port {} does not answer after {PATIENCE:?}: see {}", self.port, log.display());
    }

    /// Whether it answers, and not another server that holds the port in its place.
    fn answers(&self) -> bool {
        ask_info(self.port, "process_id").is_ok_and(|id| id == self.process.id().to_string())
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// How the process ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().ok().flatten()
    }

    /// Ends the process at once, as a crash does.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Lets the process live on without us.
    pub fn detach(&mut self) {
        self.detached = true;
    }

    fn end(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while self.ended().is_none() && self.answers() && Instant::now() < deadline {
            // Asked again, for one that writes its first log refuses to end.
            shut_down(self.port);
            thread::sleep(POLL);
        }
        // It had its chance to write what it must.
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

/// Keeps Ctrl-C to us, who end the server in order, and ties the server's life to ours, also when we are
/// killed.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn prepare(command: &mut Command, dies_with_us: bool) {
    use rustix::process::{Signal, set_parent_process_death_signal};
    use std::os::unix::process::CommandExt;
    command.process_group(0);
    if dies_with_us {
        // SAFETY: between fork and exec it makes one system call and touches no memory. (The signal comes
        // when the thread that starts the server ends, so that must be one that stays.)
        unsafe { command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::TERM))?)) };
    }
}

/// Elsewhere than on Linux a server outlives us if we are killed.
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

/// One line of what `INFO server` says.
pub fn ask_info(port: u16, name: &str) -> Result<String> {
    let info: redis::InfoDict = redis::cmd("INFO").arg("server").query(&mut connect(port)?)?;
    info.get(name).with_context(|| format!("INFO has no {name}"))
}

/// Asks a server to write what it must and end. It answers only if it does not.
pub fn shut_down(port: u16) {
    if let Ok(mut connection) = connect(port) {
        let _ = redis::cmd("SHUTDOWN").exec(&mut connection);
    }
}

/// Asks the server on a port to end, until `is_there` says that it has.
pub fn wait_until_gone(port: u16, is_there: impl Fn() -> bool) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while is_there() {
        if Instant::now() > deadline {
            bail!("the server on port {port} does not end: see its log");
        }
        shut_down(port);
        thread::sleep(POLL);
    }
    Ok(())
}

/// Ports that are free now, and with each of them the one 10,000 above, where a Cluster's nodes talk. They
/// lie below those that the system hands out to clients.
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
    bail!("no {count} free ports between 10000 and 22000: pass --ports")
}

fn last_line(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("its log is empty").to_owned()
}

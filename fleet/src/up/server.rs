//! One redis-server process: started from a configuration text, ready when it answers, ended with us.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::stop;

/// How long a server may take to load its data, or to write it before it ends.
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(10);

/// A running server. Dropping it ends the process, unless it was [detached](Server::detach).
pub struct Server {
    port: u16,
    process: Child,
    detached: bool,
}

impl Server {
    /// Starts a server in `folder`, which is made if needed; without a port, on a free one.
    pub fn start(configuration: &str, folder: &Path, port: Option<u16>, dies_with_us: bool) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let folder = fs::canonicalize(folder)
            .with_context(|| format!("cannot use the folder {}", folder.display()))?;
        let file = folder.join("redis.conf");
        fs::write(&file, configuration).with_context(|| format!("cannot write {}", file.display()))?;
        let mut tries = if port.is_some() { 1 } else { 10 };
        loop {
            let started = Self::try_start(&folder, port.map_or_else(free_port, Ok)?, dies_with_us);
            tries -= 1;
            // A port that was free a moment ago may be somebody else's by now.
            if started.is_ok() || tries == 0 || stop::requested() {
                return started;
            }
        }
    }

    fn try_start(folder: &Path, port: u16, dies_with_us: bool) -> Result<Self> {
        let log = folder.join("redis.log");
        File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new("redis-server");
        command
            .current_dir(folder)
            .arg("redis.conf")
            .args(["--port", &port.to_string(), "--dir"])
            .arg(folder);
        command.arg("--logfile").arg(&log).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        prepare(&mut command, dies_with_us);
        let process = command.spawn().context("cannot run redis-server")?;
        let mut server = Self { port, process, detached: false };
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

    /// Its URL.
    pub fn url(&self) -> String {
        url(self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the process has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.process.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Lets the process live on without us.
    pub fn detach(&mut self) {
        self.detached = true;
    }

    fn end(&mut self) {
        if self.answers() {
            shut_down(self.port);
            let deadline = Instant::now() + PATIENCE;
            while !self.has_ended() && Instant::now() < deadline {
                thread::sleep(POLL);
            }
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

/// Waits until nothing answers on a port.
pub fn wait_until_gone(port: u16) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while connect(port).is_ok() {
        if Instant::now() > deadline {
            bail!("the server on port {port} does not end: see its log");
        }
        thread::sleep(POLL);
    }
    Ok(())
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").context("no free port")?.local_addr()?.port())
}

fn last_line(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("its log is empty").to_owned()
}

//! A redis-server with its default settings.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::port::free_ports;
use mt5fleet::up::server::connect;
use tempfile::TempDir;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server. It ends with the test.
pub struct Bare {
    pub port: u16,
    folder: TempDir,
    process: Child,
}

impl Bare {
    /// Starts one whose file has these lines.
    pub fn start(lines: &str) -> Self {
        // A port that was free a moment ago may be another test's by now.
        (0..5).find_map(|_| Self::try_start(lines)).expect("redis-server starts; is it installed?")
    }

    fn try_start(lines: &str) -> Option<Self> {
        let port = free_ports(1)[0];
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("redis.conf"), format!("port {port}\nsave \"\"\n{lines}\n")).unwrap();
        let process = Self::run(folder.path());
        let mut bare = Self { port, folder, process };
        bare.answers().then_some(bare)
    }

    fn run(folder: &Path) -> Child {
        let mut command = Command::new("redis-server");
        // With an absolute path of its file, as an operator passes it.
        command.arg(folder.join("redis.conf")).arg("--dir").arg(folder).stdout(Stdio::null());
        command.spawn().expect("redis-server is installed")
    }

    fn answers(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while self.process.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "redis-server neither answers nor ends");
            // One that refuses PING answers, too.
            let answer =
                connect(self.port).and_then(|mut it| Ok(redis::cmd("ECHO").arg("x").exec(&mut it)?));
            let said = answer.map_err(|error| error.to_string());
            if said.is_ok() || said.is_err_and(|words| words.contains("NOAUTH")) {
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        false
    }

    /// Ends it and starts it again with its file.
    pub fn restart(&mut self) {
        self.end();
        self.process = Self::run(self.folder.path());
        assert!(self.answers(), "it starts with its file:\n{}", self.text());
    }

    fn text(&self) -> String {
        fs::read_to_string(self.folder.path().join("redis.conf")).unwrap()
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn end(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.end();
    }
}

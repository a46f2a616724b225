//! A redis-server of a test's own: a port of its own, a temporary folder, gone with the test.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use redis::FromRedisValue;
use tempfile::TempDir;

use super::eventually;
use super::port::free_port;

/// A running redis-server.
pub struct Server {
    pub port: u16,
    folder: TempDir,
    arguments: Vec<String>,
    process: Option<Child>,
}

impl Server {
    /// Starts a server that keeps nothing on disk.
    pub fn start() -> Self {
        Self::with(&["--save", ""])
    }

    /// Starts a server that has everything it acknowledged on disk.
    pub fn durable() -> Self {
        Self::with(&["--save", "", "--appendonly", "yes", "--appendfsync", "always"])
    }

    /// Starts a server with these arguments.
    pub fn with(arguments: &[&str]) -> Self {
        Self::on(free_port(), arguments)
    }

    /// Starts a server on this port of our own.
    pub fn on(port: u16, arguments: &[&str]) -> Self {
        Self::in_folder(port, TempDir::new().expect("a temporary folder"), arguments)
    }

    /// Starts a server with this configuration file, which it may rewrite, and these arguments.
    pub fn configured(text: &str, arguments: &[&str]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        std::fs::write(folder.path().join("redis.conf"), text).expect("a file");
        Self::in_folder(free_port(), folder, arguments)
    }

    fn in_folder(port: u16, folder: TempDir, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| argument.to_string()).collect();
        let mut server = Self { port, folder, arguments, process: None };
        server.restart();
        server
    }

    /// Starts the process again, on the same port and folder.
    pub fn restart(&mut self) {
        let file = self.folder.path().join("redis.conf");
        let process = Command::new("redis-server")
            .args(Some(file).filter(|file| file.exists()))
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--dir"])
            .arg(self.folder.path())
            .args(&self.arguments)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed (make test installs it where it can)");
        self.process = Some(process);
        eventually("redis-server answers", || {
            let ended = self.process.as_mut().expect("it was started").try_wait().expect("our own child");
            assert_eq!(ended, None, "redis-server ended: {:?}", self.arguments);
            self.answers()
        });
    }

    fn answers(&self) -> bool {
        self.try_client().is_some_and(|mut client| {
            let pong = redis::cmd("PING").query::<String>(&mut client);
            // One that wants a password answers too, and one without PING.
            let refuses = |error: &redis::RedisError| {
                error.code() == Some("NOAUTH") || error.to_string().contains("unknown command")
            };
            pong.as_ref().map_or_else(refuses, |_| true)
        })
    }

    fn try_client(&self) -> Option<redis::Connection> {
        redis::Client::open(self.url()).ok()?.get_connection_with_timeout(super::PATIENCE).ok()
    }

    /// Its URL, without a password.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its temporary folder, which goes with it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A connection beside the bridge's.
    pub fn client(&self) -> redis::Connection {
        self.try_client().expect("the server answers")
    }

    /// Asks what one would type into redis-cli, over a connection of its own.
    pub fn ask<T: FromRedisValue>(&self, command: &str) -> T {
        self::command(command).query(&mut self.client()).unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// A section of INFO.
    pub fn info(&self, section: &str) -> String {
        self.ask(&format!("INFO {section}"))
    }

    /// A setting of its configuration.
    pub fn setting(&self, name: &str) -> String {
        let (_, value): (String, String) = self.ask(&format!("CONFIG GET {name}"));
        value
    }

    /// Sets a directive that holds for so many ms, by the server's own clock.
    pub fn direct(&self, key: &str, level: u8, ms: i64) {
        let time: (i64, i64) = self.ask("TIME");
        self.ask::<()>(&format!("SET {key} {level}:{}", time.0 * 1000 + time.1 / 1000 + ms));
    }

    /// Whether it was not killed.
    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Ends the process at once, without a word to anyone.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// How often the server has run a command.
    pub fn calls(&self, command: &str) -> i64 {
        let info: String = self.ask("INFO commandstats");
        let line = info.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
        line.map_or(0, |rest| rest.split(',').next().expect("a number").parse().expect("a number"))
    }

    /// Freezes the process: its connections stay open and nothing answers.
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets a frozen process go on.
    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        let process = self.process.as_ref().expect("running");
        kill(Pid::from_raw(process.id() as i32), signal).expect("a signal to our own child");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What one would type into redis-cli.
pub fn command(text: &str) -> redis::Cmd {
    let mut words = text.split_whitespace();
    let mut command = redis::cmd(words.next().expect("a command"));
    words.for_each(|word| {
        command.arg(word);
    });
    command
}

//! Servers of a test's own, workers at them, and what the stream and the dead letters hold.

use std::process::{Child, Command, Output, Stdio};

use crate::support::servers;
use mt5fleet::up::Servers;
use redis::{Connection, Value};

const PROGRAM: &str = env!("CARGO_BIN_EXE_mt5fleet");

pub struct Site {
    servers: Servers,
    client: Connection,
}

impl Site {
    pub fn start() -> Self {
        let servers = servers();
        let url = servers.urls()[2].clone();
        let client = redis::Client::open(url).unwrap().get_connection().unwrap();
        Self { servers, client }
    }

    pub fn url(&self) -> String {
        self.servers.urls()[2].clone()
    }

    pub fn ask<T: redis::FromRedisValue>(&mut self, command: &str) -> T {
        let mut words = command.split_whitespace();
        let mut ask = redis::cmd(words.next().unwrap());
        words.for_each(|word| {
            ask.arg(word);
        });
        ask.query(&mut self.client).unwrap()
    }

    pub fn signal(&mut self, sequence: u64, symbol: &str) {
        let command = format!(
            "XADD ss:{{0}}:1.Demo * v 2 p 00000000000000aa q {sequence} t 1763800000000 o 0 i 1.Demo a b sy {symbol} \
             vo 0.1 pr 1.5 sl 0 tp 0 mg 3 po 0 ex 0 co x pq 0"
        );
        self.ask::<String>(&command);
        self.ask::<u64>("ZADD sl:{0} 1 1.Demo");
    }

    /// The signals' server, for a user whose password is "secret".
    pub fn url_of(&self, user: &str) -> String {
        self.url().replace("redis://", &format!("redis://{user}:secret@"))
    }

    pub fn worker(&self, arguments: &[&str]) -> Child {
        self.worker_at(&self.url(), arguments)
    }

    pub fn worker_as(&self, user: &str, arguments: &[&str]) -> Child {
        self.worker_at(&self.url_of(user), arguments)
    }

    fn worker_at(&self, url: &str, arguments: &[&str]) -> Child {
        Command::new(PROGRAM)
            .args(["work", "--config", url, "--take-over", "400ms", "--backoff", "50ms"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    pub fn pending(&mut self, group: &str) -> i64 {
        let reply: Vec<Value> = self.ask(&format!("XPENDING ss:{{0}}:1.Demo {group}"));
        let Value::Int(pending) = reply[0] else { panic!("{reply:?}") };
        pending
    }

    pub fn letters(&self, arguments: &[&str]) -> Output {
        self.letters_at(&self.url(), arguments)
    }

    pub fn letters_at(&self, url: &str, arguments: &[&str]) -> Output {
        let all = [&["deadletters"], &arguments[..1], &["--config", url], &arguments[1..]].concat();
        Command::new(PROGRAM).args(all).output().unwrap()
    }

    /// What a worker says that refuses to start.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let output =
            Command::new(PROGRAM).args(["work", "--config", &self.url()]).args(arguments).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    }
}

/// Asks a worker to stop and waits for its end.
pub fn stop(mut worker: Child) {
    let pid = rustix::process::Pid::from_child(&worker);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(worker.wait().unwrap().success());
}

//! The programs that tell alerts, and their configuration.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use mt5fleet::up::Servers;
use serde_json::Value;
use tempfile::TempDir;

use super::receivers::Web;
use super::support::{eventually, servers};

/// Servers, a configuration with `[alerts]`, and who gets them.
pub struct World {
    pub servers: Servers,
    pub web: Web,
    _folder: TempDir,
    pub config: PathBuf,
}

/// All conditions, by name.
pub const CONDITIONS: [&str; 14] = [
    "silent",
    "disconnected",
    "forbidden",
    "clock",
    "margin",
    "drawdown",
    "guard",
    "halted",
    "unreported",
    "lag",
    "gap",
    "dead-letter",
    "journal",
    "finding",
];

impl World {
    /// Every condition is told at once, `more` are lines of `[alerts]`, and `tables` its tables. There is a sink `program`.
    pub fn start(more: &str, tables: &str) -> Self {
        Self::telling(&CONDITIONS, more, tables)
    }

    /// Only these conditions are told.
    pub fn telling(conditions: &[&str], more: &str, tables: &str) -> Self {
        Self::at(servers(), conditions, more, tables)
    }

    /// The same at these servers.
    pub fn at(servers: Servers, conditions: &[&str], more: &str, tables: &str) -> Self {
        let web = Web::start();
        let sink = format!("[alerts.sinks.program]\nkind = \"webhook\"\nurl = \"{}/hook\"", web.url);
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("fleet.toml");
        let base = fs::read_to_string(servers.config_file()).unwrap();
        fs::write(&config, format!("{base}\n{}\n{sink}\n{tables}", settings(conditions, more))).unwrap();
        Self { servers, web, _folder: folder, config }
    }

    /// A connection to the server of a lane (0: ris, 1: rts, 2: rtss).
    pub fn redis(&self, lane: usize) -> redis::Connection {
        mt5fleet::up::server::connect(self.servers.ports()[lane]).unwrap()
    }

    pub fn page(&self) -> Program {
        Program::start(&["web", "--listen", "127.0.0.1:0", "--config", self.config.to_str().unwrap()])
    }

    pub fn governor(&self) -> Program {
        Program::start(&["govern", "--every", "200ms", "--config", self.config.to_str().unwrap()])
    }

    /// Waits until this was told: in `firing` or in `over`.
    pub fn expect(&self, list: &str, what: &str) {
        eventually(&format!("{what} in {list}"), || self.web.told(list).iter().any(|told| told == what));
    }

    /// Waits until Redis knows that every message was delivered. A program that is killed before tells it again.
    pub fn expect_noted(&self) {
        let mut rts = self.redis(1);
        eventually("all deliveries are noted", || {
            let text: String = redis::cmd("GET").arg("alerts:{fleet}").query(&mut rts).unwrap();
            let stored: Value = serde_json::from_str(&text).unwrap();
            stored["queue"]["waiting"].as_array().unwrap().is_empty()
        });
    }
}

/// The table `[alerts]`, in which these conditions are told at once and others are not.
pub fn settings(conditions: &[&str], more: &str) -> String {
    let group = if more.contains("group") { "" } else { "group = \"0s\"\n" };
    let mut text = format!("[alerts]\n{group}{more}\n");
    for condition in CONDITIONS {
        text += &match conditions.contains(&condition) {
            true => format!("{condition}.for = \"0s\"\n"),
            false => format!("{condition}.tell = \"off\"\n"),
        };
    }
    text
}

/// A running program, and what it has printed.
pub struct Program {
    pub process: Child,
    printed: Arc<Mutex<String>>,
}

impl Program {
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let printed = Arc::<Mutex<String>>::default();
        let out: [Box<dyn Read + Send>; 2] =
            [Box::new(process.stdout.take().unwrap()), Box::new(process.stderr.take().unwrap())];
        for out in out {
            let printed = printed.clone();
            thread::spawn(move || {
                for line in BufReader::new(out).lines().map_while(Result::ok) {
                    *printed.lock().unwrap() += &format!("{line}\n");
                }
            });
        }
        Self { process, printed }
    }

    pub fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    pub fn says(&self, words: &str) {
        eventually(words, || self.printed().contains(words));
    }

    pub fn leads(&self) -> bool {
        self.printed().contains("alerts are told by this program")
    }

    /// What the page's API says of the alerts.
    pub fn api(&self) -> Value {
        self.says("the fleet is at ");
        let printed = self.printed();
        let url = printed.split("the fleet is at ").nth(1).unwrap().lines().next().unwrap();
        let mut answer = ureq::get(format!("{url}/api/v1/alerts")).call().unwrap();
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    }

    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs a program to its end: what it printed, and whether it succeeded.
pub fn run(arguments: &[&str]) -> (String, bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
    let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
    (String::from_utf8([output.stdout, output.stderr].concat()).unwrap(), output.status.success())
}

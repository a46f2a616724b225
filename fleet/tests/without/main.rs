//! Servers that refuse a command, to everybody as providers do, or by a user's permissions: the programs do without it
//! or say so, as the table in `docs/deployment.md` promises. Each command of their rows is taken away in turn.
#![cfg(target_os = "linux")]

#[path = "../bare/mod.rs"]
mod bare;
#[path = "../web/client.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod client;
mod doctor;
mod programs;
mod sites;
#[path = "../support/mod.rs"]
mod support;
mod web;
mod worker;

use bare::Bare;
use mt5fleet::up::server::connect;
use redis::{Connection, FromRedisValue};

/// How a command is refused.
#[derive(Clone, Copy, Debug)]
pub enum Refusal {
    /// The user lacks the permission: NOPERM.
    ToTheUser,
    /// The server does not know the command by this name.
    ToAll,
}

/// The name by which only the test knows a renamed command. Its length stays, because Redis tells XREADGROUP from XREAD
/// by the length.
fn hidden(command: &str) -> String {
    format!("_{}", &command[1..])
}

/// A server that refuses one command.
pub struct Site {
    pub server: Bare,
    admin: Connection,
    renamed: Option<String>,
}

impl Site {
    /// A server that refuses this command with all of its subcommands.
    pub fn without(command: &str, refusal: Refusal) -> Self {
        let lines = match refusal {
            Refusal::ToTheUser => {
                format!("user program on >secret ~* &* +@all -{}", command.to_lowercase())
            }
            Refusal::ToAll => {
                format!("user program on >secret ~* &* +@all\nrename-command {command} {}", hidden(command))
            }
        };
        let server = Bare::start(&lines);
        let admin = connect(server.port).unwrap();
        let renamed = matches!(refusal, Refusal::ToAll).then(|| command.to_owned());
        Self { server, admin, renamed }
    }

    /// The URL with the user that is refused something.
    pub fn url(&self) -> String {
        format!("redis://program:secret@127.0.0.1:{}", self.server.port)
    }

    /// What an administrator would type into redis-cli.
    pub fn ask<T: FromRedisValue>(&mut self, line: &str) -> T {
        let mut words = line.split(' ');
        let name = words.next().unwrap();
        let is_renamed = self.renamed.as_ref().is_some_and(|renamed| renamed.eq_ignore_ascii_case(name));
        let mut ask = redis::cmd(&if is_renamed { hidden(name) } else { name.to_owned() });
        words.for_each(|word| {
            ask.arg(word);
        });
        ask.query(&mut self.admin).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// Adds this many signals of one source. The third is for the symbol BAD.
    pub fn signals(&mut self, count: u64) {
        for sequence in 1..=count {
            let symbol = if sequence == 3 { "BAD" } else { "EURUSD" };
            self.ask::<String>(&format!(
                "XADD ss:{{0}}:1.Demo * v 2 p 00000000000000aa q {sequence} t 1763800000000 o 0 i 1.Demo a b sy {symbol} \
                 vo 0.1 pr 1.5 sl 0 tp 0 mg 3 po 0 ex 0 co x pq {}",
                sequence - 1
            ));
        }
        self.ask::<u64>("ZADD sl:{0} 1 1.Demo");
    }

    /// How many signals are kept.
    pub fn kept(&mut self) -> u64 {
        self.ask("XLEN ss:{0}:1.Demo")
    }
}

/// Whether a text says that a command is refused.
pub fn says(text: &str, command: &str) -> bool {
    let (text, command) = (text.to_lowercase(), command.to_lowercase());
    // A program's screen wraps its lines, and a subcommand follows its command.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    ["'", "refuses ", "without "].iter().any(|before| text.contains(&format!("{before}{command}")))
        || text.contains(&format!("{command} is refused"))
}

/// The commands of the table's rows for this program, each with what the last column says.
pub fn rows(program: &str) -> Vec<(String, String)> {
    let text = include_str!("../../../docs/deployment.md");
    let section =
        text.split("\n## ").find(|section| section.starts_with("Managed servers")).expect("the section");
    let mut found = Vec::new();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [commands, who, _, refused] = cells[..] else { panic!("{row}") };
        // Logins, Sentinels and Clusters have tests of their own.
        let elsewhere = ["Sentinels", "Cluster", "password", "database"];
        let is_whose = |who: &str| who == "all" || who.trim_matches('`') == program;
        if who.split(", ").any(is_whose) && !elsewhere.iter().any(|place| who.contains(place)) {
            let quoted = commands.split('`').skip(1).step_by(2);
            let first_words = quoted.map(|command| command.split(' ').next().expect("a word").to_owned());
            found.extend(first_words.map(|command| (command, refused.to_owned())));
        }
    }
    assert!(!found.is_empty(), "{program} has no row");
    found
}

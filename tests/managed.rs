//! Servers that refuse commands, as managed ones do: what the bridge can do without, it does without.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use mt5_redis::abi::MT5REDIS_LANE_RTSS;
use mt5_redis::model::trade::{MT5REDIS_EVENT_CLOSE, MT5REDIS_EVENT_OPEN};
use support::bridge::{Bridge, account, buy, trade};
use support::cluster::Cluster;
use support::follower::{self, Wants, subscribe};
use support::sentinels::Sentinels;
use support::server::Server;
use support::{configuration, eventually};

/// Commands that look after a server; managed ones keep them to themselves.
const CARE: [&str; 5] = ["config", "client", "latency", "memory", "slowlog"];

/// A server with these lines, at which the bridge writes and reads all it has, without a word of complaint.
fn works_at(lines: &str) {
    writes_at(lines, true);
}

/// The same, with or without reading.
fn writes_at(lines: &str, reads: bool) {
    let server = Server::configured(&format!("save \"\"\n{lines}\n"), &[]);
    let bridge = Bridge::at(&server, "1.Demo");
    if reads {
        subscribe(&bridge, &Wants { follower: "g", instances: "*", start: 1, ..Wants::default() });
    }
    bridge.heartbeat(&account());
    bridge.trade(&trade(1, MT5REDIS_EVENT_OPEN));
    bridge.signal(&buy(7));
    bridge.settle();
    if reads {
        assert_eq!(follower::wait(&bridge).signal.magic, 7);
    }
    let events = bridge.events();
    let good = |line: &String| line.contains(": connected to ") || line.ends_with(": this terminal acts");
    assert!(events.iter().all(good), "{lines}: {events:?}");
}

#[test]
fn without_the_commands_that_managed_servers_keep_to_themselves_it_works() {
    works_at(&CARE.map(|command| format!("rename-command {command} \"\"\n")).concat());
    works_at(&format!(
        "user default on nopass ~* &* +@all {}",
        CARE.map(|command| format!("-{command}")).join(" ")
    ));
}

/// What the page says of managed servers.
fn section() -> &'static str {
    let text = include_str!("../docs/deployment.md");
    text.split("\n## ").find(|section| section.starts_with("Managed servers")).expect("the section")
}

/// The first word of each that stands in backticks.
fn words(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.map(|words| words.split(' ').next().expect("a word").to_owned()).collect()
}

/// The commands of each row of the table, who sends them, and what happens where they are refused.
fn rows() -> Vec<(Vec<String>, String, String)> {
    let rows = section().lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [commands, who, _, refused] = cells[..] else { panic!("{row}") };
        (words(commands), who.to_owned(), refused.to_owned())
    })
    .collect()
}

/// Whether a row is about Sentinels or a Cluster, which have tests of their own.
fn is_of_a_site(who: &str) -> bool {
    who.contains("Sentinels") || who.contains("Cluster")
}

#[test]
fn without_any_of_the_commands_that_it_can_do_without_it_works() {
    let mut tried = 0;
    for (commands, who, refused) in rows().into_iter().filter(|(_, who, _)| !is_of_a_site(who)) {
        if (who.starts_with("bridge") || who.starts_with("all")) && refused.starts_with("Works") {
            for command in commands {
                // A follower has its own need of it.
                let reads = command != "TIME";
                writes_at(&format!("rename-command {command} \"\""), reads);
                tried += 1;
            }
        }
    }
    assert!(tried >= 5, "{tried}");
}

#[test]
fn without_any_of_the_commands_that_it_needs_it_holds_and_says_so() {
    let mut tried = 0;
    for (commands, who, refused) in rows() {
        if who.starts_with("bridge") && refused.starts_with("Holds") {
            commands.iter().for_each(|command| holds_without(command));
            tried += commands.len();
        }
    }
    assert!(tried >= 16, "{tried}");
}

/// Of a server without this command the bridge says that it accepts no writes, and gives nothing up.
fn holds_without(command: &str) {
    let server = Server::configured(&format!("save \"\"\nrename-command {command} \"\"\n"), &[]);
    let bridge = Bridge::at(&server, "1.Demo");
    let mut told = Vec::new();
    let mut round = |what: &str, last: bool| {
        eventually(&format!("{what} without {command}"), || {
            bridge.heartbeat(&account());
            for event in [MT5REDIS_EVENT_OPEN, MT5REDIS_EVENT_CLOSE, MT5REDIS_EVENT_OPEN] {
                bridge.trade(&trade(1, event));
            }
            bridge.trade(&trade(2, MT5REDIS_EVENT_OPEN));
            bridge.open_positions(0, &[]);
            bridge.signal(&buy(7));
            told.extend(bridge.events());
            let named = format!("'{command}'");
            let holds = told.iter().any(|line| line.contains("accepts no writes") && line.contains(&named));
            holds
                || !last && ["ris", "rts", "rtss"].iter().all(|lane| bridge.stats()[*lane]["committed"] != 0)
        });
        told.iter().any(|line| line.contains("accepts no writes"))
    };
    // Some are needed from the second connection on.
    if !round("it works or holds", false) {
        server.ask::<()>("CLIENT KILL TYPE normal");
        round("it holds", true);
    }
    let stats = bridge.stats();
    for lane in ["ris", "rts", "rtss"] {
        assert_eq!(stats[lane]["rejected"], 0, "{command}: {stats}");
    }
}

/// What a follower of these sources gets from a server without this command that has a signal, and what it is told.
fn followed(command: &str, sources: &str, enough: impl Fn(bool, &[String]) -> bool) {
    let server = Server::configured(&format!("save \"\"\nrename-command {command} \"\"\n"), &[]);
    server.ask::<String>(
        "XADD ss:{0}:1.Demo * v 2 p 00000000000000aa q 1 t 1763800000000 o 0 i 1.Demo a b sy EURUSD vo 0.1 pr 1.5 sl 0 \
         tp 0 mg 7 po 0 ex 0 co x pq 0",
    );
    server.ask::<()>("ZADD sl:{0} 1763800000000 1.Demo");
    let bridge = Bridge::at(&server, "2.Demo");
    subscribe(&bridge, &Wants { follower: "g", instances: sources, start: 1, ..Wants::default() });
    let (mut told, mut got) = (Vec::new(), false);
    eventually(&format!("a follower of {sources} without {command}"), || {
        got = got || matches!(follower::next(&bridge), Ok(Some(_)));
        let of_a_lane =
            |line: &String| ["ris: ", "rts: ", "rtss: "].iter().any(|lane| line.starts_with(lane));
        told.extend(bridge.events().into_iter().filter(|line| !of_a_lane(line)));
        enough(got, &told)
    });
}

#[test]
fn a_follower_reads_or_says_why_it_does_not() {
    let mut tried = 0;
    for (commands, who, refused) in rows().into_iter().filter(|(_, who, _)| who.starts_with("follower")) {
        for command in commands {
            let named = format!("'{command}'");
            if refused.starts_with("Works") {
                ["1.Demo", "*"].iter().for_each(|sources| followed(&command, sources, |got, _| got));
            } else {
                let sources = if who.contains("all sources") { "*" } else { "1.Demo" };
                followed(&command, sources, |got, told| {
                    let none = refused.starts_with("It reads nothing");
                    assert!(!(none && got), "a signal comes without {command}");
                    told.iter().any(|line| line.contains(&named))
                });
                if who.contains("all sources") {
                    followed(&command, "1.Demo", |got, _| got);
                }
            }
            tried += 1;
        }
    }
    assert!(tried >= 12, "{tried}");
}

/// What the table's last column says of a command that is sent with Sentinels or on a Cluster.
fn at_a_site(place: &str, command: &str) -> String {
    let quoted = format!("`{command}`");
    let mut rows = section().lines().filter(|line| line.starts_with(&format!("| {quoted} |")));
    let row = rows.find(|line| line.contains(place)).unwrap_or_else(|| panic!("no row has {command}"));
    row.trim_matches('|').split(" | ").nth(3).expect("a last column").trim().to_owned()
}

/// Makes a user on this server that may use every command except this one.
fn without(server: &Server, command: &str) {
    server.ask::<()>("ACL SETUSER bridge on >secret ~* &* +@all");
    server.ask::<()>(&format!("ACL SETUSER bridge -{}", command.to_lowercase().replace(' ', "|")));
}

const LOGIN: &str = "username = \"bridge\"\npassword = \"secret\"\n";

/// The bridge of this configuration holds everything, and says these words.
fn says_that_nothing_works(toml: &str, words: &[&str]) {
    let (folder, config) = configuration(toml);
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    bridge.heartbeat(&account());
    bridge.trade(&trade(1, MT5REDIS_EVENT_OPEN));
    bridge.signal(&buy(7));
    let mut told: Vec<String> = Vec::new();
    eventually(&format!("each lane says {words:?}"), || {
        told.extend(bridge.events());
        ["ris: ", "rts: ", "rtss: "].iter().all(|lane| {
            told.iter().any(|line| line.starts_with(lane) && words.iter().all(|word| line.contains(word)))
        })
    });
    assert!(!told.iter().any(|line| line.contains("secret")), "{told:?}");
    let stats = bridge.stats();
    for lane in ["ris", "rts", "rtss"] {
        let of = |name: &str| stats[lane][name].as_i64().expect("a number");
        assert_eq!((of("committed"), of("rejected")), (0, 0), "{toml}: {stats}");
    }
}

/// The bridge of this configuration writes everything and complains of nothing.
fn works(toml: &str) {
    let (folder, config) = configuration(toml);
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    bridge.heartbeat(&account());
    bridge.trade(&trade(1, MT5REDIS_EVENT_OPEN));
    bridge.signal(&buy(7));
    bridge.settle();
    let events = bridge.events();
    assert!(events.iter().all(|line| line.contains(": connected to ")), "{toml}: {events:?}");
}

#[test]
fn who_cannot_log_in_or_choose_its_database_says_what_to_change() {
    let hidden = Server::configured("rename-command AUTH \"\"\n", &[]);
    says_that_nothing_works(&format!("url = \"{}\"\n{LOGIN}", hidden.url()), &["'AUTH'"]);
    let hidden = Server::configured("rename-command SELECT \"\"\n", &[]);
    says_that_nothing_works(&format!("url = \"{}/2\"\n", hidden.url()), &["'SELECT'", "leave /2 out"]);
    let server = Server::start();
    without(&server, "SELECT");
    let toml = format!("url = \"{}/2\"\n{LOGIN}", server.url());
    says_that_nothing_works(&toml, &["'select'", "check username, password and permissions"]);
}

#[test]
fn without_the_commands_of_sentinels_the_table_is_right() {
    let group = Sentinels::start();
    assert!(at_a_site("Sentinels", "ROLE").starts_with("Works"));
    group.servers.iter().for_each(|server| without(server, "ROLE"));
    works(&format!("{}{LOGIN}", group.toml()));
    assert!(at_a_site("Sentinels", "SENTINEL").starts_with("Nothing works"));
    group.sentinels.iter().for_each(|sentinel| without(sentinel, "SENTINEL"));
    let login = LOGIN.replace("username", "sentinel_username").replace("password", "sentinel_password");
    says_that_nothing_works(
        &format!("{}{login}", group.toml()),
        &["no sentinel knows", "NOPERM ", "mt5fleet acl --sentinel"],
    );
}

#[test]
fn without_the_commands_of_a_cluster_the_table_is_right() {
    let cluster = Cluster::start();
    let toml = format!("{}{LOGIN}", cluster.toml());
    let all = |command: &str| cluster.nodes.iter().for_each(|node| without(node, command));
    assert!(at_a_site("Cluster", "CLUSTER INFO").starts_with("Works for the bridge"));
    all("CLUSTER INFO");
    works(&toml);
    assert!(at_a_site("Cluster", "CLUSTER SLOTS").starts_with("Nothing works"));
    all("CLUSTER SLOTS");
    says_that_nothing_works(&toml, &["'cluster|slots'", "check username, password and permissions"]);

    // A slot that is halfway: without ASKING, its records wait until it has moved.
    assert!(at_a_site("Cluster", "ASKING").starts_with("Works; what belongs to a slot that moves waits"));
    all("ASKING");
    works(&toml);
    let (folder, config) = configuration(&toml);
    let bridge = Bridge::open(&config, "2.Demo", folder.path());
    let slot = cluster.slot("{2.Demo}");
    let signals = cluster.slot(&format!("{{{}}}", mt5_redis::model::key::shard("2.Demo", 16)));
    assert_ne!(slot, signals);
    let moving = cluster.begin_to_move(slot, (cluster.owner(slot) + 1) % 3);
    bridge.trade(&trade(1, MT5REDIS_EVENT_OPEN));
    bridge.signal(&buy(1));
    let mut told = Vec::new();
    eventually("the signal is there, and the trade waits", || {
        told.extend(bridge.events());
        let waits =
            told.iter().any(|line: &String| line.starts_with("rts: ") && line.contains("accepts no writes"));
        waits && bridge.committed(MT5REDIS_LANE_RTSS) == 1
    });
    assert!(told.iter().any(|line| line.contains("'asking'")), "{told:?}");
    assert_eq!(bridge.stats()["rts"]["committed"], 0);
    moving.end();
    bridge.settle();
    assert_eq!(bridge.stats()["rts"]["rejected"], 0);
}

/// What looks like a command and is sent by nobody: advice that is printed, a part of MIGRATE, a code of an
/// error, a lane of tests.
const PRINTED: [&str; 7] = ["ACL", "BGREWRITEAOF", "BGSAVE", "EXPIRE", "KEYS", "READONLY", "RPUSH"];

/// Every command of the server that stands as a word of its own in these sources, but for their tests.
fn sent(folder: &Path, known: &BTreeSet<String>, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("sources").flatten() {
        let (path, name) = (entry.path(), entry.file_name().into_string().expect("a plain name"));
        if path.is_dir() {
            if name != "tests" {
                sent(&path, known, found);
            }
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source");
        let text = text.split("#[cfg(test)]").next().expect("a beginning");
        for literal in text.split('"').skip(1) {
            let command = literal.split(' ').next().expect("a word");
            if known.contains(command) && !PRINTED.contains(&command) && literal.len() < 24 {
                found.insert(command.to_owned(), path.display().to_string());
            }
        }
    }
}

#[test]
fn the_table_has_every_command_that_is_sent_and_no_other() {
    let server = Server::start();
    let commands: Vec<Vec<redis::Value>> = server.ask("COMMAND");
    let name = |command: &Vec<redis::Value>| match &command[0] {
        redis::Value::BulkString(name) => String::from_utf8_lossy(name).to_uppercase(),
        redis::Value::SimpleString(name) => name.to_uppercase(),
        other => panic!("{other:?}"),
    };
    let known: BTreeSet<String> = commands.iter().map(name).chain(["SENTINEL".to_owned()]).collect();
    let mut found = BTreeMap::new();
    for folder in ["src", "worker/src", "fleet/src"] {
        sent(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &known, &mut found);
    }
    let listed: BTreeSet<String> = words(section()).into_iter().filter(|word| known.contains(word)).collect();
    let missing: Vec<_> = found.iter().filter(|(command, _)| !listed.contains(*command)).collect();
    assert!(missing.is_empty(), "sent and not in the table: {missing:#?}");
    let idle: Vec<_> = listed.iter().filter(|command| !found.contains_key(*command)).collect();
    assert!(idle.is_empty(), "in the table and never sent: {idle:?}");
}

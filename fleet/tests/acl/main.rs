//! The users of `mt5fleet acl` at a real server: each does its own work, the terminal's through the real
//! library, and is refused everything else.

#[path = "../guarded/mod.rs"]
mod guarded;
mod operators;
#[path = "../publishing/mod.rs"]
mod publishing;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;

use guarded::{Guarded, PASSWORD, acl, acl_with_password, ask, expect_refused};
use mt5fleet::doctor;
use mt5fleet::up::server::{self, Server};
use mt5fleet::up::{Servers, Topology, files, version};
use publishing::publish_everything;
use redis::{Connection, RedisResult, Value};
use support::plan;
use support::port::free_ports;

const INSTANCE: &str = "1.Demo";

/// The commands that a user may call at all, whatever the keys.
fn allowed(guarded: &mut Guarded, user: &str) -> BTreeSet<String> {
    let names: Vec<String> = redis::cmd("COMMAND").arg("LIST").query(&mut guarded.admin).unwrap();
    let known: Vec<Vec<Value>> =
        redis::cmd("COMMAND").arg("INFO").arg(&names).query(&mut guarded.admin).unwrap();
    let mut allowed = BTreeSet::new();
    for (name, command) in names.iter().zip(known) {
        // Of a command with subcommands only these can be called.
        if names.iter().any(|other| other.starts_with(&format!("{name}|"))) {
            continue;
        }
        let Value::Int(arity) = command[1] else { panic!("{name} has no arity") };
        let mut words: Vec<&str> = name.split('|').collect();
        let all = arity.unsigned_abs() as usize;
        while words.len() < all {
            words.push("1");
        }
        let mut ask = redis::cmd("ACL");
        let verdict: RedisResult<String> = ask.arg("DRYRUN").arg(user).arg(words).query(&mut guarded.admin);
        let verdict = verdict.unwrap_or_else(|error| error.to_string());
        if !verdict.contains("has no permissions to run") {
            allowed.insert(name.clone());
        }
    }
    allowed
}

fn expect_allowed(guarded: &mut Guarded, user: &str, expected: &str) {
    let expected: BTreeSet<String> = expected.split_whitespace().map(String::from).collect();
    assert_eq!(allowed(guarded, user), expected, "{user}");
}

fn expect_all_refused(connection: &mut Connection, commands: &[&str]) {
    commands.iter().for_each(|command| expect_refused(connection, command));
}

/// What looks at a whole server and none of ours sends.
const NOBODYS: [&str; 6] =
    ["CLIENT LIST", "LATENCY LATEST", "SLOWLOG GET", "MEMORY STATS", "DBSIZE", "RANDOMKEY"];

/// What every session may do, whoever it is.
const EVERYBODY: &str = "auth hello ping quit reset select client|setname client|id info role \
                         cluster|info cluster|slots cluster|shards cluster|keyslot asking readonly multi exec discard ";

/// The library publishes everything without a refusal; the same user can touch no other instance's keys.
#[test]
fn a_terminal_does_all_its_work_and_nothing_else() {
    let mut guarded = Guarded::start(&["--instance", INSTANCE]);
    publish_everything(&guarded.url(INSTANCE), INSTANCE);
    let refusals: Vec<Value> = redis::cmd("ACL").arg("LOG").query(&mut guarded.admin).unwrap();
    assert_eq!(refusals, [], "the library was refused something");
    let written: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut guarded.admin).unwrap();
    for kind in [
        "is:{1.Demo}",
        "il",
        "ts:{1.Demo}:1",
        "tc:{1.Demo}",
        "te:{1.Demo}",
        "ih:{1.Demo}",
        "ss:{0}:1.Demo",
        "sl:{0}",
        "sr:{0}:1.Demo",
        "wr:{0}:1.Demo:",
        "wm:{1.Demo}:",
        "wm:{0}:1.Demo:",
    ] {
        assert!(written.iter().any(|key| key.starts_with(kind)), "{kind} is not in {written:?}");
    }

    expect_allowed(
        &mut guarded,
        INSTANCE,
        &format!(
            "{EVERYBODY} hset del persist pexpire sadd srem watch unwatch smembers zadd zrem zremrangebyscore set get setrange xadd xtrim xrevrange time"
        ),
    );
    let mut terminal = guarded.sign_in(INSTANCE);
    expect_all_refused(
        &mut terminal,
        &[
            "HSET is:{2.Demo} eq 1",
            "DEL is:{2.Demo}",
            "HSET ts:{1.Demo2}:1 vo 1",
            "SADD to:{2.Demo} 1",
            "ZADD tc:{2.Demo} 1 1",
            "SMEMBERS to:{2.Demo}",
            "SET wm:{2.Demo}:0123456789abcdef 1",
            "XADD te:{2.Demo} * d x",
            "XREVRANGE te:{2.Demo} + -",
            "XDEL te:{1.Demo} 1-1",
            "DEL te:{1.Demo}",
            "SETRANGE ih:{2.Demo} 0 x",
            "GET ih:{2.Demo}",
            "DEL ih:{1.Demo}",
            "XADD ss:{1}:1.Demo * d x",
            "XADD ss:{0}:2.Demo * d x",
            "XREVRANGE ss:{0}:2.Demo + -",
            "XADD sr:{0}:2.Demo * d x",
            "XADD sr:{1}:1.Demo * d x",
            "XREVRANGE sr:{0}:2.Demo + -",
            "XRANGE sr:{0}:1.Demo - +",
            "DEL sr:{0}:1.Demo",
            "XDEL sr:{0}:1.Demo 1-1",
            "SET wr:{0}:2.Demo:0123456789abcdef 1",
            "DEL wr:{0}:1.Demo:0123456789abcdef",
            "XADD sd:{0} * d x",
            "DEL ss:{0}:1.Demo",
            "SET ss:{0}:1.Demo 1",
            "XRANGE ss:{0}:1.Demo - +",
            "ZREM sl:{0} 1.Demo",
            "ZRANGE sl:{0} 0 -1",
            "DEL il",
            "ZREM il 2.Demo",
            "SET ctl 0:0",
            "SET ctl:{1.Demo} 0:0",
            "GET ctl:{2.Demo}",
            "SET halt entries:me:mine",
            "DEL halt",
            "SET halt:{1.Demo} entries:me:mine",
            "DEL halt:{1.Demo}",
            "GET halt:{2.Demo}",
            "DEL wm:{0}:1.Demo:0123456789abcdef",
            "SET wm:{0}:2.Demo:0123456789abcdef 1",
            "FLUSHALL",
            "CONFIG GET maxmemory",
            "KEYS *",
            "ACL LIST",
        ],
    );
    ask(&mut terminal, "GET ctl").unwrap();
    for read in ["GET ctl:{1.Demo}", "GET halt", "GET halt:{1.Demo}"] {
        ask(&mut terminal, read).unwrap();
    }
}

#[test]
fn a_terminal_and_the_doctor_do_their_work_by_sentinels_and_on_a_cluster() {
    for (topology, shards) in [(Topology::Sentinel, "1"), (Topology::Cluster, "16")] {
        let servers = Servers::start_here(&plan(topology, None)).unwrap();
        let lines = acl_with_password(&["--instance", INSTANCE, "--doctor", "--shards", shards]);
        let mut admins: Vec<Connection> =
            servers.ports()[..6].iter().map(|&port| server::connect(port).unwrap()).collect();
        for admin in &mut admins {
            lines.lines().for_each(|line| drop(ask(admin, line).unwrap()));
        }
        let config = servers.config_file();
        let sites = servers.toml();
        let write = |user: &str| {
            let head = format!("username = \"{user}\"\npassword = \"{PASSWORD}\"\n");
            std::fs::write(&config, head + &sites).unwrap();
            config.to_str().unwrap().to_owned()
        };
        publish_everything(&write(INSTANCE), INSTANCE);
        let options = doctor::Options { config: write("doctor"), root: "/".into(), ..Default::default() };
        let findings = doctor::examine(&options).unwrap();
        let broken: Vec<_> = findings
            .iter()
            .filter(|found| found.text.contains("the check failed") || found.light == doctor::Light::Red)
            .collect();
        assert!(broken.is_empty(), "{topology:?}: {broken:#?}");
        for admin in &mut admins {
            let refusals: Vec<Value> = redis::cmd("ACL").arg("LOG").query(admin).unwrap();
            assert_eq!(refusals, [], "{topology:?}: something was refused");
        }
    }
}

#[test]
fn a_worker_consumes_signals_and_writes_no_state() {
    let mut guarded = Guarded::start(&["--worker"]);
    ask(&mut guarded.admin, "XADD ss:{0}:1.Demo * d x").unwrap();
    let mut worker = guarded.sign_in("worker");
    for command in [
        "XGROUP CREATE ss:{0}:1.Demo copiers 0",
        "XREADGROUP GROUP copiers one COUNT 10 STREAMS ss:{0}:1.Demo >",
        "XPENDING ss:{0}:1.Demo copiers",
        "XAUTOCLAIM ss:{0}:1.Demo copiers two 0 0",
        "XACK ss:{0}:1.Demo copiers 1-1",
        "XTRIM ss:{0}:1.Demo MINID = 1",
        "XINFO GROUPS ss:{0}:1.Demo",
        "ZSCAN sl:{0} 0",
        "SCAN 0",
        "HMGET fp:{1.Demo} *",
        "ZADD sa:{0}:1.Demo:copiers 1 x",
        "XADD sd:{0} * d x",
        "HGETALL is:{1.Demo}",
        "ZRANGE il 0 -1",
        "SMEMBERS to:{1.Demo}",
    ] {
        ask(&mut worker, command).unwrap();
    }
    expect_all_refused(
        &mut worker,
        &[
            "XADD ss:{0}:1.Demo * d forged",
            "ZADD sl:{0} 1 x",
            "HSET fp:{1.Demo} 1.Demo 0-0",
            "XDEL ss:{0}:1.Demo 1-1",
            "DEL ss:{0}:1.Demo",
            "HSET is:{1.Demo} eq 1",
            "DEL ts:{1.Demo}:1",
            "SADD to:{1.Demo} 1",
            "SET ctl 3:1",
            "GET ctl",
            "SET halt all:me:mine",
            "SET wm:{0}:1.Demo:0123456789abcdef 1",
            "XGROUP DESTROY ss:{0}:1.Demo copiers",
            "EVAL return(1) 0",
            "FLUSHALL",
            "KEYS *",
            "CONFIG SET maxmemory 1",
        ],
    );
    expect_allowed(
        &mut guarded,
        "worker",
        &format!(
            "{EVERYBODY} xreadgroup xread xrange xrevrange xlen type xack xclaim xautoclaim xpending xtrim xadd \
             xgroup|create xgroup|setid xgroup|delconsumer xinfo|stream xinfo|groups xinfo|consumers \
             zscan zadd zremrangebyscore pexpire time scan hget hmget hgetall exists pttl ttl smembers \
             sismember scard zrange zrangebyscore zscore zcard"
        ),
    );
}

#[test]
fn a_file_switches_the_default_user_off_and_a_server_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.acl");
    std::fs::write(&file, "").unwrap();
    let deploy = folder.path().join("deploy");
    files::write(&deploy, version::installed().unwrap()).unwrap();
    let node = Topology::Single.nodes(&free_ports(3)).remove(0);
    let arguments = ["--aclfile", file.to_str().unwrap()].map(String::from);
    let server = Server::start(&deploy, folder.path(), &node, &arguments, true).unwrap();
    let mut admin = server::connect(server.port()).unwrap();

    let who = ["--instance", INSTANCE, "--worker", "--governor", "--doctor", "--servers", "--file"];
    let (lines, secrets) = acl(&who);
    std::fs::write(&file, &lines).unwrap();
    ask(&mut admin, "ACL LOAD").unwrap();
    let stranger = redis::Client::open(server::url(server.port())).unwrap().get_connection();
    let refused = stranger.and_then(|mut connection| ask(&mut connection, "GET ctl"));
    assert_eq!(refused.unwrap_err().code(), Some("NOAUTH"));

    let passwords: Vec<(&str, &str)> = secrets.lines().filter_map(|line| line.split_once(' ')).collect();
    let users: Vec<&str> = passwords.iter().map(|(user, _)| *user).collect();
    assert_eq!(users, [INSTANCE, "worker", "governor", "doctor", "replica", "sentinel"]);
    for (user, password) in passwords {
        assert!(!lines.contains(password));
        let url = format!("redis://{user}:{password}@127.0.0.1:{}", server.port());
        let mut connection = redis::Client::open(url).unwrap().get_connection().unwrap();
        ask(&mut connection, "PING").unwrap();
    }
}

#[test]
fn at_a_sentinel_the_users_are_those_of_the_script() {
    let script = include_str!("../../../deploy/node.sh").replace("\\\n", "");
    let lines = acl_with_password(&["--sentinel", "--file"]);
    assert_eq!(lines.lines().count(), 2);
    for (line, name) in lines.lines().zip(["bridge", "watcher"]) {
        let rules = line.strip_prefix(&format!("user {name} reset on #")).unwrap().split_once(' ').unwrap().1;
        assert!(script.contains(rules) && script.contains(&format!("user {name} ")), "{line}");
    }
}

/// A script could block the server, or reach keys that its user may not.
#[test]
fn no_user_may_run_scripts_or_functions() {
    let everybody = [
        "--instance",
        "1.Demo",
        "--follow",
        "--worker",
        "--clerk",
        "--governor",
        "--operator",
        "--doctor",
        "--web",
        "--web-operator",
        "--servers",
    ];
    let mut guarded = Guarded::start(&everybody);
    // At a Sentinel each user gets single commands only.
    for line in acl_with_password(&["--sentinel"]).lines() {
        assert!(
            !["eval", "script", "function", "fcall", "@"].iter().any(|word| line.contains(word)),
            "{line}"
        );
    }
    let users: Vec<String> = redis::cmd("ACL").arg("USERS").query(&mut guarded.admin).unwrap();
    let users: Vec<&String> = users.iter().filter(|user| *user != "default").collect();
    assert!(users.len() >= 7, "{users:?}");
    for user in users {
        for command in [
            "EVAL return(1) 0",
            "EVAL_RO return(1) 0",
            "EVALSHA 0 0",
            "FCALL f 0",
            "FCALL_RO f 0",
            "SCRIPT LOAD return(1)",
            "FUNCTION LOAD x",
            "MODULE LIST",
        ] {
            let told = ask(&mut guarded.admin, &format!("ACL DRYRUN {user} {command}")).unwrap();
            assert!(format!("{told:?}").contains("no permissions"), "{user} {command}: {told:?}");
        }
    }
}

//! Who we are at a server: users, what they may not do, and where passwords come from.

mod support;

use support::bridge::{Bridge, account, buy, sequences};
use support::cluster::Cluster;
use support::server::Server;
use support::{configuration, eventually};

const SECRET: &str = "hunter2";

/// Waits for an event with these words; none may have the password.
fn told(bridge: &Bridge, words: &[&str]) {
    let mut seen = Vec::new();
    eventually(&format!("an event with {words:?}"), || {
        seen.extend(bridge.events());
        seen.iter().any(|line: &String| words.iter().all(|word| line.contains(word)))
    });
    assert!(!seen.concat().contains(SECRET), "{seen:?}");
    assert!(!bridge.stats().to_string().contains(SECRET));
}

#[test]
fn what_a_user_may_not_do_is_told_and_done_once_it_may() {
    let server = Server::start();
    // May not append, then may not note how far it has come.
    for (number, rules) in [(1, "+@all -xadd"), (2, "+@all -set")] {
        let _: String = server.ask(&format!("ACL SETUSER ea reset on >{SECRET} ~* {rules}"));
        let toml = format!("url = \"{}\"\nusername = \"ea\"\npassword = \"{SECRET}\"\n", server.url());
        let (folder, config) = configuration(&toml);
        let bridge = Bridge::open(&config, "1.Demo", folder.path());
        assert_eq!(bridge.signal(&buy(number)), 1);
        told(&bridge, &["rtss: ", "accepts no writes: NOPERM ", "check username, password and permissions"]);
        assert_eq!(sequences(&server).len() as i64, number - 1);
        let _: String = server.ask("ACL SETUSER ea +@all");
        bridge.settle();
        assert_eq!(sequences(&server).len() as i64, number);
    }
}

#[test]
fn without_the_right_to_a_guarded_transaction_nothing_is_written() {
    let server = Server::start();
    for (number, command) in [(1, "multi"), (2, "exec"), (3, "watch")] {
        let _: String = server.ask(&format!("ACL SETUSER ea reset on >{SECRET} ~* +@all -{command}"));
        let (folder, config) =
            configuration(&format!("url = \"redis://ea:{SECRET}@127.0.0.1:{}\"\n", server.port));
        let bridge = Bridge::open(&config, "1.Demo", folder.path());
        assert_eq!(bridge.signal(&buy(number)), 1);
        let why = format!("accepts no writes: {} is refused, ", command.to_uppercase());
        told(
            &bridge,
            &["rtss: ", &why, "could be written twice: NOPERM ", "check username, password and permissions"],
        );
        assert_eq!(sequences(&server).len() as i64, number - 1);
        let _: String = server.ask("ACL SETUSER ea +@all");
        bridge.settle();
        assert_eq!(sequences(&server).len() as i64, number);
    }
}

#[test]
fn a_server_without_transactions_is_refused() {
    let server = Server::configured("rename-command MULTI \"\"\n", &["--save", ""]);
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.signal(&buy(1));
    bridge.heartbeat(&account());
    let mut seen = Vec::new();
    eventually("both lanes tell of it", || {
        seen.extend(bridge.events());
        ["rtss: ", "ris: "].iter().all(|lane| {
            let why =
                "accepts no writes: MULTI is refused, without which a record could be written twice: ERR unknown";
            seen.iter().any(|line| line.starts_with(lane) && line.contains(why))
        })
    });
    assert_eq!(server.ask::<i64>("DBSIZE"), 0);
    assert_eq!(bridge.committed(mt5_redis::abi::MT5REDIS_LANE_RTSS), 0);
}

#[test]
fn rights_that_are_taken_away_while_records_flow_hold_the_lane() {
    let server = Server::start();
    let _: String = server.ask(&format!("ACL SETUSER ea reset on >{SECRET} ~* +@all"));
    let url = format!("redis://ea:{SECRET}@127.0.0.1:{}", server.port);
    let bridge = Bridge::open(&url, "1.Demo", server.folder());
    let mut number = 0;
    let mut signal = || {
        number += 1;
        assert_eq!(bridge.signal(&buy(number)), number);
        number
    };
    signal();
    bridge.settle();
    for command in ["watch", "multi", "exec"] {
        let _: String = server.ask(&format!("ACL SETUSER ea -{command}"));
        // The first is written yet, or asked for.
        signal();
        signal();
        let why = format!("{} is refused, ", command.to_uppercase());
        told(&bridge, &["rtss: ", &why, "could be written twice: NOPERM "]);
        let there = sequences(&server);
        let held = signal();
        let refused = |server: &Server| {
            let stats: String = server.ask("INFO commandstats");
            let line = stats.lines().find(|line| line.starts_with(&format!("cmdstat_{command}:")));
            line.expect("it was called").rsplit_once("rejected_calls=").expect("a count").1.to_owned()
        };
        let before = refused(&server);
        eventually("it tried again", || refused(&server) != before);
        assert_eq!(sequences(&server), there);
        let _: String = server.ask(&format!("ACL SETUSER ea +{command}"));
        bridge.settle();
        assert_eq!(sequences(&server), (1..=held).collect::<Vec<_>>());
    }
}

#[test]
fn a_server_that_repeats_the_password_is_not_quoted() {
    let server = Server::configured("rename-command AUTH \"\"\n", &[]);
    // Of a long one Redis repeats the beginning.
    for (number, password) in [(1, SECRET.to_owned()), (2, SECRET.repeat(30))] {
        let url = format!("redis://ea:{password}@127.0.0.1:{}", server.port);
        let folder = tempfile::tempdir().expect("a folder");
        let bridge = Bridge::open(&url, "1.Demo", folder.path());
        bridge.signal(&buy(number));
        told(&bridge, &["rtss: ", "ERR unknown command 'AUTH'"]);
    }
}

#[test]
fn a_user_bound_to_its_instance_may_do_all_that_the_bridge_needs() {
    let server = Server::start();
    let rules = "~is:{1.Demo} ~il ~ts:{1.Demo}:* ~to:{1.Demo} ~tc:{1.Demo} ~te:{1.Demo} ~ss:{0}:1.Demo \
                 ~sl:{0} ~wm:{1.Demo}:* ~wm:{0}:1.Demo:*";
    let commands = "-@all +multi +exec +watch +get +set +hset +pexpire +persist +zadd +zrem +zremrangebyscore +sadd \
                    +srem +smembers +del +xadd +xtrim +xrevrange +time +ping";
    let _: String = server.ask(&format!("ACL SETUSER ea reset on >{SECRET} {rules} {commands}"));
    let url = format!("redis://ea:{SECRET}@127.0.0.1:{}", server.port);
    let bridge = Bridge::open(&url, "1.Demo", server.folder());
    bridge.heartbeat(&account());
    bridge.signal(&buy(1));
    bridge.open_positions(0, &[5]);
    bridge.settle();
    // Only the history of equity is missing, for users of before.
    told(&bridge, &["ris: ", "refuses what accompanies them: NOPERM "]);
    // A session for another instance shares the connection, and is refused.
    let other = Bridge::open(&url, "2.Demo", server.folder());
    other.heartbeat(&account());
    told(&other, &["ris: ", "accepts no writes: NOPERM "]);
    assert!(!server.ask::<bool>("EXISTS is:{2.Demo}"));
}

#[test]
fn passwords_come_from_a_file_and_reach_every_node_of_a_cluster() {
    let cluster = Cluster::start();
    for node in &cluster.nodes {
        let _: String = node.ask(&format!("ACL SETUSER ea reset on >{SECRET} ~* +@all"));
    }
    let text = format!("{}username = \"ea\"\npassword_file = \"redis.secret\"\n", cluster.toml());
    let (folder, config) = configuration(&text);
    std::fs::write(folder.path().join("redis.secret"), format!("{SECRET}\n")).expect("a file");
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    bridge.signal(&buy(1));
    bridge.heartbeat(&account());
    bridge.settle();
    let lists: String = cluster.nodes.iter().map(|node| node.ask::<String>("CLIENT LIST")).collect();
    let ours: Vec<&str> = lists.lines().filter(|line| line.contains("name=mt5redis:1.Demo:")).collect();
    assert!(ours.len() >= 2 && ours.iter().all(|line| line.contains("user=ea")), "{ours:?}");
}

/// A bridge that is opened anew by its password file's text.
fn reopened(server: &Server, folder: &std::path::Path, password: &str) -> Bridge {
    let config = folder.join("mt5-redis.toml");
    let text = format!("url = \"{}\"\nusername = \"ea\"\npassword_file = \"redis.secret\"\n", server.url());
    std::fs::write(&config, text).expect("a file");
    std::fs::write(folder.join("redis.secret"), format!("{password}\n")).expect("a file");
    Bridge::open(config.to_str().expect("a plain path"), "1.Demo", folder)
}

#[test]
fn a_password_is_changed_without_a_pause() {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    server.ask::<()>("ACL SETUSER ea reset on >the-old ~* +@all");
    let old = reopened(&server, folder.path(), "the-old");
    old.signal(&buy(1));
    old.settle();
    server.ask::<()>("ACL SETUSER ea >the-new");
    // Who is connected stays so.
    old.signal(&buy(2));
    old.settle();
    old.close(10_000);
    let new = reopened(&server, folder.path(), "the-new");
    server.ask::<()>("ACL SETUSER ea <the-old");
    new.signal(&buy(3));
    new.settle();
    assert_eq!(sequences(&server), [1, 2, 3]);
}

#[test]
fn after_a_theft_the_terminal_holds_until_it_has_the_new_password() {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    server.ask::<()>(&format!("ACL SETUSER ea reset on >{SECRET} ~* +@all"));
    let stolen = reopened(&server, folder.path(), SECRET);
    stolen.signal(&buy(1));
    stolen.settle();
    server.ask::<()>("ACL SETUSER ea resetpass >the-new");
    server.ask::<()>("CLIENT KILL USER ea");
    stolen.signal(&buy(2));
    told(&stolen, &["rtss: ", "accepts no writes: WRONGPASS", "wrong username or password"]);
    assert_eq!(sequences(&server), [1]);
    stolen.close(0);
    let new = reopened(&server, folder.path(), "the-new");
    new.settle();
    assert_eq!(sequences(&server), [1, 2]);
}

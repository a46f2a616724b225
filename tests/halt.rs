//! An operator's halt: it reaches every session in time, and only an operator's word ends it.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use mt5_redis::abi::*;
use mt5_redis::codes::MT5REDIS_ERR_HANDLE;
use mt5_redis::model::InstanceState;
use mt5_redis::model::halt::*;
use support::bridge::{Bridge, account};
use support::cluster::Cluster;
use support::eventually;
use support::server::Server;

/// What the library says: the level, and who and why.
fn halted(bridge: &Bridge) -> (i32, String) {
    let mut buffer = [0; 256];
    // SAFETY: the capacity is the buffer's.
    let level = unsafe { mt5redis_halted(bridge.handle, buffer.as_mut_ptr(), buffer.len() as i32) };
    let length = buffer.iter().position(|&unit| unit == 0).expect("a NUL");
    (level, String::from_utf16(&buffer[..length]).expect("valid UTF-16"))
}

fn level(bridge: &Bridge) -> i32 {
    halted(bridge).0
}

/// Sets a key to a text with spaces.
fn set(server: &Server, key: &str, value: &str) {
    redis::cmd("SET").arg(key).arg(value).exec(&mut server.client()).expect("it is set");
}

/// Ends the halt of a key, as `mt5fleet resume` does.
fn resume(server: &Server, key: &str) {
    set(server, key, "none:anna:all is well");
}

/// The files of halts in a data folder, without one that is being written.
fn files(folder: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(folder.join("mt5-redis")).into_iter().flatten();
    let all = all.map(|entry| entry.expect("an entry").path());
    all.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("halt.")))
        .filter(|path| path.extension().is_none_or(|end| end != "new"))
        .collect()
}

/// A configuration of its own, so that the session gets a new engine: as after a restart.
fn restarted(server: &Server, number: u32, folder: &Path, more: &str) -> (tempfile::TempDir, Bridge) {
    let (held, config) = support::configuration(&format!(
        "url = \"{}\"\n[pressure]\nquiet = \"{number}s\"\n{more}",
        server.url()
    ));
    let bridge = Bridge::open(&config, "1.Demo", folder);
    (held, bridge)
}

#[test]
fn it_comes_with_the_next_heartbeat_and_the_next_one_says_so() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    let beat = || {
        assert!(bridge.heartbeat(&account()) > 0);
        bridge.settle();
    };
    beat();
    assert_eq!(halted(&bridge), (MT5REDIS_HALT_NONE, String::new()));
    assert_eq!(server.ask::<i32>("HGET is:{1.Demo} ha"), 0);
    set(&server, "halt:{2.Demo}", "all:anna:another instance");
    set(&server, "halt", "entries:anna:news at 14:30");
    beat();
    assert_eq!(halted(&bridge), (MT5REDIS_HALT_ENTRIES, "anna: news at 14:30".to_owned()));
    beat();
    assert_eq!(server.ask::<i32>("HGET is:{1.Demo} ha"), 1);

    // The stricter of the two.
    set(&server, "halt:{1.Demo}", "all:bert:größer als erlaubt");
    beat();
    assert_eq!(halted(&bridge), (MT5REDIS_HALT_ALL, "bert: größer als erlaubt".to_owned()));
    resume(&server, "halt");
    beat();
    assert_eq!(level(&bridge), MT5REDIS_HALT_ALL);
    resume(&server, "halt:{1.Demo}");
    beat();
    assert_eq!(halted(&bridge), (MT5REDIS_HALT_NONE, String::new()));
    let events = bridge.events().join("\n");
    for words in [
        "1.Demo is halted by anna, no new positions: news at 14:30",
        "1.Demo is halted by bert, no new positions, and copies are closed: größer als erlaubt",
        "1.Demo is halted no longer",
    ] {
        assert!(events.contains(words), "{words}\n{events}");
    }
}

/// A follower's terminal need not publish anything.
#[test]
fn it_reaches_a_session_that_sends_no_heartbeats() {
    let server = Server::start();
    set(&server, "halt", "entries:anna:before the start");
    let bridge = Bridge::at(&server, "1.Demo");
    eventually("it is halted", || level(&bridge) == MT5REDIS_HALT_ENTRIES);
    // A second session of the process, with the same connections.
    set(&server, "halt:{2.Demo}", "all:anna:why");
    let other = Bridge::at(&server, "2.Demo");
    eventually("the other is halted", || level(&other) == MT5REDIS_HALT_ALL);
    resume(&server, "halt");
    eventually("one is free", || level(&bridge) == MT5REDIS_HALT_NONE);
    assert_eq!(level(&other), MT5REDIS_HALT_ALL);
}

/// At level 3 the next heartbeat is due in 45 s.
#[test]
fn pressure_delays_neither_the_halt_nor_the_word_that_it_is_obeyed() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    server.direct("ctl", 3, 600_000);
    assert!(bridge.heartbeat(&account()) > 0);
    bridge.settle();
    assert_eq!(mt5redis_throttle(bridge.handle), 3);
    // The first after the level rose is due. It may have been the last one already.
    bridge.heartbeat(&account());
    assert_eq!(bridge.heartbeat(&account()), 0);
    let sent = bridge.accepted("ris");

    set(&server, "halt", "entries:anna:news");
    eventually("it is halted", || level(&bridge) == MT5REDIS_HALT_ENTRIES);
    assert_eq!(bridge.accepted("ris"), sent, "without a heartbeat");
    assert_eq!(bridge.heartbeat(&account()), sent + 1);
    assert_eq!(bridge.heartbeat(&account()), 0);
    bridge.settle();
    assert_eq!(server.ask::<i32>("HGET is:{1.Demo} ha"), 1);
    resume(&server, "halt");
    eventually("it is lifted", || level(&bridge) == MT5REDIS_HALT_NONE);
    assert_eq!(bridge.heartbeat(&account()), sent + 2);
}

/// A caller's interval says how often it is asked for, within bounds; pressure does not.
#[test]
fn a_long_interval_of_heartbeats_does_not_delay_it_beyond_five_seconds() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    let state = InstanceState { interval_ms: 3_600_000, ..account() };
    assert!(bridge.heartbeat(&state) > 0);
    bridge.settle();
    set(&server, "halt", "entries:anna:news");
    eventually("it is halted", || level(&bridge) == MT5REDIS_HALT_ENTRIES);
}

#[test]
fn a_full_server_is_still_asked() {
    let server = Server::with(&["--save", "", "--maxmemory-policy", "noeviction"]);
    let bridge = Bridge::at(&server, "1.Demo");
    assert!(bridge.heartbeat(&account()) > 0);
    bridge.settle();
    set(&server, "ready", "all:anna:news");
    resume(&server, "end");
    server.ask::<()>("CONFIG SET maxmemory 1");
    assert!(bridge.heartbeat(&account()) > 0);
    eventually("heartbeats are refused", || {
        bridge.events().iter().any(|event| event.contains("accepts no writes: OOM"))
    });
    let committed = bridge.committed(MT5REDIS_LANE_RIS);
    // A full server still renames.
    server.ask::<()>("RENAME ready halt");
    eventually("it is halted", || level(&bridge) == MT5REDIS_HALT_ALL);
    server.ask::<()>("RENAME end halt");
    eventually("it is lifted", || level(&bridge) == MT5REDIS_HALT_NONE);
    assert_eq!(bridge.committed(MT5REDIS_LANE_RIS), committed);
}

#[test]
fn a_value_that_cannot_be_read_halts_entries_and_says_so() {
    let server = Server::start();
    set(&server, "halt", "stop it, now!");
    let bridge = Bridge::at(&server, "1.Demo");
    eventually("it is halted", || level(&bridge) == MT5REDIS_HALT_ENTRIES);
    let why = "mt5-redis: halt is \"stop it, now!\", not entries:<who>:<why> or all:…";
    assert_eq!(halted(&bridge).1, why);
    resume(&server, "halt");
    eventually("it is lifted", || level(&bridge) == MT5REDIS_HALT_NONE);
    server.ask::<()>("HSET halt:{1.Demo} a b");
    eventually("it is halted", || level(&bridge) == MT5REDIS_HALT_ENTRIES);
    assert!(halted(&bridge).1.contains("halt:{1.Demo} is no string"), "{:?}", halted(&bridge));
    // One that can be read is stricter.
    set(&server, "halt", "all:anna:news");
    eventually("it is halted", || level(&bridge) == MT5REDIS_HALT_ALL);
    let events = bridge.events().join("\n");
    assert!(
        events.contains("1.Demo is halted by mt5-redis, no new positions: halt is \"stop it"),
        "{events}"
    );
}

#[test]
fn neither_a_restart_nor_an_outage_ends_it() {
    let mut server = Server::start();
    let data = tempfile::tempdir().expect("a folder");
    set(&server, "halt", "entries:anna:news");
    set(&server, "halt:{1.Demo}", "all:bert:why");
    let (_first, bridge) = restarted(&server, 1, data.path(), "");
    eventually("it is halted", || level(&bridge) == MT5REDIS_HALT_ALL);
    eventually("it is on the disk", || files(data.path()).len() == 1);
    server.kill();
    eventually("the outage is noticed", || {
        bridge.events().iter().any(|event| event.starts_with("ris: ") && event.contains("accepts no writes"))
    });
    assert_eq!(halted(&bridge), (MT5REDIS_HALT_ALL, "bert: why".to_owned()));
    bridge.close(0);

    // A new start without Redis: it is halted from the first moment on.
    let (_second, bridge) = restarted(&server, 2, data.path(), "");
    assert_eq!(halted(&bridge), (MT5REDIS_HALT_ALL, "bert: why".to_owned()));
    let events = bridge.events().join("\n");
    let words = "1.Demo is halted by bert, no new positions, and copies are closed: why, says its file";
    assert!(events.contains(words), "{events}");
    bridge.close(0);

    // A server that does not say ends nothing.
    server.restart();
    server.ask::<()>("ACL SETUSER default -get");
    let (_third, bridge) = restarted(&server, 3, data.path(), "");
    eventually("it cannot ask", || {
        bridge.events().iter().any(|event| event.contains("nobody can halt 1.Demo: it may not read halt"))
    });
    assert_eq!(level(&bridge), MT5REDIS_HALT_ALL);

    // One that says so for all, and not for one, ends only that.
    server.ask::<()>("ACL SETUSER default resetkeys ~is:* ~il ~ctl* ~halt +@all");
    set(&server, "halt", "entries:carl:later");
    eventually("it hears of carl", || {
        let text = files(data.path()).first().and_then(|file| fs::read_to_string(file).ok());
        text.is_some_and(|text| text.contains("carl"))
    });
    assert_eq!(halted(&bridge).1, "bert: why");
    server.ask::<()>("ACL SETUSER default allkeys");
    resume(&server, "halt:{1.Demo}");
    eventually("only carl's is left", || {
        halted(&bridge) == (MT5REDIS_HALT_ENTRIES, "carl: later".to_owned())
    });
    resume(&server, "halt");
    eventually("it is lifted", || level(&bridge) == MT5REDIS_HALT_NONE);
    eventually("the file is gone", || files(data.path()).is_empty());
    bridge.close(0);
    server.kill();
    let (_fourth, bridge) = restarted(&server, 4, data.path(), "");
    assert_eq!(level(&bridge), MT5REDIS_HALT_NONE);
}

/// It says that there is no halt, as a server does that never had one.
#[test]
fn a_server_that_loses_its_data_ends_no_halt() {
    let server = Server::start();
    let data = tempfile::tempdir().expect("a folder");
    set(&server, "halt", "entries:anna:news");
    set(&server, "halt:{1.Demo}", "all:bert:why");
    let (_first, bridge) = restarted(&server, 1, data.path(), "");
    eventually("it is halted", || level(&bridge) == MT5REDIS_HALT_ALL);
    server.ask::<()>("FLUSHALL");
    let stays = |bridge: &Bridge, key: &str, option: &str| {
        let words = format!(
            "1.Demo stays halted, although Redis no longer has {key}: was it deleted, or is data lost? Only mt5fleet \
             resume {option} ends it"
        );
        eventually(&words, || bridge.events().contains(&words));
        assert_eq!(halted(bridge), (MT5REDIS_HALT_ALL, "bert: why".to_owned()));
    };
    stays(&bridge, "halt", "--all");
    for _ in 0..2 {
        assert!(bridge.heartbeat(&account()) > 0);
        bridge.settle();
    }
    assert_eq!(server.ask::<i32>("HGET is:{1.Demo} ha"), MT5REDIS_HALT_ALL);
    bridge.close(0);
    let (_second, bridge) = restarted(&server, 2, data.path(), "");
    stays(&bridge, "halt", "--all");
    // A terminal that never heard of one is free.
    let other = Bridge::at(&server, "2.Demo");
    assert!(other.heartbeat(&account()) > 0);
    other.settle();
    assert_eq!(level(&other), MT5REDIS_HALT_NONE);

    // Only an end ends it, each its own, and also for a terminal that was off meanwhile.
    resume(&server, "halt");
    stays(&bridge, "halt:{1.Demo}", "--instance 1.Demo");
    bridge.close(0);
    resume(&server, "halt:{1.Demo}");
    let (_third, bridge) = restarted(&server, 3, data.path(), "");
    eventually("it is lifted", || level(&bridge) == MT5REDIS_HALT_NONE);
    eventually("its end is told", || {
        bridge.events().iter().any(|event| event == "1.Demo is halted no longer, says anna: all is well")
    });
    eventually("the file is gone", || files(data.path()).is_empty());
    // The end is no halt for those who come later, and neither is its loss.
    bridge.close(0);
    let (_fourth, bridge) = restarted(&server, 4, data.path(), "");
    server.ask::<()>("FLUSHALL");
    assert!(bridge.heartbeat(&account()) > 0);
    bridge.settle();
    assert_eq!(level(&bridge), MT5REDIS_HALT_NONE);
}

#[test]
fn it_is_remembered_without_a_journal_too() {
    let mut server = Server::start();
    let data = tempfile::tempdir().expect("a folder");
    let off = "[journal]\nsync = \"off\"\n";
    set(&server, "halt", "entries:anna:news");
    let (_first, bridge) = restarted(&server, 1, data.path(), off);
    eventually("it is halted", || level(&bridge) == MT5REDIS_HALT_ENTRIES);
    eventually("it is on the disk", || files(data.path()).len() == 1);
    bridge.close(0);
    server.kill();
    let (_second, bridge) = restarted(&server, 2, data.path(), off);
    assert_eq!(level(&bridge), MT5REDIS_HALT_ENTRIES);
}

#[test]
fn a_disk_that_refuses_is_told_and_the_halt_holds() {
    let server = Server::start();
    let data = tempfile::tempdir().expect("a folder");
    let path = data.path().join(format!("mt5-redis/halt.1.Demo@127.0.0.1-{}-0-", server.port));
    // The name's checksum is part of it, so the library says it itself.
    set(&server, "halt", "entries:anna:news");
    let (_first, bridge) = restarted(&server, 1, data.path(), "");
    eventually("it is on the disk", || files(data.path()).len() == 1);
    let file = files(data.path()).remove(0);
    assert!(file.to_string_lossy().starts_with(&*path.to_string_lossy()), "{}", file.display());
    bridge.close(0);

    // A folder in its place: it can be neither read nor written.
    fs::remove_file(&file).expect("it is there");
    fs::create_dir_all(file.join("full")).expect("a folder");
    let (_second, bridge) = restarted(&server, 2, data.path(), "");
    assert_eq!(level(&bridge), MT5REDIS_HALT_ENTRIES);
    let mut events = Vec::new();
    eventually("it is told", || {
        events.extend(bridge.events());
        events.iter().any(|event| event.contains("a restart without Redis would lift the halt"))
    });
    assert_eq!(halted(&bridge), (MT5REDIS_HALT_ENTRIES, "anna: news".to_owned()));
    assert!(events.iter().any(|event| event.contains("its file of halts cannot be read")), "{events:?}");
    // As soon as it can be written, it is.
    fs::remove_dir_all(&file).expect("it is there");
    eventually("it is on the disk", || file.is_file());
}

/// The two keys may be on different nodes.
#[test]
fn it_reaches_the_terminals_of_a_cluster() {
    let cluster = Cluster::start();
    let (folder, config) = support::configuration(&cluster.toml());
    let bridges: Vec<Bridge> = ["1.Demo", "2.Demo", "3.Demo", "4.Demo"]
        .iter()
        .map(|instance| Bridge::open(&config, instance, folder.path()))
        .collect();
    let owner = |key: &str| &cluster.nodes[cluster.owner(cluster.slot(key))];
    set(owner("halt"), "halt", "entries:anna:news");
    set(owner("halt:{3.Demo}"), "halt:{3.Demo}", "all:anna:news");
    let levels = || bridges.iter().map(level).collect::<Vec<_>>();
    eventually("all are halted", || levels() == [1, 1, 2, 1]);
    resume(owner("halt"), "halt");
    eventually("one is left", || levels() == [0, 0, 2, 0]);

    // Nobody writes anything that would find out that a key has moved.
    let slot = cluster.slot("halt");
    cluster.move_slot(slot, (cluster.owner(slot) + 1) % 3, || ());
    set(owner("halt"), "halt", "all:anna:news");
    eventually("all are halted", || levels() == [2, 2, 2, 2]);
    let events = bridges[0].events().join("\n");
    assert!(events.contains("MOVED"), "the lane does not wait for its next check: {events}");
}

#[test]
fn a_handle_that_does_not_exist_is_refused() {
    // SAFETY: null is allowed.
    assert_eq!(unsafe { mt5redis_halted(77, std::ptr::null_mut(), 0) }, MT5REDIS_ERR_HANDLE);
}

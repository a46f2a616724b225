//! What a server refuses: a record that it refuses for good is put aside, and counts as committed for nobody.
//! Every other refusal holds the lane, which tells the server's words and goes on when that has passed. Until then no
//! watermark claims the record, not even for a later life.

#[path = "refusals/dead_letters.rs"]
mod dead_letters;
mod support;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use mt5_redis::abi::*;
use mt5_redis::codes::*;
use mt5_redis::model::trade::*;
use support::bridge::{Bridge, buy, last_error, predecessors, sequences, sequences_of, trade};
use support::eventually;
use support::fake::{Fake, Reply};
use support::port::free_ports;
use support::server::Server;

/// How often something happens.
#[derive(Clone, Copy)]
enum Refusal {
    /// The real server gets this command in the place of a signal.
    Real(&'static str),
    /// A signal is answered by this.
    Said(&'static str),
}

/// A server, and one in front of it that has signals refused while it is told to.
struct Site {
    server: Server,
    front: Fake,
    refusing: Arc<AtomicBool>,
}

impl Site {
    fn new(server: Server, refusal: Refusal) -> Self {
        let refusing = Arc::new(AtomicBool::new(false));
        let on = refusing.clone();
        let front = Fake::before(server.port, move |command| match refusal {
            _ if command[0] != "XADD" || !on.load(SeqCst) => Reply::Pass,
            Refusal::Real(command) => Reply::InPlace(command),
            // What the real server gets spoils its transaction too.
            Refusal::Said(words) => Reply::Instead("XADD", format!("-{words}\r\n").into_bytes()),
        });
        Self { server, front, refusing }
    }

    fn refuses(&self, on: bool) {
        self.refusing.store(on, SeqCst);
    }

    /// A session; one that is the same but for its number takes the journal over.
    fn open(&self, number: usize) -> Bridge {
        let text = format!(
            "url = \"redis://127.0.0.1:{}\"\n[rtss]\nreply_timeout = \"{}s\"\n",
            self.front.port,
            5 + number
        );
        let (_folder, config) = support::configuration(&text);
        Bridge::open(&config, "1.Demo", self.server.folder())
    }

    fn dead_letters(&self) -> PathBuf {
        self.server.folder().join(format!("mt5-redis/rtss@127.0.0.1-{}-0/dead.jsonl", self.front.port))
    }
}

/// The watermark of an instance's signals.
fn watermark(server: &Server, instance: &str) -> i64 {
    let keys: Vec<String> = server.ask(&format!("KEYS wm:{{0}}:{instance}:*"));
    keys.iter().map(|key| server.ask::<i64>(&format!("GET {key}"))).max().unwrap_or(0)
}

/// Waits until the events have these words, and returns all of them so far.
fn told(bridge: &Bridge, events: &mut String, words: &str) {
    eventually(&format!("an event with {words:?}"), || {
        bridge.events().iter().for_each(|line| *events += &format!("{line}\n"));
        events.contains(words)
    });
}

fn set_id_to_last_entry(server: &Server) {
    let last: Vec<(String, Vec<Vec<u8>>)> = server.ask("XREVRANGE ss:{0}:1.Demo + - COUNT 1");
    let _: String = server.ask(&format!("XSETID ss:{{0}}:1.Demo {}", last[0].0));
}

/// Errors that real servers give, each provoked by a command in the place of a signal.
const FOR_GOOD: [(&str, &str); 8] = [
    ("HSET text a b", "WRONGTYPE Operation against a key holding the wrong kind of value"),
    ("MSET a 1 b 2", "CROSSSLOT Keys in request don't hash to the same slot"),
    ("XADD ss:{0}:1.Demo", "ERR wrong number of arguments for 'xadd' command"),
    ("INCRBY {0}n 99999999999999999999", "ERR value is not an integer or out of range"),
    ("ZADD {0}z x y", "ERR value is not a valid float"),
    ("PEXPIRE ss:{0}:1.Demo 9223372036854775807", "ERR invalid expire time in 'pexpire' command"),
    ("SET {0}k v XX NX", "ERR syntax error"),
    ("SETRANGE {0}k 536870912 x", "ERR string exceeds maximum allowed size"),
];

#[test]
fn what_is_refused_for_good_is_put_aside_and_counts_as_committed_for_nobody() {
    for (command, words) in FOR_GOOD {
        let server = match command.starts_with("MSET") {
            true => Server::on(free_ports(1)[0], &["--save", "", "--cluster-enabled", "yes"]),
            false => Server::start(),
        };
        if command.starts_with("MSET") {
            let _: String = server.ask("CLUSTER ADDSLOTSRANGE 0 16383");
            eventually("the slots are served", || {
                server.ask::<String>("CLUSTER INFO").contains("cluster_state:ok")
            });
        } else {
            let _: String = server.ask("SET text occupied");
        }
        let site = Site::new(server, Refusal::Real(command));
        let bridge = site.open(0);
        bridge.signal(&buy(1));
        bridge.settle();
        site.refuses(true);
        bridge.signal(&buy(2));
        eventually(words, || bridge.status(MT5REDIS_LANE_RTSS, 2) == MT5REDIS_STATUS_DEAD);
        site.refuses(false);
        bridge.signal(&buy(3));
        eventually("the third is in Redis", || {
            bridge.status(MT5REDIS_LANE_RTSS, 3) == MT5REDIS_STATUS_COMMITTED
        });
        assert_eq!(sequences(&site.server), [1, 3], "{words}");
        let text = fs::read_to_string(site.dead_letters()).unwrap();
        let letter: serde_json::Value = serde_json::from_str(text.trim_end()).expect("one line");
        assert_eq!(letter["sequence"], 2);
        assert!(letter["error"].as_str().unwrap().starts_with(words), "{letter}");
        assert_eq!(bridge.committed(MT5REDIS_LANE_RTSS), 1, "the second is not in Redis");
        assert_eq!(watermark(&site.server, "1.Demo"), 3);
    }
}

/// What is not known to be for good: errors that real servers give, and others that they or their hosts say.
const NOT_FOR_GOOD: [(Refusal, &str); 17] = [
    (Refusal::Real("RENAME {0}none {0}x"), "ERR no such key"),
    (Refusal::Real("EVALSHA 0123456789012345678901234567890123456789 0"), "NOSCRIPT No matching script"),
    (Refusal::Real("XGROUP CREATE {0}s g $"), "BUSYGROUP Consumer Group name already exists"),
    (Refusal::Real("XADD {0}s 1-1 a b"), "ERR The ID specified in XADD is equal or smaller"),
    (Refusal::Real("XADD {0}full * a b"), "ERR The stream has exhausted the last possible ID"),
    (Refusal::Real("NEVERHEARD of"), "ERR unknown command"),
    (Refusal::Said("OOM command not allowed when used memory > 'maxmemory'."), "OOM command not allowed"),
    (Refusal::Said("READONLY You can't write against a read only replica."), "READONLY You can't write"),
    (Refusal::Said("LOADING Redis is loading the dataset in memory"), "LOADING Redis is loading"),
    (Refusal::Said("MISCONF Redis is configured to save RDB snapshots"), "MISCONF Redis is configured"),
    (Refusal::Said("CLUSTERDOWN Hash slot not served"), "CLUSTERDOWN Hash slot not served"),
    (Refusal::Said("TRYAGAIN Multiple keys request during rehashing of slot"), "TRYAGAIN Multiple keys"),
    (Refusal::Said("MASTERDOWN Link with MASTER is down"), "MASTERDOWN Link with MASTER is down"),
    (Refusal::Said("NOREPLICAS Not enough good replicas to write."), "NOREPLICAS Not enough"),
    (Refusal::Said("ERR max requests limit exceeded. Limit: 500000"), "ERR max requests limit exceeded"),
    (Refusal::Said("ERR DB capacity quota exceeded"), "ERR DB capacity quota exceeded"),
    (Refusal::Said("UNHEARD \x1b[2J of"), "UNHEARD ?[2J of"),
];

#[test]
fn what_is_not_known_to_be_for_good_holds_the_lane_until_it_has_passed() {
    for (refusal, words) in NOT_FOR_GOOD {
        let site = Site::new(Server::start(), refusal);
        for command in [
            "XADD {0}s 5-5 a b",
            "XGROUP CREATE {0}s g $",
            "XADD {0}full 18446744073709551615-18446744073709551615 a b",
        ] {
            let _: redis::Value = site.server.ask(command);
        }
        let bridge = site.open(0);
        bridge.signal(&buy(1));
        bridge.settle();
        site.refuses(true);
        bridge.signal(&buy(2));
        bridge.signal(&buy(3));
        let mut events = String::new();
        told(&bridge, &mut events, &format!("accepts no writes: {words}"));
        assert_eq!(bridge.committed(MT5REDIS_LANE_RTSS), 1, "{events}");
        // The refusal comes after the watermark, which is then set back.
        eventually(&format!("it claims nothing that was refused: {words}"), || {
            watermark(&site.server, "1.Demo") == 1
        });
        site.refuses(false);
        bridge.settle();
        assert_eq!(sequences(&site.server), [1, 2, 3], "{words}");
        assert!(!site.dead_letters().exists(), "{words}");
        bridge.events().iter().for_each(|line| events += &format!("{line}\n"));
        assert_eq!(events.matches("accepts no writes").count(), 1, "once a cause: {events}");
    }
}

#[test]
fn a_stream_without_ids_holds_the_lane_and_tells_how_to_repair_it() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.signal(&buy(1));
    bridge.settle();
    // Two more signals find an id, the others do not.
    let _: String = server.ask("XADD ss:{0}:1.Demo 18446744073709551615-18446744073709551613 a b");
    (2..=9).for_each(|number| assert!(bridge.signal(&buy(number)) > 0));
    let mut events = String::new();
    told(&bridge, &mut events, "ALARM: ss:{0}:1.Demo has no ids left");
    assert!(
        events.contains("accepts no writes: ERR The stream has exhausted the last possible ID"),
        "{events}"
    );
    assert!(events.contains("XDEL") && events.contains("XSETID ss:{0}:1.Demo"), "{events}");
    assert_eq!(bridge.committed(MT5REDIS_LANE_RTSS), 3);
    assert_eq!(watermark(&server, "1.Demo"), 3);
    // As the alarm says.
    let entries: Vec<(String, Vec<Vec<u8>>)> = server.ask("XRANGE ss:{0}:1.Demo 18446744073709551615 +");
    assert_eq!(entries.len(), 3);
    let [strange, second, third] = [0, 1, 2].map(|at| entries[at].0.clone());
    let _: i64 = server.ask(&format!("XDEL ss:{{0}}:1.Demo {strange} {second} {third}"));
    set_id_to_last_entry(&server);
    bridge.settle();
    assert_eq!(sequences(&server), [1, 4, 5, 6, 7, 8, 9]);
    assert_eq!(bridge.status(MT5REDIS_LANE_RTSS, 9), MT5REDIS_STATUS_COMMITTED);
}

#[test]
fn one_instance_that_is_refused_takes_no_record_of_another_with_it() {
    let server = Server::start();
    let one = Bridge::at(&server, "1.Demo");
    let two = Bridge::at(&server, "2.Demo");
    one.signal(&buy(1));
    two.signal(&buy(1));
    two.settle();
    let _: String = server.ask("XADD ss:{0}:1.Demo 18446744073709551615-18446744073709551615 a b");
    // While one is under way the others gather for the next transaction.
    server.freeze();
    two.signal(&buy(1));
    eventually("it is under way", || two.status(MT5REDIS_LANE_RTSS, 3) == MT5REDIS_STATUS_IN_DOUBT);
    for number in 0..10 {
        [&one, &two][number % 2].signal(&buy(1));
    }
    server.thaw();
    told(&one, &mut String::new(), "ALARM: ss:{0}:1.Demo has no ids left");
    eventually("the other's are in Redis", || {
        sequences_of(&server, "ss:{0}:2.Demo") == [2, 3, 5, 7, 9, 11, 13]
    });
    let marks = [watermark(&server, "1.Demo"), watermark(&server, "2.Demo")];
    assert_eq!(marks, [3, 13], "each stands before the lowest that was refused");
    let _: i64 = server.ask("XDEL ss:{0}:1.Demo 18446744073709551615-18446744073709551615");
    set_id_to_last_entry(&server);
    one.settle();
    assert_eq!(sequences(&server), [1, 4, 6, 8, 10, 12]);
    assert_eq!(sequences_of(&server, "ss:{0}:2.Demo"), [2, 3, 5, 7, 9, 11, 13]);
}

#[test]
fn a_position_that_is_gone_stays_so_though_all_is_sent_again_for_another_one() {
    let refusing = Arc::new(AtomicBool::new(false));
    let on = refusing.clone();
    let server = Server::start();
    let front = Fake::before(server.port, move |command| match command.get(1) {
        Some(key) if on.load(SeqCst) && key == "ts:{1.Demo}:7" => {
            Reply::InPlace("RENAME {1.Demo}none {1.Demo}x")
        }
        _ => Reply::Pass,
    });
    let (_folder, config) = support::configuration(&format!("url = \"redis://127.0.0.1:{}\"\n", front.port));
    let bridge = Bridge::open(&config, "1.Demo", server.folder());
    bridge.trade(&trade(5, MT5REDIS_EVENT_OPEN));
    bridge.settle();
    refusing.store(true, SeqCst);
    // While one is under way the others gather for the next transaction.
    server.freeze();
    bridge.trade(&trade(4, MT5REDIS_EVENT_OPEN));
    eventually("it is under way", || bridge.status(MT5REDIS_LANE_RTS, 2) == MT5REDIS_STATUS_IN_DOUBT);
    bridge.trade(&trade(7, MT5REDIS_EVENT_OPEN));
    bridge.trade(&trade(5, MT5REDIS_EVENT_CHANGE));
    bridge.open_positions(0, &[4, 7]);
    server.thaw();
    told(&bridge, &mut String::new(), "accepts no writes: ERR no such key");
    let state = || server.ask::<String>("HGET ts:{1.Demo}:5 st");
    let gone = state();
    assert_ne!(gone, "o");
    assert_eq!(bridge.committed(MT5REDIS_LANE_RTS), 2);
    refusing.store(false, SeqCst);
    bridge.settle();
    assert_eq!(state(), gone);
    assert_eq!(server.ask::<Vec<i64>>("SMEMBERS to:{1.Demo}"), [4, 7]);
    assert_eq!(server.ask::<String>("HGET ts:{1.Demo}:7 st"), "o");
}

#[test]
fn another_cause_is_told_though_it_is_of_the_same_kind() {
    let cause = Arc::new(AtomicUsize::new(0));
    let causes = cause.clone();
    let server = Server::start();
    let front = Fake::before(server.port, move |command| match causes.load(SeqCst) {
        cause @ 1.. if command[0] == "XADD" => {
            let words = ["OOM no memory", "MISCONF no disk", "NOREPLICAS no replica"][(cause - 1) % 3];
            Reply::Instead("XADD", format!("-{words}\r\n").into_bytes())
        }
        _ => Reply::Pass,
    });
    let (_folder, config) = support::configuration(&format!("url = \"redis://127.0.0.1:{}\"\n", front.port));
    let bridge = Bridge::open(&config, "1.Demo", server.folder());
    let mut events = String::new();
    bridge.signal(&buy(1));
    bridge.settle();
    cause.store(1, SeqCst);
    bridge.signal(&buy(2));
    for words in ["OOM no memory", "MISCONF no disk", "NOREPLICAS no replica"] {
        told(&bridge, &mut events, &format!("accepts no writes: {words}"));
        cause.fetch_add(1, SeqCst);
    }
    cause.store(0, SeqCst);
    bridge.settle();
    assert_eq!(sequences(&server), [1, 2]);
}

#[test]
fn a_trouble_ends_when_a_connection_settles_all_that_was_in_doubt() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.signal(&buy(1));
    bridge.settle();
    for number in 2..=3 {
        server.freeze();
        bridge.signal(&buy(number));
        // The second time is news as well.
        told(
            &bridge,
            &mut String::new(),
            &format!("rtss: 127.0.0.1:{} accepts no writes: no answer", server.port),
        );
        server.thaw();
        bridge.settle();
        told(&bridge, &mut String::new(), "rtss: connected to");
    }
    assert_eq!(sequences(&server), [1, 2, 3]);
}

#[test]
fn a_server_that_begins_to_load_while_it_is_asked_is_told_in_its_own_words() {
    let server = Server::start();
    let loading = Arc::new(AtomicBool::new(true));
    let loads = loading.clone();
    let front = Fake::before(server.port, move |command| match command[0].as_str() {
        "PING" if loads.load(SeqCst) => {
            Reply::Say(b"-LOADING Redis is loading the dataset in memory\r\n".to_vec())
        }
        _ => Reply::Pass,
    });
    let bridge = Bridge::open(&format!("redis://127.0.0.1:{}", front.port), "1.Demo", server.folder());
    bridge.signal(&buy(1));
    let mut events = String::new();
    told(&bridge, &mut events, "accepts no writes: LOADING Redis is loading");
    loading.store(false, SeqCst);
    bridge.settle();
    assert_eq!(sequences(&server), [1]);
    assert!(!events.contains("nobody asked for"), "{events}");
}

//! Execution reports: what a follower did with signals, once and in order in a stream of its own, whatever dies. They share
//! the numbers of a lane with the terminal's own signals, and none of its followers sees a gap for that.

mod support;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use mt5_redis::abi::*;
use mt5_redis::codes::*;
use mt5_redis::inbox::*;
use mt5_redis::model::report::*;
use support::bridge::{Bridge, buy, done, last_error, predecessors, sequences, signal_fields};
use support::eventually;
use support::fake::{Fake, Reply};
use support::follower::{Wants, next, reads, subscribe};
use support::mixture::{STREAM, alternate, check, reports};
use support::server::Server;

/// Set in a child of this test: `<what> <config> <data folder>`.
const CHILD: &str = "MT5REDIS_TEST_CHILD";

/// Reads what a follower is handed of 1.Demo: so many signals, and no gap.
fn follow(server: &Server, count: usize) {
    let bridge = Bridge::at(server, "2.Demo");
    let wants = Wants {
        follower: "f",
        instances: "1.Demo",
        symbols: "",
        magic: 0,
        max_age_ms: 0,
        start: MT5REDIS_START_BEGINNING,
    };
    assert_eq!(subscribe(&bridge, &wants), 0, "{}", last_error());
    reads(&bridge);
    let mut seen = 0;
    eventually("all signals are handed out", || {
        while let Some(got) = next(&bridge).unwrap_or_else(|code| panic!("{code}: {}", last_error())) {
            assert_eq!(mt5redis_acknowledge(bridge.handle, got.signal.number), 0);
            seen += 1;
        }
        seen >= count
    });
    assert_eq!(seen, count);
}

/// Not a test of its own: the body of the processes that the tests below start.
#[test]
fn child() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let [what, config, folder] = task.split(' ').collect::<Vec<_>>()[..] else { panic!("{task}") };
    let bridge = Bridge::open(config, "1.Demo", Path::new(folder));
    let mut number = bridge.accepted("rtss") + 1;
    match what {
        "ever" => loop {
            let signals = number % 2 == 1;
            let sequence = if signals { bridge.signal(&buy(number)) } else { bridge.report(&done(number)) };
            if sequence > 0 {
                println!("accepted {sequence}");
                number += 1;
            }
        },
        "signals" => (0..3).for_each(|at| assert_eq!(bridge.signal(&buy(number + at)), number + at)),
        // Until the journal has released its first file.
        _ => eventually("the journal forgets", || {
            for _ in 0..500 {
                assert_eq!(bridge.report(&done(number)), number);
                number += 1;
            }
            bridge.settle();
            !first_segment(Path::new(folder)).exists()
        }),
    }
    bridge.settle();
    assert_eq!(bridge.close(30_000), MT5REDIS_OK);
}

/// The first file of the journal of rtss.
fn first_segment(folder: &Path) -> PathBuf {
    let lanes = std::fs::read_dir(folder.join("mt5-redis")).expect("the journals").flatten();
    let lane = lanes.map(|lane| lane.path()).find(|lane| lane.to_string_lossy().contains("/rtss@"));
    lane.expect("a journal").join("0000000001.journal")
}

fn spawn(what: &str, config: &str, folder: &Path) -> std::process::Child {
    Command::new(std::env::current_exe().expect("this test"))
        .args(["child", "--exact", "--nocapture"])
        .env(CHILD, format!("{what} {config} {}", folder.display()))
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test again")
}

#[test]
fn a_report_arrives_as_it_was_sent() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    let long = format!("zu groß: {}", "ß".repeat(200));
    assert_eq!(bridge.report_of(&done(7), "9.Source", "EURUSD.m", &long), 1);
    let skipped = ExecutionReport { outcome: MT5REDIS_OUTCOME_SKIPPED, time_ms: 0, ..done(8) };
    assert_eq!(bridge.report_of(&skipped, "9.Source", "", "it is 9000 ms old"), 2);
    bridge.settle();
    let [first, second] = &reports(&server)[..] else { panic!("two reports") };
    assert_eq!(first.report, done(7));
    assert_eq!((&*first.instance, &*first.source, &*first.symbol), ("1.Demo", "9.Source", "EURUSD.m"));
    assert_eq!(first.reason, format!("zu groß: {}", "ß".repeat(75)));
    assert_eq!(first.to_string(), "9.Source+9f7c1e0b52a4d833-7");
    assert_eq!((second.outcome(), &*second.symbol, second.predecessor), ("skipped", "", 1));
    assert!(second.report.time_ms > 1_763_800_000_000, "now: {}", second.report.time_ms);
    assert_eq!(bridge.status(MT5REDIS_LANE_RTSS, 2), MT5REDIS_STATUS_COMMITTED);
    // Seven days.
    let lives: i64 = server.ask(&format!("PTTL {STREAM}"));
    assert!((6 * 86_400_000..=7 * 86_400_000).contains(&lives), "{lives}");
    assert!(!server.ask::<bool>("EXISTS sl:{0}"), "it gave no signal");
}

#[test]
fn what_is_wrong_is_refused_and_takes_no_number() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    let wrong = ExecutionReport { outcome: 9, ..done(1) };
    assert_eq!(bridge.report(&wrong), i64::from(MT5REDIS_ERR_OUTCOME));
    assert_eq!(last_error(), "outcome = 9 is refused: pass 1 to 5");
    assert_eq!(bridge.report_of(&done(1), "", "EURUSD", ""), i64::from(MT5REDIS_ERR_INSTANCE));
    assert_eq!(bridge.report_of(&done(1), "9.Source", &"x".repeat(49), ""), i64::from(MT5REDIS_ERR_SYMBOL));
    let none = std::ptr::null();
    // SAFETY: null is allowed.
    let null = unsafe { mt5redis_report(bridge.handle, std::ptr::null(), 128, none, none, none) };
    assert_eq!(null, i64::from(MT5REDIS_ERR_NULL));
    // SAFETY: a whole struct.
    let size = unsafe { mt5redis_report(bridge.handle, &done(1), 120, none, none, none) };
    assert_eq!(size, i64::from(MT5REDIS_ERR_ABI));
    assert!(
        last_error().starts_with("size of mt5redis_report_t is 120 in the include and 128 in the library")
    );
    assert_eq!(bridge.report(&done(1)), 1);
}

#[test]
fn the_shard_and_the_retention_are_those_of_the_configuration() {
    let server = Server::start();
    let text = format!("[rtss]\nurl = \"{}\"\nshards = 16\nreport_retention = \"2h\"\n", server.url());
    let (folder, config) = support::configuration(&text);
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    bridge.report(&done(1));
    assert_eq!(bridge.flush(30_000), MT5REDIS_OK);
    let lives: i64 = server.ask("PTTL sr:{9}:1.Demo");
    assert!((7_000_000..=7_200_000).contains(&lives), "{lives}");
    assert!(server.ask::<Vec<String>>("KEYS wr:*")[0].starts_with("wr:{9}:1.Demo:"));
}

#[test]
fn old_reports_are_trimmed_by_the_servers_clock() {
    let server = Server::start();
    // More than a node holds, since whole nodes are trimmed.
    for number in 1..=400 {
        let _: String = server.ask(&format!("XADD {STREAM} {number}-1 d x"));
    }
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.report(&done(1));
    bridge.settle();
    let left: i64 = server.ask(&format!("XLEN {STREAM}"));
    assert!(left <= 100, "{left} of 400 old entries are left");
}

#[test]
fn followers_see_no_gap_where_reports_stand_between_signals() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    alternate(&bridge, 300);
    // Alone as well as in a batch.
    for number in 301..=310 {
        bridge.signal(&buy(number));
        bridge.settle();
        bridge.report(&done(number));
        bridge.settle();
    }
    check(&server, 620);
    follow(&server, 310);
}

#[test]
fn a_server_that_forgot_everything_gets_it_again_without_a_gap() {
    let mut server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    alternate(&bridge, 100);
    bridge.settle();
    server.kill();
    server.restart();
    eventually("all is there again", || server.ask::<i64>(&format!("XLEN {STREAM}")) == 100);
    alternate(&bridge, 5);
    bridge.settle();
    check(&server, 210);
    follow(&server, 105);
    assert_eq!(bridge.stats()["rtss"]["lost"], 0);
}

#[test]
fn broken_connections_cost_and_double_nothing() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    let mut number = 0;
    for _ in 0..10 {
        let committed = bridge.committed(MT5REDIS_LANE_RTSS);
        eventually("commits go on", || {
            number += 1;
            bridge.signal(&buy(number));
            bridge.report(&done(number));
            bridge.committed(MT5REDIS_LANE_RTSS) > committed + 100
        });
        let _: i64 = server.ask("CLIENT KILL TYPE normal");
    }
    bridge.settle();
    check(&server, 2 * number);
    follow(&server, number as usize);
}

#[test]
fn killed_processes_cost_and_double_nothing() {
    let server = Server::start();
    let mut told = 0;
    for _ in 0..5 {
        let mut child = spawn("ever", &server.url(), server.folder());
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let enough = told + 300;
        while told < enough {
            let line = lines.next().expect("it goes on").expect("text");
            // The test harness prints lines of its own, the first one into ours.
            if let Some((_, number)) = line.split_once("accepted ") {
                told = number.trim().parse().expect("a number");
            }
        }
        child.kill().expect("our own child");
        child.wait().expect("its end");
    }
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.settle();
    let accepted = bridge.accepted("rtss");
    assert!(accepted >= told, "{accepted} of {told}");
    check(&server, accepted);
}

/// The signal before it left the journal, and its stream, long ago: only its watermark tells its number.
#[test]
fn the_first_signal_after_a_week_of_reports_names_the_one_before() {
    let server = Server::start();
    let text = format!("url = \"{}\"\n[journal]\nretain_acked = \"1s\"\n", server.url());
    let (folder, config) = support::configuration(&text);
    for what in ["signals", "reports"] {
        assert!(spawn(what, &config, folder.path()).wait().expect("its end").success(), "{what}");
    }
    let _: i64 = server.ask("DEL ss:{0}:1.Demo");
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    bridge.report(&done(1));
    bridge.settle();
    let number = bridge.signal(&buy(4));
    bridge.settle();
    assert!(number > 500, "{number}");
    assert_eq!((sequences(&server), predecessors(&server)), (vec![number], vec![3]));
}

#[test]
fn a_report_that_is_refused_for_good_holds_no_signal_up() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    alternate(&bridge, 2);
    bridge.settle();
    let _: () = server.ask(&format!("RENAME {STREAM} kept"));
    let _: () = server.ask(&format!("SET {STREAM} occupied"));
    alternate(&bridge, 2);
    eventually("they are put aside", || {
        [6, 8].iter().all(|&number| bridge.status(MT5REDIS_LANE_RTSS, number) == MT5REDIS_STATUS_DEAD)
    });
    let _: () = server.ask(&format!("RENAME kept {STREAM}"));
    alternate(&bridge, 1);
    assert_eq!(bridge.flush(30_000), MT5REDIS_ERR_DEAD_LETTERS);
    assert_eq!(sequences(&server), [1, 3, 5, 7, 9]);
    assert_eq!(predecessors(&server), [0, 1, 3, 5, 7]);
    let told: Vec<_> = reports(&server).iter().map(|report| (report.sequence, report.predecessor)).collect();
    assert_eq!(told, [(2, 0), (4, 2), (10, 8)], "the next one names the one that is missing");
    follow(&server, 5);
}

#[test]
fn a_signal_that_is_refused_for_good_is_a_gap_of_signals_alone() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    alternate(&bridge, 1);
    bridge.settle();
    let _: () = server.ask("RENAME ss:{0}:1.Demo kept");
    let _: () = server.ask("SET ss:{0}:1.Demo occupied");
    alternate(&bridge, 1);
    eventually("it is put aside", || bridge.status(MT5REDIS_LANE_RTSS, 3) == MT5REDIS_STATUS_DEAD);
    let _: () = server.ask("RENAME kept ss:{0}:1.Demo");
    alternate(&bridge, 1);
    assert_eq!(bridge.flush(30_000), MT5REDIS_ERR_DEAD_LETTERS);
    assert_eq!((sequences(&server), predecessors(&server)), (vec![1, 5], vec![0, 3]));
    let told: Vec<_> = reports(&server).iter().map(|report| (report.sequence, report.predecessor)).collect();
    assert_eq!(told, [(2, 0), (4, 2), (6, 4)]);
}

/// The transaction is executed, its report is refused, and the answer never comes: what became of the report says nothing
/// about the signals.
#[test]
fn a_refused_report_whose_answer_is_lost_sends_no_signal_twice() {
    let server = Server::start();
    let losing = Arc::new(AtomicUsize::new(0));
    let lost = losing.clone();
    let front = Fake::before(server.port, move |command| match command[0].as_str() {
        "EXEC" if lost.load(SeqCst) == 1 => {
            lost.store(2, SeqCst);
            Reply::Instead("EXEC", Vec::new())
        }
        "WATCH" if lost.load(SeqCst) == 2 => {
            lost.store(3, SeqCst);
            Reply::Close
        }
        _ => Reply::Pass,
    });
    let (folder, config) = support::configuration(&format!("url = \"redis://127.0.0.1:{}\"\n", front.port));
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    alternate(&bridge, 1);
    bridge.settle();
    let _: () = server.ask(&format!("RENAME {STREAM} kept"));
    let _: () = server.ask(&format!("SET {STREAM} occupied"));
    eventually("all lanes are connected", || {
        ["ris", "rts", "rtss"].iter().all(|lane| bridge.stats()[lane]["connected"] == true)
    });
    losing.store(1, SeqCst);
    alternate(&bridge, 3);
    assert_eq!(bridge.flush(30_000), MT5REDIS_ERR_DEAD_LETTERS);
    assert_eq!(losing.load(SeqCst), 3);
    assert_eq!(sequences(&server), [1, 3, 5, 7]);
    assert_eq!(predecessors(&server), [0, 1, 3, 5]);
    assert_eq!(signal_fields(&server, "ss:{0}:1.Demo").len(), 4);
    for number in [4, 6, 8] {
        assert_eq!(bridge.status(MT5REDIS_LANE_RTSS, number), MT5REDIS_STATUS_DEAD, "{number}");
    }
}

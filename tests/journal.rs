//! What was accepted reaches Redis once and in order, whatever dies: the process, the server, or the
//! server's memory.

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use mt5_redis::abi::*;
use mt5_redis::codes::*;
use mt5_redis::model::trade::*;
use support::bridge::{Bridge, buy, last_error, predecessors, sequences, trade, try_open};
use support::port::free_port;
use support::server::Server;

/// Set in a child of this test: `<what> <config> <data folder>`.
const CHILD: &str = "MT5REDIS_TEST_CHILD";

/// Not a test of its own: the body of the processes that the tests below kill.
#[test]
fn child() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let [what, config, folder] = task.split(' ').collect::<Vec<_>>()[..] else { panic!("{task}") };
    if what == "lock" {
        println!("opened {}", try_open(config, "1.Demo", folder));
        return;
    }
    let bridge = Bridge::open(config, "1.Demo", Path::new(folder));
    let mut next = bridge.accepted("rtss") + 1;
    loop {
        // The signal's magic is its number, as a witness of its content.
        let sequence = bridge.signal(&buy(next));
        if sequence > 0 {
            println!("accepted {sequence} {next}");
            next += 1;
        }
        if what == "slowly" && sequence % 50 == 0 {
            bridge.flush(1000);
        }
    }
}

fn spawn(what: &str, config: &str, folder: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this test"))
        .args(["child", "--exact", "--nocapture"])
        .env(CHILD, format!("{what} {config} {}", folder.display()))
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test again")
}

/// Lets a child send until it was given `count` numbers, kills it, and returns the last of them that it
/// told.
fn send_and_die(what: &str, server: &Server, count: usize) -> i64 {
    let mut child = spawn(what, &server.url(), server.folder());
    let mut last = 0;
    let mut told = 0;
    for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
        let line = line.expect("text");
        // The test harness prints lines of its own, the first one into ours.
        let Some((_, numbers)) = line.split_once("accepted ") else { continue };
        let (sequence, magic) = numbers.split_once(' ').expect("two numbers");
        assert_eq!(sequence, magic);
        last = sequence.parse().expect("a number");
        told += 1;
        if told == count {
            child.kill().expect("our own child");
        }
    }
    child.wait().expect("our own child");
    last
}

#[test]
fn a_killed_terminal_loses_and_doubles_nothing() {
    let server = Server::start();
    let mut told = 0;
    for life in 0..12 {
        let what = if life % 2 == 0 { "fast" } else { "slowly" };
        told = send_and_die(what, &server, 1 + 97 * life * life);
    }
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.settle();
    let last = bridge.accepted("rtss");
    // A call may have been answered whose answer was never printed.
    assert!(last >= told, "{last} < {told}");
    assert_eq!(sequences(&server), (1..=last).collect::<Vec<_>>());
}

#[test]
fn a_terminal_killed_while_redis_is_away_loses_nothing() {
    let mut server = Server::start();
    server.kill();
    // More than the queue holds.
    let told = send_and_die("fast", &server, 9_000);
    let bridge = Bridge::at(&server, "1.Demo");
    support::eventually("it tells of an earlier life", || {
        bridge
            .events()
            .iter()
            .any(|line| line.contains("records from an earlier run may not be in Redis yet"))
    });
    assert_eq!(bridge.committed(MT5REDIS_LANE_RTSS), 0);
    let last = bridge.accepted("rtss");
    assert!(last >= told);
    assert_eq!(mt5redis_accepted(bridge.handle, MT5REDIS_LANE_RTSS), last);
    // New ones come behind the old ones.
    assert_eq!(bridge.signal(&buy(last + 1)), last + 1);
    server.restart();
    bridge.settle();
    assert_eq!(sequences(&server), (1..=last + 1).collect::<Vec<_>>());
}

#[test]
fn a_server_that_forgot_gets_it_again() {
    // Nothing on disk: what it acknowledged is gone with the process, as on a replica that was promoted
    // before it had everything.
    let mut server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    for number in 1..=500 {
        bridge.signal(&buy(number));
    }
    bridge.trade(&trade(7, MT5REDIS_EVENT_OPEN));
    bridge.settle();
    server.kill();
    server.restart();
    assert_eq!(server.ask::<i64>("DBSIZE"), 0);
    support::eventually("the signals are there again", || server.ask::<i64>("XLEN ss:{0}:1.Demo") == 500);
    bridge.signal(&buy(501));
    bridge.settle();
    assert_eq!(sequences(&server), (1..=501).collect::<Vec<_>>());
    support::eventually("the position too", || server.ask::<bool>("SISMEMBER to:{1.Demo} 7"));
    let events = bridge.events().join("\n");
    assert!(events.contains("lacks 500 records that were committed; they are sent again"), "{events}");
    assert_eq!(bridge.stats()["rtss"]["lost"], 0);
}

#[test]
fn what_is_kept_no_longer_is_counted_as_lost() {
    let mut server = Server::start();
    let text = format!("url = \"{}\"\n[journal]\nmax_bytes = 8388608\n", server.url());
    let (folder, config) = support::configuration(&text);
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    // Far more than 8 MiB hold: what is committed makes room for what comes.
    let sent = 120_000;
    for number in 1..=sent {
        support::eventually("the journal has room", || bridge.signal(&buy(number)) == number);
    }
    bridge.settle();
    server.kill();
    server.restart();
    support::eventually("the last signal is there again", || {
        server.ask::<bool>("EXISTS ss:{0}:1.Demo") && sequences(&server).last() == Some(&sent)
    });
    let lost = bridge.stats()["rtss"]["lost"].as_i64().expect("a number");
    assert!((1..sent).contains(&lost), "{lost}");
    assert_eq!(sequences(&server), (lost + 1..=sent).collect::<Vec<_>>());
    assert_eq!(predecessors(&server)[0], lost, "the one before it is missing");
    let events = bridge.events().join("\n");
    assert!(events.contains(&format!("lacks {lost} more records, which are lost")), "{events}");
}

#[test]
fn two_processes_cannot_share_a_journal() {
    let server = Server::start();
    let _bridge = Bridge::at(&server, "1.Demo");
    let child = spawn("lock", &server.url(), server.folder());
    let output = String::from_utf8(child.wait_with_output().expect("it ends").stdout).expect("text");
    assert!(output.contains(&format!("opened {MT5REDIS_ERR_JOURNAL_LOCKED}")), "{output}");
}

#[test]
fn a_folder_that_cannot_be_used_is_refused_at_open() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mt5-redis"), "a file where the folder should be").unwrap();
    let config = format!("redis://127.0.0.1:{}", free_port());
    let code = try_open(&config, "1.Demo", folder.path().to_str().unwrap());
    assert_eq!(code, i64::from(MT5REDIS_ERR_JOURNAL), "{}", last_error());
    assert!(last_error().contains("mt5-redis"), "{}", last_error());
}

#[test]
fn a_mended_password_takes_the_waiting_records_over() {
    let server = Server::with(&["--save", "", "--requirepass", "right"]);
    let wrong = Bridge::open(&format!("redis://:wrong@127.0.0.1:{}", server.port), "1.Demo", server.folder());
    for number in 1..=5 {
        assert_eq!(wrong.signal(&buy(number)), number);
    }
    assert_eq!(wrong.close(0), MT5REDIS_ERR_TIMEOUT);
    let right = Bridge::open(&format!("redis://:right@127.0.0.1:{}", server.port), "1.Demo", server.folder());
    assert_eq!(right.signal(&buy(6)), 6);
    right.settle();
    let url = format!("redis://:right@127.0.0.1:{}", server.port);
    let mut client = redis::Client::open(url).unwrap().get_connection().unwrap();
    assert_eq!(redis::cmd("XLEN").arg("ss:{0}:1.Demo").query::<i64>(&mut client).unwrap(), 6);
}

#[test]
fn a_newest_record_that_is_damaged_holds_nothing_up() {
    let mut server = Server::start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    server.kill();
    let config = format!(
        "[rtss]\nqueue = 16\nurl = \"{0}\"\n[rts]\nurl = \"{0}\"\n[ris]\nurl = \"{0}\"\n",
        server.url()
    );
    let (_file, config) = support::configuration(&config);
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    for number in 1..=100 {
        assert_eq!(bridge.signal(&buy(number)), number);
    }
    let lanes = std::fs::read_dir(folder.path().join("mt5-redis")).expect("the journals").flatten();
    let lane = lanes.map(|lane| lane.path()).find(|lane| lane.to_string_lossy().contains("/rtss@"));
    let segment = lane.expect("a journal").join("0000000001.journal");
    let bytes = std::fs::read(&segment).expect("a segment");
    let comment = bytes.windows(6).rposition(|word| word == b"grid 3").expect("the last comment");
    let file = std::fs::File::options().write(true).open(segment).expect("a segment");
    std::os::unix::fs::FileExt::write_all_at(&file, b"x", comment as u64).expect("damaged");
    server.restart();
    support::eventually("it is counted", || bridge.stats()["rtss"]["lost"] == 1);
    assert_eq!(bridge.signal(&buy(101)), 101);
    bridge.settle();
    assert_eq!(sequences(&server), (1..=99).chain([101]).collect::<Vec<_>>());
    assert_eq!(predecessors(&server)[98..], [98, 100], "the one before the last is missing");
    assert!(bridge.events().join("\n").contains("records 100 to 100 of the journal cannot be read"));
}

#[test]
fn a_journal_at_its_limit_keeps_what_is_still_to_be_sent_again() {
    let mut server = Server::configured("", &["--save", "", "--maxmemory-policy", "noeviction"]);
    let text = format!("url = \"{}\"\n[journal]\nmax_bytes = 8388608\nretain_acked = \"1h\"\n", server.url());
    let (folder, config) = support::configuration(&text);
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    let sent = 20_000;
    for number in 1..=sent {
        assert_eq!(bridge.signal(&buy(number)), number, "{}", last_error());
    }
    bridge.settle();
    // It comes back with nothing, and accepts no writes yet.
    server.kill();
    std::fs::write(server.folder().join("redis.conf"), "maxmemory 1\n").expect("its file");
    server.restart();
    let mut accepted = sent + 1;
    bridge.signal(&buy(accepted));
    support::eventually("it is held", || bridge.events().join("\n").contains("accepts no writes: OOM"));
    let refusal = loop {
        match bridge.signal(&buy(accepted + 1)) {
            sequence if sequence > 0 => accepted = sequence,
            code => break code,
        }
        assert!(accepted < 100_000, "the journal is bounded");
    };
    assert_eq!(refusal, i64::from(MT5REDIS_ERR_JOURNAL_FULL));
    // What the lane does while it waits, it has done by the third attempt.
    let attempts = server.calls("multi");
    support::eventually("it tried again", || server.calls("multi") > attempts + 2);
    let _: String = server.ask("CONFIG SET maxmemory 0");
    bridge.settle();
    assert_eq!(sequences(&server), (1..=accepted).collect::<Vec<_>>());
    assert_eq!(bridge.stats()["rtss"]["lost"], 0);
}

#[test]
fn what_is_still_to_be_sent_again_is_kept_however_long_that_takes() {
    let mut server = Server::start();
    let config = |limit: &str| {
        let text = format!("url = \"{}\"\n[rtss]\n{limit}\n[journal]\nretain_acked = \"1s\"\n", server.url());
        support::configuration(&text)
    };
    let (_folder, fast) = config("");
    let (_folder_too, slow) = config("records_per_second = 5000");
    let bridge = Bridge::open(&fast, "1.Demo", server.folder());
    // Several segments; on the thin line, several seconds.
    let sent = 20_000;
    for number in 1..=sent {
        assert_eq!(bridge.signal(&buy(number)), number, "{}", last_error());
    }
    assert_eq!(bridge.close(30_000), MT5REDIS_OK);
    server.kill();
    server.restart();
    let bridge = Bridge::open(&slow, "1.Demo", server.folder());
    support::eventually("the last one is there again", || {
        server.ask::<bool>("EXISTS ss:{0}:1.Demo") && sequences(&server).last() == Some(&sent)
    });
    let (found, lost) = (sequences(&server), bridge.stats()["rtss"]["lost"].as_i64().expect("a number"));
    assert!(lost < sent / 2, "{lost}");
    assert!(found.iter().copied().eq(lost + 1..=sent), "{} signals, {lost} counted as lost", found.len());
}

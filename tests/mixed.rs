//! Signals and execution reports mixed in one journal: each arrives once and in order, whatever dies and whenever. What
//! a server lacks is sent again even if the terminal dies before it is, and what it has is never sent twice.

mod support;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use support::bridge::{Bridge, buy, done};
use support::eventually;
use support::fake::{Fake, Reply};
use support::mixture::{alternate, check};
use support::server::Server;

/// Set in a child of this test: `<seed, or 0> <config> <data folder>`.
const CHILD: &str = "MT5REDIS_TEST_CHILD";

/// Not a test of its own: the body of the processes that the tests below kill. It sends signals and reports in runs of
/// random length; with the seed 0 it sends nothing. It prints its events.
#[test]
fn child() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let [seed, config, folder] = task.split(' ').collect::<Vec<_>>()[..] else { panic!("{task}") };
    let mut dice = fastrand::Rng::with_seed(seed.parse().expect("a number"));
    let bridge = Bridge::open(config, "1.Demo", Path::new(folder));
    let mut number = bridge.accepted("rtss") + 1;
    loop {
        bridge.events().iter().for_each(|event| println!("event {event}"));
        if seed == "0" {
            std::thread::park_timeout(std::time::Duration::from_millis(1));
            continue;
        }
        let signals = dice.bool();
        for _ in 0..dice.usize(1..40) {
            let sequence = if signals { bridge.signal(&buy(number)) } else { bridge.report(&done(number)) };
            if sequence > 0 {
                println!("accepted {sequence}");
                number += 1;
            }
        }
        if dice.u8(..4) == 0 {
            bridge.flush(20);
        }
    }
}

fn spawn(seed: u64, config: &str, folder: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this test"))
        .args(["child", "--exact", "--nocapture"])
        .env(CHILD, format!("{seed} {config} {}", folder.display()))
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test again")
}

/// Kills a child once it has printed a line with these words for the `count`th time. Returns the last number that it
/// told.
fn kill_after(mut child: Child, words: &str, count: usize) -> i64 {
    let (mut told, mut seen) = (0, 0);
    for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
        let line = line.expect("text");
        if let Some((_, number)) = line.split_once("accepted ") {
            told = number.trim().parse().expect("a number");
        }
        seen += usize::from(line.contains(words));
        if seen == count {
            child.kill().expect("our own child");
        }
    }
    child.wait().expect("our own child");
    assert!(seen >= count, "never printed: {words}");
    told
}

/// Kills of the terminal, and meanwhile of the server, which forgets everything, or of its connections.
#[test]
fn whatever_dies_each_is_there_once_and_in_order() {
    let seed = fastrand::u64(1..);
    println!("seed {seed}");
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut server = Server::start();
    let mut told = 0;
    for _ in 0..8 {
        let child = spawn(dice.u64(1..), &server.url(), server.folder());
        match dice.u8(..4) {
            0 => {
                server.kill();
                told = kill_after(child, "accepted ", dice.usize(1..600)).max(told);
                server.restart();
            }
            1 => {
                server.kill();
                server.restart();
                told = kill_after(child, "accepted ", dice.usize(1..600)).max(told);
            }
            2 => {
                let _: i64 = server.ask("CLIENT KILL TYPE normal SKIPME yes");
                told = kill_after(child, "accepted ", dice.usize(1..600)).max(told);
            }
            _ => told = kill_after(child, "accepted ", dice.usize(1..600)).max(told),
        }
    }
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.settle();
    let last = bridge.accepted("rtss");
    // A call may have been answered whose answer was never printed.
    assert!(last >= told, "{last} < {told}");
    check(&server, last);
    assert_eq!(bridge.stats()["rtss"]["lost"], 0);
}

/// The terminal knows what the new run of the server lacks, and dies before that run has any of it.
#[test]
fn what_a_server_lacks_is_sent_again_by_the_next_process_too() {
    let mut server = Server::configured("", &["--save", "", "--maxmemory-policy", "noeviction"]);
    let data = tempfile::tempdir().expect("a folder");
    let told = kill_after(spawn(7, &server.url(), data.path()), "accepted ", 400);
    // It comes back with nothing, and accepts no writes yet.
    server.kill();
    std::fs::write(server.folder().join("redis.conf"), "maxmemory 1\n").expect("its file");
    server.restart();
    let mut child = spawn(0, &server.url(), data.path());
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let mut until = |words: &str| assert!(lines.any(|line| line.contains(words)), "never printed: {words}");
    until("records that were committed; they are sent again");
    until("rtss: connected to");
    // It connects once more, and finds what it knows already.
    let _: i64 = server.ask("CLIENT KILL TYPE normal SKIPME yes");
    until("rtss: connected to");
    child.kill().expect("our own child");
    child.wait().expect("our own child");
    let _: String = server.ask("CONFIG SET maxmemory 0");
    let bridge = Bridge::open(&server.url(), "1.Demo", data.path());
    assert!(bridge.accepted("rtss") >= told);
    alternate(&bridge, 5);
    bridge.settle();
    check(&server, bridge.accepted("rtss"));
    assert_eq!(bridge.stats()["rtss"]["lost"], 0);
}

/// The answer to the first report is lost, the server is another one by then, and the disk refuses to note that.
#[test]
fn what_was_in_doubt_while_the_disk_refused_is_not_sent_twice() {
    let server = Server::start();
    let step = Arc::new(AtomicUsize::new(0));
    let steps = step.clone();
    let front = Fake::before(server.port, move |command| match (command[0].as_str(), steps.load(SeqCst)) {
        ("EXEC", 1) => {
            steps.store(2, SeqCst);
            Reply::Instead("EXEC", Vec::new())
        }
        ("WATCH", 2) => {
            steps.store(3, SeqCst);
            Reply::Close
        }
        ("INFO", 3) => {
            let info = format!("run_id:{}\r\n", "f".repeat(40));
            Reply::Say(format!("${}\r\n{info}\r\n", info.len()).into_bytes())
        }
        _ => Reply::Pass,
    });
    let data = tempfile::tempdir().expect("a folder");
    let (_folder, config) = support::configuration(&format!("url = \"redis://127.0.0.1:{}\"\n", front.port));
    let bridge = Bridge::open(&config, "1.Demo", data.path());
    assert_eq!(bridge.signal(&buy(1)), 1);
    bridge.settle();
    eventually("all lanes are connected", || {
        ["ris", "rts", "rtss"].iter().all(|lane| bridge.stats()[lane]["connected"] == true)
    });
    let history = journal(data.path()).join("history");
    std::fs::remove_file(&history).expect("the note of its run");
    std::fs::create_dir(&history).expect("a folder in its place");
    step.store(1, SeqCst);
    assert_eq!(bridge.report(&done(2)), 2);
    eventually("the disk refuses", || {
        bridge.events().iter().any(|event| event.contains("the journal cannot be written"))
    });
    std::fs::remove_dir(&history).expect("the folder in its place");
    alternate(&bridge, 1);
    bridge.settle();
    assert_eq!(step.load(SeqCst), 3);
    let told = support::mixture::reports(&server).iter().map(|report| report.sequence).collect::<Vec<_>>();
    assert_eq!(told, [2, 4]);
}

/// The folder of the journal of rtss.
fn journal(data: &Path) -> PathBuf {
    let lanes = std::fs::read_dir(data.join("mt5-redis")).expect("the journals").flatten();
    let lane = lanes.map(|lane| lane.path()).find(|lane| lane.to_string_lossy().contains("/rtss@"));
    lane.expect("a journal")
}

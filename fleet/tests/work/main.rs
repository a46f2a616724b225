//! Workers as processes, killed at random: each signal is processed, none stays pending or in the stream, and
//! the dead letters are those that were made to fail. `MT5REDIS_LONG=yes` runs the long form, a minute.

#[path = "../../../tests/support/certificates.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod certificates;
mod http;
mod permissions;
mod site;
#[path = "../support/mod.rs"]
mod support;

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use site::{Site, stop};
use support::eventually;

/// A command that has its effect once a key, and fails for the symbol BAD. It does nothing without its line:
/// its worker may die before it wrote one.
fn effect(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "read line || exit 9; echo \"$MT5REDIS_KEY\" >> {folder}/runs; case \"$line\" in *BAD*) echo bad >&2; exit 3;; esac; \
         mkdir {folder}/$MT5REDIS_KEY 2>/dev/null && echo \"$MT5REDIS_KEY\" >> {folder}/effects; exit 0"
    )
}

#[test]
fn workers_killed_at_random_lose_nothing() {
    let long = std::env::var("MT5REDIS_LONG").is_ok_and(|long| long == "yes");
    let (time, workers) = (Duration::from_secs(if long { 60 } else { 5 }), 10);
    let mut chance = fastrand::Rng::with_seed(6);
    let mut site = Site::start();
    let folder = tempfile::tempdir().unwrap();
    let exec = effect(folder.path());
    let arguments = ["--exec", &exec, "--prefetch", "8", "--attempts", "3"];

    // Signals arrive, some of which no worker can process, and workers are killed and replaced.
    let mut crew: Vec<Child> = (0..workers).map(|_| site.worker(&arguments)).collect();
    let (began, mut given, mut bad, mut kills) = (Instant::now(), 0, HashSet::new(), 0);
    let mut next_kill = began;
    // A busy machine goes on until enough has happened.
    while began.elapsed() < time || given < 100 || kills < 5 {
        for _ in 0..5 {
            given += 1;
            let spoiled = given % 100 == 50;
            site.signal(given, if spoiled { "BAD" } else { "EURUSD" });
            if spoiled {
                bad.insert(format!("1.Demo+00000000000000aa-{given}"));
            }
        }
        if Instant::now() > next_kill {
            next_kill = Instant::now() + Duration::from_millis(300);
            let victim = chance.usize(..crew.len());
            crew[victim].kill().unwrap();
            crew[victim].wait().unwrap();
            crew[victim] = site.worker(&arguments);
            kills += 1;
        }
        thread::sleep(Duration::from_millis(25));
    }

    // The rest is processed.
    eventually("the stream is empty and nothing pends", || {
        site.ask::<u64>("XLEN ss:{0}:1.Demo") == 0 && site.pending("workers") == 0
    });
    crew.into_iter().for_each(stop);

    // Each signal was processed, and its effect happened once.
    let lines = |name: &str| -> Vec<String> {
        let text = fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    };
    let (runs, effects) = (lines("runs"), lines("effects"));
    let ran: HashSet<String> = runs.iter().cloned().collect();
    let keys: HashSet<String> =
        (1..=given).map(|sequence| format!("1.Demo+00000000000000aa-{sequence}")).collect();
    let never: Vec<_> = keys.difference(&ran).collect();
    assert!(never.is_empty(), "each signal is processed at least once, {never:?} were not");
    let nobodys: Vec<_> = ran.difference(&keys).collect();
    assert!(nobodys.is_empty(), "nobody gave {nobodys:?}");
    let once: HashSet<&String> = effects.iter().collect();
    assert_eq!(once.len(), effects.len(), "an effect happened twice in spite of its key");
    assert_eq!(effects.len() as u64, given - bad.len() as u64);

    // The spoiled ones are dead letters.
    let listed = site.letters(&["list", "--json"]);
    assert!(!listed.status.success());
    let letters: Vec<serde_json::Value> = String::from_utf8(listed.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let dead: Vec<String> = letters.iter().map(|letter| letter["key"].as_str().unwrap().to_owned()).collect();
    assert_eq!(dead.len(), bad.len(), "{dead:?}");
    assert_eq!(dead.into_iter().collect::<HashSet<_>>(), bad);
    println!("{given} signals, {} runs, {kills} workers killed, {} dead letters", runs.len(), bad.len());
}

#[test]
fn two_groups_never_delete_each_others_entries() {
    let mut site = Site::start();
    site.ask::<()>("XGROUP CREATE ss:{0}:1.Demo slow 0 MKSTREAM");
    let mut worker = site.worker(&["--group", "quick"]);
    (1..=50).for_each(|sequence| site.signal(sequence, "EURUSD"));
    let mut lines = BufReader::new(worker.stdout.take().unwrap()).lines();
    (1..=50).for_each(|sequence| {
        let line: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(line["sequence"], sequence);
        assert_eq!(
            (&line["action"], &line["symbol"], &line["volume"]),
            (&"buy".into(), &"EURUSD".into(), &0.1.into())
        );
    });
    eventually("quick acknowledged all", || site.pending("quick") == 0);
    assert_eq!(site.ask::<u64>("XLEN ss:{0}:1.Demo"), 50);
    stop(worker);

    // The other group reads all of it; then alone, it deletes what is its.
    site.ask::<()>("XGROUP DESTROY ss:{0}:1.Demo quick");
    let mut worker = site.worker(&["--group", "slow"]);
    assert_eq!(BufReader::new(worker.stdout.take().unwrap()).lines().take(50).count(), 50);
    eventually("the stream is empty", || site.ask::<u64>("XLEN ss:{0}:1.Demo") == 0);
    stop(worker);
}

#[test]
fn a_command_that_takes_too_long_is_ended_with_what_it_started() {
    let mut site = Site::start();
    let folder = tempfile::tempdir().unwrap();
    let number = folder.path().join("number");
    let command = format!("sleep 600 & echo $! > {}; wait", number.display());
    site.signal(9, "EURUSD");
    let worker = site.worker(&["--attempts", "1", "--timeout", "1s", "--exec", &command]);
    eventually("it is buried", || site.ask::<u64>("XLEN sd:{0}") == 1);
    stop(worker);
    let text = String::from_utf8(site.letters(&["list"]).stdout).unwrap();
    assert!(text.contains("longer than 1s"), "{text}");
    let number = fs::read_to_string(number).unwrap();
    let gone = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", number.trim())).unwrap_or_default();
        // A zombie waits for whoever inherited it.
        stat.is_empty() || stat.contains(") Z ")
    };
    eventually("what it started is gone", gone);
}

/// Whoever reads its output is gone: a worker that went on would take its share and put it among the dead letters.
#[test]
fn a_worker_whose_output_nobody_reads_ends_and_leaves_its_signals() {
    let mut site = Site::start();
    let mut worker = site.worker(&["--name", "bad"]);
    site.signal(1, "EURUSD");
    let mut lines = BufReader::new(worker.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("aa-1"));
    drop(lines);
    site.signal(2, "EURUSD");
    assert!(!worker.wait().unwrap().success());
    let told = said(&mut worker);
    assert!(
        told.contains("cannot write to standard output")
            && told.contains("stay in the group: another worker gets them, or this one when it runs again"),
        "{told}"
    );

    let mut worker = site.worker(&["--name", "good"]);
    let mut lines = BufReader::new(worker.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("aa-2"));
    stop(worker);
    assert_eq!(site.ask::<u64>("XLEN sd:{0}"), 0);
}

#[test]
fn each_failure_and_each_dead_letter_is_told() {
    let mut site = Site::start();
    site.signal(1, "EURUSD");
    let failing = "echo no such account >&2; exit 1";
    let mut worker = site.worker(&["--exec", failing, "--attempts", "2"]);
    eventually("it is buried", || site.ask::<u64>("XLEN sd:{0}") == 1);
    let pid = rustix::process::Pid::from_child(&worker);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(worker.wait().unwrap().success());
    let told = said(&mut worker);
    let key = "signal 1.Demo+00000000000000aa-1";
    for words in [
        "delivery 1: the command ended with exit status: 1: no such account; again in 50ms",
        "is a dead letter after 2 deliveries",
    ] {
        assert!(told.lines().any(|line| line.contains(key) && line.contains(words)), "{told}");
    }
}

/// A command's time counts from its start, also while it reads nothing of its line.
#[test]
fn a_command_that_reads_nothing_is_ended_with_its_time() {
    let mut site = Site::start();
    site.signal(1, "EURUSD");
    let worker = site.worker(&["--attempts", "1", "--timeout", "200ms", "--exec", "exec sleep 600"]);
    eventually("it is buried", || site.ask::<u64>("XLEN sd:{0}") == 1);
    stop(worker);
    let text = String::from_utf8(site.letters(&["list"]).stdout).unwrap();
    assert!(text.contains("longer than 200ms"), "{text}");
}

/// What a worker that has ended said.
fn said(worker: &mut Child) -> String {
    let mut told = String::new();
    worker.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    told
}

#[test]
fn dead_letters_are_listed_put_back_and_dropped() {
    let mut site = Site::start();
    site.signal(1, "EURUSD");
    site.signal(2, "EURUSD");
    site.ask::<String>("XADD ss:{0}:1.Demo * nonsense 1");
    let worker = site.worker(&["--attempts", "2", "--exec", "echo no such luck >&2; exit 7"]);
    eventually("they are buried", || site.ask::<u64>("XLEN sd:{0}") == 3);
    eventually("they are deleted", || site.ask::<u64>("XLEN ss:{0}:1.Demo") == 0);
    stop(worker);
    let text = String::from_utf8(site.letters(&["list"]).stdout).unwrap();
    assert!(
        text.contains("after 2 deliveries: the command ended with exit status: 7: no such luck"),
        "{text}"
    );
    assert!(
        text.contains("it has no field v, so it is not a signal") && text.ends_with("3 dead letters\n"),
        "{text}"
    );

    let id = text.lines().find(|line| line.contains("no such luck")).unwrap().split(' ').next().unwrap();
    assert!(site.letters(&["retry", id]).status.success());
    assert_eq!((site.ask::<u64>("XLEN sd:{0}"), site.ask::<u64>("XLEN ss:{0}:1.Demo")), (2, 1));
    let worker = site.worker(&[]);
    eventually("it is processed", || site.ask::<u64>("XLEN ss:{0}:1.Demo") == 0);
    stop(worker);
    assert!(!site.letters(&["drop"]).status.success(), "neither ids nor --all");
    assert!(site.letters(&["drop", "--all"]).status.success());
    assert!(site.letters(&["list"]).status.success());
}

#[test]
fn an_entry_of_more_than_64_kib_is_a_dead_letter_without_its_content() {
    let mut site = Site::start();
    let long = "x".repeat(70_000);
    site.ask::<String>(&format!("XADD ss:{{0}}:1.Demo * d {long}"));
    site.signal(1, "EURUSD");
    let worker = site.worker(&["--exec", "exit 0"]);
    eventually("what is behind it is processed", || site.ask::<u64>("XLEN ss:{0}:1.Demo") == 0);
    stop(worker);
    let text = String::from_utf8(site.letters(&["list"]).stdout).unwrap();
    assert!(text.contains("it has 70001 bytes, more than 65536"), "{text}");
    assert!(text.ends_with("1 dead letters\n") || text.ends_with("1 dead letter\n"), "{text}");
    let weight = site.ask::<u64>("MEMORY USAGE sd:{0}");
    assert!(weight < 10_000, "the letter weighs {weight} bytes");
}

//! The worker, and the program that looks after dead letters.

use std::fs::{self, File};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Refusal, Site, rows, says};

const PROGRAM: &str = env!("CARGO_BIN_EXE_mt5fleet");
/// How long a machine may take that has much else to do.
const PATIENCE: Duration = Duration::from_secs(120);
/// So many that the group stores only the last of them.
const SIGNALS: u64 = 70;

/// A worker, what it has processed, and what it says.
struct Worker {
    process: Child,
    folder: TempDir,
}

impl Worker {
    /// Starts a worker that fails for the symbol BAD.
    fn start(site: &Site, backoff: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let effects = folder.path().join("effects");
        let told = File::create(folder.path().join("told")).unwrap();
        let process = Command::new(PROGRAM)
            .args(["work", "--config", &site.url(), "--take-over", "400ms", "--attempts", "2"])
            .args(["--backoff", backoff, "--exec"])
            .arg(format!("read line; case $line in *BAD*) exit 3;; esac; echo done >> {}", effects.display()))
            .stdout(Stdio::null())
            .stderr(told)
            .spawn()
            .unwrap();
        Self { process, folder }
    }

    fn processed(&self) -> usize {
        fs::read_to_string(self.folder.path().join("effects")).unwrap_or_default().lines().count()
    }

    fn told(&self) -> String {
        fs::read_to_string(self.folder.path().join("told")).unwrap()
    }

    fn eventually(&self, what: &str, mut condition: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(self) {
            assert!(Instant::now() < deadline, "{what}: {} processed\n{}", self.processed(), self.told());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks it to end; returns all that it said.
    fn stop(&mut self) -> String {
        if self.process.try_wait().unwrap().is_none() {
            let pid = rustix::process::Pid::from_child(&self.process);
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
            self.process.wait().unwrap();
        }
        self.told()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Signals, of which a worker that died was given the first, a group that has worked before, and a follower.
fn stocked(command: &str, refusal: Refusal) -> Site {
    let mut site = Site::without(command, refusal);
    site.signals(SIGNALS);
    site.ask::<()>("HSET fp:{2.Demo} @ token 1.Demo 9999999999999-0");
    site.ask::<()>("XGROUP CREATE ss:{0}:1.Demo workers 0");
    site.ask::<()>("ZADD sa:{0}:1.Demo:workers 1 @");
    site.ask::<()>("XREADGROUP GROUP workers dead COUNT 1 STREAMS ss:{0}:1.Demo >");
    site
}

/// Checks that a worker without this command does what the table's last column says.
fn works_without(command: &str, refusal: Refusal, cell: &str) {
    let what = format!("without {command} {refusal:?}, {cell}");
    let mut site = stocked(command, refusal);
    let loses_its_group = cell.starts_with("It processes, and says why where it had to ask");
    let mut worker = Worker::start(&site, if loses_its_group { "2s" } else { "50ms" });
    let good = SIGNALS as usize - 1;
    let is_told = |worker: &Worker| says(&worker.told(), command);
    let buried = |site: &mut Site| site.ask::<u64>("XLEN sd:{0}");
    if cell.starts_with("It takes no new signal") || cell.starts_with("Holds") {
        worker.eventually(&what, is_told);
        worker.stop();
        assert!(worker.processed() <= 1, "{what}: {} processed", worker.processed());
        assert!(site.kept() >= SIGNALS - 1, "{what}");
        return;
    }
    if cell.starts_with("Works") {
        worker.eventually(&what, |worker| worker.processed() == good && site.kept() == 0);
        let told = worker.stop();
        assert!(!says(&told, command), "{what}: {told}");
    } else if cell.starts_with("Those wait") {
        worker.eventually(&what, |worker| worker.processed() == good - 1 && is_told(worker));
        let of_the_dead: Vec<redis::Value> = site.ask("XPENDING ss:{0}:1.Demo workers - + 9 dead");
        assert_eq!(of_the_dead.len(), 1, "{what}");
    } else if cell.starts_with("What failed waits") {
        worker.eventually(&what, |worker| worker.processed() == good && is_told(worker));
        assert_eq!(buried(&mut site), 0, "{what}");
    } else if cell.starts_with("It processes, deletes nothing") {
        worker.eventually(&what, |worker| {
            worker.processed() == good && is_told(worker) && buried(&mut site) == 1
        });
        worker.stop();
        assert_eq!(site.kept(), SIGNALS, "{what}");
    } else if cell.starts_with("It processes, and says that it cannot tell") {
        worker.eventually(&what, |worker| worker.processed() == good && is_told(worker) && site.kept() == 0);
    } else if loses_its_group {
        // Its group is lost, with the stream, while a signal waits for its next attempt.
        worker.eventually(&what, |worker| worker.told().contains("again in 2s"));
        site.ask::<()>("DEL ss:{0}:1.Demo");
        worker.eventually(&what, is_told);
    } else {
        panic!("nothing tries {what}");
    }
    let told = worker.stop();
    assert!(told.lines().count() < 30, "{what}: it says the same again and again\n{told}");
}

fn every_cell_of_the_worker(refusal: Refusal) {
    let mut tried = 0;
    for (command, cell) in rows("worker") {
        works_without(&command, refusal, &cell);
        tried += 1;
    }
    assert!(tried >= 24, "{tried}");
}

#[test]
fn a_worker_that_may_not_use_a_command_works_or_says_so() {
    every_cell_of_the_worker(Refusal::ToTheUser);
}

#[test]
fn a_worker_whose_server_lacks_a_command_works_or_says_so() {
    every_cell_of_the_worker(Refusal::ToAll);
}

#[test]
fn dead_letters_that_cannot_be_changed_are_told_and_stay() {
    let run = |site: &Site, arguments: &[&str]| -> Output {
        let url = site.url();
        let all = [&["deadletters", arguments[0], "--config", &url], &arguments[1..]].concat();
        Command::new(PROGRAM).args(all).output().unwrap()
    };
    let mut tried = 0;
    for (command, cell) in rows("deadletters").into_iter().filter(|(command, _)| command != "PING") {
        assert!(cell.starts_with("It changes nothing more"), "{command}: {cell}");
        for refusal in [Refusal::ToTheUser, Refusal::ToAll] {
            let mut site = Site::without(&command, refusal);
            for sequence in 1..=2 {
                site.ask::<String>(&format!(
                    "XADD sd:{{0}} * v 2 p 00000000000000aa q {sequence} t 1763800000000 o 0 i 1.Demo a b sy EURUSD vo 0.1 \
                     pr 1.5 sl 0 tp 0 mg 3 po 0 ex 0 co x pq 0 x-source 1.Demo x-group workers x-error why"
                ));
            }
            let outputs = [run(&site, &["retry", "--all"]), run(&site, &["drop", "--all"])];
            let failed: Vec<String> = outputs
                .into_iter()
                .filter(|output| !output.status.success())
                .map(|output| String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
                .collect();
            assert!(failed.iter().any(|said| says(said, &command)), "{command} {refusal:?}: {failed:?}");
            // A letter that was not put back is kept, unless it could be dropped.
            let letters: u64 = site.ask("XLEN sd:{0}");
            assert!(
                site.kept() == 0 && (letters == 2 || failed.len() == 1),
                "{command} {refusal:?}: {} {letters}",
                site.kept()
            );
            tried += 1;
        }
    }
    assert!(tried >= 18, "{tried}");
}

//! Starts the terminals, watches them until they end, and gathers their ledgers.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{self, Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use clap::Args;
use hdrhistogram::Histogram;

use super::View;
use super::configuration;
use super::terminal::{self, Progress};
use crate::history;
use crate::ledger::{self, Ledger, Summary};
use crate::library;
use crate::oracle::copies::Following;
use crate::stop;

/// Time between two starts, so that a hundred terminals do not load the library at once.
const STAGGER: Duration = Duration::from_millis(20);
const REDRAW: Duration = Duration::from_millis(250);
/// How many terminals follow each source.
const FOLLOWERS: u32 = 10;
/// Extra time for a busy machine, beyond the run and its flush.
const GRACE: Duration = Duration::from_secs(60);

#[derive(Args, Clone)]
pub struct Size {
    /// Number of terminals, each a process of its own
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub terminals: u32,
    /// Let the terminals copy the trades of further ones, their sources, of which there is one for every ten
    #[arg(long)]
    pub copy: bool,
    /// How long each terminal runs
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,
    /// Seed of the random numbers; the same seed gives the same records except for their times
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Signals per terminal and second, on average; they come in bursts
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub signal_rate: u32,
    /// Speed-up: each terminal publishes this many times as often as a real one
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rate: u32,
    /// Limit each server to this many bytes a second, through a proxy
    #[arg(long, value_name = "BYTES")]
    pub slow_redis: Option<u64>,
    /// Path of the built library [default: the newest one beside this program]
    #[arg(long)]
    pub library: Option<PathBuf>,
    /// Keep the ledgers, the records that each terminal's library accepted, in this folder
    #[arg(long)]
    pub ledgers: Option<PathBuf>,
}

impl Size {
    /// How many sources there are besides the terminals.
    pub fn sources(&self) -> u32 {
        if self.copy { self.terminals.div_ceil(FOLLOWERS) } else { 0 }
    }

    /// The number of a terminal's source; none if it is a source itself, or if nobody copies.
    fn source(&self, index: u32) -> Option<u32> {
        index.checked_sub(self.sources())?.checked_rem(self.sources())
    }
}

/// What a fleet did.
pub struct Outcome {
    /// One for each terminal that opened a session.
    pub ledgers: Vec<Ledger>,
    /// One for each of them that copies another.
    pub followings: Vec<Following>,
    /// Terminals that failed, and why.
    pub failures: Vec<String>,
    pub calls: Histogram<u64>,
    pub signals_per_s: u64,
}

impl Outcome {
    /// The summaries of the terminals that finished.
    pub fn summaries(&self) -> impl Iterator<Item = &Summary> {
        self.ledgers.iter().filter_map(|ledger| ledger.summary.as_ref())
    }
}

/// Runs a fleet against the servers of `config`, with its ledgers in `folder`. Meanwhile `meanwhile` is called
/// repeatedly with the time since the last terminal was started.
pub fn run(
    size: &Size,
    config: &str,
    folder: &Path,
    view: &mut View,
    meanwhile: &mut dyn FnMut(Duration) -> Result<()>,
) -> Result<Outcome> {
    let library = size.library.clone().map_or_else(library::default_path, Ok)?;
    // Report a bad library or configuration once, here, instead of by every terminal.
    let bridge = library::Bridge::load(&library)?;
    let data = tempfile::tempdir().context("cannot make a temporary folder")?;
    let config = configuration::placed(config, data.path())?;
    bridge.open(&config, "mt5fleet", data.path())?.close(Duration::ZERO)?;
    let (_slow, config) = match size.slow_redis {
        Some(bytes) => configuration::slowed(&config, bytes, data.path())?,
        None => (Vec::new(), config),
    };
    let folder = &path::absolute(folder)?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;

    let (sender, receiver) = mpsc::channel();
    let mut fleet = Fleet { terminals: Vec::new(), receiver };
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let since_ms = since.context("this machine's clock is before 1970")?.as_millis() as i64;
    let start = Instant::now();
    for index in 0..size.sources() + size.terminals {
        let due = start + STAGGER * index;
        while fleet.listen(due) {}
        stop::check()?;
        let options = terminal::Options {
            index,
            seed: size.seed,
            seconds: size.seconds,
            signal_rate: size.signal_rate,
            rate: size.rate,
            config: config.clone(),
            library: library.clone(),
            ledger: folder.join(format!("terminal-{index}.jsonl")),
            publish: index < size.sources(),
            follow: size.source(index).map(terminal::instance),
            since_ms,
        };
        fleet.terminals.push(Terminal::start(index as usize, options, &sender)?);
        view.show(start.elapsed(), &fleet.progress())?;
    }
    drop(sender);

    let all_there = Instant::now();
    let deadline = all_there + Duration::from_secs(size.seconds) + terminal::FLUSH + GRACE;
    while fleet.any_runs() && Instant::now() < deadline {
        let redraw = Instant::now() + REDRAW;
        while fleet.listen(redraw) {}
        fleet.announce_ends(size);
        stop::check()?;
        meanwhile(all_there.elapsed())?;
        view.show(start.elapsed(), &fleet.progress())?;
    }
    fleet.gather()
}

/// The terminals. Dropping it kills those that still run.
struct Fleet {
    terminals: Vec<Terminal>,
    receiver: Receiver<(usize, Option<Progress>)>,
}

impl Fleet {
    /// Takes one message; returns false if none came before `due`.
    fn listen(&mut self, due: Instant) -> bool {
        let wait = due.saturating_duration_since(Instant::now());
        match self.receiver.recv_timeout(wait) {
            Ok((index, Some(progress))) => self.terminals[index].progress = progress,
            Ok((index, None)) => self.terminals[index].reports = false,
            Err(RecvTimeoutError::Timeout) => return false,
            Err(RecvTimeoutError::Disconnected) => {
                thread::sleep(wait);
                return false;
            }
        }
        true
    }

    /// Says to the followers of each source that has ended how many signals it gave.
    fn announce_ends(&mut self, size: &Size) {
        for index in 0..self.terminals.len() {
            let Some(source) = size.source(index as u32) else { continue };
            let source = &self.terminals[source as usize];
            if source.reports && !source.progress.finished {
                continue;
            }
            let given = source.progress.accepted[2];
            if let Some(mut input) = self.terminals[index].input.take() {
                // One that has ended needs no word.
                let _ = writeln!(input, "{given}");
            }
        }
    }

    fn any_runs(&self) -> bool {
        self.terminals.iter().any(|terminal| terminal.reports)
    }

    fn progress(&self) -> Vec<&Progress> {
        self.terminals.iter().map(|terminal| &terminal.progress).collect()
    }

    fn gather(mut self) -> Result<Outcome> {
        let mut outcome = Outcome {
            ledgers: Vec::new(),
            followings: Vec::new(),
            failures: Vec::new(),
            calls: ledger::call_times(),
            signals_per_s: 0,
        };
        for terminal in &mut self.terminals {
            let failure = terminal.end().err();
            match Ledger::read(&terminal.options.ledger) {
                Ok(ledger) => {
                    let unfinished = ledger.summary.as_ref().and_then(|summary| summary.failure.clone());
                    outcome.failures.extend(unfinished.map(|text| format!("{}: {text}", ledger.instance)));
                    outcome.followings.extend(terminal.following(&ledger)?);
                    outcome.ledgers.push(ledger);
                }
                // The failure says more than the missing ledger.
                Err(_) if failure.is_some() => {}
                Err(error) => outcome.failures.push(format!("{error:#}")),
            }
            let name = terminal.options.index;
            outcome.failures.extend(failure.map(|failure| format!("terminal {name}: {failure:#}")));
        }
        let mut calls = ledger::call_times();
        for &(ns, count) in outcome.summaries().flat_map(|summary| &summary.call_ns) {
            calls.saturating_record_n(ns, count);
        }
        outcome.calls = calls;
        outcome.signals_per_s = signals_per_s(&outcome.ledgers);
        Ok(outcome)
    }
}

/// The average rate between the first and the last signal.
fn signals_per_s(ledgers: &[Ledger]) -> u64 {
    let times = || ledgers.iter().flat_map(|ledger| &ledger.signals).map(|given| given.signal.time_ms);
    match (times().min(), times().max()) {
        (Some(first), Some(last)) if last > first => times().count() as u64 * 1000 / (last - first) as u64,
        _ => 0,
    }
}

/// One terminal's process.
struct Terminal {
    options: terminal::Options,
    process: Child,
    /// Where a follower is told how many signals there are.
    input: Option<ChildStdin>,
    complaints: PathBuf,
    progress: Progress,
    /// Whether it still reports its progress.
    reports: bool,
}

impl Terminal {
    fn start(
        index: usize,
        options: terminal::Options,
        sender: &Sender<(usize, Option<Progress>)>,
    ) -> Result<Self> {
        // The account of an earlier fleet is none of ours.
        match fs::remove_file(options.history()) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot delete {}", options.history().display()));
            }
            _ => {}
        }
        let complaints = options.ledger.with_extension("log");
        let log =
            File::create(&complaints).with_context(|| format!("cannot write {}", complaints.display()))?;
        let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
        command
            .arg("terminal")
            .args(["--index", &options.index.to_string(), "--seed", &options.seed.to_string()])
            .args(["--seconds", &options.seconds.to_string()])
            .args(["--signal-rate", &options.signal_rate.to_string(), "--config", &options.config])
            .args(["--rate", &options.rate.to_string()])
            .arg("--library")
            .arg(&options.library)
            .arg("--ledger")
            .arg(&options.ledger)
            .args(["--since-ms", &options.since_ms.to_string()])
            .args(options.publish.then_some("--publish"))
            .args(options.follow.iter().flat_map(|source| ["--follow", source]))
            .stdin(if options.follow.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(log);
        // Shield it from Ctrl-C: we stop the terminals.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut process = command.spawn().context("cannot start a terminal")?;
        let lines = BufReader::new(process.stdout.take().expect("stdout is piped")).lines();
        let input = process.stdin.take();
        let sender = sender.clone();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Ok(progress) = serde_json::from_str(&line) {
                    let _ = sender.send((index, Some(progress)));
                }
            }
            let _ = sender.send((index, None));
        });
        Ok(Self { options, process, input, complaints, progress: Progress::default(), reports: true })
    }

    /// What it copied, if it is a follower.
    fn following(&self, ledger: &Ledger) -> Result<Option<Following>> {
        let Some(source) = ledger.follows.clone() else { return Ok(None) };
        let executions = history::read(&self.options.history())?;
        Ok(Some(Following { follower: ledger.instance.clone(), source, executions }))
    }

    /// Waits for the process, which has finished or is stuck.
    fn end(&mut self) -> Result<()> {
        if self.reports {
            self.process.kill()?;
        }
        let status = self.process.wait()?;
        let complaint =
            || fs::read_to_string(&self.complaints).unwrap_or_default().trim().replace('\n', "; ");
        if self.reports {
            bail!("it did not finish in time and was killed; {}", complaint());
        }
        if !status.success() {
            bail!("{status}; {}", complaint());
        }
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

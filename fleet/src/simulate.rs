//! Many simulated terminals: processes started one after the other, watched until they end, and their
//! ledgers gathered.

mod configuration;

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{self, Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use hdrhistogram::Histogram;

use crate::ledger::{self, Ledger, Summary};
use crate::library;
use crate::stop;
use crate::table::View;
use crate::terminal::{self, Progress};

/// Between two starts, so that a hundred terminals do not load the library in the same moment.
const STAGGER: Duration = Duration::from_millis(20);
const REDRAW: Duration = Duration::from_millis(250);
/// What a busy machine may need beyond the run itself and its flush.
const GRACE: Duration = Duration::from_secs(60);

/// How large the fleet is and what it does.
#[derive(Args, Clone)]
pub struct Size {
    /// How many terminals, each a process of its own
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub terminals: u32,
    /// How long each of them runs
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,
    /// The same seed gives the same records; only the times differ
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Signals a second and terminal, on average; they come in bursts
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub signal_rate: u32,
    /// How many times as often as a real one each terminal looks, beats and signals
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rate: u32,
    /// Let each server take only so many bytes a second, by a proxy before it
    #[arg(long, value_name = "BYTES")]
    pub slow_redis: Option<u64>,
    /// The built library; by default the newest one beside this program
    #[arg(long)]
    pub library: Option<PathBuf>,
    /// Keep the ledgers, what each terminal's library accepted, in this folder
    #[arg(long)]
    pub ledgers: Option<PathBuf>,
}

/// What a fleet left behind.
pub struct Outcome {
    /// One a terminal that opened a session.
    pub ledgers: Vec<Ledger>,
    /// Terminals that did not come to their end, and why.
    pub failures: Vec<String>,
    pub calls: Histogram<u64>,
    pub signals_per_s: u64,
}

impl Outcome {
    /// How those terminals ended that came to their end.
    pub fn summaries(&self) -> impl Iterator<Item = &Summary> {
        self.ledgers.iter().filter_map(|ledger| ledger.summary.as_ref())
    }
}

/// Runs a fleet against the servers of `config`, with its ledgers in `folder`. `meanwhile` is called again and
/// again with the time since all terminals have been started.
pub fn run(
    size: &Size,
    config: &str,
    folder: &Path,
    view: &mut View,
    meanwhile: &mut dyn FnMut(Duration) -> Result<()>,
) -> Result<Outcome> {
    let library = size.library.clone().map_or_else(library::default_path, Ok)?;
    // What is wrong with library or configuration is told once, here, and not by every terminal.
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
    let start = Instant::now();
    for index in 0..size.terminals {
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
        stop::check()?;
        meanwhile(all_there.elapsed())?;
        view.show(start.elapsed(), &fleet.progress())?;
    }
    Ok(fleet.gather())
}

/// The terminals; dropping it ends those that still run.
struct Fleet {
    terminals: Vec<Terminal>,
    receiver: Receiver<(usize, Option<Progress>)>,
}

impl Fleet {
    /// Takes one message; false when none came until `due`.
    fn listen(&mut self, due: Instant) -> bool {
        let wait = due.saturating_duration_since(Instant::now());
        match self.receiver.recv_timeout(wait) {
            Ok((index, Some(progress))) => self.terminals[index].progress = progress,
            Ok((index, None)) => self.terminals[index].listens = false,
            Err(RecvTimeoutError::Timeout) => return false,
            Err(RecvTimeoutError::Disconnected) => {
                thread::sleep(wait);
                return false;
            }
        }
        true
    }

    fn any_runs(&self) -> bool {
        self.terminals.iter().any(|terminal| terminal.listens)
    }

    fn progress(&self) -> Vec<&Progress> {
        self.terminals.iter().map(|terminal| &terminal.progress).collect()
    }

    fn gather(mut self) -> Outcome {
        let mut outcome = Outcome {
            ledgers: Vec::new(),
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
                    outcome.ledgers.push(ledger);
                }
                // Why it failed says more than that it left no ledger.
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
        outcome
    }
}

/// Signals by the time from the first to the last of them.
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
    complaints: PathBuf,
    progress: Progress,
    /// Whether it still tells how it fares.
    listens: bool,
}

impl Terminal {
    fn start(
        index: usize,
        options: terminal::Options,
        sender: &Sender<(usize, Option<Progress>)>,
    ) -> Result<Self> {
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
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        // Ctrl-C is for us, who end the terminals.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut process = command.spawn().context("cannot start a terminal")?;
        let lines = BufReader::new(process.stdout.take().expect("it was asked for")).lines();
        let sender = sender.clone();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Ok(progress) = serde_json::from_str(&line) {
                    let _ = sender.send((index, Some(progress)));
                }
            }
            let _ = sender.send((index, None));
        });
        Ok(Self { options, process, complaints, progress: Progress::default(), listens: true })
    }

    /// Waits for the process to end, which it is about to unless it is stuck.
    fn end(&mut self) -> Result<()> {
        if self.listens {
            self.process.kill()?;
        }
        let status = self.process.wait()?;
        let complaint =
            || fs::read_to_string(&self.complaints).unwrap_or_default().trim().replace('\n', "; ");
        if self.listens {
            bail!("it did not come to its end and was killed; {}", complaint());
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

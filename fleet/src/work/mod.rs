//! `mt5fleet work`: reads signals as a member of a group of workers and hands each to a program, to a web address or to
//! standard output. It acknowledges a signal when the recipient has taken it. After a failure it tries again, later each
//! time; after the last attempt the signal becomes a dead letter. If a worker dies, the others take over its signals. If
//! nobody reads its standard output any more, it ends with an error and leaves its signals to the others.

pub(crate) mod deliver;
pub mod letters;

use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use mt5_redis::config::Config;
use mt5_redis::inbox::{Delivery, Item, Place, Start};
use mt5_redis_worker::{Worker, WorkerOptions};

use crate::{output, stop};
use deliver::{Refusal, Target};

/// A signal that was delivered so many times more than it was attempted probably killed its worker each time.
const DEATHS: u64 = 20;
/// The longest wait before the next attempt.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What a worker does with signals.
#[derive(Args, Debug)]
pub struct Options {
    /// The configuration that Expert Advisors use: a redis:// URL, or the path of a TOML file
    #[arg(long)]
    pub config: String,
    /// The consumer group. Workers of one group share the signals
    #[arg(long, default_value = "workers")]
    pub group: String,
    /// This worker's name in the group [default: a random one]
    #[arg(long)]
    pub name: Option<String>,
    /// Run this shell command for each signal. It gets the signal as one line of JSON on its standard input; exit code 0
    /// means success
    #[arg(long, conflicts_with = "http")]
    pub exec: Option<String>,
    /// POST each signal as JSON to this http:// or https:// address, with the header Idempotency-Key. Status 2xx means
    /// success
    #[arg(long)]
    pub http: Option<String>,
    /// Trust the certificates in this PEM file instead of the public authorities
    #[arg(long, value_name = "FILE", requires = "http")]
    pub http_ca: Option<PathBuf>,
    /// How many signals to process at the same time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub parallel: u16,
    /// How many signals to hold at most, from fetching to acknowledging
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub prefetch: u32,
    /// How many attempts a signal gets before it becomes a dead letter
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub attempts: u32,
    /// How long to wait before the second attempt. The wait doubles before each further one, up to 60s
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    pub backoff: Duration,
    /// How long a command or a request may take
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration)]
    pub timeout: Duration,
    /// Take over the signals of a worker that has shown no sign of life for so long
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration)]
    pub take_over: Duration,
}

/// The counts for the last line, and why the worker cannot go on.
#[derive(Default)]
struct Done {
    processed: AtomicU64,
    failed: AtomicU64,
    buried: AtomicU64,
    sink_gone: OnceLock<String>,
}

impl Done {
    fn has_ended(&self) -> bool {
        stop::requested() || self.sink_gone.get().is_some()
    }
}

/// Works until it is told to stop.
pub fn run(options: &Options) -> Result<()> {
    let config = Config::read(&options.config, "").map_err(|error| anyhow::anyhow!("{error}"))?;
    let name =
        options.name.clone().unwrap_or_else(|| format!("worker-{}-{:08x}", process::id(), fastrand::u32(..)));
    let reading = WorkerOptions {
        group: options.group.clone(),
        consumer: name,
        start: Start::Resume,
        prefetch: options.prefetch as usize,
        take_over: Some(options.take_over),
        delete: true,
    };
    let tell = Arc::new(|line: String| output::print_error(&format!("mt5fleet work: {line}")));
    let reader = Worker::start(&config, reading, tell).map_err(|error| anyhow::anyhow!("{error}"))?;
    let target = Target::new(options)?;
    let done = Done::default();
    thread::scope(|scope| {
        let work = || {
            while !done.has_ended() {
                if let Some(item) = reader.next(Duration::from_millis(200)) {
                    act(item, &reader, &target, options, &done);
                }
            }
        };
        for _ in 1..options.parallel {
            scope.spawn(work);
        }
        work();
    });
    let duplicates = reader.duplicates();
    reader.stop();
    let Done { processed, failed, buried, sink_gone } = done;
    output::print_error(&format!(
        "mt5fleet work: {} signals processed, {} attempts failed, {} buried, {duplicates} duplicates dropped",
        processed.into_inner(),
        failed.into_inner(),
        buried.into_inner()
    ));
    match sink_gone.into_inner() {
        Some(reason) => {
            bail!(
                "{reason}. The signals that were not written stay in the group: another worker gets them, or this one \
                 when it runs again"
            )
        }
        None => Ok(()),
    }
}

fn act(item: Item, reader: &Worker, target: &Target, options: &Options, done: &Done) {
    match item {
        Item::Gap(gap) => output::print_error(&format!("mt5fleet work: {gap}")),
        Item::Unreadable(place, reason) => {
            let what = format!("entry {} of {}", place.entry(), place.source.as_str());
            bury(reader, done, place, &what, 1, &reason);
        }
        Item::Signal(delivery) => {
            let attempts = u64::from(options.attempts);
            if delivery.deliveries > attempts + DEATHS {
                let error = format!("{} workers took it and did not answer", delivery.deliveries - 1);
                let what = format!("signal {}", delivery.signal.idempotency_key());
                return bury(reader, done, delivery.place, &what, delivery.deliveries, &error);
            }
            match target.deliver(&delivery) {
                Ok(()) => {
                    done.processed.fetch_add(1, Relaxed);
                    reader.acknowledge(delivery.place);
                }
                Err(Refusal::OfSignal(error)) => {
                    failed(&delivery, &format!("{error:#}"), reader, options, done);
                }
                Err(Refusal::OfAll(error)) => drop(done.sink_gone.set(format!("{error:#}"))),
            }
        }
    }
}

fn failed(delivery: &Delivery, error: &str, reader: &Worker, options: &Options, done: &Done) {
    if stop::requested() {
        // A stop may have ended the command too, which is no failure of the signal.
        return;
    }
    done.failed.fetch_add(1, Relaxed);
    let (key, deliveries) = (delivery.signal.idempotency_key(), delivery.deliveries);
    if deliveries >= u64::from(options.attempts) {
        return bury(reader, done, delivery.place, &format!("signal {key}"), deliveries, error);
    }
    let doublings = u32::try_from(deliveries.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    let after = (options.backoff * 2u32.pow(doublings)).min(LONGEST_WAIT);
    output::print_error(&format!(
        "mt5fleet work: signal {key}, delivery {deliveries}: {error}; again in {after:?}"
    ));
    reader.again(delivery, after);
}

fn bury(reader: &Worker, done: &Done, place: Place, what: &str, deliveries: u64, error: &str) {
    done.buried.fetch_add(1, Relaxed);
    output::print_error(&format!(
        "mt5fleet work: {what} is a dead letter after {deliveries} deliveries: {error}"
    ));
    reader.bury(place, deliveries, error);
}

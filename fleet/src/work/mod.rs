//! `mt5fleet work`: reads signals as one of a group of workers and hands each to a program, to a web address
//! or to standard output. A signal is acknowledged after it was taken, comes again after a failure, later
//! each time, and lies among the dead letters after the last attempt. A worker that dies leaves its signals
//! to the others, and so does one whose standard output nobody reads any more: it ends with an error.

mod deliver;
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

/// A signal that was delivered so many times beyond the attempts, and never answered for, took its workers
/// with it each time.
const DEATHS: u64 = 20;
/// The longest wait before the next attempt.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What a worker does with signals.
#[derive(Args, Debug)]
pub struct Options {
    /// What an Expert Advisor would be given: a redis:// URL, or the path of a TOML file
    #[arg(long)]
    pub config: String,
    /// The consumer group; workers of one group share the signals
    #[arg(long, default_value = "workers")]
    pub group: String,
    /// This worker's name in the group; by default one of its own
    #[arg(long)]
    pub name: Option<String>,
    /// Run this command by the shell for each signal: one JSON line on its standard input, exit code 0 is success
    #[arg(long, conflicts_with = "http")]
    pub exec: Option<String>,
    /// POST each signal as JSON to this http:// or https:// address, with the header Idempotency-Key; 2xx is success
    #[arg(long)]
    pub http: Option<String>,
    /// Trust the certificates of this PEM file at an https:// address, in place of the public authorities
    #[arg(long, value_name = "FILE", requires = "http")]
    pub http_ca: Option<PathBuf>,
    /// How many signals are worked on at the same time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub parallel: u16,
    /// How many signals may be fetched and unanswered, those in work included
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub prefetch: u32,
    /// How often a signal is tried before it is put among the dead letters
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub attempts: u32,
    /// How long to wait before the second attempt; twice as long before each further one, at most 60s
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    pub backoff: Duration,
    /// How long a command or a request may take, from its start to its end
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration)]
    pub timeout: Duration,
    /// After how long without a sign of life another worker's signals are taken over
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration)]
    pub take_over: Duration,
}

/// What was done, for the last line, and why no more can be done.
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

/// Works until somebody wants to stop.
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
        Some(reason) => bail!("{reason}; what was not written stays with the group"),
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
                let error = format!("{} workers took it and never answered", delivery.deliveries - 1);
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
        // Whoever ends us may have ended the command too: that is no failure of the signal.
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

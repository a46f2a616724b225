//! One simulated terminal, a process of its own: an account, an agent that publishes it, signals, and a ledger of what
//! the library accepted. It reports its progress to its parent on standard output, a JSON line each half second, and
//! ends when the parent is gone.
//!
//! A source gives a signal for each of its trades, and no others. A follower trades nothing but copies; it goes on until it
//! has copied as many signals as its parent then says on standard input.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use clap::Args;
use hdrhistogram::Histogram;
use mt5_redis::codes::{MT5REDIS_ERR_JOURNAL_FULL, MT5REDIS_ERR_QUEUE_FULL};
use serde::{Deserialize, Serialize};

use super::agent::{Agent, Publication};
use super::follower::Follower;
use super::market::{Given, Market, STEPS};
use super::publisher::Publisher;
use crate::ledger::{self, AccountTexts, Entry, Summary};
use crate::library::{Account, Bridge, Received, Session, Text};

/// As in `FleetAgent.mq5`: a look at the positions each half second, a heartbeat each second.
const LOOK_STEPS: u64 = 5;
/// A source trades and looks at each step, so that there is much to copy.
const SOURCE_LOOK_STEPS: u64 = 1;
const HEARTBEAT_STEPS: u64 = 10;
const HEARTBEAT_MS: i32 = 1000;
/// How long a terminal waits at its end until Redis has everything, and a follower before that until it has all copies.
pub const FLUSH: Duration = Duration::from_secs(30);
const CLOSE: Duration = Duration::from_secs(5);

#[derive(Args, Clone)]
pub struct Options {
    /// Its number, from which the account's login follows
    #[arg(long)]
    pub index: u32,
    #[arg(long)]
    pub seed: u64,
    #[arg(long)]
    pub seconds: u64,
    #[arg(long)]
    pub signal_rate: u32,
    #[arg(long)]
    pub rate: u32,
    #[arg(long)]
    pub config: String,
    #[arg(long)]
    pub library: PathBuf,
    #[arg(long)]
    pub ledger: PathBuf,
    /// Others copy this account
    #[arg(long)]
    pub publish: bool,
    /// The source that this account copies
    #[arg(long)]
    pub follow: Option<String>,
    /// Older signals are not copied, ms since 1970 UTC
    #[arg(long, default_value_t = 0)]
    pub since_ms: i64,
}

impl Options {
    /// The file of a follower's history.
    pub fn history(&self) -> PathBuf {
        self.ledger.with_extension("history")
    }
}

/// The account's number at its broker.
fn login(index: u32) -> i64 {
    5_000_001 + i64::from(index)
}

/// The name of a terminal's instance.
pub fn instance(index: u32) -> String {
    format!("{}.Fleet-Demo", login(index))
}

/// A terminal's progress.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    pub instance: String,
    pub positions: usize,
    /// Lane by lane.
    pub accepted: [u64; 3],
    pub committed: [u64; 3],
    pub refused: u64,
    /// How many signals a follower has copied.
    pub copied: u64,
    /// The pressure's level.
    pub throttle: u8,
    pub call_p50_ns: u64,
    pub call_p99_ns: u64,
    /// The newest line of the library's log.
    pub event: Option<String>,
    /// Whether this is its last report.
    pub finished: bool,
}

/// Runs a terminal to its end.
pub fn run(options: &Options) -> Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;

    let bridge = Bridge::load(&options.library)?;
    let instance = instance(options.index);
    let session = bridge.open(&options.config, &instance, &options.ledger.with_extension("data"))?;
    let mut market = Market::new(options.seed, login(options.index));
    let mut agent = Agent::default();
    let mut publisher = options.publish.then(Publisher::default);
    let mut copying = options.follow.as_deref().map(|_| Copying::start(options, &mut market)).transpose()?;
    if let Some(source) = &options.follow {
        session.subscribe(source)?;
    }
    let mut station = Station::new(&bridge, session, instance, options)?;

    let look_steps = if options.publish { SOURCE_LOOK_STEPS } else { LOOK_STEPS };
    let steps = options.seconds * u64::from(STEPS * options.rate);
    let (start, mut patience) = (Instant::now(), None);
    for step in 0.. {
        // Unlike a well-behaved program it does not slow down under pressure: the library must cope.
        let due = start + Duration::from_secs_f64(step as f64 / f64::from(STEPS * options.rate));
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let is_over = step >= steps;
        if is_over && copying.as_mut().is_none_or(Copying::is_over) {
            let deadline = *patience.get_or_insert_with(|| Instant::now() + FLUSH);
            let told = publisher.as_ref().is_none_or(|publisher| publisher.is_settled(&market));
            // Whoever is compared with another account shows all of its own.
            let is_compared = publisher.is_some() || copying.is_some();
            if !is_compared || told && agent.is_settled(&market) || Instant::now() >= deadline {
                break;
            }
        }
        market.step();
        if let Some(copying) = &mut copying {
            station.copy(&mut copying.follower, &mut market)?;
        }
        if step % look_steps == 0 {
            if copying.is_none() && !is_over {
                market.trade(now_ms());
            }
            agent.look(&market, now_ms(), &mut |publication| station.publish(publication))?;
            if let Some(publisher) = &mut publisher {
                publisher.look(&market, now_ms(), &mut |given| station.signal(given))?;
            }
        }
        if step % (LOOK_STEPS * u64::from(options.rate)) == 0 {
            station.report(market.positions().len(), false)?;
        }
        if step % HEARTBEAT_STEPS == 0 {
            station.heartbeat(&mut market, HEARTBEAT_MS / options.rate as i32)?;
        }
        if publisher.is_none() && !is_over {
            for given in market.signals(options.signal_rate, now_ms()) {
                station.signal(&given)?;
            }
        }
    }
    agent.look(&market, now_ms(), &mut |publication| station.publish(publication))?;
    station.heartbeat(&mut market, HEARTBEAT_MS / options.rate as i32)?;
    station.finish(market.positions().len())
}

/// A follower, and when it may end.
struct Copying {
    follower: Follower,
    /// How many signals there are, once the source has ended.
    all: Receiver<u64>,
    /// Their number, and how long to wait for them.
    end: Option<(u64, Instant)>,
}

impl Copying {
    fn start(options: &Options, market: &mut Market) -> Result<Self> {
        let source = options.follow.as_deref().unwrap_or_default();
        let follower = Follower::open(source, options.since_ms, &options.history(), market)?;
        let (sender, all) = mpsc::channel();
        thread::spawn(move || {
            let number = io::stdin().lines().next()?.ok()?.parse().ok()?;
            sender.send(number).ok()
        });
        Ok(Self { follower, all, end: None })
    }

    fn is_over(&mut self) -> bool {
        if self.end.is_none() {
            self.end = match self.all.try_recv() {
                Ok(all) => Some((all, Instant::now() + FLUSH)),
                Err(TryRecvError::Empty) => None,
                // Nobody will say.
                Err(TryRecvError::Disconnected) => Some((0, Instant::now())),
            };
        }
        self.end.is_some_and(|(all, patience)| self.follower.executed() >= all || Instant::now() >= patience)
    }
}

/// The session, and records of its calls.
struct Station<'a> {
    bridge: &'a Bridge,
    session: Session<'a>,
    texts: AccountTexts,
    account: Account,
    ledger: ledger::Writer,
    call_ns: Histogram<u64>,
    progress: Progress,
}

impl<'a> Station<'a> {
    fn new(bridge: &'a Bridge, session: Session<'a>, instance: String, options: &Options) -> Result<Self> {
        let stats = session.stats()?;
        let producer = |lane: &str| {
            stats[lane]["producer"].as_str().context("the statistics lack the producer").map(str::to_owned)
        };
        let producers = [producer("ris")?, producer("rts")?, producer("rtss")?];
        let mut ledger = ledger::Writer::create(&options.ledger)?;
        let follows = options.follow.clone();
        ledger.add(&Entry::Opened { instance: instance.clone(), producers, follows })?;
        let texts = AccountTexts {
            server: "Fleet-Demo".into(),
            company: "Beispiel & Söhne Brokers Ltd.".into(),
            currency: "EUR".into(),
            agent: concat!("mt5fleet ", env!("CARGO_PKG_VERSION")).into(),
        };
        let account = Account {
            server: Text::new(&texts.server),
            company: Text::new(&texts.company),
            currency: Text::new(&texts.currency),
            agent: Text::new(&texts.agent),
        };
        let progress = Progress { instance, ..Default::default() };
        Ok(Self { bridge, session, texts, account, ledger, call_ns: ledger::call_times(), progress })
    }

    /// Times a call. Returns the sequence, or none if the library was full or the record was not due.
    fn call(&mut self, lane: usize, call: impl FnOnce(&Session, &Account) -> i64) -> Result<Option<u64>> {
        let start = Instant::now();
        let result = call(&self.session, &self.account);
        let took = start.elapsed();
        self.call_ns.saturating_record(took.as_nanos() as u64);
        if [MT5REDIS_ERR_QUEUE_FULL, MT5REDIS_ERR_JOURNAL_FULL].map(i64::from).contains(&result) {
            self.progress.refused += 1;
            return Ok(None);
        }
        self.bridge.expect(result)?;
        if result == 0 {
            return Ok(None);
        }
        self.progress.accepted[lane] += 1;
        Ok(Some(result as u64))
    }

    fn heartbeat(&mut self, market: &mut Market, interval_ms: i32) -> Result<()> {
        let state = market.account(now_ms(), interval_ms);
        let called = self.call(0, |session, account| session.instance_state(&state, account))?;
        if let Some(sequence) = called {
            let account = self.texts.clone();
            self.ledger.add(&Entry::Heartbeat(ledger::Heartbeat { sequence, state, account }))?;
        }
        Ok(())
    }

    fn publish(&mut self, publication: Publication) -> Result<bool> {
        let entry = match publication {
            Publication::State { state, symbol, comment } => {
                let (wide_symbol, wide_comment) = (Text::new(symbol), Text::new(comment));
                let called =
                    self.call(1, |session, _| session.trade_state(state, &wide_symbol, &wide_comment))?;
                let (state, symbol, comment) = (*state, symbol.to_owned(), comment.to_owned());
                called.map(|sequence| Entry::Trade(ledger::Trade { sequence, state, symbol, comment }))
            }
            Publication::OpenSet(positions) => {
                let time_ms = now_ms();
                let called = self.call(1, |session, _| session.open_positions(time_ms, positions))?;
                let positions = positions.to_owned();
                called.map(|sequence| Entry::OpenSet(ledger::OpenSet { sequence, time_ms, positions }))
            }
        };
        let Some(entry) = entry else { return Ok(false) };
        self.ledger.add(&entry)?;
        Ok(true)
    }

    /// Gives a signal; returns whether the library accepted it.
    fn signal(&mut self, given: &Given) -> Result<bool> {
        let (symbol, comment) = (Text::new(given.symbol), Text::new(&given.comment));
        let signal = given.signal;
        let called = self.call(2, |session, _| session.signal(&signal, &symbol, &comment))?;
        let Some(sequence) = called else { return Ok(false) };
        let (symbol, comment) = (given.symbol.to_owned(), given.comment.clone());
        self.ledger.add(&Entry::Signal(ledger::SignalGiven { sequence, signal, symbol, comment }))?;
        Ok(true)
    }

    /// Copies the signals that are here.
    fn copy(&mut self, follower: &mut Follower, market: &mut Market) -> Result<()> {
        while let Some(received) = self.session.next_signal()? {
            match received {
                Received::Gap(text) => self.progress.event = Some(text),
                Received::Signal(signal, symbol) => {
                    follower.receive(market, &signal, &symbol, now_ms())?;
                    self.session.acknowledge(signal.number)?;
                }
            }
        }
        self.progress.copied = follower.executed();
        Ok(())
    }

    /// Reports to the parent. Without one it fails, which ends the terminal.
    fn report(&mut self, positions: usize, finished: bool) -> Result<()> {
        self.ledger.flush()?;
        while let Some(event) = self.session.next_event()? {
            self.progress.event = Some(event);
        }
        self.progress.positions = positions;
        self.progress.committed = self.session.committed()?;
        self.progress.throttle = self.session.throttle()?;
        self.progress.call_p50_ns = self.call_ns.value_at_quantile(0.5);
        self.progress.call_p99_ns = self.call_ns.value_at_quantile(0.99);
        self.progress.finished = finished;
        let mut line = serde_json::to_string(&self.progress)?;
        line.push('\n');
        let mut parent = io::stdout().lock();
        parent.write_all(line.as_bytes()).and_then(|()| parent.flush()).context("the parent is gone")
    }

    fn finish(mut self, positions: usize) -> Result<()> {
        let flushed = self.session.flush(FLUSH);
        self.report(positions, true)?;
        let mut summary = Summary {
            refused: self.progress.refused,
            committed: self.progress.committed,
            failure: None,
            call_ns: self
                .call_ns
                .iter_recorded()
                .map(|step| (step.value_iterated_to(), step.count_at_value()))
                .collect(),
            stats: self.session.stats()?,
        };
        let closed = self.session.close(CLOSE);
        summary.failure = flushed.and(closed).err().map(|error| error.to_string());
        self.ledger.add(&Entry::Summary(summary))?;
        self.ledger.flush()
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.expect("the clock is after 1970").as_millis() as i64
}

//! The engine of a process: three lanes, shared by every session with the same configuration.
//!
//! Engines are leased. When the last lease is returned, the threads end as soon as nothing is pending. A session that
//! opens before that takes over the engine with its queues. So a chart that changes its timeframe closes and opens
//! without losing or reordering a record, and an Expert Advisor that was removed leaves no thread and no connection
//! behind.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::Serialize;

use crate::clock::Skew;
use crate::config::{Config, JournalConfig, JournalSync, LaneConfig};
use crate::error::Result;
use crate::events::Events;
use crate::halt::Halts;
use crate::lane::{Journal, Lane, Limits, Opened, Ris, Rts, Rtss, Watch};
use crate::model::encoding::Producer;
use crate::model::instance::Health;
use crate::model::{InstanceId, LaneName};
use crate::pressure::{Pressure, PressureStats};
use crate::stats::LaneStats;

/// Three lanes to the servers of one configuration.
pub(crate) struct Engine {
    config: Config,
    pub(crate) events: Arc<Events>,
    pub(crate) pressure: Arc<Pressure>,
    pub(crate) halts: Arc<Halts>,
    pub(crate) ris: Lane<Ris>,
    pub(crate) rts: Lane<Rts>,
    pub(crate) rtss: Lane<Rtss>,
    started: Instant,
    /// When a caller last looked at the pressure, ms since the start.
    looked_ms: AtomicU64,
}

/// How many records of each lane are pending.
pub(crate) struct Waiting {
    pub(crate) trades: u64,
    pub(crate) signals: u64,
    pub(crate) heartbeats: u64,
}

/// How long a new configuration waits for the threads of an unused one: longer than a reply's usual time-out. A
/// thread that takes longer continues without its journal.
const TIDY: Duration = Duration::from_secs(3);

/// Callers' questions update the pressure at most this often.
const LOOK_EVERY_MS: u64 = 100;

/// Every engine of this process with the number of its leases. An engine without leases is kept for the next session
/// with its configuration. Never locked for longer than a look.
static ENGINES: Mutex<Vec<(Arc<Engine>, usize)>> = Mutex::new(Vec::new());

/// Held while opening an engine, which does disk I/O.
static OPENING: Mutex<()> = Mutex::new(());

impl Engine {
    /// The engine of this configuration, started if there is none, and where its log ended before. Each lease must be
    /// returned.
    pub(crate) fn lease(config: &Config, instance: &InstanceId) -> Result<(Arc<Engine>, u64)> {
        let (engine, log_end) = match Self::lease_known(config) {
            Some(known) => known,
            None => Self::lease_new(config, instance)?,
        };
        if let Err(error) = engine.start() {
            Self::give_back(&engine);
            return Err(error);
        }
        Ok((engine, log_end))
    }

    fn lease_new(config: &Config, instance: &InstanceId) -> Result<(Arc<Engine>, u64)> {
        let _opening = OPENING.lock();
        // Another thread may have opened it meanwhile.
        if let Some(known) = Self::lease_known(config) {
            return Ok(known);
        }
        Self::tidy(config);
        let engine = Arc::new(Engine::new(config, instance)?);
        ENGINES.lock().push((engine.clone(), 1));
        // From the start of the log: what it found in its journals is news too.
        Ok((engine, 0))
    }

    fn lease_known(config: &Config) -> Option<(Arc<Engine>, u64)> {
        let mut engines = ENGINES.lock();
        let (engine, leases) = engines.iter_mut().find(|(engine, _)| engine.config == *config)?;
        *leases += 1;
        Some((engine.clone(), engine.events.end()))
    }

    /// Returns a lease. After the last one, waits for the threads to end, at most until `deadline`.
    pub(crate) fn release(engine: &Arc<Engine>, deadline: Instant) {
        if Self::give_back(engine) {
            engine.has_ended(deadline);
        }
    }

    /// Returns whether it was the last lease.
    fn give_back(engine: &Arc<Engine>) -> bool {
        let mut engines = ENGINES.lock();
        let Some((_, leases)) = engines.iter_mut().find(|(other, _)| Arc::ptr_eq(other, engine)) else {
            return false;
        };
        *leases -= 1;
        if *leases == 0 {
            // Under the lock: a session that leases it now starts it after this.
            engine.retire();
        }
        *leases == 0
    }

    /// Drops unused engines that have ended, and those that hold the journals that `config` needs. The new engine
    /// then sends what they have not, for example after a corrected password.
    fn tidy(config: &Config) {
        let deadline = Instant::now() + TIDY;
        let unused: Vec<_> = {
            let engines = ENGINES.lock();
            let unused = engines.iter().filter(|(_, leases)| *leases == 0).map(|(engine, _)| engine);
            // Under the lock: a session that leases one now starts it after this.
            let in_the_way = |engine: &Arc<Engine>| engine.config.shares_journal_with(config);
            unused.map(|engine| (engine.clone(), in_the_way(engine))).inspect(Self::abandon).collect()
        };
        for (engine, in_the_way) in unused {
            let ended = engine.has_ended(if in_the_way { deadline } else { Instant::now() });
            if !ended && !in_the_way {
                continue;
            }
            if Self::forget(&engine) && in_the_way {
                // Its threads may wait for a server, and a session that is closing may still use it.
                engine.rts.hand_over();
                engine.rtss.hand_over();
            }
        }
    }

    /// Drops an engine if nobody leases it. Returns whether it was dropped.
    fn forget(engine: &Arc<Engine>) -> bool {
        let mut engines = ENGINES.lock();
        let at = engines.iter().position(|(other, leases)| *leases == 0 && Arc::ptr_eq(other, engine));
        at.map(|at| engines.swap_remove(at)).is_some()
    }

    fn new(config: &Config, instance: &InstanceId) -> Result<Self> {
        let JournalConfig { folder, max_bytes, retain_acked, sync } = &config.journal;
        let journal = |name: LaneName, lane: &LaneConfig| {
            let limits = Limits { max_bytes: *max_bytes, sync: *sync, ..Limits::default() };
            let folder = folder.join(lane.journal_name(name));
            (*sync != JournalSync::Off).then(|| Journal::open(&folder, &limits)).transpose()
        };
        let rts_journal = journal(LaneName::Rts, &config.rts)?;
        let rtss_journal = journal(LaneName::Rtss, &config.rtss)?;
        // Sequence numbers and the producer belong to a journal. Without one, both start anew.
        let producer = |journal: &Option<Opened>| match journal {
            Some(opened) => Producer::named(opened.journal.producer()),
            None => Producer::random(),
        };
        let events = Arc::new(Events::default());
        config.notes.iter().for_each(|note| events.tell(note.clone()));
        let pressure = Arc::new(Pressure::new(events.clone(), config.pressure_quiet, config.ris_ttl));
        let sites = [&config.ris, &config.rts, &config.rtss].map(|lane| lane.endpoint.name());
        let skew = Arc::new(Skew::new(sites, events.clone()));
        let halts = Arc::new(Halts::new(config, events.clone()));
        let client = instance.as_str();
        let ris = Ris {
            producer: Producer::random(),
            encoding: config.ris.encoding,
            ttl: config.ris_ttl,
            pressure: pressure.clone(),
            skew: skew.clone(),
            halts: halts.clone(),
            watch: Watch::default(),
            sampled: HashMap::new(),
        };
        let rts =
            Rts::new(producer(&rts_journal), config.rts.encoding, config.rts_retention, config.rts_events);
        let rtss = Rtss::new(
            producer(&rtss_journal),
            config.rtss.encoding,
            [config.rtss_retention, config.rtss_report_retention],
            config.rtss_max_length,
            config.rtss_shards,
            skew,
        );
        Ok(Self {
            config: config.clone(),
            ris: Lane::new(
                ris,
                config.ris.clone(),
                client,
                events.clone(),
                pressure.clone(),
                None,
                *retain_acked,
            )?,
            rts: Lane::new(
                rts,
                config.rts.clone(),
                client,
                events.clone(),
                pressure.clone(),
                rts_journal,
                *retain_acked,
            )?,
            rtss: Lane::new(
                rtss,
                config.rtss.clone(),
                client,
                events.clone(),
                pressure.clone(),
                rtss_journal,
                *retain_acked,
            )?,
            events,
            pressure,
            halts,
            started: Instant::now(),
            looked_ms: AtomicU64::new(0),
        })
    }

    /// The configuration it was opened with.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    fn start(&self) -> Result<()> {
        self.ris.start()?;
        self.rts.start()?;
        self.rtss.start()
    }

    fn retire(&self) {
        self.ris.retire();
        self.rts.retire();
        self.rtss.retire();
    }

    fn abandon((engine, in_the_way): &(Arc<Engine>, bool)) {
        if *in_the_way {
            engine.ris.abandon();
            engine.rts.abandon();
            engine.rtss.abandon();
        }
    }

    fn has_ended(&self, deadline: Instant) -> bool {
        self.rts.wait_for_end(deadline) && self.rtss.wait_for_end(deadline) && self.ris.wait_for_end(deadline)
    }

    /// Waits until everything accepted before this call is in Redis: trades and signals first, then heartbeats,
    /// unless these cannot be written.
    pub(crate) fn flush(&self, deadline: Instant) -> Waiting {
        let targets = (self.ris.accepted(), self.rts.accepted(), self.rtss.accepted());
        Waiting {
            trades: self.rts.flush(targets.1, deadline),
            signals: self.rtss.flush(targets.2, deadline),
            heartbeats: self.ris.flush(targets.0, deadline),
        }
    }

    /// How many trades and signals became dead letters since their lanes were opened.
    pub(crate) fn put_aside(&self) -> (u64, u64) {
        (self.rts.put_aside(), self.rtss.put_aside())
    }

    /// The library's own health, for the heartbeat.
    pub(crate) fn health(&self) -> Health {
        Health {
            trades_waiting: self.rts.waiting(),
            signals_waiting: self.rtss.waiting(),
            refused: self.ris.refused() + self.rts.refused() + self.rtss.refused(),
            throttle: self.pressure.level(),
            trades: self.rts.accepted(),
            signals: self.rtss.accepted(),
            trade_commit_us: self.pressure.commit_us(LaneName::Rts),
            signal_commit_us: self.pressure.commit_us(LaneName::Rtss),
            // The session adds these: the engine does not know the instance.
            follower: 0,
            halt: 0,
            journal_percent: self.pressure.journal_percent(),
        }
    }

    /// The current pressure, also while every lane's thread waits for a server.
    pub(crate) fn pressure(&self) -> &Pressure {
        let now = Instant::now();
        let since_start = now.saturating_duration_since(self.started).as_millis() as u64;
        if since_start >= self.looked_ms.load(Relaxed) + LOOK_EVERY_MS {
            self.looked_ms.store(since_start, Relaxed);
            self.ris.look(now);
            self.rts.look(now);
            self.rtss.look(now);
        }
        &self.pressure
    }

    /// All counters, as JSON.
    pub(crate) fn stats(&self) -> String {
        #[derive(Serialize)]
        struct Stats<'a> {
            version: &'a str,
            pressure: PressureStats,
            ris: LaneStats,
            rts: LaneStats,
            rtss: LaneStats,
        }
        let stats = Stats {
            version: env!("CARGO_PKG_VERSION"),
            pressure: self.pressure().stats(),
            ris: self.ris.stats(),
            rts: self.rts.stats(),
            rtss: self.rtss.stats(),
        };
        serde_json::to_string(&stats).expect("numbers and texts are JSON")
    }
}

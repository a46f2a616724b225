//! One Expert Advisor's session: its instance, its place in the log, its subscription.
//!
//! It checks every record, gives it its time, leaves out what is not due under pressure, and hands the rest to the
//! right lane. It holds a lease of the engine.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arrayvec::ArrayString;
use parking_lot::Mutex;

use crate::codes::*;
use crate::config::Config;
use crate::engine::{Engine, Waiting};
use crate::error::{Error, Result};
use crate::halt::Watched;
use crate::inbox::{self, Follower, Subscription};
use crate::model::deal::DealBody;
use crate::model::instance::{
    AGENT_LIMIT, COMPANY_LIMIT, CURRENCY_LIMIT, Health, InstanceRecord, SERVER_LIMIT,
};
use crate::model::message::Message;
use crate::model::report::{REASON_LIMIT, ReportRecord};
use crate::model::signal::SignalRecord;
use crate::model::trade::{self, COMMENT_LIMIT, MT5REDIS_EVENT_PRICE, SYMBOL_LIMIT, TradeBody, TradeRecord};
use crate::model::{Deal, ExecutionReport, InstanceId, InstanceState, Signal, Stamp, Tag, TradeState, check};
use crate::pressure::thinning::Thinning;
use crate::pressure::{Pressure, level};

/// One open handle.
pub(crate) struct Session {
    instance: InstanceId,
    engine: Arc<Engine>,
    /// The next line of the log that this Expert Advisor has not seen.
    cursor: Mutex<u64>,
    follower: Mutex<Option<Arc<Follower>>>,
    /// How many trades and signals had become dead letters when a flush last reported them.
    put_aside: Mutex<(u64, u64)>,
    thinning: Thinning,
    halt: Arc<Watched>,
}

impl Session {
    /// Opens a session. The lanes connect in the background.
    pub(crate) fn open(config: &str, instance: &str, folder: &str) -> Result<Self> {
        let instance = InstanceId::new(instance)?;
        let config = Config::read(config, folder)?;
        let (engine, log_end) = Engine::lease(&config, &instance)?;
        let put_aside = Mutex::new(engine.put_aside());
        let halt = engine.halts.open(&instance);
        engine.ris.nudge();
        Ok(Self {
            instance,
            engine,
            cursor: Mutex::new(log_end),
            follower: Mutex::default(),
            put_aside,
            thinning: Thinning::default(),
            halt,
        })
    }

    /// Queues a heartbeat. Returns 0 if it is not due under pressure. It takes references for the reason of
    /// [`signal`](Self::signal).
    pub(crate) fn instance_state(
        &self,
        state: &InstanceState,
        server: &ArrayString<SERVER_LIMIT>,
        company: &ArrayString<COMPANY_LIMIT>,
        currency: &ArrayString<CURRENCY_LIMIT>,
        agent: &ArrayString<AGENT_LIMIT>,
    ) -> Result<u64> {
        state.check()?;
        let time_ms = time(state.time_ms);
        let pressure = self.engine.pressure();
        pressure.heartbeat_comes_every(state.interval_ms);
        let halt = self.halt.level();
        let thinned = pressure.heartbeats_every(pressure.level()).map(|every| (every, Instant::now()));
        if let Some((every, now)) = thinned
            && !self.thinning.is_heartbeat_due(halt, every, now)
        {
            self.engine.ris.thinned();
            return Ok(0);
        }
        let instance = self.instance;
        let health = Health { follower: inbox::role(instance.as_str()), halt, ..self.engine.health() };
        let accepted = self.engine.ris.accept(|sequence| InstanceRecord {
            stamp: Stamp { sequence, time_ms },
            tag: Tag::of(&instance),
            state: *state,
            health,
            server: *server,
            company: *company,
            currency: *currency,
            agent: *agent,
        })?;
        self.thinning.heartbeat_accepted(halt, thinned.map(|(_, now)| now));
        Ok(accepted)
    }

    /// Queues the state of a position. Returns 0 for a price that is not due under pressure. It takes references for the
    /// reason of [`signal`](Self::signal).
    pub(crate) fn trade_state(
        &self,
        state: &TradeState,
        symbol: &ArrayString<SYMBOL_LIMIT>,
        comment: &ArrayString<COMMENT_LIMIT>,
    ) -> Result<u64> {
        state.check()?;
        trade::not_empty(symbol)?;
        let thinned = if state.event == MT5REDIS_EVENT_PRICE && self.engine.pressure.level() != level::NORMAL
        {
            self.prices_under_pressure()
        } else {
            None
        };
        if let Some((every, now)) = thinned
            && !self.thinning.is_price_due(state.position, every, now)
        {
            self.engine.rts.thinned();
            return Ok(0);
        }
        let (tag, time_ms) = (Tag::of(&self.instance), time(state.time_ms));
        let accepted = self.engine.rts.accept(|sequence| {
            let body = TradeBody::Position { state: *state, symbol: *symbol, comment: *comment };
            TradeRecord { stamp: Stamp { sequence, time_ms }, tag, body }
        })?;
        if let Some((every, now)) = thinned {
            self.thinning.price_accepted(state.position, every, now);
        }
        Ok(accepted)
    }

    /// The least time between a position's prices, and now; none if the pressure is gone.
    #[cold]
    fn prices_under_pressure(&self) -> Option<(Duration, Instant)> {
        Pressure::prices_every(self.engine.pressure().level()).map(|every| (every, Instant::now()))
    }

    /// Queues the set of open positions.
    pub(crate) fn open_positions(&self, time_ms: i64, positions: Box<[i64]>) -> Result<u64> {
        check::time("time_ms", time_ms)?;
        self.rarely(time_ms, TradeBody::open_set(positions)?)
    }

    /// Queues a deal.
    pub(crate) fn deal(
        &self,
        deal: Deal,
        symbol: ArrayString<SYMBOL_LIMIT>,
        comment: ArrayString<COMMENT_LIMIT>,
    ) -> Result<u64> {
        deal.check()?;
        self.rarely(deal.time_ms, TradeBody::Deal(Box::new(DealBody { deal, symbol, comment })))
    }

    /// Queues what is rare, apart from the way of a position, into which `accept` is inlined.
    #[cold]
    fn rarely(&self, time_ms: i64, body: TradeBody) -> Result<u64> {
        let (tag, time_ms) = (Tag::of(&self.instance), time(time_ms));
        self.engine.rts.accept(|sequence| TradeRecord { stamp: Stamp { sequence, time_ms }, tag, body })
    }

    /// Queues a signal. It takes references, so that the parts are copied once, into the record.
    pub(crate) fn signal(
        &self,
        signal: &Signal,
        symbol: &ArrayString<SYMBOL_LIMIT>,
        comment: &ArrayString<COMMENT_LIMIT>,
    ) -> Result<u64> {
        signal.check()?;
        trade::not_empty(symbol)?;
        let (tag, time_ms) = (Tag::of(&self.instance), time(signal.time_ms));
        self.engine.rtss.accept(|sequence| {
            let stamp = Stamp { sequence, time_ms };
            let (numbers, symbol, comment) = (signal.into(), *symbol, *comment);
            Message::Signal(SignalRecord { stamp, tag, numbers, symbol, comment })
        })
    }

    /// Queues the report of what this terminal did with a signal of `source`.
    pub(crate) fn report(
        &self,
        report: ExecutionReport,
        source: &str,
        symbol: ArrayString<SYMBOL_LIMIT>,
        reason: ArrayString<REASON_LIMIT>,
    ) -> Result<u64> {
        report.check()?;
        let source = InstanceId::new(source)?;
        let (tag, time_ms) = (Tag::reports_of(&self.instance), time(report.time_ms));
        let stamp = Stamp { sequence: 0, time_ms };
        let mut record = Box::new(ReportRecord { stamp, tag, report, source, symbol, reason });
        self.engine.rtss.accept(|sequence| {
            record.stamp.sequence = sequence;
            Message::Report(record)
        })
    }

    /// Starts reading signals. `subscription` gets the default name: this instance's.
    pub(crate) fn subscribe(&self, subscription: impl FnOnce(&str) -> Result<Subscription>) -> Result<()> {
        let mut follower = self.follower.lock();
        if follower.is_some() {
            return Err(Error::new(
                MT5REDIS_ERR_SUBSCRIBED,
                "this handle has a subscription: call mt5redis_unsubscribe first".to_owned(),
            ));
        }
        let (instance, events) = (self.instance.as_str(), self.engine.events.clone());
        let tell = Arc::new(move |line| events.tell(line));
        *follower =
            Some(Arc::new(Follower::start(self.engine.config(), instance, subscription(instance)?, tell)?));
        Ok(())
    }

    /// The subscription.
    pub(crate) fn follower(&self) -> Result<Arc<Follower>> {
        self.follower.lock().clone().ok_or_else(|| {
            Error::new(
                MT5REDIS_ERR_NOT_SUBSCRIBED,
                "this handle has no subscription: call mt5redis_subscribe first".to_owned(),
            )
        })
    }

    /// Ends the subscription, if there is one. Signals that were not acknowledged come again. Acknowledgements are
    /// still sent in the background.
    pub(crate) fn unsubscribe(&self) -> Option<Arc<Follower>> {
        let follower = self.follower.lock().take()?;
        follower.end();
        Some(follower)
    }

    /// All counters, as JSON.
    pub(crate) fn stats(&self) -> String {
        let engine = self.engine.stats();
        match &*self.follower.lock() {
            Some(follower) => {
                let open = engine.strip_suffix('}').expect("an object");
                format!("{open},\"inbox\":{}}}", follower.stats())
            }
            None => engine,
        }
    }

    /// The operator's halt, one of `MT5REDIS_HALT_*`, and who gave it and why.
    pub(crate) fn halted(&self) -> (i32, String) {
        self.halt.told()
    }

    /// The engine behind the session.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Waits until all accepted trades and signals are in Redis, and then for the heartbeats, while these can be
    /// written. Returns whether the heartbeats were written too. Reports new dead letters once.
    pub(crate) fn flush(&self, timeout: Duration) -> Result<bool> {
        let Waiting { trades, signals, heartbeats } = self.engine.flush(Instant::now() + timeout);
        if trades + signals > 0 {
            let lane = |waiting: u64| if waiting == 0 { "done".to_owned() } else { waiting.to_string() };
            return Err(Error::new(
                MT5REDIS_ERR_TIMEOUT,
                format!(
                    "{} records are still pending after {} ms (rts: {}, rtss: {}, heartbeats: {}). They are not lost: see \
                     the events for what keeps them",
                    trades + signals,
                    timeout.as_millis(),
                    lane(trades),
                    lane(signals),
                    lane(heartbeats)
                ),
            ));
        }
        let all = self.engine.put_aside();
        let told = std::mem::replace(&mut *self.put_aside.lock(), all);
        let (trades, signals) = (all.0.saturating_sub(told.0), all.1.saturating_sub(told.1));
        if trades + signals == 0 {
            return Ok(heartbeats == 0);
        }
        let letters =
            if trades + signals == 1 { "record is a dead letter" } else { "records are dead letters" };
        Err(Error::new(
            MT5REDIS_ERR_DEAD_LETTERS,
            format!(
                "{} {letters} (rts: {trades}, rtss: {signals}): the server refuses such for good. All others are in Redis. \
                 See the events for the reason, and dead.jsonl in the journal's folder",
                trades + signals,
            ),
        ))
    }

    /// Flushes, then returns the engine's lease.
    pub(crate) fn close(&self, timeout: Duration) -> Result<bool> {
        let deadline = Instant::now() + timeout;
        let follower = self.unsubscribe();
        let flushed = self.flush(timeout);
        if let Some(follower) = follower {
            follower.wait(deadline.saturating_duration_since(Instant::now()));
        }
        self.engine.halts.close(&self.halt);
        Engine::release(&self.engine, deadline);
        flushed
    }

    /// The next line of the log, if `accept` takes it. Otherwise it stays the next one.
    pub(crate) fn next_event(&self, accept: impl FnOnce(&str) -> bool) -> Option<String> {
        self.engine.events.next(&mut self.cursor.lock(), accept)
    }
}

/// The caller's time, or now.
fn time(time_ms: i64) -> i64 {
    if time_ms > 0 {
        return time_ms;
    }
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

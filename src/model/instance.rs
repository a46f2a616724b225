//! RIS: the states of instances. An instance is one terminal with its account; it has one hash, which each heartbeat
//! renews and which expires when the heartbeats stop.

use arrayvec::ArrayString;
use serde::Serialize;

use super::encoding::{Number, Producer};
use super::{SCHEMA, Stamp, Tag, check};
use crate::codes::*;
use crate::error::{Error, Result};

/// The longest instance id, bytes.
pub(crate) const INSTANCE_LIMIT: usize = 40;
/// The longest name of a trade server, bytes of UTF-8.
pub(crate) const SERVER_LIMIT: usize = 64;
/// The longest name of a company, bytes of UTF-8.
pub(crate) const COMPANY_LIMIT: usize = 96;
/// The longest name of a currency, bytes of UTF-8.
pub(crate) const CURRENCY_LIMIT: usize = 16;
/// The longest name of an agent, bytes of UTF-8.
pub(crate) const AGENT_LIMIT: usize = 48;

/// The largest accepted difference between this machine's clock and the Redis server's, ms. Beyond it, followers refuse
/// or skip the signals of this machine.
pub const MT5REDIS_CLOCK_LIMIT_MS: i64 = 2_000;

/// The terminal is connected to the trade server.
pub const MT5REDIS_FLAG_CONNECTED: i32 = 1;
/// The terminal allows automated trading (the "Algo Trading" button).
pub const MT5REDIS_FLAG_TERMINAL_TRADE: i32 = 2;
/// The Expert Advisor is allowed to trade (its own properties).
pub const MT5REDIS_FLAG_EXPERT_TRADE: i32 = 4;
/// The account is allowed to trade.
pub const MT5REDIS_FLAG_ACCOUNT_TRADE: i32 = 8;
/// The account is allowed to trade by Expert Advisors.
pub const MT5REDIS_FLAG_ACCOUNT_EXPERT: i32 = 16;
/// The account is hedging: it may have several positions of a symbol. Without this flag it is netting.
pub const MT5REDIS_FLAG_HEDGING: i32 = 32;
/// The terminal runs on MetaQuotes' virtual hosting.
pub const MT5REDIS_FLAG_VPS: i32 = 64;
const ALL_FLAGS: i64 = 127;

/// A demo account.
pub const MT5REDIS_ACCOUNT_DEMO: i32 = 0;
/// A contest account.
pub const MT5REDIS_ACCOUNT_CONTEST: i32 = 1;
/// An account with real money.
pub const MT5REDIS_ACCOUNT_REAL: i32 = 2;

/// The id of an instance in every key: 1 to 40 characters of `[A-Za-z0-9._-]`.
///
/// These characters keep a key readable and its Cluster hash tag intact: a brace in the id would change the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceId(ArrayString<INSTANCE_LIMIT>);

impl InstanceId {
    /// Checks the id's length and characters.
    pub fn new(id: &str) -> Result<Self> {
        let refused = |reason: &str| {
            let shown: String = id.chars().take(INSTANCE_LIMIT + 8).collect();
            Err(Error::new(
                MT5REDIS_ERR_INSTANCE,
                format!("instance id {shown:?} {reason}: pass 1 to {INSTANCE_LIMIT} of A-Z a-z 0-9 . _ -"),
            ))
        };
        if id.is_empty() {
            return refused("is empty");
        }
        if let Some(foreign) = id.chars().find(|c| !(c.is_ascii_alphanumeric() || "._-".contains(*c))) {
            return refused(&format!("has the character {foreign:?}"));
        }
        match ArrayString::from(id) {
            Ok(id) => Ok(Self(id)),
            Err(_) => refused("is too long"),
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The numbers of a heartbeat. Money is in the account's currency; all such values must be finite.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct InstanceState {
    /// When this was true, ms since 1970 UTC; 0: now, by this machine's clock.
    pub time_ms: i64,
    /// The account's number, 0 or more.
    pub login: i64,
    /// The last ping to the trade server, µs (`TERMINAL_PING_LAST`), 0 or more.
    pub ping_us: i64,
    /// Balance.
    pub balance: f64,
    /// Equity.
    pub equity: f64,
    /// Margin in use.
    pub margin: f64,
    /// Margin still free.
    pub margin_free: f64,
    /// The margin level, percent; 0 without positions.
    pub margin_level: f64,
    /// Floating profit.
    pub profit: f64,
    /// Credit.
    pub credit: f64,
    /// The broker's clock minus UTC, s, −86,400 to 86,400.
    pub server_offset_s: i32,
    /// Leverage, 0 or more: 100 means 1:100.
    pub leverage: i32,
    /// The number of open positions, 0 or more.
    pub positions: i32,
    /// The number of pending orders, 0 or more.
    pub orders: i32,
    /// The terminal's build, 0 or more.
    pub build: i32,
    /// The interval of heartbeats, ms; 0: unknown.
    pub interval_ms: i32,
    /// The sum of the `MT5REDIS_FLAG_*` that apply.
    pub flags: i32,
    /// One of `MT5REDIS_ACCOUNT_*`.
    pub account: i32,
}

impl InstanceState {
    /// Checks all values. An error has the code of the first field that is refused.
    pub fn check(&self) -> Result<()> {
        check::time("time_ms", self.time_ms)?;
        check::within(MT5REDIS_ERR_LOGIN, "login", self.login, 0, i64::MAX)?;
        check::within(MT5REDIS_ERR_PING, "ping_us", self.ping_us, 0, i64::MAX)?;
        check::finite(MT5REDIS_ERR_BALANCE, "balance", self.balance)?;
        check::finite(MT5REDIS_ERR_EQUITY, "equity", self.equity)?;
        check::finite(MT5REDIS_ERR_MARGIN, "margin", self.margin)?;
        check::finite(MT5REDIS_ERR_MARGIN_FREE, "margin_free", self.margin_free)?;
        check::finite(MT5REDIS_ERR_MARGIN_LEVEL, "margin_level", self.margin_level)?;
        check::finite(MT5REDIS_ERR_PROFIT, "profit", self.profit)?;
        check::finite(MT5REDIS_ERR_CREDIT, "credit", self.credit)?;
        check::server_offset(self.server_offset_s)?;
        let count = i64::from(i32::MAX);
        check::within(MT5REDIS_ERR_LEVERAGE, "leverage", self.leverage.into(), 0, count)?;
        check::within(MT5REDIS_ERR_COUNTS, "positions", self.positions.into(), 0, count)?;
        check::within(MT5REDIS_ERR_COUNTS, "orders", self.orders.into(), 0, count)?;
        check::within(MT5REDIS_ERR_BUILD, "build", self.build.into(), 0, count)?;
        check::within(MT5REDIS_ERR_INTERVAL, "interval_ms", self.interval_ms.into(), 0, count)?;
        check::within(MT5REDIS_ERR_FLAGS, "flags", self.flags.into(), 0, ALL_FLAGS)?;
        check::within(MT5REDIS_ERR_ACCOUNT, "account", self.account.into(), 0, 2)
    }
}

/// The library's own state, which is added to every heartbeat.
#[derive(Clone, Copy, Debug, Default)]
pub struct Health {
    /// Trade records accepted and not yet committed.
    pub trades_waiting: u64,
    /// Signals accepted and not yet committed.
    pub signals_waiting: u64,
    /// Calls refused because a queue or journal was full, in all lanes, since the engine started.
    pub refused: u64,
    /// The pressure level, 0 to 3.
    pub throttle: u8,
    /// The last sequence number of the trade records.
    pub trades: u64,
    /// The last sequence number of the signals.
    pub signals: u64,
    /// How long commits of trade records take, µs: the median of the last five exchanges with Redis, or how
    /// long the oldest record that waits has waited where that is longer; 0 before the first.
    pub trade_commit_us: u64,
    /// How long commits of signals take, likewise.
    pub signal_commit_us: u64,
    /// What the terminal's followers do: 0 nothing, 1 they act, 2 one stands by, because another terminal acts by its
    /// name.
    pub follower: u8,
    /// The operator's halt: one of `MT5REDIS_HALT_*`.
    pub halt: i32,
    /// How much of `journal.max_bytes` is pending, percent, rounded down; of the fuller journal.
    pub journal_percent: u8,
}

/// One heartbeat on its way to Redis.
#[derive(Clone, Copy, Debug)]
pub struct InstanceRecord {
    /// Its number and time.
    pub stamp: Stamp,
    /// Whose heartbeat it is.
    pub(crate) tag: Tag,
    /// The numbers.
    pub state: InstanceState,
    /// The library's own.
    pub health: Health,
    /// Trade server, `ACCOUNT_SERVER`.
    pub server: ArrayString<SERVER_LIMIT>,
    /// Broker, `ACCOUNT_COMPANY`.
    pub company: ArrayString<COMPANY_LIMIT>,
    /// Account currency.
    pub currency: ArrayString<CURRENCY_LIMIT>,
    /// Name and version of the Expert Advisor.
    pub agent: ArrayString<AGENT_LIMIT>,
}

/// The record as it stands in Redis: the order is that of `packed`, the names those of `fields`.
#[derive(Serialize)]
pub(crate) struct InstanceFields<'a> {
    v: u8,
    p: &'a str,
    q: u64,
    t: i64,
    o: i32,
    lg: i64,
    sv: &'a str,
    co: &'a str,
    cu: &'a str,
    ac: i32,
    ba: Number,
    eq: Number,
    mg: Number,
    mf: Number,
    ml: Number,
    pr: Number,
    cr: Number,
    le: i32,
    cn: bool,
    at: bool,
    et: bool,
    aa: bool,
    ae: bool,
    hd: bool,
    vp: bool,
    pi: i64,
    po: i32,
    or: i32,
    bu: i32,
    iv: i32,
    tw: u64,
    sw: u64,
    rf: u64,
    ag: &'a str,
    th: u8,
    ta: u64,
    sa: u64,
    tl: u64,
    sl: u64,
    fo: u8,
    ck: i64,
    ha: i32,
    jp: u8,
}

impl InstanceRecord {
    /// The clock's difference is the lane's to tell: it asks the server.
    pub(crate) fn fields<'a>(&'a self, producer: &'a Producer, clock_ms: i64) -> InstanceFields<'a> {
        let state = &self.state;
        let flag = |bit: i32| state.flags & bit != 0;
        InstanceFields {
            v: SCHEMA,
            p: producer.as_str(),
            q: self.stamp.sequence,
            t: self.stamp.time_ms,
            o: state.server_offset_s,
            lg: state.login,
            sv: &self.server,
            co: &self.company,
            cu: &self.currency,
            ac: state.account,
            ba: Number(state.balance),
            eq: Number(state.equity),
            mg: Number(state.margin),
            mf: Number(state.margin_free),
            ml: Number(state.margin_level),
            pr: Number(state.profit),
            cr: Number(state.credit),
            le: state.leverage,
            cn: flag(MT5REDIS_FLAG_CONNECTED),
            at: flag(MT5REDIS_FLAG_TERMINAL_TRADE),
            et: flag(MT5REDIS_FLAG_EXPERT_TRADE),
            aa: flag(MT5REDIS_FLAG_ACCOUNT_TRADE),
            ae: flag(MT5REDIS_FLAG_ACCOUNT_EXPERT),
            hd: flag(MT5REDIS_FLAG_HEDGING),
            vp: flag(MT5REDIS_FLAG_VPS),
            pi: state.ping_us,
            po: state.positions,
            or: state.orders,
            bu: state.build,
            iv: state.interval_ms,
            tw: self.health.trades_waiting,
            sw: self.health.signals_waiting,
            rf: self.health.refused,
            ag: &self.agent,
            th: self.health.throttle,
            ta: self.health.trades,
            sa: self.health.signals,
            tl: self.health.trade_commit_us,
            sl: self.health.signal_commit_us,
            fo: self.health.follower,
            ck: clock_ms,
            ha: self.health.halt,
            jp: self.health.journal_percent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_id_is_short_and_plain() {
        for good in ["1", "5012345.MetaQuotes-Demo", &"a".repeat(40)] {
            assert_eq!(InstanceId::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "{x}", "ä", "a:b", "a\n", &"a".repeat(41)] {
            let error = InstanceId::new(bad).unwrap_err();
            assert_eq!(error.code(), MT5REDIS_ERR_INSTANCE, "{bad:?}");
        }
    }

    #[test]
    fn a_flag_nobody_knows_is_refused() {
        let state = InstanceState { flags: 128, ..Default::default() };
        assert_eq!(state.check().unwrap_err().code(), MT5REDIS_ERR_FLAGS);
        assert!(InstanceState { flags: 127, ..Default::default() }.check().is_ok());
    }
}

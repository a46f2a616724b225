//! The row of an instance: its last heartbeat, what operators ordered, and what needs attention.

use mt5_redis::model::halt::{Halt, MT5REDIS_HALT_ALL, MT5REDIS_HALT_ENTRIES, MT5REDIS_HALT_NONE};
use mt5_redis::model::instance::{MT5REDIS_ACCOUNT_CONTEST, MT5REDIS_ACCOUNT_DEMO};
use serde::Serialize;
use utoipa::ToSchema;

use crate::observe::instances::Heartbeat;

/// The fields of a heartbeat that are null for callers who may not see money.
pub const MONEY: [&str; 5] = ["balance", "equity", "margin", "margin_free", "profit"];

/// A margin level below these, percent, is a warning and an alarm.
const MARGIN: [f64; 2] = [200.0, 100.0];
/// Commits that take longer need attention, µs.
const SLOW_US: u64 = 1_000_000;
/// More records that wait need attention.
const PENDING: u64 = 1_000;
/// An instance that has been gone for longer is not missed any more, ms.
const MISSED_MS: u64 = 86_400_000;

/// What needs attention, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// It has sent no heartbeat for so long that Redis has dropped its state
    Gone,
    /// Heartbeats do not come as often as it says
    Silent,
    /// The terminal is not connected to its broker
    Disconnected,
    /// The margin level is below 100 %
    MarginCall,
    /// The margin level is below 200 %
    LowMargin,
    /// Trading is not allowed: see `forbidden`
    Forbidden,
    /// It obeys a halt
    Halted,
    /// It does not obey the halt, or the end of one, that Redis has
    Disobeys,
    /// Its clock is more than 2 s off
    Clock,
    /// More than 1,000 records wait to be sent
    Behind,
    /// Commits take more than a second
    Slow,
    /// It is throttled
    Throttled,
    /// Calls were refused because a queue was full
    Refused,
}

impl Trouble {
    /// 2: somebody must act; 1: somebody should know.
    fn weight(self) -> u8 {
        match self {
            Self::Gone | Self::Silent | Self::Disconnected | Self::MarginCall | Self::Disobeys => 2,
            _ => 1,
        }
    }
}

/// What an instance does about new positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Everything is allowed
    None,
    /// No new positions
    Entries,
    /// No new positions, and copies are closed
    All,
}

impl Level {
    pub fn of(level: i32) -> Self {
        match level {
            MT5REDIS_HALT_NONE => Self::None,
            MT5REDIS_HALT_ENTRIES => Self::Entries,
            MT5REDIS_HALT_ALL.. => Self::All,
            // Somebody meant a halt.
            _ => Self::Entries,
        }
    }
}

/// A halt in Redis.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Ordered {
    pub level: Level,
    pub who: String,
    pub why: String,
}

impl Ordered {
    /// None for the end of a halt.
    pub fn of(halt: Halt) -> Option<Self> {
        let Halt { level, who, why } = halt;
        (level != MT5REDIS_HALT_NONE).then(|| Self { level: Level::of(level), who, why })
    }
}

/// A throttle directive in Redis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Throttle {
    /// 1 slow, 2 heavy, 3 critical
    pub level: u8,
    /// When it ends by the server's clock, ms since 1970 UTC
    pub until_ms: u64,
}

/// An instance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Row {
    pub id: String,
    /// Whether Redis has its state
    pub alive: bool,
    /// When its last heartbeat was sent, by the server's clock, ms since 1970 UTC
    pub seen_ms: u64,
    /// 2: somebody must act; 1: somebody should know; 0: all is well
    pub attention: u8,
    pub trouble: Vec<Trouble>,
    /// Its last heartbeat; none if it is not alive
    pub beat: Option<Beat>,
    /// A halt of its own in Redis
    pub halt: Option<Ordered>,
    /// A throttle directive of its own in Redis
    pub directive: Option<Throttle>,
}

/// What the last heartbeat says. Money is in the account's currency, and null for callers who may not see it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Beat {
    pub login: i64,
    pub server: String,
    pub broker: String,
    pub currency: String,
    /// demo, contest or real
    pub account: &'static str,
    pub balance: Option<f64>,
    pub equity: Option<f64>,
    pub margin: Option<f64>,
    pub margin_free: Option<f64>,
    /// Percent; 0 without positions
    pub margin_level: f64,
    /// Floating profit
    pub profit: Option<f64>,
    pub leverage: u64,
    pub connected: bool,
    /// Why nothing can be traded, besides a lost connection
    pub forbidden: Option<&'static str>,
    /// The last ping to the trade server, µs
    pub ping_us: u64,
    pub positions: u64,
    /// Pending orders
    pub orders: u64,
    /// Records that have not reached Redis yet
    pub pending: u64,
    /// Calls that the library refused since it started
    pub refused: u64,
    /// How long the slower lane's commits take, µs
    pub commit_us: u64,
    /// Its machine's clock minus the server's, ms
    pub clock_ms: i64,
    /// The throttle level that it applies, 0 to 3
    pub throttle: u64,
    /// The halt that it obeys; none: its library knows no halt
    pub halted: Option<Level>,
    /// What its followers do: 0 nothing, 1 they act, 2 one stands by
    pub follower: u64,
    /// Name and version of the Expert Advisor
    pub agent: String,
    /// The terminal's build
    pub build: u64,
    /// How often it sends heartbeats, ms
    pub interval_ms: u64,
    /// The broker's clock minus UTC, s
    pub server_offset_s: i64,
}

/// What Redis orders all instances, and when this is, by its clock.
#[derive(Clone, Copy)]
pub struct Moment {
    pub now_ms: u64,
    pub ttl_ms: u64,
    /// The halt for all.
    pub halt: Level,
}

/// The row of an instance that is alive.
pub fn row(
    id: String,
    heartbeat: Heartbeat,
    halt: Option<Ordered>,
    directive: Option<Throttle>,
    moment: &Moment,
) -> Row {
    let seen_ms = heartbeat.seen_ms();
    let ordered = halt.as_ref().map_or(Level::None, |halt| halt.level).max(moment.halt);
    let trouble = troubles(&heartbeat, seen_ms, ordered, moment);
    Row {
        id,
        alive: true,
        seen_ms,
        attention: attention(&trouble),
        trouble,
        beat: Some(beat(heartbeat)),
        halt,
        directive,
    }
}

/// The row of an instance without a state.
pub fn gone(id: String, seen_ms: u64, now_ms: u64) -> Row {
    let missed = now_ms.saturating_sub(seen_ms) <= MISSED_MS;
    let attention = if missed { Trouble::Gone.weight() } else { 0 };
    Row { id, seen_ms, attention, trouble: vec![Trouble::Gone], ..Row::default() }
}

fn attention(trouble: &[Trouble]) -> u8 {
    trouble.iter().map(|trouble| trouble.weight()).max().unwrap_or(0)
}

fn troubles(beat: &Heartbeat, seen_ms: u64, ordered: Level, moment: &Moment) -> Vec<Trouble> {
    let silent_ms = beat.silent_after_ms(moment.ttl_ms);
    let obeyed = beat.halt.map(Level::of);
    // Just after an order everybody still obeys the one before.
    let hears = ordered == Level::None && obeyed.is_none() || obeyed == Some(ordered);
    let found = [
        (Trouble::Silent, moment.now_ms.saturating_sub(seen_ms) > silent_ms),
        (Trouble::Disconnected, !beat.connected),
        (Trouble::MarginCall, beat.margin_level > 0.0 && beat.margin_level < MARGIN[1]),
        (Trouble::Disobeys, !hears),
        (Trouble::LowMargin, beat.margin_level >= MARGIN[1] && beat.margin_level < MARGIN[0]),
        (Trouble::Forbidden, beat.forbidden.is_some()),
        (Trouble::Halted, obeyed.is_some_and(|level| level != Level::None)),
        (Trouble::Clock, beat.clock_error().is_some()),
        (Trouble::Behind, beat.waiting.iter().fold(0, |sum, more| more.saturating_add(sum)) > PENDING),
        (Trouble::Slow, beat.slowest_us() > SLOW_US),
        (Trouble::Throttled, beat.level > 0),
        (Trouble::Refused, beat.refused > 0),
    ];
    found.into_iter().filter(|(_, there)| *there).map(|(trouble, _)| trouble).collect()
}

fn beat(heartbeat: Heartbeat) -> Beat {
    Beat {
        account: match heartbeat.account {
            MT5REDIS_ACCOUNT_DEMO => "demo",
            MT5REDIS_ACCOUNT_CONTEST => "contest",
            _ => "real",
        },
        pending: heartbeat.waiting[0].saturating_add(heartbeat.waiting[1]),
        commit_us: heartbeat.slowest_us(),
        halted: heartbeat.halt.map(Level::of),
        login: heartbeat.login,
        server: heartbeat.server,
        broker: heartbeat.company,
        currency: heartbeat.currency,
        balance: Some(heartbeat.balance),
        equity: Some(heartbeat.equity),
        margin: Some(heartbeat.margin),
        margin_free: Some(heartbeat.margin_free),
        margin_level: heartbeat.margin_level,
        profit: Some(heartbeat.profit),
        leverage: heartbeat.leverage,
        connected: heartbeat.connected,
        forbidden: heartbeat.forbidden,
        ping_us: heartbeat.ping_us,
        positions: heartbeat.positions,
        orders: heartbeat.orders,
        refused: heartbeat.refused,
        clock_ms: heartbeat.clock_ms,
        throttle: heartbeat.level,
        follower: heartbeat.follower,
        agent: heartbeat.agent,
        build: heartbeat.build,
        interval_ms: heartbeat.interval_ms,
        server_offset_s: heartbeat.server_offset_s,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment { now_ms: 1_000_000, ttl_ms: 90_000, halt: Level::None };

    fn calm() -> Heartbeat {
        Heartbeat {
            time_ms: 999_500,
            connected: true,
            interval_ms: 1000,
            halt: Some(0),
            ..Heartbeat::default()
        }
    }

    fn seen(heartbeat: Heartbeat, moment: &Moment) -> (Vec<Trouble>, u8) {
        let row = row("1.Demo".into(), heartbeat, None, None, moment);
        (row.trouble, row.attention)
    }

    #[test]
    fn what_needs_attention_is_told() {
        assert_eq!(seen(calm(), &NOW), (vec![], 0));
        for (heartbeat, trouble, attention) in [
            (Heartbeat { time_ms: 994_900, ..calm() }, Trouble::Silent, 2),
            (Heartbeat { connected: false, ..calm() }, Trouble::Disconnected, 2),
            (Heartbeat { margin_level: 99.9, ..calm() }, Trouble::MarginCall, 2),
            (Heartbeat { margin_level: 100.0, ..calm() }, Trouble::LowMargin, 1),
            (Heartbeat { forbidden: Some("why"), ..calm() }, Trouble::Forbidden, 1),
            (Heartbeat { waiting: [1000, 1], ..calm() }, Trouble::Behind, 1),
            (Heartbeat { commit_us: [0, 1_000_001], ..calm() }, Trouble::Slow, 1),
            (Heartbeat { level: 1, ..calm() }, Trouble::Throttled, 1),
            (Heartbeat { refused: 1, ..calm() }, Trouble::Refused, 1),
            (Heartbeat { clock_ms: 2001, time_ms: 1_001_000, ..calm() }, Trouble::Clock, 1),
        ] {
            assert_eq!(seen(heartbeat.clone(), &NOW), (vec![trouble], attention), "{heartbeat:?}");
        }
        for quiet in [
            Heartbeat { margin_level: 200.0, ..calm() },
            Heartbeat { time_ms: 995_100, ..calm() },
            Heartbeat { time_ms: 980_000, interval_ms: 10_000, ..calm() },
        ] {
            assert_eq!(seen(quiet.clone(), &NOW), (vec![], 0), "{quiet:?}");
        }
        let stretched = Heartbeat { time_ms: 950_000, level: 3, ..calm() };
        assert_eq!(seen(stretched, &NOW), (vec![Trouble::Throttled], 1));
    }

    #[test]
    fn a_wrong_clock_does_not_make_an_instance_silent_or_young() {
        let late = Heartbeat { clock_ms: -60_000, time_ms: 939_500, ..calm() };
        assert_eq!(row("1.Demo".into(), late.clone(), None, None, &NOW).seen_ms, 999_500);
        assert_eq!(seen(late, &NOW), (vec![Trouble::Clock], 1));
    }

    #[test]
    fn who_does_not_do_what_redis_says_needs_attention() {
        let halted = Moment { halt: Level::Entries, ..NOW };
        let obeys = |halt| Heartbeat { halt, ..calm() };
        assert_eq!(seen(obeys(Some(1)), &halted), (vec![Trouble::Halted], 1));
        assert_eq!(seen(obeys(Some(0)), &halted), (vec![Trouble::Disobeys], 2));
        assert_eq!(seen(obeys(None), &halted), (vec![Trouble::Disobeys], 2));
        assert_eq!(seen(obeys(None), &NOW), (vec![], 0));
        let remembers = seen(obeys(Some(2)), &NOW).0;
        assert_eq!(remembers, [Trouble::Disobeys, Trouble::Halted], "Redis has lost the halt");
    }

    #[test]
    fn a_name_without_a_heartbeat_is_missed_for_a_day() {
        let now = 10 * MISSED_MS;
        assert_eq!(gone("a".into(), now - MISSED_MS, now).attention, 2);
        assert_eq!(gone("a".into(), now - MISSED_MS - 1, now).attention, 0);
    }

    #[test]
    fn all_money_is_in_fields_that_can_be_hidden() {
        let row = serde_json::to_value(row("1".into(), calm(), None, None, &NOW)).unwrap();
        for field in MONEY {
            assert!(row["beat"][field].is_number(), "{field}");
        }
    }
}

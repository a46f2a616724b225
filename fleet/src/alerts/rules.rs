//! What is wrong now: judged from what was observed, and from nothing else. It reads no server and no clock.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use mt5_redis::model::reported::Reported;

use super::condition::Condition::{
    Clock, DeadLetter, Disconnected, Drawdown, Finding as Red, Forbidden, Gap, Guard, Halted, Journal, Lag,
    Margin, Silent, Unreported,
};
use super::condition::Fact;
use crate::doctor::{Finding, Light};
use crate::observe::instances::Heartbeat;
use crate::reports::figures::Figures;

/// An instance that has been gone for longer is not missed any more, ms.
pub const MISSED_MS: u64 = 86_400_000;

/// From where on something is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// The lowest margin level, percent.
    pub margin: u32,
    /// The largest drawdown, percent.
    pub drawdown: u32,
    /// How far back the highest equity counts for the drawdown.
    pub drawdown_within: Duration,
    /// How far a follower may be behind.
    pub lag: Duration,
    /// How old a signal may be without a report.
    pub unreported: Duration,
    /// How much of a journal may be pending, percent.
    pub journal: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            margin: 150,
            drawdown: 20,
            drawdown_within: Duration::from_secs(86_400),
            lag: Duration::from_secs(10),
            unreported: Duration::from_secs(60),
            journal: 50,
        }
    }
}

/// What the heartbeats say. `missed` are instances without a state, with the time of their last heartbeat.
pub fn instances(
    alive: &[(String, Heartbeat)],
    missed: &[(String, u64)],
    now_ms: u64,
    ttl_ms: u64,
    limits: &Limits,
) -> Vec<Fact> {
    let mut facts = Vec::new();
    for (name, last_ms) in missed.iter().filter(|(_, last)| now_ms.saturating_sub(*last) <= MISSED_MS) {
        facts.push(Fact::new(Silent, name, &silence(now_ms.saturating_sub(*last_ms))));
    }
    for (name, beat) in alive {
        let mut add = |condition, text: &str| facts.push(Fact::new(condition, name, text));
        let age_ms = now_ms.saturating_sub(beat.seen_ms());
        if age_ms > beat.silent_after_ms(ttl_ms) {
            add(Silent, &silence(age_ms));
        }
        if !beat.connected {
            add(Disconnected, &format!("the terminal has no connection to {}", beat.server));
        }
        if let Some(why) = beat.forbidden {
            add(Forbidden, why);
        }
        if let Some(error) = beat.clock_error() {
            add(Clock, &format!("its clock is {error}"));
        }
        if beat.margin_level > 0.0 && beat.margin_level < f64::from(limits.margin) {
            add(
                Margin,
                &format!("the margin level is {:.0} %, below {} %", beat.margin_level, limits.margin),
            );
        }
        if let Some(what) = beat.halted() {
            add(Halted, what);
        }
        if beat.journal_percent >= u64::from(limits.journal) {
            let text = format!("{} % of a journal wait to be sent to Redis", beat.journal_percent);
            add(Journal, &text);
        }
    }
    facts
}

fn silence(age_ms: u64) -> String {
    let age = humantime::format_duration(Duration::from_secs(age_ms / 1000));
    format!("no heartbeat for {age}")
}

/// How far the equity is below its high, if that is too far. Percent, so that it names no sum.
pub fn drawdown(name: &str, equity: f64, high: f64, limits: &Limits) -> Option<Fact> {
    let percent = (high - equity) / high * 100.0;
    (high > 0.0 && percent >= f64::from(limits.drawdown)).then(|| {
        let within = humantime::format_duration(limits.drawdown_within);
        Fact::new(
            Drawdown,
            name,
            &format!("the equity is {percent:.1} % below its highest of the last {within}"),
        )
    })
}

/// How far each follower is behind in each source, ms.
pub fn lags(lags: &HashMap<(String, String), u64>, limits: &Limits) -> Vec<Fact> {
    let late = lags.iter().filter(|(_, lag)| u128::from(**lag) > limits.lag.as_millis());
    late.map(|((follower, source), lag)| {
        let late = humantime::format_duration(Duration::from_secs(lag / 1000));
        Fact::new(Lag, &format!("{follower} follows {source}"), &format!("it reads {late} behind the source"))
    })
    .collect()
}

/// What a follower missed of a source.
pub struct Missed {
    pub follower: String,
    pub source: String,
    /// How many signals at most.
    pub count: u64,
    /// The numbers of the last ones, added up.
    pub last: u64,
}

/// Signals that followers missed.
pub fn gaps(missed: &[Missed]) -> Vec<Fact> {
    let gap = |Missed { follower, source, count, last }: &Missed| {
        let text = format!("it missed up to {count} signals");
        Fact::happened(Gap, &format!("{follower} follows {source}"), &text, *last)
    };
    missed.iter().filter(|missed| missed.count > 0).map(gap).collect()
}

/// The dead letters of each shard: how many, and the number of the last.
pub fn letters(shards: &[(u16, u64, u64)]) -> Vec<Fact> {
    let letter = |&(shard, count, last): &(u16, u64, u64)| {
        let text = format!("{count} signals could not be processed by any worker: mt5fleet deadletters list");
        Fact::happened(DeadLetter, &format!("shard {shard}"), &text, last)
    };
    shards.iter().filter(|(_, count, _)| *count > 0).map(letter).collect()
}

/// Signals that should have been reported by now.
pub fn unreported(figures: &Figures, limits: &Limits) -> Vec<Fact> {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for ((follower, source, _), row) in figures.rows.iter().filter(|(_, row)| row.unreported > 0) {
        *counts.entry((follower, source)).or_default() += row.unreported;
    }
    let after = humantime::format_duration(limits.unreported);
    let fact = |((follower, source), count)| {
        let text = format!("{count} signals without a report for more than {after}");
        Fact::new(Unreported, &format!("{follower} follows {source}"), &text)
    };
    counts.into_iter().map(fact).collect()
}

/// Openings that followers refused because of a guard: how many, the last one's number and reason, by follower.
#[derive(Default)]
pub struct Guards(BTreeMap<String, (u64, u64, String)>);

impl Guards {
    /// Takes a report; `id` grows from report to report.
    pub fn note(&mut self, follower: &str, id: u64, report: &Reported) {
        // How the follower of this project words it.
        let reason = &report.reason;
        if !reason.contains(" guard)") && !reason.contains(" guard is in force") {
            return;
        }
        let (count, last, why) = self.0.entry(follower.to_owned()).or_default();
        *count += 1;
        *last = id;
        why.clone_from(reason);
    }

    pub fn facts(&self) -> Vec<Fact> {
        let fact = |(follower, (count, last, why)): (&String, &(u64, u64, String))| {
            let text = format!("a guard refused {count} signals in the last hour, the last because {why}");
            Fact::happened(Guard, follower, &text, *last)
        };
        self.0.iter().map(fact).collect()
    }
}

/// The doctor's red findings. The terminals' clocks are a condition of their own.
pub fn findings(findings: &[Finding]) -> Vec<Fact> {
    let mut by_place: BTreeMap<String, (&str, usize)> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.light == Light::Red && finding.check != "clocks")
    {
        let place = format!("{} {}", finding.check, finding.server);
        by_place.entry(place.trim_end().to_owned()).or_insert((finding.text.as_str(), 0)).1 += 1;
    }
    let fact = |(place, (text, count)): (String, (&str, usize))| {
        let more = if count > 1 { format!(" (and {} more)", count - 1) } else { String::new() };
        Fact::new(Red, &place, &format!("{text}{more}"))
    };
    by_place.into_iter().map(fact).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::condition::Condition;

    const NOW: u64 = 1_000_000_000;

    fn calm() -> Heartbeat {
        let halt = Some(0);
        Heartbeat { time_ms: NOW - 500, connected: true, interval_ms: 1000, halt, ..Heartbeat::default() }
    }

    fn judged(beat: Heartbeat) -> Vec<Condition> {
        let found = instances(&[("1.Demo".into(), beat)], &[], NOW, 90_000, &Limits::default());
        found.into_iter().map(|fact| fact.condition).collect()
    }

    #[test]
    fn each_value_of_a_heartbeat_has_its_limit() {
        for (beat, conditions) in [
            (calm(), vec![]),
            (Heartbeat { time_ms: NOW - 5_000, ..calm() }, vec![]),
            (Heartbeat { time_ms: NOW - 5_001, ..calm() }, vec![Silent]),
            (Heartbeat { connected: false, ..calm() }, vec![Disconnected]),
            (Heartbeat { forbidden: Some("why"), ..calm() }, vec![Forbidden]),
            (Heartbeat { clock_ms: 2001, time_ms: NOW + 2000, ..calm() }, vec![Clock]),
            (Heartbeat { margin_level: 149.9, ..calm() }, vec![Margin]),
            (Heartbeat { margin_level: 150.0, ..calm() }, vec![]),
            (Heartbeat { halt: Some(1), ..calm() }, vec![Halted]),
            (Heartbeat { journal_percent: 49, ..calm() }, vec![]),
            (Heartbeat { journal_percent: 50, ..calm() }, vec![Journal]),
        ] {
            assert_eq!(judged(beat.clone()), conditions, "{beat:?}");
        }
    }

    #[test]
    fn who_is_gone_is_missed_for_a_day() {
        let missed = |age| {
            let missed = [("1.Demo".to_owned(), NOW - age)];
            instances(&[], &missed, NOW, 90_000, &Limits::default())
        };
        let fact = Fact::new(Silent, "1.Demo", "no heartbeat for 2m");
        assert_eq!(missed(120_000), [fact]);
        assert_eq!(missed(MISSED_MS + 1), []);
    }

    #[test]
    fn a_drawdown_is_measured_from_the_high() {
        let told = |equity, high| drawdown("1", equity, high, &Limits::default()).map(|fact| fact.text);
        assert_eq!(told(801.0, 1000.0), None);
        let text = "the equity is 20.0 % below its highest of the last 1day";
        assert_eq!(told(800.0, 1000.0).as_deref(), Some(text));
        assert_eq!((told(-5.0, 0.0), told(1200.0, 1000.0)), (None, None));
    }

    #[test]
    fn what_happened_again_has_another_mark() {
        let mark = |facts: Vec<Fact>| facts[0].mark;
        assert_ne!(mark(letters(&[(0, 1, 5)])), mark(letters(&[(0, 1, 6)])));
        let missed = |count, last| Missed { follower: "a".into(), source: "b".into(), count, last };
        assert_ne!(mark(gaps(&[missed(3, 7)])), mark(gaps(&[missed(3, 8)])));
        assert!(letters(&[(0, 0, 5)]).is_empty() && gaps(&[missed(0, 7)]).is_empty());
    }

    #[test]
    fn red_findings_of_one_place_are_one_alert() {
        let red = |text: &str| Finding { check: "reach", ..Finding::red("10.0.0.1:6390", text) };
        let clocks = Finding { check: "clocks", ..Finding::red("", "x") };
        let all = [red("does not answer"), red("again"), clocks, Finding::yellow("", "y")];
        let fact = Fact::new(Red, "reach 10.0.0.1:6390", "does not answer (and 1 more)");
        assert_eq!(findings(&all), [fact]);
    }
}

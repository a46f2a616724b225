//! A message: what began and what is over, in a few lines for people. However many alerts there are, it stays short.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::condition::Condition;

/// Up to so many alerts of a condition have a line each; of more only the subjects are listed.
const APART: usize = 4;
/// The most subjects in such a list.
const LISTED: usize = 10;
/// The most alerts of each kind that a message names for programs.
const NAMED: usize = 200;

/// An alert in a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub condition: Condition,
    pub subject: String,
    pub text: String,
    /// Since when it is wrong, ms since 1970 UTC.
    pub since_ms: u64,
}

/// What is told at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Each message has its own. One that is sent again has the same.
    pub id: String,
    /// When it was made, ms since 1970 UTC.
    pub time_ms: u64,
    /// What it says in a few words.
    pub title: String,
    /// What it says, in lines.
    pub lines: Vec<String>,
    /// How many alerts fire that were not told before.
    pub firing_count: usize,
    /// They, or the first of them.
    pub firing: Vec<Line>,
    /// How many alerts that were told are over.
    pub over_count: usize,
    /// They, or the first of them.
    pub over: Vec<Line>,
}

impl Message {
    /// `unseen`: how many alerts began and ended without being told.
    pub fn new(time_ms: u64, mut firing: Vec<Line>, mut over: Vec<Line>, unseen: u64) -> Self {
        let (firing_count, over_count) = (firing.len(), over.len());
        let mut counts = Vec::new();
        if !firing.is_empty() {
            counts.push(format!("{} alert{}", firing.len(), if firing.len() == 1 { "" } else { "s" }));
        }
        if !over.is_empty() {
            counts.push(format!("{} over", over.len()));
        }
        let mut lines = told(&firing, |line| format!("{}: {}", line.subject, line.text));
        let ended = |line: &Line| {
            let lasted = Duration::from_secs(time_ms.saturating_sub(line.since_ms) / 1000);
            format!("{}, after {}", line.subject, humantime::format_duration(lasted))
        };
        lines.extend(told(&over, ended).into_iter().map(|line| format!("over: {line}")));
        if unseen > 0 {
            lines.push(format!("{unseen} more began and ended meanwhile"));
        }
        let title = format!("mt5-redis: {}", counts.join(", "));
        firing.truncate(NAMED);
        over.truncate(NAMED);
        Self { title, lines, firing_count, firing, over_count, over, ..Self::test(time_ms) }
    }

    /// A message that only shows that messages arrive.
    pub fn test(time_ms: u64) -> Self {
        let lines = vec!["This is a test: alerts of mt5fleet arrive here.".to_owned()];
        let title = "mt5-redis: test".to_owned();
        let id = format!("{:016x}", fastrand::u64(..));
        let (firing, over) = (Vec::new(), Vec::new());
        Self { id, time_ms, title, lines, firing_count: 0, firing, over_count: 0, over }
    }

    /// Title and lines.
    pub fn text(&self) -> String {
        std::iter::once(&self.title).chain(&self.lines).cloned().collect::<Vec<_>>().join("\n")
    }
}

/// The alerts, condition by condition.
fn told(alerts: &[Line], one: impl Fn(&Line) -> String) -> Vec<String> {
    let mut by_condition: BTreeMap<Condition, Vec<&Line>> = BTreeMap::new();
    for alert in alerts {
        by_condition.entry(alert.condition).or_default().push(alert);
    }
    let mut lines = Vec::new();
    for (condition, alerts) in by_condition {
        let title = condition.title();
        if alerts.len() <= APART {
            lines.extend(alerts.iter().map(|alert| format!("{title}: {}", one(alert))));
            continue;
        }
        let listed: Vec<&str> = alerts.iter().take(LISTED).map(|alert| alert.subject.as_str()).collect();
        let more = alerts.len() - listed.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        lines.push(format!("{title}: {} times: {}{more}", alerts.len(), listed.join(", ")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(condition: Condition, subject: &str) -> Line {
        Line { condition, subject: subject.into(), text: "why".into(), since_ms: 1_000 }
    }

    #[test]
    fn few_alerts_say_why_and_many_are_counted() {
        let many = (0..100).map(|at| line(Condition::Silent, &format!("{at}.Demo")));
        let firing = many.chain([line(Condition::Gap, "a follows b")]).collect();
        let message = Message::new(61_000, firing, vec![line(Condition::Halted, "7.Demo")], 2);
        assert_eq!(message.title, "mt5-redis: 101 alerts, 1 over");
        let names: Vec<_> = (0..10).map(|at| format!("{at}.Demo")).collect();
        assert_eq!(
            message.lines,
            [
                format!("silent: 100 times: {} and 90 more", names.join(", ")),
                "missed signals: a follows b: why".into(),
                "over: halted: 7.Demo, after 1m".into(),
                "2 more began and ended meanwhile".into(),
            ]
        );
        assert_eq!(Message::new(0, vec![], vec![line(Condition::Halted, "7")], 0).title, "mt5-redis: 1 over");
    }
}

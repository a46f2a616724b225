//! What may be wrong: the conditions, their names in the configuration, and how long each must last before it is told.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Something that may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// An instance sends no heartbeats.
    Silent,
    /// A terminal is not connected to its trade server.
    Disconnected,
    /// The terminal, the Expert Advisor or the account does not allow trading.
    Forbidden,
    /// The clock of an instance's machine is more than 2 s off.
    Clock,
    /// The margin level of an account is low.
    Margin,
    /// The equity of an account is far below its highest of the last hours.
    Drawdown,
    /// A follower refused an opening because one of its guards is in force.
    Guard,
    /// An instance obeys a halt.
    Halted,
    /// A follower has not reported what it did with signals.
    Unreported,
    /// A follower is behind with reading a source.
    Lag,
    /// A follower missed signals.
    Gap,
    /// A signal that no worker could process.
    DeadLetter,
    /// The journal of a terminal is full to a large part.
    Journal,
    /// The doctor has a red finding.
    Finding,
}

impl Condition {
    /// All of them: the name in the configuration, what it is called in a message, and how long it must last.
    const ALL: [(Self, &'static str, &'static str, u64); 14] = [
        (Self::Silent, "silent", "silent", 60),
        (Self::Disconnected, "disconnected", "not connected to the broker", 120),
        (Self::Forbidden, "forbidden", "may not trade", 60),
        (Self::Clock, "clock", "clock off", 300),
        (Self::Margin, "margin", "low margin level", 30),
        (Self::Drawdown, "drawdown", "drawdown", 60),
        (Self::Guard, "guard", "guard acted", 0),
        (Self::Halted, "halted", "halted", 0),
        (Self::Unreported, "unreported", "signals without a report", 60),
        (Self::Lag, "lag", "follower behind", 60),
        (Self::Gap, "gap", "missed signals", 0),
        (Self::DeadLetter, "dead-letter", "dead letters", 0),
        (Self::Journal, "journal", "journal filling", 30),
        (Self::Finding, "finding", "red finding", 120),
    ];

    /// All conditions.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::ALL.iter().map(|(condition, ..)| *condition)
    }

    fn row(self) -> (&'static str, &'static str, u64) {
        let row = Self::ALL.iter().find(|(condition, ..)| *condition == self);
        let (_, name, title, seconds) = row.expect("all conditions are listed");
        (name, title, *seconds)
    }

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The condition of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|condition| condition.name() == name)
    }

    /// What it is called in a message.
    pub fn title(self) -> &'static str {
        self.row().1
    }

    /// How long it must last before it is told, unless the configuration says otherwise.
    pub fn usual_time(self) -> Duration {
        Duration::from_secs(self.row().2)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something that is wrong now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    pub condition: Condition,
    /// Who or what it concerns. A condition is told once for each subject.
    pub subject: String,
    /// What is wrong, for people.
    pub text: String,
    /// What happened last, for what happens and does not last: another number means that it happened again.
    pub mark: Option<u64>,
}

/// The most characters of a subject and of a text: both may come from Redis, where anybody may have written them.
const SUBJECT: usize = 90;
const TEXT: usize = 240;

impl Fact {
    pub fn new(condition: Condition, subject: &str, text: &str) -> Self {
        Self { condition, subject: cut(subject, SUBJECT), text: cut(text, TEXT), mark: None }
    }

    /// Something that happened.
    pub fn happened(condition: Condition, subject: &str, text: &str, mark: u64) -> Self {
        Self { mark: Some(mark), ..Self::new(condition, subject, text) }
    }
}

/// A foreign text in one line: without control characters, and not too long.
pub fn cut(text: &str, most: usize) -> String {
    let plain = crate::output::sanitized(text);
    match plain.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &plain[..at]),
        None => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_its_condition() {
        for condition in Condition::all() {
            assert_eq!(Condition::named(condition.name()), Some(condition));
            assert_eq!(serde_json::json!(condition), condition.name(), "the same in JSON");
        }
        assert_eq!((Condition::all().count(), Condition::named("x")), (14, None));
    }

    #[test]
    fn a_foreign_text_is_one_short_line() {
        let fact = Fact::new(Condition::Gap, "a\r\nb\u{202e}", &"é".repeat(1000));
        assert_eq!(fact.subject, "a\\r\\nb\\u{202e}");
        assert_eq!(fact.text, "é".repeat(TEXT) + "…");
    }
}

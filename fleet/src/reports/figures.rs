//! What reports add up to. A second report of one signal by one follower is the first sent again, and does not count.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{Hash, Hasher};

use mt5_redis::model::received::Received;
use mt5_redis::model::report::OUTCOMES;
use mt5_redis::model::reported::Reported;

use super::read::Entry;

/// How many different reasons are kept; the rest counts as "others".
const REASONS: usize = 200;

/// Follower, source and symbol.
pub type Group = (String, String, String);

/// The figures of one group.
#[derive(Default)]
pub struct Row {
    /// From the signal to the fill, ms, of each report with a fill.
    pub delays: Vec<f32>,
    /// Points, of each report with a fill and two prices.
    pub slippages: Vec<f32>,
    /// How many reports have each outcome, in the order of [`OUTCOMES`].
    pub outcomes: [u64; OUTCOMES.len()],
    /// How many signals are past their age without a report. The symbol is then the source's.
    pub unreported: u64,
}

#[derive(Default)]
pub struct Figures {
    pub rows: BTreeMap<Group, Row>,
    /// By follower and reason, with `N` in place of each number.
    pub reasons: BTreeMap<(String, String), u64>,
    /// How much could not be read, by follower or source, and why the first could not.
    pub unreadable: BTreeMap<String, (u64, String)>,
    /// What was reported: hashes of follower, source, producer and sequence number.
    reported: HashSet<u64>,
    /// When the first signal was given that a follower reported, by source and follower, ms.
    followed: BTreeMap<(String, String), i64>,
}

impl Figures {
    /// Adds an entry of a follower's stream.
    pub fn add(&mut self, follower: &str, entry: Entry) {
        match entry {
            Ok(report) => self.report(follower, &report),
            Err(why) => self.cannot_read(follower, why),
        }
    }

    /// Counts what cannot be read, a report or the signals of a source.
    pub fn cannot_read(&mut self, name: &str, why: String) {
        self.unreadable.entry(name.to_owned()).or_insert((0, why)).0 += 1;
    }

    fn report(&mut self, follower: &str, reported: &Reported) {
        let Reported { source, symbol, report, .. } = reported;
        if !self.reported.insert(hash(follower, source, report.producer, report.sequence)) {
            return;
        }
        if report.signal_time_ms > 0 {
            let first = self.followed.entry((source.clone(), follower.to_owned())).or_insert(i64::MAX);
            *first = report.signal_time_ms.min(*first);
        }
        let row = self.rows.entry((follower.to_owned(), source.clone(), symbol.clone())).or_default();
        let outcome = OUTCOMES.iter().position(|(.., number)| *number == report.outcome);
        row.outcomes[outcome.unwrap_or(OUTCOMES.len() - 1)] += 1;
        if report.volume_done > 0.0 {
            row.delays.push(report.latency_ms as f32);
            if report.price_wanted != 0.0 && report.price_filled != 0.0 {
                row.slippages.push(report.slippage as f32);
            }
        } else if !reported.reason.is_empty() {
            let mut name = (follower.to_owned(), without_numbers(&reported.reason));
            if self.reasons.len() >= REASONS && !self.reasons.contains_key(&name) {
                name.1 = "others".to_owned();
            }
            *self.reasons.entry(name).or_default() += 1;
        }
    }

    /// The sources of all reports.
    pub fn sources(&self) -> BTreeSet<String> {
        self.followed.keys().map(|(source, _)| source.clone()).collect()
    }

    /// Counts a signal that should have been reported by everyone who followed its source at that time.
    pub fn expect(&mut self, signal: &Received) {
        let (source, number) = (signal.instance.clone(), signal.producer_number());
        let followers = self.followed.range((source.clone(), String::new())..);
        let followers = followers.take_while(|((of, _), _)| *of == source);
        for ((_, follower), first) in followers {
            let reported = self.reported.contains(&hash(follower, &source, number, signal.sequence as i64));
            if *first <= signal.signal.time_ms && !reported {
                let group = (follower.clone(), source.clone(), signal.symbol.clone());
                self.rows.entry(group).or_default().unreported += 1;
            }
        }
    }
}

fn hash(follower: &str, source: &str, producer: i64, sequence: i64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (follower, source, producer, sequence).hash(&mut hasher);
    hasher.finish()
}

/// A reason with `N` in place of each number: "it is 9000 ms old" and "it is 9001 ms old" are one reason.
fn without_numbers(reason: &str) -> String {
    let mut plain = String::new();
    for character in reason.chars() {
        let digit = character.is_ascii_digit() || character == '.' && plain.ends_with('N');
        if !digit {
            plain.push(character);
        } else if !plain.ends_with('N') {
            plain.push('N');
        }
    }
    plain
}

/// The value below which this share of the values is; none without values.
pub fn quantile(values: &[f32], share: f64) -> Option<f32> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let values: Vec<f32> = (1..=200).rev().map(|value| value as f32).collect();
        assert_eq!([0.5, 0.99].map(|share| quantile(&values, share)), [Some(100.0), Some(198.0)]);
        assert_eq!(quantile(&[-3.0], 0.5), Some(-3.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn reasons_differ_by_their_words() {
        assert_eq!(without_numbers("dry run: would buy 0.10 EURUSD"), "dry run: would buy N EURUSD");
        assert_eq!(without_numbers("it is 9000 ms old"), without_numbers("it is 12 ms old"));
    }
}

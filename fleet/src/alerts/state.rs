//! What is told, and when. An alert is pending until it has lasted long enough, then fires, and is over once it has been
//! absent for as long. All that begins or ends within a short time is one message. In quiet hours only what is urgent is
//! told; the rest waits, as it does when there were too many messages. What ends before it was told is only counted.
//!
//! This is a pure machine: the caller gives the time, ms since 1970 UTC, and what is wrong. It is stored in Redis, so that
//! whoever takes over goes on where the last holder was.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::condition::{Condition, Fact};
use super::hours::Quiet;
use super::message::{Line, Message};

/// The most alerts of a condition; further ones are not told. Names may be invented.
const MOST: usize = 500;
/// How long what happened counts as something that is wrong, if it does not happen again, ms.
pub const RECENT_MS: u64 = 3_600_000;
const HOUR_MS: u64 = 3_600_000;

/// When something is told.
#[derive(Clone, Debug)]
pub struct Timing {
    /// The conditions that are told, and how long each must last.
    pub lasting: BTreeMap<Condition, Duration>,
    /// How long it waits for more before it tells something.
    pub group: Duration,
    /// The most messages in an hour.
    pub most_per_hour: usize,
    pub quiet: Quiet,
    /// What is told in quiet hours, too.
    pub urgent: BTreeSet<Condition>,
}

/// Where an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It has not lasted long enough.
    Pending,
    /// It is told, or will be.
    Firing,
    /// It has been absent for long enough; the all-clear will be told.
    Over,
    /// All is told. What happened is still there, but is not recent.
    Settled,
}

/// An alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    pub condition: Condition,
    pub subject: String,
    pub text: String,
    pub phase: Phase,
    /// Since when it is wrong.
    pub since_ms: u64,
    /// When it came into its phase.
    pub at_ms: u64,
    /// Whether it was told that it fires.
    pub told: bool,
    /// Since when it is absent while it fires.
    gone_ms: Option<u64>,
    mark: Option<u64>,
    /// When its mark changed.
    marked_ms: u64,
}

/// All alerts, and what was told of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    alerts: BTreeMap<String, Alert>,
    /// When the messages of the last hour were made.
    messages_ms: VecDeque<u64>,
    /// How many alerts began and ended without being told.
    unseen: u64,
}

impl State {
    /// The alerts that fire, or whose end is not told yet.
    pub fn firing(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.values().filter(|alert| matches!(alert.phase, Phase::Firing | Phase::Over))
    }

    /// Forgets the conditions that are not told any more.
    pub fn keep_only(&mut self, timing: &Timing) {
        self.alerts.retain(|_, alert| timing.lasting.contains_key(&alert.condition));
    }

    /// Adds the alerts of another state that this one does not have.
    pub fn adopt(&mut self, other: Self) {
        for (id, alert) in other.alerts {
            self.alerts.entry(id).or_insert(alert);
        }
    }

    /// Takes what is wrong now: all facts of the conditions that were looked at. Of others nothing new is known.
    pub fn take(&mut self, now_ms: u64, looked: &BTreeSet<Condition>, facts: &[Fact], timing: &Timing) {
        let mut counts: BTreeMap<Condition, usize> = BTreeMap::new();
        for alert in self.alerts.values() {
            *counts.entry(alert.condition).or_default() += 1;
        }
        let mut present = BTreeSet::new();
        for fact in facts.iter().filter(|fact| looked.contains(&fact.condition)) {
            let id = format!("{} {}", fact.condition, fact.subject);
            if let Some(alert) = self.alerts.get_mut(&id) {
                alert.note(fact, now_ms);
            } else {
                let count = counts.entry(fact.condition).or_default();
                if *count >= MOST {
                    continue;
                }
                *count += 1;
                self.alerts.insert(id.clone(), Alert::new(fact, now_ms));
            }
            present.insert(id);
        }
        let mut unseen = 0;
        self.alerts.retain(|id, alert| {
            let Some(lasting) = timing.lasting.get(&alert.condition) else { return false };
            if !looked.contains(&alert.condition) {
                return true;
            }
            let there = present.contains(id);
            let keep = alert.step(there, now_ms, lasting.as_millis() as u64);
            unseen += u64::from(!keep && alert.phase == Phase::Firing);
            keep
        });
        self.unseen += unseen;
    }

    /// The message that is due now, if one is. What it says counts as told.
    pub fn message(&mut self, now_ms: u64, timing: &Timing) -> Option<Message> {
        let is_quiet = timing.quiet.is_quiet(now_ms);
        let waits = |alert: &Alert| alert.waits() && (!is_quiet || timing.urgent.contains(&alert.condition));
        let oldest = self.alerts.values().filter(|alert| waits(alert)).map(|alert| alert.at_ms).min()?;
        while self.messages_ms.front().is_some_and(|at| at.saturating_add(HOUR_MS) <= now_ms) {
            self.messages_ms.pop_front();
        }
        let grouped = oldest.saturating_add(timing.group.as_millis() as u64) <= now_ms;
        if !grouped || self.messages_ms.len() >= timing.most_per_hour {
            return None;
        }
        let (mut firing, mut over) = (Vec::new(), Vec::new());
        for alert in self.alerts.values_mut().filter(|alert| waits(alert)) {
            let line = Line {
                condition: alert.condition,
                subject: alert.subject.clone(),
                text: alert.text.clone(),
                since_ms: alert.since_ms,
            };
            if alert.phase == Phase::Firing {
                alert.told = true;
                firing.push(line);
            } else {
                alert.phase = Phase::Settled;
                over.push(line);
            }
        }
        self.messages_ms.push_back(now_ms);
        Some(Message::new(now_ms, firing, over, std::mem::take(&mut self.unseen)))
    }
}

impl Alert {
    fn new(fact: &Fact, now_ms: u64) -> Self {
        Self {
            condition: fact.condition,
            subject: fact.subject.clone(),
            text: fact.text.clone(),
            phase: Phase::Pending,
            since_ms: now_ms,
            at_ms: now_ms,
            told: false,
            gone_ms: None,
            mark: fact.mark,
            marked_ms: now_ms,
        }
    }

    fn note(&mut self, fact: &Fact, now_ms: u64) {
        // What was told stays: it would be stored again each time.
        if !self.told || self.phase == Phase::Settled {
            self.text.clone_from(&fact.text);
        }
        if fact.mark != self.mark {
            (self.mark, self.marked_ms) = (fact.mark, now_ms);
        }
    }

    /// Whether something about it is to be told.
    fn waits(&self) -> bool {
        match self.phase {
            Phase::Firing => !self.told,
            Phase::Over => true,
            Phase::Pending | Phase::Settled => false,
        }
    }

    /// `there`: it is a fact now. Returns whether it is kept; one that fires and is not kept was never told.
    fn step(&mut self, there: bool, now_ms: u64, lasting_ms: u64) -> bool {
        let recent = self.mark.is_none() || now_ms.saturating_sub(self.marked_ms) < RECENT_MS;
        let wrong = there && recent;
        match self.phase {
            Phase::Settled if wrong && (self.mark.is_none() || self.marked_ms == now_ms) => {
                (self.since_ms, self.told) = (now_ms, false);
                self.come(Phase::Pending, now_ms);
                return self.step(there, now_ms, lasting_ms);
            }
            Phase::Settled => return there,
            Phase::Pending if !wrong => return false,
            Phase::Pending if now_ms.saturating_sub(self.since_ms) >= lasting_ms => {
                self.come(Phase::Firing, now_ms);
            }
            Phase::Firing if !wrong => {
                let gone_ms = *self.gone_ms.get_or_insert(now_ms);
                if now_ms.saturating_sub(gone_ms) >= lasting_ms {
                    if !self.told {
                        return false;
                    }
                    self.come(Phase::Over, now_ms);
                }
            }
            // It is back before its end was told: nothing has ended.
            Phase::Over if wrong => self.come(Phase::Firing, now_ms),
            Phase::Firing => self.gone_ms = None,
            Phase::Pending | Phase::Over => {}
        }
        true
    }

    fn come(&mut self, phase: Phase, now_ms: u64) {
        (self.phase, self.at_ms, self.gone_ms) = (phase, now_ms, None);
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;

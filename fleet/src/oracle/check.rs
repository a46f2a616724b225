//! Runs the checks of the three lanes, and those that concern all of them.

use std::collections::HashSet;

use anyhow::{Context, Result};

use super::{Reader, Verdict, instances, signals, trades};
use crate::ledger::Ledger;

/// Compares the servers of ris, rts and rtss with the ledgers.
pub fn check(urls: &[String; 3], ledgers: &[Ledger]) -> Result<Verdict> {
    let mut readers = urls.iter().map(|url| Reader::server(url)).collect::<Result<Vec<_>>>()?;
    judge(&mut readers, ledgers)
}

/// Compares a Cluster with the ledgers; `url` is one of its nodes.
pub fn check_cluster(url: &str, ledgers: &[Ledger]) -> Result<Verdict> {
    judge(&mut [Reader::cluster(url)?], ledgers)
}

/// Judges with a reader for each lane, or one for all.
fn judge(readers: &mut [Reader], ledgers: &[Ledger]) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    for ledger in ledgers {
        verdict.accepted += ledger.accepted().iter().sum::<u64>();
        numbering(ledger, &mut verdict);
    }
    let last = readers.len() - 1;
    // Instances first: they expire after 90 seconds.
    let lanes = [instances::check, trades::check, signals::check];
    let names = ["instances", "trades", "signals"];
    let mut known = HashSet::new();
    let follows = |ledger: &&Ledger| ledger.follows.is_some();
    let positions = ledgers.iter().filter(follows).map(|ledger| format!("fp:{{{}}}", ledger.instance));
    let positions: Vec<String> = positions.collect();
    for (lane, (check, name)) in lanes.into_iter().zip(names).enumerate() {
        let reader = &mut readers[lane.min(last)];
        let keys = check(reader, ledgers, &mut verdict);
        known.extend(keys.with_context(|| format!("the check of the {name} failed"))?);
        if lane == lanes.len() - 1 {
            known.extend(positions.iter().cloned());
        }
        if last > 0 || lane == lanes.len() - 1 {
            strangers(reader, &known, &mut verdict)?;
            known.clear();
        }
    }
    Ok(verdict)
}

/// Sequences must have no gaps, and the library must have committed the last one of each lane.
fn numbering(ledger: &Ledger, verdict: &mut Verdict) {
    for (lane, name) in ["ris", "rts", "rtss"].into_iter().enumerate() {
        let sequences = ledger.sequences(lane);
        for (expected, &sequence) in (1..).zip(&sequences) {
            if sequence != expected {
                verdict.find(format!(
                    "{}: {name} assigned sequence {sequence}, expected {expected}",
                    ledger.instance
                ));
                break;
            }
        }
        let last = sequences.last().copied().unwrap_or(0);
        match ledger.summary.as_ref().map(|summary| summary.committed[lane]) {
            Some(committed) if committed != last => verdict.find(format!(
                "{}: the library reports sequence {committed} as committed in {name}, the last accepted was {last}",
                ledger.instance
            )),
            _ => {}
        }
    }
}

/// A watermark must be the last accepted sequence.
pub(super) fn watermark(subject: &str, found: Option<&str>, last: Option<u64>, verdict: &mut Verdict) {
    let last = last.map(|last| last.to_string());
    if found != last.as_deref() {
        let [found, last] = [found, last.as_deref()].map(|text| text.unwrap_or("absent"));
        verdict.find(format!("the watermark {subject} is {found}, the last accepted sequence was {last}"));
    }
}

/// Every key must come from an accepted record.
fn strangers(reader: &mut Reader, known: &HashSet<String>, verdict: &mut Verdict) -> Result<()> {
    for key in reader.keys()?.iter().filter(|key| !known.contains(*key)) {
        verdict.find(format!("no accepted record explains the key {key}"));
    }
    Ok(())
}

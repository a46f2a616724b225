//! The independent check: reads Redis by connections of its own, decodes what is there by
//! `docs/wire-format.md` and not by the bridge's code, and compares it with the ledgers of what was accepted.
//!
//! It expects servers that held nothing before, the default encodings (fields for states, packed for
//! signals), and that nobody writes meanwhile. A record counts as committed when it is proven: a signal by
//! its entry, a state by its own values or by those of a later record of the same position or instance.

mod instances;
mod reader;
mod signals;
mod trades;
mod values;

use std::collections::HashSet;

use anyhow::{Context, Result};

use crate::ledger::Ledger;
use reader::Reader;
use values::{Expected, Hash};

/// Version of the field tables that it knows.
const SCHEMA: i64 = 2;
/// What is said in words; beyond it, findings are counted.
const FINDINGS: usize = 100;

/// What the check found.
#[derive(Debug, Default, PartialEq)]
pub struct Verdict {
    pub accepted: u64,
    /// Accepted records that are proven to be in Redis.
    pub committed: u64,
    pub lost: u64,
    pub duplicated: u64,
    pub out_of_order: u64,
    /// Everything that is not as it should be, in words; the first hundred.
    pub findings: Vec<String>,
    pub more_findings: u64,
}

impl Verdict {
    /// Whether nothing was found and every accepted record is proven.
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
            && self.committed == self.accepted
            && (self.lost, self.duplicated, self.out_of_order) == (0, 0, 0)
    }

    /// Notes a finding.
    pub fn find(&mut self, finding: String) {
        if self.findings.len() < FINDINGS {
            self.findings.push(finding);
        } else {
            self.more_findings += 1;
        }
    }

    /// Judges the hash of a state: `sequences` are its records, the last of which it should show.
    fn state(&mut self, subject: &str, sequences: &[u64], expected: &[(&str, Expected)], found: &Hash) {
        let records = sequences.len() as u64;
        if found.is_empty() {
            self.lost += records;
            return self.find(format!("{subject} is not there"));
        }
        let differences = values::differences(expected, found);
        if differences.is_empty() {
            self.committed += records;
            return;
        }
        let shown = values::sequence(found);
        let newer = sequences.iter().filter(|&&sequence| shown.is_none_or(|shown| sequence > shown)).count();
        self.lost += newer as u64;
        // One that is altered is there, but it is not what was accepted.
        self.committed += records - newer.max(1) as u64;
        self.find(format!("{subject}: {}", differences.join(", ")));
    }

    /// The numbers of the verdict, as they stand in the last line of the demo.
    pub fn numbers(&self) -> String {
        format!(
            "accepted={} committed={} lost={} duplicated={} out_of_order={}",
            self.accepted, self.committed, self.lost, self.duplicated, self.out_of_order
        )
    }
}

/// Compares the servers, given in the order of the lanes by their URLs, with the ledgers.
pub fn check(urls: &[String; 3], ledgers: &[Ledger]) -> Result<Verdict> {
    let mut readers = urls.iter().map(|url| Reader::server(url)).collect::<Result<Vec<_>>>()?;
    judge(&mut readers, ledgers)
}

/// Compares a Cluster that has all lanes, given by the URL of a node, with the ledgers.
pub fn check_cluster(url: &str, ledgers: &[Ledger]) -> Result<Verdict> {
    judge(&mut [Reader::cluster(url)?], ledgers)
}

/// Each lane has a reader, or all have one.
fn judge(readers: &mut [Reader], ledgers: &[Ledger]) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    for ledger in ledgers {
        verdict.accepted += ledger.accepted().iter().sum::<u64>();
        numbering(ledger, &mut verdict);
    }
    let last = readers.len() - 1;
    // Instances first: they live for 90 seconds.
    let lanes = [instances::check, trades::check, signals::check];
    let names = ["instances", "trades", "signals"];
    let mut known = HashSet::new();
    for (lane, (check, name)) in lanes.into_iter().zip(names).enumerate() {
        let reader = &mut readers[lane.min(last)];
        let keys = check(reader, ledgers, &mut verdict);
        known.extend(keys.with_context(|| format!("the check of the {name} broke off"))?);
        if last > 0 || lane == lanes.len() - 1 {
            strangers(reader, &known, &mut verdict)?;
            known.clear();
        }
    }
    Ok(verdict)
}

/// Sequences have no gaps, and at its end the library has committed the last one of each lane.
fn numbering(ledger: &Ledger, verdict: &mut Verdict) {
    for (lane, name) in ["ris", "rts", "rtss"].into_iter().enumerate() {
        let sequences = ledger.sequences(lane);
        for (expected, &sequence) in (1..).zip(&sequences) {
            if sequence != expected {
                verdict.find(format!(
                    "{}: {name} handed out the sequence {sequence} where {expected} was next",
                    ledger.instance
                ));
                break;
            }
        }
        let last = sequences.last().copied().unwrap_or(0);
        match ledger.summary.as_ref().map(|summary| summary.committed[lane]) {
            Some(committed) if committed != last => verdict.find(format!(
                "{}: the library says {committed} is committed in {name}, the last accepted was {last}",
                ledger.instance
            )),
            _ => {}
        }
    }
}

/// Says so if a watermark is not the last accepted sequence.
fn watermark(subject: &str, found: Option<&str>, last: Option<u64>, verdict: &mut Verdict) {
    let last = last.map(|last| last.to_string());
    if found != last.as_deref() {
        let [found, last] = [found, last.as_deref()].map(|text| text.unwrap_or("absent"));
        verdict.find(format!("the watermark {subject} is {found}, the last accepted was {last}"));
    }
}

/// Says so if there is a key that no accepted record explains.
fn strangers(reader: &mut Reader, known: &HashSet<String>, verdict: &mut Verdict) -> Result<()> {
    for key in reader.keys()?.iter().filter(|key| !known.contains(*key)) {
        verdict.find(format!("the key {key} belongs to nothing that was accepted"));
    }
    Ok(())
}

//! What the check found.

use super::values::{self, Expected, Hash};

/// The most findings that are kept in words; further ones are counted.
const FINDINGS: usize = 100;

#[derive(Debug, Default, PartialEq)]
pub struct Verdict {
    pub accepted: u64,
    /// Accepted records that are proven to be in Redis.
    pub committed: u64,
    pub lost: u64,
    pub duplicated: u64,
    pub out_of_order: u64,
    /// Everything that is wrong, in words; the first hundred.
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

    /// Judges the hash of a state. `sequences` are its records; the hash should show the last one.
    pub(super) fn state(
        &mut self,
        subject: &str,
        sequences: &[u64],
        expected: &[(&str, Expected)],
        found: &Hash,
    ) {
        let records = sequences.len() as u64;
        if found.is_empty() {
            self.lost += records;
            return self.find(format!("{subject} does not exist"));
        }
        let differences = values::differences(expected, found);
        if differences.is_empty() {
            self.committed += records;
            return;
        }
        let shown = values::sequence(found);
        let newer = sequences.iter().filter(|&&sequence| shown.is_none_or(|shown| sequence > shown)).count();
        self.lost += newer as u64;
        // An altered record exists, but is not what was accepted.
        self.committed += records - newer.max(1) as u64;
        self.find(format!("{subject}: {}", differences.join(", ")));
    }

    /// The counts, as in the last line of the demo.
    pub fn numbers(&self) -> String {
        format!(
            "accepted={} committed={} lost={} duplicated={} out_of_order={}",
            self.accepted, self.committed, self.lost, self.duplicated, self.out_of_order
        )
    }
}

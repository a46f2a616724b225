//! A transaction: the records that one server gets in one MULTI and EXEC, the watermarks that stand for them,
//! and what the server answered.
//!
//! A connection carries one transaction at a time, because EXEC ends all watching on it: the watermarks that
//! late bytes of an earlier connection would set are under watch from before the MULTI. Where keys have slots
//! a transaction holds one instance, and a server's other instances follow in the next exchange.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use redis::Value;

use super::policy::{Policy, Subject};
use crate::link::Link;
use crate::link::failure::{Class, Failure};
use crate::link::reply::Sparse;
use crate::model::InstanceId;

/// What the server says to each command between MULTI and EXEC.
const QUEUED: &[u8] = b"+QUEUED\r\n";

/// The records that one server gets.
pub(super) struct Transaction {
    /// Where it goes, and whether the server has to be told that we were sent there.
    pub(super) server: usize,
    pub(super) asking: bool,
    pub(super) parts: Vec<Part>,
    /// Indices of its records, superseded ones included.
    pub(super) records: Vec<usize>,
    /// For each command between MULTI and EXEC, the index of its record.
    pub(super) owners: Vec<Option<usize>>,
}

/// What a transaction has of one instance.
pub(super) struct Part {
    pub(super) instance: InstanceId,
    /// The sequence number of its last record: its watermark.
    pub(super) last: u64,
    /// Where among the commands the watermark is set.
    pub(super) place: usize,
}

/// What became of a transaction.
pub(super) enum Answer {
    /// The errors among EXEC's replies, one a command, with their places.
    Executed(Vec<(usize, Value)>),
    /// Nothing was applied: the first reason, and whose command it was.
    Refused(Option<usize>, Failure),
}

impl Transaction {
    /// The records by instance, the instances in the order of their first record.
    pub(super) fn by_instance<P: Policy>(records: &[P::Record]) -> Vec<Self> {
        let mut transactions: Vec<Self> = Vec::new();
        let mut last = 0;
        for (at, record) in records.iter().enumerate() {
            let instance = P::instance(record);
            // A terminal has one instance, so the last instance is nearly always the one.
            if transactions.get(last).is_none_or(|transaction| transaction.instance() != instance) {
                last =
                    transactions.iter().position(|other| other.instance() == instance).unwrap_or_else(|| {
                        transactions.push(Self::of(*instance));
                        transactions.len() - 1
                    });
            }
            transactions[last].records.push(at);
            transactions[last].parts[0].last = P::sequence(record);
        }
        transactions
    }

    fn of(instance: InstanceId) -> Self {
        let (records, owners) = (Vec::new(), Vec::new());
        Self {
            server: 0,
            asking: false,
            parts: vec![Part { instance, last: 0, place: usize::MAX }],
            records,
            owners,
        }
    }

    /// The instance, while there is one only.
    pub(super) fn instance(&self) -> &InstanceId {
        &self.parts[0].instance
    }

    /// Makes one of transactions of the same server, their records in the order of their numbers.
    pub(super) fn join(transactions: &mut Vec<Self>) {
        let rest = transactions.drain(1.min(transactions.len())..).collect::<Vec<_>>();
        if rest.is_empty() {
            return;
        }
        let all = &mut transactions[0];
        for other in rest {
            all.parts.extend(other.parts);
            all.records.extend(other.records);
        }
        all.records.sort_unstable();
    }

    /// Reads the replies to MULTI, each command, and EXEC.
    pub(super) fn receive(&self, link: &mut Link) -> Result<Answer, Failure> {
        let mut refused = None;
        if self.asking {
            link.receive(self.server)?;
        }
        let mut begun = true;
        let owners = [None].into_iter().chain(self.owners.iter().copied());
        for (at, owner) in owners.enumerate() {
            // One a command: to make a text of each took a quarter of the time for replies.
            if link.skip(self.server, QUEUED) {
                continue;
            }
            if let Value::ServerError(error) = link.receive(self.server)? {
                refused.get_or_insert((owner, Failure::of_reply(&error)));
                begun &= at > 0;
            }
        }
        let answer = match (link.receive_sparse(self.server, |_| false)?, refused) {
            // Without MULTI the commands were executed one by one, the watermark too: it is asked for.
            (_, Some((_, failure))) if !begun => {
                Answer::Refused(None, Failure { class: Class::Refresh, ..failure })
            }
            (Sparse::Array(replies), None) => Answer::Executed(replies),
            (Sparse::Other(Value::ServerError(_)), Some((owner, failure))) => Answer::Refused(owner, failure),
            (Sparse::Other(Value::ServerError(error)), None) => {
                Answer::Refused(None, Failure::of_reply(&error).without("EXEC"))
            }
            (Sparse::Other(Value::Nil), None) => {
                let text = "an earlier connection of ours was still being read; what it wrote is asked for";
                Answer::Refused(None, Failure::new(Class::Refresh, text.to_owned()))
            }
            (reply, _) => {
                link.drop_connection(self.server);
                return Err(Failure::lost(format!("EXEC was answered by {reply:?}")));
            }
        };
        Ok(answer)
    }
}

/// Which records are to be written: those that no later one makes superfluous.
pub(super) fn live<P: Policy>(records: &[P::Record]) -> Vec<bool> {
    // With room for all, and without SipHash, which guards against keys that somebody chose to collide: a lane of
    // trade states needs an eighth fewer instructions.
    let mut seen: HashSet<Subject, Quick> =
        HashSet::with_capacity_and_hasher(records.len(), Quick::default());
    let mut live = vec![true; records.len()];
    for (at, record) in records.iter().enumerate().rev() {
        if let Some(subject) = P::subject(record) {
            let first = seen.insert(subject);
            live[at] = first || !P::may_be_superseded(record);
        }
    }
    live
}

type Quick = BuildHasherDefault<QuickHasher>;

/// A hash for the few subjects of a batch, which are a terminal's own.
#[derive(Default)]
struct QuickHasher(u64);

impl Hasher for QuickHasher {
    fn write(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..piece.len()].copy_from_slice(piece);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.write_u64(byte.into());
    }

    fn write_i64(&mut self, number: i64) {
        self.write_u64(number as u64);
    }

    fn write_u64(&mut self, word: u64) {
        // 2^64 divided by the golden ratio: a change of any bit reaches the upper half.
        self.0 = (self.0.rotate_left(29) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

/// The records that are written, in the order of their transactions.
pub(super) fn written<'a, R>(transactions: &[Transaction], live: &[bool], records: &'a [R]) -> Vec<&'a R> {
    let all = transactions.iter().flat_map(|transaction| &transaction.records);
    all.filter(|&&at| live[at]).map(|&at| &records[at]).collect()
}

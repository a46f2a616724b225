//! A transaction: the records that one server gets between MULTI and EXEC, their watermarks, and the server's answer.
//!
//! The watermarks are watched from before the MULTI, because late bytes of an earlier connection could set them. EXEC
//! ends all watching on its connection, so a connection carries one transaction at a time. In a Cluster a transaction
//! has one tag, and what else a server gets follows in the next exchange.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use redis::Value;

use super::policy::{Policy, Subject};
use crate::link::Link;
use crate::link::failure::{Class, Failure};
use crate::link::reply::Sparse;
use crate::model::Tag;

/// The server's reply to each command between MULTI and EXEC.
const QUEUED: &[u8] = b"+QUEUED\r\n";

/// The records that one server gets.
pub(super) struct Transaction {
    /// The server, and whether an ASK sent us there.
    pub(super) server: usize,
    pub(super) asking: bool,
    pub(super) parts: Vec<Part>,
    /// Indices of its records, including superseded ones.
    pub(super) records: Vec<usize>,
    /// For each command between MULTI and EXEC, the index of its record.
    pub(super) owners: Vec<Option<usize>>,
}

/// One tag's part of a transaction.
pub(super) struct Part {
    pub(super) tag: Tag,
    /// The sequence number of its last record: its watermark.
    pub(super) last: u64,
    /// The place of its watermark among the commands.
    pub(super) place: usize,
}

/// What became of a transaction.
pub(super) enum Answer {
    /// It was applied: the errors among EXEC's replies, with the places of their commands.
    Executed(Vec<(usize, Value)>),
    /// Nothing was applied: the first error, and the record whose command it was.
    Refused(Option<usize>, Failure),
}

impl Transaction {
    /// Groups the records by tag, in the order of each tag's first record.
    pub(super) fn by_tag<P: Policy>(records: &[P::Record]) -> Vec<Self> {
        let mut transactions: Vec<Self> = Vec::new();
        let mut last = 0;
        for (at, record) in records.iter().enumerate() {
            let tag = P::tag(record);
            // A terminal has one tag a lane, or two, so the last one nearly always fits.
            if transactions.get(last).is_none_or(|transaction| transaction.tag() != tag) {
                last = transactions.iter().position(|other| other.tag() == tag).unwrap_or_else(|| {
                    transactions.push(Self::of(*tag));
                    transactions.len() - 1
                });
            }
            transactions[last].records.push(at);
            transactions[last].parts[0].last = P::sequence(record);
        }
        transactions
    }

    fn of(tag: Tag) -> Self {
        let (records, owners) = (Vec::new(), Vec::new());
        Self {
            server: 0,
            asking: false,
            parts: vec![Part { tag, last: 0, place: usize::MAX }],
            records,
            owners,
        }
    }

    /// The first tag: before [`join`](Self::join) the only one.
    pub(super) fn tag(&self) -> &Tag {
        &self.parts[0].tag
    }

    /// Joins transactions for the same server, with the records in the order of their numbers.
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
            // One for each command: turning each into a text took a quarter of the time for replies.
            if link.skip(self.server, QUEUED) {
                continue;
            }
            if let Value::ServerError(error) = link.receive(self.server)? {
                refused.get_or_insert((owner, Failure::of_reply(&error)));
                begun &= at > 0;
            }
        }
        let answer = match (link.receive_sparse(self.server, |_| false)?, refused) {
            // Without MULTI the commands ran one by one, the watermark's too. So the watermark is read again.
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

/// Which records must be written: those that no later one supersedes.
pub(super) fn live<P: Policy>(records: &[P::Record]) -> Vec<bool> {
    // Sized up front and without SipHash, which guards against chosen collisions: a lane of trade states needs an
    // eighth fewer instructions.
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

/// A hash for the few subjects of a batch, which the terminal itself chose.
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
        // 2^64 divided by the golden ratio: each bit affects the upper half.
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

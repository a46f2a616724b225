//! Which records of an executed transaction were refused, and what stays in the batch. Redis has executed the rest.
//!
//! A record that was refused for good becomes a dead letter, unless a record before it was refused for the moment:
//! records stay in order. From the first of those on, all records with its tag stay in the batch and are sent
//! again, except signals that were added: those must not be sent twice.

use std::collections::{BTreeMap, HashMap};

use redis::Value;

use super::Outcome;
use crate::lane::policy::Policy;
use crate::lane::transaction::{Part, Transaction};
use crate::link::failure::{Class, Failure};

/// The records that leave the batch, by index.
#[derive(Default)]
pub(super) struct Settled {
    pub(super) done: Vec<usize>,
    /// Those among them that become dead letters, and why.
    pub(super) rejected: Vec<(usize, String)>,
}

/// Sorts a transaction's records by the errors among EXEC's replies, and owes each watermark its true number.
pub(super) fn settle<P: Policy>(
    policy: &P,
    transaction: &Transaction,
    records: &[P::Record],
    replies: &[(usize, Value)],
    outcome: &mut Outcome<P::Record>,
) -> Settled {
    let mut refused: BTreeMap<usize, Failure> = BTreeMap::new();
    let mut watermarks = HashMap::new();
    for (place, reply) in replies {
        let Value::ServerError(error) = reply else { continue };
        let failure = Failure::of_reply(error);
        match transaction.owners.get(*place) {
            // Of a record's several errors, one that may pass counts.
            Some(Some(at)) => {
                let known = refused.entry(*at).or_insert_with(|| failure.clone());
                if known.class == Class::Reject && failure.class != Class::Reject {
                    *known = failure;
                }
            }
            _ => match transaction.parts.iter().find(|part| part.place == *place) {
                Some(part) if P::COMMITTED => drop(watermarks.insert(part.tag, failure)),
                _ => outcome.aside = Some(failure),
            },
        }
    }
    let mut settled = Settled::default();
    for part in &transaction.parts {
        let own = transaction.records.iter().copied();
        let own: Vec<_> = own.filter(|&at| *P::tag(&records[at]) == part.tag).collect();
        let first_held = own.iter().find(|at| refused.get(at).is_some_and(|it| it.class != Class::Reject));
        let first_held = first_held.copied();
        for &at in &own {
            let may_pass = first_held.is_some_and(|first| at >= first);
            match refused.get(&at) {
                Some(_) if may_pass => {}
                Some(failure) => {
                    settled.done.push(at);
                    settled.rejected.push((at, failure.text.clone()));
                }
                None if may_pass && P::subject(&records[at]).is_some() => {}
                None => settled.done.push(at),
            }
        }
        let Part { tag, last, .. } = *part;
        let first_refused = own.iter().find(|at| refused.contains_key(at));
        let stands = first_refused.map_or(last, |&at| P::sequence(&records[at]) - 1);
        outcome.committed.push((tag, stands));
        if first_refused.is_some() || watermarks.contains_key(&tag) {
            outcome.owed.push((tag, stands));
        }
        match (first_held, watermarks.remove(&tag)) {
            (Some(at), _) => {
                let failure = refused[&at].clone();
                outcome.advice = outcome.advice.take().or_else(|| policy.advice(&tag, &failure));
                outcome.hold(failure);
            }
            (None, Some(failure)) => outcome.hold(failure),
            (None, None) => {}
        }
        if first_held.is_none() && stands < last {
            outcome.after_letters.push((tag, last));
        }
    }
    settled
}

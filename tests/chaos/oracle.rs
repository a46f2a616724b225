//! What must be in Redis after all that was done to it, compared with what is. It knows the answers that the
//! callers wrote down, what each number says, and Redis as read on a connection of its own; of the library
//! it believes nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use mt5_redis::model::trade::{MT5REDIS_EVENT_CLOSE, MT5REDIS_EVENT_OPEN};

use super::content::{self, INSTANCES};
use super::ledger::{Call, Lane, Outcome};
use super::reader::{Positions, Stream};
use super::values::Record;

/// How many findings are told word by word.
const EXAMPLES: usize = 8;

/// What was found.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Calls that were accepted.
    pub accepted: usize,
    /// Records found in Redis.
    pub found: usize,
    pub lost: usize,
    pub duplicated: usize,
    pub out_of_order: usize,
    /// Values that nobody said, stale states, positions in the wrong set.
    pub wrong: usize,
    /// The first findings in words.
    pub examples: Vec<String>,
}

impl Verdict {
    pub fn is_clean(&self) -> bool {
        (self.lost, self.duplicated, self.out_of_order, self.wrong) == (0, 0, 0, 0)
    }

    pub(super) fn note(&mut self, which: fn(&mut Self) -> &mut usize, what: String) {
        *which(self) += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(what);
        }
    }
}

impl std::ops::AddAssign for Verdict {
    fn add_assign(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.found += other.found;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.out_of_order += other.out_of_order;
        self.wrong += other.wrong;
        self.examples.extend(other.examples);
    }
}

/// Which signals may be missing, and are: their numbers.
pub enum Gone {
    Nothing,
    /// Some of them the journal knows nothing of any more.
    Some(BTreeSet<u64>),
    /// The journal knows of them all.
    Known(BTreeSet<u64>),
}

impl Gone {
    /// Whether a signal may lead to this number, where `previous` is the one before it in its stream. Of what is gone
    /// nobody knows whose it was, so every instance's next signal leads to it.
    fn allow(&self, leads: u64, previous: u64, sequence: u64) -> bool {
        let within =
            |gone: &BTreeSet<u64>| gone.range(previous + 1..sequence.max(previous + 1)).last().copied();
        match self {
            Self::Nothing => leads == previous,
            Self::Some(gone) => {
                leads == previous || leads > previous && leads < sequence && gone.contains(&leads)
            }
            Self::Known(gone) => leads == within(gone).unwrap_or(previous),
        }
    }
}

/// Judges the streams: every accepted signal once, in the order of the sequence numbers within its stream, as it was
/// said and leading to the one before it, though that be gone; under one name, and one more for each time that the
/// journal `moved`.
pub fn signals(seed: u64, calls: &[Call], streams: &[Stream], moved: usize, gone: &Gone) -> Verdict {
    let mut verdict = Verdict { found: streams.iter().map(Vec::len).sum(), ..Verdict::default() };
    let calls = calls.iter().filter(|call| call.lane == Lane::Rtss);
    let given = given(calls.clone(), &mut verdict);
    let mut unknown: HashSet<_> = calls
        .filter(|call| call.outcome == Outcome::Unknown)
        .map(|call| (INSTANCES[call.caller], call.number))
        .collect();

    let mut seen = HashSet::new();
    // Each stream goes through the names in the same order.
    let mut producers = vec![Vec::new(); streams.len()];
    // In which stream, and the last number there.
    let mut last = (0, 0);
    let mut last_of = vec![0; streams.len()];
    for (stream, record) in
        streams.iter().enumerate().flat_map(|(at, stream)| stream.iter().map(move |it| (at, it)))
    {
        let record = match record {
            Ok(record) => record,
            Err(reason) => {
                verdict.note(|it| &mut it.wrong, reason.clone());
                continue;
            }
        };
        let (Some(sequence), Some(number), Some(instance)) =
            (record.integer("q"), record.integer("mg"), record.text("i"))
        else {
            verdict.note(|it| &mut it.wrong, format!("an entry without q, mg or i: {record:?}"));
            continue;
        };
        check_producer(record, &mut producers[stream], moved, &mut verdict);
        if !seen.insert(sequence) {
            verdict.note(|it| &mut it.duplicated, format!("signal {sequence} is there again"));
            continue;
        }
        let previous = last_of[stream];
        last_of[stream] = previous.max(sequence);
        let leads = record.integer("pq");
        if !leads.is_some_and(|leads| gone.allow(leads, previous, sequence)) {
            let what = format!("signal {sequence} leads to {leads:?}, before it stands {previous}");
            verdict.note(|it| &mut it.wrong, what);
        }
        if (stream, sequence) < last {
            verdict.note(|it| &mut it.out_of_order, format!("signal {sequence} comes after {}", last.1));
        }
        last = last.max((stream, sequence));
        let (caller, number) = match given.get(&sequence) {
            Some(call) => (call.caller, call.number),
            None if unknown.remove(&(instance, number)) => {
                (INSTANCES.iter().position(|known| *known == instance).expect("one of them"), number)
            }
            None => {
                verdict.note(
                    |it| &mut it.wrong,
                    format!("nobody gave signal {sequence} ({instance}, {number})"),
                );
                continue;
            }
        };
        for difference in record.differences(&content::expected_signal(seed, caller, number)) {
            verdict.note(|it| &mut it.wrong, format!("signal {sequence}: {difference}"));
        }
    }
    for (sequence, call) in &given {
        if matches!(call.outcome, Outcome::Accepted(_)) && !seen.contains(sequence) {
            verdict.note(|it| &mut it.lost, format!("signal {sequence} of {call:?} is missing"));
        }
    }
    verdict
}

/// Judges the positions of all instances: each as the last accepted call said, and the sets as all of its calls
/// together say.
pub fn trades(seed: u64, calls: &[Call], positions: &[Positions; INSTANCES.len()]) -> Verdict {
    let mut verdict = Verdict::default();
    let calls = calls.iter().filter(|call| call.lane == Lane::Rts);
    let given = given(calls.clone(), &mut verdict);
    for (caller, positions) in positions.iter().enumerate() {
        let calls = calls.clone().filter(|call| call.caller == caller);
        verdict += positions_of(seed, calls, positions, &given);
    }
    verdict
}

/// Judges one instance's positions. A call without an answer was accepted if Redis shows it; if it does not, a later
/// one may have replaced it, and then it is open whether it changed the sets.
fn positions_of<'a>(
    seed: u64,
    calls: impl Iterator<Item = &'a Call>,
    positions: &Positions,
    given: &BTreeMap<u64, &Call>,
) -> Verdict {
    let mut verdict = Verdict { found: positions.hashes.len(), ..Verdict::default() };
    let mut last: HashMap<i64, (usize, u64, u64)> = HashMap::new();
    let mut open = BTreeSet::new();
    let mut closed = BTreeMap::new();
    let mut unsure = HashSet::new();
    for call in calls {
        if content::deal(seed, call.caller, call.number).is_some() {
            continue;
        }
        let state = content::trade(seed, call.caller, call.number).numbers;
        let (position, event) = (state.position, state.event);
        let shown = || {
            let record = positions.hashes.get(&position)?.0.as_ref().ok()?;
            let sequence = record.integer("q").filter(|sequence| !given.contains_key(sequence));
            sequence.filter(|_| record.integer("mg") == Some(call.number))
        };
        let sequence = match call.outcome {
            Outcome::Accepted(sequence) | Outcome::Perhaps(sequence) => Some(sequence),
            Outcome::Unknown => shown(),
            Outcome::Refused(_) | Outcome::Thinned => continue,
        };
        let moves = [MT5REDIS_EVENT_OPEN, MT5REDIS_EVENT_CLOSE].contains(&event);
        let Some(sequence) = sequence else {
            unsure.extend(moves.then_some(position));
            continue;
        };
        last.insert(position, (call.caller, sequence, call.number));
        if event == MT5REDIS_EVENT_OPEN {
            open.insert(position);
            closed.remove(&position);
        } else if event == MT5REDIS_EVENT_CLOSE {
            open.remove(&position);
            closed.insert(position, content::closed_at(&state) as f64);
        }
        if moves {
            unsure.remove(&position);
        }
    }

    for position in positions.hashes.keys().filter(|position| !last.contains_key(position)) {
        verdict.note(|it| &mut it.wrong, format!("nobody said anything of position {position}"));
    }
    let mut producers = Vec::new();
    for (position, (caller, sequence, number)) in last {
        let (record, expires) = match positions.hashes.get(&position) {
            Some((Ok(record), expires)) => (record, *expires),
            Some((Err(reason), _)) => {
                verdict.note(|it| &mut it.wrong, reason.clone());
                continue;
            }
            None => {
                verdict.note(|it| &mut it.lost, format!("position {position} is missing"));
                continue;
            }
        };
        check_producer(record, &mut producers, 0, &mut verdict);
        let found = record.integer("q");
        if found != Some(sequence) {
            let what = format!("position {position} is of record {found:?}, accepted last was {sequence}");
            verdict.note(|it| &mut it.wrong, what);
        }
        for difference in record.differences(&content::expected_trade(seed, caller, number)) {
            verdict.note(|it| &mut it.wrong, format!("position {position}, record {sequence}: {difference}"));
        }
        if expires != closed.contains_key(&position) && !unsure.contains(&position) {
            verdict.note(|it| &mut it.wrong, format!("position {position}: that it expires is {expires}"));
        }
    }
    let difference: Vec<_> =
        open.symmetric_difference(&positions.open).filter(|it| !unsure.contains(it)).collect();
    if !difference.is_empty() {
        verdict.note(|it| &mut it.wrong, format!("in the open set, or lacking there: {difference:?}"));
    }
    let mut found = positions.closed.clone();
    for set in [&mut closed, &mut found] {
        set.retain(|position, _| !unsure.contains(position));
    }
    if closed != found {
        verdict.note(|it| &mut it.wrong, format!("the closed set is {found:?}, not {closed:?}"));
    }
    verdict
}

/// The calls by the sequence numbers they were answered, each of which was given once.
pub(super) fn given<'a>(
    calls: impl Iterator<Item = &'a Call>,
    verdict: &mut Verdict,
) -> BTreeMap<u64, &'a Call> {
    let mut given = BTreeMap::new();
    let mut last = [0; INSTANCES.len()];
    for call in calls {
        let (Outcome::Accepted(sequence) | Outcome::Perhaps(sequence)) = call.outcome else { continue };
        verdict.accepted += 1;
        if given.insert(sequence, call).is_some() {
            verdict.note(|it| &mut it.wrong, format!("number {sequence} was given twice"));
        }
        if sequence <= last[call.caller] {
            verdict.note(|it| &mut it.wrong, format!("number {sequence} came after {}", last[call.caller]));
        }
        last[call.caller] = sequence;
    }
    given
}

/// A name that was given up does not come back.
pub(super) fn check_producer<'a>(
    record: &'a Record,
    names: &mut Vec<&'a str>,
    moved: usize,
    verdict: &mut Verdict,
) {
    let found = record.text("p").unwrap_or_default();
    if names.last() == Some(&found) {
        return;
    }
    if names.contains(&found) || names.len() > moved || found.len() != 16 {
        verdict.note(|it| &mut it.wrong, format!("the producer is {found:?}, and was {names:?}"));
    } else {
        names.push(found);
    }
}

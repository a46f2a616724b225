//! What must be among the trade events after all that was done: each accepted opening, change, closing and deal once, in
//! the order of the numbers, whole, leading to the one before it. A price is no event.

use std::collections::{BTreeMap, HashMap, HashSet};

use mt5_redis::model::trade::*;

use super::content::{self, INSTANCES};
use super::ledger::{Call, Lane, Outcome};
use super::oracle::{Verdict, check_producer, given};
use super::reader::Stream;
use super::values::{Expected, Record};

/// Judges the events of all instances.
pub fn events(seed: u64, calls: &[Call], streams: &[Stream; INSTANCES.len()]) -> Verdict {
    let mut verdict = Verdict::default();
    // Only to look calls up: the positions' judgement says what is wrong with the numbers.
    let given = given(calls.iter().filter(|call| call.lane == Lane::Rts), &mut Verdict::default());
    for (caller, stream) in streams.iter().enumerate() {
        verdict += events_of(seed, caller, calls, stream, &given);
    }
    verdict
}

fn is_event(seed: u64, call: &Call) -> bool {
    let price = || content::trade(seed, call.caller, call.number).numbers.event == MT5REDIS_EVENT_PRICE;
    content::deal(seed, call.caller, call.number).is_some() || !price()
}

fn events_of(
    seed: u64,
    caller: usize,
    calls: &[Call],
    stream: &Stream,
    given: &BTreeMap<u64, &Call>,
) -> Verdict {
    let mut verdict = Verdict { found: stream.len(), ..Verdict::default() };
    let own = calls.iter().filter(|call| (call.caller, call.lane) == (caller, Lane::Rts));
    let mut unknown: HashSet<u64> =
        own.clone().filter(|call| call.outcome == Outcome::Unknown).map(|call| call.number).collect();
    let (mut seen, mut producers, mut last) = (HashSet::new(), Vec::new(), 0);
    let mut open = HashMap::new();
    for record in stream {
        let record = match record {
            Ok(record) => record,
            Err(reason) => {
                verdict.note(|it| &mut it.wrong, reason.clone());
                continue;
            }
        };
        let (Some(sequence), Some(number)) = (record.integer("q"), record.integer("mg")) else {
            verdict.note(|it| &mut it.wrong, format!("an event without q or mg: {record:?}"));
            continue;
        };
        check_producer(record, &mut producers, 0, &mut verdict);
        if !seen.insert(sequence) {
            verdict.note(|it| &mut it.duplicated, format!("event {sequence} is there again"));
            continue;
        }
        if record.integer("pq") != Some(last) {
            let leads = record.integer("pq");
            verdict.note(
                |it| &mut it.wrong,
                format!("event {sequence} leads to {leads:?}, before it stands {last}"),
            );
        }
        if sequence < last {
            verdict.note(|it| &mut it.out_of_order, format!("event {sequence} comes after {last}"));
        }
        last = last.max(sequence);
        let number = match given.get(&sequence) {
            Some(call) if call.caller == caller && is_event(seed, call) => call.number,
            None if unknown.remove(&number) => number,
            _ => {
                verdict
                    .note(|it| &mut it.wrong, format!("nobody gave event {sequence} ({caller}, {number})"));
                continue;
            }
        };
        for difference in record.differences(&expected(seed, caller, number, record, &mut open)) {
            verdict.note(|it| &mut it.wrong, format!("event {sequence}: {difference}"));
        }
    }
    for call in own.filter(|call| is_event(seed, call)) {
        let Outcome::Accepted(sequence) = call.outcome else { continue };
        if !seen.contains(&sequence) {
            verdict.note(|it| &mut it.lost, format!("event {sequence} of {call:?} is missing"));
        }
    }
    verdict
}

/// What an event must say. `open` has the positions that were told, and whether one was told as opened.
fn expected(
    seed: u64,
    caller: usize,
    number: u64,
    record: &Record,
    open: &mut HashMap<i64, bool>,
) -> Vec<(&'static str, Expected)> {
    if let Some(deal) = content::deal(seed, caller, number) {
        return content::expected_deal(&deal);
    }
    let state = content::trade(seed, caller, number).numbers;
    let mut expected = content::expected_trade(seed, caller, number);
    expected.push(("id", Expected::Integer(state.position)));
    match state.event {
        MT5REDIS_EVENT_OPEN => {
            let letter = match open.insert(state.position, true) {
                // Nobody was told that it closed, since that call was not accepted.
                Some(true) => "m",
                // Nor that it opened: whether its change was read on this connection, only the library knows.
                Some(false) => record.text("e").filter(|letter| *letter == "m").unwrap_or("o"),
                None => "o",
            };
            expected.retain(|(name, _)| *name != "e");
            expected.push(("e", Expected::text(letter)));
        }
        MT5REDIS_EVENT_CLOSE => drop(open.remove(&state.position)),
        _ => drop(open.entry(state.position).or_insert(false)),
    }
    expected
}

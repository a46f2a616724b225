//! Faults planted before the oracle: it must report each as what it is, and nothing where there is none.

use std::collections::{BTreeMap, BTreeSet};

use mt5_redis::model::trade::*;
use rmpv::Value;

use super::content::{self, SIGNAL_FIELDS};
use super::events;
use super::ledger::{Call, Lane, Outcome};
use super::oracle::{self, Gone, Verdict};
use super::reader::{Positions, Stream};
use super::values::{Expected, Found, Record};

const SEED: u64 = 7;
const PRODUCER: &str = "0123456789abcdef";

fn record(expected: Vec<(&str, Expected)>, sequence: u64) -> Record {
    let text = |value: Expected| match value {
        Expected::Integer(integer) => integer.to_string(),
        Expected::Number(number) => number.to_string(),
        Expected::Text(text) => text,
    };
    let own = [("p", PRODUCER.to_owned()), ("q", sequence.to_string())];
    let all = expected.into_iter().map(|(name, value)| (name, text(value))).chain(own);
    Record(all.map(|(name, text)| (name.to_owned(), Found::Text(text.into_bytes()))).collect())
}

fn set(record: &mut Record, name: &str, text: &str) {
    record.0.insert(name.into(), Found::Text(text.into()));
}

/// 60 signals of two callers, all in Redis.
fn signals() -> (Vec<Call>, Stream) {
    let calls = (0..60).map(|number| {
        let outcome = Outcome::Accepted(number + 1);
        Call { caller: number as usize % 2, lane: Lane::Rtss, number: number / 2, outcome }
    });
    let calls: Vec<_> = calls.collect();
    let stream = calls.iter().zip(1..).map(|(call, sequence)| {
        Ok(record(content::expected_signal(SEED, call.caller, call.number), sequence))
    });
    let mut stream = stream.collect();
    link(&mut stream);
    (calls, stream)
}

/// Lets each signal lead to the one before it.
fn link(stream: &mut Stream) {
    let mut previous = 0;
    for record in stream.iter_mut().map(|record| record.as_mut().unwrap()) {
        set(record, "pq", &previous.to_string());
        previous = record.integer("q").unwrap();
    }
}

/// What the oracle finds after a fault was planted: lost, duplicated, out of order, wrong.
fn after(plant: impl Fn(&mut Vec<Call>, &mut Stream)) -> (usize, usize, usize, usize) {
    let (mut calls, mut stream) = signals();
    plant(&mut calls, &mut stream);
    counts(oracle::signals(SEED, &calls, &[stream], 0, &Gone::Nothing))
}

fn counts(verdict: Verdict) -> (usize, usize, usize, usize) {
    assert_eq!(verdict.is_clean(), verdict.examples.is_empty());
    (verdict.lost, verdict.duplicated, verdict.out_of_order, verdict.wrong)
}

#[test]
fn a_complete_stream_is_clean() {
    assert_eq!(after(|_, _| ()), (0, 0, 0, 0));
}

#[test]
fn a_missing_signal_is_lost() {
    assert_eq!(after(|_, stream| drop(stream.remove(20))), (1, 0, 0, 1), "the next leads to it");
    assert_eq!(after(|_, stream| stream.truncate(58)), (2, 0, 0, 0));
}

#[test]
fn a_signal_after_one_that_is_gone_leads_to_it() {
    let (mut calls, mut stream) = signals();
    calls[20].outcome = Outcome::Perhaps(21);
    stream.remove(20).unwrap();
    let judged = |stream: &Stream, gone: &Gone| {
        counts(oracle::signals(SEED, &calls, std::slice::from_ref(stream), 0, gone))
    };
    let gone = || BTreeSet::from([21]);
    for (leads, some, known) in [(21, 0, 0), (20, 0, 1), (19, 1, 1), (22, 1, 1)] {
        set(stream[20].as_mut().unwrap(), "pq", &leads.to_string());
        assert_eq!(judged(&stream, &Gone::Some(gone())).3, some, "{leads}");
        assert_eq!(judged(&stream, &Gone::Known(gone())).3, known, "{leads}");
    }
}

#[test]
fn a_signal_that_is_there_twice_is_duplicated() {
    assert_eq!(after(|_, stream| stream.insert(20, stream[19].clone())), (0, 1, 0, 0));
    assert_eq!(after(|_, stream| stream.push(stream[3].clone())), (0, 1, 0, 0));
}

#[test]
fn swapped_signals_are_out_of_order() {
    assert_eq!(after(|_, stream| stream.swap(20, 21)), (0, 0, 1, 2), "and neither leads to the one before");
    // Of several streams each has an order of its own.
    let (calls, stream) = signals();
    let (odd, even): (Vec<_>, Vec<_>) = stream.into_iter().enumerate().partition(|(at, _)| at % 2 == 0);
    let mut streams =
        [odd, even].map(|stream| stream.into_iter().map(|(_, record)| record).collect::<Stream>());
    streams.iter_mut().for_each(link);
    assert_eq!(counts(oracle::signals(SEED, &calls, &streams, 0, &Gone::Nothing)), (0, 0, 0, 0));
    streams[1].swap(3, 4);
    assert_eq!(counts(oracle::signals(SEED, &calls, &streams, 0, &Gone::Nothing)), (0, 0, 1, 2));
}

#[test]
fn each_changed_value_is_wrong() {
    for name in SIGNAL_FIELDS.iter().filter(|name| !["p", "q"].contains(name)) {
        let (_, _, _, wrong) = after(|_, stream| set(stream[20].as_mut().unwrap(), name, "4.75"));
        assert!(wrong > 0, "{name}");
        let (_, _, _, wrong) = after(|_, stream| drop(stream[20].as_mut().unwrap().0.remove(*name)));
        assert!(wrong > 0, "{name}");
    }
    assert_eq!(after(|_, stream| set(stream[20].as_mut().unwrap(), "zz", "1")), (0, 0, 0, 1));
    assert_eq!(after(|_, stream| set(stream[20].as_mut().unwrap(), "p", "fedcba9876543210")), (0, 0, 0, 1));
    assert_eq!(after(|_, stream| stream[20] = Err("no record".into())), (1, 0, 0, 2));
}

#[test]
fn two_signals_with_each_others_content_are_wrong() {
    let (_, _, _, wrong) = after(|_, stream| {
        set(stream[20].as_mut().unwrap(), "q", "22");
        set(stream[21].as_mut().unwrap(), "q", "21");
        stream.swap(20, 21);
    });
    assert!(wrong > 0);
}

#[test]
fn a_signal_nobody_gave_is_wrong() {
    assert_eq!(after(|calls, _| calls[20].outcome = Outcome::Refused(-15)), (0, 0, 0, 1));
    let (_, _, _, wrong) = after(|calls, _| calls[21].outcome = Outcome::Accepted(21));
    assert!(wrong > 1, "a number given twice, and another by nobody");
}

#[test]
fn a_call_without_an_answer_may_have_been_accepted_once() {
    assert_eq!(after(|calls, _| calls[20].outcome = Outcome::Unknown), (0, 0, 0, 0));
    let absent = |calls: &mut Vec<Call>, stream: &mut Stream| {
        calls[20].outcome = Outcome::Unknown;
        drop(stream.remove(20));
        link(stream);
    };
    assert_eq!(after(absent), (0, 0, 0, 0));
    let again = |calls: &mut Vec<Call>, stream: &mut Stream| {
        calls[20].outcome = Outcome::Unknown;
        let mut other = stream[20].clone();
        set(other.as_mut().unwrap(), "q", "61");
        stream.push(other);
        link(stream);
    };
    assert_eq!(after(again), (0, 0, 0, 1));
    assert_eq!(after(|calls, _| calls[20].outcome = Outcome::Perhaps(21)), (0, 0, 0, 0));
}

#[test]
fn packed_says_the_same_as_fields() {
    let expected = content::expected_signal(SEED, 1, 5);
    let packed = |change: Option<&str>| {
        let value = |name: &str| match expected.iter().find(|(known, _)| *known == name) {
            _ if change == Some(name) => Value::from(4.75),
            Some((_, Expected::Integer(integer))) => Value::from(*integer),
            Some((_, Expected::Number(number))) => Value::from(*number),
            Some((_, Expected::Text(text))) => Value::from(text.as_str()),
            None => Value::from(PRODUCER),
        };
        let mut bytes = Vec::new();
        let array = Value::Array(SIGNAL_FIELDS.iter().map(|name| value(name)).collect());
        rmpv::encode::write_value(&mut bytes, &array).expect("a Vec takes all");
        Record::read(vec![b"d".to_vec(), bytes], &SIGNAL_FIELDS)
    };
    assert_eq!(packed(None).expect("a record").differences(&expected), [""; 0]);
    for (name, _) in &expected {
        assert_eq!(packed(Some(name)).expect("a record").differences(&expected).len(), 1, "{name}");
    }
    assert!(Record::read(vec![b"d".to_vec(), vec![0x91, 1]], &SIGNAL_FIELDS).is_err());
}

/// 800 trade states, and what Redis has after them: positions open, closed, and opened again.
fn trades() -> (Vec<Call>, Positions) {
    let mut calls = Vec::new();
    let mut positions = Positions::default();
    for number in 0..800 {
        let sequence = number + 1;
        calls.push(Call { caller: 0, lane: Lane::Rts, number, outcome: Outcome::Accepted(sequence) });
        if content::deal(SEED, 0, number).is_some() {
            continue;
        }
        let state = content::trade(SEED, 0, number).numbers;
        let (id, event) = (state.position, state.event);
        let closed = event == MT5REDIS_EVENT_CLOSE;
        positions.hashes.insert(id, (Ok(record(content::expected_trade(SEED, 0, number), sequence)), closed));
        if event == MT5REDIS_EVENT_OPEN {
            positions.open.insert(id);
            positions.closed.remove(&id);
        } else if closed {
            positions.open.remove(&id);
            positions.closed.insert(id, content::closed_at(&state) as f64);
        }
    }
    (calls, positions)
}

fn after_trades(plant: impl Fn(&mut Vec<Call>, &mut Positions)) -> (usize, usize, usize, usize) {
    let (mut calls, mut positions) = trades();
    plant(&mut calls, &mut positions);
    counts(oracle::trades(SEED, &calls, &[positions, Positions::default(), Positions::default()]))
}

#[test]
fn positions_as_they_were_told_are_clean() {
    let (_, positions) = trades();
    assert!(!positions.open.is_empty() && !positions.closed.is_empty());
    assert_eq!(after_trades(|_, _| ()), (0, 0, 0, 0));
}

#[test]
fn a_stale_or_missing_position_is_reported() {
    let last = content::trade(SEED, 0, 799).numbers.position;
    let stale = |_: &mut Vec<Call>, positions: &mut Positions| {
        let before = 799 - 16;
        assert_eq!(content::trade(SEED, 0, before).numbers.position, last);
        let old = record(content::expected_trade(SEED, 0, before), before + 1);
        positions.hashes.insert(last, (Ok(old), false));
    };
    let (lost, _, _, wrong) = after_trades(stale);
    assert!(lost == 0 && wrong > 1);
    assert_eq!(after_trades(|_, positions| drop(positions.hashes.remove(&last))), (1, 0, 0, 0));
    let foreign = |_: &mut Vec<Call>, positions: &mut Positions| {
        positions.hashes.insert(9999, (Ok(Record::default()), false));
    };
    assert_eq!(after_trades(foreign), (0, 0, 0, 1));
}

#[test]
fn a_position_in_the_wrong_set_is_reported() {
    assert_eq!(after_trades(|_, positions| positions.open = BTreeSet::new()), (0, 0, 0, 1));
    assert_eq!(after_trades(|_, positions| positions.closed = BTreeMap::new()), (0, 0, 0, 1));
    let expires = |_: &mut Vec<Call>, positions: &mut Positions| {
        let open = *positions.open.first().expect("an open one");
        positions.hashes.get_mut(&open).expect("its state").1 = true;
    };
    assert_eq!(after_trades(expires), (0, 0, 0, 1));
}

#[test]
fn a_trade_without_an_answer_counts_if_redis_shows_it() {
    // The last call of the position that is closed by it, and the state before.
    let number = 799;
    let state = content::trade(SEED, 0, number).numbers;
    let unknown = |calls: &mut Vec<Call>| calls.last_mut().expect("a call").outcome = Outcome::Unknown;
    assert_eq!(after_trades(|calls, _| unknown(calls)), (0, 0, 0, 0));
    // Not accepted: the state before stands.
    let absent = |calls: &mut Vec<Call>, positions: &mut Positions| {
        unknown(calls);
        let before = record(content::expected_trade(SEED, 0, number - 16), number - 15);
        positions.hashes.insert(state.position, (Ok(before), false));
    };
    assert_eq!(after_trades(absent), (0, 0, 0, 0));
    // Shown under a number that was another call's.
    let borrowed = |calls: &mut Vec<Call>, positions: &mut Positions| {
        unknown(calls);
        set(positions.hashes.get_mut(&state.position).expect("its state").0.as_mut().unwrap(), "q", "5");
    };
    assert!(after_trades(borrowed).3 > 0);
}

#[test]
fn positions_of_another_instance_are_told_apart() {
    let swapped = {
        let (calls, positions) = trades();
        oracle::trades(SEED, &calls, &[Positions::default(), positions, Positions::default()])
    };
    assert!(swapped.lost > 0 && swapped.wrong > 0, "{swapped:?}");
}

/// The calls of [`trades`], and the events after them.
fn told() -> (Vec<Call>, Stream) {
    let (calls, _) = trades();
    let mut stream = Stream::new();
    for call in &calls {
        let (number, Outcome::Accepted(sequence)) = (call.number, call.outcome) else { continue };
        let state = content::trade(SEED, 0, number).numbers;
        let expected = match content::deal(SEED, 0, number) {
            Some(deal) => content::expected_deal(&deal),
            None if state.event == MT5REDIS_EVENT_PRICE => continue,
            None => {
                let mut expected = content::expected_trade(SEED, 0, number);
                expected.push(("id", Expected::Integer(state.position)));
                expected
            }
        };
        stream.push(Ok(record(expected, sequence)));
    }
    link(&mut stream);
    (calls, stream)
}

fn after_events(plant: impl Fn(&mut Vec<Call>, &mut Stream)) -> (usize, usize, usize, usize) {
    let (mut calls, mut stream) = told();
    plant(&mut calls, &mut stream);
    counts(events::events(SEED, &calls, &[stream, Stream::new(), Stream::new()]))
}

#[test]
fn events_that_are_missing_doubled_swapped_or_altered_are_reported() {
    let (calls, stream) = told();
    let is = |record: &Result<Record, String>, event: &str| record.as_ref().unwrap().text("e") == Some(event);
    let count = |event: &str| stream.iter().filter(|record| is(record, event)).count();
    assert!(["o", "m", "c", "d"].iter().all(|event| count(event) > 5) && count("p") == 0);
    assert_eq!(after_events(|_, _| ()), (0, 0, 0, 0));

    assert_eq!(after_events(|_, stream| drop(stream.remove(20))), (1, 0, 0, 1), "the next leads to it");
    assert_eq!(after_events(|_, stream| drop(stream.pop())), (1, 0, 0, 0));
    assert_eq!(after_events(|_, stream| stream.insert(20, stream[19].clone())), (0, 1, 0, 0));
    let swapped = after_events(|_, stream| stream.swap(40, 41));
    assert_eq!((swapped.0, swapped.1, swapped.2), (0, 0, 1));
    for event in ["o", "m", "c", "d"] {
        let at = stream.iter().position(|record| is(record, event)).expect("one");
        let names: Vec<String> = stream[at].as_ref().unwrap().0.keys().cloned().collect();
        for name in names {
            let (_, _, _, wrong) = after_events(|_, stream| set(stream[at].as_mut().unwrap(), &name, "4.75"));
            assert!(wrong > 0, "{name} of {event}");
        }
    }
    // A price that is told, and an event under the number of a price.
    let price = calls.iter().position(|call| {
        content::deal(SEED, 0, call.number).is_none()
            && content::trade(SEED, 0, call.number).numbers.event == MT5REDIS_EVENT_PRICE
    });
    let price = price.expect("one") as u64;
    let told = |_: &mut Vec<Call>, stream: &mut Stream| {
        let expected = content::expected_trade(SEED, 0, price);
        let at = stream.iter().position(|it| it.as_ref().unwrap().integer("q") > Some(price + 1));
        stream.insert(at.expect("one"), Ok(record(expected, price + 1)));
        link(stream);
    };
    assert_eq!(after_events(told), (0, 0, 0, 1));
    // Without an answer an event may be there or not.
    let unknown = |calls: &mut Vec<Call>, stream: &mut Stream, at: usize| {
        let sequence = stream[at].as_ref().unwrap().integer("q").expect("a number");
        let call = calls.iter_mut().find(|call| call.outcome == Outcome::Accepted(sequence));
        call.expect("a call").outcome = Outcome::Unknown;
    };
    let deal = stream.iter().position(|record| is(record, "d")).expect("a deal");
    assert_eq!(after_events(|calls, stream| unknown(calls, stream, deal)), (0, 0, 0, 0));
    let absent = |calls: &mut Vec<Call>, stream: &mut Stream| {
        unknown(calls, stream, deal);
        drop(stream.remove(deal));
        link(stream);
    };
    assert_eq!(after_events(absent), (0, 0, 0, 0));
    let other = [Stream::new(), stream.clone(), Stream::new()];
    assert!(!events::events(SEED, &calls, &other).is_clean(), "another instance's events");
}

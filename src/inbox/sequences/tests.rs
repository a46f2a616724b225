//! Chains with and without gaps, copies, forged numbers, and what is stored of them.

use super::*;
use crate::model::Signal;

const HERE: Context = Context { may_repeat: false, was_away: false };

fn signal(producer: &str, sequence: u64, predecessor: u64) -> Received {
    Received {
        producer: producer.into(),
        sequence,
        predecessor,
        instance: "1.Demo".into(),
        symbol: "EURUSD".into(),
        comment: String::new(),
        retried: false,
        signal: Signal { action: 1, volume: 0.1, ..Default::default() },
    }
}

fn close(producer: &str, sequence: u64, predecessor: u64) -> Received {
    let signal = signal(producer, sequence, predecessor);
    Received { signal: Signal { action: MT5REDIS_ACTION_CLOSE, ..signal.signal }, ..signal }
}

fn new(gap: Option<(u64, u64)>) -> Verdict {
    Verdict::New { gap }
}

/// Judges and notes, as a reader does.
fn read(seen: &mut SeenSequences, signal: &Received) -> Verdict {
    let verdict = seen.judge(signal, HERE);
    if let Verdict::New { gap } = verdict {
        if let Some(gap) = gap {
            seen.add_gap(&signal.producer, gap);
        }
        seen.add(signal);
    }
    verdict
}

#[test]
fn a_chain_has_no_gaps_and_copies_are_found() {
    let mut seen = SeenSequences::default();
    // An instance that shares its journal: its numbers have holes.
    for (number, before) in [(7, 5), (8, 7), (12, 8), (13, 12)] {
        assert_eq!(read(&mut seen, &signal("a", number, before)), new(None));
    }
    for (number, before) in [(8, 7), (13, 12), (7, 5)] {
        assert_eq!(read(&mut seen, &signal("a", number, before)), Verdict::Again);
    }
    assert_eq!(read(&mut seen, &signal("b", 1, 0)), new(None), "another producer's");
}

#[test]
fn a_gap_is_found_once_and_before_what_is_behind_it() {
    let mut seen = SeenSequences::default();
    read(&mut seen, &signal("a", 1, 0));
    assert_eq!(read(&mut seen, &signal("a", 9, 8)), new(Some((1, 8))));
    assert_eq!(read(&mut seen, &signal("a", 10, 9)), new(None));
    // A master that takes over lacks the last ones: they are sent again.
    assert_eq!(read(&mut seen, &signal("a", 9, 8)), Verdict::Again);
    // And what was missing comes after all.
    assert_eq!(read(&mut seen, &signal("a", 5, 1)), new(None));
    assert_eq!(read(&mut seen, &signal("a", 5, 1)), Verdict::Again);
}

#[test]
fn a_number_that_cannot_be_changes_nothing() {
    let mut seen = SeenSequences::default();
    read(&mut seen, &signal("a", 100, 99));
    read(&mut seen, &signal("a", 110, 100));
    for (number, before) in [(u64::MAX >> 1, 110), (105, 50), (105, 0), (120, 120), (111, 500)] {
        let verdict = read(&mut seen, &signal("a", number, before));
        assert!(matches!(verdict, Verdict::Strange(_)), "{number} after {before}: {verdict:?}");
    }
    assert!(matches!(read(&mut seen, &signal("z", u64::MAX >> 1, 0)), Verdict::Strange(_)));
    assert_eq!(read(&mut seen, &signal("a", 111, 110)), new(None));
}

/// Whoever has a source's password may write a number far ahead; it must not silence what comes then.
#[test]
fn a_number_far_ahead_silences_nobody() {
    let mut seen = SeenSequences::default();
    read(&mut seen, &signal("a", 1, 0));
    assert_eq!(read(&mut seen, &signal("a", 1_000_000, 1)), new(None));
    assert_eq!(read(&mut seen, &signal("a", 2, 1)), new(None));
    assert_eq!(read(&mut seen, &close("a", 3, 2)), new(None));
}

#[test]
fn a_close_is_passed_over_only_if_it_was_seen() {
    let mut seen = SeenSequences::default();
    read(&mut seen, &signal("a", 100, 99));
    assert_eq!(read(&mut seen, &signal("a", 50, 49)), Verdict::Again, "given before this reader came");
    assert_eq!(read(&mut seen, &close("a", 50, 49)), new(None));
    assert_eq!(read(&mut seen, &close("a", 50, 49)), Verdict::Again);
}

#[test]
fn a_producer_that_was_not_heard_is_a_gap_only_after_an_absence() {
    let mut seen = SeenSequences::default();
    assert_eq!(read(&mut seen, &signal("a", 41, 40)), new(None));
    let away = Context { was_away: true, may_repeat: false };
    assert_eq!(seen.judge(&signal("b", 9, 8), away), new(Some((0, 8))));
    assert_eq!(seen.judge(&signal("b", 1, 0), away), new(None));
    assert_eq!(seen.judge(&signal("b", 42, 41), away), new(None), "the same journal by another name");
}

#[test]
fn what_an_operator_puts_back_comes_once() {
    let mut seen = SeenSequences::default();
    read(&mut seen, &signal("a", 1, 0));
    read(&mut seen, &signal("a", 5, 4));
    let back = |number| Received { retried: true, ..signal("a", number, number - 1) };
    assert_eq!(read(&mut seen, &back(5)), Verdict::Again);
    assert_eq!(read(&mut seen, &back(3)), new(None));
    assert_eq!(read(&mut seen, &back(3)), Verdict::Again);
}

#[test]
fn what_is_written_down_comes_back_and_what_is_open_comes_again() {
    let mut seen = SeenSequences::default();
    (1..=9).for_each(|number| {
        read(&mut seen, &signal("a", number, number - 1));
    });
    read(&mut seen, &signal("b", 30, 20));
    read(&mut seen, &signal("a", 20, 15));
    let mut written = seen.clone();
    // 3 and 4 are not acknowledged, and the gap was not told yet.
    written.take_back("a", (3, 3), false);
    written.take_back("a", (4, 4), false);
    written.take_back("a", (10, 15), true);
    let text = written.to_string();
    assert_eq!(text, "b:20:30: a:0:1-2,5-9,20:");
    let read_again = SeenSequences::parse(text.split(' '));
    assert_eq!(read_again.to_string(), text);
    let again = Context { may_repeat: true, was_away: false };
    assert_eq!(read_again.judge(&signal("a", 2, 1), again), Verdict::Again);
    assert_eq!(read_again.judge(&signal("a", 3, 2), again), new(None));
    assert_eq!(read_again.judge(&signal("a", 4, 3), again), new(Some((2, 3))), "3 was trimmed meanwhile");
    assert_eq!(read_again.judge(&signal("a", 21, 20), again), new(None));
    assert_eq!(read_again.judge(&signal("a", 20, 15), again), Verdict::Again);
}

#[test]
fn what_is_written_down_stays_short_and_forgets_nothing_that_is_open() {
    let mut seen = SeenSequences::default();
    (1..=5_000).for_each(|number| {
        read(&mut seen, &signal("a", 2 * number, 2 * number - 2));
    });
    assert!(seen.to_string().len() < 300, "{seen}");
    // The third was never acknowledged.
    seen.take_back("a", (6, 6), false);
    let text = seen.to_string();
    assert!(text.len() < 800, "{text}");
    let again = Context { may_repeat: true, was_away: false };
    assert_eq!(SeenSequences::parse(text.split(' ')).judge(&signal("a", 6, 4), again), new(None));
}

#[test]
fn nonsense_is_not_a_position() {
    for text in ["", "a", "a:1", "a:1:2", "a:x:1:", "a:1:5-3:", "a:1:0:", "a:1:3,2:", "a:1:1-x:", ":::"] {
        assert_eq!(SeenSequences::parse(text.split(' ')), SeenSequences::default(), "{text}");
    }
}

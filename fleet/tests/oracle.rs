//! The oracle is worth what it can find: each case plants one fault in a Redis that was right, and says what
//! the oracle must make of it.

mod support;
mod world;

use mt5fleet::ledger::Entry;
use world::{CLOSED, GONE, NOW_MS, OPEN, RIS, RTS, RTSS, World};

/// What the numbers of the verdict change by.
#[derive(Default)]
struct Found {
    uncommitted: u64,
    lost: u64,
    duplicated: u64,
    out_of_order: u64,
    words: &'static str,
}

struct Case {
    fault: &'static str,
    plant: fn(&mut World),
    found: Found,
}

/// Two ledgers with 2 heartbeats, 7 trade records and 3 signals each.
const ACCEPTED: u64 = 24;

fn check(cases: &[Case]) {
    let mut world = World::start();
    for Case { fault, plant, found } in cases {
        world.reset();
        let clean = world.verdict();
        assert!(clean.is_good(), "before {fault:?}: {clean:#?}");
        assert_eq!((clean.accepted, clean.committed), (ACCEPTED, ACCEPTED));

        plant(&mut world);
        let verdict = world.verdict();
        let Found { uncommitted, lost, duplicated, out_of_order, words } = found;
        let told = verdict.findings.join("\n");
        assert!(!verdict.is_good(), "{fault:?} was not found");
        assert!(told.contains(words), "{fault:?}: {words:?} is not in\n{told}");
        assert_eq!(
            (verdict.accepted - verdict.committed, verdict.lost, verdict.duplicated, verdict.out_of_order),
            (*uncommitted, *lost, *duplicated, *out_of_order),
            "{fault:?}:\n{told}"
        );
    }
}

#[test]
fn signals() {
    check(&[
        Case {
            fault: "a lost signal",
            plant: |world| world.write_signals(&[(0, 1), (1, 1), (0, 3), (1, 2), (1, 3)]),
            found: Found {
                uncommitted: 1,
                lost: 1,
                words: "signal 2 of 1.Demo is lost",
                ..Default::default()
            },
        },
        Case {
            fault: "all signals lost",
            plant: |world| world.ask(RTSS, "FLUSHALL"),
            found: Found { uncommitted: 6, lost: 6, words: "is absent, the last", ..Default::default() },
        },
        Case {
            fault: "a signal twice",
            plant: |world| world.add_signal(0, 3, 0.1),
            found: Found {
                duplicated: 1,
                words: "is a duplicate of signal 3 of 1.Demo",
                ..Default::default()
            },
        },
        Case {
            fault: "a batch twice",
            plant: |world| {
                world.write_signals(&[(0, 1), (0, 2), (0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)])
            },
            found: Found { duplicated: 2, words: "is a duplicate of", ..Default::default() },
        },
        Case {
            fault: "two signals in the wrong order",
            plant: |world| world.write_signals(&[(0, 1), (0, 3), (1, 1), (0, 2), (1, 2), (1, 3)]),
            found: Found { out_of_order: 1, words: "signal 2 of 1.Demo comes after", ..Default::default() },
        },
        Case {
            fault: "an altered signal",
            plant: |world| {
                world.write_signals(&[(0, 1), (0, 2), (1, 1), (1, 2), (1, 3)]);
                world.add_signal(0, 3, 0.2);
            },
            found: Found { uncommitted: 1, words: "volume is 0.2, accepted as 0.1", ..Default::default() },
        },
        Case {
            fault: "a signal that was refused",
            plant: |world| world.add_signal(1, 4, 0.1),
            found: Found { words: "signal 4 of 2.Demo, which was never accepted", ..Default::default() },
        },
        Case {
            fault: "a signal of nobody's",
            plant: |world| {
                world.ledgers[1].producers[2] = "00000000000000cc".into();
                world.add_signal(1, 1, 0.1);
                world.ledgers[1].producers[2] = "00000000000000bb".into();
            },
            found: Found { words: "unknown producer \"00000000000000cc\"", ..Default::default() },
        },
        Case {
            fault: "an entry that is no signal",
            plant: |world| world.append(0, b"\xc1"),
            found: Found { words: "is not a packed signal", ..Default::default() },
        },
        Case {
            fault: "a watermark that lags",
            plant: |world| world.ask(RTSS, "SET wm:{0}:2.Demo:00000000000000bb 2"),
            found: Found {
                words: "wm:{0}:2.Demo:00000000000000bb is 2, the last accepted sequence was 3",
                ..Default::default()
            },
        },
        Case {
            fault: "a signal in the stream of another",
            plant: |world| {
                world.ask::<()>(RTSS, "DEL ss:{0}:2.Demo");
                world.ask(RTSS, "COPY ss:{0}:1.Demo ss:{0}:2.Demo")
            },
            found: Found {
                uncommitted: 3,
                lost: 3,
                words: "ss:{0}:2.Demo is from an unknown producer \"00000000000000aa\"",
                ..Default::default()
            },
        },
        Case {
            fault: "a stream that stays for ever",
            plant: |world| world.ask(RTSS, "PERSIST ss:{0}:1.Demo"),
            found: Found { words: "ss:{0}:1.Demo has no time to live", ..Default::default() },
        },
        Case {
            fault: "a source that nobody finds",
            plant: |world| world.ask(RTSS, "ZREM sl:{0} 1.Demo"),
            found: Found { words: "sl:{0} lacks 1.Demo", ..Default::default() },
        },
        Case {
            fault: "a source that never sent a signal",
            plant: |world| world.ask(RTSS, "ZADD sl:{0} 1 3.Demo"),
            found: Found { words: "sl:{0} names 3.Demo, which never", ..Default::default() },
        },
        Case {
            fault: "the stream of a stranger",
            plant: |world| world.ask(RTSS, "XADD ss:{0}:3.Demo * d x"),
            found: Found { words: "no accepted record explains the key ss:{0}:3.Demo", ..Default::default() },
        },
    ]);
}

#[test]
fn trades() {
    check(&[
        Case {
            fault: "a lost position",
            plant: |world| world.ask(RTS, &format!("DEL ts:{{1.Demo}}:{OPEN}")),
            found: Found {
                uncommitted: 2,
                lost: 2,
                words: "ts:{1.Demo}:11 does not exist",
                ..Default::default()
            },
        },
        Case {
            fault: "an older record of a position",
            plant: |world| {
                world.ask(RTS, &format!("HSET ts:{{1.Demo}}:{OPEN} q 1 t {} e o pc 1.1", NOW_MS + 1))
            },
            found: Found {
                uncommitted: 1,
                lost: 1,
                words: "q is \"1\", accepted as 4",
                ..Default::default()
            },
        },
        Case {
            fault: "an altered price",
            plant: |world| world.ask(RTS, &format!("HSET ts:{{2.Demo}}:{OPEN} pc 1.1040000000000003")),
            found: Found { uncommitted: 1, words: "accepted as 1.104", ..Default::default() },
        },
        Case {
            fault: "a field too many and one too few",
            plant: |world| {
                world.ask::<()>(RTS, &format!("HSET ts:{{2.Demo}}:{OPEN} zz 1"));
                world.ask(RTS, &format!("HDEL ts:{{2.Demo}}:{OPEN} co"))
            },
            found: Found {
                uncommitted: 1,
                words: "co is missing, zz is an unknown field",
                ..Default::default()
            },
        },
        Case {
            fault: "an open position outside the set",
            plant: |world| world.ask(RTS, &format!("SREM to:{{1.Demo}} {OPEN}")),
            found: Found {
                uncommitted: 1,
                lost: 1,
                words: "to:{1.Demo} has {}, expected {11}",
                ..Default::default()
            },
        },
        Case {
            fault: "a close that never came",
            plant: |world| {
                world.ask::<()>(RTS, &format!("SADD to:{{1.Demo}} {CLOSED}"));
                world.ask::<()>(RTS, &format!("ZREM tc:{{1.Demo}} {CLOSED}"));
                world.ask::<()>(RTS, &format!("PERSIST ts:{{1.Demo}}:{CLOSED}"));
                let back = format!("q 2 t {} e o st o vo 0.3 tc 0", NOW_MS + 2);
                world.ask(RTS, &format!("HSET ts:{{1.Demo}}:{CLOSED} {back}"))
            },
            found: Found {
                uncommitted: 2,
                lost: 2,
                words: "12 is closed but never expires",
                ..Default::default()
            },
        },
        Case {
            fault: "a position that should be marked as gone",
            plant: |world| world.ask(RTS, &format!("HSET ts:{{1.Demo}}:{GONE} q 3 e o st o tc 0")),
            found: Found { uncommitted: 1, words: "accepted as \"g\"", ..Default::default() },
        },
        Case {
            fault: "a wrong time of close",
            plant: |world| world.ask(RTS, &format!("ZADD tc:{{1.Demo}} {} {CLOSED}", NOW_MS + 4)),
            found: Found { words: "tc:{1.Demo} has {12: 1763800000004", ..Default::default() },
        },
        Case {
            fault: "an open position that expires",
            plant: |world| world.ask(RTS, &format!("PEXPIRE ts:{{1.Demo}}:{OPEN} 5000000")),
            found: Found { words: "11 is open but expires", ..Default::default() },
        },
        Case {
            fault: "a closed position that lives too long",
            plant: |world| world.ask(RTS, &format!("PEXPIRE ts:{{1.Demo}}:{CLOSED} 2592900000")),
            found: Found { words: "12 is closed but expires only in", ..Default::default() },
        },
        Case {
            fault: "a watermark that is absent",
            plant: |world| world.ask(RTS, "DEL wm:{2.Demo}:00000000000000bb"),
            found: Found { words: "is absent, the last accepted sequence was 7", ..Default::default() },
        },
        Case {
            fault: "a key of nobody's",
            plant: |world| world.ask(RTS, "SET ts:{3.Demo}:1 x"),
            found: Found { words: "no accepted record explains the key ts:{3.Demo}:1", ..Default::default() },
        },
    ]);
}

#[test]
fn instances() {
    check(&[
        Case {
            fault: "an instance that does not exist",
            plant: |world| world.ask(RIS, "DEL is:{1.Demo}"),
            found: Found {
                uncommitted: 2,
                lost: 2,
                words: "is:{1.Demo} does not exist",
                ..Default::default()
            },
        },
        Case {
            fault: "the last heartbeat is missing",
            plant: |world| world.ask(RIS, &format!("HSET is:{{1.Demo}} q 1 t {}", NOW_MS + 1)),
            found: Found {
                uncommitted: 1,
                lost: 1,
                words: "q is \"1\", accepted as 2",
                ..Default::default()
            },
        },
        Case {
            fault: "an altered balance",
            plant: |world| world.ask(RIS, "HSET is:{1.Demo} ba 10000.4"),
            found: Found { uncommitted: 1, words: "ba is \"10000.4\"", ..Default::default() },
        },
        Case {
            fault: "an instance that never dies",
            plant: |world| world.ask(RIS, "PERSIST is:{2.Demo}"),
            found: Found { words: "is:{2.Demo} has a time to live of -1 ms", ..Default::default() },
        },
        Case {
            fault: "an instance that is not listed",
            plant: |world| world.ask(RIS, "ZREM il 2.Demo"),
            found: Found { words: "il has None for 2.Demo", ..Default::default() },
        },
        Case {
            fault: "an instance too many in the list",
            plant: |world| world.ask(RIS, "ZADD il 1 3.Demo"),
            found: Found { words: "il has 3.Demo, which never", ..Default::default() },
        },
    ]);
}

/// The oracle checks the library's own sequences and reports as well.
#[test]
fn the_library_itself_is_judged_too() {
    check(&[
        Case {
            fault: "a sequence left out",
            plant: |world| {
                let last = world.ledgers[0].heartbeats.last_mut().unwrap();
                last.sequence = 3;
                world.ask(RIS, "HSET is:{1.Demo} q 3")
            },
            found: Found { words: "ris assigned sequence 3, expected 2", ..Default::default() },
        },
        Case {
            fault: "a library that says less is committed",
            plant: |world| {
                let mut summary = world.ledgers[0].summary.clone().unwrap();
                summary.committed[RTSS] = 2;
                world.ledgers[0].add(Entry::Summary(summary));
            },
            found: Found {
                words: "the library reports sequence 2 as committed in rtss",
                ..Default::default()
            },
        },
    ]);
}

/// The number of findings in words is bounded.
#[test]
fn a_hundred_findings_are_told_and_the_rest_is_counted() {
    let mut world = World::start();
    world.reset();
    for sequence in 100..250 {
        world.add_signal(0, sequence, 0.1);
    }
    let verdict = world.verdict();
    assert_eq!((verdict.findings.len(), verdict.more_findings), (100, 50));
}

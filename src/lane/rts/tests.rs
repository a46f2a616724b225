//! An event holds what its hash holds.

use super::*;

const PRODUCER: fn() -> Producer = || Producer::named("0123456789abcdef");

/// A record of this event of position 77.
fn record(sequence: u64, event: i32) -> TradeRecord {
    let state = TradeState { position: 77, volume: 0.1, profit: -1.5, event, side: 2, ..Default::default() };
    let instance = InstanceId::new("1.Demo").unwrap();
    let (symbol, comment) = ("EURUSD".try_into().unwrap(), "größer".try_into().unwrap());
    TradeRecord {
        stamp: Stamp { sequence, time_ms: 1_763_800_000_000 },
        tag: Tag::of(&instance),
        body: TradeBody::Position { state, symbol, comment },
    }
}

/// The last command, when the record is encoded as an event by itself.
fn event(record: &TradeRecord, encoding: Encoding, predecessor: u64, known: bool) -> Vec<u8> {
    let TradeBody::Position { state, symbol, comment } = &record.body else { unreachable!() };
    let (producer, mut commands) = (PRODUCER(), Commands::new());
    let stream = Events::new(&record.tag.instance).stream;
    commands.begin_with(&stream.entry);
    let fields = record.stamp.trade_event(&producer, predecessor, known, state, symbol, comment);
    append(&mut commands, encoding, &fields, &mut Vec::new());
    commands.end();
    commands.bytes().to_vec()
}

#[test]
fn an_event_that_repeats_the_hash_is_what_it_is_when_encoded_by_itself() {
    for encoding in [Encoding::Fields, Encoding::Packed] {
        let mut lane = Rts::new(PRODUCER(), encoding, Duration::from_secs(60), None);
        let instance = InstanceId::new("1.Demo").unwrap();
        lane.events.insert(instance, Events::new(&instance));
        lane.open.insert(instance, BTreeSet::new());
        let events = [
            (MT5REDIS_EVENT_OPEN, false),
            (MT5REDIS_EVENT_CHANGE, false),
            // It is open already.
            (MT5REDIS_EVENT_OPEN, true),
            (MT5REDIS_EVENT_CLOSE, false),
        ];
        for (at, (kind, known)) in events.into_iter().enumerate() {
            let record = record(300 * at as u64 + 300, kind);
            let mut commands = Commands::new();
            lane.write(&record, &mut commands);
            let alone = event(&record, encoding, 300 * at as u64, known);
            assert!(commands.bytes().ends_with(&alone), "{encoding:?}, event {kind}, {known}");
        }
        let mut commands = Commands::new();
        lane.write(&record(5_000, MT5REDIS_EVENT_PRICE), &mut commands);
        assert_eq!(commands.count(), 1, "a price is no event");
    }
}

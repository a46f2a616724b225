//! Trade events: what happened to the positions, and the deals, once and in order beside the hashes, whatever is refused,
//! sent again or told again.

mod support;

use mt5_redis::codes::*;
use mt5_redis::model::deal::*;
use mt5_redis::model::event::{Happened, TradeEvent};
use mt5_redis::model::trade::*;
use support::bridge::{Bridge, account, deal, last_error, trade};
use support::eventually;
use support::server::Server;

const STREAM: &str = "te:{1.Demo}";

/// The events of 1.Demo, in the stream's order.
fn events(server: &Server) -> Vec<TradeEvent> {
    let entries: Vec<(String, Vec<Vec<u8>>)> = server.ask(&format!("XRANGE {STREAM} - +"));
    entries.iter().map(|(_, entry)| TradeEvent::decode(entry).expect("an event")).collect()
}

/// In words: `o77` opened, `m77` changed, `c77` closed, `g77` gone, `d9001` a deal.
fn told(server: &Server) -> Vec<String> {
    let mut last = 0;
    let events = events(server);
    let words = events.iter().map(|event| {
        assert_eq!(event.predecessor, last, "{event:?}");
        last = event.sequence;
        match &event.what {
            Happened::State { state, .. } => {
                format!("{}{}", " om.c"[state.event as usize..].chars().next().unwrap(), state.position)
            }
            Happened::Gone => format!("g{}", event.position),
            Happened::Deal { deal, .. } => format!("d{}", deal.deal),
        }
    });
    words.collect()
}

fn settled(bridge: &Bridge, answers: &[i64]) {
    assert!(answers.iter().all(|answer| *answer > 0), "{answers:?} {}", last_error());
    bridge.settle();
}

#[test]
fn each_event_is_told_with_the_whole_record_and_prices_are_not() {
    for encoding in ["fields", "packed"] {
        let server = Server::start();
        let (folder, config) = support::configuration(&format!(
            "url = \"{}\"\n[rts]\nencoding = \"{encoding}\"\n",
            server.url()
        ));
        let bridge = Bridge::open(&config, "1.Demo", folder.path());
        let changed = TradeState { stop_loss: 1.2, ..trade(77, MT5REDIS_EVENT_CHANGE) };
        let partial = TradeState { volume: 0.2, volume_closed: 0.1, ..changed };
        // In one batch, so that coalescing has its chance: it takes prices, and no event.
        settled(
            &bridge,
            &[
                bridge.trade(&trade(77, MT5REDIS_EVENT_OPEN)),
                bridge.trade(&trade(77, MT5REDIS_EVENT_PRICE)),
                bridge.trade(&changed),
                bridge.trade(&trade(77, MT5REDIS_EVENT_PRICE)),
                bridge.trade(&partial),
                bridge.deal(&deal(9001)),
                bridge.trade(&TradeState { profit: 1.0, ..trade(77, MT5REDIS_EVENT_PRICE) }),
                bridge.trade(&TradeState { volume: 0.0, ..trade(77, MT5REDIS_EVENT_CLOSE) }),
            ],
        );
        settled(&bridge, &[bridge.open_positions(0, &[78, 79])]);
        settled(&bridge, &[bridge.open_positions(0, &[])]);
        assert_eq!(told(&server), ["o77", "m77", "m77", "d9001", "c77", "g78", "g79"], "{encoding}");
        let read = events(&server);
        let Happened::State { state, symbol, comment } = &read[2].what else { panic!() };
        assert_eq!((*state, symbol.as_str(), comment.as_str()), (partial, "EURUSD", "grid 3"));
        let Happened::Deal { deal: seen, .. } = &read[3].what else { panic!() };
        assert_eq!(*seen, deal(9001));
        let life: i64 = server.ask(&format!("PTTL {STREAM}"));
        assert!((1..=7 * 86_400_000).contains(&life), "{life}");
    }
}

#[test]
fn positions_that_are_gone_are_told_each() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    settled(&bridge, &[1, 2, 3].map(|position| bridge.trade(&trade(position, MT5REDIS_EVENT_OPEN))));
    settled(&bridge, &[bridge.open_positions(0, &[2])]);
    settled(&bridge, &[bridge.open_positions(0, &[2]), bridge.trade(&trade(2, MT5REDIS_EVENT_CHANGE))]);
    assert_eq!(told(&server), ["o1", "o2", "o3", "g1", "g3", "m2"]);
    let sequences: Vec<u64> = events(&server).iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4, 4, 6]);
}

#[test]
fn a_program_that_starts_again_tells_nothing_twice() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let play = || {
        let bridge = Bridge::open(&server.url(), "1.Demo", folder.path());
        settled(
            &bridge,
            &[
                bridge.trade(&trade(1, MT5REDIS_EVENT_OPEN)),
                bridge.deal(&deal(11)),
                bridge.deal(&deal(12)),
                bridge.deal(&deal(11)),
                bridge.trade(&TradeState { volume: 0.0, ..trade(2, MT5REDIS_EVENT_CLOSE) }),
            ],
        );
        assert_eq!(bridge.close(30_000), MT5REDIS_OK);
    };
    play();
    assert_eq!(told(&server), ["o1", "d11", "d12", "c2"]);
    play();
    assert_eq!(told(&server), ["o1", "d11", "d12", "c2", "m1"], "it is known to be open");
    // A deal of which nobody was told, from a day before: the stream is asked further back.
    let bridge = Bridge::open(&server.url(), "1.Demo", folder.path());
    let old = Deal { time_ms: deal(10).time_ms - 86_400_000, ..deal(10) };
    settled(&bridge, &[bridge.deal(&deal(12)), bridge.deal(&old), bridge.deal(&deal(11)), bridge.deal(&old)]);
    assert_eq!(told(&server)[5..], ["d10"]);
}

#[test]
fn records_without_their_watermark_are_not_told_again() {
    let mut server = Server::durable();
    let folder = tempfile::tempdir().unwrap();
    let bridge = Bridge::open(&server.url(), "1.Demo", folder.path());
    for position in 1..=100 {
        assert!(bridge.trade(&trade(position, MT5REDIS_EVENT_OPEN)) > 0);
        assert!(bridge.trade(&trade(position, MT5REDIS_EVENT_CHANGE)) > 0);
    }
    bridge.settle();
    let before = told(&server);
    assert_eq!(before.len(), 200);
    // The watermark says less than what is there, as after an eviction: half of the records are sent again.
    let keys: Vec<String> = server.ask("KEYS wm:*");
    let _: () = server.ask(&format!("SET {} 100", keys[0]));
    server.kill();
    server.restart();
    settled(&bridge, &[bridge.trade(&trade(101, MT5REDIS_EVENT_OPEN))]);
    assert_eq!(told(&server)[..200], before);
    assert_eq!(told(&server)[200..], ["o101"]);
}

#[test]
fn a_stream_that_is_none_is_told_and_the_states_go_on() {
    let server = Server::start();
    let _: () = server.ask(&format!("SET {STREAM} nonsense"));
    let bridge = Bridge::at(&server, "1.Demo");
    assert!(bridge.trade(&trade(77, MT5REDIS_EVENT_OPEN)) > 0);
    assert!(bridge.trade(&trade(77, MT5REDIS_EVENT_PRICE)) > 0);
    eventually("the event is put aside", || bridge.events().iter().any(|line| line.contains("WRONGTYPE")));
    assert_eq!(bridge.flush(30_000), MT5REDIS_ERR_DEAD_LETTERS);
    assert_eq!(server.ask::<String>("HGET ts:{1.Demo}:77 e"), "p");
}

#[test]
fn events_are_kept_for_as_long_as_the_configuration_says_or_not_told() {
    let server = Server::start();
    let (folder, config) = support::configuration(&format!(
        "url = \"{}\"\n[rts]\nevent_retention = \"1h\"\nevent_max_length = 1000\n",
        server.url()
    ));
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    for turn in 0..12_000 {
        assert!(
            bridge.trade(&TradeState { stop_loss: f64::from(turn), ..trade(1, MT5REDIS_EVENT_CHANGE) }) > 0
        );
    }
    bridge.settle();
    let length: i64 = server.ask(&format!("XLEN {STREAM}"));
    assert!((1000..7_000).contains(&length), "{length}");
    let life: i64 = server.ask(&format!("PTTL {STREAM}"));
    assert!((1..=3_600_000).contains(&life), "{life}");
    drop(bridge);

    let server = Server::start();
    let (folder, config) =
        support::configuration(&format!("url = \"{}\"\n[rts]\nevents = \"off\"\n", server.url()));
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    settled(
        &bridge,
        &[
            bridge.trade(&trade(1, MT5REDIS_EVENT_OPEN)),
            bridge.deal(&deal(11)),
            bridge.open_positions(0, &[]),
        ],
    );
    assert_eq!(server.ask::<i64>(&format!("EXISTS {STREAM}")), 0);
    assert_eq!(server.calls("xadd") + server.calls("xrevrange"), 0);
}

#[test]
fn a_heartbeat_writes_one_sample_of_equity_a_minute() {
    use mt5_redis::model::InstanceState;
    use mt5_redis::model::equity::{EquityHistory, SIZE, Sample};

    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    let start = account().time_ms / 60_000 * 60_000;
    let at = |seconds: i64, balance: f64| InstanceState {
        time_ms: start + seconds * 1000,
        balance,
        equity: balance - 5.5,
        margin: 20.0,
        profit: -5.5,
        ..account()
    };
    for (seconds, balance) in [(0, 100.0), (1, 101.0), (59, 102.0), (60, 103.0), (300, 104.0)] {
        settled(&bridge, &[bridge.heartbeat(&at(seconds, balance))]);
    }
    assert_eq!(server.ask::<usize>("STRLEN ih:{1.Demo}"), SIZE);
    let bytes: Vec<u8> = server.ask("GET ih:{1.Demo}");
    let history = EquityHistory::read(&bytes, start + 301_000).unwrap();
    let sample = |minute: i64, balance: f64| Sample {
        time_ms: start + minute * 60_000,
        balance,
        equity: balance - 5.5,
        margin: 20.0,
        profit: -5.5,
    };
    assert_eq!(history.minutes, [sample(0, 100.0), sample(1, 103.0), sample(5, 104.0)]);
    assert_eq!(history.hours.len(), 1);
    assert_eq!(history.hours[0].balance, 104.0);
    let memory: i64 = server.ask("MEMORY USAGE ih:{1.Demo}");
    assert!(memory < 100_000, "{memory}");
    let life: i64 = server.ask("PTTL ih:{1.Demo}");
    assert!(life > 365 * 86_400_000, "{life}");
}

#[test]
fn a_stream_without_ids_holds_the_lane_and_says_what_to_do() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    settled(&bridge, &[bridge.trade(&trade(1, MT5REDIS_EVENT_OPEN))]);
    let last: Vec<(String, Vec<Vec<u8>>)> = server.ask(&format!("XREVRANGE {STREAM} + - COUNT 1"));
    let highest = "18446744073709551615-18446744073709551615";
    let _: String = server.ask(&format!("XADD {STREAM} {highest} x y"));
    // The price in between is no event, and waits for its turn.
    let answers = [
        bridge.trade(&trade(2, MT5REDIS_EVENT_OPEN)),
        bridge.trade(&trade(2, MT5REDIS_EVENT_PRICE)),
        bridge.deal(&deal(7)),
    ];
    assert!(answers.iter().all(|answer| *answer > 0));
    eventually("a person is told", || {
        bridge.events().iter().any(|line| line.contains("ALARM: te:{1.Demo} has no ids left"))
    });
    let _: i64 = server.ask(&format!("XDEL {STREAM} {highest}"));
    let _: String = server.ask(&format!("XSETID {STREAM} {}", last[0].0));
    bridge.settle();
    // The set of open positions has it since the first attempt, of which only the event was refused.
    assert_eq!(told(&server), ["o1", "m2", "d7"]);
    assert_eq!(server.ask::<String>("HGET ts:{1.Demo}:2 e"), "p");
}

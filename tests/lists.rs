//! The lists that readers and `mt5fleet` find names in: they are hints, so one that cannot be written holds nothing up.

mod support;

use support::bridge::{Bridge, account, buy, sequences};
use support::server::Server;

#[test]
fn a_list_of_sources_that_cannot_be_written_delays_no_signal() {
    let server = Server::start();
    let _: String = server.ask("SET sl:{0} occupied");
    let bridge = Bridge::at(&server, "1.Demo");
    for number in 1..=20 {
        bridge.signal(&buy(number));
        bridge.settle();
    }
    assert_eq!(sequences(&server), (1..=20).collect::<Vec<_>>());
    let events = bridge.events().join("\n");
    assert!(!events.contains("accepts no writes"), "{events}");
    assert_eq!(events.matches("WRONGTYPE").count(), 1, "{events}");
}

#[test]
fn a_list_of_instances_that_cannot_be_written_delays_no_heartbeat() {
    let server = Server::start();
    let _: String = server.ask("SET il occupied");
    let bridge = Bridge::at(&server, "1.Demo");
    for _ in 1..=20 {
        assert!(bridge.heartbeat(&account()) > 0);
        bridge.settle();
    }
    assert_eq!(server.ask::<i64>("EXISTS is:{1.Demo}"), 1);
    let events = bridge.events().join("\n");
    assert!(!events.contains("accepts no writes"), "{events}");
    assert_eq!(events.matches("WRONGTYPE").count(), 1, "{events}");
}

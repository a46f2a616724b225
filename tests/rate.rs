//! The rate limits of a lane: what goes at once, what waits, and that nothing is lost meanwhile.

mod support;

use std::time::{Duration, Instant};

use support::bridge::{Bridge, buy, sequences};
use support::server::Server;

#[test]
fn a_lane_with_a_limit_sends_no_faster_and_loses_nothing() {
    let server = Server::start();
    let (folder, config) = support::configuration(&format!(
        "url = \"{}\"\n[rtss]\nrecords_per_second = 2000\n[rts]\nbytes_per_second = 1000000\n",
        server.url()
    ));
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    let started = Instant::now();
    // The first second's worth goes at once, the second one takes a second.
    for number in 1..=4000 {
        assert_eq!(bridge.signal(&buy(number)), number);
    }
    bridge.settle();
    // The least that it can take: slower is a slow machine.
    assert!(started.elapsed() >= Duration::from_millis(950), "{:?}", started.elapsed());
    assert_eq!(sequences(&server), (1..=4000).collect::<Vec<_>>());
}

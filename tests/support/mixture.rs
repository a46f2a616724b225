//! A terminal that sends signals and execution reports, which share a journal and its numbers.

use mt5_redis::model::reported::Reported;

use super::bridge::{Bridge, buy, done, last_error, predecessors, sequences};
use super::server::Server;

/// The stream of its reports.
pub const STREAM: &str = "sr:{0}:1.Demo";

/// The reports of 1.Demo, in the stream's order.
pub fn reports(server: &Server) -> Vec<Reported> {
    let entries: Vec<(String, Vec<Vec<u8>>)> = server.ask(&format!("XRANGE {STREAM} - +"));
    entries.iter().map(|(_, entry)| Reported::decode(entry).expect("a report")).collect()
}

/// Signals and reports in turn, `count` of each.
pub fn alternate(bridge: &Bridge, count: i64) {
    for number in 1..=count {
        assert!(bridge.signal(&buy(number)) > 0, "{}", last_error());
        assert!(bridge.report(&done(number)) > 0, "{}", last_error());
    }
}

/// Checks that each number up to `last` is there once, in one stream or the other, and that each stream's entries name
/// their predecessors.
pub fn check(server: &Server, last: i64) {
    let signals = sequences(server);
    let told: Vec<i64> = reports(server).iter().map(|report| report.sequence as i64).collect();
    assert!(signals.is_sorted() && told.is_sorted(), "{signals:?} {told:?}");
    let mut all = [&signals[..], &told[..]].concat();
    all.sort_unstable();
    assert_eq!(all, (1..=last).collect::<Vec<_>>());
    let before = |numbers: &[i64]| [&[0], &numbers[..numbers.len().saturating_sub(1)]].concat();
    assert_eq!(predecessors(server), before(&signals)[..signals.len()]);
    let named: Vec<i64> = reports(server).iter().map(|report| report.predecessor as i64).collect();
    assert_eq!(named, before(&told)[..told.len()]);
}

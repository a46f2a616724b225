//! Entries larger than any signal are not kept, and the entries after them are read.

mod support;

use support::bridge::{Bridge, buy};
use support::eventually;
use support::follower::{self, Wants, subscribe};
use support::server::Server;

#[test]
fn an_entry_of_more_than_64_kib_is_told_and_passed_over() {
    let server = Server::start();
    let source = Bridge::at(&server, "1.Demo");
    source.signal(&buy(1));
    source.settle();
    server.ask::<String>(&format!("XADD ss:{{0}}:1.Demo * d {}", "x".repeat(70_000)));
    source.signal(&buy(2));
    source.settle();
    let folder = tempfile::tempdir().unwrap();
    let reader = Bridge::open(&server.url(), "2.Demo", folder.path());
    subscribe(&reader, &Wants { follower: "g", instances: "1.Demo", start: 1, ..Wants::default() });
    assert_eq!(follower::wait(&reader).signal.magic, 1);
    assert_eq!(follower::wait(&reader).signal.magic, 2);
    let mut told = Vec::new();
    eventually("an event", || {
        told.extend(reader.events());
        told.iter().any(|line| line.contains("it has 70001 bytes, more than 65536"))
    });
    assert_eq!(reader.stats()["inbox"]["unreadable"], 1, "{}", reader.stats());
}

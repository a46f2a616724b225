//! What every lane does alike, whatever its records are.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::plain::{Plain, lane};
use crate::events::Events;

#[test]
fn a_defect_while_the_journal_is_read_is_told_and_the_thread_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let events = Arc::new(Events::default());
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let lane = lane(folder.path(), &events, server.local_addr().unwrap().port());
    Plain::defective(true);
    lane.accept(|sequence| sequence).unwrap();
    lane.start().unwrap();
    let (mut cursor, mut told) = (0, String::new());
    eventually("it is told", || {
        told += &events.next(&mut cursor, |_| true).unwrap_or_default();
        told.contains("a bug, please report it: record 1 cannot be read")
    });
    Plain::defective(false);
    eventually("it connects", || server.accept().is_ok());
    lane.abandon();
    assert!(lane.wait_for_end(Instant::now() + PATIENCE));
}

const PATIENCE: Duration = Duration::from_secs(30);

fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "never came to pass: {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

//! Processes that die or stand still: the producer's, and the server's.

use std::thread;
use std::time::Duration;

use super::producer::Producer;
use super::scenario::{Scenario, Setting, short_or_long};
use crate::support::server::{Server, command};

/// kill -9 of the producer at any moment, opening and recovery included, and a new one on the same journal.
pub fn producer(mut chaos: Scenario) {
    let server = Server::start();
    let task = chaos.task(&Setting { rts: &server.url(), rtss: &server.url(), journal: "" });
    for _ in 0..short_or_long(15, 200) {
        let producer = Producer::spawn(&task);
        thread::park_timeout(Duration::from_millis(chaos.dice.u64(1..250)));
        producer.kill();
        chaos.fault("kill -9 of the producer");
    }
    Producer::start(&task).finish();
    chaos.judge(&server, &server);
}

/// kill -9 of the server, its silence for longer than every time-out, and its CLIENT KILL all the time.
pub fn server(mut chaos: Scenario) {
    let mut server = Server::durable();
    let task = chaos.task(&Setting { rts: &server.url(), rtss: &server.url(), journal: "" });
    let producer = Producer::start(&task);
    for _ in 0..short_or_long(2, 6) {
        thread::park_timeout(Duration::from_millis(chaos.dice.u64(1..300)));
        server.kill();
        chaos.fault("kill -9 of the server");
        thread::park_timeout(Duration::from_millis(chaos.dice.u64(0..100)));
        server.restart();

        thread::park_timeout(Duration::from_millis(chaos.dice.u64(1..300)));
        server.freeze();
        chaos.fault("SIGSTOP of the server");
        thread::park_timeout(Duration::from_millis(chaos.dice.u64(700..900)));
        server.thaw();

        let mut client = server.client();
        for _ in 0..short_or_long(100, 200) {
            let kill = command("CLIENT KILL TYPE normal SKIPME yes");
            let killed: u64 = kill.query(&mut client).expect("a count");
            chaos.faults_of("CLIENT KILL", killed);
            thread::park_timeout(Duration::from_millis(chaos.dice.u64(1..8)));
        }
    }
    producer.finish();
    chaos.judge(&server, &server);
}

//! What networks do to a connection, through the [`Proxy`].

use std::thread;
use std::time::Duration;

use super::producer::Producer;
use super::proxy::{Mode, Proxy, Way};
use super::scenario::{Scenario, Setting, short_or_long};
use crate::support::{eventually, server::Server};

/// All of the proxy's faults, as the dice fall, each at least once.
pub fn faults(mut chaos: Scenario) {
    let server = Server::start();
    let proxy = Proxy::before(server.port);
    let task = chaos.task(&Setting { rts: &proxy.url(), rtss: &proxy.url(), journal: "" });
    let producer = Producer::start(&task);
    for round in 0..short_or_long(12, 50) {
        let kind = if round < 6 { round } else { chaos.dice.u64(..6) };
        fault(&mut chaos, &proxy, kind);
        thread::park_timeout(Duration::from_millis(chaos.dice.u64(..60)));
    }
    producer.finish();
    chaos.judge(&server, &server);
}

/// One fault, over when this returns.
pub fn fault(chaos: &mut Scenario, proxy: &Proxy, kind: u64) {
    match kind {
        0 | 1 => {
            // Mostly inside the next batch, at times inside the handshake after the cut before.
            let bytes = 1 << chaos.dice.u32(..15);
            let bytes = bytes + chaos.dice.u64(..bytes);
            let (way, name) = if kind == 0 {
                (Way::Request, "cut inside a command")
            } else {
                (Way::Reply, "cut inside a reply")
            };
            let cuts = proxy.cuts();
            proxy.set(Mode::Cut(way, bytes));
            eventually("the connection is cut", || proxy.cuts() > cuts);
            chaos.fault(name);
        }
        2 => {
            proxy.reset();
            chaos.fault("reset");
        }
        3 => {
            proxy.set(Mode::Stall);
            thread::park_timeout(Duration::from_millis(chaos.dice.u64(100..700)));
            // At times the silence ends with a reset, at times with all that was held back.
            if chaos.dice.bool() {
                proxy.reset();
            }
            chaos.fault("stall");
        }
        4 => {
            proxy.set(Mode::Throttle(chaos.dice.u64(2_000..200_000)));
            thread::park_timeout(Duration::from_millis(chaos.dice.u64(100..500)));
            chaos.fault("throttle");
        }
        _ => {
            proxy.set(Mode::Refuse);
            proxy.reset();
            thread::park_timeout(Duration::from_millis(chaos.dice.u64(50..300)));
            chaos.fault("refuse");
        }
    }
    proxy.set(Mode::Pass);
}

//! Every fault at hand over both lanes, each with a server and a network of its own, as the dice fall; and
//! the one lane's trouble is not the other's.

use std::thread;
use std::time::{Duration, Instant};

use super::content::INSTANCES;
use super::network;
use super::producer::Producer;
use super::proxy::{Mode, Proxy};
use super::reader::watermark;
use super::scenario::{Scenario, Setting, short_or_long};
use crate::support::eventually;
use crate::support::server::Server;

/// A lane's server and the way to it.
struct Site {
    server: Server,
    proxy: Proxy,
    tag: &'static str,
}

impl Site {
    fn new(tag: &'static str) -> Self {
        let server = Server::durable();
        Self { proxy: Proxy::before(server.port), server, tag }
    }

    fn committed(&self) -> u64 {
        watermark(&mut self.server.client(), self.tag)
    }
}

pub fn mixed(mut chaos: Scenario) {
    let mut sites = [Site::new(INSTANCES[0]), Site::new("0")];
    let task = chaos.task(&Setting { rts: &sites[0].proxy.url(), rtss: &sites[1].proxy.url(), journal: "" });
    let mut producer = Producer::start(&task);
    for broken in [0, 1] {
        let (stalled, other) = (&sites[broken], &sites[1 - broken]);
        stalled.proxy.set(Mode::Stall);
        let before = other.committed();
        eventually("the other lane goes on", || other.committed() > before + 500);
        stalled.proxy.set(Mode::Pass);
        chaos.fault("one lane stalled, the other went on");
    }
    let end = Instant::now() + Duration::from_secs(short_or_long(4, 12));
    while Instant::now() < end {
        let kind = chaos.dice.u8(..10);
        if kind == 0 {
            producer.kill();
            producer = Producer::start(&task);
            chaos.fault("kill -9 of the producer");
        } else {
            let at = chaos.dice.usize(..2);
            one(&mut chaos, &mut sites[at], kind);
        }
        thread::park_timeout(Duration::from_millis(chaos.dice.u64(..80)));
    }
    producer.finish();
    let [rts, rtss] = &sites;
    chaos.judge(&rts.server, &rtss.server);
}

fn one(chaos: &mut Scenario, site: &mut Site, kind: u8) {
    let Site { server, proxy, .. } = site;
    let pause = Duration::from_millis(chaos.dice.u64(10..500));
    match kind {
        1 => {
            server.kill();
            thread::park_timeout(pause);
            server.restart();
            chaos.fault("kill -9 of a server");
        }
        2 => {
            server.freeze();
            thread::park_timeout(pause);
            server.thaw();
            chaos.fault("SIGSTOP of a server");
        }
        3 => {
            let _: i64 = server.ask("CLIENT KILL TYPE normal SKIPME yes");
            chaos.fault("CLIENT KILL");
        }
        4 => {
            let _: String = server.ask("CONFIG SET maxmemory 1");
            thread::park_timeout(pause);
            let _: String = server.ask("CONFIG SET maxmemory 0");
            chaos.fault("OOM");
        }
        5 => {
            let _: String = server.ask("CONFIG SET min-replicas-to-write 1");
            thread::park_timeout(pause);
            let _: String = server.ask("CONFIG SET min-replicas-to-write 0");
            chaos.fault("NOREPLICAS");
        }
        _ => {
            let fault = chaos.dice.u64(..6);
            network::fault(chaos, proxy, fault);
        }
    }
}

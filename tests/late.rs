//! A network that delivers what a connection sent after that connection was given up: nothing is in Redis twice,
//! on one server and in a Cluster, with one instance and with several.

mod support;

use std::collections::BTreeMap;

use support::bridge::{Bridge, buy, sequences_of};
use support::eventually;
use support::late::Late;
use support::port::free_ports;
use support::server::Server;

/// Bridges that soon give a connection up: instances that share it, and whose signals are in several streams.
struct Fleet {
    server: Server,
    network: Late,
    bridges: Vec<Bridge>,
    sent: Vec<i64>,
}

impl Fleet {
    fn on_one_server(instances: usize) -> Self {
        Self::at(Server::start(), "redis", instances)
    }

    fn on_a_cluster(instances: usize) -> Self {
        let node = Server::on(free_ports(1)[0], &["--save", "", "--cluster-enabled", "yes"]);
        let _: String = node.ask("CLUSTER ADDSLOTSRANGE 0 16383");
        eventually("the Cluster works", || node.ask::<String>("CLUSTER INFO").contains("cluster_state:ok"));
        Self::at(node, "redis-cluster", instances)
    }

    fn at(server: Server, scheme: &str, instances: usize) -> Self {
        let network = Late::before(server.port);
        if scheme == "redis-cluster" {
            let _: String = server.ask(&format!("CONFIG SET cluster-announce-port {}", network.port));
        }
        let (_folder, config) = support::configuration(&format!(
            "url = \"{scheme}://127.0.0.1:{}\"\n[rtss]\nshards = 16\nreply_timeout = \"200ms\"",
            network.port
        ));
        let bridges =
            (1..=instances).map(|number| Bridge::open(&config, &format!("{number}.Demo"), server.folder()));
        let mut fleet = Self { bridges: bridges.collect(), server, network, sent: Vec::new() };
        fleet.signals(instances);
        fleet.settle();
        fleet
    }

    /// Sends so many signals, each by the next instance.
    fn signals(&mut self, count: usize) {
        for number in 0..count {
            let sequence = self.bridges[number % self.bridges.len()].signal(&buy(number as i64));
            assert!(sequence > 0, "code {sequence}");
            self.sent.push(sequence);
        }
    }

    fn settle(&self) {
        self.bridges.iter().for_each(Bridge::settle);
    }

    /// Every signal is in Redis once, and those of an instance are in order.
    fn check(&self) {
        let streams: Vec<String> = self.server.ask("KEYS ss:*");
        let streams: BTreeMap<_, _> =
            streams.into_iter().map(|key| (key.clone(), sequences_of(&self.server, &key))).collect();
        let mut all = streams.values().flatten().copied().collect::<Vec<_>>();
        all.sort_unstable();
        assert_eq!(all, self.sent, "{streams:?}");
        assert!(streams.values().all(|sequences| sequences.is_sorted()), "{streams:?}");
        assert!(streams.len() > 1 || self.bridges.len() == 1, "several streams: {streams:?}");
    }

    /// The network holds a batch back until the bridge has given its connection up, made another, asked for
    /// the watermarks and sent the records again. Then the old bytes arrive after all.
    fn late(mut self) {
        for _ in 0..3 {
            self.network.hold();
            self.signals(12);
            self.settle();
            assert!(self.network.release() > 0, "something was held back");
            self.signals(12);
            self.settle();
        }
        self.check();
    }

    /// The same, but the old bytes arrive when the new connection has asked and not yet sent.
    fn between(mut self) {
        for _ in 0..3 {
            self.network.hold();
            self.network.release_before("MULTI");
            self.signals(12);
            self.settle();
            assert!(self.network.release() > 0, "something was held back");
        }
        self.check();
    }
}

#[test]
fn bytes_of_a_connection_given_up_that_arrive_late_double_nothing() {
    Fleet::on_one_server(1).late();
}

#[test]
fn bytes_that_arrive_between_question_and_answer_double_nothing() {
    Fleet::on_one_server(1).between();
}

#[test]
fn bytes_of_several_instances_that_arrive_late_double_nothing() {
    Fleet::on_one_server(4).late();
    Fleet::on_one_server(4).between();
}

#[test]
fn bytes_that_arrive_late_at_a_cluster_double_nothing() {
    Fleet::on_a_cluster(4).late();
    Fleet::on_a_cluster(4).between();
}

//! A master and a replica behind proxies, and three sentinels that watch over them, all quick to decide.

use std::thread;
use std::time::{Duration, Instant};

use super::proxy::Proxy;
use super::server::Server;
use super::{PATIENCE, eventually};

pub const MASTER: &str = "mt5-test";

/// The group. The servers know each other by their proxies, so that one can be cut off from everybody.
pub struct Sentinels {
    pub servers: Vec<Server>,
    pub proxies: Vec<Proxy>,
    pub sentinels: Vec<Server>,
}

impl Sentinels {
    pub fn start() -> Self {
        let proxies = vec![Proxy::new(), Proxy::new()];
        let servers: Vec<Server> = proxies.iter().map(|proxy| Self::server(proxy, &[])).collect();
        let _: String = servers[1].ask(&format!("REPLICAOF 127.0.0.1 {}", proxies[0].port));
        eventually("the replica is in step", || {
            servers[1].info("replication").contains("master_link_status:up")
        });
        let text = format!(
            "sentinel monitor {MASTER} 127.0.0.1 {} 2\n\
             sentinel down-after-milliseconds {MASTER} 400\n\
             sentinel failover-timeout {MASTER} 2000\n",
            proxies[0].port
        );
        let sentinels: Vec<Server> = (0..3)
            .map(|_| {
                let sentinel = Server::configured(&text, &["--sentinel"]);
                // On a machine that is too busy a sentinel pauses: not for half a minute.
                let quick =
                    "tilt-period 1000 info-period 200 ping-period 100 ask-period 100 publish-period 100";
                let _: String = sentinel.ask(&format!("SENTINEL DEBUG {quick}"));
                sentinel
            })
            .collect();
        let group = Self { servers, proxies, sentinels };
        group.settle();
        group
    }

    fn server(proxy: &Proxy, arguments: &[&str]) -> Server {
        let port = proxy.port.to_string();
        let mut all = vec!["--save", "", "--repl-diskless-sync-delay", "0", "--repl-timeout", "2"];
        all.extend(["--replica-announce-ip", "127.0.0.1", "--replica-announce-port", &port]);
        all.extend(arguments);
        let server = Server::with(&all);
        proxy.lead_to(server.port);
        server
    }

    /// Waits until every sentinel knows the other two and a replica that could take over.
    pub fn settle(&self) {
        eventually("the sentinels have found each other and the replica", || {
            self.sentinels.iter().all(|sentinel| {
                let info = sentinel.info("sentinel");
                info.contains("status=ok") && info.contains("slaves=1,sentinels=3")
            }) && self.replica_is_in_step()
        });
    }

    fn replica_is_in_step(&self) -> bool {
        let info = self.servers[self.master()].info("replication");
        info.contains("role:master") && info.contains("state=online")
    }

    /// Which server the first sentinel calls the master.
    pub fn master(&self) -> usize {
        let (_, port): (String, u16) =
            self.sentinels[0].ask(&format!("SENTINEL GET-MASTER-ADDR-BY-NAME {MASTER}"));
        self.proxies.iter().position(|proxy| proxy.port == port).expect("one of ours")
    }

    /// Waits until the sentinels have made the other one the master.
    pub fn failed_over_from(&self, old: usize) {
        // Sentinels that disagree vote again after some seconds; where processors are scarce, several times.
        let deadline = Instant::now() + 4 * PATIENCE;
        while self.master() == old || !self.servers[1 - old].info("replication").contains("role:master") {
            assert!(Instant::now() < deadline, "the sentinels do not fail over: {}", self.views());
            thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// What each sentinel thinks of the master and of the replica.
    fn views(&self) -> String {
        let ask = |what: &str| {
            let view =
                |sentinel: &Server| sentinel.ask::<Vec<redis::Value>>(&format!("SENTINEL {what} {MASTER}"));
            self.sentinels.iter().map(view).map(|view| format!("{view:?}\n")).collect::<String>()
        };
        ask("MASTER") + &ask("REPLICAS")
    }

    /// The keys of a configuration that lead here.
    pub fn toml(&self) -> String {
        let list: Vec<String> =
            self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port)).collect();
        format!("url = \"redis-sentinel://{}/{MASTER}\"\n", list.join(","))
    }
}

//! A Redis Cluster of a test's own: masters, a replica each, and the moves an operator makes, one slot at a
//! time.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::eventually;
use super::port::free_port;
use super::server::Server;

const SLOTS: u16 = 16_384;

/// A node that is still unknown after this time is introduced again.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// The nodes; the first half are masters at first, the others their replicas.
pub struct Cluster {
    pub nodes: Vec<Server>,
}

impl Cluster {
    /// Starts three masters with a replica each.
    pub fn start() -> Self {
        let mut cluster = Self { nodes: (0..6).map(|_| Self::node()).collect() };
        for (at, node) in cluster.nodes.iter().enumerate() {
            let _: String = node.ask(&format!("CLUSTER SET-CONFIG-EPOCH {}", at + 1));
            if at < 3 {
                let (first, after) = (SLOTS as usize * at / 3, SLOTS as usize * (at + 1) / 3);
                let _: String = node.ask(&format!("CLUSTER ADDSLOTSRANGE {first} {}", after - 1));
            }
        }
        (1..6).for_each(|at| cluster.meet(at));
        for at in 3..6 {
            let master = cluster.id(at - 3);
            let _: String = cluster.nodes[at].ask(&format!("CLUSTER REPLICATE {master}"));
        }
        cluster.settle();
        cluster
    }

    fn node() -> Server {
        let text = format!(
            "--cluster-enabled yes --cluster-port {} --cluster-node-timeout 2500 --repl-diskless-sync-delay 0",
            free_port()
        );
        Server::with(&["--save", ""].into_iter().chain(text.split(' ')).collect::<Vec<_>>())
    }

    /// Introduces a node to the first one, and waits until all know it.
    fn meet(&mut self, at: usize) {
        let (port, bus) = (self.nodes[at].port, self.nodes[at].setting("cluster-port"));
        let id = self.id(at);
        let mut asked: Option<Instant> = None;
        eventually("all nodes know the new one", || {
            // A handshake that takes too long is given up.
            if asked.is_none_or(|asked| asked.elapsed() > HANDSHAKE) {
                let _: String = self.nodes[0].ask(&format!("CLUSTER MEET 127.0.0.1 {port} {bus}"));
                asked = Some(Instant::now());
            }
            let know = |node: &Server| node.ask::<String>("CLUSTER NODES").contains(&id);
            let known = self.nodes[at].ask::<String>("CLUSTER NODES");
            self.nodes[..=at].iter().all(know)
                && self.nodes[..=at].iter().all(|node| known.contains(&format!(":{}@", node.port)))
                && !known.contains("handshake")
        });
    }

    /// Waits until the Cluster works and every replica is in step.
    pub fn settle(&self) {
        eventually("the Cluster works", || {
            self.nodes.iter().filter(|node| node.is_running()).all(|node| {
                let replication = node.info("replication");
                node.ask::<String>("CLUSTER INFO").contains("cluster_state:ok")
                    && (replication.contains("role:master") || replication.contains("master_link_status:up"))
            })
        });
    }

    /// Adds a master without slots. Returns its place.
    pub fn add(&mut self) -> usize {
        self.nodes.push(Self::node());
        let at = self.nodes.len() - 1;
        self.meet(at);
        self.settle();
        at
    }

    /// Takes a node without slots out, and ends it.
    pub fn remove(&mut self, at: usize) {
        let id = self.id(at);
        for node in self.nodes.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, node)| node) {
            let _: String = node.ask(&format!("CLUSTER FORGET {id}"));
        }
        self.nodes[at].kill();
    }

    fn id(&self, at: usize) -> String {
        self.nodes[at].ask("CLUSTER MYID")
    }

    /// The slot of a key.
    pub fn slot(&self, key: &str) -> u16 {
        self.nodes[0].ask(&format!("CLUSTER KEYSLOT {key}"))
    }

    /// What a node says of itself.
    fn itself(node: &Server) -> String {
        let nodes: String = node.ask("CLUSTER NODES");
        nodes.lines().find(|line| line.contains("myself")).expect("itself").to_owned()
    }

    /// The running nodes that say they own slots as masters.
    pub fn masters(&self) -> Vec<usize> {
        let owns = |node: &Server| {
            let own = Self::itself(node);
            own.contains("master") && own.split(' ').nth(8).is_some_and(|range| !range.starts_with('['))
        };
        (0..self.nodes.len()).filter(|at| self.nodes[*at].is_running() && owns(&self.nodes[*at])).collect()
    }

    /// The running node that says it follows this one.
    pub fn replica_of(&self, master: usize) -> usize {
        let id = self.id(master);
        let follows = |node: &Server| {
            let own = Self::itself(node);
            own.contains("slave") && own.contains(&id)
        };
        let replica = self.nodes.iter().position(|node| node.is_running() && follows(node));
        replica.unwrap_or_else(|| panic!("node {master} has no replica"))
    }

    /// The running node that says it owns a slot as a master.
    pub fn owner(&self, slot: u16) -> usize {
        let owns = |node: &Server| {
            let own = Self::itself(node);
            own.contains("master")
                && own.split(' ').skip(8).filter(|range| !range.starts_with('[')).any(|range| {
                    let (first, last) = range.split_once('-').unwrap_or((range, range));
                    (first.parse().expect("a slot")..=last.parse::<u16>().expect("a slot")).contains(&slot)
                })
        };
        let owner = self.nodes.iter().position(|node| node.is_running() && owns(node));
        owner.unwrap_or_else(|| panic!("nobody owns slot {slot}"))
    }

    /// Moves a slot, key by key, as `redis-cli --cluster reshard` does; `between` is called while some of its
    /// keys are here and some there.
    pub fn move_slot(&self, slot: u16, to: usize, mut between: impl FnMut()) {
        if self.owner(slot) == to {
            return;
        }
        let moving = self.begin_to_move(slot, to);
        while let Some(key) = moving.keys().first() {
            moving.take(key);
            between();
        }
        moving.end();
    }

    /// Begins to move a slot, which stays halfway until the end.
    pub fn begin_to_move(&self, slot: u16, to: usize) -> Moving<'_> {
        let from = self.owner(slot);
        let (source, target) = (&self.nodes[from], &self.nodes[to]);
        let _: String = target.ask(&format!("CLUSTER SETSLOT {slot} IMPORTING {}", self.id(from)));
        let _: String = source.ask(&format!("CLUSTER SETSLOT {slot} MIGRATING {}", self.id(to)));
        Moving { slot, source, target, target_id: self.id(to), nodes: &self.nodes }
    }

    /// Waits until every node knows the last change of owners. A master that takes a slot without that knowledge takes
    /// it in an epoch of the past: the others give the slot back to its old owner, or to nobody, and the new one deletes
    /// the slot's keys.
    fn agree(nodes: &[Server]) {
        let epoch = |node: &Server| {
            let info: String = node.ask("CLUSTER INFO");
            info.lines().find(|line| line.starts_with("cluster_current_epoch:")).expect("an epoch").to_owned()
        };
        eventually("the nodes agree on the epoch", || {
            let epochs: HashSet<String> = nodes.iter().filter(|node| node.is_running()).map(epoch).collect();
            epochs.len() == 1
        });
    }

    /// Moves every slot to the next of the three masters, a hundred at a time.
    pub fn move_every_slot(&self) {
        for node in &self.nodes {
            // Else a master becomes a replica between giving its last slot away and getting others.
            let _: String = node.ask("CONFIG SET cluster-allow-replica-migration no");
        }
        for from in 0..3 {
            let (source, target) = (&self.nodes[from], &self.nodes[(from + 1) % 3]);
            let (source_id, target_id) = (self.id(from), self.id((from + 1) % 3));
            let (mut at_source, mut at_target) = (source.client(), target.client());
            Self::agree(&self.nodes);
            let first = SLOTS as usize * from / 3;
            let slots: Vec<usize> = (first..SLOTS as usize * (from + 1) / 3).collect();
            for slots in slots.chunks(100) {
                let set = |client: &mut redis::Connection, what: &str, id: &str| {
                    let mut pipeline = redis::pipe();
                    for slot in slots {
                        pipeline.cmd("CLUSTER").arg("SETSLOT").arg(slot).arg(what).arg(id);
                    }
                    pipeline.exec(client)
                };
                set(&mut at_target, "IMPORTING", &source_id).expect("the target agrees");
                set(&mut at_source, "MIGRATING", &target_id).expect("the source agrees");
                let mut pipeline = redis::pipe();
                for slot in slots {
                    pipeline.cmd("CLUSTER").arg("GETKEYSINSLOT").arg(slot).arg(1000);
                }
                // No key is made where a slot is leaving, so these are all.
                let keys: Vec<Vec<String>> = pipeline.query(&mut at_source).expect("keys of slots");
                for key in keys.iter().flatten() {
                    let mut migrate = redis::cmd("MIGRATE");
                    migrate.arg("127.0.0.1").arg(target.port).arg(key).arg(0).arg(5000);
                    eventually("a key is migrated", || migrate.exec(&mut at_source).is_ok());
                }
                set(&mut at_target, "NODE", &target_id).expect("the target takes them");
                set(&mut at_source, "NODE", &target_id).expect("the source lets them go");
            }
        }
    }

    /// The keys of a configuration that lead here: two of the nodes will do.
    pub fn toml(&self) -> String {
        format!(
            "url = \"redis-cluster://127.0.0.1:{},127.0.0.1:{}\"\n",
            self.nodes[0].port, self.nodes[4].port
        )
    }
}

/// A slot that is halfway.
pub struct Moving<'a> {
    slot: u16,
    pub source: &'a Server,
    pub target: &'a Server,
    target_id: String,
    nodes: &'a [Server],
}

impl Moving<'_> {
    /// A few keys of the slot that are not moved yet.
    pub fn keys(&self) -> Vec<String> {
        self.source.ask(&format!("CLUSTER GETKEYSINSLOT {} 100", self.slot))
    }

    /// Moves a key.
    pub fn take(&self, key: &str) {
        let mut migrate = redis::cmd("MIGRATE");
        migrate.arg("127.0.0.1").arg(self.target.port).arg(key).arg(0).arg(5000);
        let mut client = self.source.client();
        // A node that has just joined may not think yet that the Cluster works.
        eventually("a key is migrated", || migrate.exec(&mut client).is_ok());
    }

    /// The slot is the other node's now.
    pub fn end(self) {
        let Self { slot, source, target, target_id, nodes } = self;
        Cluster::agree(nodes);
        let set = format!("CLUSTER SETSLOT {slot} NODE {target_id}");
        let _: String = target.ask(&set);
        // It may have heard already, and be a replica by now if this was its last slot.
        let _ = super::server::command(&set).exec(&mut source.client());
    }
}

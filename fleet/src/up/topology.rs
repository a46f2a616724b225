//! The three topologies: their servers, each server's configuration file, and the bridge's configuration.

use super::server::Kind;
use super::{files, sizing};

/// The lanes, in the order of the library's lane numbers.
pub const LANES: [&str; 3] = ["ris", "rts", "rtss"];

/// How the servers are arranged.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Topology {
    /// One server for each lane
    #[default]
    Single,
    /// A master and a replica for each lane, and three Sentinels
    Sentinel,
    /// One Cluster of three masters and three replicas for all lanes
    Cluster,
}

/// A server to start.
pub struct Node {
    pub name: String,
    pub kind: Kind,
    pub port: u16,
    /// The initial text of its configuration file.
    pub file: String,
    /// The lane, "cluster" or "sentinel".
    pub lane: &'static str,
}

impl Topology {
    /// The names of its servers, in the order of their ports.
    pub fn names(self) -> Vec<String> {
        match self {
            Self::Single => LANES.map(String::from).to_vec(),
            Self::Sentinel => {
                let servers = LANES.iter().flat_map(|lane| ["a", "b"].map(|copy| format!("{lane}-{copy}")));
                servers.chain((1..=3).map(|number| format!("sentinel-{number}"))).collect()
            }
            Self::Cluster => (1..=6).map(|number| format!("node-{number}")).collect(),
        }
    }

    /// Its servers; the ports are in the order of [`names`](Self::names).
    pub fn nodes(self, ports: &[u16]) -> Vec<Node> {
        let node = |(at, name): (usize, String)| {
            let lane = match self {
                Self::Cluster => "cluster",
                Self::Single => LANES[at],
                Self::Sentinel => LANES.get(at / 2).copied().unwrap_or("sentinel"),
            };
            let kind = if lane == "sentinel" { Kind::Sentinel } else { Kind::Server };
            let mut file = format!("include redis-{lane}.conf\n");
            match (self, lane) {
                (_, "sentinel") => file = sentinel(ports),
                (Self::Sentinel, _) => {
                    file += "include replicated.conf\n";
                    // Heartbeats need no second copy: the next one replaces them.
                    if lane != "ris" {
                        file += "include two-copies.conf\n";
                    }
                    if at % 2 == 1 {
                        file += &format!("replicaof 127.0.0.1 {}\n", ports[at - 1]);
                    }
                }
                _ => {}
            }
            Node { name, kind, port: ports[at], file, lane }
        };
        self.names().into_iter().enumerate().map(node).collect()
    }

    /// The bridge's configuration for servers on these ports.
    pub fn toml(self, ports: &[u16]) -> String {
        let addresses = |ports: &[u16]| {
            let all: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
            all.join(",")
        };
        let table = |(at, lane): (usize, &str)| {
            let url = match self {
                Self::Single => format!("redis://127.0.0.1:{}", ports[at]),
                Self::Sentinel => format!("redis-sentinel://{}/{lane}", addresses(&ports[6..])),
                Self::Cluster => format!("redis-cluster://{}", addresses(ports)),
            };
            format!("[{lane}]\nurl = \"{url}\"\n")
        };
        LANES.into_iter().enumerate().map(table).collect()
    }

    /// The limits for a fleet of this size, as arguments of the server.
    pub fn size(self, lane: &str, terminals: u64) -> Vec<String> {
        let limits = sizing::limits(self, lane, terminals);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut arguments = vec![
            "--maxmemory".to_owned(),
            limits.max_memory.to_string(),
            "--maxclients".to_owned(),
            limits.max_clients.to_string(),
        ];
        let threads = sizing::io_threads(cores, self.names().len());
        if threads > 1 {
            arguments.extend(["--io-threads".to_owned(), threads.to_string()]);
        }
        arguments
    }
}

/// The Sentinels' file, with the masters' addresses.
fn sentinel(ports: &[u16]) -> String {
    let mut text = files::text("sentinel.conf").to_owned();
    for (at, lane) in LANES.iter().enumerate() {
        let here = format!("sentinel monitor {lane} 127.0.0.1 {} 2", ports[2 * at]);
        text = text.replace(&format!("sentinel monitor {lane} {lane}-a {} 2", 6390 + at), &here);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sentinel_watches_the_three_masters_where_they_are() {
        let ports: Vec<u16> = (1001..=1009).collect();
        let nodes = Topology::Sentinel.nodes(&ports);
        for master in ["ris 127.0.0.1 1001", "rts 127.0.0.1 1003", "rtss 127.0.0.1 1005"] {
            assert!(nodes[6].file.contains(&format!("\nsentinel monitor {master} 2\n")), "{}", nodes[6].file);
        }
        assert!(nodes[3].file.ends_with("replicaof 127.0.0.1 1003\n"), "{}", nodes[3].file);
        assert!(!nodes[1].file.contains("two-copies"));
    }
}

//! How much memory and how many connections a server needs for a fleet. The sizes are those that `mt5fleet size`
//! measures, rounded up; `docs/deployment.md` has the resulting table.

use super::topology::Topology;

/// An instance: its hash, its place in the list, its watermarks.
pub const INSTANCE_BYTES: u64 = 1280;
/// An instance's history of equity.
pub const HISTORY_BYTES: u64 = 100_000;
/// A position's hash and its place in the sets.
pub const POSITION_BYTES: u64 = 512;
/// A trade event or a deal in its stream, as fields.
pub const EVENT_BYTES: u64 = 256;
/// A packed signal in its stream.
pub const SIGNAL_BYTES: u64 = 192;
/// A source without its signals: a stream with one node, its watermark, its place in the list.
pub const SOURCE_BYTES: u64 = 6 << 10;
/// A connection with its buffers, which count towards `maxmemory`.
pub const CONNECTION_BYTES: u64 = 40 << 10;

/// Positions of an account: those open, and those closed within the 30 days that they are kept.
pub const POSITIONS: u64 = 20 + 30 * 20;
/// Trade events of an account within the 7 days that they are kept: of each position, an opening, a closing, two changes,
/// and two deals.
pub const EVENTS: u64 = 7 * 20 * 6;
/// Signals per terminal and second, averaged over an hour.
pub const SIGNALS_PER_SECOND: u64 = 1;
/// The most signals in a source's stream.
pub const STREAM_SIGNALS: u64 = 1_000_000;

/// Headroom for rewrites of the append-only file, longer texts and a bad day.
const RESERVE: u64 = 2;
const FLOOR_BYTES: u64 = 64 << 20;
/// Workers, screens, operators, Sentinels.
const OTHER_CLIENTS: u64 = 128;

/// The limits of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub max_memory: u64,
    pub max_clients: u64,
}

/// How many connections a follower has besides its lane's: one reads, one acknowledges.
const OF_FOLLOWER: u64 = 2;

/// What a server needs, if each terminal follows others. `lane` is "ris", "rts", "rtss", or "cluster" for a node of a Cluster.
pub fn limits(topology: Topology, lane: &str, terminals: u64) -> Limits {
    let each = match (topology, lane) {
        // Each of a terminal's lanes may connect to each node.
        (Topology::Cluster, _) => 3 + OF_FOLLOWER,
        (_, "rtss") => 1 + OF_FOLLOWER,
        _ => 1,
    };
    let clients = each * terminals;
    let clients = clients + clients / 4 + OTHER_CLIENTS;
    let instances = terminals * INSTANCE_BYTES;
    // It never grows, so it needs no headroom.
    let histories = terminals * HISTORY_BYTES;
    let trades = terminals * (POSITIONS * POSITION_BYTES + EVENTS * EVENT_BYTES);
    let of_one = (SIGNALS_PER_SECOND * 3600).min(STREAM_SIGNALS) * SIGNAL_BYTES;
    let signals = terminals * (SOURCE_BYTES + of_one);
    let data = match lane {
        "ris" => instances,
        "rts" => trades,
        "rtss" => signals,
        // A third of all, and half as much again when another node is down.
        _ => (instances + trades + signals) / 2,
    };
    let fixed = match lane {
        "ris" => histories,
        "rts" | "rtss" => 0,
        _ => histories / 2,
    };
    let bytes = RESERVE * data + fixed + clients * CONNECTION_BYTES;
    Limits { max_memory: bytes.max(FLOOR_BYTES).next_multiple_of(1 << 20), max_clients: clients }
}

/// I/O threads for each of `servers` on a machine. They help from four cores per server on; two of those are left to
/// the main thread and to rewrites.
pub fn io_threads(cores: usize, servers: usize) -> usize {
    match cores / servers.max(1) {
        0..4 => 1,
        each => (each - 2).min(8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_grow_with_the_fleet_and_have_a_floor() {
        let mut before = 0;
        for terminals in [1, 100, 1000, 10_000] {
            let limits = limits(Topology::Single, "rts", terminals);
            assert!(limits.max_memory > before && limits.max_clients > terminals);
            before = limits.max_memory;
        }
        assert_eq!(limits(Topology::Single, "ris", 1).max_memory, FLOOR_BYTES);
        // Each source has its own stream: signals grow with the fleet, too.
        let data = |terminals| {
            let limits = limits(Topology::Single, "rtss", terminals);
            limits.max_memory.saturating_sub(limits.max_clients * CONNECTION_BYTES) >> 20
        };
        assert!(data(10_000).abs_diff(10 * data(1000)) <= 20, "{} {}", data(10_000), data(1000));
        assert!(limits(Topology::Cluster, "cluster", 1000).max_clients >= 5000);
        assert!(limits(Topology::Single, "rtss", 1000).max_clients >= 3000);
    }

    #[test]
    fn threads_for_the_network_need_four_cores_a_server() {
        assert_eq!([io_threads(2, 3), io_threads(8, 3), io_threads(12, 3), io_threads(64, 3)], [1, 1, 2, 8]);
    }
}

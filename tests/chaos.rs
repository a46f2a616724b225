//! Nothing is lost, doubled or out of order, whatever is done: processes killed, servers and networks that
//! fail in every way at hand, while calls go on at full rate; and an oracle that reads Redis for itself.
//!
//! Each scenario prints a line with its seed. `CHAOS_SEED=<seed> cargo test --test chaos <name>` repeats it,
//! as far as the timing of processes can be repeated. `make chaos` runs the long form over many seeds.

#[path = "chaos/mod.rs"]
mod harness;
mod support;

use harness::scenario::seeds;
use harness::{backlog, cluster, deaths, disk, failover, mixture, network, power, producer, refusals};

/// Not a test of its own: the body of the processes that make the calls.
#[test]
fn producer() {
    producer::body();
}

#[test]
fn a_producer_killed_at_any_moment() {
    seeds("producer killed", deaths::producer);
}

#[test]
fn a_server_killed_and_frozen_and_its_clients_killed() {
    seeds("server killed", deaths::server);
}

#[test]
fn a_network_that_fails_in_every_way() {
    seeds("network", network::faults);
}

#[test]
fn a_server_that_refuses_for_every_reason() {
    seeds("refusals", refusals::provoked);
}

#[test]
fn a_replica_promoted_there_and_back() {
    seeds("failover", failover::there_and_back);
}

#[test]
fn a_server_restarted_without_the_end_of_its_file() {
    seeds("file cut", failover::a_file_without_its_end);
}

#[test]
fn a_backlog_is_drained_without_growing() {
    seeds("backlog", backlog::drained);
}

#[test]
fn nodes_of_a_cluster_that_fail_two_at_a_time() {
    seeds("cluster", cluster::nodes);
}

#[test]
fn all_faults_at_once_on_two_lanes() {
    seeds("mixture", mixture::mixed);
}

#[test]
fn a_machine_that_loses_its_power() {
    seeds("power cut", power::cut);
}

#[test]
fn a_journal_copied_while_it_is_written() {
    seeds("journal copied", power::copied);
}

#[test]
fn a_journal_with_flipped_bits() {
    seeds("bits flipped", power::flipped);
}

#[test]
fn a_machine_and_a_server_that_lose_their_power_together() {
    seeds("power cut, on a disk", disk::cut);
}

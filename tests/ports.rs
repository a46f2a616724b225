//! What tests rely on: the port of a test's server is its own, while the server is down and after its test.

mod support;

use std::net::{TcpListener, TcpStream};

use support::cluster::Cluster;
use support::port::free_ports;
use support::server::Server;

/// So many that one of the system's 28,232 free ports would certainly come up.
const DRAWS: usize = 300_000;

fn assert_given_to_nobody(ports: &[u16]) {
    for _ in 0..DRAWS {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        assert!(!ports.contains(&port), "{port} was given to somebody else");
    }
}

#[test]
fn the_port_of_a_server_that_is_down_or_gone_is_given_to_nobody() {
    let mut down = Server::start();
    down.kill();
    let gone = Server::start().port;
    assert_given_to_nobody(&[down.port, gone]);
    assert!(TcpStream::connect(("127.0.0.1", gone)).is_err(), "nobody listens there");
    down.restart();
    assert_eq!(down.ask::<String>("PING"), "PONG");
}

#[test]
fn sentinels_and_nodes_of_a_cluster_come_back_on_their_ports() {
    let mut sentinel = Server::configured("", &["--sentinel"]);
    sentinel.kill();
    sentinel.restart();
    assert_eq!(sentinel.ask::<String>("PING"), "PONG");
    let mut cluster = Cluster::start();
    let replica = cluster.nodes.last_mut().expect("a node");
    replica.kill();
    replica.restart();
    cluster.settle();
    for port in free_ports(3) {
        let mut node = Server::on(port, &["--save", "", "--cluster-enabled", "yes"]);
        assert_eq!(node.setting("cluster-port"), "0", "its bus is 10,000 above");
        node.kill();
        node.restart();
    }
}

//! Each way to name the wrong server, or the right one wrongly: the log says what is wrong and what to write, and
//! what it says to write works.

mod support;

use std::path::Path;

use support::bridge::{Bridge, account, buy};
use support::certificates::Authority;
use support::cluster::Cluster;
use support::encrypted::Encrypted;
use support::follower::{Wants, subscribe};
use support::server::Server;
use support::{configuration, eventually};

/// What a session with this configuration is told of its signals and of its subscription.
#[track_caller]
fn told(config: &str, folder: &Path, advice: &str) {
    let bridge = Bridge::open(config, "1.Demo", folder);
    bridge.heartbeat(&account());
    bridge.signal(&buy(1));
    subscribe(&bridge, &Wants { follower: "g", instances: "*", start: 1, ..Wants::default() });
    let mut seen: Vec<String> = Vec::new();
    for what in ["rtss: ", "signals of follower g: "] {
        eventually(&format!("{what} … {advice}, after {config}"), || {
            seen.extend(bridge.events());
            seen.iter().any(|line| line.contains(what) && line.contains(advice))
        });
    }
    let all = seen.join("\n");
    assert!(!all.contains("report it") && !all.contains("hunter2"), "{all}");
}

/// A session with this configuration works.
fn works(config: &str, folder: &Path) {
    let bridge = Bridge::open(config, "2.Demo", folder);
    bridge.heartbeat(&account());
    bridge.signal(&buy(1));
    bridge.settle();
}

#[test]
fn a_server_of_another_kind_or_without_this_database_is_told_with_what_to_write() {
    let server = Server::start();
    let (port, folder) = (server.port, server.folder());
    let plain = format!("this is not a Cluster: write redis://127.0.0.1:{port}");
    told(&format!("redis-cluster://127.0.0.1:{port}"), folder, &plain);
    told(&format!("redis://127.0.0.1:{port}/16"), folder, "the server has no database 16: leave /16 out");
    let sentinels = format!(
        "this is not a Sentinel: write a Sentinel's port, usually 26379, or redis://127.0.0.1:{port}"
    );
    told(&format!("redis-sentinel://127.0.0.1:{port}/rts"), folder, &sentinels);
    works(&format!("redis://127.0.0.1:{port}"), folder);

    let sentinel = Server::configured(&format!("sentinel monitor rts 127.0.0.1 {port} 1\n"), &["--sentinel"]);
    let advice = format!("if this is a Sentinel, write redis-sentinel://127.0.0.1:{}/MASTER", sentinel.port);
    told(&sentinel.url(), sentinel.folder(), &advice);
    let name = "the name must be the one in the Sentinels' own `sentinel monitor`";
    told(&format!("redis-sentinel://127.0.0.1:{}/rtss", sentinel.port), sentinel.folder(), name);
    works(&format!("redis-sentinel://127.0.0.1:{}/rts", sentinel.port), sentinel.folder());

    let replica = Server::with(&["--save", "", "--replicaof", "127.0.0.1", &port.to_string()]);
    told(&replica.url(), replica.folder(), "this is a replica: write the address of its master");
}

#[test]
fn a_node_of_a_cluster_is_told_with_what_to_write() {
    let cluster = Cluster::start();
    let node = &cluster.nodes[(cluster.owner(cluster.slot("ss:{0}")) + 1) % 3];
    let right = format!("redis-cluster://127.0.0.1:{}", node.port);
    told(&node.url(), node.folder(), &format!("this is a node of a Cluster: write {right}"));
    let numbered = format!("this is a Cluster, which has no database numbers: write {right}");
    told(&format!("{}/3", node.url()), node.folder(), &numbered);
    works(&right, node.folder());
}

#[test]
fn a_wrong_login_is_told_with_what_to_write() {
    let server = Server::configured(
        "user default on >hunter22 ~* &* +@all\nuser ea on >hunter2 ~* +@all -xadd\n",
        &[],
    );
    let (port, folder) = (server.port, server.folder());
    told(
        &server.url(),
        folder,
        &format!("it wants a password: write redis://username:password@127.0.0.1:{port}"),
    );
    let wrong = "wrong username or password; in a URL write its special characters percent-encoded";
    told(&format!("redis://:hunter2@127.0.0.1:{port}"), folder, wrong);
    told(&format!("redis://nobody:hunter2@127.0.0.1:{port}"), folder, wrong);
    works(&format!("redis://:hunter22@127.0.0.1:{port}"), folder);

    let open = Server::start();
    let needless = format!("redis://:hunter2@127.0.0.1:{}", open.port);
    told(&needless, open.folder(), "the server has no password: remove it from the configuration");
}

#[test]
fn encryption_on_one_side_only_or_that_is_not_trusted_is_told_with_what_to_write() {
    let authority = Authority::new();
    let encrypted = Encrypted::start(&authority.sign("localhost", 2060), &authority, "no");
    let (port, plain_port, folder) = (encrypted.port, encrypted.server.port, encrypted.server.folder());
    let trusting = |port: u16| {
        let ca = authority.file();
        configuration(&format!("url = \"rediss://localhost:{port}\"\ntls_ca = \"{}\"\n", ca.display()))
    };
    let (_kept, wrong) = trusting(plain_port);
    told(&wrong, folder, "if this port is not encrypted, write redis in place of rediss");
    told(
        &format!("redis://localhost:{port}"),
        folder,
        "if this port is encrypted, write rediss in place of redis",
    );
    told(
        &format!("rediss://localhost:{port}"),
        folder,
        "the server's certificate is signed by an unknown authority: write tls_ca",
    );
    let (_kept_too, right) = trusting(port);
    works(&right, folder);

    let other = Encrypted::start(&authority.sign("redis.example", 2060), &authority, "no");
    let (_kept, config) = trusting(other.port);
    told(
        &config,
        other.server.folder(),
        "the server's certificate is for another host name: write that name",
    );
    let mutual = Encrypted::start(&authority.sign("localhost", 2060), &authority, "yes");
    let (_kept, config) = trusting(mutual.port);
    told(&config, mutual.server.folder(), "write tls_certificate and tls_key into a TOML file");
}

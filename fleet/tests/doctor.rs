//! `mt5fleet doctor`: each finding is provoked on a real server, and a healthy site of each kind has none.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use mt5fleet::doctor::{self, Finding, Light, Options};
use mt5fleet::up::{Plan, Servers, Topology, server};
use redis::Connection;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);
const RIS: usize = 0;
const RTS: usize = 1;
const RTSS: usize = 2;

/// A machine as it should be.
fn machine() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never");
    write(root.path(), "proc/sys/vm/overcommit_memory", "1");
    write(root.path(), "proc/sys/net/core/somaxconn", "4096");
    write(root.path(), "proc/meminfo", "MemTotal: 67108864 kB");
    root
}

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn examine(config: &Path, root: &Path) -> Vec<Finding> {
    let config = config.to_str().unwrap().to_owned();
    doctor::examine(&Options { config, terminals: Some(10), root: root.to_owned(), ..Options::default() })
        .unwrap()
}

/// All that is not green.
fn complaints(findings: &[Finding]) -> Vec<&Finding> {
    findings.iter().filter(|finding| finding.light != Light::Green).collect()
}

fn expect(findings: &[Finding], light: Light, check: &str, says: &str) {
    assert!(
        findings
            .iter()
            .any(|finding| (finding.light, finding.check) == (light, check) && finding.text.contains(says)),
        "no {light:?} {check} {says:?} in {:#?}",
        complaints(findings)
    );
}

fn start(topology: Topology) -> Servers {
    Servers::start_here(&Plan { topology, terminals: Some(10), ports: None }).unwrap()
}

fn type_in(connection: &mut Connection, command: &str) {
    let words: Vec<&str> = command.split(' ').collect();
    let typed: redis::RedisResult<()> = redis::cmd(words[0]).arg(&words[1..]).query(connection);
    typed.unwrap_or_else(|error| panic!("{command}: {error}"));
}

#[test]
fn a_healthy_site_of_each_kind_has_nothing_to_complain_of() {
    let root = machine();
    for topology in [Topology::Single, Topology::Sentinel, Topology::Cluster] {
        let servers = start(topology);
        let findings = examine(&servers.config_file(), root.path());
        assert!(complaints(&findings).is_empty(), "{topology:?}: {:#?}", complaints(&findings));
        for check in ["reach", "versions", "roles", "settings", "host", "memory", "persistence", "keys"] {
            assert!(
                findings.iter().any(|finding| finding.check == check),
                "{topology:?}: {check} was not done"
            );
        }
    }
}

#[test]
fn each_fault_of_a_server_is_found() {
    let (root, servers) = (machine(), start(Topology::Single));
    let mut lanes: Vec<Connection> =
        servers.ports().into_iter().map(|port| server::connect(port).unwrap()).collect();
    let long = "x".repeat(2000);
    let cases: &[(usize, &[&str], Light, &str, &str, &[&str])] = &[
        (
            RTS,
            &["CONFIG SET maxmemory-policy allkeys-lru"],
            Light::Red,
            "settings",
            "maxmemory-policy is allkeys-lru, ours is noeviction: Full, it refuses writes",
            &["CONFIG SET maxmemory-policy noeviction"],
        ),
        (
            RTSS,
            &["CONFIG SET appendonly no"],
            Light::Red,
            "settings",
            "appendonly is no, ours is yes",
            &["CONFIG SET appendonly yes"],
        ),
        (
            RIS,
            &["CONFIG SET tcp-keepalive 0"],
            Light::Yellow,
            "settings",
            "tcp-keepalive is 0, ours is 60",
            &["CONFIG SET tcp-keepalive 60"],
        ),
        (
            RIS,
            &["CONFIG SET maxmemory 0"],
            Light::Red,
            "memory",
            "has no maxmemory",
            &["CONFIG SET maxmemory 67108864"],
        ),
        (
            RIS,
            &["CONFIG SET maxmemory 22mb", "SETRANGE ctl 18900000 x"],
            Light::Red,
            "memory",
            "of 22 MiB (9",
            &["CONFIG SET maxmemory 67108864"],
        ),
        (
            RTS,
            &["CONFIG SET maxmemory 8mb"],
            Light::Yellow,
            "memory",
            "10 terminals need up to 64 MiB here, maxmemory is 8 MiB",
            &["CONFIG SET maxmemory 67108864"],
        ),
        (
            RTSS,
            &["CONFIG SET maxclients 8"],
            Light::Yellow,
            "memory",
            "10 terminals bring 10, maxclients is 8",
            &["CONFIG SET maxclients 500"],
        ),
        (
            RIS,
            &["HSET is:{1.Demo} eq 1"],
            Light::Red,
            "keys",
            "are instances that never die, they have no time to live: is:{1.Demo}",
            &[],
        ),
        (RIS, &["ZADD il 1 1.Demo", "PEXPIRE il 100000"], Light::Red, "keys", "will vanish whole", &[]),
        (
            RTS,
            &["SADD to:{1.Demo} 7", "HSET ts:{1.Demo}:7 vo 1", "PEXPIRE ts:{1.Demo}:7 100000"],
            Light::Red,
            "keys",
            "are open positions that will expire",
            &[],
        ),
        (
            RTS,
            &["HSET ts:{1.Demo}:7 vo 1"],
            Light::Yellow,
            "keys",
            "are closed positions without a time to live",
            &[],
        ),
        (
            RTS,
            &["SADD to:{1.Demo} seven"],
            Light::Yellow,
            "keys",
            "are not in the compact encoding: to:{1.Demo}",
            &[],
        ),
        (
            RTS,
            &[&format!("HSET ts:{{1.Demo}}:7 co {long}")],
            Light::Yellow,
            "keys",
            "are not in the compact encoding: ts:{1.Demo}:7",
            &[],
        ),
        (
            RTS,
            &[&format!("HSET ts:{{1.Demo}}:7 co {long}")],
            Light::Yellow,
            "keys",
            "are far larger than the sizing counts with: ts:{1.Demo}:7",
            &[],
        ),
        (
            RTS,
            &["SET wm:{1.Demo}:00000000000000aa 7"],
            Light::Yellow,
            "keys",
            "are watermarks without a time to live",
            &[],
        ),
        (RTS, &["SET session:4711 x"], Light::Yellow, "keys", "are none of ours: session:4711", &[]),
        (
            RTSS,
            &["XADD ss:{0} * d x"],
            Light::Yellow,
            "streams",
            "nobody reads ss:{0}: it has 1 signals",
            &[],
        ),
        (
            RTSS,
            &["XADD ss:{0} * d x", "XGROUP CREATE ss:{0} copiers 0"],
            Light::Yellow,
            "streams",
            "group copiers of ss:{0}: 0 consumers",
            &[],
        ),
        (
            RTSS,
            &["XADD sd:{0} * d x"],
            Light::Yellow,
            "streams",
            "sd:{0} has 1 signals that no worker could process",
            &[],
        ),
        (
            RTS,
            &["REPLICAOF 127.0.0.1 1"],
            Light::Red,
            "roles",
            "is a replica: it refuses every write",
            &["REPLICAOF NO ONE"],
        ),
    ];
    let config = servers.config_file();
    for (lane, provoke, light, check, says, undo) in cases {
        provoke.iter().for_each(|command| type_in(&mut lanes[*lane], command));
        expect(&examine(&config, root.path()), *light, check, says);
        undo.iter().for_each(|command| type_in(&mut lanes[*lane], command));
        type_in(&mut lanes[*lane], "FLUSHALL");
    }
    let last = examine(&config, root.path());
    assert!(complaints(&last).is_empty(), "what was undone is found no more: {:#?}", complaints(&last));

    // Filled beyond what it may hold, it evicts; the count stays.
    type_in(&mut lanes[RIS], "CONFIG SET maxmemory 2mb");
    for key in 0..20 {
        type_in(&mut lanes[RIS], &format!("SET is:{{{key}.Demo}} {} PX 90000", "x".repeat(100_000)));
    }
    expect(&examine(&config, root.path()), Light::Yellow, "memory", "keys for want of memory");
}

#[test]
fn each_fault_of_a_machine_is_found() {
    let (root, servers) = (machine(), start(Topology::Single));
    for (file, text, good, says) in [
        (
            "sys/kernel/mm/transparent_hugepage/enabled",
            "[always] madvise never",
            "[never]",
            "huge pages are always on",
        ),
        ("proc/sys/vm/overcommit_memory", "0", "1", "vm.overcommit_memory is 0"),
        ("proc/sys/net/core/somaxconn", "128", "4096", "net.core.somaxconn is 128"),
        ("proc/meminfo", "MemTotal: 65536 kB", "MemTotal: 67108864 kB", "the machine has 64"),
    ] {
        write(root.path(), file, text);
        expect(&examine(&servers.config_file(), root.path()), Light::Yellow, "host", says);
        write(root.path(), file, good);
    }
    assert!(complaints(&examine(&servers.config_file(), root.path())).is_empty());
}

/// Looks again and again until it is found: other servers take their time to notice.
fn eventually(config: &Path, root: &Path, light: Light, check: &str, says: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let findings = examine(config, root);
        let found = findings
            .iter()
            .any(|found| (found.light, found.check) == (light, check) && found.text.contains(says));
        if found {
            return;
        }
        if Instant::now() > deadline {
            expect(&findings, light, check, says);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn each_fault_of_a_master_with_sentinels_is_found() {
    let (root, mut servers) = (machine(), start(Topology::Sentinel));
    let (config, ports) = (servers.config_file(), servers.ports());
    let found = |servers: &Servers, light, check, says| {
        eventually(&servers.config_file(), root.path(), light, check, says)
    };

    let other = config.with_file_name("other.toml");
    let text = fs::read_to_string(&config).unwrap().replace("\"rtss\"", "\"nobody\"");
    fs::write(&other, text).unwrap();
    expect(&examine(&other, root.path()), Light::Red, "roles", "knows no master named nobody");

    let mut master = server::connect(ports[2]).unwrap();
    type_in(&mut master, "CONFIG SET min-replicas-to-write 0");
    expect(&examine(&config, root.path()), Light::Yellow, "roles", "acknowledges writes while cut off");
    type_in(&mut master, "CONFIG SET min-replicas-to-write 1");

    // The replicas of ris and of rts.
    servers.kill(ports[1]).unwrap();
    servers.kill(ports[3]).unwrap();
    found(&servers, Light::Yellow, "roles", "is a master without a replica");
    found(&servers, Light::Red, "roles", "refuses writes: 0 replicas follow, 1 must");

    servers.kill(ports[7]).unwrap();
    servers.kill(ports[8]).unwrap();
    found(&servers, Light::Red, "reach", "does not answer");
    found(&servers, Light::Red, "roles", "no failover is possible");
}

#[test]
fn each_fault_of_a_cluster_is_found() {
    let (root, mut servers) = (machine(), start(Topology::Cluster));
    let (config, ports) = (servers.config_file(), servers.ports());
    let mut nodes: Vec<Connection> = ports.iter().map(|&port| server::connect(port).unwrap()).collect();
    let ids: Vec<String> =
        nodes.iter_mut().map(|node| redis::cmd("CLUSTER").arg("MYID").query(node).unwrap()).collect();

    type_in(&mut nodes[0], &format!("CLUSTER SETSLOT 0 MIGRATING {}", ids[1]));
    expect(&examine(&config, root.path()), Light::Yellow, "balance", "1 slots are half-way");
    type_in(&mut nodes[0], "CLUSTER SETSLOT 0 STABLE");

    // Nothing is in them, so they can change hands at once.
    for slot in 0..1000 {
        for node in [1, 0, 2] {
            type_in(&mut nodes[node], &format!("CLUSTER SETSLOT {slot} NODE {}", ids[1]));
        }
    }
    let findings = examine(&config, root.path());
    expect(&findings, Light::Yellow, "balance", "the slots are spread unevenly");
    let cure =
        findings.iter().find_map(|finding| finding.cure.as_ref().filter(|_| finding.check == "balance"));
    let cure = cure.unwrap();
    assert!(cure.starts_with("redis-cli --cluster rebalance 127.0.0.1:"), "{cure}");
    assert!(cure.ends_with("--cluster-use-empty-masters"), "{cure}");

    servers.kill(ports[5]).unwrap();
    eventually(&config, root.path(), Light::Yellow, "roles", "knows of a node that has failed");
    eventually(&config, root.path(), Light::Yellow, "roles", "is a master without a replica");
    servers.kill(ports[2]).unwrap();
    eventually(&config, root.path(), Light::Red, "roles", "cluster_state:");
}

#[test]
fn the_program_says_it_in_lines_or_json_and_by_its_exit_code() {
    let (root, servers) = (machine(), start(Topology::Single));
    let run = |more: &[&str]| {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
        program.args(["doctor", "--terminals", "10", "--config"]).arg(servers.config_file());
        let output = program.arg("--root").arg(root.path()).args(more).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (good, told) = run(&[]);
    assert!(good && told.lines().last().unwrap().ends_with(" green, 0 yellow, 0 red"), "{told}");

    let mut ris = server::connect(servers.ports()[RIS]).unwrap();
    type_in(&mut ris, "CONFIG SET maxmemory 0");
    let (good, told) = run(&[]);
    assert!(!good && told.contains("red     memory"), "{told}");
    let (good, told) = run(&["--json"]);
    let findings: Vec<serde_json::Value> = serde_json::from_str(&told).unwrap();
    let red: Vec<_> = findings.iter().filter(|finding| finding["light"] == "red").collect();
    assert!(!good && red.len() == 1, "{told}");
    assert_eq!(red[0]["check"], "memory");
    assert!(red[0]["cure"].is_string());

    drop(servers);
}

mod certificates {
    use super::*;
    use mt5fleet::up::server::Server;
    use mt5fleet::up::{files, version};
    use rcgen::{CertificateParams, KeyPair};
    use time::{Duration as Span, OffsetDateTime};

    /// A certificate of its own authority that lasts for so many days, and its key, as PEM files.
    fn certificate(folder: &Path, days: i64) {
        let key = KeyPair::generate().unwrap();
        let mut parameters =
            CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        parameters.not_before = OffsetDateTime::now_utc() - Span::days(100);
        parameters.not_after = OffsetDateTime::now_utc() + Span::days(days) + Span::HOUR;
        write(folder, "server.crt", &parameters.self_signed(&key).unwrap().pem());
        write(folder, "server.key", &key.serialize_pem());
    }

    #[test]
    fn one_that_expires_soon_is_found_at_the_server_and_in_the_files() {
        let (root, folder) = (machine(), tempfile::tempdir().unwrap());
        let deploy = folder.path().join("deploy");
        files::write(&deploy, version::installed().unwrap()).unwrap();
        let mut ports = server::free_ports(4).unwrap();
        let encrypted = ports.pop().unwrap();
        let node = Topology::Single.nodes(&ports).remove(0);
        for (days, light, says) in [
            (400, Light::Green, "certificate "),
            (20, Light::Yellow, "20 days left"),
            (3, Light::Red, "3 days left"),
            (-2, Light::Red, "it has expired"),
        ] {
            certificate(folder.path(), days);
            let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
            let (certificate, key) = (file("server.crt"), file("server.key"));
            let tls_port = encrypted.to_string();
            let arguments = [
                "--tls-port",
                &tls_port,
                "--tls-cert-file",
                &certificate,
                "--tls-key-file",
                &key,
                "--tls-ca-cert-file",
                &certificate,
                "--tls-auth-clients",
                "no",
            ];
            let server =
                Server::start(&deploy, folder.path(), &node, &arguments.map(String::from), true).unwrap();
            let config = folder.path().join("mt5redis.toml");
            let url = format!("rediss://localhost:{encrypted}");
            fs::write(&config, format!("url = \"{url}\"\ntls_ca = \"{certificate}\"\n")).unwrap();
            let findings = examine(&config, root.path());
            for place in [format!("localhost:{encrypted}"), certificate.clone()] {
                let found =
                    findings.iter().find(|found| found.check == "certificates" && found.server == place);
                let found = found.unwrap_or_else(|| panic!("{days}: {place} is not in {findings:#?}"));
                assert!(found.light == light && found.text.contains(says), "{days}: {found:#?}");
            }
            drop(server);
        }
    }
}

//! `mt5fleet doctor`: each finding is provoked on a real server, and a healthy site of each kind has none.

mod advice;
#[path = "../bare/mod.rs"]
mod bare;
mod certificates;
mod managed;
mod server;
mod sites;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use mt5fleet::doctor::{self, Finding, Light, Options};
use mt5fleet::up::server::connect;
use mt5fleet::up::{Servers, Topology};
use redis::Connection;
use support::plan;
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
    Servers::start_here(&plan(topology, Some(10))).unwrap()
}

fn type_in(connection: &mut Connection, command: &str) {
    let words: Vec<&str> = command.split(' ').collect();
    let typed: redis::RedisResult<()> = redis::cmd(words[0]).arg(&words[1..]).query(connection);
    typed.unwrap_or_else(|error| panic!("{command}: {error}"));
}

/// No finding is yellow or red on fresh servers of each topology.
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

/// Each bad system setting is found, and its commands fix it.
#[test]
fn each_fault_of_a_machine_is_found() {
    let (root, servers) = (machine(), start(Topology::Single));
    for (file, text, good, says) in [
        (
            "sys/kernel/mm/transparent_hugepage/enabled",
            "[always] madvise never",
            "[never]",
            "transparent huge pages are always on",
        ),
        ("proc/sys/vm/overcommit_memory", "0", "1", "vm.overcommit_memory is 0"),
        ("proc/sys/net/core/somaxconn", "128", "4096", "net.core.somaxconn is 128"),
        ("proc/meminfo", "MemTotal: 65536 kB", "MemTotal: 67108864 kB", "the machine has 64"),
    ] {
        write(root.path(), file, text);
        let findings = examine(&servers.config_file(), root.path());
        expect(&findings, Light::Yellow, "host", says);
        server::heals(&findings, &servers.config_file(), root.path(), ("host", says));
        write(root.path(), file, good);
    }
    assert!(complaints(&examine(&servers.config_file(), root.path())).is_empty());
}

/// Text, JSON and exit code agree, without and with a red finding.
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

    let mut ris = connect(servers.ports()[RIS]).unwrap();
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

//! The files in `deploy/`: Redis takes them as they are, each setting says why it is there, all ways to start
//! servers start the same ones, and the proofs in `docs/deployment.md` prove.

#![cfg(unix)]

mod script;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use mt5fleet::up::server::{self, Kind, Server};
use mt5fleet::up::topology::Node;
use mt5fleet::up::{Servers, Topology, files, version};
use redis::Connection;
use serde_yaml_ng::Value;
use support::plan;
use support::port::free_ports;

const RIS: usize = 0;
const RTS: usize = 1;
const TOPOLOGIES: [Topology; 3] = [Topology::Single, Topology::Sentinel, Topology::Cluster];

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

fn connect(url: &str) -> Connection {
    redis::Client::open(url).unwrap().get_connection().unwrap()
}

fn settings(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').unwrap())
}

#[test]
fn each_setting_has_a_line_that_says_why() {
    let mut found = 0;
    for entry in fs::read_dir(deploy()).unwrap().chain(fs::read_dir(deploy().join("systemd")).unwrap()) {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "conf") {
            continue;
        }
        let (text, name) = (fs::read_to_string(&path).unwrap(), path.display());
        let mut before = "";
        for line in text.lines() {
            let setting = !line.is_empty() && !line.starts_with('#');
            assert!(!setting || before.starts_with("# "), "{name}: {line:?} has no comment above it");
            before = line;
        }
        found += 1;
    }
    assert!(found > files::FILES.len());
}

#[test]
fn what_up_starts_are_the_files_as_they_are() {
    for (name, text) in files::FILES {
        assert_eq!(fs::read_to_string(deploy().join(name)).unwrap(), text, "{name}");
        for (_, included) in settings(text).filter(|(setting, _)| *setting == "include") {
            assert!(deploy().join(included).exists(), "{name} includes {included}");
        }
    }
}

/// A server with these files of `deploy/`, in a temporary folder.
fn start(folder: &Path, includes: &[&str]) -> Server {
    let files = folder.join("deploy");
    files::write(&files, version::installed().unwrap()).unwrap();
    let node = Node {
        name: "test".into(),
        kind: Kind::Server,
        port: free_ports(1)[0],
        file: includes.iter().map(|name| format!("include {name}\n")).collect(),
        lane: "ris",
    };
    Server::start(&files, folder, &node, &[], true).unwrap()
}

#[test]
fn redis_takes_each_file_and_does_what_it_says() {
    for includes in [
        &["redis-ris.conf"][..],
        &["redis-rts.conf"],
        &["redis-rtss.conf"],
        &["redis-cluster.conf"],
        &["redis-rts.conf", "replicated.conf", "two-copies.conf"],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let server = start(folder.path(), includes);
        let mut connection = connect(&server::url(server.port()));
        for (name, value) in includes.iter().flat_map(|name| files::settings(name)) {
            let is: Vec<String> = redis::cmd("CONFIG").arg("GET").arg(&name).query(&mut connection).unwrap();
            let is = &is[1];
            match name.as_str() {
                // The test chooses another one.
                "port" => {}
                "save" if value == "\"\"" => assert_eq!(is, ""),
                "save" => assert!(is.contains(&value), "{includes:?}: save is {is:?}"),
                _ => assert_eq!(bytes(is), bytes(&value), "{includes:?}: {name}"),
            }
        }
        let limits: Vec<String> =
            redis::cmd("CONFIG").arg("GET").arg("client-output-buffer-limit").query(&mut connection).unwrap();
        assert!(limits[1].contains("normal 67108864 16777216 30"), "{limits:?}");
    }
}

/// A size as a plain number of bytes, as CONFIG GET answers it.
fn bytes(value: &str) -> String {
    for (unit, factor) in [("mb", 1 << 20), ("gb", 1 << 30)] {
        if let Some(Ok(number)) = value.strip_suffix(unit).map(str::parse::<u64>) {
            return (number * factor).to_string();
        }
    }
    value.to_owned()
}

#[test]
fn an_older_server_is_given_its_own_names_and_nothing_else_is_new() {
    // Names that came with 7.0 or later; 6.2 refuses to start on a name that it does not know.
    let new = ["latency-tracking", "set-max-listpack", "appenddirname", "enable-debug-command", "-listpack-"];
    for (file, text) in files::FILES {
        let adapted = version::adapt(text, (6, 2));
        for (setting, _) in settings(&adapted) {
            assert!(!new.iter().any(|name| setting.contains(name)), "{file}: {setting}");
        }
    }
}

#[test]
fn the_size_of_a_fleet_is_given_to_each_server() {
    let servers = Servers::start_here(&plan(Topology::Single, Some(1000))).unwrap();
    let value = |lane: usize, name: &str| -> u64 {
        let mut connection = connect(&servers.urls()[lane]);
        let found: Vec<String> = redis::cmd("CONFIG").arg("GET").arg(name).query(&mut connection).unwrap();
        found[1].parse().unwrap()
    };
    for lane in 0..3 {
        assert!(value(lane, "maxclients") >= 1250, "{}", value(lane, "maxclients"));
    }
    assert!(value(RTS, "maxmemory") > value(RIS, "maxmemory"));
}

/// What `node.sh` wrote for a name, without starting anything.
fn made_by_script(name: &str, folder: &Path) -> String {
    let redis = folder.join("redis-server");
    fs::write(&redis, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&redis, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let data = folder.join(name);
    let mut script = Command::new("sh");
    let ended = script.env("PATH", path).arg(deploy().join("node.sh")).arg(name).arg(&data).status().unwrap();
    assert!(ended.success());
    fs::read_to_string(data.join("redis.conf")).unwrap()
}

/// The port in a server's own file; the last one counts.
fn port(text: &str) -> u64 {
    settings(text).filter(|(name, _)| *name == "port").last().unwrap().1.parse().unwrap()
}

#[test]
fn each_compose_file_starts_the_servers_of_its_topology() {
    for (topology, name) in TOPOLOGIES.into_iter().zip(["single", "sentinel", "cluster"]) {
        let text = fs::read_to_string(deploy().join(format!("compose-{name}.yaml"))).unwrap();
        let mut file: Value = serde_yaml_ng::from_str(&text).unwrap();
        file.apply_merge().unwrap();
        let volumes: BTreeSet<&str> =
            file["volumes"].as_mapping().unwrap().keys().flat_map(Value::as_str).collect();
        let mut names = BTreeSet::new();
        for (name, service) in file["services"].as_mapping().unwrap() {
            let name = name.as_str().unwrap();
            if name == "create" {
                let all = service["depends_on"].as_mapping().unwrap();
                assert!(all.keys().flat_map(Value::as_str).eq(Topology::Cluster.names()));
                continue;
            }
            names.insert(name.to_owned());
            let words = |key: &str| -> Vec<&str> {
                service[key].as_sequence().unwrap().iter().flat_map(Value::as_str).collect()
            };
            assert_eq!(words("entrypoint"), ["sh", "/etc/mt5-redis/node.sh"], "{name}");
            let command = words("command");
            assert_eq!(command[..2], [name, &format!("/data/{name}")]);
            for line in &command[2..] {
                let included = line.strip_prefix("include ").unwrap();
                assert!(deploy().join(included).exists(), "{name} includes {included}");
            }
            for mount in words("volumes") {
                let (from, to) = mount.split_once(':').unwrap();
                assert!(volumes.contains(from) || deploy().join(from).exists(), "{name} mounts {mount}");
                assert!(to == "/data" || to == "/etc/mt5-redis:ro", "{name} mounts {mount}");
            }
            // The port that is asked for its health is the server's.
            let folder = tempfile::tempdir().unwrap();
            let made = made_by_script(name, folder.path());
            assert_eq!(service["environment"]["PORT"].as_u64(), Some(port(&made)), "{name}");
        }
        assert_eq!(names, topology.names().into_iter().collect());
    }
}

#[test]
fn systemd_understands_the_unit() {
    let unit = deploy().join("systemd/mt5-redis@.service");
    let text = fs::read_to_string(&unit).unwrap();
    assert!(text.contains("ExecStart=/bin/sh /etc/mt5-redis/node.sh %i /var/lib/mt5-redis/%i"));
    // Not every machine that builds has systemd.
    if let Ok(output) = Command::new("systemd-analyze").arg("verify").arg(unit).output() {
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// The commands of a page that are proofs, with what they answer: what stands in blocks of this kind.
fn proofs(kind: &str) -> Vec<(String, String)> {
    let page = fs::read_to_string(deploy().join("../docs/deployment.md")).unwrap();
    let mut proofs: Vec<(String, String)> = Vec::new();
    for block in page.split("```").skip(1).step_by(2) {
        let Some(lines) = block.strip_prefix(kind).and_then(|rest| rest.strip_prefix('\n')) else { continue };
        for line in lines.lines() {
            match line.strip_prefix("$ ") {
                Some(command) => proofs.push((command.to_owned(), String::new())),
                None => proofs.last_mut().unwrap().1 += &format!("{line}\n"),
            }
        }
    }
    proofs
}

#[test]
fn the_proofs_in_the_documents_prove() {
    for (topology, kind, usual) in [
        (Topology::Single, "proof", [6390, 6391, 6392]),
        (Topology::Cluster, "proof cluster", [7000, 7001, 7002]),
    ] {
        let servers = Servers::start_here(&plan(topology, None)).unwrap();
        let proofs = proofs(kind);
        assert!(proofs.len() >= 4, "{kind}: {}", proofs.len());
        for (mut command, expected) in proofs {
            for (usual, port) in usual.iter().zip(servers.ports()) {
                command = command.replace(&usual.to_string(), &port.to_string());
            }
            // As for somebody who types it.
            let command = command.replace("redis-cli -p", "redis-cli --no-raw -p");
            let output = Command::new("sh").args(["-c", &command]).output().unwrap();
            let told = String::from_utf8(output.stdout).unwrap();
            assert_eq!(told.trim_end(), expected.trim_end(), "{command}");
        }
    }
}

//! The programs with Sentinels and on a Cluster that refuse their user a command.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use mt5fleet::doctor::{self, Finding, Light, Options};
use mt5fleet::up::server::connect;
use mt5fleet::up::{Servers, Topology};

use super::says;
use crate::support::plan;

/// Makes a user on these servers that may use every command except this one.
fn forbid(ports: &[u16], command: &str) {
    for &port in ports {
        let mut admin = connect(port).unwrap();
        let mut set = redis::cmd("ACL");
        set.arg(&["SETUSER", "program", "on", ">secret", "~*", "&*", "+@all"]);
        set.arg(format!("-{}", command.to_lowercase().replace(' ', "|"))).exec(&mut admin).unwrap();
    }
}

/// The servers' configuration with this login.
fn configured(servers: &Servers, login: &str) -> PathBuf {
    let file = servers.config_file();
    let text = fs::read_to_string(&file).unwrap();
    let changed = file.with_file_name("as-program.toml");
    fs::write(&changed, text.replace("url = ", &format!("{login}url = "))).unwrap();
    changed
}

fn run(config: &Path, arguments: &[&str]) -> (String, bool) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
    let output = program.args(arguments).arg("--config").arg(config).output().unwrap();
    (String::from_utf8([output.stdout, output.stderr].concat()).unwrap(), output.status.success())
}

fn examined(config: &Path) -> Vec<Finding> {
    let config = config.to_str().unwrap().to_owned();
    let findings = doctor::examine(&Options {
        config,
        terminals: Some(10),
        root: Path::new("/").into(),
        ..Options::default()
    });
    findings.unwrap()
}

fn told(findings: &[Finding], command: &str) -> bool {
    findings.iter().any(|finding| finding.light != Light::Green && says(&finding.text, command))
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Checks that each program fails and says which command it is refused.
fn nothing_works(config: &Path, command: &str) {
    // In a long line the name of the command may be cut off.
    let of_sentinels = |said: &str| said.contains("no sentinel knows") && said.contains("acl --sentinel");
    let says = |said: &str, command: &str| says(said, command) || command == "SENTINEL" && of_sentinels(said);
    for arguments in
        [&["top", "--once"][..], &["govern", "--once", "--every", "100ms"], &["deadletters", "list"]]
    {
        let (said, good) = run(config, arguments);
        assert!(!good && says(&said, command), "{arguments:?} without {command}: {said}");
    }
    let findings = examined(config);
    assert!(told(&findings, command), "{findings:#?}");
    let out = tempfile::NamedTempFile::new().unwrap();
    let mut work = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
    work.arg("work").arg("--config").arg(config).stdout(Stdio::null()).stderr(out.reopen().unwrap());
    let _worker = Killed(work.spawn().unwrap());
    let deadline = Instant::now() + Duration::from_secs(60);
    while !says(&fs::read_to_string(out.path()).unwrap(), command) {
        assert!(Instant::now() < deadline, "a worker says nothing without {command}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn without_an_answer_of_the_sentinels_nothing_works_and_the_programs_say_so() {
    let servers = Servers::start_here(&plan(Topology::Sentinel, Some(10))).unwrap();
    let login = "sentinel_username = \"program\"\nsentinel_password = \"secret\"\n";
    let config = configured(&servers, login);
    forbid(&servers.ports()[6..], "SENTINEL");
    nothing_works(&config, "SENTINEL");
}

#[test]
fn on_a_cluster_the_programs_say_what_they_are_refused() {
    let servers = Servers::start_here(&plan(Topology::Cluster, Some(10))).unwrap();
    let config = configured(&servers, "username = \"program\"\npassword = \"secret\"\n");
    forbid(&servers.ports(), "CLUSTER SLOTS");
    nothing_works(&config, "CLUSTER");

    // The doctor checks the rest.
    for (command, members) in [("CLUSTER INFO", 6), ("CLUSTER NODES", 3)] {
        forbid(&servers.ports(), command);
        let findings = examined(&config);
        assert!(told(&findings, command), "{command}: {findings:#?}");
        assert!(
            !findings.iter().any(|finding| finding.text.contains("the check failed")),
            "{command}: {findings:#?}"
        );
        let reached = findings.iter().filter(|finding| finding.check == "reach").count();
        assert_eq!(reached, members, "{command}: {findings:#?}");
        assert!(!findings.iter().any(|finding| finding.light == Light::Red), "{command}: {findings:#?}");
    }
}

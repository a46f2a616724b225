//! Servers that refuse commands, like managed ones: the doctor says what it could not check and checks the rest; the
//! governor works with what INFO reports.

use std::process::Command;

use super::bare::Bare;
use super::*;

/// Administrative commands, which providers refuse.
const CARE: [&str; 5] = ["config", "client", "latency", "memory", "slowlog"];

fn renamed(commands: &[&str]) -> String {
    commands.iter().map(|command| format!("rename-command {command} \"\"\n")).collect()
}

/// A server with these lines and a few keys, and what is found there.
fn examined(lines: &str) -> (Bare, Vec<Finding>) {
    let server = Bare::start(&format!("maxmemory 1gb\nmaxmemory-policy allkeys-lru\n{lines}"));
    let mut connection = connect(server.port).unwrap();
    type_in(&mut connection, "ZADD il 1 1.Demo");
    type_in(&mut connection, "HSET is:{1.Demo} iv 1000");
    let findings = looked_at(&server);
    (server, findings)
}

fn looked_at(server: &Bare) -> Vec<Finding> {
    let (root, folder) = (machine(), tempfile::tempdir().unwrap());
    let file = folder.path().join("site.toml");
    fs::write(&file, format!("url = \"{}\"\n", server.url())).unwrap();
    let findings = examine(&file, root.path());
    let broken = findings.iter().find(|finding| finding.text.contains("the check failed"));
    assert!(broken.is_none(), "{broken:#?}");
    findings
}

/// What one round of the governor says.
fn governed(server: &Bare) -> (String, bool) {
    let mut govern = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
    govern.args(["govern", "--once", "--every", "100ms", "--config", &server.url()]);
    let output = govern.output().unwrap();
    (String::from_utf8([output.stdout, output.stderr].concat()).unwrap(), output.status.success())
}

/// Without CONFIG and the like, INFO still reveals what matters, and no refused command is advised.
#[test]
fn without_the_commands_that_look_after_a_server_info_says_what_matters() {
    let users = format!("user default on nopass ~* &* +@all {}\n", CARE.map(|it| format!("-{it}")).join(" "));
    for (lines, why, cure) in [
        (renamed(&CARE), "ERR unknown command 'CONFIG'", "check them in its provider's console: "),
        (users, "NOPERM ", "use the user of `mt5fleet acl --doctor`"),
    ] {
        let (server, findings) = examined(&lines);
        expect(&findings, Light::Yellow, "settings", &format!("hides its settings ({why}"));
        let hidden = findings.iter().find(|finding| finding.text.starts_with("hides its settings"));
        assert!(hidden.unwrap().cure.as_ref().unwrap().starts_with(cure), "{hidden:#?}");
        // What INFO says as well is not among it.
        expect(&findings, Light::Red, "settings", "appendonly is no, ours is yes");
        expect(
            &findings,
            Light::Red,
            "eviction",
            "has maxmemory-policy allkeys-lru: when full, it evicts the governor's directives",
        );
        expect(&findings, Light::Green, "memory", " MiB (0 %)");
        expect(
            &findings,
            Light::Red,
            "keys",
            "are instances without a time to live, so they never look dead: is:{1.Demo}",
        );
        expect(&findings, Light::Yellow, "keys", "the keys' sizes were not checked");
        // No advice contains a command that the server refuses.
        let typed: Vec<_> = findings.iter().flat_map(|finding| &finding.commands).collect();
        assert!(why == "NOPERM " || !typed.iter().any(|line| line.contains("CONFIG SET")), "{typed:#?}");
        let (said, calm) = governed(&server);
        assert!(calm && !said.contains("warning") && said.contains("\"instances\":1"), "{said}");
    }
}

/// Without INFO too, doctor and governor name what they cannot check.
#[test]
fn without_info_too_both_say_what_they_cannot_see() {
    let (server, findings) = examined(&renamed(&[&CARE[..], &["info"]].concat()));
    expect(&findings, Light::Yellow, "reach", "refuses INFO (ERR unknown command 'INFO'");
    expect(&findings, Light::Yellow, "eviction", "does not report its eviction policy");
    expect(&findings, Light::Yellow, "memory", "does not report its memory use");
    expect(&findings, Light::Yellow, "versions", "does not report its version");
    expect(&findings, Light::Green, "roles", "is a master");
    expect(&findings, Light::Red, "keys", "are instances without a time to live");
    let red: Vec<_> = findings.iter().filter(|finding| finding.light == Light::Red).collect();
    assert_eq!(red.len(), 1, "what is not known is not bad: {red:#?}");
    let (said, calm) = governed(&server);
    let hidden = "does not report the memory limit, memory, CPU time, evictions";
    assert!(calm && said.contains(hidden) && said.contains("\"instances\":1"), "{said}");
}

#[test]
fn what_cannot_be_looked_at_is_said() {
    let (_server, findings) = examined(&renamed(&["scan"]));
    expect(&findings, Light::Yellow, "keys", "refuses SCAN (ERR unknown command 'SCAN'");
    let (_server, findings) = examined(&renamed(&["object"]));
    expect(&findings, Light::Yellow, "keys", "the keys' encodings were not checked");
    expect(&findings, Light::Red, "keys", "are instances without a time to live");
}

#[test]
fn a_node_of_a_cluster_that_is_named_as_a_server_is_told_with_what_to_write() {
    let server = Bare::start("cluster-enabled yes\n");
    let findings = looked_at(&server);
    expect(&findings, Light::Red, "roles", "is a node of a Cluster");
    let roles = findings.iter().find(|finding| finding.text.starts_with("is a node of a Cluster")).unwrap();
    let right = format!("write redis-cluster://127.0.0.1:{}", server.port);
    assert!(roles.cure.as_ref().unwrap().ends_with(&right), "{roles:#?}");
}

/// Doctor, top and governor explain each refused connection the same way, without the password.
#[test]
fn who_is_not_let_in_is_told_with_what_to_write() {
    let server = Bare::start("requirepass hunter22\n");
    let at = format!("127.0.0.1:{}", server.port);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site.toml");
    for (url, says, cure) in [
        (
            format!("redis://{at}"),
            "refuses the connection: NOAUTH",
            "it wants a password: write redis://username:password@",
        ),
        (format!("redis://:hunter2@{at}"), "refuses the connection: WRONGPASS", "wrong username or password"),
        (
            format!("redis://:hunter22@{at}/16"),
            "refuses the connection: ERR DB index is out of range",
            "the server has no database 16",
        ),
        (
            format!("redis-cluster://:hunter22@{at}"),
            "refuses the connection: ERR This instance has cluster",
            "this is not a Cluster: write",
        ),
        (
            format!("rediss://:hunter22@{at}"),
            "does not answer: ",
            "if this port is not encrypted, write redis in",
        ),
    ] {
        let lane = |lane: &str| format!("[{lane}]\nurl = \"{url}\"\nconnect_timeout = \"200ms\"\n");
        write(folder.path(), "site.toml", &["ris", "rts", "rtss"].map(lane).concat());
        let findings = examine(&file, Path::new("/"));
        let reach = findings.iter().find(|finding| (finding.check, finding.light) == ("reach", Light::Red));
        let reach = reach.unwrap_or_else(|| panic!("{url}: {findings:#?}"));
        assert!(reach.text.starts_with(says), "{url}: {reach:#?}");
        assert!(reach.cure.as_ref().is_some_and(|told| told.starts_with(cure)), "{url}: {reach:#?}");
        assert!(!format!("{findings:?}").contains("hunter2"), "{findings:#?}");
        // The governor and the screen tell the same; where nobody answers, the governor waits for each of its
        // questions, which is too long for here.
        let govern = (!url.starts_with("rediss")).then_some(&["govern", "--once", "--every", "100ms"][..]);
        for command in [&["top", "--once"][..]].into_iter().chain(govern) {
            let mut program = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
            let output = program.args(command).arg("--config").arg(&file).output().unwrap();
            let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(!output.status.success() && words.contains(cure), "{command:?} {url}: {said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}

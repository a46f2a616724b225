//! Every piece of advice works: run its commands in a shell, write its lines into the files that it names, and the
//! finding is gone.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use mt5fleet::doctor::AT_START;
use mt5fleet::up::files;
use rustix::process::{Pid, Signal, kill_process_group};

use super::bare::Bare;
use super::server::heals;
use super::*;

/// The password of servers that have one; `redis-cli` asks for it.
const PASSWORD: &str = "secret";

/// A worker that advice has started. It ends with the test.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // The shell may be its parent, so the whole group ends.
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}

/// Runs the commands of a finding in a shell; those for the system itself change files under `root` instead. Returns the
/// workers, which keep running.
pub fn obey(finding: &Finding, root: &Path) -> Vec<Running> {
    let ours = Path::new(env!("CARGO_BIN_EXE_mt5fleet")).parent().unwrap();
    let path = format!("{}:{}", ours.display(), std::env::var("PATH").unwrap());
    let mut running = Vec::new();
    for command in &finding.commands {
        if let Some((value, path)) = of_the_system(command) {
            assert!(Path::new("/").join(&path).exists(), "{command}: there is no {path}");
            write(root, &path, &value);
            continue;
        }
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).env("PATH", &path).stdin(Stdio::piped());
        if command.starts_with("mt5fleet work ") {
            running.push(Running(shell.process_group(0).stdout(Stdio::null()).spawn().unwrap()));
            continue;
        }
        shell.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        // A command that asks for no password may have ended.
        let _ = writeln!(child.stdin.take().unwrap(), "{PASSWORD}");
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        // redis-cli exits with 0 even if the server refuses.
        let refused =
            ["ERR ", "NOAUTH", "NOPERM", "WRONGPASS", "[ERR]"].iter().any(|code| said.contains(code));
        assert!(output.status.success() && !refused, "{command}: {said}\nof {finding:#?}");
    }
    running
}

/// The value and the file of a command that changes a system setting.
fn of_the_system(command: &str) -> Option<(String, String)> {
    if let Some(setting) = command.strip_prefix("sysctl ") {
        let (name, value) = setting.split_once('=')?;
        return Some((value.to_owned(), format!("proc/sys/{}", name.replace('.', "/"))));
    }
    let (value, path) = command.strip_prefix("echo ")?.split_once(" > /")?;
    // The kernel marks the one that was chosen.
    Some((format!("[{value}]"), path.to_owned()))
}

/// Writes the line that a finding names into the file that it names.
pub fn note(finding: &Finding) {
    let Some(rest) = finding.cure.as_ref().and_then(|cure| cure.strip_prefix("write `")) else { return };
    let (line, rest) = rest.split_once("` into ").unwrap();
    let file = rest.split([',', ' ']).next().unwrap();
    let mut text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{rest}: {error}"));
    // A TOML file has each key once.
    let key = line.split_once(" = ").map(|(key, _)| format!("{key} = "));
    let old = key.and_then(|key| text.lines().find(|old| old.starts_with(&key)).map(str::to_owned));
    match old {
        Some(old) => text = text.replace(&old, line),
        None => text += &format!("{line}\n"),
    }
    fs::write(file, text).unwrap();
}

/// Whether it is about a setting that needs a restart.
fn waits_for_a_start(finding: &Finding) -> bool {
    AT_START.iter().any(|name| finding.text.starts_with(&format!("{name} is ")))
}

/// What concerns the servers' settings.
fn about_settings(findings: &[Finding]) -> Vec<&Finding> {
    let checks = ["settings", "eviction", "memory", "roles"];
    let told = complaints(findings).into_iter().filter(|finding| checks.contains(&finding.check));
    // No command provides a replica.
    told.filter(|finding| !finding.text.contains("without a replica")).collect()
}

/// Examines fresh servers and follows all advice. Then nothing is found, neither at once nor after a restart.
fn heal(config: &str, servers: &mut [Bare]) {
    let (root, folder) = (machine(), tempfile::tempdir().unwrap());
    let file = folder.path().join("site.toml");
    fs::write(&file, config).unwrap();
    let first = examine(&file, root.path());
    let found = about_settings(&first);
    assert!(found.len() > 10, "{found:#?}");
    for finding in &found {
        assert!(!finding.commands.is_empty() || finding.cure.is_some(), "nothing helps against {finding:#?}");
        obey(finding, root.path());
        note(finding);
    }
    let then = examine(&file, root.path());
    assert!(about_settings(&then).into_iter().all(waits_for_a_start), "{:#?}", about_settings(&then));
    servers.iter_mut().for_each(Bare::restart);
    // A node takes a moment until it sees its Cluster again.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let last = examine(&file, root.path());
        if about_settings(&last).is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "{:#?}", about_settings(&last));
        thread::sleep(Duration::from_millis(50));
    }
}

/// Plain servers are healed by following the findings, and stay healthy after a restart.
#[test]
fn what_it_says_of_settings_works_and_lasts() {
    let mut shared = [Bare::start("")];
    heal(&format!("url = \"{}\"\n", shared[0].url()), &mut shared);

    let mut apart = [Bare::start(""), Bare::start(""), Bare::start("maxmemory 3mb\nmaxclients 20\n")];
    let lanes = ["ris", "rts", "rtss"].iter().zip(&apart);
    let config: String =
        lanes.map(|(lane, server)| format!("[{lane}]\nurl = \"{}\"\n", server.url())).collect();
    heal(&config, &mut apart);
}

#[test]
fn what_it_says_of_a_clusters_settings_works_and_lasts() {
    let mut nodes = [Bare::start("cluster-enabled yes\nmaxmemory-policy volatile-lru\n")];
    let mut node = connect(nodes[0].port).unwrap();
    type_in(&mut node, "CLUSTER ADDSLOTSRANGE 0 16383");
    let deadline = Instant::now() + PATIENCE;
    let mut state = || redis::cmd("CLUSTER").arg("INFO").query::<String>(&mut node).unwrap();
    while !state().contains("cluster_state:ok") {
        assert!(Instant::now() < deadline, "the Cluster does not settle: {}", state());
        thread::sleep(Duration::from_millis(10));
    }
    heal(&format!("url = \"redis-cluster://127.0.0.1:{}\"\n", nodes[0].port), &mut nodes);
}

/// The advice about encodings works: the setting, and a restart.
#[test]
fn what_it_says_of_encodings_works() {
    let mut server = Bare::start("hash-max-listpack-value 16\n");
    let (root, folder) = (machine(), tempfile::tempdir().unwrap());
    let file = folder.path().join("site.toml");
    fs::write(&file, format!("url = \"{}\"\n", server.url())).unwrap();
    let mut redis = connect(server.port).unwrap();
    for command in [
        "HSET is:{1.Demo} ag a-name-of-more-than-sixteen-bytes iv 1000",
        "PEXPIRE is:{1.Demo} 90000",
        // What the advice says, for good.
        "CONFIG SET hash-max-listpack-value 640",
        "CONFIG REWRITE",
    ] {
        type_in(&mut redis, command);
    }
    let says = "are not in the compact encoding: is:{1.Demo}";
    let findings = examine(&file, root.path());
    expect(&findings, Light::Yellow, "keys", says);
    let cure = findings.iter().find(|finding| finding.text.contains(says)).unwrap().cure.clone().unwrap();
    assert!(cure.contains("hash-max-listpack-value 640") && cure.contains("restarted"), "{cure}");
    type_in(&mut redis, "SAVE");
    server.restart();
    let left = examine(&file, root.path());
    assert!(!left.iter().any(|finding| finding.text.contains("compact encoding")), "{left:#?}");
}

/// The list of settings that need a restart is exactly what Redis calls immutable.
#[test]
fn what_a_server_takes_at_its_start_only_is_known() {
    let server = Bare::start("");
    let mut connection = connect(server.port).unwrap();
    // Nothing is said about these.
    let theirs = ["databases", "io-threads", "cluster-config-file"];
    for (file, _) in files::FILES.iter().filter(|(name, _)| !["sentinel.conf", "defrag.conf"].contains(name))
    {
        for (name, value) in files::settings(file) {
            if ["port", "bind"].contains(&name.as_str()) || theirs.contains(&name.as_str()) {
                continue;
            }
            let set: redis::RedisResult<()> =
                redis::cmd("CONFIG").arg("SET").arg(&name).arg(&value).query(&mut connection);
            let at_start = set.is_err_and(|error| error.to_string().contains("immutable"));
            assert_eq!(at_start, AT_START.contains(&name.as_str()), "{name}");
        }
    }
}

#[test]
fn what_it_says_works_where_a_password_is_wanted_and_only_the_administrator_may() {
    let users = format!(
        "user default off\nuser doctor on >{PASSWORD} ~* +@all -config|set\nuser admin on >{PASSWORD} ~* &* +@all\n"
    );
    for (lines, login) in [(format!("requirepass {PASSWORD}\n"), ""), (users, "doctor")] {
        let server = Bare::start(&lines);
        let folder = tempfile::tempdir().unwrap();
        let (root, file) = (machine(), folder.path().join("site.toml"));
        let url = format!("redis://{login}:{PASSWORD}@127.0.0.1:{}", server.port);
        fs::write(&file, format!("url = \"{url}\"\n")).unwrap();
        let findings = examine(&file, root.path());
        let found = about_settings(&findings);
        assert!(found.len() > 10, "{found:#?}");
        found.iter().for_each(|finding| drop(obey(finding, root.path())));
        let left = examine(&file, root.path());
        assert!(about_settings(&left).into_iter().all(waits_for_a_start), "{left:#?}");
        let all = format!("{findings:?}");
        assert!(!all.contains(PASSWORD), "a password is printed");
    }
}

/// Everything the doctor can find about streams is mended by its own advice.
#[test]
fn what_it_says_of_streams_works() {
    let (root, servers) = (machine(), start(Topology::Single));
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("site.toml");
    let text = fs::read_to_string(servers.config_file()).unwrap();
    // The lane of signals comes last.
    fs::write(&config, format!("{}\nmax_length = 100\n", text.trim_end())).unwrap();
    let mut rtss = connect(servers.ports()[RTSS]).unwrap();
    let fields = "v 2 p 00000000000000aa q 1 t 1763800000000 o 0 i 1.Demo a b sy EURUSD vo 0.1 pr 1.5 sl 0 tp 0 mg 3 po 0 \
                  ex 0 co x pq 0";
    let signal = format!("XADD ss:{{0}}:1.Demo * {fields}");
    let letter =
        format!("XADD sd:{{0}} * {fields} x-source 1.Demo x-group copiers x-deliveries 5 x-error why");
    let listed = "ZADD sl:{0} 1 1.Demo";
    let group = "XGROUP CREATE ss:{0}:1.Demo copiers $ MKSTREAM";
    let consumer = "XGROUP CREATECONSUMER ss:{0}:1.Demo copiers one";
    let names = (0..1001).map(|at| format!(" 1 {at}.Gone")).collect::<String>();
    let names = format!("ZADD sl:{{0}}{names}");
    let signals = |count: usize| vec![signal.as_str(); count];
    let cases: [(Vec<&str>, &str); 7] = [
        (vec![&letter, listed, group, consumer], "sd:{0} has 1 signals that no worker could process"),
        (vec![&names], "sl:{0} has 1001 names without a stream"),
        ([vec![listed, group, consumer], signals(302)].concat(), "is longer than rtss.max_length 100"),
        (
            [vec![listed, group, consumer], signals(95)].concat(),
            "is trimmed at 100 signals, before rtss.retention is over",
        ),
        (vec![listed, &signal], "nobody reads the signals of 1.Demo"),
        (
            vec![listed, &signal, group],
            "group copiers, 1 sources: 0 unacknowledged, 0 not read yet, no consumer",
        ),
        (
            vec![
                listed,
                &signal,
                "XSETID ss:{0}:1.Demo 9999999999999-0 ENTRIESADDED 200000 MAXDELETEDID 0-0",
                "XGROUP CREATE ss:{0}:1.Demo copiers 0 ENTRIESREAD 0",
                consumer,
            ],
            "0 unacknowledged, 200000 not read yet",
        ),
    ];
    for (provoke, says) in &cases {
        provoke.iter().for_each(|command| type_in(&mut rtss, command));
        let findings = examine(&config, root.path());
        expect(&findings, Light::Yellow, "streams", says);
        heals(&findings, &config, root.path(), ("streams", says));
        type_in(&mut rtss, "FLUSHALL");
    }
}

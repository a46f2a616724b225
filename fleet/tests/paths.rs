//! Every path that the program takes begins where it is typed: each option of each command, from a folder that is
//! neither the program's nor that of the files.
#![cfg(target_os = "linux")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use mt5fleet::library;
use mt5fleet::up::server::connect;
use rcgen::{CertificateParams, KeyPair};
use rustix::process::{Pid, Signal, kill_process};
use support::eventually;
use support::port::free_ports;
use tempfile::TempDir;

/// How the help names what is a path.
const PATHS: [&str; 7] = ["CONFIG", "DATA", "LIBRARY", "LEDGERS", "FILE", "FOLDER", "FOLDERS"];

/// A folder to type in, another one beside it that has the files, and what was typed.
struct Desk {
    folder: TempDir,
    typed: BTreeSet<(String, String)>,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("here")).unwrap();
        fs::create_dir(folder.path().join("files")).unwrap();
        Self { folder, typed: BTreeSet::new() }
    }

    fn files(&self) -> std::path::PathBuf {
        self.folder.path().join("files")
    }

    fn command(&mut self, line: &str) -> Command {
        let words: Vec<&str> = line.split(' ').collect();
        let name = words.iter().take_while(|word| !word.starts_with('-') && !word.contains('/'));
        let name = name.copied().collect::<Vec<_>>().join(" ");
        for word in &words[1..] {
            if word.starts_with("--") || word.contains("files/") && name == "deadletters files" {
                let option = if word.starts_with("--") { word } else { "<FOLDERS>" };
                self.typed.insert((name.clone(), option.to_owned()));
            }
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
        command.args(words).current_dir(self.folder.path().join("here")).stdin(Stdio::null());
        command
    }

    /// Types a line that must succeed, or whose words must be there.
    fn types(&mut self, line: &str) -> String {
        let Output { status, stdout, stderr } = self.command(line).output().unwrap();
        let said = String::from_utf8([stdout, stderr].concat()).unwrap();
        assert!(status.success(), "{line}: {said}");
        said
    }
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server that wants the password in `files/password`.
fn server(files: &Path) -> (Running, u16) {
    fs::write(files.join("password"), "hunter2\n").unwrap();
    let port = free_ports(1)[0];
    let mut redis = Command::new("redis-server");
    redis.args(["--port", &port.to_string(), "--save", "", "--requirepass", "hunter2", "--maxmemory", "1gb"]);
    redis.args(["--maxmemory-policy", "noeviction", "--appendonly", "yes", "--dir"]).arg(files);
    let server = Running(redis.stdout(Stdio::null()).spawn().unwrap());
    eventually("redis-server answers", || {
        connect(port).is_ok_and(|mut it| redis::cmd("AUTH").arg("hunter2").exec(&mut it).is_ok())
    });
    (server, port)
}

/// Each command with each of its options that is a path, by the program's own help.
fn all_paths() -> BTreeSet<(String, String)> {
    let help = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_mt5fleet")).args(words).arg("--help").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let commands = |text: &str| -> Vec<String> {
        let list = text.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1);
        let list = list.take_while(|line| line.starts_with("  "));
        let names =
            list.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
        names.filter(|name| *name != "help").map(str::to_owned).collect()
    };
    let mut all = BTreeSet::new();
    let mut look = vec![Vec::new()];
    while let Some(words) = look.pop() {
        let text = help(&words.iter().map(String::as_str).collect::<Vec<_>>());
        look.extend(commands(&text).into_iter().map(|name| [words.clone(), vec![name]].concat()));
        for line in text.lines() {
            let mut parts = line.split_whitespace();
            let (Some(option), value) = (parts.next(), parts.next().unwrap_or_default()) else { continue };
            let name = |word: &str| word.trim_matches(|c: char| !c.is_ascii_uppercase()).to_owned();
            if option.starts_with("--") && PATHS.contains(&name(value).as_str()) {
                all.insert((words.join(" "), option.to_owned()));
            } else if option.starts_with('<') && PATHS.contains(&name(option).as_str()) {
                all.insert((words.join(" "), "<FOLDERS>".to_owned()));
            }
        }
    }
    all
}

/// Every option that takes a path resolves it against the current folder.
#[test]
fn every_path_begins_where_it_is_typed() {
    let mut desk = Desk::new();
    let files = desk.files();
    let (_server, port) = server(&files);
    let lane = |name: &str| {
        format!("[{name}]\nurl = \"redis://127.0.0.1:{port}\"\npassword_file = \"../files/password\"\n")
    };
    // The folder has a configuration as Notepad saves it, a certificate and the library.
    let toml: String = ["ris", "rts", "rtss"].map(lane).concat();
    fs::write(files.join("site.toml"), format!("\u{feff}{}", toml.replace('\n', "\r\n"))).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    fs::write(files.join("ca.pem"), certificate.pem()).unwrap();
    fs::write(files.join("key.pem"), key.serialize_pem()).unwrap();
    fs::copy(library::default_path().unwrap(), files.join("bridge.so")).unwrap();
    fs::copy(library::default_path().unwrap(), desk.folder.path().join("here/bridge.so")).unwrap();

    // Commands that load the library.
    let simulate = "simulate --terminals 1 --seconds 1 --signal-rate 20";
    let said = desk.types(&format!(
        "{simulate} --config ../files/site.toml --ledgers ../files/ledgers --library bridge.so"
    ));
    assert!(said.contains("simulate ok: terminals=1"), "{said}");
    assert!(files.join("ledgers/terminal-0.jsonl").exists());
    desk.types(&format!(
        "{simulate} --config ../files/site.toml --slow-redis 1000000 --library ../files/bridge.so"
    ));
    let said = desk.types("demo --terminals 1 --seconds 1 --ledgers ../files/demo --library bridge.so");
    assert!(said.contains("demo ok: terminals=1"), "{said}");
    assert!(files.join("demo/terminal-0.jsonl").exists());
    // `size` measures for minutes, so this shows only that it finds the file.
    fs::write(desk.folder.path().join("here/none.so"), "").unwrap();
    let refused = desk.command("size --library none.so").output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("here/none.so: file too short"), "{said}");

    // Commands that read the configuration.
    let said = desk.types("top --once --config ../files/site.toml");
    assert!(said.contains("1 of 1 alive"), "{said}");
    desk.types("govern --once --every 50ms --config ../files/site.toml");
    desk.types("doctor --terminals 1 --config ../files/site.toml");
    desk.types("halt --instance 9.Nobody --who me --why test --config ../files/site.toml");
    desk.types("resume --instance 9.Nobody --who me --config ../files/site.toml");
    desk.types("reports --config ../files/site.toml");
    let sink = "[alerts.sinks.log]\nkind = \"command\"\ncommand = \"cat > ../files/alert\"\n";
    fs::write(files.join("alerts.toml"), format!("{toml}\n{sink}")).unwrap();
    desk.types("alerts test --config ../files/alerts.toml");
    assert!(files.join("alert").exists());
    let listed = desk.command("alerts list --config ../files/alerts.toml").output().unwrap();
    let said = String::from_utf8(listed.stderr).unwrap();
    assert!(said.contains("no program has told alerts here"), "{said}");
    desk.types("deadletters list --config ../files/site.toml");
    desk.types("deadletters retry --all --config ../files/site.toml");
    desk.types("deadletters drop --all --config ../files/site.toml");
    desk.types("deadletters files ../files/ledgers");
    desk.types("export --config ../files/site.toml --csv ../files/csv");
    desk.types("export --config ../files/site.toml --parquet ../files/parquet");
    assert!(files.join("csv/trades.csv").exists() && files.join("parquet/trades.parquet").exists());
    // Nobody listens there, so this shows only that it finds the file.
    let nowhere = "--postgres postgres://fleet@127.0.0.1:1/fleet --postgres-ca";
    for (file, expected) in [("ca.pem", "Connection refused"), ("none.pem", "none.pem")] {
        let line = format!("export --config ../files/site.toml {nowhere} ../files/{file}");
        let refused = desk.command(&line).output().unwrap();
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.contains(expected), "{said}");
    }
    let said = desk.types("acl --worker --password-file ../files/password");
    assert!(said.contains("ACL SETUSER worker"), "{said}");

    // A worker, which runs until it is ended.
    let more = "--group web --http https://127.0.0.1:1 --http-ca ../files/ca.pem";
    let mut work = desk.command(&format!("work --config ../files/site.toml --name paths {more}"));
    let mut worker = Running(work.stderr(Stdio::piped()).spawn().unwrap());
    let mut redis = connect(port).unwrap();
    redis::cmd("AUTH").arg("hunter2").exec(&mut redis).unwrap();
    eventually("the worker reads, or ends", || {
        let clients: String = redis::cmd("CLIENT").arg("LIST").query(&mut redis).unwrap();
        clients.contains("name=mt5redis:paths") || worker.0.try_wait().unwrap().is_some()
    });
    kill_process(Pid::from_child(&worker.0), Signal::TERM).unwrap();
    let mut said = String::new();
    worker.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(worker.0.wait().unwrap().success() && said.contains(" signals processed"), "{said}");

    // The page, which runs until it is ended.
    desk.types("token --name anna --tokens ../files/tokens");
    for more in [
        "--tokens ../files/tokens --certificate ../files/ca.pem --key ../files/key.pem",
        "--own-certificate ../files/own",
    ] {
        let mut web = desk.command(&format!("web --listen 127.0.0.1:0 --config ../files/site.toml {more}"));
        let mut web = Running(web.stdout(Stdio::piped()).spawn().unwrap());
        let mut said = String::new();
        BufReader::new(web.0.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert!(said.starts_with("the fleet is at https://127.0.0.1:"), "{said}");
        kill_process(Pid::from_child(&web.0), Signal::TERM).unwrap();
        assert!(web.0.wait().unwrap().success());
    }
    assert!(files.join("own/certificate.pem").exists());

    // Servers that stay: also from a folder below.
    let ports = free_ports(3).iter().map(u16::to_string).collect::<Vec<_>>().join(",");
    let said = desk.types(&format!("up --detach --data ../files/data --ports {ports}"));
    assert!(said.contains("../files/data/mt5redis.toml"), "{said}");
    fs::create_dir(files.join("below")).unwrap();
    let down = Command::new(env!("CARGO_BIN_EXE_mt5fleet"))
        .args(["down", "--data", "../data"])
        .current_dir(files.join("below"))
        .output()
        .unwrap();
    assert!(down.status.success(), "{down:?}");
    desk.types(&format!("up --detach --data ../files/data --ports {ports}"));
    desk.types("down --data ../files/data");

    let missing: Vec<_> = all_paths().difference(&desk.typed).cloned().collect();
    assert_eq!(missing, [], "paths that nobody tried");
}

//! Runs the C host `tests/hosts/terminal.c` on Linux or under Wine and checks the result of each of its scenarios.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use rmpv::Value;
use tempfile::TempDir;

use super::certificates::Authority;
use super::encrypted::Encrypted;
use super::port::free_port;
use super::process::{Finished, run, succeed};
use super::server::Server;
use super::{PATIENCE, configuration, wine};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hosts/terminal.c");
const INCLUDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/include");

/// A compiled host and its library.
pub struct Terminal {
    folder: TempDir,
    library: PathBuf,
    under_wine: bool,
    under_valgrind: bool,
}

/// An error or a leak ends the program with code 3, which no scenario expects.
const VALGRIND: &[&str] =
    &["--quiet", "--error-exitcode=3", "--leak-check=full", "--errors-for-leak-kinds=definite"];

impl Terminal {
    /// The host for this machine, with the shared object that cargo built for this test.
    pub fn native() -> Self {
        let test = std::env::current_exe().expect("this test");
        let library = test.with_file_name("libmt5_redis.so");
        assert!(library.exists(), "{} is missing: cargo builds it for the tests", library.display());
        Self::compile(Command::new("cc"), &["-ldl", "-pthread"], library, false)
    }

    /// The same host with every memory access checked.
    pub fn under_valgrind() -> Self {
        Self { under_valgrind: true, ..Self::native() }
    }

    /// The host for Windows, with the DLL beside it.
    pub fn windows() -> Self {
        let terminal = Self::compile(wine::compiler(), &[], "mt5_redis.dll".into(), true);
        fs::copy(wine::library(), terminal.folder.path().join("mt5_redis.dll")).expect("a copy of the DLL");
        terminal
    }

    fn compile(mut compiler: Command, libraries: &[&str], library: PathBuf, under_wine: bool) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let compile =
            compiler.args(["-std=c11", "-Wall", "-Wextra", "-pedantic", "-Werror", "-I", INCLUDE, "-o"]);
        succeed(compile.arg(folder.path().join("terminal.exe")).arg(SOURCE).args(libraries));
        Self { folder, library, under_wine, under_valgrind: false }
    }

    fn play(&self, scenario: &str, url: &str) -> Played {
        let program = self.folder.path().join("terminal.exe");
        let mut command = if self.under_wine { wine::command(&program) } else { Command::new(&program) };
        let mut limit = PATIENCE;
        if self.under_valgrind {
            command = Command::new("valgrind");
            command.args(VALGRIND).arg(&program);
            limit *= 4;
        }
        command.current_dir(self.folder.path()).arg(&self.library).args([scenario, url, "1.Demo"]);
        let Finished { status, output } =
            if self.under_wine { wine::run(&mut command) } else { run(&mut command, limit) };
        let code = status.code().unwrap_or_else(|| panic!("{scenario}: {status}\n{output}"));
        assert_ne!(code, 3, "{scenario}:\n{output}");
        let lines = output.lines().filter_map(|line| line.split_once(": "));
        let lines = lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Played { code, lines, output }
    }

    /// Sends one record of each kind: every field is in its place in Redis, and every query returns the right answer.
    pub fn sends_one_of_each(&self) {
        let server = Server::start();
        let played = self.play("send", &server.url());
        assert_eq!(played.code, 0, "{}", played.output);
        assert_eq!(played.value("version"), env!("CARGO_PKG_VERSION"));
        for (name, number) in [
            ("abi", 0),
            ("version_length", env!("CARGO_PKG_VERSION").len() as i64),
            ("heartbeat", 1),
            ("open", 1),
            ("change", 2),
            ("open_another", 3),
            ("close_another", 4),
            ("open_positions", 5),
            ("flush", 0),
            ("committed_ris", 1),
            ("committed_rts", 5),
            ("committed_rtss", 100),
            ("closed", 0),
            ("signal_after_close", -4),
            ("threads_left", 0),
        ] {
            assert_eq!(played.number(name), number, "{name}\n{}", played.output);
        }
        let events = played.values("event");
        assert!(events.iter().any(|line| line.contains(&server.port.to_string())), "{}", played.output);
        let stats: serde_json::Value = serde_json::from_str(played.value("stats")).expect("JSON");
        assert_eq!(stats["rtss"]["committed"], 100, "{stats}");

        let mut instance: HashMap<String, String> = server.ask("HGETALL is:{1.Demo}");
        let producer = |lane: &str| stats[lane]["producer"].as_str().expect("a text").to_owned();
        assert_eq!(instance.remove("p"), Some(producer("ris")));
        // It is a measurement: a busy machine may add some milliseconds.
        let clock: i64 = instance.remove("ck").expect("a field ck").parse().expect("a number");
        assert!(clock.abs() < 2_000, "{clock}");
        assert_eq!(listed(&instance), INSTANCE);
        let position: HashMap<String, String> = server.ask("HGETALL ts:{1.Demo}:77");
        assert_eq!(listed(&position), POSITION.replace("<producer>", &producer("rts")));
        assert_eq!(server.ask::<Vec<i64>>("SMEMBERS to:{1.Demo}"), [77]);
        let closed: HashMap<String, String> = server.ask("HGETALL ts:{1.Demo}:79");
        assert_eq!((closed["st"].as_str(), closed["tc"].as_str()), ("c", "1763800060000"));
        let producer = producer("rtss");
        for (at, signal) in signals(&server).iter().enumerate() {
            let number = at + 1;
            let expected = format!(
                r#"[2, "{producer}", {number}, 1763800000002, 7200, "1.Demo", "s", "XAUUSD.m", 0.25, 1.10345, 1.1, 1.12, {number}, 77, 1763800100000, "ma cross", {at}]"#
            );
            assert_eq!(signal.to_string(), expected);
        }
    }

    /// Sends everything over TLS, to a server whose certificate the user's own authority signed.
    pub fn speaks_tls(&self) {
        let authority = Authority::new();
        let encrypted = Encrypted::start(&authority.sign("localhost", 2060), &authority, "no");
        let (_folder, config) = configuration(&encrypted.toml("localhost", &authority.file(), ""));
        let played = self.play("send", &config);
        assert_eq!((played.code, played.number("flush")), (0, 0), "{}", played.output);
        assert_eq!(encrypted.signals(), 100);
    }

    /// Each thread's signals arrive once and in order.
    pub fn serves_many_threads(&self) {
        let server = Server::start();
        let played = self.play("threads", &server.url());
        assert_eq!(played.code, 0, "{}", played.output);
        assert_eq!(played.values("flush"), ["0"; 8]);
        assert_eq!(played.values("closed"), ["0"; 8]);
        assert_eq!(played.number("threads_left"), 0);
        let mut threads: HashMap<String, Vec<i64>> = HashMap::new();
        for signal in signals(&server) {
            let instance = signal[5].as_str().expect("an instance").to_owned();
            threads.entry(instance).or_default().push(signal[12].as_i64().expect("a magic number"));
        }
        assert_eq!(threads.len(), 8);
        for (thread, magics) in threads {
            assert_eq!(magics, (1..=250).collect::<Vec<_>>(), "{thread}");
            assert!(server.ask::<bool>(&format!("EXISTS is:{{{thread}}}")), "{thread}");
        }
    }

    /// Unloading the library while its threads run is harmless, and loading it again continues.
    pub fn survives_unloading(&self) {
        let server = Server::start();
        let played = self.play("reload", &server.url());
        assert_eq!(played.code, 0, "{}", played.output);
        assert_eq!((played.number("flush"), played.number("closed"), played.number("sent")), (0, 0, 201));
        let magics: Vec<_> =
            signals(&server).iter().map(|signal| signal[12].as_i64().expect("a number")).collect();
        assert_eq!(magics, (1..=201).collect::<Vec<_>>());
    }

    /// A process that ends with running threads, calls and open handles ends at once and with its own exit code. The next
    /// one sends what it left.
    pub fn ends_with_threads_running(&self) {
        let server = Server::start();
        let nobody = format!("redis://127.0.0.1:{}", free_port());
        for url in [server.url(), nobody] {
            let played = self.play("exit", &url);
            assert_eq!(played.code, 7, "{url}\n{}", played.output);
        }

        let played = self.play("reload", &server.url());
        assert_eq!((played.code, played.number("flush")), (0, 0), "{}", played.output);
        let before = server.ask::<i64>("XLEN ss:{0}:1.Demo") - played.number("sent");
        assert!(before >= 1000, "{before} signals of the first process");
    }

    /// Wrong calls get their code and a helpful text, and the host survives.
    pub fn refuses_wrong_calls(&self) {
        let server = Server::start();
        let played = self.play("errors", &server.url());
        assert_eq!(played.code, 0, "{}", played.output);
        for (name, code, sentence) in REFUSALS {
            assert_eq!(played.number(name), *code, "{name}\n{}", played.output);
            let because = played.after(name, "  because");
            assert!(because.contains(sentence), "{name}: {because:?} does not say {sentence:?}");
        }
        assert!(!played.output.contains("secret"), "{}", played.output);
        for name in ["version_into_null", "version_into_nothing", "version_cut"] {
            assert_eq!(played.number(name), env!("CARGO_PKG_VERSION").len() as i64, "{name}");
        }
        assert_eq!(played.value("version_start"), &env!("CARGO_PKG_VERSION")[..3]);
        for name in ["signal_without_server", "signal_without_comment", "stats_into_null"] {
            assert_eq!(played.number(name), 1, "{name}");
        }
        assert_eq!((played.number("closed"), played.number("threads_left")), (0, 1));
        assert_eq!(server.ask::<i64>("XLEN ss:{0}:1.Demo"), 1, "nothing that was refused");
    }
}

/// The hashes that the values in `terminal.c` produce, in the order of the names. All values differ, so that a misplaced
/// field would show.
const INSTANCE: &str = "aa=0 ac=2 ae=0 ag=terminal.c at=0 ba=10000.25 bu=5200 cn=1 co=Брокер cr=1.5 cu=EUR \
    eq=10016.5 et=0 fo=0 ha=0 hd=1 iv=1000 jp=0 le=500 lg=5012345 mf=9685.46 mg=331.04 ml=3025.75 o=7200 or=2 pi=18250 po=3 \
    pr=16.25 q=1 rf=0 sa=0 sl=0 sv=Demo-Server sw=0 t=1763800000000 ta=0 th=0 tl=0 tw=0 v=2 vp=0";
const POSITION: &str = "cm=-1.5 co=größer 买入 dg=5 e=m mg=-9 o=-18000 p=<producer> pc=1.10401 po=1.10345 \
    pr=16.8 px=1.105 q=2 sd=s sl=1.1 st=o sw=-0.12 sy=EURUSD t=1763800000001 tc=0 ti=78 to=1763799000000 \
    tp=1.12 v=2 vc=0.2 vo=0.3";

/// Name, code, and a part of the text.
const REFUSALS: &[(&str, i64, &str)] = &[
    ("old_include", -2, "mt5redis_trade_t"),
    ("no_instance", -101, "is empty"),
    ("foreign_instance", -101, "' '"),
    ("unterminated_instance", -101, "too long"),
    ("unterminated_config", -6, "too long"),
    ("bad_url", -6, ""),
    ("no_file", -7, "not-there.toml"),
    ("zero_handle", -3, "does not exist"),
    ("wrong_handle", -3, "-123456789"),
    ("close_of_nothing", -3, "does not exist"),
    ("flush_without_server", -9, "still pending"),
    ("close_without_server", -9, "still pending"),
    ("close_again", -4, "is closed"),
    ("null_instance", -5, "state is null"),
    ("null_trade", -5, "state is null"),
    ("null_signal", -5, "signal is null"),
    ("null_positions", -5, "positions is null"),
    ("negative_count", -123, "count = -1"),
    ("wrong_lane", -10, "lane 3"),
    ("null_symbol", -102, "symbol is empty"),
    ("unterminated_symbol", -102, "at most 48 bytes"),
    ("unterminated_comment", -103, "at most 96 bytes"),
    ("nan_volume", -115, "volume = NaN"),
];

/// A host's output and exit code.
struct Played {
    code: i32,
    lines: Vec<(String, String)>,
    output: String,
}

impl Played {
    fn values(&self, name: &str) -> Vec<&str> {
        self.lines.iter().filter(|line| line.0 == name).map(|line| line.1.as_str()).collect()
    }

    fn value(&self, name: &str) -> &str {
        self.values(name).first().unwrap_or_else(|| panic!("no {name}:\n{}", self.output))
    }

    fn number(&self, name: &str) -> i64 {
        self.value(name).parse().expect("a number")
    }

    /// The value of the line after `name`'s.
    fn after(&self, name: &str, next: &str) -> &str {
        let at = self.lines.iter().position(|line| line.0 == name).expect("a line");
        let (found, value) = &self.lines[at + 1];
        assert_eq!(found, next);
        value
    }
}

/// Every signal in the stream, unpacked.
fn signals(server: &Server) -> Vec<Value> {
    type Entry = (String, Vec<(String, Vec<u8>)>);
    let mut streams: Vec<String> = server.ask("KEYS ss:*");
    streams.sort();
    let unpack = |mut bytes: &[u8]| rmpv::decode::read_value(&mut bytes).expect("MessagePack");
    let entries = streams.iter().flat_map(|stream| server.ask::<Vec<Entry>>(&format!("XRANGE {stream} - +")));
    entries.map(|(_, fields)| unpack(&fields[0].1)).collect()
}

/// Names and values, in the order of the names.
fn listed(hash: &HashMap<String, String>) -> String {
    let mut fields: Vec<_> = hash.iter().map(|(name, value)| format!("{name}={value}")).collect();
    fields.sort();
    fields.join(" ")
}

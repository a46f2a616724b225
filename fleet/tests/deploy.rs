//! The configurations in `deploy/`: Redis takes them as they are, each setting says why it is there, and the
//! data we write stays in the compact encodings that they are sized for.

use std::fs;
use std::path::{Path, PathBuf};

use mt5fleet::up::server::Server;
use mt5fleet::up::{LANES, Servers, version};
use redis::Connection;

const RIS: usize = 0;
const RTS: usize = 1;

fn deploy(lane: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../deploy/redis-{lane}.conf"))
}

fn connect(url: &str) -> Connection {
    redis::Client::open(url).unwrap().get_connection().unwrap()
}

#[test]
fn each_setting_has_a_line_that_says_why() {
    for (lane, text) in LANES {
        assert_eq!(fs::read_to_string(deploy(lane)).unwrap(), text, "{lane} is embedded as it is");
        let mut before = "";
        for line in text.lines() {
            let setting = !line.is_empty() && !line.starts_with('#');
            assert!(!setting || before.starts_with("# "), "{lane}: {line:?} has no comment above it");
            before = line;
        }
    }
}

#[test]
fn redis_takes_each_file_and_does_what_it_says() {
    for (lane, text) in LANES {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(text, folder.path(), None, true).unwrap();
        let mut connection = connect(&server.url());
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (name, value) = line.split_once(' ').unwrap();
            let is: Vec<String> = redis::cmd("CONFIG").arg("GET").arg(name).query(&mut connection).unwrap();
            let is = &is[1];
            match name {
                // `up` and the tests choose another one.
                "port" => {}
                // Three classes and several lines in one answer.
                "client-output-buffer-limit" => assert!(is.contains("normal 67108864 16777216 30"), "{is}"),
                "save" if value == "\"\"" => assert_eq!(is, ""),
                "save" => assert!(is.contains(value), "{lane}: save is {is:?}"),
                _ => assert_eq!(bytes(is), bytes(value), "{lane}: {name}"),
            }
        }
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
    for (lane, text) in LANES {
        let adapted = version::adapt(text, (6, 2));
        let settings = adapted.lines().filter(|line| !line.starts_with('#'));
        for setting in settings {
            assert!(!new.iter().any(|name| setting.contains(name)), "{lane}: {setting}");
        }
    }
}

/// The longest texts that the library takes.
fn longest(bytes: usize) -> String {
    "x".repeat(bytes)
}

#[test]
fn hashes_stay_listpacks_and_sets_of_positions_intsets() {
    let servers = Servers::start_temporary(None).unwrap();
    let [ris, rts, _] = servers.urls();
    let mut connections = [connect(&ris), connect(&rts)];
    let mut encoding_of = |lane: usize, key: &str, write: &mut redis::Cmd| -> String {
        write.exec(&mut connections[lane]).unwrap();
        redis::cmd("OBJECT").arg("ENCODING").arg(key).query(&mut connections[lane]).unwrap()
    };

    // 37 fields, with numbers as long as they get.
    let texts = [("sv", 64), ("co", 96), ("cu", 16), ("ag", 48)];
    let mut instance = redis::cmd("HSET");
    instance.arg("is:{1.Demo}");
    let numbers =
        "v p q t o lg ac ba eq mg mf ml pr cr le cn at et aa ae hd vp pi po or bu iv tw sw rf th ta sa";
    numbers.split(' ').for_each(|name| {
        instance.arg(name).arg("-2.2250738585072014e-308");
    });
    texts.iter().for_each(|&(name, length)| {
        instance.arg(name).arg(longest(length));
    });
    assert_eq!(encoding_of(RIS, "is:{1.Demo}", &mut instance), "listpack");

    // 25 fields.
    let mut trade = redis::cmd("HSET");
    trade.arg("ts:{1.Demo}:1");
    "v p q t o e st sd vo vc po pc px sl tp pr sw cm mg ti to tc dg".split(' ').for_each(|name| {
        trade.arg(name).arg("-2.2250738585072014e-308");
    });
    trade.arg("sy").arg(longest(48)).arg("co").arg(longest(96));
    assert_eq!(encoding_of(RTS, "ts:{1.Demo}:1", &mut trade), "listpack");

    // One packed value: every number of nine bytes, every text with its two or three of length.
    for (lane, key, bytes) in [
        (RIS, "is:{2.Demo}", 30 * 9 + 16 + 64 + 96 + 16 + 48 + 20),
        (RTS, "ts:{2.Demo}:1", 23 * 9 + 16 + 48 + 96 + 12),
    ] {
        let mut packed = redis::cmd("HSET");
        packed.arg(key).arg("d").arg(longest(bytes));
        assert_eq!(encoding_of(lane, key, &mut packed), "listpack", "{bytes} bytes in one value");
    }

    let mut open = redis::cmd("SADD");
    open.arg("to:{1.Demo}");
    (0..500).for_each(|position| {
        open.arg(i64::MAX - position);
    });
    assert_eq!(encoding_of(RTS, "to:{1.Demo}", &mut open), "intset");
}

#[test]
fn a_listpack_takes_a_third_of_a_hash_table() {
    let servers = Servers::start_temporary(None).unwrap();
    let mut connection = connect(&servers.urls()[RTS]);
    let mut memory = |key: &str, limit: u32| -> u64 {
        redis::cmd("CONFIG")
            .arg("SET")
            .arg("hash-max-listpack-entries")
            .arg(limit)
            .exec(&mut connection)
            .unwrap();
        let mut hash = redis::cmd("HSET");
        hash.arg(key);
        (0..25).for_each(|field| {
            hash.arg(format!("f{field}")).arg("1.10345");
        });
        hash.exec(&mut connection).unwrap();
        redis::cmd("MEMORY").arg("USAGE").arg(key).query(&mut connection).unwrap()
    };
    let (compact, table) = (memory("compact", 64), memory("table", 0));
    assert!(compact * 3 <= table, "{compact} bytes as a listpack, {table} as a table");
}

//! The readers in `examples/` print what was given.

mod support;

use std::path::Path;
use std::process::Command;

use mt5_redis::model::Signal;
use support::PATIENCE;
use support::bridge::Bridge;
use support::process::{run, succeed};
use support::server::Server;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");

const STREAM: &str = "ss:{0}:1.Demo";

/// A server with five signals.
fn five() -> Server {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    for volume in 1..=5 {
        bridge.signal(&Signal { action: 1, volume: f64::from(volume) / 8.0, ..Default::default() });
    }
    bridge.settle();
    server
}

/// Runs a reader of five signals and looks at what it prints and acknowledges, as a group or, without one, as a follower.
fn reads_five(mut reader: Command, group: &str) {
    let server = five();
    // A process of its own has a journal of its own.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let finished = run(reader.args([&server.url(), "5"]).arg(folder.path()), PATIENCE);
    assert!(finished.status.success(), "{}", finished.output);
    for volume in ["0.125", "0.25", "0.375", "0.5", "0.625"] {
        let lines = finished.output.lines().filter(|line| line.contains("1.Demo") && line.contains("EURUSD"));
        assert_eq!(
            lines.filter(|line| line.split(' ').any(|word| word == volume)).count(),
            1,
            "{}",
            finished.output
        );
    }
    if group.is_empty() {
        // A follower writes down how far it is.
        let last: Vec<(String, redis::Value)> = redis::cmd("XREVRANGE")
            .arg(STREAM)
            .arg(&["+", "-", "COUNT", "1"])
            .query(&mut server.client())
            .unwrap();
        let position: String = server.ask("HGET fp:{example-c} 1.Demo");
        assert!(position.starts_with(&last[0].0), "{position} is not at {}", last[0].0);
    } else {
        let pending: Vec<redis::Value> =
            redis::cmd("XPENDING").arg(STREAM).arg(group).query(&mut server.client()).unwrap();
        assert_eq!(pending[0], redis::Value::Int(0));
    }
}

#[test]
fn in_rust() {
    let test = std::env::current_exe().expect("this test");
    let reader = test.parent().and_then(Path::parent).expect("deps/").join("examples/reader");
    assert!(reader.exists(), "{} is missing: cargo builds it for the tests", reader.display());
    reads_five(Command::new(reader), "example-rust");
}

#[test]
fn in_c() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let test = std::env::current_exe().expect("this test");
    let library = test.with_file_name("libmt5_redis.so");
    let reader = folder.path().join("reader");
    succeed(
        Command::new("cc")
            .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-I"])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/include"))
            .arg("-o")
            .arg(&reader)
            .arg(format!("{EXAMPLES}/reader.c"))
            .arg(&library)
            .arg(format!("-Wl,-rpath,{}", library.parent().expect("deps/").display())),
    );
    reads_five(Command::new(reader), "");
}

/// `make test` puts redis-py and msgpack into target/python.
#[test]
fn in_python() {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/target/python/bin/python");
    let python = std::env::var("PYTHON").unwrap_or_else(|_| own.to_owned());
    let mut reader = Command::new(if Path::new(&python).exists() { &python } else { "python3" });
    reader.arg(format!("{EXAMPLES}/reader.py"));
    reads_five(reader, "example-python");
}

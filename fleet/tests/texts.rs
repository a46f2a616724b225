//! What the program prints: no control characters from Redis or the network, and no argument that may hold a password.
#![cfg(target_os = "linux")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use mt5fleet::up::server::connect;
use support::port::listen;
use support::servers;

/// Clears the screen, sets a colour, reverses the text direction, and forges a line.
const EVIL: &str = "evil\x1b[2J\u{9b}31m\u{202e}\u{7f}\r\n{\"event\":\"forged\"}";

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// The program's output, and whether it succeeded.
fn printed(arguments: &[&str]) -> (String, bool) {
    let output = program(arguments).output().unwrap();
    (String::from_utf8([output.stdout, output.stderr].concat()).unwrap(), output.status.success())
}

fn expect_plain(text: &str) {
    let told = text.contains("evil");
    assert!(told, "the text is missing: {text}");
    for line in text.lines() {
        let harms =
            |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(!line.contains(harms), "{line:?}");
        assert!(!line.starts_with("{\"event\":\"forged\""), "{text}");
    }
}

/// Control characters in names, keys and dead letters are printed escaped.
#[test]
fn what_stands_in_redis_cannot_move_the_cursor_or_forge_a_line() {
    let servers = servers();
    let config = servers.config_file();
    let config = config.to_str().unwrap();
    let [mut ris, _, mut rtss] = servers.ports()[..3]
        .try_into()
        .map(|ports: [u16; 3]| ports.map(|port| connect(port).unwrap()))
        .unwrap();
    redis::cmd("ZADD").arg("il").arg(1).arg(format!("1.{EVIL}")).exec(&mut ris).unwrap();
    redis::cmd("SET").arg(EVIL).arg(1).exec(&mut ris).unwrap();
    redis::cmd("ZADD").arg("sl:{0}").arg(1).arg("1.Demo").arg(2).arg(EVIL).exec(&mut rtss).unwrap();
    let stream = "ss:{0}:1.Demo";
    redis::cmd("XADD").arg(stream).arg("1-1").arg("d").arg("x").exec(&mut rtss).unwrap();
    redis::cmd("XGROUP").arg("CREATE").arg(stream).arg(EVIL).arg(0).exec(&mut rtss).unwrap();
    let mut letter = redis::cmd("XADD");
    letter.arg("sd:{0}").arg("*").arg(&["x-error", EVIL, "x-group", EVIL, "x-id", EVIL, "x-source", EVIL]);
    letter.exec(&mut rtss).unwrap();
    for arguments in [
        &["doctor", "--config", config][..],
        &["doctor", "--config", config, "--json"],
        &["govern", "--config", config, "--every", "100ms", "--once"],
        &["deadletters", "list", "--config", config],
        &["deadletters", "list", "--config", config, "--json"],
    ] {
        expect_plain(&printed(arguments).0);
    }
}

/// A server that answers everything with this line, as an error.
fn hostile() -> String {
    let listener = listen();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let words = EVIL.lines().next().unwrap();
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut piece = [0; 4096];
                while let Ok(1..) = client.read(&mut piece) {
                    // One for each command that came, or a few more.
                    let answers =
                        format!("-ERR {words}\r\n").repeat(piece.iter().filter(|&&b| b == b'*').count());
                    piece.fill(0);
                    if client.write_all(answers.as_bytes()).is_err() {
                        break;
                    }
                }
            });
        }
    });
    url
}

/// So are those in a server's errors.
#[test]
fn what_a_server_says_is_printed_without_its_control_characters() {
    let url = hostile();
    for arguments in [
        &["doctor", "--config", &url][..],
        &["top", "--config", &url, "--once"],
        &["govern", "--config", &url, "--every", "100ms", "--once"],
        &["deadletters", "list", "--config", &url],
    ] {
        let (text, good) = printed(arguments);
        assert!(!good, "{text}");
        expect_plain(&text);
    }
    let mut worker = program(&["work", "--config", &url]).stderr(Stdio::piped()).spawn().unwrap();
    let told = BufReader::new(worker.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .find(|line| line.contains("evil"));
    worker.kill().unwrap();
    worker.wait().unwrap();
    expect_plain(&told.unwrap_or_default());
}

/// No error repeats a password from an argument, however mistyped its address.
#[test]
fn an_argument_that_may_hold_a_password_is_not_repeated() {
    for value in [
        "redis://default:Pa55word@127.0.0.1:1",
        "default:Pa55word@127.0.0.1",
        "redis//:Pa55word@127.0.0.1",
        "redis:/:Pa55word@127.0.0.1",
        "REDIS:Pa55word",
        "redis://:Pa55%77ord@127.0.0.1:port",
        "http://user:Pa55word@127.0.0.1:1/x?token=Pa55word",
        "a\"b:Pa55word@127.0.0.1",
        "Pa55word@127.0.0.1",
    ] {
        let equals = format!("--config={value}");
        let terminals = format!("--terminals={value}");
        for arguments in [
            &["doctor", "--config", value][..],
            &["doctor", value],
            &["doctor", &equals, "--root", "/"],
            &["doctor", &equals, &terminals],
            &["top", "--once", &equals],
            &["top", "--once", "--sort", value, "--config", "redis://127.0.0.1:1"],
            &["govern", "--once", "--every", "50ms", &equals],
            &["govern", "--metrics", value, "--config", "redis://127.0.0.1:1"],
            &["work", "--config", "redis://127.0.0.1:1", "--exec", "true", value],
            &[
                "work",
                "--config",
                "redis://127.0.0.1:1",
                "--name",
                "x",
                "--http",
                value,
                "--http-ca",
                "/nowhere",
            ],
            &["deadletters", "list", &equals],
            &["deadletters", "files", value],
            &["deadletters", "drop", &equals, "1-1"],
            &["simulate", "--terminals", "1", "--seconds", "1", &equals],
            &["simulate", "--terminals", "1", "--seconds", "1", "--slow-redis", "1000", &equals],
            &["acl", "--instance", value],
            &["acl", "--worker", value],
            &["acl", "--worker", "--password-file", value],
            &["down", "--data", value],
            &["up", "--ports", value],
            &["size", "--library", value],
            &[value],
        ] {
            // With an address that could be one it would wait for the server.
            if arguments[0] == "simulate" && value.starts_with("redis://default") {
                continue;
            }
            let (text, good) = printed(arguments);
            assert!(!good && !text.is_empty(), "{arguments:?}: {text}");
            for secret in ["Pa55", "%77ord", "token="] {
                assert!(!text.contains(secret), "{arguments:?}: {text}");
            }
        }
    }
}

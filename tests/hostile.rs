//! Servers that lie, drip, flood and lead astray. Whatever they say, the lane tells why it does not go on, keeps
//! what it was given, and goes on when the server is sane again; its password goes to nobody who is not of the site.

#[path = "hostile/astray.rs"]
mod astray;
mod support;

use std::io::{ErrorKind, Read, Write};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use support::bridge::{Bridge, account, buy, sequences, trade};
use support::certificates::Authority;
use support::fake::{FOREVER, Fake, Reply, say};
use support::port::listen;
use support::server::Server;
use support::{configuration, eventually, process};

const SECRET: &str = "hunter2";

/// A server's tricks, by name, and what the lane must say of each.
type Attack = (&'static str, fn(&[String]) -> Reply, &'static str);

const TOO_LARGE: &str = "the answer has more than 65536 bytes, see reply_bytes";
const STRANGE: &str = "the answer is not Redis' protocol";
const SLOW: &str = "no answer within the time-out";

/// Against each reply of whatever kind.
const ATTACKS: &[Attack] = &[
    ("a text without end", |_| forever("$9223372036854775807\r\n", "x"), TOO_LARGE),
    ("a text that never ends", |_| say("$60000\r\nxxxxx"), SLOW),
    ("a list without end", |_| forever("*9223372036854775807\r\n", ":1\r\n"), TOO_LARGE),
    ("a list of errors without end", |_| forever("*9223372036854775807\r\n", "-E\r\n"), TOO_LARGE),
    ("a line without end", |_| forever("+", "x"), STRANGE),
    ("an error without end", |_| forever("-", "x"), STRANGE),
    ("lists in lists without end", |_| forever("", "*1\r\n"), STRANGE),
    ("lists that promise much in each other", |_| forever("", "*1000000000\r\n"), STRANGE),
    ("a byte now and then", |_| slowly("$1000\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), SLOW),
    (
        "an error, a byte now and then",
        |_| slowly("-LOADING Redis is loading the dataset in memory\r\n"),
        SLOW,
    ),
    ("a text shorter than it is said to be", |_| say("$5\r\nab\r\n+OK\r\n+OK\r\n+OK\r\n"), STRANGE),
    ("a text longer than it is said to be", |_| say("$2\r\nabcde\r\n"), STRANGE),
    ("a negative length", |_| say("$-7\r\n"), STRANGE),
    ("no number", |_| say("*many\r\n"), STRANGE),
    ("another protocol", |_| say("HTTP/1.1 400 Bad Request\r\n\r\n"), STRANGE),
    ("a push", |_| Reply::PassAfter(b">2\r\n$10\r\ninvalidate\r\n*-1\r\n".to_vec()), STRANGE),
    ("silence", |_| Reply::Nothing, SLOW),
    ("an end", |_| Reply::Close, "the server closed the connection|reset by peer|Broken pipe"),
];

fn forever(first: &str, again: &str) -> Reply {
    Reply::Forever(first.into(), again.into())
}

fn slowly(text: &str) -> Reply {
    Reply::Slowly(text.into(), Duration::from_millis(100))
}

/// Waits for an event of the signals' lane with one of these texts.
fn told(bridge: &Bridge, what: &str, texts: &str) {
    let mut seen = Vec::new();
    let says = |line: &String| line.starts_with("rtss: ") && texts.split('|').any(|text| line.contains(text));
    let found = within_patience(|| {
        seen.extend(bridge.events());
        seen.iter().any(says)
    });
    assert!(found, "{what}: no event with {texts:?} in {seen:#?}");
    assert!(!seen.concat().contains(SECRET), "{seen:?}");
}

/// Whether it comes to pass before a test loses its patience.
fn within_patience(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + support::PATIENCE;
    while !condition() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    true
}

/// A configuration with small limits whose signals alone go to this server.
fn toml(url: &str, keys: &str) -> String {
    format!(
        "[ris]\nurl = \"redis://127.0.0.1:1\"\n[rts]\nurl = \"redis://127.0.0.1:1\"\n\
         [rtss]\nurl = \"{url}\"\nconnect_timeout = \"2s\"\nreply_timeout = \"2s\"\nreply_bytes = 65536\n{keys}\n"
    )
}

/// Sends a signal for each attack, made on the commands that `attacked` names, through a fake in front of a server.
fn survives(fake: &Fake, config: &str, server: &Server, attacked: fn(&[String]) -> bool) {
    let (folder, config) = configuration(config);
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    bridge.signal(&buy(1));
    settle(&bridge);
    for (number, (what, attack, words)) in (2..).step_by(2).zip(ATTACKS) {
        bridge.events();
        fake.does(move |command| if attacked(command) { attack(command) } else { Reply::Pass });
        bridge.signal(&buy(number));
        told(&bridge, what, words);
        fake.does(|_| Reply::Pass);
        settle(&bridge);
        // One that is sent ends the trouble: what comes next is news.
        bridge.signal(&buy(number + 1));
        settle(&bridge);
        let expected: Vec<i64> = (1..=number + 1).collect();
        assert_eq!(sequences(server), expected, "{what}");
    }
    assert_eq!(bridge.stats()["rtss"]["lost"], 0);
    assert_eq!(bridge.stats()["rtss"]["rejected"], 0);
}

/// Waits until all signals are in Redis.
fn settle(bridge: &Bridge) {
    let mut seen = Vec::new();
    let last = bridge.accepted("rtss");
    let committed = within_patience(|| {
        seen.extend(bridge.events());
        bridge.committed(mt5_redis::abi::MT5REDIS_LANE_RTSS) == last
    });
    assert!(committed, "{last} is not committed: {seen:#?}");
}

#[test]
fn a_server_that_goes_mad_loses_nothing() {
    let server = Server::start();
    let fake = Fake::before(server.port, |_| Reply::Pass);
    survives(&fake, &toml(&format!("redis://127.0.0.1:{}", fake.port), ""), &server, |_| true);
}

#[test]
fn a_server_that_goes_mad_within_a_transaction_loses_nothing() {
    let server = Server::start();
    let fake = Fake::before(server.port, |_| Reply::Pass);
    let url = format!("redis://127.0.0.1:{}", fake.port);
    survives(&fake, &toml(&url, ""), &server, |command| command[0] == "EXEC");
}

#[test]
fn under_tls_it_is_all_the_same() {
    let authority = Authority::new();
    let server = Server::start();
    let fake = Fake::encrypted(server.port, &authority.sign("localhost", 2060));
    let url = format!("rediss://localhost:{}", fake.port);
    let ca = format!("tls_ca = \"{}\"", authority.file().display());
    survives(&fake, &toml(&url, &ca), &server, |_| true);
}

#[test]
fn a_fake_that_lied_to_a_connection_ends_it_before_it_tells_the_truth() {
    let server = Server::start();
    let fake = Fake::before(server.port, |_| say("+QUEUED\r\n"));
    let mut client = std::net::TcpStream::connect(("127.0.0.1", fake.port)).expect("a connection");
    client.set_read_timeout(Some(support::PATIENCE)).expect("a time-out");
    client.write_all(b"*1\r\n$5\r\nMULTI\r\n").expect("sent");
    let mut lie = [0; 9];
    client.read_exact(&mut lie).expect("an answer");
    fake.does(|_| Reply::Pass);
    client.write_all(b"*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$1\r\n1\r\n").expect("sent");
    let mut next = [0];
    let ended = client
        .read(&mut next)
        .map_or_else(|error| error.kind() == ErrorKind::ConnectionReset, |count| count == 0);
    assert!(ended, "it went on with {:?}", next[0] as char);
    assert_eq!(&lie, b"+QUEUED\r\n");
    assert_eq!(server.ask::<i64>("EXISTS half"), 0);
}

#[test]
fn a_handshake_that_drips_is_left() {
    let listener = listen();
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            std::thread::spawn(move || {
                // A record of 16 KiB, a byte at a time.
                let mut next = [0x16, 3, 3, 0x3f, 0xff].into_iter().chain(std::iter::repeat(2));
                while client.write_all(&[next.next().expect("no end")]).is_ok() {
                    std::thread::park_timeout(Duration::from_millis(60));
                }
            });
        }
    });
    let (folder, config) = configuration(&toml(&format!("rediss://localhost:{port}"), ""));
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    bridge.signal(&buy(1));
    told(&bridge, "a handshake", SLOW);
}

#[test]
fn a_reply_that_nobody_asked_for_is_taken_for_none() {
    let server = Server::start();
    let fake = Fake::before(server.port, |_| Reply::Pass);
    let (folder, config) = configuration(&toml(&format!("redis://127.0.0.1:{}", fake.port), ""));
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    let mut number = 0;
    let mut send = || {
        number += 1;
        bridge.signal(&buy(number));
        number
    };
    // One before each kind of reply, of a transaction and of a new connection. A lane that takes it for that reply
    // takes its watermark for missing.
    for command in ["MULTI", "XADD", "SET", "EXEC", "WATCH", "PEXPIRE", "GET", "INFO", "CLIENT"] {
        send();
        settle(&bridge);
        let before = fake.heard(command).len();
        fake.does(
            move |heard| {
                if heard[0] == command { Reply::PassAfter(b":0\r\n".to_vec()) } else { Reply::Pass }
            },
        );
        let _: i64 = server.ask("CLIENT KILL TYPE normal");
        send();
        eventually(&format!("the trick is played before {command}"), || {
            bridge.events();
            fake.heard(command).len() > before
        });
        fake.does(|_| Reply::Pass);
        settle(&bridge);
        let there = sequences(&server);
        assert_eq!(there, (1..=there.len() as i64).collect::<Vec<_>>(), "before {command}");
    }
    // What comes while nobody says anything is found before anything is sent.
    bridge.events();
    fake.speaks(b":0\r\n");
    let rested = Instant::now();
    eventually("the lane has rested", || rested.elapsed() > Duration::from_millis(300));
    let last = send();
    told(&bridge, "a word at rest", "the server sent what nobody asked for");
    settle(&bridge);
    assert_eq!(sequences(&server), (1..=last).collect::<Vec<_>>());
    assert_eq!(bridge.stats()["rtss"]["lost"], 0);
}

/// What a child of the next test does: all three lanes at a server that floods them.
#[test]
#[ignore = "a part of another test"]
fn be_flooded() {
    let url = std::env::var("MT5REDIS_FLOOD").expect("the other test's server");
    let folder = tempfile::tempdir().expect("a folder");
    let bridge = Bridge::open(&url, "1.Demo", folder.path());
    let enough: usize = 12;
    let before = memory("VmRSS:");
    let mut events = Vec::new();
    eventually("each lane was flooded often", || {
        bridge.heartbeat(&account());
        bridge.trade(&trade(7, 2));
        bridge.signal(&buy(1));
        events.extend(bridge.events());
        std::fs::read_to_string(std::env::var("MT5REDIS_FLOODS").expect("a file"))
            .is_ok_and(|floods| floods.len() >= enough)
    });
    println!("grew by {} KiB", memory("VmHWM:") - before);
}

fn memory(what: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(what)).expect("a number");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn a_flood_takes_no_memory() {
    let floods = tempfile::NamedTempFile::new().expect("a file");
    let path = floods.path().to_owned();
    let turn = std::sync::atomic::AtomicUsize::new(0);
    let fake = Fake::start(move |_| {
        let turn = turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        std::fs::write(&path, "x".repeat(turn)).expect("a file");
        match turn % 5 {
            0 => forever("$9223372036854775807\r\n", "x"),
            // Within the limit, and so kept for as long as it takes.
            1 => Reply::Say([b"$16000000\r\n".to_vec(), vec![b'x'; 15_000_000]].concat()),
            2 => forever("*9223372036854775807\r\n", ":1\r\n"),
            3 => forever("*9223372036854775807\r\n", "*1000000000\r\n"),
            _ => forever("*9223372036854775807\r\n", "$1\r\nx\r\n"),
        }
    });
    let finished = process::run(
        Command::new(std::env::current_exe().expect("this program"))
            .args(["--ignored", "--exact", "be_flooded", "--nocapture"])
            .env("MT5REDIS_FLOOD", format!("redis://127.0.0.1:{}", fake.port))
            .env("MT5REDIS_FLOODS", floods.path()),
        2 * support::PATIENCE,
    );
    assert!(finished.status.success(), "{}", finished.output);
    let grew = finished.output.lines().find_map(|line| line.strip_suffix(" KiB")?.split_once("grew by "));
    let grew: usize = grew.expect("how much").1.parse().expect("a number");
    println!("{grew} KiB more, of {} sent each time", FOREVER >> 10);
    assert!(grew < 64 << 10, "{grew} KiB");
}

#[test]
fn what_a_server_says_is_one_plain_line() {
    let server = Server::start();
    let fake = Fake::before(server.port, |_| Reply::Pass);
    let (folder, config) = configuration(&toml(&format!("redis://127.0.0.1:{}", fake.port), ""));
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    let evil = "\u{1b}]0;owned\u{7}\u{9b}31m\r\u{202e}\u{2028}\u{200b}\u{feff}\u{7f}\t";
    fake.does(move |command| match command[0].as_str() {
        "EXEC" => say(format!("-LOADING {evil} it\r\n")),
        _ => Reply::Pass,
    });
    bridge.signal(&buy(1));
    let mut events = Vec::new();
    eventually("it is told", || {
        events.extend(bridge.events());
        events.iter().any(|line: &String| line.contains("LOADING"))
    });
    let steers = |c: char| c.is_control() || "\u{202e}\u{2028}\u{200b}\u{feff}".contains(c);
    assert!(!events.concat().contains(steers), "{events:?}");
    fake.does(|_| Reply::Pass);
    settle(&bridge);
}

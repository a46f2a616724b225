//! A terminal whose clock differs from its server's hears of it, and so do all who read its heartbeats.

mod support;

use std::time::{SystemTime, UNIX_EPOCH};

use support::bridge::{Bridge, account, buy};
use support::fake::{Fake, Reply, say};
use support::server::Server;
use support::{configuration, eventually};

/// Answers TIME so many ms ahead of this machine's clock, or behind it; the rest is for the real server.
fn ahead(by_ms: i64) -> impl Fn(&[String]) -> Reply + Send + Sync + 'static {
    move |command| match command[0].as_str() {
        "TIME" => {
            let own = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
            let ms = own.as_millis() as i64 + by_ms;
            let (seconds, micros) = ((ms / 1000).to_string(), (ms % 1000 * 1000).to_string());
            say(format!("*2\r\n${}\r\n{seconds}\r\n${}\r\n{micros}\r\n", seconds.len(), micros.len()))
        }
        _ => Reply::Pass,
    }
}

/// A bridge at a server whose clock differs by so much, all lanes there.
fn at(server: &Server, by_ms: i64) -> (Fake, Bridge) {
    let fake = Fake::before(server.port, ahead(by_ms));
    let url = format!("redis://127.0.0.1:{}", fake.port);
    let bridge = Bridge::open(&url, "1.Demo", server.folder());
    (fake, bridge)
}

/// What the heartbeats say of the clock, after one more.
fn told(server: &Server, bridge: &Bridge) -> i64 {
    bridge.heartbeat(&account());
    bridge.settle();
    server.ask::<Option<i64>>("HGET is:{1.Demo} ck").expect("a field ck")
}

fn about_clocks(bridge: &Bridge) -> Vec<String> {
    bridge.events().into_iter().filter(|line| line.contains("clock")).collect()
}

#[test]
fn a_clock_that_is_off_is_told_once_and_once_when_it_is_right_again() {
    for (by_ms, words) in [(5_000, "ms behind the server's: "), (-60_000, "ms ahead of the server's: ")] {
        let server = Server::start();
        let (fake, bridge) = at(&server, by_ms);
        let mut events = Vec::new();
        eventually("the heartbeat says it", || {
            let off = (told(&server, &bridge) + by_ms).abs();
            events.extend(about_clocks(&bridge));
            off < 500
        });
        for _ in 0..3 {
            bridge.signal(&buy(1));
            told(&server, &bridge);
        }
        events.extend(about_clocks(&bridge));
        assert_eq!(events.len(), 1, "{events:?}");
        assert!(events[0].contains(words) && events[0].contains("w32tm /resync"), "{events:?}");
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let ms = digits(events[0].split(" ms ").next().unwrap());
        assert!((ms.parse::<i64>().unwrap() - by_ms.abs()).abs() < 500, "{events:?}");

        fake.does(ahead(0));
        eventually("the heartbeat says that it is right", || told(&server, &bridge) == 0);
        let events = about_clocks(&bridge);
        assert_eq!(events.len(), 1, "{events:?}");
        assert!(events[0].contains("is right again"), "{events:?}");
    }
}

#[test]
fn a_clock_that_is_a_little_off_is_in_the_heartbeat_and_in_no_event() {
    let server = Server::start();
    let (_fake, bridge) = at(&server, 1_000);
    eventually("the heartbeat says it", || (told(&server, &bridge) + 1_000).abs() < 300);
    assert_eq!(about_clocks(&bridge), [""; 0]);
}

#[test]
fn the_clock_of_the_signals_server_counts_as_well() {
    let server = Server::start();
    let fake = Fake::before(server.port, ahead(9_000));
    let (folder, config) = configuration(&format!(
        "url = \"{}\"\n[rtss]\nurl = \"redis://127.0.0.1:{}\"\n",
        server.url(),
        fake.port
    ));
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    bridge.signal(&buy(1));
    let mut events = Vec::new();
    eventually("the heartbeat says the worse of the two", || {
        let off = (told(&server, &bridge) + 9_000).abs();
        events.extend(about_clocks(&bridge));
        off < 500
    });
    assert_eq!(events.len(), 1, "{events:?}");
}

#[test]
fn a_server_that_does_not_tell_the_time_is_no_reason_for_a_warning() {
    let server = Server::configured("save \"\"\nrename-command TIME \"\"\n", &[]);
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.signal(&buy(1));
    assert_eq!(told(&server, &bridge), 0);
    assert_eq!(told(&server, &bridge), 0);
    assert_eq!(about_clocks(&bridge), [""; 0]);
}

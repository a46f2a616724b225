//! Servers that lead elsewhere: a MOVED or an ASK, a slot map, a sentinel. Nobody who is not of the site is connected
//! to, and none of them gets a password.

use std::cell::Cell;

use super::support::fake::names;
use super::*;

/// Where a MOVED or an ASK, an answer to any command, sends the bridge.
fn led_astray(keys: &str, site: impl Fn(u16) -> String, words: &str) {
    for how in ["MOVED", "ASK"] {
        let server = Server::start();
        let _: String = server.ask(&format!("ACL SETUSER ea reset on >{SECRET} ~* +@all"));
        let thief = Fake::start(|_| say("+OK\r\n"));
        let target = thief.port;
        let fake = Fake::before(server.port, |_| Reply::Pass);
        let own = fake.port;
        let sane = move |command: &[String]| cluster_of(own, command);
        fake.does(sane);
        let text = site(fake.port) + keys;
        let (folder, config) = configuration(&text);
        let bridge = Bridge::open(&config, "1.Demo", folder.path());
        bridge.signal(&buy(1));
        settle(&bridge);
        let astray = Arc::new(AtomicBool::new(true));
        fake.does(leads(how, own, target, &astray));
        bridge.signal(&buy(2));
        told(&bridge, how, words);
        eventually("it was said twice", || fake.heard("XADD").len() >= 3);
        assert_eq!(thief.accepted(), 0, "{how}: nobody connects to who is not of the site");
        astray.store(false, SeqCst);
        settle(&bridge);
        assert_eq!(sequences_anywhere(&server), 2);
    }
}

/// A node that answers each signal by sending its client elsewhere, while it is to, a transaction at a time.
fn leads(
    how: &'static str,
    own: u16,
    target: u16,
    astray: &Arc<AtomicBool>,
) -> impl Fn(&[String]) -> Reply + Send + Sync + 'static {
    thread_local! {
        /// Each connection has a thread of its own.
        static ASTRAY: Cell<bool> = const { Cell::new(false) };
        static REFUSED: Cell<bool> = const { Cell::new(false) };
    }
    let astray = astray.clone();
    move |command| match command[0].as_str() {
        "MULTI" => {
            ASTRAY.set(astray.load(SeqCst));
            Reply::Pass
        }
        "XADD" if ASTRAY.get() => {
            REFUSED.set(true);
            say(format!("-{how} 866 127.0.0.1:{target}\r\n"))
        }
        // What becomes of a transaction of which a command was refused.
        "EXEC" if REFUSED.take() => {
            let text = "-EXECABORT Transaction discarded because of previous errors.\r\n";
            Reply::Instead("DISCARD", text.into())
        }
        _ => cluster_of(own, command),
    }
}

/// A node that has all slots, which the real server behind it knows nothing of.
fn cluster_of(port: u16, command: &[String]) -> Reply {
    if command[0] != "CLUSTER" {
        return Reply::Pass;
    }
    match command[1].as_str() {
        "SLOTS" => say(slots(&[(0, 16_383, "127.0.0.1", port)])),
        _ => say("$16\r\ncluster_state:ok\r\n"),
    }
}

/// A reply to CLUSTER SLOTS.
fn slots(ranges: &[(u32, u32, &str, u16)]) -> String {
    let range = |(first, last, host, port): &(u32, u32, &str, u16)| {
        format!("*3\r\n:{first}\r\n:{last}\r\n*3\r\n${}\r\n{host}\r\n:{port}\r\n$2\r\nid\r\n", host.len())
    };
    format!("*{}\r\n", ranges.len()) + &ranges.iter().map(range).collect::<String>()
}

/// How many signals there are, in whatever shards.
fn sequences_anywhere(server: &Server) -> usize {
    let keys: Vec<String> = server.ask("KEYS ss:*");
    keys.iter().map(|key| server.ask::<usize>(&format!("XLEN {key}"))).sum()
}

fn as_ea(site: &str) -> String {
    format!(
        "[ris]\nurl = \"redis://127.0.0.1:1\"\n[rts]\nurl = \"redis://127.0.0.1:1\"\n[rtss]\n{site}\nusername = \"ea\"\n\
         password = \"{SECRET}\"\n"
    )
}

#[test]
fn a_single_server_leads_nowhere_else() {
    led_astray("", |port| as_ea(&format!("url = \"redis://127.0.0.1:{port}\"")), " 866 127.0.0.1:");
}

#[test]
fn a_cluster_leads_to_its_own_nodes_only() {
    led_astray("", |port| as_ea(&format!("url = \"redis-cluster://127.0.0.1:{port}\"")), " 866 127.0.0.1:");
}

#[test]
fn a_node_that_sends_to_itself_for_ever_is_told() {
    let server = Server::start();
    let fake = Fake::before(server.port, |_| Reply::Pass);
    let own = fake.port;
    fake.does(move |command| cluster_of(own, command));
    let (folder, config) = configuration(
        &as_ea(&format!("url = \"redis-cluster://127.0.0.1:{own}\"")).replace("username", "# "),
    );
    let _: String = server.ask(&format!("ACL SETUSER default on >{SECRET}"));
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    bridge.signal(&buy(1));
    settle(&bridge);
    for how in ["MOVED", "ASK"] {
        let astray = Arc::new(AtomicBool::new(true));
        fake.does(leads(how, own, own, &astray));
        bridge.signal(&buy(2));
        told(&bridge, how, &format!("{how} 866 127.0.0.1:"));
        astray.store(false, SeqCst);
        settle(&bridge);
    }
}

#[test]
fn nodes_that_left_a_cluster_are_forgotten() {
    let server = Server::start();
    let left = Fake::start(|_| say("+OK\r\n"));
    let fake = Fake::before(server.port, |_| Reply::Pass);
    let (own, gone) = (fake.port, left.port);
    fake.does(move |command| match (command[0].as_str(), command.get(1).map(String::as_str)) {
        ("CLUSTER", Some("SLOTS")) => {
            // It has a slot that nobody writes to.
            say(slots(&[(1, 16_383, "127.0.0.1", own), (0, 0, "127.0.0.1", gone)]))
        }
        _ => cluster_of(own, command),
    });
    let (folder, config) = configuration(
        &toml("", &format!("url = \"redis-cluster://127.0.0.1:{own}\"")).replace("url = \"\"\n", ""),
    );
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    bridge.signal(&buy(1));
    settle(&bridge);
    fake.does(move |command| cluster_of(own, command));
    // Whenever its connection breaks, the lane asks any node it knows.
    let mut told_by_the_new_map = 0;
    for number in 2..=12 {
        let _: i64 = server.ask("CLIENT KILL TYPE normal");
        bridge.signal(&buy(number));
        settle(&bridge);
        if number == 2 {
            told_by_the_new_map = left.accepted();
        }
    }
    assert_eq!(left.accepted(), told_by_the_new_map);
}

#[test]
fn slot_maps_that_cannot_be_are_refused() {
    let server = Server::start();
    let fake = Fake::before(server.port, |_| Reply::Pass);
    let own = fake.port;
    let (folder, config) = configuration(
        &toml("", &format!("url = \"redis-cluster://127.0.0.1:{own}\""))
            .replace("url = \"\"\n", "")
            .replace("65536", "16777216")
            .replace("2s", "20s"),
    );
    let many = |count: u32| {
        let hosts: Vec<String> =
            (0..count).map(|at| format!("10.{}.{}.{}", at >> 16, at >> 8 & 255, at & 255)).collect();
        let ranges: Vec<_> = hosts
            .iter()
            .enumerate()
            .map(|(at, host)| (at as u32 % 16_384, at as u32 % 16_384, host.as_str(), 7000))
            .collect();
        slots(&ranges)
    };
    let maps = [
        many(20_000),
        many(2_000),
        slots(&[(0, 16_384, "127.0.0.1", own)]),
        slots(&[(9, 3, "127.0.0.1", own)]),
        slots(&[(0, 16_383, "127.0.0.1", 0)]),
        slots(&[(0, 16_383, "a\u{1b}[2J", own)]),
        slots(&[(0, 16_383, &"a".repeat(300), own)]),
        "*1\r\n*3\r\n:0\r\n:16383\r\n$1\r\nx\r\n".to_owned(),
        "*-1\r\n".to_owned(),
        ":5\r\n".to_owned(),
    ];
    for (number, map) in (1..).zip(maps) {
        let name = format!("{map:.60}");
        fake.does(move |command| match (command[0].as_str(), command.get(1).map(String::as_str)) {
            ("CLUSTER", Some("SLOTS")) => say(map.clone()),
            _ => cluster_of(own, command),
        });
        let bridge = Bridge::open(&config, "1.Demo", folder.path());
        assert_eq!(bridge.signal(&buy(number)), number);
        told(&bridge, &name, "answers CLUSTER SLOTS with something else");
        fake.does(move |command| cluster_of(own, command));
        settle(&bridge);
        assert_eq!(bridge.close(30_000), mt5_redis::codes::MT5REDIS_OK);
    }
}

#[test]
fn a_master_that_is_not_of_the_site_is_not_believed() {
    let server = Server::start();
    let thief = std::net::TcpListener::bind("127.0.0.2:0").expect("a free port");
    let theirs = thief.local_addr().expect("its address").port();
    thief.set_nonblocking(true).expect("a socket");
    let sentinel = Fake::start(names("127.0.0.2", theirs));
    let keys = format!("url = \"redis-sentinel://127.0.0.1:{}/m\"", sentinel.port);
    let (folder, config) = configuration(&as_ea(&keys));
    let _: String = server.ask(&format!("ACL SETUSER ea reset on >{SECRET} ~* +@all"));
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    bridge.signal(&buy(1));
    told(&bridge, "a foreign master", &format!("names 127.0.0.2:{theirs}"));
    assert!(thief.accept().is_err(), "nobody connects to it");
    for (host, port) in [("\u{1b}[31m127.0.0.1", server.port), ("", server.port), ("127.0.0.1", 0)] {
        sentinel.does(names(host, port));
        eventually("it is asked again", || {
            let events = bridge.events().concat();
            assert!(!events.contains('\u{1b}'), "{events:?}");
            sentinel.heard("SENTINEL").len() > 3
        });
    }
    sentinel.does(names("127.0.0.1", server.port));
    settle(&bridge);
    // Who lists it, gets it.
    sentinel.does(names("127.0.0.2", theirs));
    let keys = format!("{keys}\nmasters = [\"127.0.0.1\", \"127.0.0.2:{theirs}\"]");
    let (other, config) = configuration(&as_ea(&keys));
    let trusting = Bridge::open(&config, "2.Demo", other.path());
    trusting.signal(&buy(2));
    eventually("it is connected to", || thief.accept().is_ok());
}

//! The stream of a source as a bridge writes it: whose it is, how long it lives, how long it gets, and what it
//! says where a watermark is missing.

mod support;

use support::bridge::{Bridge, buy, sequences, signal_fields};
use support::eventually;
use support::server::Server;

const STREAM: &str = "ss:{0}:1.Demo";

fn watermark(bridge: &Bridge) -> String {
    format!("wm:{{0}}:1.Demo:{}", bridge.stats()["rtss"]["producer"].as_str().expect("a name"))
}

/// The number of each signal of a stream, and its predecessor's.
fn links(server: &Server, stream: &str) -> Vec<(i64, i64)> {
    let number = |value: &rmpv::Value| value.as_i64().expect("a number");
    signal_fields(server, stream).iter().map(|fields| (number(&fields[2]), number(&fields[16]))).collect()
}

/// The library's connections, ended by the server.
fn disconnect(server: &Server) {
    server.ask::<()>("CLIENT KILL TYPE normal SKIPME yes");
}

#[test]
fn each_signal_names_the_one_before_it_of_its_source() {
    let mut server = Server::durable();
    let one = Bridge::at(&server, "1.Demo");
    let other = Bridge::at(&server, "2.Demo");
    (1..=6).for_each(|number| assert!([&other, &one][number % 2].signal(&buy(0)) > 0));
    one.settle();
    assert_eq!(links(&server, STREAM), [(1, 0), (3, 1), (5, 3)]);
    assert_eq!(links(&server, "ss:{0}:2.Demo"), [(2, 0), (4, 2), (6, 4)]);

    // Across another connection, and another life of the terminal.
    server.kill();
    assert_eq!(one.signal(&buy(0)), 7);
    server.restart();
    one.settle();
    one.close(30_000);
    other.close(30_000);
    let again = Bridge::at(&server, "1.Demo");
    assert_eq!(again.signal(&buy(0)), 8);
    again.settle();
    assert_eq!(links(&server, STREAM)[3..], [(7, 5), (8, 7)]);
}

#[test]
fn a_source_is_announced_and_costs_nothing_when_it_is_silent() {
    let server = Server::start();
    let text = format!("url = \"{}\"\n[rtss]\nretention = \"1s\"\n", server.url());
    let (folder, config) = support::configuration(&text);
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    bridge.signal(&buy(1));
    bridge.settle();
    let (seconds, _): (i64, i64) = server.ask("TIME");
    let announced: i64 = server.ask("ZSCORE sl:{0} 1.Demo");
    assert!((announced / 1000 - seconds).abs() <= 10, "{announced} is not the server's time, {seconds} s");
    eventually("the stream is gone", || !server.ask::<bool>(&format!("EXISTS {STREAM}")));
    bridge.signal(&buy(2));
    bridge.settle();
    assert_eq!(links(&server, STREAM), [(2, 1)], "the watermark lives on");
}

#[test]
fn a_fast_writer_does_not_outgrow_the_length() {
    let mut server = Server::start();
    let text = format!("url = \"{}\"\n[rtss]\nmax_length = 10000\n", server.url());
    let (folder, config) = support::configuration(&text);
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    bridge.settle();
    server.kill();
    (1..=60_000).for_each(|number| assert_eq!(bridge.signal(&buy(number)), number));
    // They come as fast as the server takes them.
    server.restart();
    bridge.settle();
    // 5,000 between two trimmings, and a node that is kept whole.
    let length: i64 = server.ask(&format!("XLEN {STREAM}"));
    assert!((10_000..=15_100).contains(&length), "{length} entries");
}

#[test]
fn what_is_too_old_is_trimmed_in_steps() {
    let server = Server::start();
    let mut old = redis::pipe();
    (0..40_000).for_each(|number| {
        old.cmd("XADD").arg(STREAM).arg(format!("1000-{}", number + 1)).arg("d").arg("x").ignore();
    });
    old.exec(&mut server.client()).expect("a stream");
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.signal(&buy(1));
    bridge.settle();
    let left: i64 = server.ask(&format!("XLEN {STREAM}"));
    assert!((20_001..20_200).contains(&left), "one command removes 20,000 at most: {left} are left");
    (2..=5_001).for_each(|number| assert_eq!(bridge.signal(&buy(number)), number));
    bridge.settle();
    let oldest: Vec<(String, Vec<Vec<u8>>)> = server.ask(&format!("XRANGE {STREAM} - + COUNT 1"));
    assert!(!oldest[0].0.starts_with("1000-"), "{}", oldest[0].0);
}

#[test]
fn a_watermark_that_is_deleted_costs_no_second_copy() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    (1..=5).for_each(|number| assert_eq!(bridge.signal(&buy(number)), number));
    bridge.settle();
    // The stream tells; and where it expired too, the same run of the server has had all that it acknowledged.
    for (gone, expected) in [(watermark(&bridge), vec![1, 2, 3, 4, 5, 6]), (STREAM.to_owned(), vec![7])] {
        server.ask::<()>(&format!("DEL {} {gone}", watermark(&bridge)));
        disconnect(&server);
        assert_eq!(bridge.signal(&buy(0)), *expected.last().expect("one"));
        bridge.settle();
        assert_eq!(sequences(&server), expected);
        let events = bridge.events().join("\n");
        assert!(
            events.contains(" no longer has wm:") && events.contains("Nothing is sent again"),
            "{events}"
        );
    }
    assert_eq!(links(&server, STREAM), [(7, 6)]);
    assert_eq!(bridge.stats()["rtss"]["lost"], 0);
}

#[test]
fn the_stream_tells_what_a_restarted_server_has() {
    let mut server = Server::durable();
    let bridge = Bridge::at(&server, "1.Demo");
    (1..=5).for_each(|number| assert_eq!(bridge.signal(&buy(number)), number));
    bridge.settle();
    server.ask::<()>(&format!("DEL {}", watermark(&bridge)));
    // Of another producer, of somebody who lies, and of nobody.
    server.ask::<()>(&format!(
        "XADD {STREAM} * v 2 p 00000000000000aa q 99 t 1 o 0 i 1.Demo a c sy E vo 0 pr 0 sl 0 tp 0 mg 0 po 0 ex 0 co x pq 0"
    ));
    server.ask::<()>(&format!("XADD {STREAM} * d nonsense"));
    server.kill();
    server.restart();
    assert_eq!(bridge.signal(&buy(6)), 6);
    bridge.settle();
    let entries: Vec<(String, Vec<Vec<u8>>)> = server.ask(&format!("XRANGE {STREAM} - +"));
    assert_eq!(entries.len(), 8, "each signal once");
    let events = bridge.events().join("\n");
    assert!(events.contains(" no longer has wm:") && events.contains("which was at 5"), "{events}");
}

/// A terminal that rested for longer than a watermark lives.
#[test]
fn a_terminal_that_comes_back_late_sends_nothing_twice_and_counts_no_loss() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    (1..=5).for_each(|number| assert_eq!(bridge.signal(&buy(number)), number));
    bridge.settle();
    let gone = format!("DEL {STREAM} {}", watermark(&bridge));
    // Another configuration, so another engine, which learns all from the journal.
    bridge.close(30_000);
    server.ask::<()>(&gone);
    let text = format!("url = \"{}\"\n[pressure]\nquiet = \"200ms\"\n", server.url());
    let (_folder, config) = support::configuration(&text);
    let bridge = Bridge::open(&config, "1.Demo", server.folder());
    assert_eq!(bridge.signal(&buy(6)), 6);
    bridge.settle();
    assert_eq!(links(&server, STREAM), [(6, 5)]);
    assert_eq!(bridge.stats()["rtss"]["lost"], 0);
    let events = bridge.events().join("\n");
    assert!(events.contains(" no longer has wm:") && events.contains("which was at 5"), "{events}");
}

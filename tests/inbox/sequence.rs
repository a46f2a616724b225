//! What a follower concludes from sequence numbers: copies, forged entries, gaps, and streams that a server lost.

use super::*;

#[test]
fn a_copy_is_dropped() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    forge(&server, STREAM, &forged("aa", 1, 0, 1));
    forge(&server, STREAM, &forged("aa", 2, 1, 2));
    assert_eq!(subscribe(&bridge, &BEGINNING), 0);
    assert_eq!((take(&bridge), take(&bridge)), (1, 2));
    // A master that took over lacked them, and they were sent again, by one that goes on.
    forge(&server, STREAM, &forged("aa", 1, 0, 1));
    forge(&server, STREAM, &forged("aa", 2, 1, 2));
    forge(&server, STREAM, &forged("aa", 3, 2, 3));
    assert_eq!(take(&bridge), 3);
    assert_eq!(count(&bridge, "duplicates"), 2);
    // Another life knows them too.
    settled(&server);
    leave(&server, &bridge);
    assert_eq!(subscribe(&bridge, &RESUME), 0);
    forge(&server, STREAM, &forged("aa", 2, 1, 2));
    forge(&server, STREAM, &forged("aa", 4, 3, 4));
    assert_eq!(take(&bridge), 4);
    assert_eq!(count(&bridge, "duplicates"), 1);
    assert_eq!(count(&bridge, "missed"), 0);
}

/// Nothing that one terminal can write is taken for another's word, or silences anybody.
#[test]
fn a_forged_entry_is_rejected_and_changes_nothing() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    assert_eq!(bridge.signal(&buy(1)), 1);
    bridge.settle();
    let name = producer(&bridge);
    assert_eq!(subscribe(&bridge, &BEGINNING), 0);
    assert_eq!(take(&bridge), 1);
    let before = server.ask::<i64>(&format!("XLEN {STREAM}"));
    let large = "x".repeat(70_000);
    for text in [
        // In another's name.
        &forged(&name, 2, 1, 66).replace("i 1.Demo", "i 2.Demo"),
        // Numbers that no journal gives.
        &forged(&name, i64::MAX as u64, 1, 66),
        &forged(&name, 1_u64 << 63, 1, 66),
        &forged(&name, 5, 5, 66),
        &forged("ff", i64::MAX as u64, 0, 66),
        // No signals.
        "d nonsense",
        "x y",
        &forged(&name, 2, 1, 66).replace("v 2", "v 1"),
        &format!("d {large}"),
    ] {
        forge(&server, STREAM, text);
    }
    assert_eq!(bridge.signal(&buy(2)), 2);
    assert_eq!(take(&bridge), 2);
    assert_eq!(count(&bridge, "rejected") + count(&bridge, "unreadable"), 9);
    assert_eq!((count(&bridge, "missed"), count(&bridge, "received")), (0, 2));
    assert_eq!(server.ask::<i64>(&format!("XLEN {STREAM}")), before + 10);
    let events = bridge.events().join("\n");
    assert!(events.contains("of 1.Demo is skipped: it names 2.Demo as its source"), "{events}");
    // The next life finds its place.
    settled(&server);
    leave(&server, &bridge);
    assert_eq!(subscribe(&bridge, &RESUME), 0);
    reads(&bridge);
    bridge.signal(&buy(3));
    assert_eq!(take(&bridge), 3);
}

#[test]
fn a_close_is_followed_whatever_its_number_says() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    let close = |number, before, magic| forged("aa", number, before, magic).replace("a b", "a c");
    forge(&server, STREAM, &forged("aa", 10, 9, 1));
    assert_eq!(subscribe(&bridge, &BEGINNING), 0);
    assert_eq!(take(&bridge), 1);
    forge(&server, STREAM, &forged("aa", 5, 4, 66));
    forge(&server, STREAM, &close(5, 4, 2));
    forge(&server, STREAM, &close(1 << 62, 4, 3));
    forge(&server, STREAM, &close(11, 10, 4));
    assert_eq!([take(&bridge), take(&bridge), take(&bridge)], [2, 3, 4]);
    // The same signal is one.
    forge(&server, STREAM, &close(11, 10, 4));
    forge(&server, STREAM, &close(12, 11, 5));
    assert_eq!(take(&bridge), 5);
}

/// A stream that is none, or that may not be read, keeps nobody else from being read.
#[test]
fn one_bad_source_does_not_stop_the_others() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    let wants = Wants { instances: "1.Demo,2.Demo,3.Demo", ..BEGINNING };
    server.ask::<()>("SET ss:{0}:2.Demo x");
    assert_eq!(subscribe(&bridge, &wants), 0);
    bridge.signal(&buy(1));
    assert_eq!(take(&bridge), 1);
    let mut events = String::new();
    eventually("it is told", || {
        events += &bridge.events().join("\n");
        events.contains("2.Demo cannot be read: WRONGTYPE")
    });
    server.ask::<()>("SET ss:{0}:3.Demo x");
    bridge.signal(&buy(2));
    assert_eq!(take(&bridge), 2);
}

#[test]
fn a_gap_is_told_once_before_what_is_behind_it() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.signal(&buy(1));
    assert_eq!(subscribe(&bridge, &BEGINNING), 0);
    assert_eq!(take(&bridge), 1);
    settled(&server);
    leave(&server, &bridge);

    (2..=11).for_each(|magic| assert!(bridge.signal(&buy(magic)) > 0));
    bridge.settle();
    assert_eq!(
        server.ask::<i64>(&format!("XTRIM {STREAM} MAXLEN 3")),
        8,
        "the one that was read is among them"
    );
    assert_eq!(subscribe(&bridge, &RESUME), 0);
    assert_eq!(gap(&bridge), "up to 7 signals of 1.Demo, 2 to 8, were deleted before they were read");
    assert!(bridge.events().iter().any(|line| line.contains("7 signals of 1.Demo, 2 to 8, were deleted")));
    // Told, but nothing behind it was acted on: the next life hears of it no more.
    assert_eq!(wait(&bridge).signal.magic, 9);
    assert_eq!(count(&bridge, "missed"), 7);
    leave(&server, &bridge);
    assert_eq!(subscribe(&bridge, &RESUME), 0);
    assert_eq!([take(&bridge), take(&bridge), take(&bridge)], [9, 10, 11]);
    assert_eq!(count(&bridge, "missed"), 0);
}

/// What was fetched and not acted on, and then trimmed: the first follower of this kind was told of it behind the
/// signal that was left.
#[test]
fn what_was_in_hand_and_was_trimmed_is_a_gap_before_what_is_left() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    assert_eq!(subscribe(&bridge, &BEGINNING), 0);
    (1..=4).for_each(|magic| assert!(bridge.signal(&buy(magic)) > 0));
    assert_eq!(take(&bridge), 1);
    (2..=4).for_each(|magic| assert_eq!(wait(&bridge).signal.magic, magic));
    eventually("the first is written", || position(&server, "1.Demo").contains(":0:1:"));
    leave(&server, &bridge);
    assert_eq!(server.ask::<i64>(&format!("XTRIM {STREAM} MAXLEN 1")), 3);
    assert_eq!(subscribe(&bridge, &RESUME), 0);
    assert_eq!(gap(&bridge), "up to 2 signals of 1.Demo, 2 to 3, were deleted before they were read");
    assert_eq!(take(&bridge), 4);
}

#[test]
fn a_gap_is_found_however_the_lives_follow_each_other() {
    for round in 0..4 {
        let server = Server::start();
        let publisher = Bridge::at(&server, "1.Demo");
        let follower = Bridge::at(&server, "2.Demo");
        assert_eq!(subscribe(&follower, &BEGINNING), 0);
        if round % 2 == 0 {
            reads(&follower);
        }
        (1..=10).for_each(|magic| assert!(publisher.signal(&buy(magic)) > 0));
        (1..=10).for_each(|magic| assert_eq!(take(&follower), magic));
        // Without a word that all is written.
        assert_eq!(mt5redis_unsubscribe(follower.handle), 0);
        (11..=30).for_each(|magic| assert!(publisher.signal(&buy(magic)) > 0));
        publisher.settle();
        server.ask::<i64>(&format!("XTRIM {STREAM} MAXLEN 5"));
        assert_eq!(subscribe(&follower, &RESUME), 0);
        assert!(gap(&follower).contains("15 signals of 1.Demo, 11 to 25,"), "{}", last_error());
        (26..=30).for_each(|magic| assert_eq!(take(&follower), magic));
        assert!(next(&follower).expect("no other gap").is_none());
    }
}

#[test]
fn a_flushed_server_hands_out_nothing_twice_and_a_new_start_keeps_its_place() {
    let server = Server::start();
    let publisher = Bridge::at(&server, "1.Demo");
    let follower = Bridge::at(&server, "2.Demo");
    publisher.signal(&buy(1));
    publisher.settle();
    assert_eq!(subscribe(&follower, &NEW), 0);
    reads(&follower);
    publisher.signal(&buy(2));
    assert_eq!(take(&follower), 2);
    settled(&server);
    server.ask::<()>("FLUSHALL");
    publisher.signal(&buy(3));
    assert_eq!(take(&follower), 3);
    // And all that was kept, from a server that came up empty.
    eventually("the position is there again", || position(&server, "1.Demo").contains(":0:1-3:"));
    assert_eq!(mt5redis_role(follower.handle), MT5REDIS_ROLE_ACTING);
    assert_eq!((count(&follower, "missed"), count(&follower, "received")), (0, 2));
}

#[test]
fn a_server_that_comes_up_empty_gets_everything_again_and_the_follower_nothing_twice() {
    let mut server = Server::start();
    let publisher = Bridge::at(&server, "1.Demo");
    let follower = Bridge::at(&server, "2.Demo");
    assert_eq!(subscribe(&follower, &BEGINNING), 0);
    for magic in 1..=5 {
        publisher.signal(&buy(magic));
        assert_eq!(take(&follower), magic);
    }
    server.kill();
    publisher.signal(&buy(6));
    server.restart();
    assert_eq!(take(&follower), 6);
    assert_eq!(server.ask::<i64>(&format!("XLEN {STREAM}")), 6, "the publisher sent all of them again");
    assert_eq!((count(&follower, "duplicates"), count(&follower, "missed")), (5, 0));
}

#[test]
fn a_stream_that_expired_begins_anew() {
    let server = Server::start();
    let text = format!("url = \"{}\"\n[rtss]\nretention = \"1s\"\n", server.url());
    let (folder, config) = support::configuration(&text);
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    assert_eq!(subscribe(&bridge, &BEGINNING), 0);
    for magic in 1..=3 {
        bridge.signal(&buy(magic));
        assert_eq!(take(&bridge), magic);
        eventually("the stream is gone", || !server.ask::<bool>(&format!("EXISTS {STREAM}")));
    }
    // A server whose clock is behind gives lower ids.
    server.ask::<String>(&format!("XADD {STREAM} 5-1 {}", forged(&producer(&bridge), 4, 3, 4)));
    assert_eq!(take(&bridge), 4);
    assert_eq!(count(&bridge, "missed"), 0);
}

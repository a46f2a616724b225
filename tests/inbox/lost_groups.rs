//! Groups that a server lost: what was acknowledged is not handed out again.

use super::*;

#[test]
fn a_group_that_was_destroyed_hands_out_nothing_that_was_acknowledged() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    let worker = WatchedWorker::start(&server, options("one"));
    for magic in 11..=12 {
        bridge.signal(&buy(magic));
        assert_eq!(worker.take(), magic);
    }
    eventually("they are acknowledged", || pending(&server, STREAM) == 0);
    server.ask::<()>(&format!("XGROUP DESTROY {STREAM} g"));
    bridge.signal(&buy(13));
    assert_eq!(worker.take(), 13);
    assert!(worker.told("the group on 1.Demo was lost"));

    // What is in work comes no second time to whoever has it, and what nobody acknowledged comes again.
    (14..=17).for_each(|magic| assert!(bridge.signal(&buy(magic)) > 0));
    let open: Vec<Place> = (14..=17).map(|_| worker.signal().place).collect();
    worker.reader.acknowledge(open[1]);
    worker.reader.acknowledge(open[3]);
    eventually("two are open", || pending(&server, STREAM) == 2);
    server.ask::<()>(&format!("XGROUP DESTROY {STREAM} g"));
    bridge.signal(&buy(18));
    assert_eq!(worker.take(), 18);
    worker.reader.acknowledge(open[0]);
    eventually("one is open", || pending(&server, STREAM) == 1);
    worker.reader.stop();
    let next = WatchedWorker::start(&server, options("one"));
    assert_eq!(next.take(), 16);
    next.has_nothing();
}

/// Two workers, of which each acknowledged only its own: the next one knows of both.
#[test]
fn what_colleagues_acknowledged_is_known_after_the_group_was_lost() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    let crew = ["one", "two"]
        .map(|name| WatchedWorker::start(&server, WorkerOptions { prefetch: 1, ..options(name) }));
    let mut open = Vec::new();
    for magic in 1..=40 {
        bridge.signal(&buy(magic));
        let mut delivery = None;
        eventually("one of them gets it", || {
            delivery = crew.iter().find_map(|worker| match worker.reader.next(Duration::from_millis(5)) {
                Some(Item::Signal(delivery)) => {
                    if delivery.signal.signal.magic != 7 {
                        worker.reader.acknowledge(delivery.place);
                    }
                    Some(delivery)
                }
                Some(other) => panic!("{other:?}"),
                None => None,
            });
            delivery.is_some()
        });
        open.extend(delivery.filter(|delivery| delivery.signal.signal.magic == 7));
    }
    eventually("one is open", || pending(&server, STREAM) == 1);
    crew.into_iter().for_each(|worker| worker.reader.stop());
    server.ask::<()>(&format!("XGROUP DESTROY {STREAM} g"));
    bridge.signal(&buy(41));
    let worker = WatchedWorker::start(&server, options("three"));
    assert_eq!([worker.take(), worker.take()], [7, 41]);
    worker.has_nothing();
}

#[test]
fn a_server_that_comes_up_empty_gets_everything_again_and_a_worker_nothing_twice() {
    let mut server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    let worker = WatchedWorker::start(&server, options("one"));
    for magic in 1..=5 {
        bridge.signal(&buy(magic));
        assert_eq!(worker.take(), magic);
    }
    eventually("they are acknowledged", || pending(&server, STREAM) == 0);
    // Everything is gone with the process: the stream, the group, and what it acknowledged.
    server.kill();
    bridge.signal(&buy(6));
    server.restart();
    assert_eq!(worker.take(), 6, "what it acknowledged itself, it knows");
    eventually("the copies are settled", || pending(&server, STREAM) == 0);
    assert_eq!(worker.reader.duplicates(), 5);
    // A copy that comes while the group is known is dropped.
    let fields: Vec<(String, Vec<Vec<u8>>)> = server.ask(&format!("XREVRANGE {STREAM} + - COUNT 1"));
    redis::cmd("XADD")
        .arg(&[STREAM, "*", "d"])
        .arg(&fields[0].1[1])
        .exec(&mut server.client())
        .expect("an entry");
    bridge.signal(&buy(7));
    assert_eq!(worker.take(), 7);
    eventually("the copy is settled", || pending(&server, STREAM) == 0);
    assert_eq!(worker.reader.duplicates(), 6);
}

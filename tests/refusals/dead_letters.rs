//! Records that became dead letters: who learns of them, and what a later life of the producer does.

use super::*;

#[test]
fn what_was_refused_is_sent_by_a_later_life() {
    let site = Site::new(Server::start(), Refusal::Real("RENAME {0}none {0}x"));
    let bridge = site.open(0);
    bridge.signal(&buy(1));
    bridge.settle();
    site.refuses(true);
    bridge.signal(&buy(2));
    told(&bridge, &mut String::new(), "accepts no writes: ERR no such key");
    assert_eq!(bridge.close(0), MT5REDIS_ERR_TIMEOUT);
    let next = site.open(1);
    told(&next, &mut String::new(), "accepts no writes: ERR no such key");
    site.refuses(false);
    next.settle();
    assert_eq!(sequences(&site.server), [1, 2]);
    assert_eq!(next.committed(MT5REDIS_LANE_RTSS), 2);
}

#[test]
fn a_watermark_that_another_connection_sets_meanwhile_is_corrected_all_the_same() {
    let (refusing, meddled) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (on, sets) = (refusing.clone(), meddled.clone());
    let server = Server::start();
    let url = server.url();
    let front = Fake::before(server.port, move |command| match command[0].as_str() {
        "XADD" if on.load(SeqCst) => Reply::InPlace("RENAME {0}none {0}x"),
        // The second one sets it back, and somebody else sets it forward at that moment.
        "SET" if on.load(SeqCst) && sets.fetch_add(1, SeqCst) == 1 => {
            let mut other = redis::Client::open(url.as_str()).unwrap().get_connection().unwrap();
            let _: () = redis::cmd("SET").arg(&command[1]).arg(2).query(&mut other).unwrap();
            Reply::Pass
        }
        _ => Reply::Pass,
    });
    let (_folder, config) = support::configuration(&format!("url = \"redis://127.0.0.1:{}\"\n", front.port));
    let bridge = Bridge::open(&config, "1.Demo", server.folder());
    bridge.signal(&buy(1));
    bridge.settle();
    refusing.store(true, SeqCst);
    bridge.signal(&buy(2));
    let mut events = String::new();
    told(&bridge, &mut events, "was set by another connection");
    eventually("it is set back", || meddled.load(SeqCst) > 2 && watermark(&server, "1.Demo") == 1);
    refusing.store(false, SeqCst);
    bridge.settle();
    assert_eq!(sequences(&server), [1, 2]);
}

#[test]
fn a_letter_that_could_not_be_written_is_written_by_a_later_life() {
    let server = Server::start();
    let site = Site::new(server, Refusal::Real("HSET text a b"));
    let _: String = site.server.ask("SET text occupied");
    let bridge = site.open(0);
    bridge.signal(&buy(1));
    bridge.settle();
    fs::create_dir(site.dead_letters()).unwrap();
    site.refuses(true);
    bridge.signal(&buy(2));
    told(&bridge, &mut String::new(), "cannot be put aside");
    assert_eq!(watermark(&site.server, "1.Demo"), 1);
    assert_eq!(bridge.close(0), MT5REDIS_ERR_TIMEOUT);
    fs::remove_dir(site.dead_letters()).unwrap();
    let next = site.open(1);
    eventually("it is put aside", || next.status(MT5REDIS_LANE_RTSS, 2) == MT5REDIS_STATUS_DEAD);
    assert_eq!(sequences(&site.server), [1]);
}

#[test]
fn a_refusal_whose_answer_is_lost_is_found_out_by_the_next_connection() {
    let server = Server::start();
    let lost = Arc::new(AtomicUsize::new(0));
    let losing = lost.clone();
    // The transaction is executed, and its answer never comes.
    let front = Fake::before(server.port, move |command| match command[0].as_str() {
        "EXEC" if losing.load(SeqCst) == 1 => {
            losing.store(2, SeqCst);
            Reply::Instead("EXEC", Vec::new())
        }
        "WATCH" if losing.load(SeqCst) == 2 => {
            losing.store(3, SeqCst);
            Reply::Close
        }
        _ => Reply::Pass,
    });
    let (_folder, config) = support::configuration(&format!("url = \"redis://127.0.0.1:{}\"\n", front.port));
    let bridge = Bridge::open(&config, "1.Demo", server.folder());
    bridge.signal(&buy(1));
    bridge.settle();
    let _: i64 = server.ask("DEL ss:{0}:1.Demo");
    let _: String = server.ask("SET ss:{0}:1.Demo occupied");
    // From then on nobody but the signals' lane has a transaction.
    eventually("all lanes are connected", || {
        ["ris", "rts", "rtss"].iter().all(|lane| bridge.stats()[lane]["connected"] == true)
    });
    lost.store(1, SeqCst);
    bridge.signal(&buy(2));
    eventually("it is put aside", || bridge.status(MT5REDIS_LANE_RTSS, 2) == MT5REDIS_STATUS_DEAD);
    assert_eq!(lost.load(SeqCst), 3);
    let _: i64 = server.ask("DEL ss:{0}:1.Demo");
    bridge.signal(&buy(3));
    eventually("the third is in Redis", || sequences(&server) == [3]);
}

#[test]
fn a_dead_letter_is_told_once_to_each_handle_that_waits() {
    let server = Server::start();
    let _: String = server.ask("SET ts:{1.Demo}:2 occupied");
    let bridge = Bridge::at(&server, "1.Demo");
    let other = Bridge::at(&server, "2.Demo");
    for position in [1, 2, 3] {
        bridge.trade(&trade(position, MT5REDIS_EVENT_OPEN));
    }
    let patience = support::PATIENCE.as_millis() as i32;
    for handle in [&bridge, &other] {
        assert_eq!(handle.flush(patience), MT5REDIS_ERR_DEAD_LETTERS, "{}", last_error());
        assert!(
            last_error().starts_with("1 record is a dead letter (rts: 1, rtss: 0): the server refuses such for good. All others are in Redis. ")
        );
        assert_eq!(handle.flush(patience), MT5REDIS_OK, "{}", last_error());
        assert_eq!(handle.committed(MT5REDIS_LANE_RTS), 1);
    }
    bridge.trade(&trade(4, MT5REDIS_EVENT_OPEN));
    assert_eq!(bridge.flush(patience), MT5REDIS_OK);
    assert_eq!(bridge.status(MT5REDIS_LANE_RTS, 4), MT5REDIS_STATUS_COMMITTED);
    assert_eq!(bridge.committed(MT5REDIS_LANE_RTS), 1, "the second is not in Redis");
    // When somebody has dealt with the letter, it stops nobody any more.
    let file = server.folder().join(format!("mt5-redis/rts@127.0.0.1-{}-0/dead.jsonl", server.port));
    fs::rename(&file, file.with_extension("dealt-with")).unwrap();
    eventually("the letter is gone", || bridge.committed(MT5REDIS_LANE_RTS) == 4);
    bridge.trade(&trade(2, MT5REDIS_EVENT_CHANGE));
    assert_eq!(bridge.close(patience), MT5REDIS_ERR_DEAD_LETTERS, "{}", last_error());
}

#[test]
fn the_signal_after_a_dead_letter_names_it_on_every_server() {
    let mut server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    bridge.signal(&buy(1));
    bridge.settle();
    let _: String = server.ask("RENAME ss:{0}:1.Demo kept");
    let _: String = server.ask("SET ss:{0}:1.Demo occupied");
    bridge.signal(&buy(2));
    eventually("it is put aside", || bridge.status(MT5REDIS_LANE_RTSS, 2) == MT5REDIS_STATUS_DEAD);
    let _: String = server.ask("RENAME kept ss:{0}:1.Demo");
    bridge.signal(&buy(3));
    eventually("the third is in Redis", || sequences(&server) == [1, 3]);
    assert_eq!(predecessors(&server), [0, 2]);
    // One that has nothing gets the same.
    server.kill();
    server.restart();
    bridge.signal(&buy(4));
    eventually("all are there again", || sequences(&server) == [1, 3, 4]);
    assert_eq!(predecessors(&server), [0, 2, 3]);
}

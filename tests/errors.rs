//! Each mistake that a caller can make, and its error.

mod support;

use std::ptr::null;
use std::sync::atomic::{AtomicU32, Ordering};

use mt5_redis::abi::*;
use mt5_redis::codes::*;
use mt5_redis::model::instance::*;
use mt5_redis::model::signal::*;
use mt5_redis::model::trade::*;
use support::bridge::{Bridge, account, buy, last_error, text, trade, try_open, wide};
use support::server::Server;

/// The URL of a missing server; a different one each time, because equal configurations share their queues.
fn nowhere() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("redis://127.0.0.1:1/{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A session without a server.
fn lonely() -> (tempfile::TempDir, Bridge) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bridge = Bridge::open(&nowhere(), "1.Demo", folder.path());
    (folder, bridge)
}

/// Checks the code and the start of the text.
#[track_caller]
fn refused(code: i64, expected: i32, sentence: &str) {
    assert_eq!(code, i64::from(expected), "{}", last_error());
    assert!(last_error().starts_with(sentence), "{}", last_error());
}

#[test]
fn another_version_or_size_is_refused() {
    let sizes =
        [size_of::<InstanceState>(), size_of::<TradeState>(), size_of::<Signal>()].map(|size| size as i32);
    assert_eq!(mt5redis_abi(MT5REDIS_ABI_VERSION, sizes[0], sizes[1], sizes[2]), MT5REDIS_OK);
    refused(
        mt5redis_abi(2, sizes[0], sizes[1], sizes[2]).into(),
        MT5REDIS_ERR_ABI,
        "ABI version is 2 in the include and 1",
    );
    refused(
        mt5redis_abi(1, sizes[0], sizes[1] + 4, sizes[2]).into(),
        MT5REDIS_ERR_ABI,
        "size of mt5redis_trade_t is 148 in the include and 144 in the library: copy both from the same release",
    );
    refused(
        mt5redis_abi(1, -1, sizes[1], sizes[2]).into(),
        MT5REDIS_ERR_ABI,
        "size of mt5redis_instance_t is -1",
    );
}

#[test]
fn the_version_is_text_like_all_text() {
    // SAFETY: `text` passes a buffer and its capacity.
    let version = text(|buffer, capacity| unsafe { mt5redis_version(buffer, capacity) });
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
    // SAFETY: null is allowed.
    assert_eq!(unsafe { mt5redis_version(std::ptr::null_mut(), 100) }, version.len() as i32);
}

#[test]
fn wrong_and_closed_handles_are_told_apart() {
    for wrong in [0, -1, 1 << 40 | 1, i64::MAX, i64::MIN] {
        refused(mt5redis_committed(wrong, 0), MT5REDIS_ERR_HANDLE, &format!("handle {wrong} does not exist"));
        assert_eq!(mt5redis_status(wrong, 0, 1), MT5REDIS_ERR_HANDLE);
        assert_eq!(mt5redis_flush(wrong, 0), MT5REDIS_ERR_HANDLE);
        assert_eq!(mt5redis_close(wrong, 0), MT5REDIS_ERR_HANDLE);
    }
    let (_folder, bridge) = lonely();
    assert_eq!(bridge.close(0), MT5REDIS_OK);
    refused(bridge.signal(&buy(1)), MT5REDIS_ERR_CLOSED, &format!("handle {} is closed", bridge.handle));
    assert_eq!(bridge.close(0), MT5REDIS_ERR_CLOSED);
    // A new session may take the same place; the old handle stays closed.
    let (_next_folder, next) = lonely();
    assert_ne!(next.handle, bridge.handle);
    assert_eq!(bridge.flush(0), MT5REDIS_ERR_CLOSED);
}

#[test]
fn null_pointers_are_named() {
    let (_folder, bridge) = lonely();
    let name = wide("EURUSD");
    // SAFETY: null is allowed everywhere.
    unsafe {
        let handle = bridge.handle;
        refused(
            mt5redis_instance_state(handle, null(), null(), null(), null(), null()),
            MT5REDIS_ERR_NULL,
            "state is null",
        );
        refused(
            mt5redis_trade_state(handle, null(), name.as_ptr(), null()),
            MT5REDIS_ERR_NULL,
            "state is null",
        );
        refused(mt5redis_signal(handle, null(), name.as_ptr(), null()), MT5REDIS_ERR_NULL, "signal is null");
        refused(mt5redis_open_positions(handle, 0, null(), 3), MT5REDIS_ERR_NULL, "positions is null");
        refused(mt5redis_open(null(), null(), null()), MT5REDIS_ERR_INSTANCE, "instance id \"\" is empty");
        // Null text is empty text, which is fine for all but the symbol.
        assert_eq!(mt5redis_instance_state(handle, &account(), null(), null(), null(), null()), 1);
        assert_eq!(mt5redis_signal(handle, &buy(1), name.as_ptr(), null()), 1);
        refused(mt5redis_signal(handle, &buy(1), null(), null()), MT5REDIS_ERR_SYMBOL, "symbol is empty");
        assert_eq!(mt5redis_open_positions(handle, 0, null(), 0), 1);
        assert_eq!(
            mt5redis_stats(handle, std::ptr::null_mut(), 0),
            mt5redis_stats(handle, std::ptr::null_mut(), 9)
        );
        assert_eq!(mt5redis_next_event(handle, std::ptr::null_mut(), 0).min(0), 0);
    }
}

#[test]
fn positions_may_stand_at_any_address() {
    let (_folder, bridge) = lonely();
    for start in 0..8 {
        // One, two, three, somewhere in a row of words.
        let mut bytes = vec![0u8; start];
        (1..=3_i64).for_each(|position| bytes.extend(position.to_ne_bytes()));
        // SAFETY: three positions follow.
        let code = unsafe {
            mt5redis_open_positions(bridge.handle, 0, bytes.as_ptr().wrapping_add(start).cast(), 3)
        };
        assert_eq!(code, start as i64 + 1, "{}", last_error());
    }
}

#[test]
fn instance_ids_are_checked_at_open() {
    let long = "x".repeat(41);
    let longer = "x".repeat(100);
    for (id, sentence) in [
        ("", "instance id \"\" is empty: pass 1 to 40 of"),
        ("a b", "instance id \"a b\" has the character ' '"),
        ("{1}", "instance id \"{1}\" has the character '{'"),
        ("Händler", "instance id \"Händler\" has the character 'ä'"),
        (long.as_str(), "instance id \"xxx"),
        (longer.as_str(), "instance is too long: pass at most 64 bytes"),
    ] {
        refused(try_open(&nowhere(), id, ""), MT5REDIS_ERR_INSTANCE, sentence);
    }
}

#[test]
fn oversized_and_unterminated_text_is_refused_by_its_field() {
    let (_folder, bridge) = lonely();
    let handle = bridge.handle;
    refused(
        bridge.signal_of(&buy(1), &"S".repeat(49), ""),
        MT5REDIS_ERR_SYMBOL,
        "symbol is too long: pass at most 48 bytes",
    );
    refused(
        bridge.signal_of(&buy(1), "EURUSD", &"買".repeat(33)),
        MT5REDIS_ERR_COMMENT,
        "comment is too long: pass at most 96",
    );
    assert_eq!(bridge.signal_of(&buy(1), "EURUSD", &"買".repeat(32)), 1);
    // Without a NUL, one unit longer than the limit: no further unit is read.
    let endless = [u16::from(b'x'); 97];
    let name = wide("EURUSD");
    // SAFETY: the unterminated text has limit + 1 units.
    let code = unsafe {
        mt5redis_trade_state(handle, &trade(1, MT5REDIS_EVENT_OPEN), name.as_ptr(), endless.as_ptr())
    };
    refused(code, MT5REDIS_ERR_COMMENT, "comment is too long");
    let long = wide(&"x".repeat(97));
    let empty = wide("");
    for (at, code, field) in [
        (0, MT5REDIS_ERR_SERVER, "server"),
        (1, MT5REDIS_ERR_COMPANY, "company"),
        (2, MT5REDIS_ERR_CURRENCY, "currency"),
        (3, MT5REDIS_ERR_AGENT, "agent"),
    ] {
        let mut texts = [empty.as_ptr(); 4];
        texts[at] = long.as_ptr();
        // SAFETY: each text ends with a NUL.
        let answer =
            unsafe { mt5redis_instance_state(handle, &account(), texts[0], texts[1], texts[2], texts[3]) };
        refused(answer, code, &format!("{field} is too long"));
    }
}

#[test]
fn bad_values_are_refused_by_their_field() {
    let (_folder, bridge) = lonely();
    let signal = |spoil: fn(&mut Signal)| {
        let mut signal = buy(1);
        spoil(&mut signal);
        bridge.signal(&signal)
    };
    refused(
        signal(|s| s.volume = f64::NAN),
        MT5REDIS_ERR_VOLUME,
        "volume = NaN is refused: pass lots above 0",
    );
    refused(signal(|s| s.volume = -0.5), MT5REDIS_ERR_VOLUME, "volume = -0.5 is refused");
    refused(
        signal(|s| s.price = f64::INFINITY),
        MT5REDIS_ERR_PRICE,
        "price = inf is refused: pass a finite number",
    );
    refused(signal(|s| s.stop_loss = f64::NAN), MT5REDIS_ERR_STOP_LOSS, "stop_loss = NaN");
    refused(signal(|s| s.take_profit = f64::NEG_INFINITY), MT5REDIS_ERR_TAKE_PROFIT, "take_profit = -inf");
    refused(signal(|s| s.action = 0), MT5REDIS_ERR_ACTION, "action = 0 is refused: pass 1 to 5");
    refused(signal(|s| s.event = 13), MT5REDIS_ERR_EVENT, "event = 13 is refused: pass 1 to 7");
    refused(signal(|s| s.entry_price = 1.0), MT5REDIS_ERR_EVENT, "event = 0 is refused: say what happened");
    refused(signal(|s| s.time_ms = i64::MAX), MT5REDIS_ERR_TIME, "time_ms = 9223372036854775807");
    refused(signal(|s| s.expiry_ms = -1), MT5REDIS_ERR_TIME, "expiry_ms = -1");
    refused(signal(|s| s.position = -7), MT5REDIS_ERR_POSITION, "position = -7");
    refused(signal(|s| s.server_offset_s = 100_000), MT5REDIS_ERR_SERVER_OFFSET, "server_offset_s = 100000");
    let state = InstanceState { equity: f64::NAN, ..account() };
    refused(bridge.heartbeat(&state), MT5REDIS_ERR_EQUITY, "equity = NaN");
    let state = TradeState { volume: -1.0, ..trade(1, MT5REDIS_EVENT_CHANGE) };
    refused(bridge.trade(&state), MT5REDIS_ERR_VOLUME, "volume = -1");
    refused(bridge.open_positions(0, &[1, 0, 3]), MT5REDIS_ERR_POSITION, "position = 0 is refused");
    refused(
        bridge.open_positions(0, &[1; 16_385]),
        MT5REDIS_ERR_COUNT,
        "count = 16385 is refused: pass 0 to 16384",
    );
    // SAFETY: a negative count reads nothing.
    let code = unsafe { mt5redis_open_positions(bridge.handle, 0, null(), -1) };
    refused(code, MT5REDIS_ERR_COUNT, "count = -1");
    refused(mt5redis_committed(bridge.handle, 3), MT5REDIS_ERR_LANE, "lane 3 does not exist");
    refused(mt5redis_accepted(bridge.handle, 3), MT5REDIS_ERR_LANE, "lane 3 does not exist");
    refused(bridge.status(-1, 1).into(), MT5REDIS_ERR_LANE, "lane -1 does not exist");
    refused(bridge.status(2, 1).into(), MT5REDIS_ERR_SEQUENCE, "lane 2 has no record 1");
    for lane in ["ris", "rts", "rtss"] {
        assert_eq!(bridge.stats()[lane]["accepted"], 0, "nothing refused was accepted");
    }
}

#[test]
fn a_bad_configuration_is_refused_at_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    std::fs::write(folder.path().join("bad.toml"), "[rts]\nurl = \"redis://a\"\nqueue = -5\n").unwrap();
    refused(
        try_open("bad.toml", "1.Demo", path),
        MT5REDIS_ERR_CONFIG,
        "bad.toml:3: rts.queue = -5 is refused",
    );
    refused(
        try_open("none.toml", "1.Demo", path),
        MT5REDIS_ERR_CONFIG_FILE,
        &format!("the configuration {path}/none.toml cannot be read: "),
    );
    refused(try_open(path, "1.Demo", ""), MT5REDIS_ERR_CONFIG_FILE, "the configuration ");
    refused(try_open("redis://:s3cret@", "1.Demo", ""), MT5REDIS_ERR_CONFIG, "the configuration's URL ");
    assert!(!last_error().contains("s3cret"));
    refused(
        try_open("localhost:6379", "1.Demo", path),
        MT5REDIS_ERR_CONFIG,
        "the configuration is an address without a scheme: write redis:// before it",
    );
    std::fs::write(folder.path().join("binary.toml"), [0xFF, 0xFE, 0x00]).unwrap();
    refused(try_open("binary.toml", "1.Demo", path), MT5REDIS_ERR_CONFIG_FILE, "the configuration ");
    std::fs::write(folder.path().join("large.toml"), vec![b'#'; 2 << 20]).unwrap();
    refused(try_open("large.toml", "1.Demo", path), MT5REDIS_ERR_CONFIG_FILE, "the configuration ");
    assert!(last_error().contains("2097152 bytes"), "{}", last_error());
}

#[test]
fn blanks_removed_from_a_password_file_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("redis.secret"), b"\xEF\xBB\xBFhunter2 \r\n").unwrap();
    let text = format!("url = \"{}\"\npassword_file = \"redis.secret\"\n", nowhere());
    std::fs::write(folder.path().join("site.toml"), text).unwrap();
    let bridge = Bridge::open("site.toml", "1.Demo", folder.path());
    let events = bridge.events().join("\n");
    assert_eq!(events.matches("blanks at the end are removed").count(), 1, "{events}");
    assert!(!events.contains("hunter2"), "{events}");
}

#[test]
fn an_event_that_does_not_fit_stays() {
    let server = Server::start();
    let bridge = Bridge::at(&server, "1.Demo");
    support::eventually("three connections", || {
        ["ris", "rts", "rtss"].iter().all(|lane| bridge.stats()[lane]["connected"] == true)
    });
    let mut small = [7u16; 4];
    // SAFETY: the capacity is the buffer's.
    let needed = unsafe { mt5redis_next_event(bridge.handle, small.as_mut_ptr(), 4) };
    assert!(needed > 4, "{needed}");
    assert_eq!(small[3], 0);
    let events = bridge.events();
    assert_eq!(events.len(), 3, "{events:?}");
    assert_eq!(events[0].len(), needed as usize);
    assert!(events.iter().all(|line| line.contains(": connected to 127.0.0.1:")), "{events:?}");
}

#[test]
fn each_thread_has_its_own_last_error() {
    assert_eq!(mt5redis_flush(-5, 0), MT5REDIS_ERR_HANDLE);
    let elsewhere = std::thread::spawn(last_error).join().unwrap();
    assert_eq!(elsewhere, "");
    assert!(last_error().starts_with("handle -5 "));
}

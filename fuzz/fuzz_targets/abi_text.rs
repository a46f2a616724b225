//! Text behind a pointer, whatever it is, is accepted, or refused by its field. No unit beyond the limit is read (the
//! address sanitizer watches), and nothing panics.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use mt5_redis::abi::*;
use mt5_redis::codes::*;
use mt5_redis::model::Signal;

const SYMBOL_LIMIT: usize = 48;
const COMMENT_LIMIT: usize = 96;
const INSTANCE_LIMIT: usize = 64;

fuzz_target!(|input: (Vec<u16>, Vec<u16>, Vec<u16>)| {
    let (symbol, comment, instance) = input;
    let signal = Signal { action: 1, volume: 0.1, ..Default::default() };
    let (symbol, comment) = (memory(symbol, SYMBOL_LIMIT), memory(comment, COMMENT_LIMIT));
    // SAFETY: each text has a NUL or is one unit longer than its limit.
    let answer = unsafe { mt5redis_signal(handle(), &signal, symbol.as_ptr(), comment.as_ptr()) };
    let codes = [MT5REDIS_ERR_SYMBOL, MT5REDIS_ERR_COMMENT, MT5REDIS_ERR_JOURNAL_FULL];
    assert!(answer > 0 || codes.iter().any(|&code| answer == i64::from(code)), "{answer}");

    let instance = memory(instance, INSTANCE_LIMIT);
    let opened = open(&instance);
    match opened {
        handle if handle > 0 => assert!(mt5redis_close(handle, 0) <= 0),
        code => assert_eq!(code, i64::from(MT5REDIS_ERR_INSTANCE)),
    }
});

/// A session to a server that does not exist.
fn handle() -> i64 {
    static HANDLE: OnceLock<i64> = OnceLock::new();
    *HANDLE.get_or_init(|| open(&wide("fuzz")))
}

fn open(instance: &[u16]) -> i64 {
    let data_folder = std::env::temp_dir().join("mt5-redis-fuzz");
    let (config, folder) = (wide("redis://127.0.0.1:1"), wide(data_folder.to_str().expect("a plain path")));
    // SAFETY: configuration and folder end with a NUL, the instance does or is beyond its limit.
    unsafe { mt5redis_open(config.as_ptr(), instance.as_ptr(), folder.as_ptr()) }
}

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

/// The text in memory of exactly its size. It ends with a NUL, unless it exceeds the limit.
fn memory(mut text: Vec<u16>, limit: usize) -> Box<[u16]> {
    if text.len() > limit {
        text.truncate(limit + 1);
    } else {
        text.push(0);
    }
    text.into_boxed_slice()
}

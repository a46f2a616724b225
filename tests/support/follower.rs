//! A subscription as an Expert Advisor has it.

use mt5_redis::abi::*;
use mt5_redis::codes::MT5REDIS_ERR_GAP;
use mt5_redis::inbox::*;

use super::bridge::{Bridge, wide};

/// A signal and its texts.
pub struct Got {
    pub signal: ReceivedSignal,
    pub instance: String,
    pub symbol: String,
    pub comment: String,
}

/// What an Expert Advisor wants.
#[derive(Clone, Copy, Default)]
pub struct Wants<'a> {
    pub follower: &'a str,
    /// Empty is refused; `*` is all.
    pub instances: &'a str,
    pub symbols: &'a str,
    pub magic: i64,
    pub max_age_ms: i64,
    pub start: i32,
}

pub fn subscribe(bridge: &Bridge, wants: &Wants) -> i32 {
    let Wants { follower, instances, symbols, magic, max_age_ms, start } = *wants;
    let (follower, instances, symbols) = (wide(follower), wide(instances), wide(symbols));
    // SAFETY: each text ends with a NUL.
    unsafe {
        mt5redis_subscribe(
            bridge.handle,
            follower.as_ptr(),
            instances.as_ptr(),
            symbols.as_ptr(),
            magic,
            max_age_ms,
            start,
        )
    }
}

/// The next signal, none, or an error code.
pub fn next(bridge: &Bridge) -> Result<Option<Got>, i32> {
    match call(bridge) {
        (1, got) => Ok(Some(got)),
        (0, _) => Ok(None),
        (code, _) => Err(code),
    }
}

/// Whose signals are missing, if the next thing is a gap.
pub fn next_gap(bridge: &Bridge) -> Option<String> {
    match call(bridge) {
        (MT5REDIS_ERR_GAP, got) => Some(got.instance),
        (0, _) => None,
        (code, got) => panic!("{code} instead of a gap, with magic {}", got.signal.magic),
    }
}

fn call(bridge: &Bridge) -> (i32, Got) {
    let mut signal = ReceivedSignal::default();
    let (mut instance, mut symbol, mut comment) = ([0u16; 41], [0u16; 49], [0u16; 97]);
    // SAFETY: the capacities and the size are the buffers'.
    let code = unsafe {
        mt5redis_next_signal(
            bridge.handle,
            &mut signal,
            size_of::<ReceivedSignal>() as i32,
            instance.as_mut_ptr(),
            instance.len() as i32,
            symbol.as_mut_ptr(),
            symbol.len() as i32,
            comment.as_mut_ptr(),
            comment.len() as i32,
        )
    };
    let text = |units: &[u16]| {
        let end = units.iter().position(|unit| *unit == 0).expect("a NUL");
        String::from_utf16(&units[..end]).expect("valid UTF-16")
    };
    (code, Got { signal, instance: text(&instance), symbol: text(&symbol), comment: text(&comment) })
}

/// Waits for the next signal.
pub fn wait(bridge: &Bridge) -> Got {
    let mut got = None;
    super::eventually("a signal comes", || {
        got = next(bridge).expect("no gap");
        got.is_some()
    });
    got.expect("just seen")
}

/// Waits until the subscription acts and reads.
pub fn reads(bridge: &Bridge) {
    super::eventually("the subscription reads", || {
        let inbox = &bridge.stats()["inbox"];
        inbox["role"] == "acting" && inbox["reading"].as_i64() >= Some(1)
    });
}

/// A number of the subscription's counters.
pub fn count(bridge: &Bridge, name: &str) -> i64 {
    bridge.stats()["inbox"][name].as_i64().expect("a number")
}

//! The library as a caller sees it: every call goes through the C ABI, with UTF-16 text.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use mt5_redis::abi::*;
use mt5_redis::codes::*;
use mt5_redis::model::deal::*;
use mt5_redis::model::instance::*;
use mt5_redis::model::report::*;
use mt5_redis::model::signal::*;
use mt5_redis::model::trade::*;

use super::server::Server;

/// UTF-16 with its NUL.
pub fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

/// Calls a function that writes text, twice: for its length, then for the text.
pub fn text(call: impl Fn(*mut u16, i32) -> i32) -> String {
    let mut buffer = vec![0u16; 16 * 1024];
    let length = call(buffer.as_mut_ptr(), buffer.len() as i32);
    assert!(length >= 0, "{length}: {}", last_error());
    String::from_utf16(&buffer[..length as usize]).expect("valid UTF-16")
}

/// What the last failed call of this thread said.
pub fn last_error() -> String {
    let mut buffer = vec![0u16; 4096];
    // SAFETY: the capacity is the buffer's.
    let length = unsafe { mt5redis_last_error(buffer.as_mut_ptr(), buffer.len() as i32) };
    String::from_utf16(&buffer[..length as usize]).expect("valid UTF-16")
}

/// `mt5redis_open`, as it answers.
pub fn try_open(config: &str, instance: &str, folder: &str) -> i64 {
    // SAFETY: each text ends with a NUL.
    unsafe { mt5redis_open(wide(config).as_ptr(), wide(instance).as_ptr(), wide(folder).as_ptr()) }
}

/// An open handle; closed without waiting when dropped.
pub struct Bridge {
    pub handle: i64,
    texts: Texts,
}

/// The texts of the usual records, in UTF-16 beforehand as a terminal has them, so that a benchmark of a
/// call measures the call.
struct Texts {
    server: Vec<u16>,
    company: Vec<u16>,
    currency: Vec<u16>,
    agent: Vec<u16>,
    symbol: Vec<u16>,
    comment: Vec<u16>,
}

impl Bridge {
    /// A session at this server, with the journal in the server's own temporary folder.
    pub fn at(server: &Server, instance: &str) -> Self {
        Self::open(&server.url(), instance, server.folder())
    }

    pub fn open(config: &str, instance: &str, folder: &Path) -> Self {
        let handle = try_open(config, instance, folder.to_str().expect("a plain path"));
        assert!(handle > 0, "{handle}: {}", last_error());
        let texts = Texts {
            server: wide("Demo-Server"),
            company: wide("Example Broker Ltd."),
            currency: wide("EUR"),
            agent: wide("FleetAgent 1.0"),
            symbol: wide("EURUSD"),
            comment: wide("grid 3"),
        };
        Self { handle, texts }
    }

    pub fn heartbeat(&self, state: &InstanceState) -> i64 {
        let Texts { server, company, currency, agent, .. } = &self.texts;
        // SAFETY: valid pointers, texts end with a NUL.
        unsafe {
            mt5redis_instance_state(
                self.handle,
                state,
                server.as_ptr(),
                company.as_ptr(),
                currency.as_ptr(),
                agent.as_ptr(),
            )
        }
    }

    pub fn trade(&self, state: &TradeState) -> i64 {
        let Texts { symbol, comment, .. } = &self.texts;
        // SAFETY: valid pointers, texts end with a NUL.
        unsafe { mt5redis_trade_state(self.handle, state, symbol.as_ptr(), comment.as_ptr()) }
    }

    pub fn trade_of(&self, state: &TradeState, symbol: &str, comment: &str) -> i64 {
        // SAFETY: valid pointers, texts end with a NUL.
        unsafe { mt5redis_trade_state(self.handle, state, wide(symbol).as_ptr(), wide(comment).as_ptr()) }
    }

    pub fn deal(&self, deal: &Deal) -> i64 {
        self.deal_of(deal, "EURUSD", "grid 3")
    }

    pub fn deal_of(&self, deal: &Deal, symbol: &str, comment: &str) -> i64 {
        let (size, symbol, comment) = (size_of::<Deal>() as i32, wide(symbol), wide(comment));
        // SAFETY: valid pointers, texts end with a NUL.
        unsafe { mt5redis_deal(self.handle, deal, size, symbol.as_ptr(), comment.as_ptr()) }
    }

    pub fn open_positions(&self, time_ms: i64, positions: &[i64]) -> i64 {
        // SAFETY: the count is the slice's.
        unsafe { mt5redis_open_positions(self.handle, time_ms, positions.as_ptr(), positions.len() as i32) }
    }

    pub fn signal(&self, signal: &Signal) -> i64 {
        let Texts { symbol, comment, .. } = &self.texts;
        // SAFETY: valid pointers, texts end with a NUL.
        unsafe { mt5redis_signal(self.handle, signal, symbol.as_ptr(), comment.as_ptr()) }
    }

    pub fn signal_of(&self, signal: &Signal, symbol: &str, comment: &str) -> i64 {
        // SAFETY: valid pointers, texts end with a NUL.
        unsafe { mt5redis_signal(self.handle, signal, wide(symbol).as_ptr(), wide(comment).as_ptr()) }
    }

    pub fn report(&self, report: &ExecutionReport) -> i64 {
        self.report_of(report, "9.Source", "EURUSD", "")
    }

    pub fn report_of(&self, report: &ExecutionReport, source: &str, symbol: &str, reason: &str) -> i64 {
        let size = size_of::<ExecutionReport>() as i32;
        let (source, symbol, reason) = (wide(source), wide(symbol), wide(reason));
        // SAFETY: valid pointers, texts end with a NUL.
        unsafe {
            mt5redis_report(self.handle, report, size, source.as_ptr(), symbol.as_ptr(), reason.as_ptr())
        }
    }

    pub fn committed(&self, lane: i32) -> i64 {
        mt5redis_committed(self.handle, lane)
    }

    pub fn status(&self, lane: i32, sequence: i64) -> i32 {
        mt5redis_status(self.handle, lane, sequence)
    }

    /// The last number that a lane handed out.
    pub fn accepted(&self, lane: &str) -> i64 {
        self.stats()[lane]["accepted"].as_i64().expect("a number")
    }

    pub fn flush(&self, timeout_ms: i32) -> i32 {
        mt5redis_flush(self.handle, timeout_ms)
    }

    /// Flushes with all the patience of a test.
    pub fn settle(&self) {
        let deadline = Instant::now() + super::PATIENCE;
        let mut code = self.flush(super::PATIENCE.as_millis() as i32);
        // Heartbeats are not waited for while their server is in trouble.
        while code == MT5REDIS_HEARTBEATS_WAIT && Instant::now() < deadline {
            thread::park_timeout(Duration::from_millis(5));
            code = self.flush(super::PATIENCE.as_millis() as i32);
        }
        assert_eq!(code, MT5REDIS_OK, "{}\n{}", last_error(), self.events().join("\n"));
    }

    pub fn close(&self, timeout_ms: i32) -> i32 {
        mt5redis_close(self.handle, timeout_ms)
    }

    pub fn stats(&self) -> serde_json::Value {
        // SAFETY: `text` passes a buffer and its capacity.
        let json = text(|buffer, capacity| unsafe { mt5redis_stats(self.handle, buffer, capacity) });
        serde_json::from_str(&json).expect("JSON")
    }

    /// Every event not fetched yet.
    pub fn events(&self) -> Vec<String> {
        // SAFETY: `text` passes a buffer and its capacity.
        let next = || text(|buffer, capacity| unsafe { mt5redis_next_event(self.handle, buffer, capacity) });
        std::iter::repeat_with(next).take_while(|line| !line.is_empty()).collect()
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.close(0);
    }
}

/// A signal to buy, `number` in its magic.
pub fn buy(number: i64) -> Signal {
    Signal {
        time_ms: 1_763_800_000_000 + number,
        magic: number,
        volume: 0.1,
        price: 1.10345,
        stop_loss: 1.1,
        take_profit: 1.11,
        action: MT5REDIS_ACTION_BUY,
        server_offset_s: 7200,
        ..Default::default()
    }
}

/// The report of a signal that was executed, `number` its sequence number.
pub fn done(number: i64) -> ExecutionReport {
    ExecutionReport {
        time_ms: 1_763_800_000_083 + number,
        signal_time_ms: 1_763_800_000_000 + number,
        producer: 0x9f7c_1e0b_52a4_d833_u64 as i64,
        sequence: number,
        magic: 42,
        position: 501,
        order: 502,
        deal: 503,
        volume_wanted: 0.1,
        volume_done: 0.1,
        price_wanted: 1.10345,
        price_filled: 1.10347,
        slippage: 2.0,
        latency_ms: 83,
        retcode: 10_009,
        outcome: MT5REDIS_OUTCOME_DONE,
        action: MT5REDIS_ACTION_BUY,
        server_offset_s: 7200,
        digits: 5,
    }
}

/// The state of a position.
pub fn trade(position: i64, event: i32) -> TradeState {
    TradeState {
        time_ms: 1_763_800_000_000,
        position,
        ticket: position,
        magic: 42,
        open_time_ms: 1_763_799_000_000,
        volume: 0.3,
        price_open: 1.10345,
        price_current: 1.10401,
        stop_loss: 1.1,
        profit: 16.8,
        swap: -0.12,
        commission: -1.5,
        event,
        side: MT5REDIS_SIDE_BUY,
        server_offset_s: 7200,
        digits: 5,
        ..Default::default()
    }
}

/// A deal that closed a part of position 77.
pub fn deal(ticket: i64) -> Deal {
    Deal {
        time_ms: 1_763_800_000_000,
        deal: ticket,
        order: 502,
        position: 77,
        magic: 42,
        volume: 0.1,
        price: 1.10401,
        profit: 5.6,
        swap: -0.04,
        commission: -0.5,
        kind: MT5REDIS_DEAL_SELL,
        entry: MT5REDIS_ENTRY_OUT,
        server_offset_s: 7200,
        digits: 5,
    }
}

/// The state of an instance.
pub fn account() -> InstanceState {
    InstanceState {
        time_ms: 1_763_800_000_000,
        login: 5_012_345,
        ping_us: 18_250,
        balance: 10_000.0,
        equity: 10_016.68,
        margin: 331.04,
        margin_free: 9_685.64,
        margin_level: 3025.82,
        profit: 16.68,
        server_offset_s: 7200,
        leverage: 100,
        positions: 1,
        build: 5200,
        interval_ms: 1000,
        flags: MT5REDIS_FLAG_CONNECTED | MT5REDIS_FLAG_TERMINAL_TRADE | MT5REDIS_FLAG_HEDGING,
        ..Default::default()
    }
}

/// How many signals the streams of all sources hold.
pub fn signals(server: &Server) -> i64 {
    let streams: Vec<String> = server.ask("KEYS ss:*");
    streams.iter().map(|stream| server.ask::<i64>(&format!("XLEN {stream}"))).sum()
}

/// The sequence numbers of all signals of 1.Demo, in the stream's order.
pub fn sequences(server: &Server) -> Vec<i64> {
    sequences_of(server, "ss:{0}:1.Demo")
}

/// The same of one of several streams.
pub fn sequences_of(server: &Server, stream: &str) -> Vec<i64> {
    signal_fields(server, stream).iter().map(|fields| fields[2].as_i64().expect("a number")).collect()
}

/// The numbers of the signals before those of 1.Demo, as these say, in the stream's order.
pub fn predecessors(server: &Server) -> Vec<i64> {
    let fields = signal_fields(server, "ss:{0}:1.Demo");
    fields.iter().map(|fields| fields[16].as_i64().expect("a number")).collect()
}

/// The magic numbers of all signals of 1.Demo, in the stream's order.
pub fn magics(server: &Server) -> Vec<i64> {
    signal_fields(server, "ss:{0}:1.Demo")
        .iter()
        .map(|fields| fields[12].as_i64().expect("a number"))
        .collect()
}

/// The fields of all packed signals of a stream, in the order of `docs/wire-format.md`.
pub fn signal_fields(server: &Server, stream: &str) -> Vec<rmpv::Value> {
    let entries: Vec<(String, Vec<Vec<u8>>)> = server.ask(&format!("XRANGE {stream} - +"));
    let unpack = |mut bytes: &[u8]| rmpv::decode::read_value(&mut bytes).expect("MessagePack");
    entries.iter().map(|entry| unpack(&entry.1[1])).collect()
}

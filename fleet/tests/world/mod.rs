//! Two small ledgers, and what Redis holds when all of them has arrived: written by a plain client, command
//! by command, without the bridge and without the oracle.

use crate::support::servers;
use mt5_redis::model::{InstanceState, Signal, TradeState};
use mt5fleet::ledger::{
    AccountTexts, Entry, Heartbeat, Ledger, OpenSet, SignalGiven, Summary, Trade, TradeEntry,
};
use mt5fleet::oracle::{self, Verdict};
use mt5fleet::up::Servers;
use redis::{Connection, FromRedisValue};

/// A Monday in November 2025.
pub const NOW_MS: i64 = 1_763_800_000_000;
pub const RETENTION_MS: i64 = 2_592_000_000;
/// The lanes' places.
pub const RIS: usize = 0;
pub const RTS: usize = 1;
pub const RTSS: usize = 2;

/// The positions of each ledger: one open, one closed, one that vanished.
pub const OPEN: i64 = 11;
pub const CLOSED: i64 = 12;
pub const GONE: i64 = 13;

/// Servers, and ledgers that say what they should hold.
pub struct World {
    pub ledgers: Vec<Ledger>,
    connections: Vec<Connection>,
    servers: Servers,
}

impl World {
    /// Starts the servers, empty.
    pub fn start() -> Self {
        let servers = servers();
        let connect = |url: String| redis::Client::open(url).unwrap().get_connection().unwrap();
        let connections = servers.urls().into_iter().map(connect).collect();
        Self { ledgers: Vec::new(), connections, servers }
    }

    /// Makes the ledgers anew, and the servers hold what they say.
    pub fn reset(&mut self) {
        self.ledgers = vec![ledger("1.Demo", "00000000000000aa"), ledger("2.Demo", "00000000000000bb")];
        for lane in 0..3 {
            self.ask::<()>(lane, "FLUSHALL");
        }
        for at in 0..self.ledgers.len() {
            self.write_instance(at);
            self.write_trades(at);
        }
        self.write_signals(&[(0, 1), (1, 1), (1, 2), (0, 2), (0, 3), (1, 3)]);
    }

    /// Asks what one would type into redis-cli.
    pub fn ask<T: FromRedisValue>(&mut self, lane: usize, command: &str) -> T {
        let mut words = command.split_whitespace();
        let mut ask = redis::cmd(words.next().unwrap());
        words.for_each(|word| {
            ask.arg(word);
        });
        ask.query(&mut self.connections[lane]).unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// What the oracle says.
    pub fn verdict(&self) -> Verdict {
        oracle::check(&self.servers.urls(), &self.ledgers).unwrap()
    }

    fn write_instance(&mut self, at: usize) {
        let Ledger { instance, producers: [producer, ..], heartbeats, .. } = &self.ledgers[at];
        let heartbeat = heartbeats.last().unwrap();
        let state = &heartbeat.state;
        let mut hash = redis::cmd("HSET");
        hash.arg(format!("is:{{{instance}}}")).arg(&["v", "2", "p", producer]);
        hash.arg("q").arg(heartbeat.sequence).arg("t").arg(state.time_ms);
        hash.arg("ba").arg("10000.5").arg("pi").arg(state.ping_us);
        hash.arg(&["o", "7200", "lg", "5", "sv", "Demo Server", "co", "Company", "cu", "EUR", "ac", "0"]);
        hash.arg(&["eq", "0", "mg", "0", "mf", "0", "ml", "0", "pr", "-1.25", "cr", "0", "le", "100"]);
        hash.arg(&["cn", "1", "at", "0", "et", "0", "aa", "0", "ae", "0", "hd", "1", "vp", "0"]);
        hash.arg(&["po", "1", "or", "0", "bu", "5200", "iv", "1000", "tw", "2", "sw", "0", "rf", "0"]);
        hash.arg(&[
            "ag", "test 1", "th", "0", "ta", "7", "sa", "3", "tl", "910", "sl", "0", "fo", "0", "ck", "-3",
            "ha", "0", "jp", "0",
        ]);
        hash.exec(&mut self.connections[RIS]).unwrap();
        let (instance, time_ms) = (instance.clone(), state.time_ms);
        self.ask::<()>(RIS, &format!("PEXPIRE is:{{{instance}}} 90000"));
        self.ask::<()>(RIS, &format!("ZADD il {time_ms} {instance}"));
    }

    fn write_trades(&mut self, at: usize) {
        let Ledger { instance, producers: [_, producer, _], .. } = self.ledgers[at].clone();
        let hash = |position: i64| format!("ts:{{{instance}}}:{position}");
        let common = |sequence: u64, time_ms: i64| {
            format!(
                "v 2 p {producer} q {sequence} t {time_ms} o 7200 sy EURUSD sd b vc 0 po 1.10345 px 0 sl 0 tp 0 \
                 sw -0.12 cm 0 mg -3 dg 5"
            )
        };
        let lasting = format!("to {NOW_MS} co grid");
        for command in [
            format!(
                "HSET {} {} e p st o vo 0.3 pc 1.104 pr 16.8 ti 11 tc 0 {lasting}",
                hash(OPEN),
                common(4, NOW_MS + 4)
            ),
            format!(
                "HSET {} {} e c st c vo 0 pc 1.1 pr 16.8 ti 12 tc {} {lasting}",
                hash(CLOSED),
                common(5, NOW_MS + 5),
                NOW_MS + 3
            ),
            format!(
                "HSET {} {} e g st g vo 0.3 pc 1.1 pr 16.8 ti 13 tc {} {lasting}",
                hash(GONE),
                common(7, NOW_MS + 7),
                NOW_MS + 7
            ),
            format!("PEXPIRE {} {RETENTION_MS}", hash(CLOSED)),
            format!("PEXPIRE {} {RETENTION_MS}", hash(GONE)),
            format!("SADD to:{{{instance}}} {OPEN}"),
            format!("ZADD tc:{{{instance}}} {} {CLOSED} {} {GONE}", NOW_MS + 3, NOW_MS + 7),
            format!("SET wm:{{{instance}}}:{producer} 7 EX 3024000"),
        ] {
            self.ask::<()>(RTS, &command);
        }
        self.write_events(at);
    }

    fn write_events(&mut self, at: usize) {
        let Ledger { instance, producers: [_, producer, _], .. } = self.ledgers[at].clone();
        let beginning = |sequence: u64| {
            format!("XADD te:{{{instance}}} * v 2 p {producer} q {sequence} t {}", NOW_MS + sequence as i64)
        };
        let state = |sequence: u64, position: i64, before: u64, closed: bool| {
            let (event, volume, closed_at) = if closed { ("c", "0", NOW_MS + 3) } else { ("o", "0.3", 0) };
            format!(
                "{} o 7200 e {event} st {event} sy EURUSD sd b vo {volume} vc 0 po 1.10345 pc 1.1 px 0 sl 0 tp 0 pr \
                 16.8 sw -0.12 cm 0 mg -3 ti {position} to {NOW_MS} tc {closed_at} dg 5 co grid id {position} pq {before}",
                beginning(sequence)
            )
        };
        for command in [
            state(1, OPEN, 0, false),
            state(2, CLOSED, 1, false),
            state(3, GONE, 2, false),
            state(5, CLOSED, 3, true),
            format!("{} e g st g tc {} id {GONE} pq 5", beginning(7), NOW_MS + 7),
        ] {
            self.ask::<String>(RTS, &command);
        }
        self.ask::<()>(RTS, &format!("PEXPIRE te:{{{instance}}} 604800000"));
    }

    /// Writes the streams anew, in this order of ledger and sequence.
    pub fn write_signals(&mut self, order: &[(usize, u64)]) {
        self.ask::<()>(RTSS, "FLUSHALL");
        for &(at, sequence) in order {
            self.add_signal(at, sequence, 0.1);
        }
        for at in 0..self.ledgers.len() {
            let Ledger { instance, producers: [.., producer], .. } = self.ledgers[at].clone();
            for command in [
                format!("SET wm:{{0}}:{instance}:{producer} 3 EX 3024000"),
                format!("ZADD sl:{{0}} {NOW_MS} {instance}"),
                format!("PEXPIRE ss:{{0}}:{instance} 3600000"),
            ] {
                self.ask::<()>(RTSS, &command);
            }
        }
    }

    /// Appends a signal that leads to the one before it.
    pub fn add_signal(&mut self, at: usize, sequence: u64, volume: f64) {
        let Ledger { instance, producers: [.., producer], .. } = &self.ledgers[at];
        let time_ms = NOW_MS + sequence as i64;
        let magic = sequence as i64 - 2;
        // More values than a tuple may have.
        let head = (2, producer, sequence, time_ms, 7200, instance, 'b', "EURUSD", volume);
        let rest = (1.10345, 1.1, 0.0, magic, 0, 0, "купить", sequence - 1);
        let [head, rest] = [rmp_serde::to_vec(&head).unwrap(), rmp_serde::to_vec(&rest).unwrap()];
        // An array of 17 in three bytes, in place of one of 9 and one of 8 in one byte each.
        let entry = [&[0xdc, 0, 17], &head[1..], &rest[1..]].concat();
        self.append(at, &entry);
    }

    /// Appends an entry with these bytes.
    pub fn append(&mut self, at: usize, entry: &[u8]) {
        let stream = format!("ss:{{0}}:{}", self.ledgers[at].instance);
        let mut add = redis::cmd("XADD");
        add.arg(stream).arg("*").arg("d").arg(entry).exec(&mut self.connections[RTSS]).unwrap();
    }
}

/// A ledger with two heartbeats, seven trade records and three signals.
fn ledger(instance: &str, producer: &str) -> Ledger {
    let mut ledger = Ledger {
        instance: instance.into(),
        producers: [producer; 3].map(String::from),
        ..Default::default()
    };
    for sequence in 1..=2 {
        ledger.add(Entry::Heartbeat(heartbeat(sequence)));
    }
    for (sequence, position, event) in
        [(1, OPEN, 1), (2, CLOSED, 1), (3, GONE, 1), (4, OPEN, 3), (5, CLOSED, 4)]
    {
        ledger.add(Entry::Trade(trade(sequence, position, event)));
    }
    for (sequence, positions) in [(6, vec![OPEN, GONE]), (7, vec![OPEN])] {
        ledger.add(Entry::OpenSet(OpenSet { sequence, time_ms: NOW_MS + sequence as i64, positions }));
    }
    for sequence in 1..=3 {
        ledger.add(Entry::Signal(signal(sequence)));
    }
    ledger.add(Entry::Summary(Summary { committed: [2, 7, 3], ..Default::default() }));
    assert!(ledger.trades.iter().map(TradeEntry::sequence).eq(1..=7));
    ledger
}

fn heartbeat(sequence: u64) -> Heartbeat {
    let state = InstanceState {
        time_ms: NOW_MS + sequence as i64,
        login: 5,
        ping_us: 18_250,
        balance: 10_000.5,
        profit: -1.25,
        server_offset_s: 7200,
        leverage: 100,
        positions: 1,
        build: 5200,
        interval_ms: 1000,
        flags: 33,
        ..Default::default()
    };
    let account = AccountTexts {
        server: "Demo Server".into(),
        company: "Company".into(),
        currency: "EUR".into(),
        agent: "test 1".into(),
    };
    Heartbeat { sequence, state, account }
}

fn trade(sequence: u64, position: i64, event: i32) -> Trade {
    let closed = event == 4;
    let state = TradeState {
        time_ms: NOW_MS + sequence as i64,
        position,
        ticket: position,
        magic: -3,
        open_time_ms: NOW_MS,
        close_time_ms: if closed { NOW_MS + 3 } else { 0 },
        volume: if closed { 0.0 } else { 0.3 },
        price_open: 1.10345,
        price_current: if event == 3 { 1.104 } else { 1.1 },
        profit: 16.8,
        swap: -0.12,
        event,
        side: 1,
        server_offset_s: 7200,
        digits: 5,
        ..Default::default()
    };
    Trade { sequence, state, symbol: "EURUSD".into(), comment: "grid".into() }
}

fn signal(sequence: u64) -> SignalGiven {
    let signal = Signal {
        time_ms: NOW_MS + sequence as i64,
        magic: sequence as i64 - 2,
        volume: 0.1,
        price: 1.10345,
        stop_loss: 1.1,
        action: 1,
        server_offset_s: 7200,
        ..Default::default()
    };
    SignalGiven { sequence, signal, symbol: "EURUSD".into(), comment: "купить".into() }
}

//! Terminals that write all the time, and the proof afterwards that nothing is lost, doubled or out of order.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mt5_redis::abi::*;
use mt5_redis::model::key;
use mt5_redis::model::trade::*;

use super::bridge::{Bridge, buy, trade};
use super::eventually;

/// Signals that a terminal lets wait: those of several seconds.
const MOST_WAITING: i64 = 20_000;

/// How many instances share a terminal's lanes.
pub const INSTANCES: usize = 2;

/// The instances of a terminal.
pub fn instances(terminal: usize) -> [String; INSTANCES] {
    [format!("{terminal}.Demo"), format!("{terminal}.Second")]
}

/// Terminals, each with its instances, its data folder and its connections.
pub struct Producers {
    stop: Arc<AtomicBool>,
    committed: Vec<Arc<AtomicI64>>,
    threads: Vec<JoinHandle<Written>>,
}

/// What one of them wrote.
struct Written {
    instances: [String; INSTANCES],
    /// The producer, and its last number.
    signals: (String, i64),
    /// The producer, and the last number of each instance.
    trades: (String, [i64; INSTANCES]),
    lost: i64,
    silent: Duration,
}

impl Producers {
    /// Starts so many, all with this configuration.
    pub fn start(count: usize, toml: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let committed: Vec<_> = (0..count).map(|_| Arc::new(AtomicI64::new(0))).collect();
        let threads = committed
            .iter()
            .enumerate()
            .map(|(number, committed)| {
                let (toml, stop, committed) = (toml.to_owned(), stop.clone(), committed.clone());
                // However many they are, together they say about as much.
                let pause = Duration::from_micros(500 * count as u64);
                thread::spawn(move || write(instances(number), &toml, pause, &stop, &committed))
            })
            .collect();
        let producers = Self { stop, committed, threads };
        producers.go_on();
        producers
    }

    /// Waits until each has committed some more.
    pub fn go_on(&self) {
        let before: Vec<i64> = self.committed.iter().map(|committed| committed.load(Relaxed)).collect();
        eventually("every terminal's commits go on", || {
            self.committed
                .iter()
                .zip(&before)
                .all(|(committed, before)| committed.load(Relaxed) > before + 50)
        });
    }

    /// Ends them with everything committed, and checks that it is there. `ask` gets all entries of a stream,
    /// or a text, from whoever has the key now.
    pub fn check(self, what: &str, shards: u16, ask: &mut dyn FnMut(&[&str], &str) -> redis::Value) {
        self.stop.store(true, Relaxed);
        let written: Vec<Written> = self
            .threads
            .into_iter()
            .map(|thread| thread.join().expect("a terminal that ends well"))
            .collect();
        // Of each producer, stream by stream.
        let mut found: HashMap<String, Vec<Vec<i64>>> = HashMap::new();
        for instance in written.iter().flat_map(|written| &written.instances) {
            let mut stream: HashMap<String, Vec<i64>> = HashMap::new();
            let key = format!("ss:{{{}}}:{instance}", key::shard(instance, shards));
            let mut from = "-".to_owned();
            loop {
                // In pieces: who watches over a server takes one that is busy for long to be dead.
                let reply = ask(&["XRANGE", &key, &from, "+", "COUNT", "10000"], &key);
                let entries: Vec<(String, Vec<Vec<u8>>)> = redis::from_redis_value(reply).expect("a stream");
                let Some((last, _)) = entries.last() else { break };
                from = format!("({last}");
                for (_, entry) in entries {
                    let fields = rmpv::decode::read_value(&mut entry[1].as_slice()).expect("MessagePack");
                    let producer = fields[1].as_str().expect("a text").to_owned();
                    stream.entry(producer).or_default().push(fields[2].as_i64().expect("a number"));
                }
            }
            stream
                .into_iter()
                .for_each(|(producer, numbers)| found.entry(producer).or_default().push(numbers));
        }
        let (mut signals, mut trades, mut replayed_and_lost) = (0, 0, 0);
        for Written { instances, signals: (producer, accepted), trades: (other, last), lost, .. } in &written
        {
            let streams = found.remove(producer).unwrap_or_default();
            let in_order = streams.iter().all(|numbers| numbers.is_sorted());
            let mut sequences = streams.concat();
            sequences.sort_unstable();
            assert!(
                in_order && sequences.iter().copied().eq(1..=*accepted),
                "{what}: {instances:?} accepted {accepted}: {:?}",
                streams.iter().map(|numbers| faults(numbers, *accepted)).collect::<Vec<_>>()
            );
            for (instance, last) in instances.iter().zip(last) {
                let key = format!("wm:{{{instance}}}:{other}");
                let watermark: Option<i64> =
                    redis::from_redis_value(ask(&["GET", &key], &key)).expect("a number");
                assert_eq!(watermark, Some(*last), "{what}: trades of {instance}");
                let key = format!("ts:{{{instance}}}:7");
                let state: Option<f64> =
                    redis::from_redis_value(ask(&["HGET", &key, "pr"], &key)).expect("a profit");
                assert_eq!(state, Some(*last as f64), "{what}: the latest trade state of {instance}");
            }
            signals += accepted;
            trades += last.iter().max().expect("an instance");
            replayed_and_lost += lost;
        }
        assert!(found.is_empty(), "signals of nobody: {found:?}");
        assert_eq!(replayed_and_lost, 0, "{what}: records counted as lost");
        let silent = written.iter().map(|written| written.silent).max().expect("a terminal");
        println!(
            "{what}: terminals={} signals={signals} trades={trades} lost=0 duplicated=0 longest_silence={:.2}s",
            written.len(),
            silent.as_secs_f64()
        );
    }
}

/// What is missing, and what is there too often or too early.
fn faults(sequences: &[i64], accepted: i64) -> (usize, Vec<i64>, Vec<i64>) {
    let missing = (1..=accepted).filter(|sequence| !sequences.contains(sequence)).take(20).collect();
    let wrong = sequences.windows(2).filter(|pair| pair[1] <= pair[0]).map(|pair| pair[1]).take(20).collect();
    (sequences.len(), missing, wrong)
}

fn write(
    instances: [String; INSTANCES],
    toml: &str,
    pause: Duration,
    stop: &AtomicBool,
    committed: &AtomicI64,
) -> Written {
    // Nothing is trimmed before it was counted.
    let (folder, config) = super::configuration(&format!("{toml}[rtss]\nmax_length = 1000000000\n"));
    let bridges = instances.each_ref().map(|instance| Bridge::open(&config, instance, folder.path()));
    // What one is answered goes for all: they share their lanes.
    let [bridge, ..] = &bridges;
    let mut states = [0; INSTANCES];
    for (bridge, last) in bridges.iter().zip(&mut states) {
        *last = bridge.trade(&trade(7, MT5REDIS_EVENT_OPEN));
    }
    let (mut signals, mut trades, mut last) = (0, INSTANCES as i64, Instant::now());
    let mut silent = Duration::ZERO;
    while !stop.load(Relaxed) {
        // What twenty of them can say may be more than this machine carries; all of it must arrive in the end.
        if signals - bridge.committed(MT5REDIS_LANE_RTSS) < MOST_WAITING {
            for at in 0..5 {
                signals = signals.max(bridges[at % INSTANCES].signal(&buy(signals + 1)));
            }
        }
        // The profit says which one it is.
        let state = TradeState { profit: (trades + 1) as f64, ..trade(7, MT5REDIS_EVENT_CHANGE) };
        let at = trades as usize % INSTANCES;
        let sequence = bridges[at].trade(&state);
        if sequence > 0 {
            (trades, states[at]) = (sequence, sequence);
        }
        let now = bridge.committed(MT5REDIS_LANE_RTSS).min(bridge.committed(MT5REDIS_LANE_RTS));
        if now > committed.swap(now, Relaxed) {
            silent = silent.max(last.elapsed());
            last = Instant::now();
        }
        thread::park_timeout(pause);
    }
    bridge.settle();
    let stats = bridge.stats();
    let producer = |lane: &str| stats[lane]["producer"].as_str().expect("a text").to_owned();
    let lost = ["rts", "rtss"].map(|lane| stats[lane]["lost"].as_i64().expect("a number"));
    Written {
        instances,
        signals: (producer("rtss"), signals),
        trades: (producer("rts"), states),
        lost: lost.iter().sum(),
        silent,
    }
}

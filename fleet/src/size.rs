//! `mt5fleet size`: measures how much memory Redis needs. The real library writes to servers of our own, and the growth
//! of `used_memory` is divided by the number of items. Only the fleet's habits are estimated: the constants of [`sizing`].

use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use clap::Args;
use mt5_redis::model::{Deal, InstanceState, Signal, TradeState};
use redis::{Connection, InfoDict};

use crate::library::{self, Account, Bridge, Session, Text};
use crate::output;
use crate::up::{Servers, Topology, server, sizing};

const INSTANCES: u64 = 200;
const POSITIONS: u64 = 20_000;
const SIGNALS: u64 = 200_000;
const CONNECTIONS: u64 = 200;
const PATIENCE: Duration = Duration::from_secs(60);
const FLEETS: [u64; 5] = [10, 100, 1000, 3000, 10_000];

#[derive(Args)]
pub struct Options {
    /// Path of the built library [default: the newest one beside this program]
    #[arg(long)]
    library: Option<std::path::PathBuf>,
}

/// Bytes of one item of each kind.
#[derive(Debug)]
pub struct Weights {
    pub instance: u64,
    pub history: u64,
    pub position: u64,
    pub event: u64,
    pub deal: u64,
    pub signal: u64,
    pub source: u64,
    pub connection: u64,
}

/// Measures, and prints the sizes and the table of limits.
pub fn size(options: &Options) -> Result<()> {
    let library = options.library.clone().map_or_else(library::default_path, Ok)?;
    let Weights { instance, history, position, event, deal, signal, source, connection } = measure(&library)?;
    let mut lines = vec!["bytes in Redis, measured and as assumed for sizing:".to_owned()];
    for (name, measured, counted) in [
        ("an instance", instance, sizing::INSTANCE_BYTES),
        ("a history", history, sizing::HISTORY_BYTES),
        ("a position", position, sizing::POSITION_BYTES),
        ("an event", event, sizing::EVENT_BYTES),
        ("a deal", deal, sizing::EVENT_BYTES),
        ("a signal", signal, sizing::SIGNAL_BYTES),
        ("a source", source, sizing::SOURCE_BYTES),
        ("a connection", connection, sizing::CONNECTION_BYTES),
    ] {
        lines.push(format!("  {name:<14} {measured:>7}  {counted:>7}"));
    }
    lines.push(format!("  a million signals: {} MiB", (signal * 1_000_000) >> 20));
    lines.push(String::new());
    lines.push("maxmemory (MiB) and maxclients, as set by mt5fleet up --terminals:".to_owned());
    lines.push("  terminals    ris    rts   rtss  clients  of rtss  |     Cluster node  clients".to_owned());
    for terminals in FLEETS {
        let of = |topology, lane| sizing::limits(topology, lane, terminals);
        let single = ["ris", "rts", "rtss"].map(|lane| of(Topology::Single, lane));
        let [ris, rts, rtss] = single.map(|limits| limits.max_memory >> 20);
        let node = of(Topology::Cluster, "cluster");
        lines.push(format!(
            "  {terminals:>9} {ris:>6} {rts:>6} {rtss:>6} {:>8} {:>8}  | {:>16} {:>8}",
            single[0].max_clients,
            single[2].max_clients,
            node.max_memory >> 20,
            node.max_clients
        ));
    }
    lines.iter().try_for_each(|line| output::print(line))
}

/// Measures the library's records and idle connections.
pub fn measure(library: &Path) -> Result<Weights> {
    let servers = Servers::start_temporary(None)?;
    let mut lanes = servers.ports().into_iter().map(Lane::at).collect::<Result<Vec<_>>>()?;
    let bridge = Bridge::load(library)?;
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let config = servers.config_file();
    let config = config.to_str().context("the temporary folder's name is not valid UTF-8")?;
    let open =
        |number: u64| bridge.open(config, &format!("{}.Broker-Demo", 5_000_000 + number), folder.path());

    // Exclude the overhead of the first item of each kind.
    let first = open(0)?;
    publish(&bridge, &first, &[trade(0)], 1, true)?;
    lanes.iter_mut().try_for_each(Lane::begin)?;

    for number in 1..=INSTANCES {
        let session = open(number)?;
        publish(&bridge, &session, &[], 0, true)?;
        session.close(PATIENCE)?;
    }
    let histories: u64 = lanes[0].sum("ih:*")?;
    let history = histories / (INSTANCES + 1);
    let instance = (lanes[0].grown()? - INSTANCES * history) / INSTANCES;

    let each = (POSITIONS / INSTANCES) as i64;
    for number in 1..=INSTANCES {
        let session = open(number)?;
        let trades: Vec<TradeState> = (0..each).map(|at| trade(number as i64 * each + at)).collect();
        publish(&bridge, &session, &trades, 0, false)?;
        session.close(PATIENCE)?;
    }
    // A position was opened, which is an event.
    let both = lanes[1].grown()? / POSITIONS;
    let event = lanes[1].sum("te:*")? / (POSITIONS + 1);
    let position = both - event;
    lanes[1].begin()?;
    for number in 1..=POSITIONS {
        bridge.expect(first.deal(
            &deal(number as i64),
            &Text::new("EURUSD"),
            &Text::new("ma cross 12/26"),
        ))?;
    }
    first.flush(PATIENCE)?;
    let deal = lanes[1].grown()? / POSITIONS;

    lanes[2].begin()?;
    for number in 1..=INSTANCES {
        let session = open(number)?;
        publish(&bridge, &session, &[], 1, false)?;
        session.close(PATIENCE)?;
    }
    let source = lanes[2].grown()? / INSTANCES;
    lanes[2].begin()?;
    for _ in 0..SIGNALS / 1000 {
        publish(&bridge, &first, &[], 1000, false)?;
    }
    let signal = lanes[2].grown()? / SIGNALS;

    lanes[0].begin()?;
    let connect = |_| server::connect(servers.ports()[0]);
    let connections = (0..CONNECTIONS).map(connect).collect::<Result<Vec<_>>>()?;
    let connection = lanes[0].grown()? / CONNECTIONS;
    drop(connections);
    first.close(PATIENCE)?;
    Ok(Weights { instance, history, position, event, deal, signal, source, connection })
}

/// A server whose memory is watched.
struct Lane {
    connection: Connection,
    before: u64,
}

impl Lane {
    fn at(port: u16) -> Result<Self> {
        let mut connection = server::connect(port)?;
        // The buffers of the append-only file would disturb the measurement.
        redis::cmd("CONFIG").arg("SET").arg("appendonly").arg("no").exec(&mut connection)?;
        Ok(Self { connection, before: 0 })
    }

    fn begin(&mut self) -> Result<()> {
        self.before = self.used()?;
        Ok(())
    }

    /// The memory of all keys with this pattern.
    fn sum(&mut self, pattern: &str) -> Result<u64> {
        let keys: Vec<String> = redis::cmd("KEYS").arg(pattern).query(&mut self.connection)?;
        let mut pipe = redis::pipe();
        for key in &keys {
            pipe.cmd("MEMORY").arg("USAGE").arg(key).arg("SAMPLES").arg(0);
        }
        let sizes: Vec<u64> = pipe.query(&mut self.connection)?;
        Ok(sizes.iter().sum())
    }

    fn grown(&mut self) -> Result<u64> {
        Ok(self.used()?.saturating_sub(self.before))
    }

    fn used(&mut self) -> Result<u64> {
        let info: InfoDict = redis::cmd("INFO").arg("memory").query(&mut self.connection)?;
        info.get("used_memory").context("INFO has no used_memory")
    }
}

fn publish(
    bridge: &Bridge,
    session: &Session,
    trades: &[TradeState],
    signals: u64,
    alive: bool,
) -> Result<()> {
    let (symbol, comment) = (Text::new("EURUSD"), Text::new("ma cross 12/26"));
    if alive {
        let [server, company, currency, agent] =
            ["Broker-Demo", "Broker International Ltd.", "EUR", "FleetAgent 1.0"].map(Text::new);
        let account = Account { server, company, currency, agent };
        let state = InstanceState {
            time_ms: now_ms(),
            login: 5_012_345,
            balance: 10_016.68,
            equity: 10_033.21,
            margin: 366.67,
            margin_free: 9_666.54,
            margin_level: 2736.36,
            profit: 16.53,
            leverage: 100,
            ping_us: 18_250,
            positions: 5,
            build: 5200,
            interval_ms: 1000,
            flags: 63,
            ..InstanceState::default()
        };
        bridge.expect(session.instance_state(&state, &account))?;
    }
    for trade in trades {
        bridge.expect(session.trade_state(trade, &symbol, &comment))?;
    }
    for _ in 0..signals {
        let signal = Signal {
            time_ms: now_ms(),
            magic: 20_251_124,
            volume: 0.1,
            price: 1.10345,
            stop_loss: 1.10145,
            take_profit: 1.10745,
            action: 1,
            server_offset_s: 7200,
            ..Signal::default()
        };
        bridge.expect(session.signal(&signal, &symbol, &comment))?;
    }
    session.flush(PATIENCE)
}

fn trade(number: i64) -> TradeState {
    TradeState {
        time_ms: now_ms(),
        position: 1_000_000_000 + number,
        ticket: 1_000_000_000 + number,
        magic: 20_251_124,
        open_time_ms: now_ms(),
        volume: 0.3,
        price_open: 1.10345,
        price_current: 1.104,
        stop_loss: 1.10145,
        take_profit: 1.10745,
        profit: 16.53,
        swap: -0.12,
        commission: -2.1,
        event: 1,
        side: 1,
        server_offset_s: 7200,
        digits: 5,
        ..TradeState::default()
    }
}

fn deal(number: i64) -> Deal {
    Deal {
        time_ms: now_ms(),
        deal: 2_000_000_000 + number,
        order: 3_000_000_000 + number,
        position: 1_000_000_000 + number,
        magic: 20_251_124,
        volume: 0.3,
        price: 1.10345,
        profit: 16.53,
        swap: -0.12,
        commission: -2.1,
        kind: 2,
        entry: 2,
        server_offset_s: 7200,
        digits: 5,
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.expect("the clock is after 1970").as_millis() as i64
}

//! A terminal that calls everything that writes.

use std::time::Duration;

use mt5_redis::model::{ExecutionReport, InstanceState, Signal, TradeState};
use mt5fleet::library::{self, Account, Bridge, Text};

/// Calls everything that writes, as an Expert Advisor would, until all is in Redis.
pub fn publish_everything(config: &str, instance: &str) {
    let bridge = Bridge::load(&library::default_path().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let session = bridge.open(config, instance, folder.path()).unwrap();
    let texts = ["Demo", "Broker", "EUR", "test"].map(Text::new);
    let [server, company, currency, agent] = texts;
    let account = Account { server, company, currency, agent };
    let (symbol, comment) = (Text::new("EURUSD"), Text::new("test"));
    let time_ms = 1_763_800_000_000;
    let trade = |position, event, close_time_ms| TradeState {
        time_ms,
        position,
        ticket: position,
        open_time_ms: time_ms,
        close_time_ms,
        volume: if event == 4 { 0.0 } else { 0.1 },
        price_open: 1.1,
        price_current: 1.1,
        event,
        side: 1,
        ..TradeState::default()
    };
    let flush = || session.flush(Duration::from_secs(20)).unwrap();
    let state = InstanceState { time_ms, login: 1, ..InstanceState::default() };
    bridge.expect(session.instance_state(&state, &account)).unwrap();
    for (position, event) in [(1, 1), (2, 1), (1, 2), (1, 4)] {
        let close = if event == 4 { time_ms } else { 0 };
        bridge.expect(session.trade_state(&trade(position, event, close), &symbol, &comment)).unwrap();
        flush();
    }
    // The second position is missing from the first list, and from the second everything.
    for positions in [&[3, 4][..], &[]] {
        bridge.expect(session.open_positions(time_ms, positions)).unwrap();
        flush();
    }
    // Trimming starts with the second batch.
    for _ in 0..2 {
        let signal = Signal { time_ms, action: 1, volume: 0.1, ..Signal::default() };
        bridge.expect(session.signal(&signal, &symbol, &comment)).unwrap();
        flush();
    }
    for sequence in 1..=2 {
        let report = ExecutionReport { sequence, outcome: 1, action: 1, ..ExecutionReport::default() };
        bridge.expect(session.report(&report, &Text::new("9.Source"), &symbol, &comment)).unwrap();
        flush();
    }
    session.close(Duration::from_secs(20)).unwrap();
}

//! How a record becomes a row of its table.

use mt5_redis::inbox::item::EntryId;
use mt5_redis::model::TradeEvent;
use mt5_redis::model::equity::Sample;
use mt5_redis::model::event::Happened;
use mt5_redis::model::received::Received;
use mt5_redis::model::report::ExecutionReport;
use mt5_redis::model::reported::Reported;
use mt5_redis::model::signal::{Signal, action_name};
use mt5_redis::model::trade::{MT5REDIS_EVENT_CLOSE, MT5REDIS_EVENT_OPEN, MT5REDIS_SIDE_BUY, TradeState};
use mt5_redis::model::traded::{Known, Standing, Traded};

use super::tables::{Cell, Row, Table};
use super::words::{self, DEALS, ENTRIES, EVENTS, ORDERS};

/// The last millisecond of the year 9999.
const LAST_MS: u64 = 253_402_300_799_999;

/// A stream's entry as a row, and its place in the chain of its producer's records.
#[derive(Debug)]
pub struct Record {
    pub producer: String,
    pub sequence: u64,
    /// The number of the record before it; 0: unknown.
    pub predecessor: u64,
    pub row: Row,
}

/// The beginning of a row that comes from a stream: sequence number, predecessor, and when Redis stored it.
fn head(instance: &str, producer: &str, numbers: [u64; 2], id: EntryId) -> Row {
    // Whoever writes a stream may choose an id.
    let stored_at = if id.ms <= LAST_MS { time(id.ms as i64) } else { Cell::None };
    let [sequence, predecessor] =
        numbers.map(|number| Cell::Integer(i64::try_from(number).unwrap_or(i64::MAX)));
    vec![text(instance), text(producer), sequence, predecessor, Cell::Text(id.to_string()), stored_at]
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

/// A time; 0: none.
fn time(ms: i64) -> Cell {
    if ms > 0 { Cell::Time(ms) } else { Cell::None }
}

/// A word of a list.
fn word(words: &[&'static str], number: i32) -> Cell {
    words::word(words, number).map_or(Cell::None, text)
}

fn side(side: i32) -> Cell {
    text(if side == MT5REDIS_SIDE_BUY { "buy" } else { "sell" })
}

/// A signal, and its id in the stream.
pub fn signal(signal: Received, id: EntryId) -> Record {
    let Signal { volume, price, stop_loss, take_profit, magic, position, .. } = signal.signal;
    let numbers = &signal.signal;
    let mut row = head(&signal.instance, &signal.producer, [signal.sequence, signal.predecessor], id);
    row.push(time(numbers.time_ms));
    row.extend([text(action_name(numbers.action)), Cell::Text(signal.symbol)]);
    row.extend([volume, price, stop_loss, take_profit].map(Cell::Number));
    row.extend([magic, position].map(Cell::Integer));
    row.extend([time(numbers.expiry_ms), Cell::Text(signal.comment)]);
    row.push(Cell::Integer(numbers.server_offset_s.into()));
    if numbers.event == 0 {
        row.resize(Table::Signals.columns().len(), Cell::None);
    } else {
        row.push(word(&EVENTS, numbers.event));
        row.extend([numbers.volume_before, numbers.volume_after, numbers.entry_price].map(Cell::Number));
        row.extend([side(numbers.side), word(&ORDERS, numbers.order_type), Cell::Truth(numbers.found != 0)]);
    }
    // A retried signal stands behind others.
    let predecessor = if signal.retried { 0 } else { signal.predecessor };
    Record { producer: signal.producer, sequence: signal.sequence, predecessor, row }
}

/// An execution report, and its id in the stream.
pub fn report(reported: Reported, id: EntryId) -> Record {
    let outcome = reported.outcome();
    let ExecutionReport { volume_wanted, volume_done, price_wanted, price_filled, slippage, .. } =
        reported.report;
    let numbers = &reported.report;
    let mut row = head(&reported.instance, &reported.producer, [reported.sequence, reported.predecessor], id);
    row.push(time(numbers.time_ms));
    row.extend([Cell::Text(reported.source), Cell::Text(format!("{:016x}", numbers.producer))]);
    row.extend([Cell::Integer(numbers.sequence), time(numbers.signal_time_ms)]);
    row.extend([text(action_name(numbers.action)), text(outcome), Cell::Integer(numbers.retcode.into())]);
    row.extend([Cell::Text(reported.reason), Cell::Text(reported.symbol)]);
    row.extend([volume_wanted, volume_done, price_wanted, price_filled, slippage].map(Cell::Number));
    row.push(Cell::Integer(numbers.latency_ms.into()));
    row.extend([numbers.magic, numbers.position, numbers.order, numbers.deal].map(Cell::Integer));
    row.extend([numbers.digits, numbers.server_offset_s].map(|number| Cell::Integer(number.into())));
    let Reported { producer, sequence, predecessor, .. } = reported;
    Record { producer, sequence, predecessor, row }
}

/// A trade event or a deal of an instance, and its id in the stream.
pub fn event(instance: &str, event: TradeEvent, id: EntryId) -> Record {
    let mut row = head(instance, &event.producer, [event.sequence, event.predecessor], id);
    // The position is a part of the key: those that one reconcile misses have the same number.
    row.insert(3, Cell::Integer(event.position));
    row.push(time(event.time_ms));
    match event.what {
        Happened::State { state, symbol, comment } => {
            let what = match state.event {
                MT5REDIS_EVENT_OPEN => "open",
                MT5REDIS_EVENT_CLOSE => "close",
                _ => "change",
            };
            row.extend([text(what), Cell::Text(symbol), side(state.side)]);
            row.extend(state_numbers(&state));
            row.extend([Cell::Integer(state.ticket), time(state.open_time_ms), time(state.close_time_ms)]);
            row.extend([Cell::Integer(state.digits.into()), Cell::Text(comment)]);
            row.push(Cell::Integer(state.server_offset_s.into()));
        }
        Happened::Gone => row.push(text("gone")),
        Happened::Deal { deal, symbol, comment } => {
            let side = if deal.kind <= 2 { word(&DEALS, deal.kind) } else { Cell::None };
            row.extend([text("deal"), Cell::Text(symbol), side, Cell::Number(deal.volume)]);
            row.extend([const { Cell::None }; 6]);
            row.extend([deal.profit, deal.swap, deal.commission].map(Cell::Number));
            row.push(Cell::Integer(deal.magic));
            row.extend([const { Cell::None }; 3]);
            row.extend([Cell::Integer(deal.digits.into()), Cell::Text(comment)]);
            row.push(Cell::Integer(deal.server_offset_s.into()));
            row.extend([deal.deal, deal.order].map(Cell::Integer));
            row.extend([word(&DEALS, deal.kind), word(&ENTRIES, deal.entry), Cell::Number(deal.price)]);
        }
    }
    row.resize(Table::Events.columns().len(), Cell::None);
    Record { producer: event.producer, sequence: event.sequence, predecessor: event.predecessor, row }
}

/// A sample of an instance's equity.
pub fn sample(instance: &str, period: &str, sample: Sample) -> Row {
    let Sample { time_ms, balance, equity, margin, profit } = sample;
    let mut row = vec![text(instance), text(period), Cell::Time(time_ms)];
    row.extend([balance, equity, margin, profit].map(Cell::Number));
    row
}

/// The latest state of a position.
pub fn trade(instance: &str, position: i64, traded: Traded) -> Row {
    let standing = match traded.standing {
        Standing::Open => "open",
        Standing::Closed => "closed",
        Standing::Gone => "gone",
    };
    let mut row = vec![text(instance), Cell::Integer(position), Cell::Text(traded.producer)];
    row.extend([Cell::Integer(traded.sequence as i64), time(traded.time_ms), text(standing)]);
    let closed = time(traded.closed_ms);
    let Some(Known { state, symbol, comment }) = traded.known else {
        // Nothing is known but when it was missed.
        row.resize(Table::Trades.columns().len(), Cell::None);
        row[21] = closed;
        return row;
    };
    row.extend([Cell::Text(symbol), side(state.side)]);
    row.extend(state_numbers(&state));
    row.extend([Cell::Integer(state.ticket), time(state.open_time_ms), closed]);
    row.extend([Cell::Integer(state.digits.into()), Cell::Text(comment)]);
    row.push(Cell::Integer(state.server_offset_s.into()));
    row
}

/// From the volume to the magic number.
fn state_numbers(state: &TradeState) -> [Cell; 11] {
    [
        Cell::Number(state.volume),
        Cell::Number(state.volume_closed),
        Cell::Number(state.price_open),
        Cell::Number(state.price_current),
        Cell::Number(state.price_close),
        Cell::Number(state.stop_loss),
        Cell::Number(state.take_profit),
        Cell::Number(state.profit),
        Cell::Number(state.swap),
        Cell::Number(state.commission),
        Cell::Integer(state.magic),
    ]
}

#[cfg(test)]
mod tests {
    use mt5_redis::model::Deal;

    use super::super::tables::Kind::{Integer, Number, Text, Time, Truth};
    use super::*;

    /// Whether each value is of its column's kind, and each key is there.
    fn fits(table: Table, row: &Row) {
        assert_eq!(row.len(), table.columns().len(), "{table:?}");
        for (at, (cell, (name, kind))) in row.iter().zip(table.columns()).enumerate() {
            let is = match cell {
                Cell::None => at >= table.key(),
                Cell::Text(_) => *kind == Text,
                Cell::Integer(_) => *kind == Integer,
                Cell::Number(_) => *kind == Number,
                Cell::Time(_) => *kind == Time,
                Cell::Truth(_) => *kind == Truth,
            };
            assert!(is, "{table:?}.{name} is {cell:?}");
        }
    }

    fn cell<'a>(table: Table, row: &'a Row, name: &str) -> &'a Cell {
        &row[table.columns().iter().position(|(column, _)| *column == name).unwrap()]
    }

    #[test]
    fn each_value_stands_in_its_own_column() {
        let mut received = Received {
            producer: "aa".into(),
            sequence: 7,
            predecessor: u64::MAX,
            instance: "1.Demo".into(),
            symbol: "EURUSD".into(),
            comment: "c".into(),
            retried: false,
            signal: Signal { time_ms: 5, action: 1, volume: 0.1, price: 2.0, ..Signal::default() },
        };
        let plain = signal(received.clone(), EntryId { ms: 9, number: 1 }).row;
        fits(Table::Signals, &plain);
        assert_eq!(cell(Table::Signals, &plain, "expires_at"), &Cell::None);
        assert_eq!(cell(Table::Signals, &plain, "predecessor"), &Cell::Integer(i64::MAX));
        received.signal.event = 12;
        (received.signal.side, received.signal.order_type) = (2, 3);
        let told = signal(received, EntryId { ms: u64::MAX, number: 1 }).row;
        fits(Table::Signals, &told);
        for (name, is) in [("event", "deleted"), ("side", "sell"), ("order_type", "stop_limit")] {
            assert_eq!(cell(Table::Signals, &told, name), &text(is));
        }
        assert_eq!(cell(Table::Signals, &told, "stored_at"), &Cell::None);

        let numbers =
            ExecutionReport { producer: 255, order: 3, deal: 4, outcome: 1, action: 2, ..Default::default() };
        let reported = Reported {
            producer: "bb".into(),
            sequence: 8,
            predecessor: 0,
            instance: "2.Demo".into(),
            source: "1.Demo".into(),
            symbol: "EURUSD.m".into(),
            reason: "why".into(),
            report: numbers,
        };
        let row = report(reported, EntryId { ms: 9, number: 1 }).row;
        fits(Table::Reports, &row);
        for (name, is) in [
            ("signal_producer", text("00000000000000ff")),
            ("symbol", text("EURUSD.m")),
            ("order_ticket", Cell::Integer(3)),
            ("deal_ticket", Cell::Integer(4)),
            ("outcome", text("done")),
        ] {
            assert_eq!(cell(Table::Reports, &row, name), &is);
        }

        let state =
            TradeState { ticket: 6, magic: 9, commission: -2.0, side: 2, digits: 5, ..Default::default() };
        let known = Known { state, symbol: "GOLD".into(), comment: "c".into() };
        let mut traded = Traded {
            producer: "aa".into(),
            sequence: 1,
            time_ms: 5,
            closed_ms: 6,
            standing: Standing::Gone,
            known: Some(known),
        };
        let row = trade("1.Demo", 77, traded.clone());
        fits(Table::Trades, &row);
        for (name, is) in [
            ("ticket", Cell::Integer(6)),
            ("magic", Cell::Integer(9)),
            ("commission", Cell::Number(-2.0)),
            ("closed_at", Cell::Time(6)),
            ("digits", Cell::Integer(5)),
        ] {
            assert_eq!(cell(Table::Trades, &row, name), &is);
        }
        traded.known = None;
        let row = trade("1.Demo", 77, traded);
        fits(Table::Trades, &row);
        assert_eq!(cell(Table::Trades, &row, "closed_at"), &Cell::Time(6));
    }
    #[test]
    fn events_of_every_kind_fill_the_same_columns() {
        let state = TradeState {
            ticket: 6,
            magic: 9,
            commission: -2.0,
            side: 2,
            event: 2,
            digits: 5,
            ..Default::default()
        };
        let deal =
            Deal { deal: 4, order: 3, kind: 2, entry: 4, price: 1.5, commission: -2.0, ..Default::default() };
        let texts = || ("GOLD".to_owned(), "c".to_owned());
        let ((symbol, comment), (deal_symbol, deal_comment)) = (texts(), texts());
        for (what, expected) in [
            (Happened::State { state, symbol, comment }, "change"),
            (Happened::Deal { deal, symbol: deal_symbol, comment: deal_comment }, "deal"),
            (Happened::Gone, "gone"),
        ] {
            let read = TradeEvent {
                producer: "aa".into(),
                sequence: 7,
                predecessor: 5,
                time_ms: 9,
                position: 77,
                what,
            };
            let row = event("1.Demo", read, EntryId { ms: 9, number: 1 }).row;
            fits(Table::Events, &row);
            assert_eq!(cell(Table::Events, &row, "event"), &text(expected));
            assert_eq!(cell(Table::Events, &row, "position"), &Cell::Integer(77));
            let known = expected != "gone";
            let of = |name, is: Cell| {
                assert_eq!(cell(Table::Events, &row, name), &if known { is } else { Cell::None }, "{name}");
            };
            of("commission", Cell::Number(-2.0));
            of("comment", text("c"));
            of("side", text("sell"));
            let is = |name, is: Cell| {
                let known = expected == "deal";
                assert_eq!(cell(Table::Events, &row, name), &if known { is } else { Cell::None }, "{name}");
            };
            is("deal_ticket", Cell::Integer(4));
            is("deal_entry", text("out_by"));
            is("deal_price", Cell::Number(1.5));
        }
        let taken = Sample { time_ms: 60_000, balance: 1.0, equity: 2.0, margin: 3.0, profit: 4.0 };
        fits(Table::Equity, &sample("1.Demo", "minute", taken));
    }
}

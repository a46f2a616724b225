//! What `mt5fleet size` measures stays below what the sizing counts with: the table in the documents holds.

use mt5fleet::up::sizing;
use mt5fleet::{library, size};

/// Measured sizes are below the assumed ones, but not absurdly so.
#[test]
fn nothing_weighs_more_than_the_sizing_counts_with() {
    let weights = size::measure(&library::default_path().unwrap()).unwrap();
    for (name, measured, counted) in [
        ("an instance", weights.instance, sizing::INSTANCE_BYTES),
        ("a history", weights.history, sizing::HISTORY_BYTES),
        ("a position", weights.position, sizing::POSITION_BYTES),
        ("an event", weights.event, sizing::EVENT_BYTES),
        ("a deal", weights.deal, sizing::EVENT_BYTES),
        ("a signal", weights.signal, sizing::SIGNAL_BYTES),
        ("a source", weights.source, sizing::SOURCE_BYTES),
        ("a connection", weights.connection, sizing::CONNECTION_BYTES),
    ] {
        assert!(measured > counted / 4, "{name}: {measured} bytes, the measurement cannot be right");
        assert!(measured <= counted, "{name}: {measured} bytes, the sizing counts with {counted}");
    }
}

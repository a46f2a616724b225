//! Numbers of records as words.

/// The events of a signal, from `MT5REDIS_SIGNAL_OPEN` on.
pub(crate) const EVENTS: [&str; 12] = [
    "open",
    "increase",
    "partial_close",
    "change",
    "close",
    "reverse",
    "close_by",
    "placed",
    "changed",
    "filled",
    "expired",
    "deleted",
];

/// The kinds of deals, from `MT5REDIS_DEAL_BUY` on.
pub(crate) const DEALS: [&str; 5] = ["buy", "sell", "balance", "credit", "other"];

/// What deals did to positions, from `MT5REDIS_ENTRY_IN` on.
pub(crate) const ENTRIES: [&str; 5] = ["in", "out", "reverse", "out_by", "none"];

/// The kinds of pending orders, from `MT5REDIS_ORDER_LIMIT` on.
pub(crate) const ORDERS: [&str; 3] = ["limit", "stop", "stop_limit"];

/// A word of a list that begins with the number 1; none for a number that it lacks.
pub(crate) fn word(words: &[&'static str], number: i32) -> Option<&'static str> {
    let at = usize::try_from(number).ok()?.checked_sub(1)?;
    words.get(at).copied()
}

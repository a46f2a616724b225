//! The names of the keys (`docs/wire-format.md`). What belongs to one instance carries its id in braces, a
//! Cluster hash tag, so that all of it is in one slot and one transaction can change it.

use arrayvec::ArrayString;

/// A key: prefix, instance and a number always fit.
pub type Key = ArrayString<96>;

/// Set of instances by last heartbeat, ms; a sorted set.
pub const INSTANCE_LIST: &str = "il";

/// The throttle directive for all; a string.
pub const DIRECTIVE: &str = "ctl";

/// The throttle directive for one instance.
pub fn directive(instance: &str) -> Key {
    join(&["ctl:{", instance, "}"])
}

/// The hash of an instance's state.
pub fn instance(instance: &str) -> Key {
    join(&["is:{", instance, "}"])
}

/// The hash of a position's state.
pub fn trade(instance: &str, position: i64) -> Key {
    join(&["ts:{", instance, "}:", itoa::Buffer::new().format(position)])
}

/// The set of an instance's open positions.
pub fn open_trades(instance: &str) -> Key {
    join(&["to:{", instance, "}"])
}

/// The sorted set of an instance's closed positions, by close time, ms.
pub fn closed_trades(instance: &str) -> Key {
    join(&["tc:{", instance, "}"])
}

/// The stream of a shard's signals.
pub fn signals(shard: &str) -> Key {
    join(&["ss:{", shard, "}"])
}

/// The last sequence of `producer` committed under a tag, an instance or a shard.
pub fn watermark(tag: &str, producer: &str) -> Key {
    join(&["wm:{", tag, "}:", producer])
}

fn join(parts: &[&str]) -> Key {
    let mut key = Key::new();
    parts.iter().for_each(|part| key.push_str(part));
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_key_fits() {
        let id = "x".repeat(40);
        assert_eq!(&*trade(&id, i64::MAX), format!("ts:{{{id}}}:9223372036854775807"));
        assert_eq!(&*watermark(&id, "0123456789abcdef"), format!("wm:{{{id}}}:0123456789abcdef"));
    }
}

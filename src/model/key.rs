//! The names of the Redis keys (`docs/wire-format.md`). The keys of one instance have its id in braces, which is a Cluster
//! hash tag: all of them are in one slot, so that one transaction can change them.

use arrayvec::ArrayString;

/// A Redis key: a prefix, an instance id, a reader's name and a number always fit.
pub type Key = ArrayString<128>;

/// The instances by their last heartbeat, ms; a sorted set.
pub const INSTANCE_LIST: &str = "il";

/// The throttle directive for all instances; a string.
pub const DIRECTIVE: &str = "ctl";

/// The throttle directive for one instance; a string.
pub fn directive(instance: &str) -> Key {
    join(&["ctl:{", instance, "}"])
}

/// The operator's halt for all instances; a string.
pub const HALT: &str = "halt";

/// The operator's halt for one instance; a string.
pub fn halt(instance: &str) -> Key {
    join(&["halt:{", instance, "}"])
}

/// An instance's state; a hash.
pub fn instance(instance: &str) -> Key {
    join(&["is:{", instance, "}"])
}

/// A position's state; a hash.
pub fn trade(instance: &str, position: i64) -> Key {
    join(&["ts:{", instance, "}:", itoa::Buffer::new().format(position)])
}

/// An instance's open positions; a set.
pub fn open_trades(instance: &str) -> Key {
    join(&["to:{", instance, "}"])
}

/// An instance's closed positions by close time, ms; a sorted set.
pub fn closed_trades(instance: &str) -> Key {
    join(&["tc:{", instance, "}"])
}

/// The events of an instance's trades; a stream.
pub fn trade_events(instance: &str) -> Key {
    join(&["te:{", instance, "}"])
}

/// The history of an instance's equity; a string.
pub fn equity(instance: &str) -> Key {
    join(&["ih:{", instance, "}"])
}

/// The signals of one source; a stream. The shard is the Cluster hash tag, so that one read covers all sources of a
/// shard.
pub fn signals(shard: u16, source: &str) -> Key {
    join(&["ss:{", itoa::Buffer::new().format(shard), "}:", source])
}

/// The sources of a shard by their last announcement, ms of the server's clock; a sorted set. It is only a hint, because
/// every publisher may add any name.
pub fn sources(shard: u16) -> Key {
    join(&["sl:{", itoa::Buffer::new().format(shard), "}"])
}

/// The execution reports of one follower, in the shard of its instance; a stream.
pub fn reports(shard: u16, follower: &str) -> Key {
    join(&["sr:{", itoa::Buffer::new().format(shard), "}:", follower])
}

/// The last sequence number of `producer` that is committed to a follower's reports; a string.
pub fn report_watermark(shard: u16, follower: &str, producer: &str) -> Key {
    join(&["wr:{", itoa::Buffer::new().format(shard), "}:", follower, ":", producer])
}

/// The signals of a shard that no worker could process; a stream.
pub fn dead_letters(shard: u16) -> Key {
    join(&["sd:{", itoa::Buffer::new().format(shard), "}"])
}

/// The last sequence number of `producer` that is committed for an instance's trade states; a string.
pub fn watermark(instance: &str, producer: &str) -> Key {
    join(&["wm:{", instance, "}:", producer])
}

/// The last sequence number of `producer` that is committed to a source's stream; a string.
pub fn signal_watermark(shard: u16, source: &str, producer: &str) -> Key {
    join(&["wm:{", itoa::Buffer::new().format(shard), "}:", source, ":", producer])
}

/// The signals of a source that a group of workers acknowledged recently; a sorted set.
pub fn acknowledged(shard: u16, source: &str, group: &str) -> Key {
    join(&["sa:{", itoa::Buffer::new().format(shard), "}:", source, ":", group])
}

/// The field of a follower's position that stands for every source.
pub const EVERY_SOURCE: &str = "*";

/// A follower's position in each source; a hash.
pub fn position(follower: &str) -> Key {
    join(&["fp:{", follower, "}"])
}

/// The lease of the terminal that acts for a follower; a string.
pub fn lease(follower: &str) -> Key {
    join(&["fl:{", follower, "}"])
}

/// The Cluster slot of a key: of the text in its braces, if there is any.
pub fn slot(key: &str) -> u16 {
    let braced = key.split_once('{').and_then(|(_, rest)| Some(rest.split_once('}')?.0));
    crc16(braced.filter(|braced| !braced.is_empty()).unwrap_or(key)) % SLOTS
}

/// The shard of an instance's signals, out of `shards`.
pub fn shard(instance: &str, shards: u16) -> u16 {
    crc16(instance) % shards
}

/// The number of slots of a Cluster.
pub(crate) const SLOTS: u16 = 16_384;

/// CRC-16/XMODEM, which Redis uses for slots.
fn crc16(text: &str) -> u16 {
    text.bytes().fold(0, |crc, byte| crc << 8 ^ CRC16[usize::from((crc >> 8) as u8 ^ byte)])
}

/// The contribution of each byte.
const CRC16: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = crc << 1 ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

fn join(parts: &[&str]) -> Key {
    let mut key = Key::new();
    parts.iter().for_each(|part| key.push_str(part));
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_redis() {
        // The answers of CLUSTER KEYSLOT.
        for (key, expected) in
            [("foo", 12182), ("{foo}bar", 12182), ("foo{}{bar}", 8363), ("123456789", 12739)]
        {
            assert_eq!(slot(key), expected, "{key}");
        }
        assert_eq!(slot("1.Demo"), slot(&watermark("1.Demo", "p")));
        let keys = [signals(9, "1.Demo"), sources(9), dead_letters(9), signal_watermark(9, "1.Demo", "p")];
        assert_eq!(keys.map(|key| slot(&key)), [slot("9"); 4]);
        let keys = [reports(9, "1.Demo"), report_watermark(9, "1.Demo", "p")];
        assert_eq!(keys.map(|key| slot(&key)), [slot("9"); 2]);
        assert_eq!([1, 16].map(|shards| shard("1.Demo", shards)), [0, 9]);
    }

    #[test]
    fn the_longest_key_fits() {
        let id = "x".repeat(40);
        assert_eq!(&*trade(&id, i64::MAX), format!("ts:{{{id}}}:9223372036854775807"));
        assert_eq!(&*watermark(&id, "0123456789abcdef"), format!("wm:{{{id}}}:0123456789abcdef"));
        let group = "g".repeat(64);
        assert_eq!(&*acknowledged(u16::MAX, &id, &group), format!("sa:{{65535}}:{id}:{group}"));
        assert_eq!(
            &*signal_watermark(u16::MAX, &id, "0123456789abcdef"),
            format!("wm:{{65535}}:{id}:0123456789abcdef")
        );
    }
}

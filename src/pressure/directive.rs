//! A directive of the operator or `mt5fleet govern`: `<level>:<until ms>` in `ctl` for all instances, and in
//! `ctl:{I}` for one. `until` is by the server's clock, because a terminal's clock may be hours off. A directive ends
//! by itself. One that cannot be parsed is ignored.

use std::time::{Duration, Instant};

use redis::Value;

use super::level::CRITICAL;

/// A level that is asked for, and until when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Directive {
    pub(crate) level: u8,
    pub(crate) until: Instant,
}

impl Directive {
    /// Reads a reply to GET. `server_ms` is the server's time at `now`. None: no directive.
    pub(crate) fn read(reply: &Value, server_ms: u64, now: Instant) -> Option<Self> {
        let Value::BulkString(text) = reply else { return None };
        let (level, until) = std::str::from_utf8(text).ok()?.trim().split_once(':')?;
        let (level, until_ms) = (level.parse::<u8>().ok()?, until.parse::<u64>().ok()?);
        let left = Duration::from_millis(until_ms.checked_sub(server_ms).filter(|&left| left > 0)?);
        let until = now.checked_add(left)?;
        (1..=CRITICAL).contains(&level).then_some(Self { level, until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directive_is_a_level_and_an_end() {
        let now = Instant::now();
        let read = |text: &str| Directive::read(&Value::BulkString(text.into()), 1_000_000, now);
        let end = now + Duration::from_millis(500);
        assert_eq!(read("2:1000500"), Some(Directive { level: 2, until: end }));
        for nothing in
            ["", "2", "0:1000500", "4:1000500", "2:1000000", "2:5", "x:1000500", "2:-1", "-2:1000500"]
        {
            assert_eq!(read(nothing), None, "{nothing}");
        }
        assert_eq!(Directive::read(&Value::Nil, 0, now), None);
        assert!(read("1:18446744073709551615").is_none_or(|directive| directive.until > now));
    }
}

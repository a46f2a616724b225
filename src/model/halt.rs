//! A halt: an operator's order to open no more positions. It is the value of `halt` for all instances, and of `halt:{I}`
//! for one: `<entries|all>:<who>:<why>`. `none:<who>:<why>` ends it. A key that does not exist ends nothing: the server may
//! have lost its data.

use std::fmt;

use super::check;

/// No halt: open and close as usual.
pub const MT5REDIS_HALT_NONE: i32 = 0;
/// Open no new positions. Closes and changes of stops go on.
pub const MT5REDIS_HALT_ENTRIES: i32 = 1;
/// Open no new positions, and close the copies.
pub const MT5REDIS_HALT_ALL: i32 = 2;

/// The longest name of who halts, characters.
pub const WHO_LIMIT: usize = 48;
/// The longest reason, characters.
pub const WHY_LIMIT: usize = 120;

/// The words of a value for the levels.
const WORDS: [(&str, i32); 3] =
    [("none", MT5REDIS_HALT_NONE), ("entries", MT5REDIS_HALT_ENTRIES), ("all", MT5REDIS_HALT_ALL)];

/// Who gives the halts that this library makes of a value that it cannot read.
const LIBRARY: &str = "mt5-redis";

/// An operator's halt, or the end of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halt {
    /// One of `MT5REDIS_HALT_*`. `MT5REDIS_HALT_NONE` ends an earlier halt.
    pub level: i32,
    /// Who gave it.
    pub who: String,
    /// The reason.
    pub why: String,
}

impl Halt {
    /// Reads a value of `halt` or `halt:{I}`; none if it has another form. Texts are shortened, and their control
    /// characters replaced.
    pub fn read(value: &[u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(value).ok()?.splitn(3, ':');
        let word = parts.next()?;
        let (_, level) = WORDS.into_iter().find(|(known, _)| *known == word)?;
        let [who, why] = [(parts.next()?, WHO_LIMIT), (parts.next()?, WHY_LIMIT)]
            .map(|(text, limit)| line(text.trim(), limit));
        Some(Self { level, who, why })
    }

    /// The halt that follows from something that cannot be read: a person must look, and until then nothing is opened.
    pub fn unreadable(why: &str) -> Self {
        Self { level: MT5REDIS_HALT_ENTRIES, who: LIBRARY.to_owned(), why: line(why, WHY_LIMIT) }
    }

    /// The stricter of two.
    pub fn stricter<'a>(one: Option<&'a Self>, other: Option<&'a Self>) -> Option<&'a Self> {
        let level = |halt: Option<&Self>| halt.map_or(MT5REDIS_HALT_NONE, |halt| halt.level);
        if level(other) > level(one) { other } else { one }
    }
}

/// The value of the key.
impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { level, who, why } = self;
        let word = WORDS.into_iter().find(|(_, known)| known == level).map_or("entries", |(word, _)| word);
        write!(f, "{word}:{who}:{why}")
    }
}

fn line(text: &str, limit: usize) -> String {
    text.chars().take(limit).map(|c| if check::steers(c) { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<(i32, String, String)> {
        Halt::read(value.as_bytes()).map(|halt| (halt.level, halt.who, halt.why))
    }

    #[test]
    fn a_halt_says_what_who_and_why() {
        let halt = |level, who: &str, why: &str| Some((level, who.to_owned(), why.to_owned()));
        assert_eq!(read("entries:anna:news at 14:30"), halt(1, "anna", "news at 14:30"));
        assert_eq!(read("all: anna :"), halt(2, "anna", ""));
        assert_eq!(read("none:anna:all is well"), halt(0, "anna", "all is well"));
        assert_eq!(read("all:a\u{202e}b:c\nd"), halt(2, "a?b", "c?d"));
        for other in ["", "all", "all:anna", "ALL:anna:why", "NONE:anna:why", "entries", " all:anna:why"] {
            assert_eq!(read(other), None, "{other:?}");
        }
        assert_eq!(Halt::read(b"all:\xff:why"), None);
    }

    #[test]
    fn what_is_written_is_read_again_and_long_texts_are_cut() {
        for word in ["none", "entries", "all"] {
            let value = format!("{word}:{}:{}", "w".repeat(999), "y".repeat(1 << 20));
            let long = Halt::read(value.as_bytes()).unwrap();
            assert_eq!((long.who.len(), long.why.len()), (WHO_LIMIT, WHY_LIMIT));
            assert_eq!(Halt::read(long.to_string().as_bytes()), Some(long));
        }
    }

    #[test]
    fn the_stricter_of_two_counts() {
        let halt = |value: &str| Halt::read(value.as_bytes());
        let (entries, all, other) = (halt("entries:a:1"), halt("all:b:2"), halt("all:c:3"));
        let stricter = |one: &Option<Halt>, other: &Option<Halt>| {
            Halt::stricter(one.as_ref(), other.as_ref()).map(|halt| halt.who.clone())
        };
        assert_eq!(stricter(&entries, &all).as_deref(), Some("b"));
        assert_eq!(stricter(&all, &entries).as_deref(), Some("b"));
        assert_eq!(stricter(&all, &other).as_deref(), Some("b"), "the one for all instances is named");
        assert_eq!(stricter(&None, &entries).as_deref(), Some("a"));
        assert_eq!(stricter(&None, &None), None);
    }
}

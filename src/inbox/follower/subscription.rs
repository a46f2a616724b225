//! Which signals an Expert Advisor wants. A subscription that no signal can match is refused, so that nobody waits in
//! vain.

use crate::codes::{MT5REDIS_ERR_FILTER, MT5REDIS_ERR_MAX_AGE, MT5REDIS_ERR_START};
use crate::error::{Error, Result};
use crate::inbox::item::{Start, check_name};
use crate::model::InstanceId;
use crate::model::received::Received;
use crate::model::trade::SYMBOL_LIMIT;

/// Start with the next signal.
pub const MT5REDIS_START_NEW: i32 = 0;
/// Start with the oldest signal that the streams hold.
pub const MT5REDIS_START_BEGINNING: i32 = 1;
/// Start where the follower stopped; a new one starts with the oldest signal.
pub const MT5REDIS_START_RESUME: i32 = 2;

/// How many sources one follower may name. With more than a few hundred a read becomes expensive for the server.
const MOST_SOURCES: usize = 1000;

/// The sources that a follower follows.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum SourceFilter {
    /// Every source.
    All,
    Named(Vec<InstanceId>),
}

pub(crate) struct Subscription {
    /// The follower's name, under which position and lease are kept.
    pub(super) follower: String,
    pub(super) sources: SourceFilter,
    /// The symbols to follow; empty: all.
    symbols: Vec<String>,
    /// The magic number to follow; 0: all.
    magic: i64,
    /// How old a signal may be, ms; 0: any age.
    pub(super) max_age_ms: i64,
    pub(super) start: Start,
}

impl Subscription {
    /// Checks what was passed. `instances` and `symbols` are lists with commas.
    pub(crate) fn new(
        follower: &str,
        instances: &str,
        symbols: &str,
        magic: i64,
        max_age_ms: i64,
        start: i32,
    ) -> Result<Self> {
        check_name("follower", follower)?;
        if max_age_ms < 0 {
            return Err(Error::new(
                MT5REDIS_ERR_MAX_AGE,
                format!("max_age_ms {max_age_ms} is negative: pass milliseconds, or 0 for any age"),
            ));
        }
        Ok(Self {
            follower: follower.to_owned(),
            sources: sources(instances)?,
            symbols: self::symbols(symbols)?,
            magic,
            max_age_ms,
            start: match start {
                MT5REDIS_START_NEW => Start::New,
                MT5REDIS_START_BEGINNING => Start::Beginning,
                MT5REDIS_START_RESUME => Start::Resume,
                _ => {
                    return Err(Error::new(
                        MT5REDIS_ERR_START,
                        format!("start {start} does not exist: pass one of MT5REDIS_START_* (0, 1, 2)"),
                    ));
                }
            },
        })
    }

    /// Whether a signal has a symbol and a magic number that are wanted.
    pub(super) fn matches(&self, signal: &Received) -> bool {
        (self.symbols.is_empty() || self.symbols.contains(&signal.symbol))
            && (self.magic == 0 || self.magic == signal.signal.magic)
    }
}

/// The parts between commas, without blanks and empty ones.
fn parts(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn sources(text: &str) -> Result<SourceFilter> {
    let refused = |reason: String| Err(Error::new(MT5REDIS_ERR_FILTER, reason));
    let mut names = parts(text);
    names.sort_unstable();
    names.dedup();
    match names.as_slice() {
        [] => refused(
            "instances is empty: pass the instances to follow, with commas between them, or * for all"
                .to_owned(),
        ),
        ["*"] => Ok(SourceFilter::All),
        names if names.len() > MOST_SOURCES => {
            refused(format!("instances has {} names: pass {MOST_SOURCES} at most", names.len()))
        }
        names => {
            let source = |name: &&str| {
                InstanceId::new(name).map_err(|error| {
                    let all = if *name == "*" { "; to follow all, pass * alone" } else { "" };
                    Error::new(MT5REDIS_ERR_FILTER, format!("instances: {error}{all}"))
                })
            };
            Ok(SourceFilter::Named(names.iter().map(source).collect::<Result<_>>()?))
        }
    }
}

fn symbols(text: &str) -> Result<Vec<String>> {
    let names = parts(text);
    if names.is_empty() && !text.trim().is_empty() {
        let text =
            format!("symbols \"{}\" has no name: pass names, with commas, or nothing for all", text.trim());
        return Err(Error::new(MT5REDIS_ERR_FILTER, text));
    }
    for name in &names {
        let reason = if name.len() > SYMBOL_LIMIT {
            format!("is longer than {SYMBOL_LIMIT} bytes")
        } else if let Some(foreign) = name.chars().find(|c| c.is_control() || "=;*".contains(*c)) {
            format!("has the character {foreign:?}")
        } else {
            continue;
        };
        let shown: String = name.chars().take(SYMBOL_LIMIT).collect();
        return Err(Error::new(
            MT5REDIS_ERR_FILTER,
            format!(
                "symbols: {shown:?} {reason}, and no symbol does: pass names as the sources' brokers write them"
            ),
        ));
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription(instances: &str, symbols: &str) -> Result<Subscription> {
        Subscription::new("f", instances, symbols, 0, 0, MT5REDIS_START_NEW)
    }

    #[test]
    fn blanks_and_extra_commas_are_ignored() {
        let subscription = subscription(" 2.Demo,1.Demo ,, 2.Demo,", "EURUSD , XAUUSD.m").unwrap();
        let ids = ["1.Demo", "2.Demo"].map(|id| InstanceId::new(id).unwrap());
        assert_eq!(subscription.sources, SourceFilter::Named(ids.to_vec()));
        assert_eq!(subscription.symbols, ["EURUSD", "XAUUSD.m"]);
        assert_eq!(self::subscription(" * ", "").unwrap().sources, SourceFilter::All);
    }

    #[test]
    fn a_subscription_that_nothing_can_match_is_refused_with_the_reason() {
        for (instances, symbols, reason) in [
            ("", "", "instances is empty: pass the instances to follow"),
            (" , ", "", "instances is empty"),
            ("*,1.Demo", "", "'*': pass 1 to 40 of A-Z a-z 0-9 . _ -; to follow all, pass * alone"),
            ("1 Demo", "", "has the character ' '"),
            ("1.Demo;2.Demo", "", "has the character ';'"),
            (&"x".repeat(41), "", "is too long"),
            ("1.Demo", ",", "symbols \",\" has no name"),
            ("1.Demo", "EURUSD=", "has the character '='"),
            ("1.Demo", "EUR*", "has the character '*'"),
            ("1.Demo", "EUR\tUSD", "has the character '\\t'"),
            ("1.Demo", &"x".repeat(49), "is longer than 48 bytes"),
        ] {
            let error = subscription(instances, symbols).err().expect(reason);
            assert_eq!(error.code(), MT5REDIS_ERR_FILTER);
            assert!(error.to_string().contains(reason), "{error}");
        }
    }
}

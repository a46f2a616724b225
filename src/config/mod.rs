//! What the user sets: one `redis://` URL for all three lanes, or a TOML file with a table a lane.
//!
//! Everything is checked at open. What is unknown or out of range is refused with file, line, key and
//! reason; what is a secret appears in no error, no event and no `Debug` output.

mod endpoint;
mod file;

use std::path::Path;
use std::time::Duration;

pub use endpoint::{Endpoint, Secret};
#[doc(hidden)]
pub use file::parse;

use crate::codes::MT5REDIS_ERR_CONFIG;
use crate::error::{Error, Result};
use crate::model::encoding::Encoding;

/// The server of someone who set nothing.
const DEFAULT_URL: &str = "redis://127.0.0.1:6379";

/// A configuration that was checked. Two equal ones share their connections.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Instance states.
    pub ris: LaneConfig,
    /// Trade states.
    pub rts: LaneConfig,
    /// Trade signals.
    pub rtss: LaneConfig,
    /// How long an instance's state outlives its last heartbeat.
    pub ris_ttl: Duration,
    /// How long a closed position is kept.
    pub rts_retention: Duration,
    /// How long a signal is kept.
    pub rtss_retention: Duration,
    /// How many signals a stream keeps at most, a net below the retention by time.
    pub rtss_max_length: u64,
}

/// What every lane has.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneConfig {
    /// Its server.
    pub endpoint: Endpoint,
    /// How its records are written.
    pub encoding: Encoding,
    /// How many records its queue holds.
    pub queue: usize,
    /// How many records go into one batch at most.
    pub batch_records: usize,
    /// How many bytes a batch is meant to have at most.
    pub batch_bytes: usize,
}

impl Config {
    /// Reads what the Expert Advisor passed: nothing, a URL, or a path relative to `folder`.
    pub fn read(text: &str, folder: &str) -> Result<Self> {
        let text = text.trim();
        match text.split_once("://") {
            _ if text.is_empty() => Self::of_url(DEFAULT_URL),
            Some(_) => Self::of_url(text),
            None => file::read(&Path::new(folder).join(text)),
        }
    }

    /// All three lanes at one server.
    pub fn of_url(url: &str) -> Result<Self> {
        let endpoint = Endpoint::parse(url)
            .map_err(|reason| Error::new(MT5REDIS_ERR_CONFIG, format!("the configuration's URL {reason}")))?;
        // The queues are sized so that an idle library stays small: a slot is 0.3 to 0.6 KiB.
        let lane = |encoding, queue| LaneConfig {
            endpoint: endpoint.clone(),
            encoding,
            queue,
            batch_records: 512,
            batch_bytes: 256 * 1024,
        };
        Ok(Self {
            ris: lane(Encoding::Fields, 64),
            rts: lane(Encoding::Fields, 2048),
            rtss: lane(Encoding::Packed, 4096),
            ris_ttl: Duration::from_secs(90),
            rts_retention: Duration::from_secs(30 * 86_400),
            rtss_retention: Duration::from_secs(3600),
            rtss_max_length: 1_000_000,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_the_local_server() {
        assert_eq!(Config::read(" ", "").unwrap(), Config::of_url(DEFAULT_URL).unwrap());
    }

    #[test]
    fn one_url_serves_all_lanes() {
        let config = Config::read("redis://ea:p%40ss@cache.example:7001/3", "").unwrap();
        for lane in [&config.ris, &config.rts, &config.rtss] {
            assert_eq!((lane.endpoint.host.as_str(), lane.endpoint.port), ("cache.example", 7001));
            assert_eq!(lane.endpoint.database, 3);
            assert_eq!(lane.endpoint.password.as_ref().unwrap().expose(), "p@ss");
        }
    }

    #[test]
    fn a_secret_is_nowhere_in_debug_or_errors() {
        let config = Config::read("redis://ea:hunter2@localhost", "").unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        for bad in [
            "redis://ea:hunter2@local host",
            "redis://:hunter2@localhost:port",
            "redis://ea:hunter2@localhost/db",
            "redis://ea:hunter2@localhost?x=1",
            "rediss://ea:hunter2@localhost",
            "http://ea:hunter2@localhost",
            "redis://ea:hunter2@0.0.0.0",
        ] {
            let error = Config::read(bad, "").unwrap_err();
            assert_eq!(error.code(), MT5REDIS_ERR_CONFIG);
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}

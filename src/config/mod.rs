//! What the user sets: one URL for all three lanes, or a TOML file with a table a lane.
//!
//! Everything is checked at open. What is unknown or out of range is refused with file, line, key and
//! reason; what is a secret appears in no error, no event and no `Debug` output.

mod advice;
mod endpoint;
mod file;
mod reading;
mod tls;
mod url;

use std::env;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

pub use advice::WHILE_CONNECTING;
pub use endpoint::{Address, Endpoint, Identity, Secret, Site};
#[doc(hidden)]
pub use file::parse;
pub use tls::Tls;

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
    /// Where accepted records are kept until they are in Redis.
    pub journal: JournalConfig,
    /// How long it must be calm before the pressure's level falls by one.
    pub pressure_quiet: Duration,
    /// How long an instance's state outlives its last heartbeat.
    pub ris_ttl: Duration,
    /// How long a closed position is kept.
    pub rts_retention: Duration,
    /// How long a signal is kept.
    pub rtss_retention: Duration,
    /// How many signals a stream keeps at most, a net below the retention by time.
    pub rtss_max_length: u64,
    /// Over how many streams signals are spread, by instance.
    pub rtss_shards: u16,
    /// What its writer should know of what was read, for the events.
    pub notes: Vec<String>,
}

/// What every lane has.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneConfig {
    /// Its server.
    pub endpoint: Endpoint,
    /// How its records are written.
    pub encoding: Encoding,
    /// How many records its queue holds; beside a journal, which has all of them, no more than 64.
    pub queue: usize,
    /// How many records go into one batch at most.
    pub batch_records: usize,
    /// How many bytes a batch is meant to have at most.
    pub batch_bytes: usize,
    /// How much it may send.
    pub rate: RateLimit,
}

/// A limit for a thin line; off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RateLimit {
    /// Records a second.
    pub records: Option<u64>,
    /// Bytes a second.
    pub bytes: Option<u64>,
}

impl LaneConfig {
    /// The name of the folder for this lane's journal: one for each site, since what was accepted for one
    /// must not go to another.
    pub(crate) fn journal_name(&self, lane: impl Display) -> String {
        let Endpoint { database, .. } = self.endpoint;
        let name = format!("{lane}@{}-{database}", self.endpoint.name());
        let foreign = |c: char| !(c.is_ascii_alphanumeric() || "@.-_".contains(c));
        let folder = name.replace(foreign, "-");
        // A port's colon becomes a dash. What else may make two names one folder, capitals on Windows among it,
        // gets a number of its own.
        if name.matches(foreign).count() > 1 || name.contains(|c: char| c.is_ascii_uppercase()) {
            format!("{folder}-{:08x}", crc32c::crc32c(name.as_bytes()))
        } else {
            folder
        }
    }
}

/// The journals of rts and rtss.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalConfig {
    /// The folder in which each set of servers has a folder of its own.
    pub folder: PathBuf,
    /// How large a lane's journal may grow; beyond, calls are refused.
    pub max_bytes: u64,
    /// How long a record is kept after its commit, for a master that fails over.
    pub retain_acked: Duration,
    /// What accepted records survive.
    pub sync: JournalSync,
}

impl JournalConfig {
    fn check(&self) -> Result<()> {
        if self.sync == JournalSync::Off || !self.folder.as_os_str().is_empty() {
            return Ok(());
        }
        let home = if cfg!(windows) { "LOCALAPPDATA" } else { "HOME" };
        Err(Error::new(
            MT5REDIS_ERR_CONFIG,
            format!(
                "nothing says where journals are kept: pass a data folder, set the environment variable {home}, or \
                 journal.folder in the configuration"
            ),
        ))
    }
}

/// What a journal survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JournalSync {
    /// Nothing: there is no journal. What was accepted lives in the queue and ends with the process, and a
    /// full queue refuses calls.
    Off,
    /// The end of the process, however it comes: the operating system writes the files in its own time.
    Os,
    /// A loss of power as well: the lane's thread has them written before it sends them.
    Disk,
}

/// What a text file says, whichever form Windows gave it. The reason of a refusal holds nothing of what is in it.
#[doc(hidden)]
pub fn text(path: &Path) -> std::result::Result<String, String> {
    let unreadable = |reason: &dyn Display| format!("cannot read {}: {reason}", path.display());
    let content = reading::read(path).map_err(|reason| unreadable(&reason))?;
    String::from_utf8(content.bytes).map_err(|_| unreadable(&"it is not UTF-8: save it as UTF-8"))
}

impl Config {
    /// Reads what the Expert Advisor passed: nothing, a URL, or a path relative to `folder`.
    pub fn read(text: &str, folder: &str) -> Result<Self> {
        let text = text.trim();
        let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let text = quoted.unwrap_or(text).trim();
        let config = match text {
            "" => Self::of_url(DEFAULT_URL, folder)?,
            url if url.contains("://") => Self::of_url(url, folder)?,
            text => {
                let path = Path::new(folder).join(text);
                if may_be_a_url(text) && !path.exists() {
                    return Err(Error::new(MT5REDIS_ERR_CONFIG, no_url(text)));
                }
                file::read(&path, folder)?
            }
        };
        config.journal.check()?;
        Ok(config)
    }

    /// Whether both would write one and the same journal.
    pub(crate) fn shares_journal_with(&self, other: &Self) -> bool {
        let same = |one: &LaneConfig, other: &LaneConfig| one.journal_name("") == other.journal_name("");
        self.journal.sync != JournalSync::Off
            && self.journal.folder == other.journal.folder
            && (same(&self.rts, &other.rts) || same(&self.rtss, &other.rtss))
    }

    /// All three lanes at one server, the journal in the data folder `folder`.
    pub fn of_url(url: &str, folder: &str) -> Result<Self> {
        let endpoint = Endpoint::parse(url)
            .map_err(|reason| Error::new(MT5REDIS_ERR_CONFIG, format!("the configuration's URL {reason}")))?;
        // An idle library stays small: a slot is 0.3 to 0.6 KiB.
        let lane = |encoding, queue| LaneConfig {
            endpoint: endpoint.clone(),
            encoding,
            queue,
            batch_records: 512,
            batch_bytes: 256 * 1024,
            rate: RateLimit::default(),
        };
        Ok(Self {
            ris: lane(Encoding::Fields, 64),
            rts: lane(Encoding::Fields, 512),
            rtss: lane(Encoding::Packed, 1024),
            journal: JournalConfig {
                folder: journal_folder(folder),
                max_bytes: 256 << 20,
                retain_acked: Duration::from_secs(60),
                sync: JournalSync::Os,
            },
            pressure_quiet: Duration::from_secs(10),
            ris_ttl: Duration::from_secs(90),
            rts_retention: Duration::from_secs(30 * 86_400),
            rtss_retention: Duration::from_secs(3600),
            rtss_max_length: 1_000_000,
            rtss_shards: endpoint.default_shards(),
            notes: Vec::new(),
        })
    }
}

/// Reads a certificate or a key.
fn small_file(path: &Path) -> std::result::Result<Vec<u8>, String> {
    let content =
        reading::read(path).map_err(|reason| format!("{} cannot be read: {reason}", path.display()))?;
    Ok(content.bytes)
}

/// The data folder's `mt5-redis`; without a data folder the one for a program's state on this platform. Empty if
/// nothing says where that is: a folder that others can write too, like the one for temporary files, is none.
fn journal_folder(data_folder: &str) -> PathBuf {
    let home = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = || {
        if cfg!(windows) {
            home("LOCALAPPDATA")
        } else {
            home("XDG_STATE_HOME").or_else(|| home("HOME").map(|home| home.join(".local/state")))
        }
    };
    let data_folder = Some(data_folder).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    data_folder.or_else(state).map(|folder| folder.join("mt5-redis")).unwrap_or_default()
}

/// What a text that [may be a URL](may_be_a_url) lacks. It is not repeated: it may hold a password.
fn no_url(text: &str) -> String {
    let is_address = Address::parse(text, url::REDIS_PORT).is_some();
    let advice = if is_address {
        "is an address without a scheme: write redis:// before it"
    } else {
        "is neither a URL nor the name of a file that is there: write redis://host:port, with user:password@ before \
         the host if need be, or the name of a TOML file"
    };
    format!("the configuration {advice}")
}

/// Whether a text that names no file may be meant as a URL, with a password perhaps.
fn may_be_a_url(text: &str) -> bool {
    let path = match text.as_bytes() {
        [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic() => &text[2..],
        _ => text,
    };
    path.contains([':', '@']) || path.contains("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_the_local_server() {
        assert_eq!(Config::read(" ", "").unwrap(), Config::of_url(DEFAULT_URL, "").unwrap());
    }

    #[test]
    fn one_url_serves_all_lanes() {
        let config = Config::read("redis://ea:p%40ss@cache.example:7001/3", "").unwrap();
        for lane in [&config.ris, &config.rts, &config.rtss] {
            assert_eq!(lane.endpoint.name(), "cache.example:7001");
            assert_eq!(lane.endpoint.database, 3);
            assert_eq!(lane.endpoint.identity.password.as_ref().unwrap().expose(), "p@ss");
        }
    }

    #[test]
    fn what_is_meant_as_a_url_is_never_repeated() {
        for text in [
            "default:hunter2@127.0.0.1:6379",
            "redis:/:hunter2@127.0.0.1",
            "redis//:hunter2@127.0.0.1",
            "redis;//:hunter2@127.0.0.1:1",
            "redis:///:hunter2@127.0.0.1",
            "redis://:hunter2@[::1",
            "--tls redis://:hunter2@127.0.0.1",
            "hunter2@127.0.0.1",
            "127.0.0.1:hunter2",
        ] {
            let error = Config::read(text, "/tmp").unwrap_err();
            assert_eq!(error.code(), MT5REDIS_ERR_CONFIG);
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        let error = Config::read("localhost:6379", "").unwrap_err().to_string();
        assert_eq!(error, "the configuration is an address without a scheme: write redis:// before it");
        for path in ["C:\\mt5\\site.toml", "c:/mt5/site.toml", "site.toml"] {
            assert!(!may_be_a_url(path), "{path}");
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
            "rediss://ea:hunter2@local host",
            "redis-sentinel://ea:hunter2@localhost",
            "redis-sentinel://ea:hunter2@localhost:x/m",
            "redis-sentinel://ea:hunter2%@localhost/m/x",
            "redis-cluster://ea:hunter2@localhost/1",
            "http://ea:hunter2@localhost",
            "redis://ea:hunter2@0.0.0.0",
        ] {
            let error = Config::read(bad, "").unwrap_err();
            assert_eq!(error.code(), MT5REDIS_ERR_CONFIG);
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}

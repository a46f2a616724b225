//! A checked configuration: what it holds, its defaults, and how it is read from what an Expert Advisor passes.

use std::env;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::endpoint::{Address, Endpoint};
use super::{file, url};
use crate::codes::MT5REDIS_ERR_CONFIG;
use crate::error::{Error, Result};
use crate::model::encoding::Encoding;

/// What an empty configuration means.
pub(super) const DEFAULT_URL: &str = "redis://127.0.0.1:6379";

/// A checked configuration. Sessions with equal ones share their connections.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Instance states.
    pub ris: LaneConfig,
    /// Trade states.
    pub rts: LaneConfig,
    /// Trade signals.
    pub rtss: LaneConfig,
    /// The journals of rts and rtss.
    pub journal: JournalConfig,
    /// How long the load must be low before the pressure level falls by one.
    pub pressure_quiet: Duration,
    /// How long an instance's state is kept after its last heartbeat.
    pub ris_ttl: Duration,
    /// How long a closed position is kept.
    pub rts_retention: Duration,
    /// How long the events of trades are kept; none: they are not told.
    pub rts_events: Option<TradeEvents>,
    /// How long a signal is kept.
    pub rtss_retention: Duration,
    /// How long an execution report is kept.
    pub rtss_report_retention: Duration,
    /// About the most entries in a stream of signals or reports: a safety net beside the retention.
    pub rtss_max_length: u64,
    /// How many shards the sources of signals are spread over.
    pub rtss_shards: u16,
    /// What was corrected while reading: one line each, for the events.
    pub notes: Vec<String>,
}

/// The configuration of one lane.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneConfig {
    /// Where its Redis is.
    pub endpoint: Endpoint,
    /// How its records are written.
    pub encoding: Encoding,
    /// How many records its queue holds. With a journal, which holds all of them, at most 64 are used.
    pub queue: usize,
    /// The most records in one batch.
    pub batch_records: usize,
    /// The intended size of a batch, bytes; a single larger record is a batch too.
    pub batch_bytes: usize,
    /// How fast it may send.
    pub rate: RateLimit,
}

/// How long the events of trades are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TradeEvents {
    /// The age of the oldest one, and the life of a stream after its last one.
    pub retention: Duration,
    /// About the most entries in an instance's stream: a safety net beside the retention.
    pub max_length: u64,
}

/// Limits for a slow connection; none by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RateLimit {
    /// Records a second.
    pub records: Option<u64>,
    /// Bytes a second.
    pub bytes: Option<u64>,
}

impl LaneConfig {
    /// The name of the folder for this lane's journal. Each site has its own, because a record that was accepted for
    /// one site must not go to another.
    pub(crate) fn journal_name(&self, lane: impl Display) -> String {
        let Endpoint { database, .. } = self.endpoint;
        let name = format!("{lane}@{}-{database}", self.endpoint.name());
        let foreign = |c: char| !(c.is_ascii_alphanumeric() || "@.-_".contains(c));
        let folder = name.replace(foreign, "-");
        // The colon before a port becomes a dash. Other replaced characters, and capitals on Windows, could give two
        // sites the same folder, so a checksum tells those apart.
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
    /// The folder that has a subfolder for each lane and site.
    pub folder: PathBuf,
    /// How large a lane's journal may grow, bytes. Beyond it, calls are refused.
    pub max_bytes: u64,
    /// How long a record is kept after its commit, in case the master fails over.
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
        let advice =
            "pass a data folder, set journal.folder in the configuration, or set the environment variable";
        Err(Error::new(MT5REDIS_ERR_CONFIG, format!("there is no folder for journals: {advice} {home}")))
    }
}

/// What accepted records survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalSync {
    /// Nothing: there is no journal. Accepted records are in the queue alone and end with the process, and a full
    /// queue refuses calls.
    Off,
    /// The end of the process, also by a crash: the operating system writes the files to disk later.
    Os,
    /// A power failure too: the lane's thread flushes records to disk before it sends them.
    Disk,
}

impl Config {
    /// Reads the text that an Expert Advisor passed: empty, a URL, or a path relative to `folder`.
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

    /// Whether both would write the same journal.
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
        // A slot of a queue takes 0.3 to 0.6 KiB, and an idle library should stay small.
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
            rts_events: Some(TradeEvents { retention: Duration::from_secs(7 * 86_400), max_length: 100_000 }),
            rtss_retention: Duration::from_secs(3600),
            rtss_report_retention: Duration::from_secs(7 * 86_400),
            rtss_max_length: 1_000_000,
            rtss_shards: endpoint.default_shards(),
            notes: Vec::new(),
        })
    }
}

/// `mt5-redis` in the data folder or, without one, in the platform's folder for a program's state. Empty if there is
/// none: a folder that other users can write to, like the one for temporary files, will not do.
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

/// What to write instead of a text that [may be a URL](may_be_a_url). It is not quoted: it may hold a password.
fn no_url(text: &str) -> &'static str {
    if Address::parse(text, url::REDIS_PORT).is_some() {
        "the configuration is an address without a scheme: write redis:// before it"
    } else {
        "the configuration is neither a URL nor the name of an existing file: write redis://host:port, with \
         user:password@ before the host if the server asks for them, or the name of a TOML file"
    }
}

/// Whether a text that names no file may be meant as a URL, perhaps with a password.
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
    fn an_empty_configuration_is_the_local_server() {
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
    fn a_journal_needs_a_folder() {
        let mut journal = Config::of_url(DEFAULT_URL, "data").unwrap().journal;
        assert!(journal.folder.ends_with("data/mt5-redis") && journal.check().is_ok());
        journal.folder = PathBuf::new();
        let error = journal.check().unwrap_err();
        assert!(error.to_string().starts_with("there is no folder for journals"), "{error}");
        journal.sync = JournalSync::Off;
        assert!(journal.check().is_ok());
    }

    #[test]
    fn an_address_without_a_scheme_is_told_apart_from_a_path() {
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
            "default:hunter2@127.0.0.1:6379",
            "redis:/:hunter2@127.0.0.1",
            "redis//:hunter2@127.0.0.1",
            "redis;//:hunter2@127.0.0.1:1",
            "redis:///:hunter2@127.0.0.1",
            "redis://:hunter2@[::1",
            "--tls redis://:hunter2@127.0.0.1",
            "hunter2@127.0.0.1",
            "127.0.0.1:hunter2",
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

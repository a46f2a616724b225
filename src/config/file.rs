//! The TOML file: a table a lane, keys outside a table for all lanes. See `docs/configuration.md` for every key.

mod site;

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use toml::{Spanned, Value};

use super::{Config, DEFAULT_URL, JournalSync, LaneConfig, reading};
use crate::codes::{MT5REDIS_ERR_CONFIG, MT5REDIS_ERR_CONFIG_FILE};
use crate::error::{Error, Result};
use crate::model::encoding::Encoding;

const ON_BACKSLASH: &str = r"; write a Windows path in single quotes: 'C:\folder\file'";

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// A table with the keys that say where a lane's Redis is, and keys of its own. Values are read as any value
/// at first: the reader's own complaint about a wrong type would quote the value, which may be a password.
macro_rules! table {
    ($name:ident, $($key:ident)*, { $($own:tt)* }) => {
        #[derive(Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $name {
            $($key: Option<Spanned<Value>>,)*
            $($own)*
        }

        impl $name {
            /// The value of a key that says where a lane's Redis is.
            fn get(&self, key: &str) -> Option<&Spanned<Value>> {
                match key {
                    $(stringify!($key) => self.$key.as_ref(),)*
                    _ => None,
                }
            }
        }
    };
    ($name:ident { $($own:tt)* }) => {
        table!($name,
            url sentinels master masters nodes
            username password password_env password_file
            sentinel_username sentinel_password sentinel_password_env sentinel_password_file
            tls tls_ca tls_certificate tls_key,
            { $($own)* });
    };
}

table!(File {
    #[serde(default)]
    journal: JournalTable,
    #[serde(default)]
    pressure: PressureTable,
    #[serde(default)]
    ris: Table,
    #[serde(default)]
    rts: Table,
    #[serde(default)]
    rtss: Table,
});

table!(Table {
    encoding: Option<Encoding>,
    queue: Option<Spanned<i64>>,
    batch_records: Option<Spanned<i64>>,
    batch_bytes: Option<Spanned<i64>>,
    records_per_second: Option<Spanned<i64>>,
    bytes_per_second: Option<Spanned<i64>>,
    connect_timeout: Option<Spanned<Value>>,
    reply_timeout: Option<Spanned<Value>>,
    reply_bytes: Option<Spanned<i64>>,
    ttl: Option<Spanned<Value>>,
    retention: Option<Spanned<Value>>,
    max_length: Option<Spanned<i64>>,
    shards: Option<Spanned<i64>>,
});

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct JournalTable {
    folder: Option<Spanned<String>>,
    max_bytes: Option<Spanned<i64>>,
    retain_acked: Option<Spanned<Value>>,
    sync: Option<JournalSync>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PressureTable {
    quiet: Option<Spanned<Value>>,
}

/// Reads and checks the file at `path`; `folder` is the data folder.
pub(super) fn read(path: &Path, folder: &str) -> Result<Config> {
    let unreadable = |reason: &dyn Display| {
        Error::new(
            MT5REDIS_ERR_CONFIG_FILE,
            format!("cannot read the configuration {}: {reason}", path.display()),
        )
    };
    let content =
        reading::read(path).map_err(|reason| unreadable(&format!("{reason}{}", hint(path, folder))))?;
    let text = String::from_utf8(content.bytes).map_err(|error| {
        let line = line(error.as_bytes(), error.utf8_error().valid_up_to());
        unreadable(&format!("line {line} is not UTF-8: save it as UTF-8"))
    })?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Source { name: &name, text: &text, notes: RefCell::default() }.config(folder)
}

/// What helps whoever meant another file.
fn hint(path: &Path, folder: &str) -> String {
    let Some(name) = path.file_name().map(|name| name.to_string_lossy()).filter(|_| !path.exists()) else {
        return String::new();
    };
    let text_file = format!("{name}.txt");
    if path.with_file_name(&text_file).is_file() {
        return format!("; there is {text_file}, whose ending Windows may hide: rename it to {name}");
    }
    let name = name.rsplit('\\').next().unwrap_or_default();
    if Path::new(folder).join(name).is_file() {
        return format!("; a relative path starts at {folder}, where there is a {name}: write {name} alone");
    }
    String::new()
}

/// The number of the line in which this byte stands.
fn line(text: &[u8], at: usize) -> usize {
    text.iter().take(at).filter(|&&byte| byte == b'\n').count() + 1
}

/// Checks the text of a configuration file called `name`; the fuzzer's way in.
#[doc(hidden)]
pub fn parse(name: &str, text: &str) -> Result<Config> {
    Source { name, text, notes: RefCell::default() }.config("")
}

/// The file's text, for errors that name the line.
struct Source<'a> {
    name: &'a str,
    text: &'a str,
    /// What its writer should know.
    notes: RefCell<Vec<String>>,
}

impl Source<'_> {
    fn config(&self, folder: &str) -> Result<Config> {
        let file: File = toml::from_str(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            self.refused(at, format!("{}{}", error.message(), self.on_backslash(at)))
        })?;
        let mut config = Config::of_url(DEFAULT_URL, folder)?;
        let lanes = [
            ("ris", &file.ris, &mut config.ris),
            ("rts", &file.rts, &mut config.rts),
            ("rtss", &file.rtss, &mut config.rtss),
        ];
        for (lane, table, into) in lanes {
            self.lane(lane, &file, table, Path::new(folder), into)?;
        }
        self.journal(&file.journal, folder, &mut config)?;
        let quiet = Duration::from_millis(100)..=600 * SECOND;
        self.duration("pressure", "quiet", &file.pressure.quiet, quiet, &mut config.pressure_quiet)?;
        self.foreign("ttl", "ris", [("rts", &file.rts.ttl), ("rtss", &file.rtss.ttl)])?;
        self.foreign("retention", "rts] or [rtss", [("ris", &file.ris.retention)])?;
        self.foreign("max_length", "rtss", [("ris", &file.ris.max_length), ("rts", &file.rts.max_length)])?;
        self.duration("ris", "ttl", &file.ris.ttl, SECOND..=DAY, &mut config.ris_ttl)?;
        self.duration(
            "rts",
            "retention",
            &file.rts.retention,
            SECOND..=3660 * DAY,
            &mut config.rts_retention,
        )?;
        self.duration(
            "rtss",
            "retention",
            &file.rtss.retention,
            SECOND..=3660 * DAY,
            &mut config.rtss_retention,
        )?;
        self.foreign("shards", "rtss", [("ris", &file.ris.shards), ("rts", &file.rts.shards)])?;
        config.notes = self.notes.take();
        config.rtss_shards = config.rtss.endpoint.default_shards();
        self.number("rtss", "shards", &file.rtss.shards, 1..=4096, &mut config.rtss_shards)?;
        self.number("rtss", "max_length", &file.rtss.max_length, 1..=1 << 40, &mut config.rtss_max_length)?;
        Ok(config)
    }

    fn journal(&self, table: &JournalTable, folder: &str, config: &mut Config) -> Result<()> {
        let into = &mut config.journal;
        if let Some(own) = &table.folder {
            let path = self.path(own.get_ref(), own.span().start, "journal.folder")?;
            into.folder = Path::new(folder).join(path);
        }
        into.sync = table.sync.unwrap_or(into.sync);
        // Two segments are the least that can be written and released in turn.
        self.number("journal", "max_bytes", &table.max_bytes, 8 << 20..=1 << 40, &mut into.max_bytes)?;
        self.duration("journal", "retain_acked", &table.retain_acked, SECOND..=DAY, &mut into.retain_acked)
    }

    fn lane(
        &self,
        lane: &str,
        file: &File,
        table: &Table,
        folder: &Path,
        into: &mut LaneConfig,
    ) -> Result<()> {
        into.endpoint = site::Lane { source: self, name: lane, table, file, folder }.endpoint()?;
        into.encoding = table.encoding.unwrap_or(into.encoding);
        let times = Duration::from_millis(10)..=60 * SECOND;
        let endpoint = &mut into.endpoint;
        self.duration(
            lane,
            "connect_timeout",
            &table.connect_timeout,
            times.clone(),
            &mut endpoint.connect_timeout,
        )?;
        self.duration(lane, "reply_timeout", &table.reply_timeout, times, &mut endpoint.reply_timeout)?;
        self.number(lane, "reply_bytes", &table.reply_bytes, 1 << 16..=1 << 30, &mut endpoint.reply_bytes)?;
        self.number(lane, "queue", &table.queue, 16..=1 << 20, &mut into.queue)?;
        self.number(lane, "batch_records", &table.batch_records, 1..=1 << 16, &mut into.batch_records)?;
        self.number(lane, "batch_bytes", &table.batch_bytes, 1024..=1 << 26, &mut into.batch_bytes)?;
        self.rate(lane, "records_per_second", &table.records_per_second, 1, &mut into.rate.records)?;
        self.rate(lane, "bytes_per_second", &table.bytes_per_second, 1024, &mut into.rate.bytes)
    }

    /// A limit, at least `least`; 0 is none.
    fn rate(
        &self,
        lane: &str,
        key: &str,
        value: &Option<Spanned<i64>>,
        least: i64,
        into: &mut Option<u64>,
    ) -> Result<()> {
        if value.as_ref().is_some_and(|value| *value.get_ref() == 0) {
            *into = None;
            return Ok(());
        }
        let mut limit = 0;
        self.number(lane, key, value, least..=1 << 32, &mut limit)?;
        *into = value.as_ref().map(|_| limit);
        Ok(())
    }

    fn duration(
        &self,
        lane: &str,
        key: &str,
        value: &Option<Spanned<Value>>,
        allowed: RangeInclusive<Duration>,
        into: &mut Duration,
    ) -> Result<()> {
        let Some(value) = value else { return Ok(()) };
        let key = Key { lane, key, at: value.span().start };
        let parsed = value.get_ref().as_str().and_then(|text| humantime::parse_duration(text).ok());
        match parsed {
            Some(duration) if allowed.contains(&duration) => *into = duration,
            _ => {
                let (low, high) = allowed.into_inner();
                let (low, high) = (humantime::format_duration(low), humantime::format_duration(high));
                let value = value.get_ref();
                let reason =
                    format!("{key} = {value} is refused: pass a text like \"90s\", from {low} to {high}");
                return Err(self.refused(key.at, reason));
            }
        }
        Ok(())
    }

    fn number<N: TryFrom<i64>>(
        &self,
        lane: &str,
        key: &str,
        value: &Option<Spanned<i64>>,
        allowed: RangeInclusive<i64>,
        into: &mut N,
    ) -> Result<()> {
        let Some(value) = value else { return Ok(()) };
        let number = *value.get_ref();
        match N::try_from(number) {
            Ok(valid) if allowed.contains(&number) => *into = valid,
            _ => {
                let (low, high) = allowed.into_inner();
                let at = value.span().start;
                return Err(
                    self.refused(at, format!("{lane}.{key} = {number} is refused: pass {low} to {high}"))
                );
            }
        }
        Ok(())
    }

    /// Refuses a key in a table where it means nothing.
    fn foreign<T, const N: usize>(
        &self,
        key: &str,
        home: &str,
        found: [(&str, &Option<Spanned<T>>); N],
    ) -> Result<()> {
        for (lane, value) in found {
            if let Some(value) = value {
                let reason = format!("{lane}.{key} means nothing there: it belongs into [{home}]");
                return Err(self.refused(value.span().start, reason));
            }
        }
        Ok(())
    }

    fn refused(&self, at: usize, reason: impl Display) -> Error {
        let line = line(self.text.as_bytes(), at);
        Error::new(MT5REDIS_ERR_CONFIG, format!("{}:{line}: {reason}", self.name))
    }

    /// What helps whoever wrote a Windows path in double quotes, where a backslash begins an escape.
    fn on_backslash(&self, at: usize) -> &'static str {
        let line = self.text.lines().nth(line(self.text.as_bytes(), at) - 1).unwrap_or_default();
        if line.contains('\\') && line.contains('"') { ON_BACKSLASH } else { "" }
    }

    /// A path, which has no characters that no path has.
    fn path<'t>(&self, text: &'t str, at: usize, key: impl Display) -> Result<&'t Path> {
        if text.contains(char::is_control) {
            return Err(self.refused(at, format!("{key} has a line break or the like{ON_BACKSLASH}")));
        }
        Ok(Path::new(text))
    }
}

/// A key as the user knows it, and where its value starts.
struct Key<'a> {
    lane: &'a str,
    key: &'a str,
    at: usize,
}

impl Display for Key<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.lane.is_empty() {
            write!(f, "{}.", self.lane)?;
        }
        f.write_str(self.key)
    }
}

#[cfg(test)]
mod tests;

//! The TOML file: a table for each lane. Keys outside a table that say where Redis is count for every lane, and a
//! lane's own key wins. `docs/configuration.md` explains every key.

mod site;
mod table;

use std::cell::RefCell;
use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use toml::de::DeTable;

use super::configuration::{Config, DEFAULT_URL, JournalSync, LaneConfig};
use super::text_file::{self, line};
use crate::codes::{MT5REDIS_ERR_CONFIG, MT5REDIS_ERR_CONFIG_FILE};
use crate::error::{Error, Result};
use crate::model::encoding::Encoding;
#[doc(hidden)]
pub use table::{Section, Setting};

const BACKSLASH_ADVICE: &str = r"; write a Windows path in single quotes: 'C:\folder\file'";

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// Reads and checks the file at `path`; relative paths in it start at `folder`.
pub(super) fn read(path: &Path, folder: &str) -> Result<Config> {
    let text = text_file::text(path).map_err(|reason| {
        let hint = hint(path, folder);
        Error::new(MT5REDIS_ERR_CONFIG_FILE, format!("the configuration {reason}{hint}"))
    })?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Source { name: &name, text: &text, notes: RefCell::default() }.config(folder)
}

/// Points out the file that was probably meant.
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
        return format!("; relative paths start at {folder}, which has a file {name}: write {name} alone");
    }
    String::new()
}

/// Reads a table of the file at `path` that only mt5fleet knows. A file without the table has an empty one.
#[doc(hidden)]
pub fn table<T>(path: &Path, name: &str, read: impl FnOnce(&Section<'_>) -> Result<T>) -> Result<T> {
    let text = text_file::text(path)
        .map_err(|reason| Error::new(MT5REDIS_ERR_CONFIG_FILE, format!("the configuration {reason}")))?;
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let source = Source { name: &file, text: &text, notes: RefCell::default() };
    let whole = source.parse()?;
    let shared = Section::new(&source, "", Some(whole.get_ref()), 0);
    read(&shared.table(name)?)
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
    /// What the file's author should know; see [`Config::notes`].
    notes: RefCell<Vec<String>>,
}

impl Source<'_> {
    fn config(&self, folder: &str) -> Result<Config> {
        let file = self.parse()?;
        let shared = Section::new(self, "", Some(file.get_ref()), 0);
        shared.refuse_removed()?;
        let names = ["ris", "rts", "rtss", "journal", "pressure"];
        let tables: Vec<_> = names.into_iter().map(|name| shared.table(name)).collect::<Result<_>>()?;
        tables.iter().try_for_each(Section::refuse_removed)?;
        let [ris, rts, rtss, journal, pressure] = &tables[..] else { unreachable!("a table for each name") };
        let mut config = Config::of_url(DEFAULT_URL, folder)?;
        let folder = Path::new(folder);
        lane(ris, &shared, folder, &mut config.ris)?;
        lane(rts, &shared, folder, &mut config.rts)?;
        lane(rtss, &shared, folder, &mut config.rtss)?;
        config.rtss_shards = config.rtss.endpoint.default_shards();

        let retention = SECOND..=3660 * DAY;
        ris.duration("ttl", SECOND..=DAY, &mut config.ris_ttl)?;
        rts.duration("retention", retention.clone(), &mut config.rts_retention)?;
        let mut events = config.rts_events.expect("they are told by default");
        rts.duration("event_retention", retention.clone(), &mut events.retention)?;
        rts.number("event_max_length", 1..=1 << 40, &mut events.max_length)?;
        config.rts_events = Some(events);
        rts.choice("events", [("on", Some(events)), ("off", None)], &mut config.rts_events)?;
        rtss.duration("retention", retention.clone(), &mut config.rtss_retention)?;
        rtss.duration("report_retention", retention, &mut config.rtss_report_retention)?;
        rtss.number("shards", 1..=4096, &mut config.rtss_shards)?;
        rtss.number("max_length", 1..=1 << 40, &mut config.rtss_max_length)?;
        pressure.duration("quiet", Duration::from_millis(100)..=600 * SECOND, &mut config.pressure_quiet)?;

        let into = &mut config.journal;
        if let Some(own) = journal.get("folder") {
            into.folder = own.path(folder)?;
        }
        let sync = [("os", JournalSync::Os), ("disk", JournalSync::Disk), ("off", JournalSync::Off)];
        journal.choice("sync", sync, &mut into.sync)?;
        // Two segments are the least that can be written and released in turn.
        journal.number("max_bytes", 8 << 20..=1 << 40, &mut into.max_bytes)?;
        journal.duration("retain_acked", SECOND..=DAY, &mut into.retain_acked)?;
        // mt5fleet's own: a file may be for both.
        shared.table("alerts")?;
        Section::refuse_unknown(&[ris, rts, rtss, journal, pressure, &shared])?;
        config.notes = self.notes.take();
        Ok(config)
    }

    fn parse(&self) -> Result<toml::Spanned<DeTable<'_>>> {
        DeTable::parse(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            self.refused(at, format!("{}{}", error.message(), self.backslash_advice(at)))
        })
    }

    fn refused(&self, at: usize, reason: impl Display) -> Error {
        let line = line(self.text.as_bytes(), at);
        Error::new(MT5REDIS_ERR_CONFIG, format!("{}:{line}: {reason}", self.name))
    }

    /// Advice for a Windows path in double quotes, in which a backslash begins an escape.
    fn backslash_advice(&self, at: usize) -> &'static str {
        let line = self.text.lines().nth(line(self.text.as_bytes(), at) - 1).unwrap_or_default();
        if line.contains('\\') && line.contains('"') { BACKSLASH_ADVICE } else { "" }
    }
}

fn lane(own: &Section, shared: &Section, folder: &Path, into: &mut LaneConfig) -> Result<()> {
    into.endpoint = site::Lane { own, shared, folder }.endpoint()?;
    let endpoint = &mut into.endpoint;
    let timeout = Duration::from_millis(10)..=60 * SECOND;
    own.duration("connect_timeout", timeout.clone(), &mut endpoint.connect_timeout)?;
    own.duration("reply_timeout", timeout, &mut endpoint.reply_timeout)?;
    own.number("reply_bytes", 1 << 16..=1 << 30, &mut endpoint.reply_bytes)?;
    own.choice("encoding", [("fields", Encoding::Fields), ("packed", Encoding::Packed)], &mut into.encoding)?;
    own.number("queue", 16..=1 << 20, &mut into.queue)?;
    own.number("batch_records", 1..=1 << 16, &mut into.batch_records)?;
    own.number("batch_bytes", 1024..=1 << 26, &mut into.batch_bytes)?;
    own.limit("records_per_second", 1..=1 << 32, &mut into.rate.records)?;
    own.limit("bytes_per_second", 1024..=1 << 32, &mut into.rate.bytes)
}

#[cfg(test)]
mod tests;

//! `mt5fleet reports`: what followers did with signals, from their execution reports `sr:{k}:F`.
//!
//! A table of delay and slippage by follower, source and symbol, the counts of outcomes, and why signals were not
//! executed. A signal that a follower of its source has not reported is counted once it is past its age. It changes
//! nothing: the doctor's user suffices. A follower can write anything into its stream, so what cannot be read is only
//! counted.

pub(crate) mod figures;
pub(crate) mod read;
mod table;

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use clap::Args;
use mt5_redis::config::Config;
use mt5_redis::inbox::item::EntryId;

use crate::{output, stop};
use figures::Figures;
use read::{Entry, Reader};
pub(crate) use table::quoted;

/// How often `--follow` asks for new reports.
const EVERY: Duration = Duration::from_millis(250);
/// How often it looks for new followers, which takes a scan of all keys.
const LOOK_EVERY: Duration = Duration::from_secs(5);

#[derive(Args)]
pub struct Options {
    /// The bridge's configuration: a redis:// URL or the path of a TOML file
    #[arg(long)]
    config: String,
    /// How far back to look, by the server's clock
    #[arg(long, default_value = "24h", value_parser = humantime::parse_duration)]
    since: Duration,
    /// How old a signal without a report must be to be counted as unreported
    #[arg(long, default_value = "1m", value_parser = humantime::parse_duration)]
    age: Duration,
    /// Print the table as CSV
    #[arg(long)]
    csv: bool,
    /// Print each report as it comes, until Ctrl-C
    #[arg(long, conflicts_with_all = ["csv", "since", "age"])]
    follow: bool,
}

/// Prints the reports, or follows them.
pub fn reports(options: &Options) -> Result<()> {
    let config = Config::read(&options.config, "").map_err(|error| anyhow!("{error}"))?;
    let mut reader = Reader::new(&config);
    let now = reader.connect().map_err(|error| reader.told(&error))?;
    if options.follow {
        return follow(&mut reader, now);
    }
    let figures =
        gather(&mut reader, now, options.since, options.age).map_err(|error| reader.told(&error))?;
    if options.csv {
        table::csv(&figures).iter().try_for_each(|line| output::print(line))?;
        table::unreadable(&figures).iter().for_each(|line| output::print_error(line));
        return Ok(());
    }
    table::text(&figures).iter().try_for_each(|line| output::print(line))
}

/// Reads all reports of this time, and the signals that should have one: those that are older than `age`.
pub(crate) fn gather(reader: &mut Reader, now: u64, since: Duration, age: Duration) -> Result<Figures> {
    gather_with(reader, now, since, age, &mut |_, _, _| {})
}

/// Does the same, and shows each entry.
pub(crate) fn gather_with(
    reader: &mut Reader,
    now: u64,
    since: Duration,
    age: Duration,
    seen: &mut dyn FnMut(&str, EntryId, &Entry),
) -> Result<Figures> {
    let before = |time: Duration| now.saturating_sub(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    let mut figures = Figures::default();
    reader.look(before(since))?;
    let mut take = |follower: &str, id, entry: Entry| {
        seen(follower, id, &entry);
        figures.add(follower, entry);
    };
    while reader.read(&mut take)? {
        stop::check()?;
    }
    for source in figures.sources() {
        let read = reader.signals(&source, before(since), &mut |id_ms, signal| {
            if id_ms <= before(age) {
                figures.expect(&signal);
            }
        })?;
        if let Err(why) = read {
            figures.cannot_read(&source, why);
        }
        stop::check()?;
    }
    Ok(figures)
}

/// Prints reports as they come. A server that goes away is asked again until it is back.
fn follow(reader: &mut Reader, from_ms: u64) -> Result<()> {
    output::print_error("printing each report as it comes; Ctrl-C ends this");
    let (mut looked, mut trouble) = (None::<Instant>, String::new());
    while !stop::requested() {
        let mut found = Vec::new();
        let mut round = || {
            if looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY) {
                reader.look(from_ms)?;
                looked = Some(Instant::now());
            }
            reader.read(&mut |follower, id, entry| found.push((id, follower.to_owned(), entry)))
        };
        let now = match round() {
            Ok(_) => String::new(),
            Err(error) => {
                looked = None;
                let told = reader.told(&error).to_string();
                // It may have another master by now. If not, the next round fails and says why.
                let _ = reader.connect();
                told
            }
        };
        if now != trouble && !now.is_empty() {
            output::print_error(&format!("{now}; this is tried again"));
        }
        trouble = now;
        found.sort_by_key(|(id, ..)| *id);
        found.iter().try_for_each(|(_, follower, entry)| print(follower, entry))?;
        thread::park_timeout(EVERY);
    }
    Ok(())
}

fn print(follower: &str, entry: &Entry) -> Result<()> {
    let line = match entry {
        Ok(report) => table::line(report),
        Err(why) => format!("{follower}: this is no report: {why}"),
    };
    output::print(&output::sanitized(&line))
}

//! `mt5fleet export`: trades, events, signals, execution reports and equity as files of CSV or Parquet, or as tables in
//! PostgreSQL.
//!
//! Nothing is missing and nothing is there twice: a stream is read from its beginning, or from where the last export to the
//! same database stopped, and each record is written once. What was deleted before it could be read is told. It changes
//! nothing in Redis: the doctor's user suffices.
//!
//! - [`tables`], [`rows`] and [`words`]: the tables, and how a record becomes a row
//! - [`source`], [`cursor`], [`chain`], [`trades`], [`equity`]: what Redis has, how far it was read, and what is missing of it
//! - [`files`], with [`csv`] and [`parquet`]: a folder
//! - [`database`], with [`postgres`] and [`migrate`]: PostgreSQL
//! - [`notes`], [`progress`]: what people are told

mod chain;
mod csv;
mod cursor;
mod database;
mod equity;
mod files;
mod migrate;
mod notes;
mod parquet;
mod postgres;
mod progress;
mod rows;
mod source;
mod tables;
mod trades;
pub(crate) mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow};
use clap::Args;
use mt5_redis::config::Config;
use mt5_redis::model::InstanceId;

use crate::output;
use files::Format;
use notes::Notes;
use postgres::Address;
use source::Source;
use tables::Table;

/// How many rows of each table were written.
type Counts = BTreeMap<Table, u64>;

#[derive(Args)]
pub struct Options {
    /// The bridge's configuration: a redis:// URL or the path of a TOML file
    #[arg(long)]
    config: String,
    #[command(flatten)]
    to: To,
    /// Trust the certificates in this PEM file instead of the public authorities
    #[arg(long, value_name = "FILE", requires = "postgres")]
    postgres_ca: Option<PathBuf>,
    /// Write what comes until Ctrl-C
    #[arg(long, requires = "postgres")]
    follow: bool,
    /// Export these alone, separated by commas [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Table>,
    /// Export this instance alone; may be repeated [default: all]
    #[arg(long, value_name = "ID")]
    instance: Vec<String>,
    /// How far back to begin, by the server's clock [default: with the oldest]. A stream that is in the database already is
    /// continued where it stopped
    #[arg(long, value_parser = humantime::parse_duration)]
    since: Option<Duration>,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct To {
    /// Write CSV files into this folder
    #[arg(long, value_name = "FOLDER")]
    csv: Option<PathBuf>,
    /// Write Parquet files into this folder
    #[arg(long, value_name = "FOLDER")]
    parquet: Option<PathBuf>,
    /// Write tables into this database, such as postgres://fleet@db.example/trading; PGPASSWORD may hold the password
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
}

/// Exports, and prints how many rows each table got.
pub fn export(options: &Options) -> Result<()> {
    let config = Config::read(&options.config, "").map_err(|error| anyhow!("{error}"))?;
    for instance in &options.instance {
        InstanceId::new(instance).map_err(|error| anyhow!("--instance {instance:?}: {error}"))?;
    }
    let wanted = if options.only.is_empty() { &Table::ALL } else { options.only.as_slice() };
    let wanted: BTreeSet<Table> = wanted.iter().copied().collect();
    let mut source = Source::new(&config, wanted, options.instance.iter().cloned().collect());
    let now_ms = source.connect()?;
    let since = |since: Duration| now_ms.saturating_sub(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    let since_ms = options.since.map_or(0, since);
    let (counts, mut notes) = match (&options.to.postgres, &options.to.csv, &options.to.parquet) {
        (Some(url), ..) => {
            let address = Address::new(url, options.postgres_ca.clone())?;
            database::export(&mut source, &address, since_ms, options.follow)?
        }
        (None, csv, parquet) => {
            let format = if csv.is_some() { Format::Csv } else { Format::Parquet };
            let folder = csv.as_deref().or(parquet.as_deref()).expect("one of them is required");
            let mut notes = Notes::default();
            (files::export(&mut source, folder, format, since_ms, &mut notes)?, notes)
        }
    };
    notes.drain().iter().for_each(|note| output::print_error(note));
    for (table, rows) in counts {
        output::print(&format!("{:<8} {rows:>10}", table.name()))?;
    }
    Ok(())
}

//! Rows in PostgreSQL. Rows and the places where their streams stopped are written in one transaction, so whatever dies, the
//! next export continues exactly behind the rows that are there. A row that is there already is not written twice.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow};
use mt5_redis::config::Tls;
use mt5_redis::inbox::item::EntryId;
use postgres::config::Host;
use postgres::types::ToSql;
use postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Counts;
use super::migrate::{LOCK, migrate};
use super::source::Stream;
use super::tables::{Cell, Kind, Row, Table};

/// How long to wait for a server that does not answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection without an answer is believed.
const SILENCE: Duration = Duration::from_secs(60);

/// How to reach the database.
pub struct Address {
    config: Config,
    authorities: Option<PathBuf>,
}

impl Address {
    /// From a URL or a list such as `host=db user=fleet`. The password may be in `PGPASSWORD` instead.
    pub fn new(text: &str, authorities: Option<PathBuf>) -> Result<Self> {
        let parsed = text.parse::<Config>();
        let mut config = parsed
            .context("--postgres is no address: pass one such as postgres://fleet@db.example/trading")?;
        if config.get_password().is_none()
            && let Ok(password) = std::env::var("PGPASSWORD")
        {
            config.password(password);
        }
        if config.get_application_name().is_none() {
            config.application_name("mt5fleet export");
        }
        config.connect_timeout(PATIENCE).keepalives_idle(SILENCE / 2).tcp_user_timeout(SILENCE);
        Ok(Self { config, authorities })
    }

    fn connect(&self) -> Result<Client> {
        if self.config.get_hosts().iter().all(|host| !matches!(host, Host::Tcp(_))) {
            return Ok(self.config.connect(NoTls)?);
        }
        let tls = Tls { ca: self.authorities.clone(), client: None };
        let tls = tls.client().map_err(|error| anyhow!("{error}"))?;
        Ok(self.config.connect(MakeRustlsConnect::new((*tls).clone()))?)
    }
}

/// Rows, and the places behind them.
#[derive(Default)]
pub struct Batch {
    pub rows: BTreeMap<Table, Vec<Row>>,
    /// By the key of the stream.
    pub places: BTreeMap<String, EntryId>,
}

pub struct Database(Client);

impl Database {
    /// Connects, and makes or completes the tables.
    pub fn connect(address: &Address) -> Result<Self> {
        let mut client = address.connect().context("PostgreSQL cannot be reached")?;
        migrate(&mut client).context("PostgreSQL")?;
        Ok(Self(client))
    }

    /// Where each stream was read to.
    pub fn places(&mut self) -> Result<HashMap<String, EntryId>> {
        let rows = self.0.query("SELECT stream, entry FROM mt5redis.places", &[]).context("PostgreSQL")?;
        let place = |row: &postgres::Row| Some((row.get(0), EntryId::parse(row.get(1))?));
        Ok(rows.iter().filter_map(place).collect())
    }

    /// The last number of each producer of a stream.
    pub fn last_numbers(&mut self, stream: &Stream) -> Result<Vec<(String, u64)>> {
        // From producer to producer through the key's index: the table may have any number of rows.
        let ask = format!(
            "WITH RECURSIVE one AS (
                (SELECT producer FROM mt5redis.{table} WHERE instance = $1 ORDER BY producer LIMIT 1)
                UNION ALL SELECT (SELECT producer FROM mt5redis.{table} WHERE instance = $1
                    AND producer > one.producer ORDER BY producer LIMIT 1) FROM one WHERE producer IS NOT NULL)
            SELECT producer, (SELECT max(sequence) FROM mt5redis.{table} other WHERE instance = $1
                AND other.producer = one.producer) FROM one WHERE producer IS NOT NULL",
            table = stream.table.name()
        );
        let rows = self.0.query(&ask, &[&stream.instance]).context("PostgreSQL")?;
        Ok(rows.iter().map(|row| (row.get(0), row.get::<_, i64>(1) as u64)).collect())
    }

    /// Writes all of it or nothing; returns how many rows are new or changed.
    pub fn write(&mut self, batch: &Batch) -> Result<Counts> {
        self.transact(batch).context("PostgreSQL")
    }

    fn transact(&mut self, batch: &Batch) -> Result<Counts> {
        let mut transaction = self.0.transaction()?;
        transaction.execute(LOCK, &[])?;
        let mut counts = Counts::new();
        for (&table, rows) in &batch.rows {
            let columns: Vec<_> = table
                .columns()
                .iter()
                .enumerate()
                .map(|(at, (_, kind))| values(*kind, rows.iter().map(|row| &row[at])))
                .collect();
            let columns: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|values| &**values).collect();
            *counts.entry(table).or_default() += transaction.execute(&statement(table), &columns)?;
        }
        if !batch.places.is_empty() {
            let streams: Vec<&str> = batch.places.keys().map(String::as_str).collect();
            let entries: Vec<String> = batch.places.values().map(EntryId::to_string).collect();
            transaction.execute(
                "INSERT INTO mt5redis.places SELECT *, now() FROM unnest($1::text[], $2::text[])
                 ON CONFLICT (stream) DO UPDATE SET entry = excluded.entry, moved_at = excluded.moved_at",
                &[&streams, &entries],
            )?;
        }
        transaction.commit()?;
        Ok(counts)
    }
}

/// Writes rows, given as an array for each column. The record of a stream's entry never changes; of a position the state
/// that was read last counts.
fn statement(table: Table) -> String {
    let names: Vec<_> = table.columns().iter().map(|(name, _)| *name).collect();
    let kinds = table.columns().iter().enumerate().map(|(at, (_, kind))| {
        let kind = match kind {
            Kind::Text => "text",
            Kind::Integer => "bigint",
            Kind::Number => "float8",
            Kind::Time => "timestamptz",
            Kind::Truth => "bool",
        };
        format!("${}::{kind}[]", at + 1)
    });
    let (name, all, kinds) = (table.name(), names.join(", "), kinds.collect::<Vec<_>>().join(", "));
    let (key, rest) = names.split_at(table.key());
    let otherwise = match table {
        Table::Trades => {
            let set: Vec<_> = rest.iter().map(|name| format!("{name} = excluded.{name}")).collect();
            format!(
                "DO UPDATE SET {} WHERE (trades.producer, trades.sequence) IS DISTINCT FROM
                 (excluded.producer, excluded.sequence)",
                set.join(", ")
            )
        }
        _ => "DO NOTHING".to_owned(),
    };
    let key = key.join(", ");
    format!(
        "INSERT INTO mt5redis.{name} ({all}) SELECT * FROM unnest({kinds}) ON CONFLICT ({key}) {otherwise}"
    )
}

/// The values of one column.
fn values<'a>(kind: Kind, cells: impl Iterator<Item = &'a Cell>) -> Box<dyn ToSql + Sync + 'a> {
    let time = |cell: &Cell| Some(UNIX_EPOCH + Duration::from_millis(cell.integer()?.unsigned_abs()));
    match kind {
        Kind::Text => Box::new(cells.map(Cell::text).collect::<Vec<_>>()),
        Kind::Integer => Box::new(cells.map(Cell::integer).collect::<Vec<_>>()),
        Kind::Number => Box::new(cells.map(Cell::number).collect::<Vec<_>>()),
        Kind::Time => Box::new(cells.map(time).collect::<Vec<_>>()),
        Kind::Truth => Box::new(cells.map(Cell::truth).collect::<Vec<_>>()),
    }
}

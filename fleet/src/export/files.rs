//! An export to a folder, a file for each table. A file has its name once it is whole, and none is overwritten: what Redis
//! has deleted since then would be lost. A stream is read to where it ended when its turn came.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use mt5_redis::inbox::item::EntryId;

use super::Counts;
use super::csv::Csv;
use super::cursor::Cursor;
use super::equity;
use super::notes::Notes;
use super::parquet::Parquet;
use super::progress::Progress;
use super::source::{Look, Source, Stream};
use super::tables::{Cell, Row, Table};
use super::trades::Positions;
use crate::stop;

/// A file of rows.
pub trait TableFile {
    fn write(&mut self, rows: Vec<Row>) -> Result<()>;

    /// Writes what is left.
    fn finish(self: Box<Self>) -> Result<File>;
}

#[derive(Clone, Copy)]
pub enum Format {
    Csv,
    Parquet,
}

impl Format {
    fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }

    fn create(self, path: &Path, table: Table) -> Result<Box<dyn TableFile>> {
        let file = File::create(path)?;
        Ok(match self {
            Self::Csv => Box::new(Csv::create(file, table)?),
            Self::Parquet => Box::new(Parquet::create(file, table)?),
        })
    }
}

/// Writes the wanted tables; returns how many rows each has.
pub fn export(
    source: &mut Source,
    folder: &Path,
    format: Format,
    since_ms: u64,
    notes: &mut Notes,
) -> Result<Counts> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let path = |table: Table| folder.join(table.name()).with_extension(format.extension());
    for &table in &source.tables {
        let path = path(table);
        ensure!(!path.exists(), "{} exists already: pass another folder, or remove it", path.display());
    }
    let progress = Progress::new();
    let look = source.look(true)?;
    let streams: Vec<Stream> = look.streams.iter().cloned().collect();
    let lengths = source.lengths(&streams)?;
    progress.add(lengths.iter().sum());
    let mut counts = Counts::new();
    for table in source.tables.clone() {
        let mut part = Part::of(path(table), format, table)?;
        match table {
            Table::Trades => part.trades(source, &look, since_ms, notes, &progress)?,
            Table::Equity => part.equity(source, &look, since_ms, notes, &progress)?,
            _ => {
                let of_table = streams.iter().zip(&lengths).filter(|(stream, _)| stream.table == table);
                for (stream, length) in of_table {
                    let cursor = Cursor::new(stream.clone(), EntryId { ms: since_ms, number: 0 }, *length);
                    part.stream(source, cursor, notes, &progress)?;
                }
            }
        }
        counts.insert(table, part.finish()?);
    }
    progress.end();
    Ok(counts)
}

/// A file on its way.
struct Part {
    table: Table,
    path: PathBuf,
    part: PathBuf,
    file: Box<dyn TableFile>,
    rows: u64,
}

impl Part {
    fn of(path: PathBuf, format: Format, table: Table) -> Result<Self> {
        let mut part = path.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = format.create(&part, table).with_context(|| format!("cannot write {}", part.display()))?;
        Ok(Self { table, path, part, file, rows: 0 })
    }

    /// Gives the file its name; returns how many rows it has.
    fn finish(self) -> Result<u64> {
        let Self { path, part, file, rows, .. } = self;
        let written = || {
            file.finish()?.sync_all()?;
            fs::rename(&part, &path).map_err(anyhow::Error::from)
        };
        written().with_context(|| format!("cannot write {}", path.display()))?;
        Ok(rows)
    }

    fn trades(
        &mut self,
        source: &mut Source,
        look: &Look,
        since_ms: u64,
        notes: &mut Notes,
        progress: &Progress,
    ) -> Result<()> {
        let mut positions = Positions::default();
        for instance in &look.trades {
            positions.read(source, instance, since_ms, notes, &mut |rows| {
                progress.add(rows.len() as u64);
                progress.read(rows.len() as u64, self.table.name());
                self.add(rows)
            })?;
        }
        Ok(())
    }

    fn equity(
        &mut self,
        source: &mut Source,
        look: &Look,
        since_ms: u64,
        notes: &mut Notes,
        progress: &Progress,
    ) -> Result<()> {
        progress.add(look.equity.len() as u64);
        for instance in &look.equity {
            let (rows, _) = equity::read(source, instance, since_ms as i64, notes)?;
            progress.read(1, self.table.name());
            self.add(rows)?;
        }
        Ok(())
    }

    /// Writes the records of one stream, each once.
    fn stream(
        &mut self,
        source: &mut Source,
        mut cursor: Cursor,
        notes: &mut Notes,
        progress: &Progress,
    ) -> Result<()> {
        let mut seen = HashSet::new();
        while let Some(from) = cursor.from().filter(|_| !cursor.has_caught_up()) {
            stop::check()?;
            let page = source.pages(&[(&cursor.stream, from.to_owned())])?.remove(0);
            let (records, _, read) = cursor.take(page, notes);
            progress.read(read, self.table.name());
            let rows = records.into_iter().map(|record| record.row);
            self.add(rows.filter(|row| seen.insert(identity(self.table, row))).collect())?;
        }
        Ok(())
    }

    fn add(&mut self, rows: Vec<Row>) -> Result<()> {
        stop::check()?;
        self.rows += rows.len() as u64;
        self.file.write(rows).with_context(|| format!("cannot write {}", self.part.display()))
    }
}

/// The key of a row within its instance. No part of it has a blank.
fn identity(table: Table, row: &Row) -> String {
    let part = |cell: &Cell| match cell {
        Cell::Text(text) => text.clone(),
        Cell::Integer(number) => number.to_string(),
        _ => String::new(),
    };
    row[1..table.key()].iter().map(part).collect::<Vec<_>>().join(" ")
}

//! A table as a Parquet file: each value exactly as it is, times in ms UTC, compressed with Snappy.

use std::fs::File;
use std::sync::Arc;

use anyhow::{Context, Result};
use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::files::TableFile;
use super::tables::{Cell, Kind, Row, Table};

/// How many rows a row group has: they are in memory until it is written.
const GROUP: usize = 50_000;

pub struct Parquet {
    file: SerializedFileWriter<File>,
    rows: Vec<Row>,
}

impl Parquet {
    pub fn create(file: File, table: Table) -> Result<Self> {
        let columns = table.columns().iter().map(|(name, kind)| {
            let kind = match kind {
                Kind::Text => format!("BYTE_ARRAY {name} (UTF8)"),
                Kind::Integer => format!("INT64 {name}"),
                Kind::Number => format!("DOUBLE {name}"),
                Kind::Time => format!("INT64 {name} (TIMESTAMP(MILLIS,true))"),
                Kind::Truth => format!("BOOLEAN {name}"),
            };
            format!("OPTIONAL {kind};")
        });
        let schema = format!("message {} {{ {} }}", table.name(), columns.collect::<String>());
        let schema = parse_message_type(&schema).context("a table is no schema of Parquet")?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let file = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))?;
        Ok(Self { file, rows: Vec::new() })
    }

    fn write_group(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        let mut group = self.file.next_row_group()?;
        let mut at = 0;
        while let Some(mut column) = group.next_column()? {
            write_column(column.untyped(), rows.iter().map(|row| &row[at]))?;
            column.close()?;
            at += 1;
        }
        group.close()?;
        Ok(())
    }
}

/// Writes the values of a column; level 0: there is none.
fn write_column<'a>(
    column: &mut ColumnWriter<'_>,
    cells: impl Iterator<Item = &'a Cell> + Clone,
) -> Result<()> {
    let levels: Vec<i16> = cells.clone().map(|cell| i16::from(*cell != Cell::None)).collect();
    match column {
        ColumnWriter::ByteArrayColumnWriter(column) => {
            let texts: Vec<_> = cells.filter_map(|cell| cell.text().map(ByteArray::from)).collect();
            column.write_batch(&texts, Some(&levels), None)?;
        }
        ColumnWriter::Int64ColumnWriter(column) => {
            column.write_batch(&cells.filter_map(Cell::integer).collect::<Vec<_>>(), Some(&levels), None)?;
        }
        ColumnWriter::DoubleColumnWriter(column) => {
            column.write_batch(&cells.filter_map(Cell::number).collect::<Vec<_>>(), Some(&levels), None)?;
        }
        ColumnWriter::BoolColumnWriter(column) => {
            column.write_batch(&cells.filter_map(Cell::truth).collect::<Vec<_>>(), Some(&levels), None)?;
        }
        _ => unreachable!("the schema has no other kinds"),
    }
    Ok(())
}

impl TableFile for Parquet {
    fn write(&mut self, rows: Vec<Row>) -> Result<()> {
        self.rows.extend(rows);
        if self.rows.len() >= GROUP { self.write_group() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<File> {
        if !self.rows.is_empty() {
            self.write_group()?;
        }
        Ok(self.file.into_inner()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};

    #[test]
    fn every_row_is_in_a_group_and_the_last_group_is_smaller() {
        let mut file: Box<dyn TableFile> =
            Box::new(Parquet::create(tempfile::tempfile().unwrap(), Table::Equity).unwrap());
        let row = |number: usize| -> Row {
            let cell = |(_, kind): &(_, Kind)| match kind {
                Kind::Text => Cell::Text("1.Demo".to_owned()),
                Kind::Integer => Cell::Integer(number as i64),
                Kind::Number => Cell::Number(number as f64),
                Kind::Time => Cell::Time(number as i64),
                Kind::Truth => Cell::None,
            };
            Table::Equity.columns().iter().map(cell).collect()
        };
        const PAGES: usize = 205;
        for page in 0..PAGES {
            file.write((page * 500..(page + 1) * 500).map(row).collect()).unwrap();
        }
        let reader = SerializedFileReader::new(file.finish().unwrap()).unwrap();
        let groups: Vec<i64> = reader.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
        assert_eq!(groups, [50_000, 50_000, 2_500]);
        // The values stand in order over all groups.
        let time = Table::Equity.columns().iter().position(|(name, _)| *name == "time").unwrap();
        let last = reader.get_row_group(2).unwrap().get_row_iter(None).unwrap().last().unwrap().unwrap();
        let (_, last) = last.get_column_iter().nth(time).unwrap();
        assert_eq!(*last, parquet::record::Field::TimestampMillis(PAGES as i64 * 500 - 1));
    }
}

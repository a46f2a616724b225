//! A table as a file of CSV: one head, a line for each row, texts as a spreadsheet may show them.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Result;

use super::files::TableFile;
use super::tables::{Cell, Row, Table};
use crate::reports::quoted;

pub struct Csv(BufWriter<File>);

impl Csv {
    pub fn create(file: File, table: Table) -> Result<Self> {
        let mut file = BufWriter::new(file);
        let names: Vec<_> = table.columns().iter().map(|(name, _)| *name).collect();
        writeln!(file, "{}", names.join(","))?;
        Ok(Self(file))
    }
}

impl TableFile for Csv {
    fn write(&mut self, rows: Vec<Row>) -> Result<()> {
        for row in rows {
            let cells: Vec<String> = row.iter().map(shown).collect();
            writeln!(self.0, "{}", cells.join(","))?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<File> {
        Ok(self.0.into_inner().map_err(|error| error.into_error())?)
    }
}

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::None => String::new(),
        Cell::Text(text) => quoted(text),
        Cell::Integer(number) => number.to_string(),
        Cell::Number(number) => number.to_string(),
        Cell::Time(ms) => {
            let time = UNIX_EPOCH + Duration::from_millis(ms.unsigned_abs());
            humantime::format_rfc3339_millis(time).to_string()
        }
        Cell::Truth(truth) => truth.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_value_has_its_form() {
        for (cell, is) in [
            (Cell::None, ""),
            (Cell::Text("a,\"b\"".into()), "\"a,\"\"b\"\"\""),
            (Cell::Text("=1+2".into()), "'=1+2"),
            (Cell::Integer(-7), "-7"),
            (Cell::Number(1.10345), "1.10345"),
            (Cell::Number(0.1 + 0.2), "0.30000000000000004"),
            (Cell::Time(1_763_800_000_007), "2025-11-22T08:26:40.007Z"),
            (Cell::Time(253_402_300_799_999), "9999-12-31T23:59:59.999Z"),
            (Cell::Truth(true), "true"),
        ] {
            assert_eq!(shown(&cell), is);
        }
    }
}

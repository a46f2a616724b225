"""Compares the Parquet files of a folder, as pyarrow reads them, with its CSV files. Prints the rows of each table."""

import csv
import pathlib
import sys
from datetime import datetime

import pyarrow as arrow
import pyarrow.parquet

# What a column of each type has where the CSV file has a text.
READ = {
    arrow.string(): str,
    arrow.int64(): int,
    arrow.float64(): float,
    arrow.bool_(): {"true": True, "false": False}.__getitem__,
    arrow.timestamp("ms", "UTC"): datetime.fromisoformat,
}
TIMES = ("time", "stored_at", "opened_at", "closed_at")

folder = pathlib.Path(sys.argv[1])
for path in sorted(folder.glob("*.parquet")):
    table = pyarrow.parquet.read_table(path)
    with path.with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    if table.column_names != head:
        sys.exit(f"{path.name} has the columns {table.column_names}")
    for name in set(TIMES) & set(head):
        if not arrow.types.is_timestamp(table.schema.field(name).type):
            sys.exit(f"{path.name}: {name} is of the type {table.schema.field(name).type}")
    wanted = [
        tuple(READ[field.type](cell) if cell else None for field, cell in zip(table.schema, row, strict=True)) for row in rows
    ]
    # An empty text and none look the same in CSV.
    found = [tuple(None if value == "" else value for value in row.values()) for row in table.to_pylist()]
    if found != wanted:
        sys.exit(f"{path.name} differs from the CSV file: {len(found)} and {len(wanted)} rows")
    print(f"{path.stem:<8} {len(found):>10}")

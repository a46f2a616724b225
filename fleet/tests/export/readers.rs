//! What others read: the files of an export in Arrow's own reader.

use std::process::Command;

use crate::fleet::{exported, publish};
use crate::support::servers;

/// pyarrow finds the same values in the Parquet files as the CSV files have, and of the right types.
#[test]
fn arrow_reads_the_parquet_files() {
    let servers = servers();
    publish(&servers, "1.Demo", 1201, 3);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    exported(&servers, &["--parquet", path]);
    let (out, _) = exported(&servers, &["--csv", path]);
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/python/bin/python");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/export/reader.py");
    let read =
        Command::new(python).args(["-B", script, path]).output().expect("scripts/prepare.sh test makes it");
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let read = String::from_utf8(read.stdout).unwrap();
    assert_eq!(read.lines().count(), 5);
    for line in read.lines() {
        assert!(out.contains(&format!("{line}\n")), "{line} is not in {out}");
    }
}

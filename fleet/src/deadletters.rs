//! `mt5fleet deadletters files`: the records that a server refused for good, from the bridges' files.
//!
//! Reads every `dead.jsonl` below a terminal's data folder, or below a folder of many. It changes nothing. A letter that
//! a killed terminal wrote twice is shown once.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::output;

/// A record that was refused for good.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub struct Letter {
    /// When, ms since 1970 UTC.
    pub time_ms: u64,
    /// ris, rts or rtss.
    pub lane: String,
    /// The server's address.
    pub server: String,
    /// Who numbered the record.
    pub producer: String,
    /// The record's number.
    pub sequence: u64,
    /// The server's error.
    pub error: String,
    /// The record, with the names of `docs/wire-format.md`.
    pub record: serde_json::Value,
}

/// Prints the letters below `folders`, oldest first. Returns whether there are none.
pub fn list(folders: &[PathBuf], json: bool, out: &mut impl Write) -> Result<bool> {
    let mut letters = Vec::new();
    for folder in folders {
        ensure!(folder.is_dir(), "{} is not a folder: pass a terminal's data folder", folder.display());
        for file in files(folder)? {
            letters.extend(read(&file)?);
        }
    }
    let mut seen = HashSet::new();
    letters.retain(|letter| seen.insert((letter.producer.clone(), letter.sequence, letter.lane.clone())));
    letters.sort_by_key(|letter| letter.time_ms);
    for letter in &letters {
        if json {
            writeln!(out, "{}", output::json(letter, false)?)?;
            continue;
        }
        let moment = humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(letter.time_ms));
        let Letter { lane, server, producer, sequence, error, record, .. } = letter;
        let line = format!("{moment} {lane} {producer}/{sequence} {server}: {error}");
        writeln!(out, "{}\n    {}", output::sanitized(&line), output::sanitized(&record.to_string()))?;
    }
    if !json {
        writeln!(out, "{} dead letters", letters.len())?;
    }
    Ok(letters.is_empty())
}

/// Every file of dead letters below a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        // A link could lead in a circle.
        if entry.file_type()?.is_dir() {
            found.extend(files(&entry.path())?);
        } else if entry.file_name() == "dead.jsonl" {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// The letters of one file. An incomplete line, of a killed terminal, is skipped.
fn read(path: &Path) -> Result<Vec<Letter>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut letters = Vec::new();
    for line in BufReader::new(file).split(b'\n') {
        letters.extend(serde_json::from_slice::<Letter>(&line?).ok());
    }
    Ok(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(sequence: u64, time_ms: u64) -> String {
        format!(
            r#"{{"time_ms":{time_ms},"producer":"abc","lane":"rts","server":"h:1","sequence":{sequence},"error":"WRONGTYPE x","record":{{"id":5}}}}"#
        )
    }

    #[test]
    fn letters_of_all_terminals_are_shown_once_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for (terminal, text) in [
            ("one", format!("{}\n{}\n{{\"half\":", line(2, 2_000), line(2, 3_000))),
            ("two", format!("{}\n", line(1, 1_000))),
        ] {
            let place = folder.path().join(terminal).join("mt5-redis/rts@h-1-0");
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join("dead.jsonl"), text).unwrap();
        }
        let mut out = Vec::new();
        assert!(!list(&[folder.path().into()], false, &mut out).unwrap());
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "1970-01-01T00:00:01.000Z rts abc/1 h:1: WRONGTYPE x");
        assert_eq!(lines[2], "1970-01-01T00:00:02.000Z rts abc/2 h:1: WRONGTYPE x");
        assert_eq!(lines[3..], ["    {\"id\":5}", "2 dead letters"]);

        let mut out = Vec::new();
        list(&[folder.path().into()], true, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap().lines().count(), 2);
        assert!(list(&[folder.path().join("none")], false, &mut Vec::new()).is_err());
    }
}

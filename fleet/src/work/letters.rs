//! `mt5fleet deadletters list|retry|drop`: the signals that no worker could process, in the streams `sd:{k}`.

use std::io::Write;

use anyhow::{Result, anyhow};
use mt5_redis::config::Config;
use mt5_redis_worker::{DeadLetter, DeadLetters};

use crate::output;

fn open(config: &str) -> Result<DeadLetters> {
    let config = Config::read(config, "").map_err(|error| anyhow!("{error}"))?;
    Ok(DeadLetters::new(&config))
}

/// Prints every dead letter, oldest first in each shard. Returns whether there are none.
pub fn list(config: &str, json: bool, out: &mut impl Write) -> Result<bool> {
    let letters = all(&mut open(config)?)?;
    for letter in &letters {
        if json {
            writeln!(out, "{}", output::json(letter, false)?)?;
        } else {
            let DeadLetter { id, source, group, deliveries, error, signal, .. } = letter;
            let line = format!("{id} of {source} by group {group} after {deliveries} deliveries: {error}");
            writeln!(out, "{}\n    {}", output::sanitized(&line), output::sanitized(signal))?;
        }
    }
    if !json {
        writeln!(out, "{} dead letters", letters.len())?;
    }
    Ok(letters.is_empty())
}

/// Puts dead letters back at the end of their streams, all or those with these ids. Every group gets them.
pub fn retry(config: &str, ids: &[String], out: &mut impl Write) -> Result<bool> {
    change(config, ids, out, "put back", |letters, letter| letters.retry(letter))
}

/// Deletes dead letters, all or those with these ids.
pub fn drop(config: &str, ids: &[String], out: &mut impl Write) -> Result<bool> {
    change(config, ids, out, "deleted", |letters, letter| letters.drop(letter))
}

fn change(
    config: &str,
    ids: &[String],
    out: &mut impl Write,
    done: &str,
    mut act: impl FnMut(&mut DeadLetters, &DeadLetter) -> mt5_redis::error::Result<bool>,
) -> Result<bool> {
    let mut letters = open(config)?;
    let mut count = 0;
    for letter in all(&mut letters)? {
        if ids.is_empty() || ids.contains(&letter.id) {
            count += u64::from(act(&mut letters, &letter).map_err(|error| anyhow!("{error}"))?);
        }
    }
    writeln!(out, "{count} dead letters {done}")?;
    Ok(ids.is_empty() || count as usize == ids.len())
}

fn all(letters: &mut DeadLetters) -> Result<Vec<DeadLetter>> {
    letters.all().map_err(|error| anyhow!("{error}"))
}

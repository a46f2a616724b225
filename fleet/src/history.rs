//! The history of a copying account, as its broker keeps it: what was executed for each signal. A file of JSON lines that
//! outlives the terminal's process. A line that was cut off was not executed.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// What a signal led to: how the copy of one of the source's positions is since then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// Producer and number of the signal.
    pub producer: i64,
    pub sequence: i64,
    /// The source's position.
    pub position: i64,
    pub symbol: String,
    /// One of `MT5REDIS_SIDE_*`.
    pub side: i32,
    /// Lots; 0: closed.
    pub volume: f64,
    pub stop_loss: f64,
    pub take_profit: f64,
    /// The price on the copying account.
    pub price: f64,
    pub time_ms: i64,
}

/// Appends to a history.
pub struct History(File);

impl History {
    /// Continues the history in this file, or begins it. Returns also what was executed so far.
    pub fn open(path: &Path) -> Result<(Self, Vec<Execution>)> {
        let (executions, whole) = parse(path)?;
        let open = || {
            let file = File::options().create(true).append(true).open(path)?;
            file.set_len(whole)?;
            Ok::<_, std::io::Error>(file)
        };
        let file = open().with_context(|| format!("cannot write {}", path.display()))?;
        Ok((Self(file), executions))
    }

    /// Adds an execution. It survives the end of the process.
    pub fn add(&mut self, execution: &Execution) -> Result<()> {
        let mut line = serde_json::to_vec(execution)?;
        line.push(b'\n');
        self.0.write_all(&line).context("cannot write the history")
    }
}

/// What was executed on an account; nothing if there is no such file.
pub fn read(path: &Path) -> Result<Vec<Execution>> {
    Ok(parse(path)?.0)
}

/// The executions, and the length of their lines.
fn parse(path: &Path) -> Result<(Vec<Execution>, u64)> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        text => text.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
    let executions = whole.lines().map(serde_json::from_str).collect::<Result<_, _>>();
    let executions = executions.with_context(|| format!("{} is not a history", path.display()))?;
    Ok((executions, whole.len() as u64))
}

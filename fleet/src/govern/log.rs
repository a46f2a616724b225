//! The governor's log: one JSON object a line on standard output.

use std::collections::HashMap;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::export;
use crate::output;

/// Prints an event.
pub(super) fn event(name: &str, details: Value) {
    let mut line = json!({
        "time": humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
        "event": name,
    });
    if let (Some(line), Value::Object(details)) = (line.as_object_mut(), details) {
        line.extend(details);
    }
    // Govern on, even if nobody reads the log any more.
    let _ = output::json(&line, false).and_then(|line| output::print(&line));
}

/// Warnings, each printed once until it ends or changes.
#[derive(Default)]
pub(super) struct Warnings {
    before: HashMap<String, String>,
    now: HashMap<String, String>,
}

impl Warnings {
    /// Begins a round. What was warned of in the round before is not printed again in this one.
    pub(super) fn begin(&mut self) {
        self.before = std::mem::take(&mut self.now);
    }

    /// Warns about `what`.
    pub(super) fn add(&mut self, what: &str, text: String) {
        // Numbers change from round to round; a warning is new if its words are.
        let words: String = text.chars().filter(|character| !character.is_ascii_digit()).collect();
        if self.before.get(what) != Some(&words) && self.now.get(what) != Some(&words) {
            export::warnings(1);
            event("warning", json!({ "what": what, "text": text }));
        }
        self.now.insert(what.to_owned(), words);
    }
}

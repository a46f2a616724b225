//! The engine's log: lines that the Expert Advisors fetch and print in the Experts tab, because a library in a terminal
//! has no other output. The newest lines are kept. Each reader has its own cursor.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::link::failure::plain;

/// How many lines are kept for late readers.
const KEPT: usize = 256;
/// The longest line, characters. It fits the buffer that the ABI recommends, even if each is a surrogate pair.
const LINE_LIMIT: usize = 250;

/// A bounded log with numbered lines.
#[derive(Default)]
pub(crate) struct Events {
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    lines: VecDeque<String>,
    /// The number of the first line kept.
    first: u64,
}

impl Events {
    /// Adds a line, without control characters: another terminal or a server may have written a part of it.
    pub(crate) fn tell(&self, line: String) {
        let line = plain(&line);
        let mut log = self.log.lock();
        if log.lines.len() == KEPT {
            log.lines.pop_front();
            log.first += 1;
        }
        log.lines.push_back(line.chars().take(LINE_LIMIT).collect());
    }

    /// The cursor of a reader that wants only new lines.
    pub(crate) fn end(&self) -> u64 {
        let log = self.log.lock();
        log.first + log.lines.len() as u64
    }

    /// The line at the cursor, which moves on if `accept` takes the line. One line stands for all that were dropped
    /// before the reader came.
    pub(crate) fn next(&self, cursor: &mut u64, accept: impl FnOnce(&str) -> bool) -> Option<String> {
        let log = self.log.lock();
        let (line, after) = if *cursor < log.first {
            (format!("{} earlier events were not read in time", log.first - *cursor), log.first)
        } else {
            (log.lines.get((*cursor - log.first) as usize)?.clone(), *cursor + 1)
        };
        if accept(&line) {
            *cursor = after;
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reader_sees_every_line_once_and_in_order() {
        let events = Events::default();
        let (mut one, mut other) = (events.end(), events.end());
        events.tell("a".into());
        events.tell("b".into());
        assert_eq!(events.next(&mut one, |_| true).as_deref(), Some("a"));
        assert_eq!(events.next(&mut one, |_| false).as_deref(), Some("b"), "a line that did not fit stays");
        assert_eq!(events.next(&mut one, |_| true).as_deref(), Some("b"), "the same line");
        assert_eq!(events.next(&mut one, |_| true), None);
        assert_eq!(events.next(&mut other, |_| true).as_deref(), Some("a"));
    }

    #[test]
    fn lost_lines_are_counted() {
        let events = Events::default();
        let mut cursor = events.end();
        (0..KEPT + 3).for_each(|number| events.tell(number.to_string()));
        let line = events.next(&mut cursor, |_| true).unwrap();
        assert_eq!(line, "3 earlier events were not read in time");
        assert_eq!(events.next(&mut cursor, |_| true).as_deref(), Some("3"));
    }

    #[test]
    fn a_long_line_is_cut() {
        let events = Events::default();
        events.tell("🚀".repeat(1000));
        let line = events.next(&mut 0, |_| true).unwrap();
        assert!(line.encode_utf16().count() < 512);
    }
}

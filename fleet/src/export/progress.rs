//! A bar for people: how much of what was there at the beginning has been read. Where standard error is no terminal there is
//! none.

use indicatif::{ProgressBar, ProgressStyle};

pub struct Progress(ProgressBar);

impl Progress {
    pub fn new() -> Self {
        let style = ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} {msg} {eta}");
        let bar = ProgressBar::new(0).with_style(style.expect("the template is valid"));
        Self(bar)
    }

    /// There is more to read.
    pub fn add(&self, entries: u64) {
        self.0.inc_length(entries);
    }

    /// So many were read, of this table.
    pub fn read(&self, entries: u64, table: &'static str) {
        self.0.set_message(table);
        self.0.inc(entries);
    }

    /// All was read.
    pub fn end(&self) {
        self.0.finish_and_clear();
    }

    /// Prints without tearing the bar.
    pub fn pause(&self, print: impl FnOnce()) {
        self.0.suspend(print);
    }
}

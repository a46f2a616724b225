//! The error type of the crate: a code for the program and a text for the trader.
//!
//! The text says what was wrong, with the value, and what to do. Values that may be secret never enter an `Error`.

use std::fmt;

/// Why a call was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: i32,
    text: String,
}

/// What the crate's functions return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with one of [`crate::codes`] and the text that explains it.
    pub fn new(code: i32, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// The number that the C ABI returns, always below zero.
    pub fn code(&self) -> i32 {
        self.code
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

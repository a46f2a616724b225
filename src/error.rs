//! The one error type of the crate: a code for the program, a sentence for the trader.
//!
//! The sentence says what was wrong, with the value, and what to do. It never holds a password: values
//! that may be secret enter no `Error`.

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
    /// An error of one of [`crate::codes`], with the sentence that explains it.
    pub fn new(code: i32, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// The number the C ABI returns, always below zero.
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

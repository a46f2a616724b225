//! The errors by which a server refuses a command for good. Only these make a dead letter. Every other error, known or
//! not, holds the lane until it has passed, because a dead letter by mistake is a lost record.
//!
//! An error is on the list if the same record meets it again on the same server until somebody changes the record or a
//! foreign key in its place. `tests/refusals.rs` provokes each on a real server.

/// Codes, and the beginning of the text after each.
const FOR_GOOD: [(&str, &str); 9] = [
    // Somebody's key of another type has our name, and only its owner knows whether it may go.
    ("WRONGTYPE", ""),
    // The record's keys are in two slots, and always will be.
    ("CROSSSLOT", ""),
    // The record makes a command that this server does not have.
    ("ERR", "wrong number of arguments"),
    ("ERR", "syntax error"),
    // A number of the record is none for this server, or too large for it.
    ("ERR", "value is not an integer or out of range"),
    ("ERR", "value is out of range"),
    ("ERR", "value is not a valid float"),
    ("ERR", "invalid expire time"),
    // A text of the record is longer than the server keeps any.
    ("ERR", "string exceeds maximum allowed size"),
];

/// Whether the server will always refuse the same command.
pub(super) fn is_for_good(code: &str, detail: &str) -> bool {
    FOR_GOOD.iter().any(|(its_code, begins)| code == *its_code && detail.starts_with(begins))
}

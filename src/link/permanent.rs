//! The errors by which a server refuses a command for good. These alone put a record aside; whatever else a server
//! says, known or not, holds the lane until it has passed, since a record that was put aside by mistake is lost.
//!
//! An error is on the list if the same record meets it again on the same server for as long as nobody changes the
//! record, or somebody else's key that stands where ours should be. `tests/refusals.rs` provokes each by a real server.

/// Codes, and how the text after each begins.
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

/// Whether the server will refuse the same command again, for ever.
pub(super) fn is_for_good(code: &str, detail: &str) -> bool {
    FOR_GOOD.iter().any(|(its_code, begins)| code == *its_code && detail.starts_with(begins))
}

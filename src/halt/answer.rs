//! What a server's reply to `GET halt` means.

use redis::Value;

use crate::link::failure::{Class, Failure, plain};
use crate::model::halt::Halt;

/// What Redis says about one of the two keys.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// There is no such key. That ends no halt: the server may have lost its data.
    Absent,
    /// A halt, or the end of one.
    Order(Halt),
    /// The server did not say, for now.
    Later,
    /// The server refuses to say, with its words. A person must change that.
    Refused(String),
}

impl Answer {
    /// Reads the reply about `key`; none: there was no reply. What the key holds and cannot be read halts entries,
    /// because somebody may have meant a halt.
    pub(crate) fn read(key: &str, reply: Option<&Value>) -> Self {
        match reply {
            Some(Value::Nil) => Self::Absent,
            Some(Value::BulkString(value)) => Self::Order(Halt::read(value).unwrap_or_else(|| {
                let shown: String = String::from_utf8_lossy(value).chars().take(40).collect();
                Halt::unreadable(&format!("{key} is \"{}\", not entries:<who>:<why> or all:…", plain(&shown)))
            })),
            Some(Value::ServerError(error)) if error.code() == "WRONGTYPE" => Self::Order(Halt::unreadable(
                &format!("{key} is no string: mt5fleet halt or resume replaces it"),
            )),
            Some(Value::ServerError(error)) => {
                let failure = Failure::of_reply(error);
                match failure.class {
                    Class::Alarm | Class::Unlisted | Class::Reject => Self::Refused(failure.text),
                    _ => Self::Later,
                }
            }
            _ => Self::Later,
        }
    }
}

//! Errors, classified by what to do about them. The first word of Redis' error is its code, and the class follows from
//! that code: client libraries do not know most of the codes that matter here. An unknown error holds.

use std::io;

use redis::ServerError;

use super::permanent;
use super::reply;
use crate::config::WHILE_CONNECTING;
use crate::model::check;

/// The beginning of EXEC's error when the transaction was discarded.
const DISCARDED: &str = "Transaction discarded because of: ";
/// The longest text, characters: more than a line of the log shows.
const LONGEST: usize = 400;

/// What to do about a failure. The first is the most severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The connection is useless: reconnect and send again.
    Reconnect,
    /// Another server may be the right one: find out which, and send again.
    Refresh,
    /// Another server has the key this once: send again there, after ASKING.
    Ask,
    /// The server may recover by itself: hold and try again later.
    Hold,
    /// An error that is not listed here. A record holds, because the error may pass. A question has its answer.
    Unlisted,
    /// A person must change a password, a permission or the server: say so, hold, and try again later.
    Alarm,
    /// The server will never accept this command: the record becomes a dead letter.
    Reject,
}

/// A refusal that some caller treats in its own way, beyond its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The user may not run the command, or not on this key.
    NoPermission,
    /// The server does not have the command, or it has another name there.
    UnknownCommand,
    /// The memory limit is reached.
    OutOfMemory,
    /// A script runs, the data is being loaded, replicas are missing, or the disk fails.
    Strained,
    /// A slot moves, or no master is known.
    Reconfiguring,
    /// The stream's last id is the highest there is.
    OutOfIds,
    /// The stream or its consumer group does not exist.
    NoGroup,
    /// The consumer group exists already.
    GroupExists,
    /// There is no stream to create a consumer group on.
    NoStream,
    /// There is nothing to describe under this key.
    NoKey,
}

impl Refusal {
    /// By the code, and by the text where the code is `ERR`. A transaction that was refused names its reason in the
    /// text.
    fn of(code: &str, detail: &str) -> Option<Self> {
        let (code, detail) = match code {
            "EXECABORT" => detail.strip_prefix(DISCARDED)?.split_once(' ')?,
            _ => (code, detail),
        };
        Some(match code {
            "NOPERM" => Self::NoPermission,
            "OOM" => Self::OutOfMemory,
            "BUSY" | "LOADING" | "NOREPLICAS" | "MISCONF" => Self::Strained,
            "TRYAGAIN" | "CLUSTERDOWN" | "MASTERDOWN" => Self::Reconfiguring,
            "NOGROUP" => Self::NoGroup,
            "BUSYGROUP" => Self::GroupExists,
            "ERR" if detail.starts_with("unknown command") => Self::UnknownCommand,
            // The second is what Redis said before 7.0, where the last id is not below the one it would give.
            "ERR" if detail.starts_with("The stream has exhausted the last possible ID") => Self::OutOfIds,
            "ERR" if detail.starts_with("The ID specified in XADD is equal or smaller") => Self::OutOfIds,
            "ERR" if detail.starts_with("The XGROUP subcommand requires the key to exist") => Self::NoStream,
            "ERR" if detail.starts_with("no such key") => Self::NoKey,
            _ => return None,
        })
    }
}

/// Why an exchange with the server did not succeed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What to do about it.
    pub class: Class,
    /// Which refusal of the server it is, if it is one of these.
    pub refusal: Option<Refusal>,
    /// What the server or the operating system said: one plain line.
    pub text: String,
    /// A reply was larger than one may be.
    pub too_large: bool,
}

impl Failure {
    pub(crate) fn new(class: Class, text: String) -> Self {
        Self { class, refusal: None, text, too_large: false }
    }

    /// The connection could not be made, or broke.
    pub(crate) fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                Self::lost("no answer within the time-out")
            }
            io::ErrorKind::UnexpectedEof => Self::lost("the server closed the connection"),
            _ => Self { too_large: reply::is_too_large(error), ..Self::lost(error.to_string()) },
        }
    }

    /// The server answered with an error.
    pub(crate) fn of_reply(error: &ServerError) -> Self {
        Self::of_code(error.code(), error.details())
    }

    /// The same, of a connection that never came to be.
    pub(super) fn while_connecting(self) -> Self {
        match self.class {
            Class::Reconnect => Self { text: self.text + WHILE_CONNECTING, ..self },
            _ => self,
        }
    }

    pub(crate) fn lost(text: impl AsRef<str>) -> Self {
        Self::new(Class::Reconnect, plain(text.as_ref()))
    }

    pub(crate) fn held(text: impl AsRef<str>) -> Self {
        Self::new(Class::Hold, plain(text.as_ref()))
    }

    /// Whether the server has answered all the same: what it says is about the command, its key or the user. Any other
    /// failure says only that the server cannot answer here or now.
    pub fn is_an_answer(&self) -> bool {
        matches!(self.class, Class::Unlisted | Class::Alarm | Class::Reject)
    }

    /// What tells this failure from another one: its words. Ports, slots, times and counts make no other cause.
    pub fn cause(&self) -> String {
        self.text.chars().filter(|c| !c.is_ascii_digit()).collect()
    }

    /// The same, if it is a refusal for good of a command without which a record could be written twice.
    pub(crate) fn without(self, command: &str) -> Self {
        // What EXEC itself may not do is told like this.
        let text = self.text.strip_prefix("EXECABORT ").and_then(|text| text.strip_prefix(DISCARDED));
        let text = text.unwrap_or(&self.text);
        let is_final = matches!(self.refusal, Some(Refusal::NoPermission | Refusal::UnknownCommand));
        if self.class != Class::Reject && !is_final {
            return self;
        }
        // In this order, since the end may be cut off.
        let text = format!("{command} is refused, without which a record could be written twice: {text}");
        Self::new(Class::Alarm, text)
    }

    fn of_code(code: &str, detail: Option<&str>) -> Self {
        let refusal = Refusal::of(code, detail.unwrap_or_default());
        let class = class(code, detail.unwrap_or_default(), refusal);
        let text = match detail {
            Some(detail) => plain(&format!("{code} {detail}")),
            None => plain(code),
        };
        Self { refusal, ..Self::new(class, text) }
    }
}

/// What to do about an error, by its code and the text after it.
fn class(code: &str, said: &str, refusal: Option<Refusal>) -> Class {
    match code {
        "UNBLOCKED" => Class::Reconnect,
        "READONLY" | "MOVED" | "CLUSTERDOWN" | "MASTERDOWN" => Class::Refresh,
        "ASK" => Class::Ask,
        "NOAUTH" | "WRONGPASS" | "NOPERM" => Class::Alarm,
        // For that reason the whole transaction was refused, of which no record is known to be the cause.
        "EXECABORT" => match said.strip_prefix(DISCARDED).and_then(|cause| cause.split_once(' ')) {
            Some(("READONLY" | "CLUSTERDOWN" | "MASTERDOWN", _)) => Class::Refresh,
            Some(("NOAUTH" | "NOPERM", _)) => Class::Alarm,
            _ => Class::Hold,
        },
        code if permanent::is_for_good(code, said) => Class::Reject,
        _ if matches!(refusal, Some(Refusal::UnknownCommand | Refusal::OutOfIds)) => Class::Alarm,
        "LOADING" | "TRYAGAIN" | "BUSY" | "OOM" | "MISCONF" | "NOREPLICAS" => Class::Hold,
        // Refused for want of a free place, in words instead of a code.
        "ERR" if said.starts_with("max number of clients") => Class::Hold,
        _ => Class::Unlisted,
    }
}

/// A text of which a server may have written a part, as a log can bear it: one line, not too long, without what
/// steers a terminal, hides or turns what stands beside it.
pub(crate) fn plain(text: &str) -> String {
    text.chars().take(LONGEST).map(|c| if check::steers(c) { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_class() {
        for (code, class) in [
            ("READONLY", Class::Refresh),
            ("MOVED", Class::Refresh),
            ("CLUSTERDOWN", Class::Refresh),
            ("MASTERDOWN", Class::Refresh),
            ("ASK", Class::Ask),
            ("TRYAGAIN", Class::Hold),
            ("EXECABORT", Class::Hold),
            ("CROSSSLOT", Class::Reject),
            ("LOADING", Class::Hold),
            ("OOM", Class::Hold),
            ("NOREPLICAS", Class::Hold),
            ("MISCONF", Class::Hold),
            ("BUSY", Class::Hold),
            ("NOAUTH", Class::Alarm),
            ("WRONGPASS", Class::Alarm),
            ("NOPERM", Class::Alarm),
            ("WRONGTYPE", Class::Reject),
            ("ERR", Class::Unlisted),
            ("NEVERHEARD", Class::Unlisted),
            ("BUSYGROUP", Class::Unlisted),
        ] {
            let failure = Failure::of_code(code, Some("why"));
            assert_eq!(failure.class, class, "{code}");
            assert_eq!(failure.text, format!("{code} why"));
        }
        for (code, detail, class) in [
            ("ERR", "max number of clients reached", Class::Hold),
            ("ERR", "syntax error", Class::Reject),
            ("ERR", "Syntax error in a script of somebody", Class::Unlisted),
            ("ERR", "unknown command 'XADD', with args beginning with: 'ss:{0}:1.Demo' ", Class::Alarm),
            ("ERR", "The stream has exhausted the last possible ID, unable to add more items", Class::Alarm),
            ("EXECABORT", "Transaction discarded because of previous errors.", Class::Hold),
            ("EXECABORT", "Transaction discarded because of: OOM command not allowed", Class::Hold),
            ("EXECABORT", "Transaction discarded because of: READONLY You can't write", Class::Refresh),
            (
                "EXECABORT",
                "Transaction discarded because of: NOPERM this user has no permissions",
                Class::Alarm,
            ),
            ("EXECABORT", "Transaction discarded because of: WRONGTYPE of nobody's record", Class::Hold),
            ("EXECABORT", "Transaction discarded because of: nothing", Class::Hold),
        ] {
            assert_eq!(Failure::of_code(code, Some(detail)).class, class, "{code} {detail}");
        }
    }

    #[test]
    fn a_refusal_that_is_answered_has_a_name() {
        let key_missing =
            "The XGROUP subcommand requires the key to exist. Note that for CREATE you may want";
        for (code, detail, refusal) in [
            ("NOPERM", "this user has no permissions", Some(Refusal::NoPermission)),
            ("ERR", "unknown command 'XADD'", Some(Refusal::UnknownCommand)),
            ("OOM", "command not allowed", Some(Refusal::OutOfMemory)),
            ("BUSY", "Redis is busy running a script", Some(Refusal::Strained)),
            ("LOADING", "Redis is loading", Some(Refusal::Strained)),
            ("NOREPLICAS", "Not enough good replicas", Some(Refusal::Strained)),
            ("MISCONF", "errors writing to the AOF", Some(Refusal::Strained)),
            ("TRYAGAIN", "Multiple keys", Some(Refusal::Reconfiguring)),
            ("CLUSTERDOWN", "Hash slot not served", Some(Refusal::Reconfiguring)),
            ("MASTERDOWN", "Link with MASTER is down", Some(Refusal::Reconfiguring)),
            ("ERR", "The stream has exhausted the last possible ID, unable", Some(Refusal::OutOfIds)),
            ("ERR", "The ID specified in XADD is equal or smaller than", Some(Refusal::OutOfIds)),
            ("NOGROUP", "No such key 'x' or consumer group 'g'", Some(Refusal::NoGroup)),
            ("BUSYGROUP", "Consumer Group name already exists", Some(Refusal::GroupExists)),
            ("ERR", key_missing, Some(Refusal::NoStream)),
            ("ERR", "no such key", Some(Refusal::NoKey)),
            ("EXECABORT", "Transaction discarded because of: OOM command", Some(Refusal::OutOfMemory)),
            ("EXECABORT", "Transaction discarded because of previous errors.", None),
            ("WRONGPASS", "invalid username-password pair", None),
            ("ERR", "syntax error", None),
        ] {
            assert_eq!(Failure::of_code(code, Some(detail)).refusal, refusal, "{code} {detail}");
        }
        assert_eq!(Failure::lost("no answer within the time-out").refusal, None);
    }

    #[test]
    fn only_a_refusal_for_good_says_that_transactions_are_impossible() {
        for (code, detail, refused) in [
            ("NOPERM", "this user has no permissions to run the 'multi' command", true),
            ("ERR", "unknown command 'MULTI'", true),
            ("EXECABORT", "Transaction discarded because of: NOPERM this user has no permissions", true),
            ("EXECABORT", "Transaction discarded because of: BUSY Redis is busy running a script", false),
            ("NOAUTH", "Authentication required.", false),
            ("LOADING", "Redis is loading the dataset in memory", false),
        ] {
            let before = Failure::of_code(code, Some(detail));
            let after = before.clone().without("MULTI");
            assert_eq!(after.text.starts_with("MULTI is refused, "), refused, "{after:?}");
            assert_eq!(after.class, if refused { Class::Alarm } else { before.class }, "{after:?}");
        }
    }

    #[test]
    fn what_a_server_says_is_one_plain_line() {
        let evil = "\u{1b}]0;title\u{7} \u{9b}2J\r\n\t\u{202e}\u{2028}\u{200b}\u{feff}\u{7f}\0 ключ 買い";
        let said = "OOM ?]0;title? ?2J????????? ключ 買い";
        assert_eq!(Failure::of_code("OOM", Some(evil)).text, said);
        assert_eq!(Failure::lost(evil).text, &said[4..]);
        assert_eq!(Failure::held(evil).text, &said[4..]);
        assert_eq!(Failure::of_code(evil, None).text, &said[4..]);
        assert_eq!(Failure::of_code("ERR", Some(&"x".repeat(100_000))).text.len(), LONGEST);
    }
}

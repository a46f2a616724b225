//! Errors in words: the server's own reply instead of the client library's paraphrase, and what to change in the
//! configuration. The bridge's log uses the same words.

use anyhow::Error;
use mt5_redis::config::{Endpoint, WHILE_CONNECTING};
use redis::RedisError;

/// The context of an error before the server's first reply.
pub const CONNECTING: &str = "cannot connect";

/// An error in words and, if known, what to change.
pub fn with_advice(error: &Error, endpoint: &Endpoint) -> String {
    endpoint.told(&describe(error))
}

/// An error in words.
pub fn describe(error: &Error) -> String {
    let mut parts = Vec::new();
    for cause in error.chain() {
        match cause.downcast_ref::<RedisError>() {
            Some(error) => {
                parts.push(server_reply(error));
                // The causes below only repeat it.
                break;
            }
            None => parts.push(cause.to_string()),
        }
    }
    let all = parts.len();
    parts.retain(|part| part != CONNECTING);
    let moment = if parts.len() < all { WHILE_CONNECTING } else { "" };
    parts.join(": ") + moment
}

/// The server's reply, or how the connection broke.
pub fn server_reply(error: &RedisError) -> String {
    match error.code() {
        Some(code) => format!("{code} {}", error.detail().unwrap_or_default()),
        None if error.is_timeout() => "no answer within the time-out".to_owned(),
        None => error.to_string(),
    }
}

/// Whether the server does not know the command or does not permit it.
pub fn is_refusal(error: &RedisError) -> bool {
    matches!(error.code(), Some("ERR" | "NOPERM"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_repeats_the_servers_reply_once_and_says_if_there_was_no_connection() {
        let reply = redis::parse_redis_value(b"-WRONGPASS invalid pair\r\n").unwrap();
        let refused = Error::from(reply.extract_error().unwrap_err());
        assert_eq!(describe(&refused), "WRONGPASS invalid pair");
        assert_eq!(describe(&refused.context("10.0.0.1:6379")), "10.0.0.1:6379: WRONGPASS invalid pair");
        let reset = std::io::Error::from_raw_os_error(104);
        let reset = Error::from(RedisError::from(reset)).context(CONNECTING).context("10.0.0.1:6379");
        assert!(describe(&reset).starts_with("10.0.0.1:6379: "), "{}", describe(&reset));
        assert!(describe(&reset).ends_with("(os error 104) while connecting"), "{}", describe(&reset));
        let late = Error::from(RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut)));
        assert_eq!(describe(&late), "no answer within the time-out");
    }
}

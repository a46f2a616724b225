//! What is told of an error: a server's own words, without what the client library makes of them, and with what to
//! change in the configuration. The library's log tells the same in the same words.

use anyhow::Error;
use mt5_redis::config::{Endpoint, WHILE_CONNECTING};
use redis::RedisError;

/// The context of an error that came before the first reply of a server.
pub const CONNECTING: &str = "cannot connect";

/// An error and, where it is known, what to change.
pub fn with_advice(error: &Error, endpoint: &Endpoint) -> String {
    endpoint.told(&describe(error))
}

/// An error alone.
pub fn describe(error: &Error) -> String {
    let mut parts = Vec::new();
    for cause in error.chain() {
        match cause.downcast_ref::<RedisError>() {
            Some(error) => {
                parts.push(server_reply(error));
                // What it is based on says the same once more.
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

/// The words of a server, or how the connection to it broke.
pub fn server_reply(error: &RedisError) -> String {
    match error.code() {
        Some(code) => format!("{code} {}", error.detail().unwrap_or_default()),
        None if error.is_timeout() => "no answer within the time-out".to_owned(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_servers_words_once_and_says_whether_there_ever_was_a_connection() {
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

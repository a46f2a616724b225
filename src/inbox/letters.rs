//! The dead letters of the readers: to look at, to put back, to delete.

use redis::Value;
use serde::Serialize;

use super::Received;
use super::reply;
use super::wire::{Wire, command};
use crate::codes::MT5REDIS_ERR_TIMEOUT;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::link::Link;
use crate::model::key;

/// Puts an entry back at the end of its stream and deletes the letter, once. The reader's own fields stay
/// behind; `r` says that it may have been seen before.
const RETRY: &str = "local found = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1]) \
    if #found == 0 then return 0 end \
    local entry = {} \
    for at = 1, #found[1][2], 2 do local name = found[1][2][at] \
    if string.sub(name, 1, 2) ~= 'x-' and name ~= 'r' then \
    entry[#entry + 1] = name entry[#entry + 1] = found[1][2][at + 1] end end \
    redis.call('XADD', KEYS[2], '*', 'r', '1', unpack(entry)) \
    return redis.call('XDEL', KEYS[1], ARGV[1])";

/// How many letters one command reads.
const PAGE: usize = 500;

/// A signal that no reader could act on.
#[derive(Clone, Debug, Serialize)]
pub struct DeadSignal {
    /// The letter's id in `sd:{k}`.
    pub id: String,
    /// Its shard, k.
    pub shard: u16,
    /// The group that gave it up.
    pub group: String,
    /// How often it was handed out.
    pub deliveries: u64,
    /// Why the last attempt failed.
    pub error: String,
    /// The signal in a few words, or why it is none.
    pub signal: String,
    /// What makes its effect happen once; absent where it is no signal.
    pub key: Option<String>,
}

/// The dead letters of all shards.
pub struct Letters {
    wire: Wire,
    shards: u16,
}

impl Letters {
    /// Those of this configuration.
    pub fn new(config: &Config) -> Self {
        let link = Link::new(config.rtss.endpoint.clone(), "mt5redis:deadletters".into());
        Self { wire: Wire::new(link), shards: config.rtss_shards }
    }

    /// Every letter, by shard, oldest first.
    pub fn all(&mut self) -> Result<Vec<DeadSignal>> {
        let mut letters = Vec::new();
        for shard in 0..self.shards {
            let key = key::dead_letters(shard);
            let mut from = "-".to_owned();
            loop {
                let page = command(["XRANGE", &key, &from, "+", "COUNT", &PAGE.to_string()]);
                let entries = reply::entries(&self.ask(&key, page)?);
                let Some(((ms, number), _)) = entries.last() else { break };
                from = format!("{ms}-{}", number + 1);
                let full = entries.len() == PAGE;
                letters.extend(entries.into_iter().map(|entry| letter(shard, entry)));
                if !full {
                    break;
                }
            }
        }
        Ok(letters)
    }

    /// Puts a letter's signal back at the end of its stream. Says whether the letter was still there.
    pub fn retry(&mut self, letter: &DeadSignal) -> Result<bool> {
        let (letters, signals) = (key::dead_letters(letter.shard), key::signals(letter.shard, ""));
        let words = command(["EVAL", RETRY, "2", &letters, &signals, &letter.id]);
        Ok(self.ask(&letters, words)? == Value::Int(1))
    }

    /// Deletes a letter. Says whether it was still there.
    pub fn drop(&mut self, letter: &DeadSignal) -> Result<bool> {
        let key = key::dead_letters(letter.shard);
        Ok(self.ask(&key, command(["XDEL", &key, &letter.id]))? == Value::Int(1))
    }

    fn ask(&mut self, key: &str, words: Vec<Vec<u8>>) -> Result<Value> {
        let connected = if self.wire.is_connected() { Ok(()) } else { self.wire.connect() };
        connected.and_then(|()| self.wire.ask(key, words)).map_err(|failure| {
            let told = self.wire.told(&failure);
            Error::new(MT5REDIS_ERR_TIMEOUT, format!("the signals' server does not do it: {told}"))
        })
    }
}

fn letter(shard: u16, ((ms, number), fields): reply::Entry) -> DeadSignal {
    let fields = fields.unwrap_or_default();
    let text = |name: &str| {
        let pair = fields.chunks_exact(2).find(|pair| pair[0] == name.as_bytes());
        pair.map(|pair| String::from_utf8_lossy(&pair[1]).into_owned()).unwrap_or_default()
    };
    let received = Received::decode(&fields);
    DeadSignal {
        id: format!("{ms}-{number}"),
        shard,
        group: text("x-group"),
        deliveries: text("x-deliveries").parse().unwrap_or(0),
        error: text("x-error"),
        key: received.as_ref().ok().map(Received::key),
        signal: match received {
            Ok(signal) => signal.to_string(),
            Err(reason) => reason,
        },
    }
}

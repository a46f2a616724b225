//! The dead letters of the workers: to list, to put back, to delete.

use std::sync::Arc;

use mt5_redis::codes::{MT5REDIS_ERR_INSTANCE, MT5REDIS_ERR_TIMEOUT};
use mt5_redis::config::Config;
use mt5_redis::error::{Error, Result};
use mt5_redis::inbox::client::{Client, Command, command, good, server_ms};
use mt5_redis::inbox::reply;
use mt5_redis::link::failure::Failure;
use mt5_redis::model::received::Received;
use mt5_redis::model::{InstanceId, key};
use redis::Value;
use serde::Serialize;

/// How often putting back a letter is tried while others change.
const ATTEMPTS: usize = 20;
/// How many letters one command reads at most.
const PAGE: usize = 500;

/// A signal that no worker could act on.
#[derive(Clone, Debug, Serialize)]
pub struct DeadLetter {
    /// The letter's id in `sd:{k}`.
    pub id: String,
    /// Its shard, k.
    pub shard: u16,
    /// The source of the signal.
    pub source: String,
    /// The group that gave it up.
    pub group: String,
    /// How often it was handed out.
    pub deliveries: u64,
    /// Why the last attempt failed.
    pub error: String,
    /// The signal in a few words, or why it is not one.
    pub signal: String,
    /// What makes its effect happen once; absent where it is not a signal.
    pub key: Option<String>,
}

/// The dead letters of all shards.
pub struct DeadLetters {
    client: Client,
    shards: u16,
    /// How long signals are kept, ms.
    retention_ms: String,
}

impl DeadLetters {
    /// Those of this configuration.
    pub fn new(config: &Config) -> Self {
        let (name, purpose) = ("mt5redis:deadletters".to_owned(), "dead letters".to_owned());
        Self {
            // Each call returns its failure, so nothing is reported.
            client: Client::new(&config.rtss.endpoint, name, purpose, Arc::new(|_| {})).for_transactions(),
            shards: config.rtss_shards,
            retention_ms: config.rtss_retention.as_millis().to_string(),
        }
    }

    /// Every letter, by shard, oldest first.
    pub fn all(&mut self) -> Result<Vec<DeadLetter>> {
        let mut letters = Vec::new();
        let mut page = PAGE;
        for shard in 0..self.shards {
            let key = key::dead_letters(shard);
            let mut from = "-".to_owned();
            loop {
                self.connect()?;
                let range = command(["XRANGE", &key, &from, "+", "COUNT", &page.to_string()]);
                let entries = match self.client.ask(&key, range) {
                    // A letter has up to 64 KiB, so a page of few is small enough.
                    Err(failure) if failure.too_large && page > 1 => {
                        page = (page / 16).max(1);
                        continue;
                    }
                    reply => reply::entries(&reply.map_err(|failure| self.failed(&failure))?),
                };
                let Some((last, _)) = entries.last() else { break };
                from = format!("({last}");
                let full = entries.len() == page;
                letters.extend(entries.into_iter().map(|entry| letter(shard, entry)));
                if !full {
                    break;
                }
            }
        }
        Ok(letters)
    }

    /// Puts a letter's signal back at the end of its stream. Returns whether the letter still existed.
    pub fn retry(&mut self, letter: &DeadLetter) -> Result<bool> {
        let source = InstanceId::new(&letter.source)?;
        if key::shard(&letter.source, self.shards) != letter.shard {
            let text = format!("source {} is not in shard {}: see rtss.shards", letter.source, letter.shard);
            return Err(Error::new(MT5REDIS_ERR_INSTANCE, text));
        }
        self.connect()?;
        for _ in 0..ATTEMPTS {
            if let Some(done) = self.put_back(&source, letter).map_err(|failure| self.failed(&failure))? {
                return Ok(done);
            }
        }
        let text = format!("the dead letters of shard {} keep changing: try again", letter.shard);
        Err(Error::new(MT5REDIS_ERR_TIMEOUT, text))
    }

    /// Puts the signal back and deletes the letter in one transaction, which does nothing if the letters changed. The
    /// field `r` says that the signal may have been seen before; what the worker added is left out.
    fn put_back(
        &mut self,
        source: &InstanceId,
        letter: &DeadLetter,
    ) -> std::result::Result<Option<bool>, Failure> {
        let (letters, signals) =
            (key::dead_letters(letter.shard), key::signals(letter.shard, source.as_str()));
        let asked = [
            command(["WATCH", &letters]),
            command(["TIME"]),
            command(["XRANGE", &letters, &letter.id, &letter.id]),
        ];
        let (replies, node) = self.client.exchange_where(&letters, &asked)?;
        let mut replies = replies.into_iter().map(good);
        let mut next = || replies.next().expect("one a command");
        let (_, time, found) = (next()?, next()?, next()?);
        let Some((_, Some(fields))) = reply::entries(&found).pop() else { return Ok(Some(false)) };
        let mut add = command(["XADD", &signals, "*", "r", "1"]);
        let kept = |pair: &&[Vec<u8>]| !pair[0].starts_with(b"x-") && pair[0] != b"r";
        add.extend(fields.chunks_exact(2).filter(kept).flatten().cloned());
        let now = server_ms(&time).unwrap_or(0).to_string();
        let commands = vec![
            add,
            command(["PEXPIRE", &signals, &self.retention_ms]),
            command(["ZADD", &key::sources(letter.shard), &now, source.as_str()]),
            command(["XDEL", &letters, &letter.id]),
        ];
        Ok(self.client.transact_at(node, commands)?.map(|_| true))
    }

    /// Deletes a letter. Returns whether it still existed.
    pub fn drop(&mut self, letter: &DeadLetter) -> Result<bool> {
        let key = key::dead_letters(letter.shard);
        Ok(self.ask(&key, command(["XDEL", &key, &letter.id]))? == Value::Int(1))
    }

    fn failed(&self, failure: &Failure) -> Error {
        let text = format!("the signals' server refuses: {}", self.client.in_words(failure));
        Error::new(MT5REDIS_ERR_TIMEOUT, text)
    }

    fn connect(&mut self) -> Result<()> {
        self.client.ensure_connected().map(drop).map_err(|failure| self.failed(&failure))
    }

    fn ask(&mut self, key: &str, command: Command) -> Result<Value> {
        self.connect()?;
        self.client.ask(key, command).map_err(|failure| self.failed(&failure))
    }
}

fn letter(shard: u16, (id, fields): reply::Entry) -> DeadLetter {
    let fields = fields.unwrap_or_default();
    // The worker's fields come last: those before may be anybody's.
    let text = |name: &str| {
        let pair = fields.chunks_exact(2).rfind(|pair| pair[0] == name.as_bytes());
        pair.map(|pair| String::from_utf8_lossy(&pair[1]).into_owned()).unwrap_or_default()
    };
    let received = Received::decode(&fields);
    DeadLetter {
        id: id.to_string(),
        shard,
        source: text("x-source"),
        group: text("x-group"),
        deliveries: text("x-deliveries").parse().unwrap_or(0),
        error: text("x-error"),
        key: received.as_ref().ok().map(Received::idempotency_key),
        signal: received.map_or_else(|reason| reason, |signal| signal.to_string()),
    }
}

//! Which server is the master: the sentinels are asked one after the other, each with a deadline.

use redis::FromRedisValue;

use super::connection::Connection;
use super::failure::Failure;
use crate::config::{Address, Endpoint, Identity};

/// The sentinels of a master, who answered last first.
pub(super) struct Sentinels {
    addresses: Vec<Address>,
    master: String,
    identity: Identity,
}

impl Sentinels {
    pub(super) fn new(addresses: &[Address], master: &str, identity: &Identity) -> Self {
        Self { addresses: addresses.to_vec(), master: master.to_owned(), identity: identity.clone() }
    }

    /// Where the first sentinel that answers says the master is. Those that are silent are asked last from
    /// now on.
    pub(super) fn master(&mut self, endpoint: &Endpoint) -> Result<Address, Failure> {
        let mut reasons = String::new();
        for _ in 0..self.addresses.len() {
            let sentinel = &self.addresses[0];
            match self.ask(sentinel, endpoint) {
                Ok(master) => return Ok(master),
                Err(failure) => {
                    let separator = if reasons.is_empty() { "" } else { ", " };
                    reasons = format!("{reasons}{separator}{sentinel}: {}", failure.text);
                }
            }
            self.distrust();
        }
        Err(Failure::lost(format!("no sentinel knows where {} is ({reasons})", self.master)))
    }

    /// What the first sentinel says led nowhere: asks another one first the next time.
    pub(super) fn distrust(&mut self) {
        self.addresses.rotate_left(1);
    }

    fn ask(&self, sentinel: &Address, endpoint: &Endpoint) -> Result<Address, Failure> {
        let mut connection = Connection::open_sentinel(sentinel, endpoint, &self.identity)?;
        let reply = connection.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", &self.master])?;
        match Option::<(String, u16)>::from_redis_value(reply) {
            Ok(Some((host, port))) => Ok(Address { host, port }),
            Ok(None) => Err(Failure::lost("knows no master of this name")),
            Err(_) => Err(Failure::lost("is no sentinel")),
        }
    }
}

//! Reads an instance's history of equity from its ris server.

use anyhow::{Result, anyhow};
use mt5_redis::model::equity::EquityHistory;
use mt5_redis::model::key;
use redis::ConnectionLike;

/// The history of an instance at `now_ms`, ms since 1970 UTC; an empty one if there is none. On a Cluster the connection
/// is to the node that has the key.
pub fn read(connection: &mut impl ConnectionLike, instance: &str, now_ms: i64) -> Result<EquityHistory> {
    let key = key::equity(instance);
    let bytes: Option<Vec<u8>> = redis::cmd("GET").arg(key.as_str()).query(connection)?;
    let Some(bytes) = bytes else { return Ok(EquityHistory::default()) };
    EquityHistory::read(&bytes, now_ms).map_err(|reason| anyhow!("{key} is no history of equity: {reason}"))
}

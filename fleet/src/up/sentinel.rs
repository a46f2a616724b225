//! Masters, replicas and Sentinels: waits until they are healthy, and finds the current master.

use anyhow::{Context, Result};
use redis::{FromRedisValue, InfoDict};

use super::{LANES, server, wait};

/// Waits until each replica is in sync and the three Sentinels know everybody and agree.
pub(super) fn wait_until_healthy(ports: &[u16]) -> Result<()> {
    wait(|| {
        let (servers, sentinels) = ports.split_at(2 * LANES.len());
        for (lane, pair) in LANES.iter().zip(servers.chunks(2)) {
            if let Some(missing) = replica_missing(pair)? {
                return Ok(Some(format!("{lane}: {missing}")));
            }
        }
        for &sentinel in sentinels {
            for lane in LANES {
                if let Some(missing) = sentinel_missing(sentinel, lane)? {
                    return Ok(Some(format!("the Sentinel on port {sentinel}: {missing}")));
                }
            }
        }
        Ok(None)
    })
}

/// What a pair lacks to be a master and its replica; either may be the master.
fn replica_missing(pair: &[u16]) -> Result<Option<String>> {
    let mut found = Vec::new();
    for &port in pair {
        let info: InfoDict = redis::cmd("INFO").arg("replication").query(&mut server::connect(port)?)?;
        let follows = info.get::<String>("master_link_status").is_some_and(|status| status == "up");
        let followed = info.get::<String>("slave0").is_some_and(|slave| slave.contains("state=online"));
        found.push(match info.get::<String>("role").as_deref() {
            Some("master") => followed,
            _ => follows,
        });
    }
    Ok((found != [true, true]).then(|| format!("the servers on ports {pair:?} are not in sync yet")))
}

fn sentinel_missing(sentinel: u16, lane: &str) -> Result<Option<String>> {
    let mut connection = server::connect(sentinel)?;
    let view: Vec<String> = redis::cmd("SENTINEL").arg("MASTER").arg(lane).query(&mut connection)?;
    let value = |name: &str| view.chunks(2).find(|pair| pair[0] == name).map_or("", |pair| pair[1].as_str());
    if (value("flags"), value("num-slaves"), value("num-other-sentinels")) != ("master", "1", "2") {
        return Ok(Some(format!(
            "it sees {lane} as {} with {} replicas and {} other Sentinels",
            value("flags"),
            value("num-slaves"),
            value("num-other-sentinels")
        )));
    }
    let quorum: redis::RedisResult<String> =
        redis::cmd("SENTINEL").arg("CKQUORUM").arg(lane).query(&mut connection);
    Ok(quorum.err().map(|error| error.to_string()))
}

/// The port of a lane's master, from the first Sentinel that answers.
pub(super) fn master(sentinels: &[u16], lane: &str) -> Option<u16> {
    sentinels.iter().find_map(|&sentinel| ask_master(sentinel, lane).ok())
}

fn ask_master(sentinel: u16, lane: &str) -> Result<u16> {
    let mut ask = redis::cmd("SENTINEL");
    ask.arg("GET-MASTER-ADDR-BY-NAME").arg(lane);
    let (_, port) = <(String, u16)>::from_redis_value(ask.query(&mut server::connect(sentinel)?)?)
        .context("the Sentinel knows no master")?;
    Ok(port)
}

//! An order: a halt or its end, as the value of a key, and which instances obey it. It is written, read and watched here;
//! who asks prints or shows it.

use anyhow::{Result, anyhow};
use mt5_redis::model::halt::{Halt, MT5REDIS_HALT_ENTRIES, MT5REDIS_HALT_NONE};
use mt5_redis::model::{InstanceId, key};
use redis::{FromRedisValue, RedisError, Value};

use crate::observe::instances;
use crate::observe::nodes::{Nodes, answer_about_key};

/// The key for one instance, or for all.
pub fn key_for(instance: Option<&str>) -> Result<String> {
    let Some(instance) = instance else { return Ok(key::HALT.to_owned()) };
    InstanceId::new(instance).map_err(|error| anyhow!("{error}"))?;
    Ok(key::halt(instance).to_string())
}

/// Whether terminals read what was meant.
pub fn can_be_read(halt: &Halt) -> bool {
    Halt::read(halt.to_string().as_bytes()).as_ref() == Some(halt)
}

/// What the key holds now.
pub fn value(nodes: &mut Nodes, key: &str) -> Result<Option<String>> {
    match nodes.ask_owner::<Value>(redis::cmd("GET").arg(key)) {
        Ok(value) => Ok(Option::<String>::from_redis_value(value).ok().flatten()),
        Err(error) if code(&error) == Some("WRONGTYPE") => Ok(Some("no string".to_owned())),
        Err(error) => Err(error),
    }
}

/// Writes the key, once.
pub fn set(nodes: &mut Nodes, key: &str, halt: &Halt) -> Result<()> {
    nodes.ask_owner(redis::cmd("SET").arg(key).arg(halt.to_string()))
}

/// How many instances are alive, of all or of this one, and which of them do not obey what Redis says now. `level` is
/// that of the order.
pub fn look(nodes: &mut Nodes, instance: Option<&str>, level: i32) -> Result<(usize, Vec<String>)> {
    let mut alive = instances::read(nodes)?.alive;
    alive.retain(|(name, _)| instance.is_none_or(|instance| instance == name));
    let names: Vec<&str> = alive.iter().map(|(name, _)| name.as_str()).collect();
    let (for_all, for_one) = levels(nodes, &names)?;
    // Who remembers a stricter halt that Redis has lost obeys a halt, but not the end of one. What Redis has just lost
    // is this order, which is in force.
    let obeys = |heard: Option<i32>, told: i32| match level {
        MT5REDIS_HALT_NONE => heard == Some(told),
        level => heard.is_some_and(|heard| heard >= told.max(level)),
    };
    let others = alive.iter().zip(for_one);
    let others = others.filter(|((_, heartbeat), one)| !obeys(heartbeat.halt, for_all.max(*one)));
    let name = |name: &String, knows: bool| match knows {
        true => name.clone(),
        false => format!("{name} (its library knows no halt)"),
    };
    Ok((alive.len(), others.map(|((who, beat), _)| name(who, beat.halt.is_some())).collect()))
}

/// What Redis says to all, and to each of these instances.
fn levels(nodes: &mut Nodes, instances: &[&str]) -> Result<(i32, Vec<i32>)> {
    let keys: Vec<String> = [key::HALT.to_owned()]
        .into_iter()
        .chain(instances.iter().map(|instance| key::halt(instance).to_string()))
        .collect();
    let get = |key: &String| redis::cmd("GET").arg(key).clone();
    let asked: Vec<_> = keys.iter().map(|key| (key.as_str(), get(key))).collect();
    let mut levels = Vec::new();
    for answer in nodes.ask_all(&asked)? {
        levels.push(match answer {
            Err(error) if error.code() == Some("WRONGTYPE") => MT5REDIS_HALT_ENTRIES,
            answer => match answer_about_key(answer)? {
                Some(Value::BulkString(value)) => read(&value).level,
                _ => MT5REDIS_HALT_NONE,
            },
        });
    }
    let for_all = levels.remove(0);
    Ok((for_all, levels))
}

/// The halt of a value. One that cannot be read halts entries: somebody may have meant a halt.
pub fn read(value: &[u8]) -> Halt {
    Halt::read(value).unwrap_or_else(|| Halt::unreadable("the value cannot be read"))
}

/// The code of a server's error.
pub fn code(error: &anyhow::Error) -> Option<&str> {
    error.downcast_ref::<RedisError>().and_then(RedisError::code)
}

//! Live resharding: migrates slots from master to master while everybody writes, as `redis-cli --cluster reshard` does.

use anyhow::{Context, Result};
use redis::Connection;

use super::server;

/// Keys in one MIGRATE.
const KEYS: usize = 100;
const TIMEOUT_MS: u32 = 10_000;

/// A master and its slots.
struct Master {
    id: String,
    port: u16,
    slots: Vec<u16>,
    connection: Connection,
}

/// Migrates every slot with keys to the next master; returns how many.
pub fn reshard(port: u16) -> Result<usize> {
    let mut masters = masters(port)?;
    let mut moved = 0;
    let plan = masters.iter_mut().map(Master::filled).collect::<Result<Vec<_>>>()?;
    for (from, slots) in plan.into_iter().enumerate() {
        let to = (from + 1) % masters.len();
        for slot in slots {
            migrate(&mut masters, from, to, slot).with_context(|| format!("cannot migrate slot {slot}"))?;
            moved += 1;
        }
    }
    Ok(moved)
}

impl Master {
    /// Its slots that hold keys.
    fn filled(&mut self) -> Result<Vec<u16>> {
        let mut ask = redis::pipe();
        for slot in &self.slots {
            ask.cmd("CLUSTER").arg("COUNTKEYSINSLOT").arg(slot);
        }
        let counts: Vec<u64> = ask.query(&mut self.connection)?;
        let both = self.slots.iter().zip(counts);
        Ok(both.filter(|(_, count)| *count > 0).map(|(slot, _)| *slot).collect())
    }
}

fn migrate(masters: &mut [Master], from: usize, to: usize, slot: u16) -> Result<()> {
    let (from_id, to_id) = (masters[from].id.clone(), masters[to].id.clone());
    let to_port = masters[to].port;
    set_slot(&mut masters[to], slot, &["IMPORTING", &from_id])?;
    let source = &mut masters[from];
    set_slot(source, slot, &["MIGRATING", &to_id])?;
    loop {
        let mut ask = redis::cmd("CLUSTER");
        let keys: Vec<String> = ask.arg("GETKEYSINSLOT").arg(slot).arg(KEYS).query(&mut source.connection)?;
        if keys.is_empty() {
            break;
        }
        let mut migrate = redis::cmd("MIGRATE");
        migrate.arg("127.0.0.1").arg(to_port).arg("").arg(0).arg(TIMEOUT_MS).arg("KEYS").arg(keys);
        migrate.exec(&mut source.connection)?;
    }
    // The new owner first: the old one redirects clients to it at once.
    for at in [to, from].into_iter().chain((0..masters.len()).filter(|at| ![from, to].contains(at))) {
        set_slot(&mut masters[at], slot, &["NODE", &to_id])?;
    }
    Ok(())
}

fn set_slot(master: &mut Master, slot: u16, what: &[&str]) -> Result<()> {
    Ok(redis::cmd("CLUSTER").arg("SETSLOT").arg(slot).arg(what).exec(&mut master.connection)?)
}

/// The masters that a node knows, with their slots.
fn masters(port: u16) -> Result<Vec<Master>> {
    let nodes: String = redis::cmd("CLUSTER").arg("NODES").query(&mut server::connect(port)?)?;
    let mut masters = Vec::new();
    for line in nodes.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [id, address, flags, .., _state] = words[..8] else { continue };
        if !flags.contains("master") || flags.contains("fail") {
            continue;
        }
        let port = address.split(['@', ',']).next().and_then(|address| address.rsplit(':').next());
        let port = port.context("a node without a port")?.parse()?;
        let mut slots = Vec::new();
        for range in &words[8..] {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            slots.extend(first.parse::<u16>()?..=last.parse()?);
        }
        masters.push(Master { id: id.to_owned(), port, slots, connection: server::connect(port)? });
    }
    Ok(masters)
}

//! ris: each instance shows its last heartbeat, will expire, and is in the list of instances.

use std::collections::HashSet;

use anyhow::Result;
use mt5_redis::model::instance::*;

use super::values::{Expected, Hash};
use super::{Reader, SCHEMA, Verdict};
use crate::ledger::{Heartbeat, Ledger};

const LIST: &str = "il";
/// The time to live in the default configuration.
const TTL_MS: i64 = 90_000;

/// Checks the lane; returns the keys that belong to it.
pub(super) fn check(
    reader: &mut Reader,
    ledgers: &[Ledger],
    verdict: &mut Verdict,
) -> Result<HashSet<String>> {
    let mut keys = HashSet::from([LIST.to_owned()]);
    for ledger in ledgers {
        let Some(last) = ledger.heartbeats.last() else { continue };
        let key = key(&ledger.instance);
        let (hash, life_ms): (Hash, i64) =
            redis::pipe().cmd("HGETALL").arg(&key).cmd("PTTL").arg(&key).query(reader.of(&key)?)?;
        let listed: Option<f64> =
            redis::cmd("ZSCORE").arg(LIST).arg(&ledger.instance).query(reader.of(LIST)?)?;
        verdict.state(&key, &ledger.sequences(0), &fields(ledger, last), &hash);
        if !hash.is_empty() && !(1..=TTL_MS).contains(&life_ms) {
            verdict.find(format!("{key} has a time to live of {life_ms} ms, expected 1 to {TTL_MS}"));
        }
        if listed != Some(last.state.time_ms as f64) {
            verdict.find(format!(
                "{LIST} has {listed:?} for {}, its last heartbeat was at {}",
                ledger.instance, last.state.time_ms
            ));
        }
        // Its values follow from the hash's, and its layout has tests of its own.
        keys.extend([key, format!("ih:{{{}}}", ledger.instance)]);
    }
    let instances: HashSet<String> = redis::cmd("ZRANGE").arg(LIST).arg(0).arg(-1).query(reader.of(LIST)?)?;
    for instance in instances {
        if !keys.contains(&key(&instance)) {
            verdict.find(format!("{LIST} has {instance}, which never sent a heartbeat"));
        }
    }
    Ok(keys)
}

fn key(instance: &str) -> String {
    format!("is:{{{instance}}}")
}

fn fields(ledger: &Ledger, heartbeat: &Heartbeat) -> Vec<(&'static str, Expected)> {
    use Expected::{AnyCount, AnyInteger, Integer, Number};
    let Heartbeat { sequence, state, account } = heartbeat;
    let text = |text: &str| Expected::text(text);
    let flag = |bit: i32| Integer((state.flags & bit != 0).into());
    vec![
        ("v", Integer(SCHEMA)),
        ("p", text(&ledger.producers[0])),
        ("q", Integer(*sequence as i64)),
        ("t", Integer(state.time_ms)),
        ("o", Integer(state.server_offset_s.into())),
        ("lg", Integer(state.login)),
        ("sv", text(&account.server)),
        ("co", text(&account.company)),
        ("cu", text(&account.currency)),
        ("ac", Integer(state.account.into())),
        ("ba", Number(state.balance)),
        ("eq", Number(state.equity)),
        ("mg", Number(state.margin)),
        ("mf", Number(state.margin_free)),
        ("ml", Number(state.margin_level)),
        ("pr", Number(state.profit)),
        ("cr", Number(state.credit)),
        ("le", Integer(state.leverage.into())),
        ("cn", flag(MT5REDIS_FLAG_CONNECTED)),
        ("at", flag(MT5REDIS_FLAG_TERMINAL_TRADE)),
        ("et", flag(MT5REDIS_FLAG_EXPERT_TRADE)),
        ("aa", flag(MT5REDIS_FLAG_ACCOUNT_TRADE)),
        ("ae", flag(MT5REDIS_FLAG_ACCOUNT_EXPERT)),
        ("hd", flag(MT5REDIS_FLAG_HEDGING)),
        ("vp", flag(MT5REDIS_FLAG_VPS)),
        ("pi", Integer(state.ping_us)),
        ("po", Integer(state.positions.into())),
        ("or", Integer(state.orders.into())),
        ("bu", Integer(state.build.into())),
        ("iv", Integer(state.interval_ms.into())),
        ("tw", AnyCount),
        ("sw", AnyCount),
        ("rf", AnyCount),
        ("ag", text(&account.agent)),
        ("th", AnyCount),
        ("ta", AnyCount),
        ("sa", AnyCount),
        ("tl", AnyCount),
        ("sl", AnyCount),
        ("fo", AnyCount),
        ("ck", AnyInteger),
        ("ha", AnyCount),
        ("jp", AnyCount),
    ]
}

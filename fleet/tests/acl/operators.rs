//! The users of those who run the site: the governor, the operator and the doctor.

use std::collections::BTreeSet;
use std::process::Command;

use redis::Value;

use crate::guarded::{Guarded, ask};
use crate::publishing::publish_everything;
use crate::{EVERYBODY, INSTANCE, NOBODYS, allowed, expect_all_refused, expect_allowed};

#[test]
fn the_governor_throttles_and_trims_and_touches_nothing_else() {
    let mut guarded = Guarded::start(&["--governor"]);
    ask(&mut guarded.admin, "XADD ss:{0}:1.Demo * d x").unwrap();
    let mut governor = guarded.sign_in("governor");
    for command in [
        "SET ctl 1:1763800000000",
        "SET ctl:{1.Demo} 2:1763800000000",
        "DEL ctl:{1.Demo}",
        "SET halt entries:governor:why",
        "SET halt:{1.Demo} all:governor:why",
        "SET halt:{1.Demo} none:governor:why",
        "INFO",
        "XINFO GROUPS ss:{0}:1.Demo",
        "XTRIM ss:{0}:1.Demo MINID 1",
        "ZRANGE il 0 -1",
        "ZREM sl:{0} 9.Demo",
    ] {
        ask(&mut governor, command).unwrap();
    }
    expect_all_refused(
        &mut governor,
        &[
            "XADD ss:{0}:1.Demo * d forged",
            "DEL ss:{0}:1.Demo",
            "ZADD sl:{0} 1 9.Demo",
            "HSET is:{1.Demo} eq 1",
            "SADD to:{1.Demo} 1",
            "ZADD il 1 2.Demo",
            "SET wm:{0}:1.Demo:0123456789abcdef 1",
            "CONFIG SET maxmemory 1",
            "CONFIG GET masterauth",
            "FLUSHALL",
            "SHUTDOWN",
            "KEYS *",
        ],
    );
    expect_all_refused(&mut governor, &NOBODYS);
}

/// The operator's user suffices for a halt and its end, beside terminals, and for nothing else.
#[test]
fn the_operator_halts_and_touches_nothing_else() {
    let mut guarded = Guarded::start(&["--operator", "--instance", INSTANCE]);
    publish_everything(&guarded.url(INSTANCE), INSTANCE);
    let url = guarded.url("operator");
    for arguments in [
        &["halt", "--all", "--why", "news", "--who", "anna", "--wait", "0s"][..],
        &["halt", "--instance", INSTANCE, "--flatten", "--why", "news", "--who", "anna", "--wait", "0s"],
        &["resume", "--instance", INSTANCE, "--who", "anna", "--wait", "0s"],
        &["resume", "--all", "--who", "anna", "--wait", "0s"],
    ] {
        let mut mt5fleet = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
        let output = mt5fleet.args(arguments).args(["--config", &url]).output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8(told).unwrap();
        assert!(told.contains(" of 1 instances that are alive obey"), "{arguments:?}: {told}");
    }
    let refusals: Vec<Value> = redis::cmd("ACL").arg("LOG").query(&mut guarded.admin).unwrap();
    assert_eq!(refusals, [], "it was refused something");
    let mut operator = guarded.sign_in("operator");
    expect_all_refused(
        &mut operator,
        &[
            "SET ctl 1:1763800000000",
            "DEL halt",
            "DEL halt:{1.Demo}",
            "HSET is:{1.Demo} ha 0",
            "DEL is:{1.Demo}",
            "ZADD il 1 2.Demo",
            "ZREM il 1.Demo",
            "XADD ss:{0}:1.Demo * d forged",
            "XREAD STREAMS ss:{0}:1.Demo 0",
            "HGETALL ts:{1.Demo}:1",
            "SET wm:{0}:1.Demo:0123456789abcdef 1",
            "CONFIG GET maxmemory",
            "FLUSHALL",
            "KEYS *",
        ],
    );
    expect_all_refused(&mut operator, &NOBODYS);
    let everybody = EVERYBODY.replace("multi exec discard", "");
    expect_allowed(&mut guarded, "operator", &format!("{everybody} set get exists zscan hmget"));
}

/// The governor's user suffices for the governor itself.
#[test]
fn the_governor_itself_is_refused_nothing() {
    let mut guarded = Guarded::start(&["--governor"]);
    // Something to throttle for, to forget, and to trim.
    for command in [
        "SETRANGE ballast 20000000 x",
        "ZADD il 1 1.Demo",
        "ZADD sl:{0} 1 1.Demo 1 gone.Demo",
        "XADD ss:{0}:1.Demo 1-1 d x",
        "XADD ss:{0}:1.Demo 2-1 d x",
        "XGROUP CREATE ss:{0}:1.Demo copiers 0",
        "XREADGROUP GROUP copiers one COUNT 1 STREAMS ss:{0}:1.Demo >",
        "HSET fp:{2.Demo} @ token 1.Demo 1-1",
        "ACL LOG RESET",
    ] {
        ask(&mut guarded.admin, command).unwrap();
    }
    let info: redis::InfoDict = redis::cmd("INFO").arg("memory").query(&mut guarded.admin).unwrap();
    let nearly_full = info.get::<u64>("used_memory").unwrap() * 8 / 7;
    ask(&mut guarded.admin, &format!("CONFIG SET maxmemory {nearly_full}")).unwrap();
    let mut govern = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
    govern.args(["govern", "--config", &guarded.url("governor"), "--every", "100ms", "--once"]);
    let output = govern.output().unwrap();
    let (log, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    for event in ["directive", "forget", "trim", "sources"] {
        assert!(log.contains(&format!("\"event\":\"{event}\"")), "{event}: {log}{complaint}");
    }
    let refusals: Vec<Value> = redis::cmd("ACL").arg("LOG").query(&mut guarded.admin).unwrap();
    assert_eq!(refusals, [], "{log}");
}

/// The doctor's user suffices for the doctor, and cannot write.
#[test]
fn the_doctor_reads_all_and_changes_nothing() {
    let mut guarded = Guarded::start(&["--doctor"]);
    let allowed = allowed(&mut guarded, "doctor");
    let mut writes: BTreeSet<String> = BTreeSet::new();
    for category in ["write", "dangerous"] {
        let names: Vec<String> =
            redis::cmd("ACL").arg("CAT").arg(category).query(&mut guarded.admin).unwrap();
        writes.extend(names);
    }
    let found: Vec<&String> = allowed.intersection(&writes).collect();
    // Dangerous only in that they tell much.
    let told = ["cluster|info", "cluster|nodes", "config|get", "info", "role"];
    assert!(found.iter().all(|name| told.contains(&name.as_str())), "{found:?}");
    expect_all_refused(&mut guarded.sign_in("doctor"), &NOBODYS);

    let _: String =
        redis::cmd("XADD").arg("sr:{0}:1.Demo").arg("*").arg(&["d", "x"]).query(&mut guarded.admin).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    for command in [&["top", "--once"][..], &["reports"], &["export", "--csv", folder]] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
        let shown = program.args(command).args(["--config", &guarded.url("doctor")]).output().unwrap();
        assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    }
}

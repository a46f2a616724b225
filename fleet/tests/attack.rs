//! What the holder of one terminal's password can do to the others: nothing. B's terminal publishes by its own user
//! through the library; then everything that a thief might try is tried on every key with A's user.

mod guarded;
mod publishing;
mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use guarded::{Guarded, ask, expect_refused};
use publishing::publish_everything;
use redis::Value;

const A: &str = "1.Demo";
const B: &str = "2.Demo";

/// What is tried on a key; MINE is one of A's own, where it takes two.
const ON_A_KEY: &str = "
    DEL KEY|UNLINK KEY|EXPIRE KEY 1|PEXPIRE KEY 1|EXPIREAT KEY 1|PERSIST KEY|TOUCH KEY|DUMP KEY|OBJECT ENCODING KEY
    RENAME KEY MINE|RENAME MINE KEY|RENAMENX MINE KEY|COPY KEY MINE REPLACE|COPY MINE KEY REPLACE|MOVE KEY 1
    RESTORE KEY 0 x REPLACE|MIGRATE 127.0.0.1 1 KEY 0 10|SORT MINE STORE KEY|SORT KEY STORE MINE
    SET KEY 1|SETEX KEY 1 1|SETNX KEY 1|MSET KEY 1|GETSET KEY 1|GETDEL KEY|GETEX KEY PX 1|APPEND KEY x|SETRANGE KEY 0 x
    INCR KEY|INCRBYFLOAT KEY 1|SETBIT KEY 0 1|BITOP NOT KEY MINE|PFADD KEY x|PFMERGE KEY MINE
    HSET KEY a b|HSETNX KEY a b|HDEL KEY eq|HINCRBY KEY q 1|SADD KEY 9|SREM KEY 1|SPOP KEY|SMOVE MINE KEY 1
    SINTERSTORE KEY MINE|LPUSH KEY x|LPOP KEY|LTRIM KEY 1 0|LMOVE MINE KEY LEFT LEFT
    ZREM KEY 2.Demo|ZINCRBY KEY 1 2.Demo|ZPOPMIN KEY|ZPOPMAX KEY|ZREMRANGEBYRANK KEY 0 -1
    ZREMRANGEBYSCORE KEY -inf +inf|ZREMRANGEBYLEX KEY - +|ZUNIONSTORE KEY 1 MINE|ZRANGESTORE KEY MINE 0 -1|GEOADD KEY 1 1 x
    XADD KEY * d x|XADD KEY 18446744073709551615-1 d x|XADD KEY MAXLEN 0 * d x|XTRIM KEY MAXLEN 0|XDEL KEY 1-1
    XSETID KEY 18446744073709551615-1|XGROUP CREATE KEY thieves 0|XGROUP SETID KEY workers $|XGROUP DESTROY KEY workers
    XGROUP CREATECONSUMER KEY workers thief|XGROUP DELCONSUMER KEY workers one
    XREADGROUP GROUP workers thief COUNT 9 STREAMS KEY >|XACK KEY workers 1-1|XCLAIM KEY workers thief 0 1-1
    XAUTOCLAIM KEY workers thief 0 0|EVAL return(redis.call('DEL',KEYS[1])) 1 KEY|EVALSHA 0 1 KEY|FCALL f 1 KEY
    EVAL_RO return(1) 1 KEY|SPUBLISH KEY x|OBJECT FREQ KEY|MEMORY USAGE KEY";

/// What is tried on the server.
const ON_THE_SERVER: &str = "
    FLUSHALL|FLUSHDB|SWAPDB 0 1|KEYS *|SCAN 0|RANDOMKEY|DBSIZE|CONFIG GET *|CONFIG SET maxmemory 1|CONFIG REWRITE
    CONFIG RESETSTAT|ACL LIST|ACL GETUSER 2.Demo|ACL SETUSER 1.Demo allkeys|ACL DELUSER 2.Demo|ACL SAVE|ACL LOG|ACL USERS
    SCRIPT LOAD return(1)|SCRIPT FLUSH|SCRIPT KILL|FUNCTION LOAD x|FUNCTION FLUSH|FUNCTION LIST|FUNCTION KILL|MODULE LIST
    EVAL while(true)do(1)end 0|SHUTDOWN|REPLICAOF 127.0.0.1 1|SLAVEOF NO ONE|FAILOVER|PSYNC ? -1|SYNC
    REPLCONF ack 1|SAVE|BGSAVE|BGREWRITEAOF|LASTSAVE|MONITOR|CLIENT LIST|CLIENT KILL ID 1|CLIENT PAUSE 1|CLIENT UNBLOCK 1
    CLIENT NO-EVICT on|CLIENT REPLY OFF|CLIENT TRACKING on|PUBLISH x y|SUBSCRIBE x|PSUBSCRIBE *|LATENCY RESET
    SLOWLOG RESET|SLOWLOG GET|MEMORY PURGE|MEMORY DOCTOR|WAIT 0 1|CLUSTER RESET|CLUSTER MEET 127.0.0.1 1|CLUSTER NODES
    COMMAND LIST|LOLWUT";

/// A server with users for A, who also follows, B, a worker and a governor.
fn world() -> Guarded {
    Guarded::start(&["--follow", "--instance", A, "--instance", B, "--worker", "--governor", "--doctor"])
}

/// Everything there is but A's own keys: what each holds, and whether it will expire.
fn all(guarded: &mut Guarded) -> BTreeMap<String, (Vec<u8>, bool)> {
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut guarded.admin).unwrap();
    let own = |key: &str| key.contains("{1.Demo}") || key.split(':').any(|part| part == A);
    let others = keys.into_iter().filter(|key| !own(key));
    others
        .map(|key| {
            let (value, life): (Vec<u8>, i64) =
                redis::pipe().cmd("DUMP").arg(&key).cmd("PTTL").arg(&key).query(&mut guarded.admin).unwrap();
            (key, (value, life >= 0))
        })
        .collect()
}

fn program(guarded: &Guarded, user: &str, command: &str, arguments: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
    program.args([command, "--config", &guarded.url(user)]).args(arguments).stdin(Stdio::null());
    program
}

#[test]
fn the_password_of_one_terminal_reaches_no_key_of_another() {
    let mut world = world();
    for instance in [A, B] {
        publish_everything(&world.url(instance), instance);
    }
    // The server has keys of operators, workers and B's follower, too.
    for command in [
        "XGROUP CREATE ss:{0}:2.Demo workers 0",
        "XREADGROUP GROUP workers one COUNT 1 STREAMS ss:{0}:2.Demo >",
        "HSET fp:{2.Demo} @ token 3.Demo 1-1",
        "SET fl:{2.Demo} token PX 600000",
        "HSET fp:{1.Demonstration} @ token",
        "XADD sd:{0} * d x",
        "ZADD sa:{0}:2.Demo:workers 1 x",
        "SET ctl 0:0",
        "SET ctl:{2.Demo} 0:0",
        "SET ctl:lease governor",
        "SET halt entries:me:test",
        "SET others x",
        "ACL LOG RESET",
    ] {
        ask(&mut world.admin, command).unwrap();
    }
    let before = all(&mut world);
    for kind in ["is:{2.", "il", "ts:{2.", "tc:{2.", "ss:{0}:2.", "sl:{0}", "wm:{2.", "wm:{0}:2."] {
        assert!(before.keys().any(|key| key.starts_with(kind)), "{kind} is not in {:?}", before.keys());
    }

    // A's user tries every command on every key.
    let mut thief = world.sign_in(A);
    let mut tried = 0;
    for key in before.keys() {
        for command in
            ON_A_KEY.lines().flat_map(|line| line.trim().split('|')).filter(|command| !command.is_empty())
        {
            // Commands with two keys get one of A's own.
            for mine in ["ts:{1.Demo}:9", "ss:{0}:1.Demo"] {
                expect_refused(&mut thief, &command.replace("KEY", key).replace("MINE", mine));
                tried += 1;
            }
        }
        let add = format!("ZADD {key} 1 3.Demo");
        match key.as_str() {
            "il" | "sl:{0}" => drop(ask(&mut thief, &add).unwrap()),
            _ => expect_refused(&mut thief, &add),
        }
        // A transaction is no way round.
        ask(&mut thief, "MULTI").unwrap();
        expect_refused(&mut thief, &format!("DEL {key}"));
        assert!(ask(&mut thief, "EXEC").is_err());
    }
    for command in
        ON_THE_SERVER.lines().flat_map(|line| line.trim().split('|')).filter(|command| !command.is_empty())
    {
        expect_refused(&mut thief, command);
        tried += 1;
    }
    assert!(tried > 1000, "{tried}");

    // Nothing has changed, apart from the names that it may add to the two lists.
    let mut after = all(&mut world);
    for list in ["il", "sl:{0}"] {
        assert_eq!(ask(&mut world.admin, &format!("ZREM {list} 3.Demo")).unwrap(), Value::Int(1));
    }
    for (key, (value, _)) in &mut after {
        if ["il", "sl:{0}"].contains(&key.as_str()) {
            *value = redis::cmd("DUMP").arg(key).query(&mut world.admin).unwrap();
        }
    }
    assert_eq!(after, before);

    // The same holds for B's user.
    let mut other = world.sign_in(B);
    expect_refused(&mut other, "XADD ss:{0}:1.Demo * d x");
}

#[test]
fn a_hundred_thousand_invented_names_hinder_nobody() {
    let mut world = world();
    publish_everything(&world.url(B), B);
    // However long this takes.
    ask(&mut world.admin, "PERSIST is:{2.Demo}").unwrap();
    let mut thief = world.sign_in(A);
    for list in ["il", "sl:{0}"] {
        for thousand in 0..100 {
            let mut add = redis::cmd("ZADD");
            add.arg(list);
            for at in 0..1000 {
                add.arg(u64::MAX / 2 - at).arg(format!("{thousand}.{at}"));
            }
            add.exec(&mut thief).unwrap();
        }
    }
    // A worker that comes now finds B among them.
    let mut worker = program(&world, "worker", "work", &[]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(worker.stdout.take().unwrap()).lines();
    for _ in 0..2 {
        let line: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(line["instance"], B);
    }
    worker.kill().unwrap();
    worker.wait().unwrap();

    let shown = program(&world, "doctor", "top", &["--once"]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.lines().count() < 300 && shown.contains("more names without a heartbeat"), "{shown}");
    assert!(shown.lines().any(|line| line.starts_with(B) && !line.ends_with(" gone")), "{shown}");

    let governed = program(&world, "governor", "govern", &["--every", "100ms", "--once"]).output().unwrap();
    let log = String::from_utf8(governed.stdout).unwrap();
    for list in ["il", "sl:{0}"] {
        let left: Vec<String> =
            redis::cmd("ZRANGE").arg(list).arg(0).arg(-1).query(&mut world.admin).unwrap();
        assert_eq!(left, [B], "{log}");
    }
}

#[test]
fn names_that_collide_or_hold_a_pattern_are_refused() {
    for (arguments, words) in [
        (&["--instance", "*"][..], "is not an instance id"),
        (&["--instance", "1.[ab]"], "is not an instance id"),
        (&["--instance", "1.Demo?"], "is not an instance id"),
        (&["--instance", A, "--instance", A], "are the same name"),
        (&["--instance", "worker", "--worker"], "are the same name"),
        (&["--instance", "Replica", "--servers"], "are the same name"),
        (&["--governor", "one", "--doctor", "one"], "are the same name"),
        (&["--instance", "default"], "is the user of clients without a name"),
        (&["--worker", "a b"], "is not a valid user name"),
        (&["--sentinel", "--worker"], "cannot be used with"),
    ] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_mt5fleet")).arg("acl").args(arguments).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains(words), "{arguments:?}: {told}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

/// An instance that is called as a shard is.
#[test]
fn a_name_that_looks_like_a_shard_gains_nothing() {
    let mut world = world();
    world.let_in(&["--instance", "0"]);
    let mut thief = world.sign_in("0");
    ask(&mut thief, "SET wm:{0}:0123456789abcdef 1").unwrap();
    for key in ["wm:{0}:2.Demo:0123456789abcdef", "wm:{0}:x:0123456789abcdef", "ss:{0}:2.Demo", "sd:{0}"] {
        expect_refused(&mut thief, &format!("SET {key} 1"));
    }
    publish_everything(&world.url("0"), "0");
}

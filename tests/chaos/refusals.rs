//! Refusals of a real server, one after the other while calls go on, each cured after it was told.
//!
//! The trade states go over a connection without a password, the signals over one of an ACL user: so each
//! refusal of a password can be provoked.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use redis::{Connection, RedisResult, Value};

use super::content::INSTANCES;
use super::producer::Producer;
use super::reader::watermark;
use super::scenario::{Scenario, Setting};
use crate::support::eventually;
use crate::support::port::free_port;
use crate::support::server::Server;

/// Settings that let a test provoke what is rare.
const SETTINGS: [&str; 14] = [
    "--save",
    "",
    "--appendonly",
    "yes",
    "--appendfsync",
    "always",
    "--enable-protected-configs",
    "yes",
    "--enable-debug-command",
    "yes",
    "--loading-process-events-interval-bytes",
    "1024",
    "--busy-reply-threshold",
    "1",
];
const KILL: &[&str] = &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"];
const USER: &[&str] = &["ACL", "SETUSER", "bridge", "on", ">first", "~*", "&*", "+@all"];
const BOTH: &[&str] = &["rts", "rtss"];

/// One command.
type Words<'a> = &'a [&'a str];

/// A code, what provokes it and what cures it, and the lanes that must tell of it.
struct Refusal<'a> {
    code: &'static str,
    provoke: &'a [Words<'a>],
    /// Runs for as long as the refusal, on a connection of its own; again if it ends before each lane has told of it.
    meanwhile: Option<Words<'a>>,
    cure: &'a [Words<'a>],
    lanes: &'static [&'static str],
}

/// Refused by every server that is in trouble, or whose passwords were changed.
pub fn provoked(mut chaos: Scenario) {
    let mut server = Server::with(&SETTINGS);
    let mut admin = server.client();
    ask(&mut admin, USER).expect("a user");
    // So that loading takes a while.
    ask(&mut admin, &["DEBUG", "POPULATE", "2000", "filler"]).expect("keys");
    let with_user = format!("redis://bridge:first@127.0.0.1:{}", server.port);
    let task = chaos.task(&Setting { rts: &server.url(), rtss: &with_user, journal: "" });
    let producer = Producer::start(&task);

    fs::create_dir(server.folder().join("blocked")).expect("a folder");
    let port = free_port().to_string();
    let mut refusals = [
        Refusal {
            code: "OOM",
            provoke: &[&["CONFIG", "SET", "maxmemory", "1"]],
            meanwhile: None,
            cure: &[&["CONFIG", "SET", "maxmemory", "0"]],
            lanes: BOTH,
        },
        Refusal {
            code: "READONLY",
            provoke: &[&["REPLICAOF", "127.0.0.1", &port]],
            meanwhile: None,
            cure: &[&["REPLICAOF", "NO", "ONE"]],
            lanes: BOTH,
        },
        Refusal {
            code: "NOREPLICAS",
            provoke: &[&["CONFIG", "SET", "min-replicas-to-write", "1"]],
            meanwhile: None,
            cure: &[&["CONFIG", "SET", "min-replicas-to-write", "0"]],
            lanes: BOTH,
        },
        Refusal {
            code: "NOAUTH",
            provoke: &[&["CONFIG", "SET", "requirepass", "x"], KILL],
            meanwhile: None,
            cure: &[&["CONFIG", "SET", "requirepass", ""]],
            lanes: &["rts"],
        },
        Refusal {
            code: "WRONGPASS",
            provoke: &[&["ACL", "SETUSER", "bridge", "<first", ">second"], KILL],
            meanwhile: None,
            cure: &[&["ACL", "SETUSER", "bridge", "<second", ">first"]],
            lanes: &["rtss"],
        },
        Refusal {
            code: "NOPERM",
            provoke: &[&["ACL", "SETUSER", "bridge", "-@write"], &["ACL", "SETUSER", "default", "-hset"]],
            meanwhile: None,
            cure: &[&["ACL", "SETUSER", "bridge", "+@all"], &["ACL", "SETUSER", "default", "+@all"]],
            lanes: BOTH,
        },
        Refusal {
            // The snapshot fails, since its name is a folder's.
            code: "MISCONF",
            provoke: &[
                &["CONFIG", "SET", "save", "3600 1000000"],
                &["CONFIG", "SET", "dbfilename", "blocked"],
                &["BGSAVE"],
            ],
            meanwhile: None,
            cure: &[&["CONFIG", "SET", "save", ""], &["CONFIG", "SET", "dbfilename", "dump.rdb"]],
            lanes: BOTH,
        },
        Refusal {
            code: "BUSY",
            provoke: &[],
            meanwhile: Some(&["EVAL", "while true do end", "0"]),
            cure: &[&["SCRIPT", "KILL"]],
            lanes: BOTH,
        },
        Refusal {
            code: "LOADING",
            provoke: &[&["CONFIG", "SET", "key-load-delay", "1000"]],
            meanwhile: Some(&["DEBUG", "RELOAD"]),
            cure: &[&["CONFIG", "SET", "key-load-delay", "0"]],
            lanes: BOTH,
        },
    ];
    chaos.dice.shuffle(&mut refusals);
    for refusal in &refusals {
        refuse(&mut chaos, &server, &mut admin, refusal);
    }
    drop(admin);
    // After this the user is in no file, and the passwords are refused for a moment too.
    server.kill();
    server.restart();
    ask(&mut server.client(), USER).expect("the user again");
    chaos.fault("kill -9 of the server");
    producer.finish();
    chaos.judge(&server, &server);
}

fn refuse(chaos: &mut Scenario, server: &Server, admin: &mut Connection, refusal: &Refusal) {
    let told = chaos.events().len();
    let Refusal { code, .. } = refusal;
    for words in refusal.provoke {
        ask(admin, words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
    }
    let mut aside = server.client();
    let told_by_all = &AtomicBool::new(false);
    thread::scope(|scope| {
        if let Some(words) = refusal.meanwhile {
            scope.spawn(move || {
                // Bounded, for a lane that never tells.
                for _ in 0..20 {
                    let _ = ask(&mut aside, words);
                    if told_by_all.load(Relaxed) {
                        break;
                    }
                }
            });
        }
        for lane in refusal.lanes {
            eventually(&format!("{lane} tells of {code}"), || {
                chaos.events()[told..].lines().any(|line| {
                    line.starts_with(&format!("{lane}: "))
                        && line.contains(&format!("accepts no writes: {code} "))
                })
            });
        }
        told_by_all.store(true, Relaxed);
        for words in refusal.cure {
            eventually(&format!("{words:?} is taken"), || ask(admin, words).is_ok());
        }
    });
    chaos.fault(code);
    // Only after a success is the next refusal another trouble.
    for tag in ["0", INSTANCES[0]] {
        let before = watermark(admin, tag);
        eventually("commits go on", || watermark(admin, tag) > before);
    }
}

fn ask(client: &mut Connection, words: Words) -> RedisResult<Value> {
    let mut command = redis::cmd(words[0]);
    words[1..].iter().for_each(|word| {
        command.arg(*word);
    });
    command.query(client)
}

//! The Redis users of `mt5fleet acl --alerts` suffice for alerts, and without `--alerts` nobody tells any.

use std::fs;

use redis::Value;

use super::guarded::{Guarded, acl_with_password, ask, expect_refused};
use super::program::{CONDITIONS, Program, settings};
use super::receivers::Web;
use super::redis_side::{heartbeat, history, list, now_ms, report, signal};
use super::support::eventually;

/// A configuration with alerts for one of the users.
fn config(guarded: &Guarded, user: &str, web: &Web, folder: &tempfile::TempDir) -> String {
    let file = folder.path().join(user);
    let sink = format!("[alerts.sinks.a]\nkind = \"webhook\"\nurl = \"{}/{user}\"\n", web.url);
    let text = format!("url = \"{}\"\n{}{sink}", guarded.url(user), settings(&CONDITIONS, ""));
    fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn their_users_may_look_at_everything_and_store_what_was_told() {
    let mut guarded = Guarded::start(&["--governor", "--web", "--web-operator", "--alerts"]);
    let redis = &mut guarded.admin;
    heartbeat(redis, "a.Demo", &[("cn", "0"), ("eq", "500")]);
    history(redis, "a.Demo", 5, 1000);
    history(redis, "gone.Demo", 5, 1000);
    let now = now_ms(redis);
    list(redis, "gone.Demo", now - 20_000);
    signal(redis, "s.Demo", 1, now - 20_000);
    report(redis, "f.Demo", "s.Demo", 1, now - 20_000, "why");
    ask(redis, "HSET fp:{f.Demo} @ t s.Demo 1-1").unwrap();
    ask(redis, "XADD sd:{0} * d x").unwrap();
    ask(redis, "ACL LOG RESET").unwrap();
    let (web, folder) = (Web::start(), tempfile::tempdir().unwrap());
    for (user, arguments) in [
        ("governor", &["govern"][..]),
        ("web", &["web", "--listen", "127.0.0.1:0"]),
        ("weboperator", &["web", "--listen", "127.0.0.1:0"]),
    ] {
        ask(&mut guarded.admin, "DEL alerts:{fleet} alerts:{fleet}:lease").unwrap();
        let config = config(&guarded, user, &web, &folder);
        let program = Program::start(&[arguments, &["--config", &config]].concat());
        let told = |what: &str| {
            let all = web.requests().into_iter().filter(|request| request.path == format!("/{user}"));
            let mut all = all.flat_map(|request| request.body["firing"].as_array().unwrap().clone());
            all.any(|alert| alert["condition"] == what)
        };
        for what in ["disconnected", "silent", "drawdown", "lag", "dead-letter"] {
            eventually(&format!("{user} is told {what}: {}", program.printed()), || told(what));
        }
        let refusals: Vec<Value> = redis::cmd("ACL").arg("LOG").query(&mut guarded.admin).unwrap();
        assert_eq!(refusals, [], "{user}");
    }
    for user in ["governor", "web", "weboperator"] {
        let mut connection = guarded.sign_in(user);
        for command in [
            "SET alerts:other 1",
            "SET is:{a.Demo} 1",
            "DEL ss:{0}:s.Demo",
            "FLUSHALL",
            "CONFIG SET maxmemory 1",
        ] {
            expect_refused(&mut connection, command);
        }
    }
}

#[test]
fn a_user_without_the_right_is_told_what_to_do_and_tells_nothing() {
    let mut guarded = Guarded::start(&["--web"]);
    heartbeat(&mut guarded.admin, "a.Demo", &[("cn", "0")]);
    let (web, folder) = (Web::start(), tempfile::tempdir().unwrap());
    let page = Program::start(&[
        "web",
        "--listen",
        "127.0.0.1:0",
        "--config",
        &config(&guarded, "web", &web, &folder),
    ]);
    page.says("print the user of this program with mt5fleet acl --alerts");
    assert!(!page.leads() && web.requests().is_empty());
    for line in acl_with_password(&["--web", "--alerts"]).lines() {
        ask(&mut guarded.admin, line).unwrap();
    }
    page.says("the lease of the alerts: all is well again");
    eventually("it tells", || !web.requests().is_empty());
}

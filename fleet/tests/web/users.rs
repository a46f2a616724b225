//! The Redis users of `mt5fleet acl --web` suffice for the page, and can do nothing else.

use redis::Value as Reply;
use serde_json::json;

use super::client::{Web, heartbeat};
use super::guarded::{Guarded, ask, expect_refused};

fn refusals(guarded: &mut Guarded) -> Vec<Reply> {
    redis::cmd("ACL").arg("LOG").query(&mut guarded.admin).unwrap()
}

#[test]
fn the_pages_user_reads_and_changes_nothing() {
    let mut guarded = Guarded::start(&["--web"]);
    heartbeat(&mut guarded.admin, "1.Demo", &[]);
    for command in [
        "XADD sd:{0} * d x",
        "XADD sr:{0}:1.Demo * d x",
        "XADD ss:{0}:1.Demo * d x",
        "ZADD sl:{0} 1 1.Demo",
        "HSET fp:{1.Demo} @ x",
    ] {
        ask(&mut guarded.admin, command).unwrap();
    }
    let (web, _) = Web::start(&guarded.url("web"), &[], &[]);
    web.row(None, "1.Demo", |_| true);
    for path in
        ["/api/v1/deadletters", "/api/v1/audit", "/api/v1/copying", "/api/v1/streams", "/api/v1/doctor"]
    {
        assert_eq!(web.get(path).0, 200, "{path}");
    }
    assert_eq!(refusals(&mut guarded), []);
    let mut user = guarded.sign_in("web");
    for command in [
        "SET halt none:x:y",
        "SET ctl 1:9",
        "DEL ctl",
        "XADD audit * who me",
        "XDEL sd:{0} 1-1",
        "XADD ss:{0}:1.Demo * d x",
    ] {
        expect_refused(&mut user, command);
    }
}

#[test]
fn the_operators_user_does_what_the_page_offers_and_nothing_else() {
    let mut guarded = Guarded::start(&["--web-operator"]);
    heartbeat(&mut guarded.admin, "1.Demo", &[]);
    for command in
        ["XADD sd:{0} 1-1 d x x-source 1.Demo x-group g", "XADD sd:{0} 2-1 d x x-source 1.Demo x-group g"]
    {
        ask(&mut guarded.admin, command).unwrap();
    }
    let (web, tokens) = Web::start(&guarded.url("weboperator"), &["--operate"], &[("olga", "operate")]);
    web.row(Some(&tokens[0]), "1.Demo", |_| true);
    let post = |path: &str, body: &serde_json::Value| {
        let (status, answer) = web.with(&tokens[0], "POST", path, Some(body));
        assert_eq!(status, 200, "{path} {body}: {answer}");
    };
    for what in ["halt-entries", "halt-and-close", "resume", "throttle", "end-throttle"] {
        for whom in [json!({ "all": true }), json!({ "instances": ["1.Demo"] })] {
            let mut order = json!({ "what": what, "why": "x", "level": 1, "minutes": 1 });
            order.as_object_mut().unwrap().extend(whom.as_object().unwrap().clone());
            post("/api/v1/commands/preview", &order);
            post("/api/v1/commands", &order);
        }
    }
    for (what, id) in [("retry", "1-1"), ("drop", "2-1")] {
        let body = json!({ "what": what, "letters": [{ "shard": 0, "id": id }], "why": "x" });
        post("/api/v1/deadletters", &body);
    }
    assert_eq!(web.with(&tokens[0], "GET", "/api/v1/audit", None).0, 200);
    assert_eq!(refusals(&mut guarded), []);
    let mut user = guarded.sign_in("weboperator");
    for command in [
        "HSET is:{1.Demo} eq 1",
        "DEL is:{1.Demo}",
        "ZADD il 1 x",
        "DEL halt",
        "DEL audit",
        "XDEL audit 1-1",
        "XTRIM audit MAXLEN 0",
        "SET wm:{0}:1.Demo:0123456789abcdef 1",
        "CONFIG SET maxmemory 1",
        "FLUSHALL",
        "KEYS *",
    ] {
        expect_refused(&mut user, command);
    }
}

//! To whom: each kind of receiver, receivers that are down, texts that mean harm, and secrets.

use std::fs;

use super::mails::MailServer;
use super::program::World;
use super::receivers::Web;
use super::redis_side::{heartbeat, list, now_ms};
use super::support::eventually;
use super::support::port::free_port;

/// A name of a trade server that would be markup, a mention, a header or a command.
const EVIL: &str = "<!channel> @everyone *b* [x](http://evil) `c` $(touch x) ';touch x;'\r\nBcc: all@evil.example\r\n\u{202e}";

/// Sinks of all kinds.
fn all(web: &Web, mail: &MailServer, log: &str) -> String {
    format!(
        r#"
        [alerts.sinks.slack]
        kind = "slack"
        url = "{url}/slack"
        [alerts.sinks.discord]
        kind = "discord"
        url = "{url}/discord"
        [alerts.sinks.phone]
        kind = "telegram"
        token = "123:abc"
        chat = "-1007"
        server = "{url}"
        [alerts.sinks.mail]
        kind = "mail"
        server = "{place}"
        tls = "off"
        from = "Fleet <fleet@example.org>"
        to = ["anna@example.org", "bert@example.org"]
        [alerts.sinks.log]
        kind = "command"
        command = "cat >> {log}; echo not for the log"
        "#,
        url = web.url,
        place = mail.place
    )
}

#[test]
fn each_kind_of_receiver_gets_it_and_no_text_does_harm() {
    let (mail, folder) = (MailServer::start(), tempfile::tempdir().unwrap());
    let log = folder.path().join("log");
    let world = World::telling(&["disconnected", "silent"], "", "");
    let text = fs::read_to_string(&world.config).unwrap();
    fs::write(&world.config, text + &all(&world.web, &mail, log.to_str().unwrap())).unwrap();
    let mut ris = world.redis(0);
    heartbeat(&mut ris, "a.Demo", &[("cn", "0"), ("sv", EVIL)]);
    let now = now_ms(&mut ris);
    // Nobody can be called that.
    for name in ["<script>", "a\r\nBcc: b", "@everyone", "$(touch x)"] {
        list(&mut ris, name, now - 20_000);
    }
    let governor = world.governor();
    let path = |path: &str| world.web.requests().into_iter().find(|request| request.path == path);
    let body = |name: &str| {
        eventually(name, || path(name).is_some());
        path(name).unwrap().body
    };
    let plain = |body: &serde_json::Value, name: &str| body[name].as_str().unwrap().to_owned();

    let slack = body("/slack");
    assert!(plain(&slack, "text").contains("connection to &lt;!channel&gt; @everyone *b*"), "{slack}");
    assert_eq!((&slack["mrkdwn"], plain(&slack, "text").contains('<')), (&false.into(), false));
    let discord = body("/discord");
    assert_eq!(discord["allowed_mentions"]["parse"], serde_json::json!([]));
    assert!(plain(&discord, "content").contains(r"\<\!channel\> \@everyone \*b\* \[x\]\("), "{discord}");
    let phone = body("/bot123:abc/sendMessage");
    assert_eq!((&phone["chat_id"], phone.get("parse_mode")), (&"-1007".into(), None));
    assert!(plain(&phone, "text").contains("@\u{2060}everyone"), "{phone}");
    let program = body("/hook");
    assert_eq!(plain(&program, "title"), "mt5-redis: 1 alert");
    for text in
        [plain(&slack, "text"), plain(&discord, "content"), plain(&phone, "text"), plain(&program, "text")]
    {
        assert!(!text.contains(['\r', '\u{202e}']) && text.lines().count() == 2, "{text:?}");
    }

    eventually("a mail", || !mail.mails().is_empty());
    let mail = mail.mails().remove(0);
    assert_eq!(mail.from, "<fleet@example.org>");
    assert_eq!(mail.to, ["<anna@example.org>", "<bert@example.org>"]);
    let headers = mail.headers();
    assert!(!headers.iter().any(|header| header.to_ascii_lowercase().starts_with("bcc")), "{headers:?}");
    assert!(headers.contains(&"Subject: mt5-redis: 1 alert".to_owned()), "{headers:?}");

    eventually("the command", || fs::read_to_string(&log).is_ok_and(|text| text.ends_with('\n')));
    let line: serde_json::Value = serde_json::from_str(&fs::read_to_string(&log).unwrap()).unwrap();
    assert_eq!(line["id"], program["id"], "the same message");
    assert_eq!(line["firing"][0]["subject"], "a.Demo");
    assert!(!std::path::Path::new("x").exists());
    assert!(governor.printed().lines().all(|line| line.starts_with('{')), "{}", governor.printed());
    // A name that nobody can have is told to nobody.
    assert!(world.web.told("firing").iter().all(|told| told == "disconnected a.Demo"));
}

#[test]
fn a_receiver_that_is_down_gets_it_later_and_keeps_nobody_waiting() {
    let port = free_port();
    let sink = format!("[alerts.sinks.down]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{port}/later\"");
    let world = World::telling(&["disconnected"], "", &sink);
    let mut ris = world.redis(0);
    heartbeat(&mut ris, "a.Demo", &[("cn", "0")]);
    let page = world.page();
    world.expect("firing", "disconnected a.Demo");
    page.says(&format!("the sink down: http://127.0.0.1:{port} did not answer: "));
    let down = |page: &super::program::Program| page.api()["sinks"][0].clone();
    assert_eq!((&down(&page)["name"], &down(&page)["waiting"]), (&"down".into(), &1.into()));
    assert!(down(&page)["failed"].is_string() && down(&page)["failed_since_ms"].is_number());
    heartbeat(&mut ris, "b.Demo", &[("cn", "0")]);
    world.expect("firing", "disconnected b.Demo");

    let late = Web::at(std::net::TcpListener::bind(("127.0.0.1", port)).unwrap());
    eventually("it gets both", || late.told("firing").len() == 2);
    assert_eq!(late.told("firing"), world.web.told("firing"), "in the same order");
    page.says("the sink down: all is well again");
    eventually("nothing waits", || down(&page)["waiting"] == 0 && down(&page)["failed"].is_null());
}

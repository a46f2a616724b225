//! What `[alerts]` may say, and how mistakes in it are reported.

use std::fs;

use super::*;

const SINK: &str = "[alerts.sinks.a]\nkind = \"command\"\ncommand = \"true\"\n";

fn read_text(text: &str) -> Result<Option<Settings>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    fs::write(&file, text).unwrap();
    // The bridge reads the same file, and passes over the table.
    mt5_redis::config::Config::read(file.to_str().unwrap(), "").unwrap();
    read(file.to_str().unwrap())
}

fn error(text: &str) -> String {
    match read_text(text) {
        Ok(_) => panic!("it is accepted: {text}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn each_key_has_its_effect() {
    let settings = read_text(
        r#"
        [alerts]
        group = "30s"
        most_per_hour = 5
        quiet = "Mon-Fri 22:00-07:00, Sat-Sun"
        zone = "Europe/Berlin"
        urgent = ["margin", "dead-letter"]
        margin = { below = 120, for = "5s" }
        [alerts.drawdown]
        above = 10
        within = "12h"
        [alerts.halted]
        tell = "off"
        [alerts.lag]
        above = "30s"
        [alerts.unreported]
        after = "2m"
        [alerts.journal]
        above = 80
        [alerts.sinks.program]
        kind = "webhook"
        url = "https://example.org/${PATH}"
        authorization = "Bearer x"
        [alerts.sinks.slack]
        kind = "slack"
        url = "https://hooks.slack.com/services/T/B/X"
        [alerts.sinks.discord]
        kind = "discord"
        url = "https://discord.com/api/webhooks/1/x"
        [alerts.sinks.phone]
        kind = "telegram"
        token = "123:abc"
        chat = "-100123"
        [alerts.sinks.mail]
        kind = "mail"
        server = "mail.example.org"
        username = "fleet"
        password = "secret"
        from = "Fleet <fleet@example.org>"
        to = ["anna@example.org", "bert@example.org"]
        [alerts.sinks.log]
        kind = "command"
        command = "logger ${HOME}"
        "#
        .replace("${PATH}", "hook")
        .as_str(),
    );
    let Settings { limits, timing, sinks } = settings.unwrap().unwrap();
    assert_eq!((limits.margin, limits.drawdown, limits.journal), (120, 10, 80));
    assert_eq!(limits.drawdown_within, 12 * 3600 * SECOND);
    assert_eq!((limits.lag, limits.unreported), (30 * SECOND, 120 * SECOND));
    assert_eq!((timing.group, timing.most_per_hour), (30 * SECOND, 5));
    assert_eq!(timing.urgent, [Condition::Margin, Condition::DeadLetter].into());
    assert_eq!(timing.lasting[&Condition::Margin], 5 * SECOND);
    assert_eq!(timing.lasting[&Condition::Silent], 60 * SECOND);
    assert!(!timing.lasting.contains_key(&Condition::Halted));
    assert!(timing.quiet.is_quiet(0), "1970 began on a Thursday, at 01:00 in Berlin");
    let kinds: Vec<_> = sinks.iter().map(|sink| (sink.name.as_str(), sink.kind())).collect();
    let expected = [
        ("discord", "discord"),
        ("log", "command"),
        ("mail", "mail"),
        ("phone", "telegram"),
        ("program", "webhook"),
        ("slack", "slack"),
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn a_url_and_a_file_without_the_table_have_no_alerts() {
    assert!(read("redis://127.0.0.1").unwrap().is_none());
    assert!(read_text("[ris]\nttl = \"90s\"").unwrap().is_none());
}

#[test]
fn a_refusal_names_file_line_key_and_reason() {
    let with = |text: &str| format!("{SINK}{text}");
    let sink = |text: &str| format!("[alerts.sinks.b]\n{text}");
    let mail = |text: &str| {
        sink(&format!("kind = \"mail\"\nserver = \"h\"\nfrom = \"a@b.c\"\nto = \"a@b.c\"\n{text}"))
    };
    for (text, reason) in [
        (with("[alerts.slient]"), "4: alerts.slient is unknown: the keys here are silent, disconnected, "),
        (
            with("[alerts.silent]\nfor = \"soon\""),
            "5: alerts.silent.for = \"soon\" is refused: write a text like \"90s\", from 0s to 1day",
        ),
        (
            with("[alerts.silent]\nbelow = 5"),
            "5: alerts.silent.below has no meaning here: it belongs in [alerts.margin]",
        ),
        (with("[alerts.margin]\nbelow = 0"), "5: alerts.margin.below = 0 is refused: write 1 to 1000000"),
        (
            with("[alerts.halted]\ntell = \"no\""),
            "5: alerts.halted.tell = \"no\" is refused: write \"on\" or \"off\"",
        ),
        (
            "[alerts]\nquiet = \"22-7\"".into(),
            "2: alerts.quiet is not a time of the week: write \"22:00-07:00\", or \"Mon-Fri 22:00-07:00, Sat-Sun\"",
        ),
        (
            "[alerts]\nzone = \"Berlin\"".into(),
            "2: alerts.zone = \"Berlin\" is no time zone: write a name such as \"Europe/Berlin\", or \"UTC\"",
        ),
        (
            "[alerts]\nurgent = [\"x\"]".into(),
            "2: alerts.urgent is not a list of conditions: write some of silent, ",
        ),
        (
            "[alerts]\ngroup = 5".into(),
            "2: alerts.group = 5 is refused: write a text like \"90s\", from 0s to 1h",
        ),
        ("[alerts]".into(), "1: alerts says nobody to tell: add a table [alerts.sinks.NAME]"),
        (sink(""), "1: alerts.sinks.b has no kind: write kind = \"webhook\" or \"slack\" or "),
        (sink("kind = \"sms\""), "2: alerts.sinks.b.kind = \"sms\" is refused: write \"webhook\" or "),
        (sink("kind = \"slack\""), "1: alerts.sinks.b has no url"),
        (
            sink("kind = \"slack\"\nurl = \"hooks.slack.com/x\""),
            "3: alerts.sinks.b.url is no web address: write https://host/path",
        ),
        (
            sink("kind = \"slack\"\nurl = \"https:///x\""),
            "3: alerts.sinks.b.url is no web address: write https://host/path",
        ),
        (
            sink("kind = \"slack\"\nurl = \"https://a/b\"\ntoken = \"x\""),
            "4: alerts.sinks.b.token is unknown: ",
        ),
        (
            sink("kind = \"slack\"\nurl = \"https://a/${MT5_NOT_SET}\""),
            "3: alerts.sinks.b.url needs the environment variable \"MT5_NOT_SET\"",
        ),
        (
            sink("kind = \"telegram\"\ntoken = \"a/b\"\nchat = \"1\""),
            "3: alerts.sinks.b.token is not a bot's token",
        ),
        (
            sink("kind = \"telegram\"\ntoken = \"1:a\"\nchat = 1"),
            "4: alerts.sinks.b.chat is not a text: put it in quotes",
        ),
        (mail("username = \"x\""), "1: alerts.sinks.b has one of username and password: write both or none"),
        (
            mail("username = \"x\"\npassword = \"y\"\ntls = \"off\""),
            "1: alerts.sinks.b would send the password without TLS",
        ),
        (mail("tls_ca = \"/nowhere\""), "1: alerts.sinks.b cannot be used: /nowhere cannot be read: "),
        (
            sink("kind = \"mail\"\nserver = \"a b\""),
            "3: alerts.sinks.b.server is no server: write \"host\" or \"host:port\"",
        ),
        (
            sink("kind = \"mail\"\nserver = \"h\"\nfrom = \"me\""),
            "4: alerts.sinks.b.from is no mail address: write ",
        ),
        (
            "[alerts.sinks.\"a b\"]\nkind = \"command\"".into(),
            "1: alerts.sinks.a b has a name that is no name",
        ),
    ] {
        let error = error(&text);
        assert!(error.starts_with(&format!("f:{reason}")), "{text}\n{error}");
    }
}

#[test]
fn no_refusal_quotes_a_secret() {
    for text in [
        "kind = \"slack\"\nurl = \"hunter2\"",
        "kind = \"slack\"\nurl = \"https://\"\nx = \"hunter2\"",
        "kind = \"webhook\"\nurl = \"https://a\"\nauthorization = [\"hunter2\"]",
        "kind = \"telegram\"\ntoken = \"hunter2/\"\nchat = \"1\"",
        "kind = \"mail\"\nserver = \"h\"\npassword = \"hunter2\"\nfrom = \"a@b.c\"\nto = \"a@b.c\"",
    ] {
        let error = error(&format!("[alerts.sinks.b]\n{text}"));
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn every_key_is_explained() {
    let pages = ["configuration", "alerts"].map(|page| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page).with_extension("md");
        (page, fs::read_to_string(file).unwrap())
    });
    let address = "from = \"a@b.c\"\nto = \"a@b.c\"";
    let mut tables = vec!["[alerts]".to_owned()];
    tables.extend(Condition::all().map(|condition| format!("[alerts.{condition}]")));
    for sink in [
        "\"webhook\"\nurl = \"http://a\"",
        "\"slack\"\nurl = \"http://a\"",
        "\"discord\"\nurl = \"http://a\"",
        "\"telegram\"\ntoken = \"1:a\"\nchat = \"1\"",
        &format!("\"mail\"\nserver = \"h\"\n{address}"),
        "\"command\"\ncommand = \"true\"",
    ] {
        tables.push(format!("[alerts.sinks.b]\nkind = {sink}"));
    }
    let mut count = 0;
    for table in tables {
        let refusal = error(&format!("{table}\nnone = 1\n{SINK}"));
        let (_, known) = refusal.split_once("the keys here are ").unwrap_or_else(|| panic!("{refusal}"));
        for key in known.split(", ").filter(|key| *key != "sinks") {
            count += 1;
            for (page, text) in &pages {
                let named = text.contains(&format!("`{key}`"))
                    || *page == "alerts" && text.contains(&format!("\n{key} = "));
                assert!(named, "docs/{page}.md does not explain {key}");
            }
        }
    }
    assert!(count > 60, "{count}");
}

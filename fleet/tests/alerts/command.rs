//! `mt5fleet alerts`, and mistakes in the configuration.

use std::fs;
use std::process::{Command, Stdio};

use super::mails::MailServer;
use super::program::{CONDITIONS, World, run, settings};
use super::receivers::Web;
use super::redis_side::heartbeat;

/// Sinks with a secret each, which stands in the environment.
fn secret_sinks(web: &Web, mail: &MailServer) -> String {
    format!(
        r#"
        [alerts.sinks.program]
        kind = "webhook"
        url = "{url}/hook/${{ALERTS_URL}}?key=${{ALERTS_QUERY}}"
        authorization = "Bearer ${{ALERTS_BEARER}}"
        [alerts.sinks.slack]
        kind = "slack"
        url = "{url}/services/${{ALERTS_SLACK}}"
        [alerts.sinks.phone]
        kind = "telegram"
        token = "123:${{ALERTS_TOKEN}}"
        chat = "7"
        server = "{url}"
        [alerts.sinks.mail]
        kind = "mail"
        server = "{place}"
        tls = "off"
        username = "fleet"
        password = "${{ALERTS_PASSWORD}}"
        from = "fleet@example.org"
        to = "anna@example.org"
        "#,
        url = web.url,
        place = mail.place
    )
}

const SECRETS: [(&str, &str); 6] = [
    ("ALERTS_URL", "path-hunter2-path"),
    ("ALERTS_QUERY", "query-hunter2-query"),
    ("ALERTS_BEARER", "bearer-hunter2-bearer"),
    ("ALERTS_SLACK", "T000/B000/hunter2-slack"),
    ("ALERTS_TOKEN", "token-hunter2-token"),
    ("ALERTS_PASSWORD", "password-hunter2-password"),
];

/// Runs `mt5fleet alerts test` with the secrets in the environment.
fn test(config: &str, more: &[&str]) -> (String, bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
    command.args(["alerts", "test", "--config", config]).args(more).envs(SECRETS).stdin(Stdio::null());
    let output = command.output().unwrap();
    (String::from_utf8([output.stdout, output.stderr].concat()).unwrap(), output.status.success())
}

#[test]
fn a_test_tells_of_each_sink_what_happened_and_shows_no_secret() {
    let (web, mail, folder) = (Web::start(), MailServer::start(), tempfile::tempdir().unwrap());
    let config = folder.path().join("fleet.toml");
    fs::write(&config, format!("{}{}", settings(&CONDITIONS, ""), secret_sinks(&web, &mail))).unwrap();
    let config = config.to_str().unwrap();
    let (printed, all) = test(config, &[]);
    assert!(all, "{printed}");
    for (name, kind) in [("program", "webhook"), ("slack", "slack"), ("phone", "telegram"), ("mail", "mail")]
    {
        assert!(printed.contains(&format!("{name} ({kind}): it was delivered")), "{printed}");
    }
    let paths: Vec<_> = web.requests().iter().map(|request| request.path.clone()).collect();
    let expected = [
        "/bot123:token-hunter2-token/sendMessage",
        "/hook/path-hunter2-path?key=query-hunter2-query",
        "/services/T000/B000/hunter2-slack",
    ];
    assert_eq!(paths, expected, "in the order of the names");
    assert!(web.requests()[1].headers.contains("Bearer bearer-hunter2-bearer"));
    assert!(mail.mails()[0].text.contains("This is a test"));

    web.refuse(true);
    mail.refuse();
    let (printed, all) = test(config, &[]);
    assert!(!all);
    assert_eq!(printed.matches("FAILED: ").count(), 4, "{printed}");
    assert!(printed.contains(&format!("{} answered 403 Forbidden: POST ", web.url)), "{printed}");
    assert!(printed.contains("535"), "{printed}");
    for secret in
        ["hunter2", &base64("password-hunter2-password"), &base64("\0fleet\0password-hunter2-password")]
    {
        assert!(!printed.contains(secret), "{secret}: {printed}");
    }
    assert_eq!(test(config, &["--sink", "slack"]).0.lines().count(), 1);
    let (printed, all) = test(config, &["--sink", "x"]);
    assert!(
        !all && printed.contains("there is no sink x: the sinks are mail, phone, program, slack"),
        "{printed}"
    );
}

fn base64(text: &str) -> String {
    let mut shell = Command::new("base64");
    let mut child = shell.args(["-w", "0"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn a_list_shows_what_is_wrong_now() {
    let world = World::telling(&["disconnected"], "", "");
    let config = world.config.to_str().unwrap();
    let (printed, _) = run(&["alerts", "list", "--config", config]);
    assert!(printed.contains("no program has told alerts here in the last week"), "{printed}");
    let mut ris = world.redis(0);
    heartbeat(&mut ris, "a.Demo", &[("cn", "0")]);
    let _page = world.page();
    world.expect("firing", "disconnected a.Demo");
    let (printed, calm) = run(&["alerts", "list", "--config", config]);
    let line = "not connected to the broker: a.Demo: the terminal has no connection to Demo-Server\n";
    assert_eq!((printed.as_str(), calm), (line, false));
}

#[test]
fn a_mistake_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("fleet.toml");
    fs::write(&config, "[alerts]\nquiet = \"at night\"\n").unwrap();
    let config = config.to_str().unwrap();
    for arguments in
        [&["web", "--listen", "127.0.0.1:0"][..], &["govern"], &["govern", "--once"], &["alerts", "test"]]
    {
        let (printed, well) = run(&[arguments, &["--config", config]].concat());
        let words = "fleet.toml:2: alerts.quiet is not a time of the week: write \"22:00-07:00\"";
        assert!(!well && printed.contains(words), "{arguments:?}: {printed}");
    }
    let (printed, well) = run(&["alerts", "test", "--config", "redis://127.0.0.1:1"]);
    assert!(!well && printed.contains("the configuration has no alerts"), "{printed}");
}

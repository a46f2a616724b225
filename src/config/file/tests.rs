//! What a configuration file may say, and how mistakes in it are reported.

use super::*;
use crate::config::{RateLimit, Secret, TradeEvents};

fn error(text: &str) -> String {
    let error = parse("mt5-redis.toml", text).unwrap_err();
    assert_eq!(error.code(), MT5REDIS_ERR_CONFIG);
    error.to_string()
}

#[test]
fn a_table_a_lane() {
    let config = parse(
        "a.toml",
        r#"
        password = "shared"
        [ris]
        url = "redis://10.0.0.1:6390"
        ttl = "2m"
        [rts]
        url = "redis://10.0.0.2:6391/1"
        username = "ea"
        password = "own"
        encoding = "packed"
        retention = "7d"
        event_retention = "2d"
        event_max_length = 500
        [rtss]
        queue = 100
        batch_records = 7
        batch_bytes = 4096
        connect_timeout = "250ms"
        reply_timeout = "1s 500ms"
        retention = "2h"
        max_length = 5000
        records_per_second = 100
        [pressure]
        quiet = "1m"
        "#,
    )
    .unwrap();
    assert_eq!(config.ris.endpoint.name(), "10.0.0.1:6390");
    assert_eq!(config.ris.endpoint.identity.password, Some(Secret::new("shared".into())));
    assert_eq!(config.ris_ttl, 120 * SECOND);
    assert_eq!(config.rts.endpoint.identity.password, Some(Secret::new("own".into())));
    assert_eq!((config.rts.endpoint.database, config.rts.encoding), (1, Encoding::Packed));
    assert_eq!((config.rts_retention, config.rtss_retention), (7 * DAY, 7200 * SECOND));
    let events = TradeEvents { retention: 2 * DAY, max_length: 500 };
    assert_eq!(config.rts_events, Some(events));
    let off = parse("a.toml", "[rts]\nevents = \"off\"\nevent_retention = \"2d\"").unwrap();
    assert_eq!(off.rts_events, None);
    assert_eq!((config.rtss.queue, config.rtss.batch_records, config.rtss.batch_bytes), (100, 7, 4096));
    assert_eq!(config.rtss.endpoint.reply_timeout, Duration::from_millis(1500));
    assert_eq!(config.rtss.endpoint.connect_timeout, Duration::from_millis(250));
    assert_eq!((config.rtss_max_length, config.pressure_quiet), (5000, 60 * SECOND));
    let no_limit = RateLimit::default();
    assert_eq!((config.rts.rate, config.rtss.rate), (no_limit, RateLimit { records: Some(100), ..no_limit }));
    assert_eq!(config.rtss.endpoint.name(), "127.0.0.1:6379");
}

#[test]
fn a_refusal_names_file_line_key_and_reason() {
    for (text, reason) in [
        ("[rts]\nevents = true", "2: rts.events = (boolean) is refused: write \"on\" or \"off\""),
        ("[rts]\n\nqueue = 0", "3: rts.queue = 0 is refused: write 16 to 1048576"),
        ("[rts]\nqueue = 1.5", "2: rts.queue = (float) is refused: write 16 to 1048576"),
        (
            "[ris]\nttl = \"soon\"",
            "2: ris.ttl = \"soon\" is refused: write a text like \"90s\", from 1s to 1day",
        ),
        ("[ris]\nttl = 90", "2: ris.ttl = 90 is refused: write a text like \"90s\", from 1s to 1day"),
        (
            "[ris]\nencoding = \"json\"",
            "2: ris.encoding = \"json\" is refused: write \"fields\" or \"packed\"",
        ),
        ("[rts]\nttl = \"90s\"", "2: rts.ttl has no meaning here: it belongs in [ris]"),
        ("[ris]\nretention = \"90s\"", "2: ris.retention has no meaning here: it belongs in [rts] or [rtss]"),
        ("queue = 64", "1: queue has no meaning here: it belongs in [ris] or [rts] or [rtss]"),
        ("[rtss]\nshards = 0", "2: rtss.shards = 0 is refused: write 1 to 4096"),
        ("[rts]\nbytes_per_second = 5", "2: rts.bytes_per_second = 5 is refused: write 1024 to 4294967296"),
        ("url = 6379", "1: url is not a text: put it in quotes"),
        ("ris = 5", "1: ris is not a table: write [ris]"),
        (
            "[journal]\nfoldr = 'a'",
            "2: journal.foldr is unknown: the keys here are folder, sync, max_bytes, retain_acked",
        ),
        (
            "[rtss]\nurl = \"redis://a\"\nqeue = 5",
            "3: rtss.qeue is unknown: the keys here are url, username, ",
        ),
        ("[rtsss]", "1: rtsss is unknown: the keys here are ris, rts, rtss, journal, pressure, url, "),
        ("[ris]\nurl = \"localhost:6379\"", "2: ris.url is not a redis:// URL: write redis://host:port, "),
        ("[ris", "1: "),
        ("url = ", "1: "),
        ("url = \"redis://a\" x", "1: "),
        ("= 5", "1: "),
    ] {
        let error = error(text);
        assert!(error.starts_with(&format!("mt5-redis.toml:{reason}")), "{text}\n{error}");
    }
}

#[test]
fn the_environment_keeps_secrets_out_of_the_file() {
    let home = std::env::var("PATH").unwrap();
    let config = parse("a.toml", "[rts]\npassword = \"<${PATH}>\"").unwrap();
    assert_eq!(config.rts.endpoint.identity.password.unwrap().expose(), format!("<{home}>"));
    assert_eq!(
        error("\npassword = \"${MT5REDIS_NOT_SET}\""),
        "mt5-redis.toml:2: password needs the environment variable \"MT5REDIS_NOT_SET\", which is not set to a text"
    );
    let endless = "mt5-redis.toml:1: password has a ${ without a }: write $${ for a plain ${";
    assert_eq!(error("password = \"${X\""), endless);
    for (text, password) in [("pa$$w$${rd", "pa$$w${rd"), ("a$${HOME}b", "a${HOME}b"), ("$$", "$$")] {
        let config = parse("a.toml", &format!("password = '{text}'")).unwrap();
        assert_eq!(config.rts.endpoint.identity.password.unwrap().expose(), password);
    }
}

#[test]
fn no_refusal_quotes_a_secret() {
    for spoiled in [
        "password = 4711",
        "password = hunter2",
        "password = 'hunter2",
        "password = \"hunter2\\q\"",
        "password = [\"hunter2\"]",
        "url = \"redis://:hunter2@\"",
        "[ris]\npassword = { value = \"hunter2\" }",
        "password = \"hunter2\" \"hunter2\"",
        "password = \"a\"\npassword = \"hunter2\"",
    ] {
        let error = error(spoiled);
        assert!(!error.contains("hunter2") && !error.contains("4711"), "{error}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = read(Path::new("/nowhere/mt5-redis.toml"), "").unwrap_err();
    assert_eq!(error.code(), MT5REDIS_ERR_CONFIG_FILE);
    assert!(error.to_string().starts_with("the configuration /nowhere/mt5-redis.toml cannot be read: "));
}

#[test]
fn a_windows_path_in_double_quotes_is_told_to_go_into_single_ones() {
    for text in [
        r#"tls_ca = "C:\certs\ca.pem""#,
        r#"password_file = "C:\new\secret""#,
        "[journal]\nfolder = \"C:\\new\\temp\"",
        "url = \"rediss://a\"\ntls_ca = \"C:\\new\"",
    ] {
        let error = error(text);
        assert!(error.ends_with(r"write a Windows path in single quotes: 'C:\folder\file'"), "{error}");
    }
    let config = parse("a.toml", r"journal = { folder = 'C:\new\temp' }").unwrap();
    assert!(config.journal.folder.ends_with(r"C:\new\temp"));
}

#[test]
fn a_file_that_was_meant_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    std::fs::write(folder.path().join("site.toml.txt"), "").unwrap();
    std::fs::write(folder.path().join("other.toml"), "").unwrap();
    let error = |text: &str| Config::read(text, path).unwrap_err().to_string();
    assert!(error("site.toml").ends_with("whose ending Windows may hide: rename it to site.toml"));
    assert!(error(r"MQL5\Files\other.toml").ends_with("which has a file other.toml: write other.toml alone"));
    assert!(Config::read("\"other.toml\"", path).is_ok(), "in quotes");
    std::fs::write(folder.path().join("ansi.toml"), b"# a\n# Schl\xFCssel\n").unwrap();
    assert!(error("ansi.toml").ends_with("line 2 is not UTF-8: save the file as UTF-8"));
}

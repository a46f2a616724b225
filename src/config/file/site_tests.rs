//! The keys for credentials and TLS, and each way to get them wrong.

use super::super::{parse, read};
use super::*;

fn password(endpoint: &Endpoint) -> &str {
    endpoint.identity.password.as_ref().unwrap().expose()
}

#[test]
fn each_lane_may_be_of_another_kind() {
    let config = parse(
        "a.toml",
        r#"
        username = "ea"
        password = "shared"
        masters = ["m1", "m2:7000"]
        [ris]
        url = "redis://10.0.0.1:6390"
        [rts]
        url = "redis-sentinel://s1,s2:7000/mt5-rts"
        sentinel_username = "watcher"
        sentinel_password = "other"
        [rtss]
        url = "rediss-cluster://n1:7001,n2"
        "#,
    )
    .unwrap();
    assert_eq!(config.ris.endpoint.name(), "10.0.0.1:6390");

    let rts = &config.rts.endpoint;
    let Site::Sentinel { masters, identity, .. } = &rts.site else { panic!("{rts:?}") };
    assert_eq!(masters.iter().map(Address::to_string).collect::<Vec<_>>(), ["m1:0", "m2:7000"]);
    assert_eq!(identity.username.as_deref(), Some("watcher"));
    assert_eq!(identity.password.as_ref().unwrap().expose(), "other");
    assert_eq!(password(rts), "shared");
    assert_eq!(config.rts.journal_name("rts"), "rts@mt5-rts@s1-26379-0");

    let rtss = &config.rtss.endpoint;
    assert_eq!((rtss.name().as_str(), &rtss.tls), ("cluster@n1:7001", &Some(Tls::default())));
    assert_eq!((password(rtss), config.rtss_shards), ("shared", 16));
    assert_eq!(config.rtss.journal_name("rtss"), "rtss@cluster@n1-7001-0");
}

#[test]
fn signals_have_one_shard_except_on_a_cluster() {
    for (text, shards) in [
        ("", 1),
        ("url = \"redis-sentinel://a/m\"", 1),
        ("url = \"redis-cluster://a\"", 16),
        ("url = \"redis-cluster://a\"\n[rtss]\nshards = 64", 64),
    ] {
        assert_eq!(parse("a.toml", text).unwrap().rtss_shards, shards, "{text}");
    }
}

#[test]
fn a_password_comes_from_the_environment_or_a_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "hunter2\r\n").unwrap();
    let text = "password_file = \"secret\"\n[rts]\npassword = \"${PATH}\"\n";
    std::fs::write(folder.path().join("a.toml"), text).unwrap();
    let config = read(&folder.path().join("a.toml"), folder.path().to_str().unwrap()).unwrap();
    assert_eq!(password(&config.ris.endpoint), "hunter2");
    assert_eq!(password(&config.rts.endpoint), std::env::var("PATH").unwrap());
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn each_mistake_is_reported_with_its_key() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let no_certificate = format!("url = \"rediss://a\"\ntls_ca = \"{manifest}\"");
    let its_refusal = format!("2: tls_ca = {manifest} has no certificate in PEM form");
    for (text, reason) in [
        (
            "[rts]\nurl = \"redis://a\"\nmasters = [\"m\"]",
            "3: rts.masters has no meaning here: the url is not",
        ),
        ("[rts]\nsentinel_password = \"m\"", "2: rts.sentinel_password has no meaning here: the url is not"),
        (
            "url = \"redis-sentinel://a/m\"\nmasters = []",
            "2: masters is not a list of addresses: write [\"host:port\"",
        ),
        ("url = \"redis-sentinel://a/m\"\nmasters = [7]", "2: masters is not a list of addresses"),
        ("url = \"redis-sentinel://a/m\"\nmasters = \"a:1\"", "2: masters is not a list of addresses"),
        (
            "password = \"a\"\npassword_file = \"B\"",
            "2: password_file and password exclude each other: keep one",
        ),
        (
            "username = \"a\"\n[ris]\nurl = \"redis://:b@c\"",
            "1: username and the user or password in the url exclude each other: keep one",
        ),
        ("password_file = \"/nowhere\"", "1: password_file = /nowhere cannot be read: "),
        ("password_file = \"/dev/null\"", "1: password_file = /dev/null cannot be read: it is not a regular"),
        ("password = \"\"", "1: password is empty: leave the key out"),
        ("tls_ca = \"ca.pem\"", "1: tls_ca has no meaning without TLS: write rediss in place of redis"),
        ("url = \"rediss://a\"\ntls_ca = \"/nowhere\"", "2: tls_ca = /nowhere cannot be read: "),
        ("url = \"rediss://a\"\ntls_key = \"a\"", "2: tls_key needs tls_certificate"),
        ("url = \"rediss://a\"\ntls_certificate = \"a\"", "2: tls_certificate needs tls_key"),
        (&no_certificate, &its_refusal),
    ] {
        let error = parse("f", text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("f:{reason}")), "{text}\n{error}");
    }
}

#[test]
fn a_removed_key_is_refused_with_what_to_write_instead() {
    for (text, reason) in [
        ("password_env = \"B\"", "1: password_env was removed: write password = \"${NAME}\""),
        (
            "[rts]\nsentinel_password_env = \"B\"",
            "2: rts.sentinel_password_env was removed: write sentinel_password = \"${NAME}\"",
        ),
        (
            "sentinels = [\"a\"]\n[rts]\nsentinel_password = \"m\"",
            "1: sentinels was removed: write url = \"redis-sentinel://host:26379,host:26379/master\"",
        ),
        (
            "[rts]\nmaster = \"m\"",
            "2: rts.master was removed: write url = \"redis-sentinel://host:26379,host:26379/master\"",
        ),
        ("nodes = [\"a\"]", "1: nodes was removed: write url = \"redis-cluster://host:port,host:port\""),
        ("tls = true\ntls_ca = \"a\"", "1: tls was removed: write rediss in place of redis in the url"),
    ] {
        assert_eq!(parse("f", text).unwrap_err().to_string(), format!("f:{reason}"));
    }
}

#[test]
fn sites_with_similar_names_have_their_own_journals() {
    let folder = |url: &str| parse("a.toml", &format!("url = \"{url}\"")).unwrap().rts.journal_name("rts");
    assert_eq!(folder("redis://a_b:1"), "rts@a_b-1-0");
    let mut folders: Vec<_> = ["a_b:1", "a-b:1", "A-b:1", "[::1]:1", "[1::]:1"]
        .iter()
        .map(|host| folder(&format!("redis://{host}")).to_lowercase())
        .collect();
    folders.sort();
    folders.dedup();
    assert_eq!(folders.len(), 5, "{folders:?}");
}

//! The keys for Sentinel, Cluster, credentials and TLS, and each way to get them wrong.

use super::super::{parse, read};
use super::*;

#[test]
fn each_lane_may_be_of_another_kind() {
    let config = parse(
        "a.toml",
        r#"
        sentinels = ["s1", "s2:7000", "[::1]:7001"]
        username = "ea"
        password = "shared"
        [ris]
        url = "redis://10.0.0.1:6390"
        [rts]
        master = "mt5-rts"
        sentinel_username = "watcher"
        sentinel_password = "other"
        [rtss]
        nodes = ["n1:7001", "n2"]
        tls = true
        "#,
    )
    .unwrap();
    assert_eq!(config.ris.endpoint.name(), "10.0.0.1:6390");
    assert_eq!(config.ris.endpoint.tls, None);

    let rts = &config.rts.endpoint;
    let Site::Sentinel { sentinels, master, identity, .. } = &rts.site else { panic!("{rts:?}") };
    assert_eq!(
        sentinels.iter().map(Address::to_string).collect::<Vec<_>>(),
        ["s1:26379", "s2:7000", "[::1]:7001"]
    );
    assert_eq!((master.as_str(), identity.username.as_deref()), ("mt5-rts", Some("watcher")));
    assert_eq!(identity.password.as_ref().unwrap().expose(), "other");
    assert_eq!(rts.identity.password.as_ref().unwrap().expose(), "shared");
    assert_eq!(config.rts.journal_name("rts"), "rts@mt5-rts@s1-26379-0");

    let rtss = &config.rtss.endpoint;
    let Site::Cluster(nodes) = &rtss.site else { panic!("{rtss:?}") };
    assert_eq!(nodes.iter().map(Address::to_string).collect::<Vec<_>>(), ["n1:7001", "n2:6379"]);
    assert_eq!((&rtss.tls, config.rtss_shards), (&Some(Tls::default()), 16));
    assert_eq!(config.rtss.journal_name("rtss"), "rtss@cluster@n1-7001-0");
}

#[test]
fn signals_have_one_shard_but_on_a_cluster() {
    assert_eq!(parse("a.toml", "").unwrap().rtss_shards, 1);
    assert_eq!(parse("a.toml", "sentinels = [\"a\"]\nmaster = \"m\"").unwrap().rtss_shards, 1);
    assert_eq!(parse("a.toml", "nodes = [\"a\"]").unwrap().rtss_shards, 16);
    assert_eq!(parse("a.toml", "nodes = [\"a\"]\n[rtss]\nshards = 64").unwrap().rtss_shards, 64);
}

#[test]
fn a_password_comes_from_the_environment_or_a_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "hunter2\r\n").unwrap();
    let text = "password_file = \"secret\"\n[rts]\npassword_env = \"PATH\"\n";
    std::fs::write(folder.path().join("a.toml"), text).unwrap();
    let config = read(&folder.path().join("a.toml"), folder.path().to_str().unwrap()).unwrap();
    let password = |endpoint: &Endpoint| endpoint.identity.password.as_ref().unwrap().expose().to_owned();
    assert_eq!(password(&config.ris.endpoint), "hunter2");
    assert_eq!(password(&config.rts.endpoint), std::env::var("PATH").unwrap());
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn each_mistake_is_told_with_its_key() {
    let no_certificate = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    for (text, reason) in [
        (
            "[rts]\nurl = \"redis://a\"\nnodes = [\"a\"]",
            "3: rts.nodes and rts.url exclude each other: keep one",
        ),
        ("sentinels = [\"a\"]", "1: sentinels need a master: add master = \"mymaster\""),
        ("sentinels = [\"a\"]\nmaster = \"my master\"", "2: master is no name of a master"),
        ("[rts]\nurl = \"redis://a\"\nmaster = \"m\"", "3: rts.master means nothing without sentinels"),
        ("[rts]\nsentinel_password = \"m\"", "2: rts.sentinel_password means nothing without sentinels"),
        ("sentinels = []\nmaster = \"m\"", "1: sentinels is no list of addresses: write [\"host:port\""),
        ("nodes = \"a:1\"", "1: nodes is no list of addresses"),
        ("nodes = [\"a:1\", 7]", "1: nodes is no list of addresses"),
        ("nodes = [\"redis://a:1\"]", "1: nodes is no list of addresses"),
        (
            "password = \"a\"\npassword_env = \"B\"",
            "2: password_env and password exclude each other: keep one",
        ),
        (
            "password_env = \"MT5REDIS_NOT_SET\"",
            "1: password_env needs the environment variable \"MT5REDIS_NOT_SET\"",
        ),
        ("password_file = \"/nowhere\"", "1: password_file /nowhere cannot be read: "),
        ("password_file = \"/dev/null\"", "1: password_file /dev/null cannot be read: it is no file"),
        ("password = \"\"", "1: password gives an empty password"),
        ("tls = 1", "1: tls is neither true nor false"),
        ("url = \"rediss://a\"\ntls = false", "2: tls contradicts the URL"),
        (
            "tls_ca = \"ca.pem\"",
            "1: tls_ca means nothing without TLS: write rediss in the URL, or tls = true",
        ),
        ("tls = true\ntls_ca = \"/nowhere\"", "2: tls_ca /nowhere cannot be read: "),
        ("tls = true\ntls_key = \"a\"", "2: tls_key needs tls_certificate"),
        ("tls = true\ntls_certificate = \"a\"", "2: tls_certificate needs tls_key"),
        ("[ris]\nshards = 3", "2: ris.shards means nothing there: it belongs into [rtss]"),
        ("[rtss]\nshards = 0", "2: rtss.shards = 0 is refused: pass 1 to 4096"),
    ] {
        let error = parse("f", text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("f:{reason}")), "{text}\n{error}");
    }
    let error = parse("f", &format!("tls = true\ntls_ca = \"{no_certificate}\"")).unwrap_err().to_string();
    assert_eq!(error, format!("f:2: tls_ca {no_certificate} has no certificate in PEM"));
}

#[test]
fn sites_that_look_alike_have_journals_of_their_own() {
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

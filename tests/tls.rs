//! TLS to a real Redis: the right certificate is accepted, every wrong one is refused and told, and no
//! server can make a lane wait for longer than its time-outs.

mod support;

use std::path::Path;
use std::time::Instant;

use redis::{ClientTlsConfig, TlsCertificates};
use support::bridge::{Bridge, buy};
use support::certificates::{Authority, Files};
use support::encrypted::Encrypted;
use support::port::{free_port, listen};
use support::recorder::Recorder;
use support::server::Server;
use support::{configuration, eventually};

/// Opens, sends a signal, and waits for the event that says why it does not arrive.
fn refusal(toml: &str) -> String {
    let (folder, config) = configuration(toml);
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    bridge.signal(&buy(1));
    let mut found = None;
    eventually("an event that says why", || {
        found = found.take().or(bridge.events().into_iter().find(|line| line.starts_with("rtss: ")));
        found.is_some()
    });
    found.expect("found")
}

#[test]
fn the_right_certificate_is_accepted() {
    let authority = Authority::new();
    let encrypted = Encrypted::start(&authority.sign("localhost", 2060), &authority, "no");
    let (folder, config) = configuration(&encrypted.toml("localhost", &authority.file(), ""));
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    for number in 1..=1000 {
        bridge.signal(&buy(number));
    }
    bridge.settle();
    assert_eq!(encrypted.signals(), 1000);
}

#[test]
fn wrong_names_expired_and_foreign_certificates_are_refused() {
    let (authority, foreign) = (Authority::new(), Authority::new());
    let good = Encrypted::start(&authority.sign("localhost", 2060), &authority, "no");
    let expired = Encrypted::start(&authority.sign("localhost", 2021), &authority, "no");
    let other = Encrypted::start(&authority.sign("redis.example", 2060), &authority, "no");
    for (server, trusted, reason) in [
        (&expired, authority.file(), "certificate expired"),
        (&other, authority.file(), "certificate not valid for name"),
        (&good, foreign.file(), "UnknownIssuer"),
    ] {
        let line = refusal(&server.toml("localhost", &trusted, ""));
        assert!(line.contains("accepts no writes") && line.contains(reason), "{line}");
        assert_eq!(server.signals(), 0);
    }
    // Nor is an authority trusted that nobody named.
    let line = refusal(&format!("url = \"rediss://localhost:{}\"", good.port));
    assert!(line.contains("UnknownIssuer"), "{line}");
}

#[test]
fn a_client_certificate_is_shown_where_it_is_asked_for() {
    let (authority, foreign) = (Authority::new(), Authority::new());
    let encrypted = Encrypted::start(&authority.sign("localhost", 2060), &authority, "yes");
    let keys = |files: &Files| {
        let (certificate, key) = (files.certificate.display(), files.key.display());
        format!("tls_certificate = \"{certificate}\"\ntls_key = \"{key}\"")
    };
    for (more, reason) in
        [(String::new(), "CertificateRequired"), (keys(&foreign.sign("terminal", 2060)), "UnknownCA")]
    {
        let line = refusal(&encrypted.toml("localhost", &authority.file(), &more));
        assert!(line.contains(reason), "{line}");
    }
    let more = keys(&authority.sign("terminal", 2060));
    let (folder, config) = configuration(&encrypted.toml("localhost", &authority.file(), &more));
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    bridge.signal(&buy(1));
    bridge.settle();
    assert_eq!(encrypted.signals(), 1);
}

#[test]
fn a_certificate_that_was_renewed_needs_no_restart() {
    let authority = Authority::new();
    let encrypted = Encrypted::start(&authority.sign("localhost", 2060), &authority, "no");
    let (folder, config) = configuration(&encrypted.toml("localhost", Path::new("ca.pem"), ""));
    let trusted = folder.path().join("ca.pem");
    std::fs::copy(Authority::new().file(), &trusted).expect("a file");
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    bridge.signal(&buy(1));
    eventually("it is refused", || bridge.events().iter().any(|line| line.contains("UnknownIssuer")));
    std::fs::copy(authority.file(), &trusted).expect("a file");
    bridge.settle();
    assert_eq!(encrypted.signals(), 1);
}

/// A server that accepts and says nothing must not hold a lane: it is told after the time-out, each time.
#[test]
fn a_server_that_stalls_the_handshake_is_left() {
    let authority = Authority::new();
    let silent = listen();
    let port = silent.local_addr().expect("its address").port();
    let toml = format!(
        "url = \"rediss://localhost:{port}\"\ntls_ca = \"{}\"\n[rtss]\nconnect_timeout = \"100ms\"\n",
        authority.file().display()
    );
    let (folder, config) = configuration(&toml);
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    let started = Instant::now();
    bridge.signal(&buy(1));
    eventually("it is left", || {
        bridge.events().iter().any(|line| line.starts_with("rtss: ") && line.contains("no answer within"))
    });
    println!("left after {:?}", started.elapsed());
    // A close waits for no server.
    assert_eq!(bridge.close(0), mt5_redis::codes::MT5REDIS_ERR_TIMEOUT);
}

#[test]
fn sentinels_and_their_master_speak_tls() {
    let authority = Authority::new();
    let files = authority.sign("127.0.0.1", 2060);
    let encrypted = Encrypted::start(&files, &authority, "no");
    let port = free_port();
    let text = format!(
        "tls-port {port}\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\ntls-auth-clients no\n\
         tls-replication yes\nsentinel monitor m 127.0.0.1 {} 1\n",
        files.certificate.display(),
        files.key.display(),
        authority.file().display(),
        encrypted.port
    );
    let sentinel = Server::configured(&text, &["--sentinel"]);
    let url = format!("rediss-sentinel://127.0.0.1:{port}/m");
    let toml = format!("url = \"{url}\"\ntls_ca = \"{}\"\n", authority.file().display());
    let (folder, config) = configuration(&toml);
    let bridge = Bridge::open(&config, "1.Demo", folder.path());
    bridge.signal(&buy(1));
    bridge.settle();
    assert_eq!(encrypted.signals(), 1);
    drop(sentinel);
}

/// The certificates are what they claim, or the refusals above would prove nothing.
#[test]
fn the_certificates_serve_another_client_too() {
    let authority = Authority::new();
    let encrypted = Encrypted::start(&authority.sign("localhost", 2060), &authority, "no");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificates = TlsCertificates {
        client_tls: None::<ClientTlsConfig>,
        root_cert: Some(std::fs::read(authority.file()).expect("a file")),
    };
    let client =
        redis::Client::build_with_tls(format!("rediss://localhost:{}", encrypted.port), certificates);
    let mut connection = client.expect("a client").get_connection().expect("a connection");
    assert_eq!(redis::cmd("PING").query::<String>(&mut connection).expect("an answer"), "PONG");
}

/// What goes over the network contains neither the password nor the signal; without TLS it contains both.
#[test]
fn nobody_on_the_way_reads_what_tls_carries() {
    let authority = Authority::new();
    let encrypted = Encrypted::start(&authority.sign("localhost", 2060), &authority, "no");
    encrypted.server.ask::<()>("ACL SETUSER terminal on >hunter22 ~* &* +@all");
    let trust = format!("tls_ca = \"{}\"", authority.file().display());
    for (scheme, port, keys) in
        [("rediss", encrypted.port, trust.as_str()), ("redis", encrypted.server.port, "")]
    {
        let recorder = Recorder::before(port);
        let url = format!("{scheme}://localhost:{}", recorder.port);
        let login = "username = \"terminal\"\npassword = \"hunter22\"";
        let (folder, config) = configuration(&format!("url = \"{url}\"\n{login}\n{keys}\n"));
        let bridge = Bridge::open(&config, "1.Demo", folder.path());
        bridge.signal(&buy(1));
        bridge.settle();
        let sent = recorder.bytes();
        for word in ["hunter22", "1.Demo", "EURUSD"] {
            let seen = sent.windows(word.len()).any(|window| window == word.as_bytes());
            assert_eq!(seen, scheme == "redis", "{word} over {scheme}");
        }
    }
}

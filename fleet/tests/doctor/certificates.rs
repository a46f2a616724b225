//! Certificates that expire soon, at a server and in the files.

use super::*;
use crate::support::port::free_ports;
use mt5fleet::up::server::Server;
use mt5fleet::up::{files, version};
use rcgen::{CertificateParams, KeyPair};
use time::{Duration as Span, OffsetDateTime};

/// A certificate of its own authority that lasts for so many days, and its key, as PEM files.
fn certificate(folder: &Path, days: i64) {
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    parameters.not_before = OffsetDateTime::now_utc() - Span::days(100);
    parameters.not_after = OffsetDateTime::now_utc() + Span::days(days) + Span::HOUR;
    write(folder, "server.crt", &parameters.self_signed(&key).unwrap().pem());
    write(folder, "server.key", &key.serialize_pem());
}

/// Certificates of different remaining lifetimes, as presented by the server and in the file.
#[test]
fn one_that_expires_soon_is_found_at_the_server_and_in_the_files() {
    let (root, folder) = (machine(), tempfile::tempdir().unwrap());
    let deploy = folder.path().join("deploy");
    files::write(&deploy, version::installed().unwrap()).unwrap();
    let mut ports = free_ports(4);
    let encrypted = ports.pop().unwrap();
    let node = Topology::Single.nodes(&ports).remove(0);
    for (days, light, says) in [
        (400, Light::Green, "certificate "),
        (20, Light::Yellow, "20 days left"),
        (3, Light::Red, "3 days left"),
        (-2, Light::Red, "it has expired"),
    ] {
        certificate(folder.path(), days);
        let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (certificate, key) = (file("server.crt"), file("server.key"));
        let tls_port = encrypted.to_string();
        let arguments = [
            "--tls-port",
            &tls_port,
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &certificate,
            "--tls-auth-clients",
            "no",
        ];
        let server =
            Server::start(&deploy, folder.path(), &node, &arguments.map(String::from), true).unwrap();
        let config = folder.path().join("mt5redis.toml");
        let url = format!("rediss://localhost:{encrypted}");
        fs::write(&config, format!("url = \"{url}\"\ntls_ca = \"{certificate}\"\n")).unwrap();
        let findings = examine(&config, root.path());
        for place in [format!("localhost:{encrypted}"), certificate.clone()] {
            let found = findings.iter().find(|found| found.check == "certificates" && found.server == place);
            let found = found.unwrap_or_else(|| panic!("{days}: {place} is not in {findings:#?}"));
            assert!(found.light == light && found.text.contains(says), "{days}: {found:#?}");
        }
        drop(server);
    }
}

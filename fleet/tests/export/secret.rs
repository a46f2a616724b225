//! A database that wants TLS and a password.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::fleet::{command, publish};
use crate::postgres::number;
use crate::server::{Server, give};
use crate::support::port::free_ports;
use crate::support::servers;

#[test]
fn rows_go_to_a_server_that_proves_who_it_is_and_no_password_is_shown() {
    let servers = servers();
    publish(&servers, "1.Demo", 3, 1);
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let authority_text = authority.self_signed(&authority_key).unwrap().pem();
    let authority = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("ca.pem");
    fs::write(&trusted, authority_text).unwrap();
    let port = free_ports(1)[0];
    let settings =
        ["listen_addresses=127.0.0.1", "ssl=on", "ssl_cert_file=../cert.pem", "ssl_key_file=../key.pem"];
    let server = Server::start_with(port, &settings, |folder| {
        for (name, text) in [("cert.pem", certificate.pem()), ("key.pem", key.serialize_pem())] {
            fs::write(folder.join(name), text).unwrap();
            give(&folder.join(name));
        }
    });
    let export = |password: &str, more: &[&str]| {
        let address = format!("postgres://fleet@127.0.0.1:{port}/postgres?sslmode=require");
        let mut export = command(&servers, &["--postgres", &address]);
        let output = export.args(more).env("PGPASSWORD", password).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!told.contains(password), "{told}");
        (output.status.success(), told)
    };
    let trusted = ["--postgres-ca", trusted.to_str().unwrap()];
    let (done, told) = export("correct horse", &[]);
    assert!(!done && told.contains("certificate"), "{told}");
    let (done, told) = export("wrong horse", &trusted);
    assert!(!done && told.contains("password authentication failed"), "{told}");
    let (done, told) = export("correct horse", &trusted);
    assert!(done, "{told}");
    assert_eq!(number(&mut server.client(), "SELECT count(*) FROM mt5redis.signals"), 3);
}

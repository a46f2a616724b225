//! Mail over TLS: it arrives at a server with a good certificate, and nothing secret reaches any other.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::mails::{MailServer, Security};
use super::program::{CONDITIONS, run, settings};

const PASSWORD: &str = "hunter2-password";
/// The name and the password, as AUTH PLAIN says them.
const LOGIN: &str = "AGZsZWV0AGh1bnRlcjItcGFzc3dvcmQ=";

/// An authority that vouches for servers.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A server of this name.
    fn server(&self, name: &str) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .unwrap();
        Arc::new(config)
    }
}

/// Sends a test message to this server, which is trusted if the authority vouches for it.
fn send(folder: &Path, authority: &Authority, server: &MailServer, tls: &str) -> (String, bool) {
    let (ca, config) = (folder.join("ca.pem"), folder.join("fleet.toml"));
    fs::write(&ca, &authority.pem).unwrap();
    let sink = format!(
        r#"
        [alerts.sinks.mail]
        kind = "mail"
        server = "{place}"
        tls = "{tls}"
        tls_ca = "{ca}"
        username = "fleet"
        password = "{PASSWORD}"
        from = "fleet@example.org"
        to = "anna@example.org"
        "#,
        place = server.place,
        ca = ca.display(),
    );
    fs::write(&config, settings(&CONDITIONS, "") + &sink).unwrap();
    run(&["alerts", "test", "--config", config.to_str().unwrap()])
}

#[test]
fn a_mail_arrives_encrypted() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let config = authority.server("127.0.0.1");
    for (tls, security) in [("starttls", Security::Upgrade(config.clone())), ("tls", Security::Whole(config))]
    {
        let server = MailServer::secured(security);
        let (printed, all) = send(folder.path(), &authority, &server, tls);
        assert!(all && printed.contains("mail (mail): it was delivered"), "{tls}: {printed}");
        let [mail] = &server.mails()[..] else { panic!("{:?}", server.mails()) };
        assert!(mail.encrypted && mail.text.contains("This is a test"), "{mail:?}");
        assert!(!server.heard().contains(LOGIN), "{}", server.heard());
    }
}

#[test]
fn a_server_that_nobody_vouches_for_gets_neither_mail_nor_password() {
    let (folder, authority, other) = (tempfile::tempdir().unwrap(), Authority::new(), Authority::new());
    let certificate =
        "; write the name of its certificate as server, and the file of its authority as tls_ca";
    for (tls, security, advice) in [
        ("starttls", Security::Upgrade(other.server("127.0.0.1")), certificate),
        ("tls", Security::Whole(other.server("127.0.0.1")), certificate),
        // It is another server.
        ("starttls", Security::Upgrade(authority.server("mail.example.org")), certificate),
        ("tls", Security::Whole(authority.server("mail.example.org")), certificate),
        // It offers no encryption.
        ("starttls", Security::Plain, "; if it expects TLS from the beginning, write tls = \"tls\""),
    ] {
        let server = MailServer::secured(security);
        let (printed, all) = send(folder.path(), &authority, &server, tls);
        assert!(!all && printed.contains(&format!("{} took no mail", server.place)), "{tls}: {printed}");
        assert!(printed.contains(advice), "{tls}: {printed}");
        assert!(!printed.contains(PASSWORD) && !printed.contains(LOGIN), "{printed}");
        assert!(server.mails().is_empty() && !server.heard().contains("AUTH"), "{}", server.heard());
    }
}

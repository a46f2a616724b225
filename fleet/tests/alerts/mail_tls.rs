//! Mail over TLS: it arrives at a server with a good certificate, and nothing secret reaches any other.

use std::fs;
use std::path::Path;

use super::certificates::Authority;
use super::mails::{MailServer, Security};
use super::program::{CONDITIONS, run, settings};

const PASSWORD: &str = "hunter2-password";
/// The name and the password, as AUTH PLAIN says them.
const LOGIN: &str = "AGZsZWV0AGh1bnRlcjItcGFzc3dvcmQ=";

/// Sends a test message to this server, which is trusted if the authority vouches for it.
fn send(folder: &Path, authority: &Authority, server: &MailServer, tls: &str) -> (String, bool) {
    let config = folder.join("fleet.toml");
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
        ca = authority.file().display(),
    );
    fs::write(&config, settings(&CONDITIONS, "") + &sink).unwrap();
    run(&["alerts", "test", "--config", config.to_str().unwrap()])
}

#[test]
fn a_mail_arrives_encrypted() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let config = authority.sign("127.0.0.1", 2099).server();
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
        ("starttls", Security::Upgrade(other.sign("127.0.0.1", 2099).server()), certificate),
        ("tls", Security::Whole(other.sign("127.0.0.1", 2099).server()), certificate),
        // It is another server.
        ("starttls", Security::Upgrade(authority.sign("mail.example.org", 2099).server()), certificate),
        ("tls", Security::Whole(authority.sign("mail.example.org", 2099).server()), certificate),
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

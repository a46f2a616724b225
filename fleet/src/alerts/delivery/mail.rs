//! Messages by e-mail, over SMTP. Passwords go over TLS only, or to this machine itself.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, anyhow};
use lettre::message::Mailbox as Address;
use lettre::message::header::ContentType;
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{Message as Mail, SmtpTransport, Transport};

use super::PATIENCE;
use crate::alerts::message::Message;

/// How the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// It begins in plain text, and STARTTLS must follow.
    Upgrade,
    /// From the beginning.
    Whole,
    /// Not at all.
    None,
}

impl Encryption {
    /// The port, if none is given.
    pub fn usual_port(self) -> u16 {
        match self {
            Self::Upgrade => 587,
            Self::Whole => 465,
            Self::None => 25,
        }
    }
}

/// Who gets mails, and by which server.
pub struct Mailbox {
    pub host: String,
    pub port: u16,
    pub encryption: Encryption,
    pub login: Option<(String, String)>,
    pub from: Address,
    pub to: Vec<Address>,
    /// Authorities to trust instead of the usual ones: a PEM file.
    pub ca: Option<PathBuf>,
}

impl Mailbox {
    /// Whether it can be used: the files are there.
    pub fn check(&self) -> Result<()> {
        self.transport().map(drop)
    }

    pub fn send(&self, message: &Message) -> Result<()> {
        let mail = self.mail(message)?;
        let (host, port) = (&self.host, self.port);
        let refused = |error| anyhow!("{host}:{port} took no mail: {error}{}", self.advice(&error));
        self.transport()?.send(&mail).map(drop).map_err(refused)
    }

    /// What to do about an error, where that is known.
    fn advice(&self, error: &smtp::Error) -> &'static str {
        let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
        let cause = cause.and_then(io::Error::get_ref).and_then(|cause| cause.downcast_ref());
        match cause {
            Some(rustls::Error::InvalidCertificate(_)) => {
                "; write the name of its certificate as server, and the file of its authority as tls_ca"
            }
            _ if error.is_client() && self.encryption == Encryption::Upgrade => {
                "; if it expects TLS from the beginning, write tls = \"tls\""
            }
            _ => "",
        }
    }

    /// The mail. A mail that is sent again has the same id.
    fn mail(&self, message: &Message) -> Result<Mail> {
        let mut mail = Mail::builder()
            .message_id(Some(format!("<{}@mt5fleet>", message.id)))
            .date(UNIX_EPOCH + std::time::Duration::from_millis(message.time_ms))
            .from(self.from.clone())
            .subject(&message.title);
        for to in &self.to {
            mail = mail.to(to.clone());
        }
        let body = message.lines.join("\r\n") + "\r\n";
        mail.header(ContentType::TEXT_PLAIN).body(body).context("the mail cannot be written")
    }

    fn transport(&self) -> Result<SmtpTransport> {
        let tls = || -> Result<TlsParameters> {
            let mut tls = TlsParameters::builder(self.host.clone());
            if let Some(file) = &self.ca {
                let text =
                    std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
                let authority = Certificate::from_pem(&text).map_err(|error| anyhow!("{error}"))?;
                tls = tls.certificate_store(CertificateStore::None).add_root_certificate(authority);
            }
            tls.build().context("TLS cannot be used")
        };
        let tls = match self.encryption {
            Encryption::None => Tls::None,
            Encryption::Upgrade => Tls::Required(tls()?),
            Encryption::Whole => Tls::Wrapper(tls()?),
        };
        let mut transport =
            SmtpTransport::builder_dangerous(&self.host).port(self.port).timeout(Some(PATIENCE)).tls(tls);
        if let Some((username, password)) = &self.login {
            transport = transport.credentials(Credentials::new(username.clone(), password.clone()));
        }
        Ok(transport.build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::condition::Condition;
    use crate::alerts::message::Line;

    #[test]
    fn a_foreign_text_adds_no_header() {
        let evil = "x\r\nBcc: all@evil.example\r\n\r\nforged";
        let line =
            Line { condition: Condition::Silent, subject: evil.into(), text: evil.into(), since_ms: 0 };
        let mut message = Message::new(0, vec![line], Vec::new(), 0);
        message.title = evil.to_owned();
        let mailbox = Mailbox {
            host: "localhost".into(),
            port: 25,
            encryption: Encryption::None,
            login: None,
            from: "fleet@example.org".parse().unwrap(),
            to: vec!["anna@example.org".parse().unwrap()],
            ca: None,
        };
        let mail = String::from_utf8(mailbox.mail(&message).unwrap().formatted()).unwrap();
        let (head, _) = mail.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.to_ascii_lowercase().starts_with("bcc:")), "{head}");
        assert_eq!(head.lines().filter(|line| line.starts_with("Subject: ")).count(), 1, "{head}");
    }
}

//! A mail server that notes what arrives, and refuses when it is told to; plain, with STARTTLS, or encrypted from the beginning.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::support::port::listen;

/// A mail that arrived.
#[derive(Clone, Debug, Default)]
pub struct Mail {
    pub from: String,
    pub to: Vec<String>,
    /// Headers and body.
    pub text: String,
    /// Whether it came over TLS.
    pub encrypted: bool,
}

impl Mail {
    /// The headers, with continued lines joined.
    pub fn headers(&self) -> Vec<String> {
        let (head, _) = self.text.split_once("\n\n").unwrap();
        head.replace("\n ", " ").lines().map(str::to_owned).collect()
    }
}

/// How the server encrypts.
#[derive(Clone)]
pub enum Security {
    Plain,
    Upgrade(Arc<ServerConfig>),
    Whole(Arc<ServerConfig>),
}

/// A mail server.
#[derive(Clone)]
pub struct MailServer {
    pub place: String,
    security: Security,
    mails: Arc<Mutex<Vec<Mail>>>,
    heard: Arc<Mutex<String>>,
    refuses: Arc<AtomicBool>,
}

impl MailServer {
    pub fn start() -> Self {
        Self::secured(Security::Plain)
    }

    pub fn secured(security: Security) -> Self {
        let listener = listen();
        let server = Self {
            place: listener.local_addr().unwrap().to_string(),
            security,
            mails: Arc::default(),
            heard: Arc::default(),
            refuses: Arc::default(),
        };
        let talking = server.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = talking.clone();
                thread::spawn(move || server.greet(client));
            }
        });
        server
    }

    /// From now on every login is refused, with all that it said.
    pub fn refuse(&self) {
        self.refuses.store(true, Relaxed);
    }

    pub fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }

    /// All that clients said in plain text.
    pub fn heard(&self) -> String {
        self.heard.lock().unwrap().clone()
    }

    fn greet(&self, client: TcpStream) {
        if let Security::Whole(config) = &self.security {
            let client = encrypted(config, client);
            self.talk(BufReader::new(client), true, true);
        } else if let (Some(client), Security::Upgrade(config)) =
            (self.talk(BufReader::new(client), false, true), &self.security)
        {
            self.talk(BufReader::new(encrypted(config, client)), true, false);
        }
    }

    /// Answers a client until it leaves, or until it wants to be encrypted: then it is returned.
    fn talk<S: Read + Write>(&self, mut client: BufReader<S>, encrypted: bool, greets: bool) -> Option<S> {
        let say = |client: &mut BufReader<S>, text: &str| {
            let _ = client.get_mut().write_all(format!("{text}\r\n").as_bytes());
            let _ = client.get_mut().flush();
        };
        let hear = |client: &mut BufReader<S>| {
            let mut line = String::new();
            client.read_line(&mut line).ok().filter(|length| *length > 0)?;
            if !encrypted {
                *self.heard.lock().unwrap() += &line;
            }
            Some(line.trim_end().to_owned())
        };
        let offers = !encrypted && matches!(self.security, Security::Upgrade(_));
        let mut mail = Mail { encrypted, ..Mail::default() };
        if greets {
            say(&mut client, "220 here");
        }
        while let Some(line) = hear(&mut client) {
            let words = line.to_ascii_uppercase();
            if words.starts_with("EHLO") && offers {
                say(&mut client, "250-here\r\n250 STARTTLS");
            } else if words.starts_with("EHLO") {
                say(&mut client, "250-here\r\n250 AUTH PLAIN LOGIN");
            } else if words == "STARTTLS" && offers {
                say(&mut client, "220 go on");
                return Some(client.into_inner());
            } else if words.starts_with("AUTH") && self.refuses.load(Relaxed) {
                say(&mut client, &format!("535 no: {line}"));
            } else if words.starts_with("AUTH") {
                say(&mut client, "235 welcome");
            } else if let Some(from) = line.strip_prefix("MAIL FROM:") {
                mail.from = from.to_owned();
                say(&mut client, "250 ok");
            } else if let Some(to) = line.strip_prefix("RCPT TO:") {
                mail.to.push(to.to_owned());
                say(&mut client, "250 ok");
            } else if words == "DATA" {
                say(&mut client, "354 go on");
                let lines = std::iter::from_fn(|| hear(&mut client)).take_while(|line| line != ".");
                mail.text = lines.collect::<Vec<_>>().join("\n");
                self.mails.lock().unwrap().push(mail.clone());
                mail.to.clear();
                say(&mut client, "250 ok");
            } else if words == "QUIT" {
                say(&mut client, "221 bye");
                return None;
            } else {
                say(&mut client, "250 ok");
            }
        }
        None
    }
}

fn encrypted(config: &Arc<ServerConfig>, client: TcpStream) -> StreamOwned<ServerConnection, TcpStream> {
    StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), client)
}

//! A web server and a mail server that note what arrives, and refuse when they are told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use super::support::port::listen;

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    /// As they came, one a line.
    pub headers: String,
    pub body: Value,
}

/// A web server.
#[derive(Clone)]
pub struct Web {
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    refuses: Arc<AtomicBool>,
    silent: Arc<AtomicBool>,
}

impl Web {
    pub fn start() -> Self {
        Self::at(listen())
    }

    pub fn at(listener: TcpListener) -> Self {
        let web = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            requests: Arc::default(),
            refuses: Arc::default(),
            silent: Arc::default(),
        };
        let serving = web.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let web = serving.clone();
                thread::spawn(move || web.serve(client));
            }
        });
        web
    }

    /// From now on requests are noted, and not answered.
    pub fn keep_silent(&self, silent: bool) {
        self.silent.store(silent, Relaxed);
    }

    /// From now on every request is answered 403, with all that it said.
    pub fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Relaxed);
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Conditions and subjects of everything that was told, in this list of the messages.
    pub fn told(&self, list: &str) -> Vec<String> {
        let mut told = Vec::new();
        for request in self.requests() {
            for line in request.body[list].as_array().into_iter().flatten() {
                told.push(format!(
                    "{} {}",
                    line["condition"].as_str().unwrap(),
                    line["subject"].as_str().unwrap()
                ));
            }
        }
        told
    }

    fn serve(&self, client: TcpStream) {
        let mut reader = BufReader::new(client);
        let (mut first, mut headers, mut length) = (String::new(), String::new(), 0);
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) < 3 {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap();
            }
            headers += &line;
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let answer = if self.refuses.load(Relaxed) {
            let said = format!("{first}{headers}{}", String::from_utf8_lossy(&body));
            let said = said.replace(['\r', '\n'], " ");
            format!(
                "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{said}",
                said.len()
            )
        } else {
            let path = first.split(' ').nth(1).unwrap().to_owned();
            self.requests.lock().unwrap().push(Request {
                path,
                headers,
                body: serde_json::from_slice(&body).unwrap(),
            });
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned()
        };
        // The connection stays open: only its end would tell the sender that no answer comes.
        let mut rest = Vec::new();
        if self.silent.load(Relaxed) && reader.read_to_end(&mut rest).is_ok() {
            return;
        }
        let _ = reader.get_mut().write_all(answer.as_bytes());
    }
}

/// A mail that arrived.
#[derive(Clone, Debug, Default)]
pub struct Mail {
    pub from: String,
    pub to: Vec<String>,
    /// Headers and body.
    pub text: String,
}

impl Mail {
    /// The headers, with continued lines joined.
    pub fn headers(&self) -> Vec<String> {
        let (head, _) = self.text.split_once("\n\n").unwrap();
        head.replace("\n ", " ").lines().map(str::to_owned).collect()
    }
}

/// A mail server.
pub struct MailServer {
    pub place: String,
    mails: Arc<Mutex<Vec<Mail>>>,
    refuses: Arc<AtomicBool>,
}

impl MailServer {
    pub fn start() -> Self {
        let listener = listen();
        let server = Self {
            place: listener.local_addr().unwrap().to_string(),
            mails: Arc::default(),
            refuses: Arc::default(),
        };
        let (mails, refuses) = (server.mails.clone(), server.refuses.clone());
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (mails, refuses) = (mails.clone(), refuses.clone());
                thread::spawn(move || talk(client, &mails, &refuses));
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
}

fn talk(client: TcpStream, mails: &Mutex<Vec<Mail>>, refuses: &AtomicBool) {
    let mut writer = client.try_clone().unwrap();
    let mut say = |text: &str| {
        let _ = writer.write_all(format!("{text}\r\n").as_bytes());
    };
    let mut lines = BufReader::new(client).lines().map_while(Result::ok);
    let mut mail = Mail::default();
    say("220 here");
    while let Some(line) = lines.next() {
        let words = line.to_ascii_uppercase();
        if words.starts_with("EHLO") {
            say("250-here\r\n250 AUTH PLAIN LOGIN");
        } else if words.starts_with("AUTH") && refuses.load(Relaxed) {
            say(&format!("535 no: {line}"));
        } else if words.starts_with("AUTH") {
            say("235 welcome");
        } else if let Some(from) = line.strip_prefix("MAIL FROM:") {
            mail.from = from.to_owned();
            say("250 ok");
        } else if let Some(to) = line.strip_prefix("RCPT TO:") {
            mail.to.push(to.to_owned());
            say("250 ok");
        } else if words == "DATA" {
            say("354 go on");
            let text: Vec<String> = lines.by_ref().take_while(|line| line != ".").collect();
            mail.text = text.join("\n");
            mails.lock().unwrap().push(std::mem::take(&mut mail));
            say("250 ok");
        } else if words == "QUIT" {
            say("221 bye");
            return;
        } else {
            say("250 ok");
        }
    }
}

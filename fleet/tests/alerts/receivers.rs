//! A web server that notes what arrives, and refuses when it is told to.

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

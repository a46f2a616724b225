//! Signals to a web address: again until it says yes, each time with the same key, and over TLS only to whom
//! the given authority vouches for.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread::{self, JoinHandle};

use rustls::{ServerConnection, StreamOwned};

use crate::certificates::Authority;
use crate::site::{Site, stop};
use crate::support::eventually;
use crate::support::port::listen;

const KEY: &str = "1.Demo+00000000000000aa-9";

/// What arrived: the head in small letters, and the body.
type Request = (String, serde_json::Value);

fn receive(stream: &mut impl Read) -> Request {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
        head += &line.to_lowercase();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (head, serde_json::from_slice(&body).unwrap())
}

/// What was asked, and the connections that are still held open.
type Served = (Vec<Request>, Vec<TcpStream>);

/// Gives each connection its answer; an empty one never comes.
fn serve(answers: &'static [&'static str]) -> (String, JoinHandle<Served>) {
    let listener = listen();
    let url = format!("http://{}/signals", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut requests, mut silent) = (Vec::new(), Vec::new());
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            requests.push(receive(&mut stream));
            if answer.is_empty() {
                silent.push(stream);
            } else {
                write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    .unwrap();
            }
        }
        (requests, silent)
    });
    (url, server)
}

#[test]
fn a_web_address_gets_each_signal_with_its_key_until_it_says_yes() {
    let mut site = Site::start();
    // Busy, then silent until the time is out, then leading elsewhere, which nobody follows.
    let (url, server) =
        serve(&["503 Busy", "", "307 Elsewhere\r\nLocation: http://127.0.0.1:1/", "204 No Content"]);
    site.signal(9, "EURUSD");
    let worker = site.worker(&["--http", &url, "--timeout", "300ms"]);
    let (requests, _silent) = server.join().unwrap();
    eventually("it is acknowledged", || site.ask::<u64>("XLEN ss:{0}:1.Demo") == 0);
    stop(worker);
    assert_eq!(site.ask::<u64>("XLEN sd:{0}"), 0);
    for (at, (head, body)) in requests.iter().enumerate() {
        assert!(
            head.starts_with("post /signals ") && head.contains("content-type: application/json"),
            "{head}"
        );
        assert!(head.contains(&format!("idempotency-key: {}\r\n", KEY.to_lowercase())), "{head}");
        assert_eq!((&body["key"], &body["deliveries"]), (&KEY.into(), &(at + 1).into()));
    }
}

#[test]
fn a_web_address_that_never_says_yes_makes_a_dead_letter() {
    let mut site = Site::start();
    let (url, server) = serve(&["404 Not Found", ""]);
    site.signal(9, "EURUSD");
    let worker = site.worker(&["--http", &url, "--timeout", "300ms", "--attempts", "2"]);
    let _silent = server.join().unwrap();
    eventually("it is buried", || site.ask::<u64>("XLEN sd:{0}") == 1);
    stop(worker);
    let text = String::from_utf8(site.letters(&["list"]).stdout).unwrap();
    assert!(text.contains("after 2 deliveries") && text.contains("timeout"), "{text}");
}

#[test]
fn over_tls_only_a_server_with_a_good_certificate_gets_signals() {
    let mut site = Site::start();
    let authority = Authority::new();
    let (file, config) = (authority.file(), authority.sign("127.0.0.1", 2099).server());
    let listener = listen();
    let url = format!("https://{}/signals", listener.local_addr().unwrap());
    // Until a client that trusts it comes.
    let server = thread::spawn(move || {
        loop {
            let (stream, _) = listener.accept().unwrap();
            let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream);
            if stream.conn.complete_io(&mut stream.sock).is_err() || stream.conn.is_handshaking() {
                continue;
            }
            let request = receive(&mut stream);
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            stream.flush().unwrap();
            return request;
        }
    });
    site.signal(9, "EURUSD");
    let wary = site.worker(&["--http", &url, "--attempts", "1"]);
    eventually("it is buried", || site.ask::<u64>("XLEN sd:{0}") == 1);
    stop(wary);
    let text = String::from_utf8(site.letters(&["list"]).stdout).unwrap();
    assert!(text.contains("certificate"), "{text}");
    assert!(site.letters(&["retry", "--all"]).status.success());

    let worker = site.worker(&["--http", &url, "--http-ca", file.to_str().unwrap()]);
    let (head, body) = server.join().unwrap();
    eventually("it is acknowledged", || site.ask::<u64>("XLEN ss:{0}:1.Demo") == 0);
    stop(worker);
    assert!(head.contains(&format!("idempotency-key: {}\r\n", KEY.to_lowercase())), "{head}");
    assert_eq!(body["key"], KEY);
}

#[test]
fn what_is_no_web_address_is_refused_at_once() {
    let site = Site::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, "no certificate").unwrap();
    for (arguments, words) in [
        (&["--http", "ftp://127.0.0.1/"][..], "begins with http:// or https://"),
        (&["--http", "https://127.0.0.1/", "--http-ca", file.to_str().unwrap()], "holds no certificate"),
        (&["--http-ca", file.to_str().unwrap()], "--http"),
    ] {
        let refused = site.refused(arguments);
        assert!(refused.contains(words), "{arguments:?}: {refused}");
    }
}

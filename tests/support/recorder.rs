//! A proxy that writes down what a client sends to a server.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::port::listen;

/// Listens on a port of its own and passes everything on.
pub struct Recorder {
    pub port: u16,
    recorded: Arc<Mutex<Vec<u8>>>,
}

impl Recorder {
    /// Starts one in front of the server at `port`.
    pub fn before(port: u16) -> Self {
        let listener = listen();
        let recorder =
            Self { port: listener.local_addr().expect("its address").port(), recorded: Arc::default() };
        let recorded = recorder.recorded.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let (reader, writer) =
                    (client.try_clone().expect("a second handle"), server.try_clone().expect("too"));
                let recorded = recorded.clone();
                thread::spawn(move || {
                    pass(reader, writer, |bytes| recorded.lock().unwrap().extend_from_slice(bytes))
                });
                thread::spawn(move || pass(server, client, |_| {}));
            }
        });
        recorder
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn is_empty(&self) -> bool {
        self.recorded.lock().unwrap().is_empty()
    }

    /// Takes the bytes that were sent since the last time.
    pub fn bytes(&self) -> Vec<u8> {
        std::mem::take(&mut *self.recorded.lock().unwrap())
    }

    /// Takes what was sent since the last time, as commands.
    pub fn commands(&self) -> Vec<Vec<Vec<u8>>> {
        let bytes = self.bytes();
        let mut rest = bytes.as_slice();
        let mut commands = Vec::new();
        while !rest.is_empty() {
            commands.push((0..number(&mut rest, b'*')).map(|_| argument(&mut rest)).collect());
        }
        commands
    }
}

fn number(rest: &mut &[u8], mark: u8) -> usize {
    let end = rest.windows(2).position(|pair| pair == b"\r\n").expect("a line");
    assert_eq!(rest[0], mark, "{}", rest.escape_ascii());
    let number = std::str::from_utf8(&rest[1..end]).expect("digits");
    *rest = &rest[end + 2..];
    assert!(number == "0" || !number.starts_with('0'), "Redis refuses leading zeros: {number}");
    number.parse().expect("a number")
}

fn argument(rest: &mut &[u8]) -> Vec<u8> {
    let length = number(rest, b'$');
    let argument = rest[..length].to_vec();
    assert_eq!(&rest[length..length + 2], b"\r\n");
    *rest = &rest[length + 2..];
    argument
}

fn pass(mut from: TcpStream, mut to: TcpStream, mut see: impl FnMut(&[u8])) {
    let mut buffer = [0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        see(&buffer[..length]);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

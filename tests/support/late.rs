//! A network that delivers late: it holds back what one connection sends, after its client has given it up too,
//! and delivers it when it is told to.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use super::PATIENCE;
use super::port::listen;

/// Listens on a port of its own and passes everything on, but for what is held back.
pub struct Late {
    pub port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Hold back what the next connection that sends a transaction sends from then on.
    holding: bool,
    /// Deliver it right before another connection sends this word.
    before: Option<&'static str>,
    held: Option<Held>,
    delivered: usize,
}

/// A connection that is held back.
struct Held {
    number: usize,
    server: TcpStream,
    /// What waits for the server.
    waiting: Vec<u8>,
    /// What the server answers from now on.
    answers: Receiver<Vec<u8>>,
}

/// The way of a server's answers: to the client, or to whoever delivers what is held back.
struct Answers {
    diverted: Arc<AtomicBool>,
    answers: Receiver<Vec<u8>>,
}

impl State {
    /// Delivers, and waits until the server has worked on it.
    fn deliver(&mut self) {
        let Some(Held { mut server, waiting, answers, .. }) = self.held.take() else { return };
        self.delivered += waiting.len();
        server.write_all(&waiting).expect("the server reads");
        // The server answers a command behind it when all before is done.
        server.write_all(b"PING\r\n").expect("the server reads");
        let mut answer = Vec::new();
        while !answer.ends_with(b"+PONG\r\n") {
            answer.extend(answers.recv_timeout(PATIENCE).expect("the server answers"));
        }
    }
}

impl Late {
    /// Starts one in front of the server at `port`.
    pub fn before(port: u16) -> Self {
        let listener = listen();
        let own = listener.local_addr().expect("its address").port();
        let state = Arc::<Mutex<State>>::default();
        let shared = state.clone();
        thread::spawn(move || {
            for (number, client) in listener.incoming().flatten().enumerate() {
                let server = TcpStream::connect(("127.0.0.1", port)).expect("the server");
                let (state, back) = (shared.clone(), (server.try_clone(), client.try_clone()));
                let (diverted, (send, answers)) = (Arc::<AtomicBool>::default(), channel());
                let way = Answers { diverted: diverted.clone(), answers };
                thread::spawn(move || forward(number, client, server, way, &state));
                let (Ok(mut server), Ok(mut client)) = back else { continue };
                thread::spawn(move || {
                    let mut buffer = [0; 65536];
                    while let Ok(count @ 1..) = server.read(&mut buffer) {
                        match diverted.load(SeqCst) {
                            true => drop(send.send(buffer[..count].to_vec())),
                            false => drop(client.write_all(&buffer[..count])),
                        }
                    }
                });
            }
        });
        Self { port: own, state }
    }

    /// Holds back the next transaction, and whatever its connection sends after it.
    pub fn hold(&self) {
        self.state.lock().unwrap().holding = true;
    }

    /// Delivers what is held back right before another connection sends this word.
    pub fn release_before(&self, word: &'static str) {
        self.state.lock().unwrap().before = Some(word);
    }

    /// Delivers what is held back, unless that has happened. Returns how many bytes have been delivered late.
    pub fn release(&self) -> usize {
        let mut state = self.state.lock().unwrap();
        state.deliver();
        std::mem::take(&mut state.delivered)
    }
}

fn forward(number: usize, mut client: TcpStream, mut server: TcpStream, way: Answers, state: &Mutex<State>) {
    let mut buffer = vec![0; 65536];
    let mut way = Some(way);
    while let Ok(count @ 1..) = client.read(&mut buffer) {
        let bytes = &buffer[..count];
        let has = |word: &str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
        let mut state = state.lock().unwrap();
        if state.holding && has("XADD") {
            state.holding = false;
            let Answers { diverted, answers } = way.take().expect("a connection is held back once");
            diverted.store(true, SeqCst);
            let server = server.try_clone().expect("a second handle");
            state.held = Some(Held { number, server, waiting: Vec::new(), answers });
        }
        match &mut state.held {
            Some(held) if held.number == number => held.waiting.extend_from_slice(bytes),
            _ => {
                if state.before.is_some_and(has) {
                    state.before = None;
                    state.deliver();
                }
                drop(state);
                if server.write_all(bytes).is_err() {
                    return;
                }
            }
        }
    }
    // What is held back goes to the server by the other handle.
}

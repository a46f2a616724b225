//! A network that delivers late: it holds back what one connection sends, after its client has given it up too,
//! and delivers it when it is told to.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

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
    /// The connection's way to the server, and what waits for it.
    held: Option<(usize, TcpStream, Vec<u8>)>,
    delivered: usize,
}

impl State {
    /// Delivers, and waits until the server has worked on it.
    fn deliver(&mut self) {
        let Some((_, mut server, bytes)) = self.held.take() else { return };
        self.delivered += bytes.len();
        server.write_all(&bytes).expect("the server reads");
        // The server answers a command behind it when all before is done.
        server.write_all(b"PING\r\n").expect("the server reads");
        let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
        while !answer.ends_with(b"+PONG\r\n") {
            let count = server.read(&mut buffer).expect("the server answers");
            assert!(count > 0, "the server closed: {}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&buffer[..count]);
        }
    }
}

impl Late {
    /// Starts one in front of the server at `port`.
    pub fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let own = listener.local_addr().expect("its address").port();
        let state = Arc::<Mutex<State>>::default();
        let shared = state.clone();
        thread::spawn(move || {
            for (number, client) in listener.incoming().flatten().enumerate() {
                let server = TcpStream::connect(("127.0.0.1", port)).expect("the server");
                let (state, back) = (shared.clone(), (server.try_clone(), client.try_clone()));
                thread::spawn(move || forward(number, client, server, &state));
                let (Ok(mut server), Ok(mut client)) = back else { continue };
                let state = shared.clone();
                thread::spawn(move || {
                    let mut buffer = [0; 65536];
                    loop {
                        // While it is held, its replies are for `deliver`.
                        let is_held =
                            |state: &State| state.held.as_ref().is_some_and(|held| held.0 == number);
                        if is_held(&state.lock().unwrap()) {
                            return;
                        }
                        server
                            .set_read_timeout(Some(std::time::Duration::from_millis(20)))
                            .expect("a socket");
                        match server.read(&mut buffer) {
                            Ok(0) => return,
                            Ok(count) => drop(client.write_all(&buffer[..count])),
                            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                            Err(_) => return,
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

fn forward(number: usize, mut client: TcpStream, mut server: TcpStream, state: &Mutex<State>) {
    let mut buffer = vec![0; 65536];
    while let Ok(count @ 1..) = client.read(&mut buffer) {
        let bytes = &buffer[..count];
        let has = |word: &str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
        let mut state = state.lock().unwrap();
        if state.holding && has("XADD") {
            state.holding = false;
            state.held = Some((number, server.try_clone().expect("a second handle"), Vec::new()));
        }
        match &mut state.held {
            Some((held, _, waiting)) if *held == number => waiting.extend_from_slice(bytes),
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

//! A proxy before a server, that can be cut: then nothing passes and nobody is told, as if a cable were
//! pulled.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use super::port::listen;

/// Listens on a port of its own and passes everything on.
pub struct Proxy {
    pub port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    target: AtomicU16,
    cut: AtomicBool,
}

impl Proxy {
    /// A proxy whose server is not known yet.
    pub fn new() -> Self {
        let listener = listen();
        let port = listener.local_addr().expect("its address").port();
        let state = Arc::new(State::default());
        let shared = state.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = shared.clone();
                thread::spawn(move || serve(client, &state));
            }
        });
        Self { port, state }
    }

    /// Passes everything on to this port from now on.
    pub fn lead_to(&self, port: u16) {
        self.state.target.store(port, Relaxed);
    }

    /// Lets nothing pass any more, in either direction; connections stay open.
    pub fn cut(&self) {
        self.state.cut.store(true, Relaxed);
    }

    /// Lets new connections pass again. Those that were cut are closed.
    pub fn mend(&self) {
        self.state.cut.store(false, Relaxed);
    }
}

impl State {
    /// Waits while the proxy is cut. Returns whether it was.
    fn was_cut(&self) -> bool {
        let mut cut = false;
        while self.cut.load(Relaxed) {
            cut = true;
            thread::park_timeout(Duration::from_millis(5));
        }
        cut
    }
}

fn serve(client: TcpStream, state: &Arc<State>) {
    if state.was_cut() {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", state.target.load(Relaxed))) else { return };
    let (from, to) = (client.try_clone().expect("a second handle"), server.try_clone().expect("too"));
    let shared = state.clone();
    thread::spawn(move || pass(from, to, &shared));
    pass(server, client, state);
}

fn pass(mut from: TcpStream, mut to: TcpStream, state: &State) {
    let mut buffer = [0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if state.was_cut() || to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

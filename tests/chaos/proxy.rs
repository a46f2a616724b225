//! A TCP proxy that does to a connection what networks do: resets, cuts in the middle of a command or of a
//! reply, silence, slowness, refusal, and another server behind the same address.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::support::port::listen;

/// How long a thread of the proxy is deaf to a change of its orders.
const TICK: Duration = Duration::from_millis(10);

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Request,
    Reply,
}

/// What the proxy does from now on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    Pass,
    /// Connections are accepted and closed at once.
    Refuse,
    /// Connections are accepted, nothing passes, nothing is closed.
    Stall,
    /// Bytes a second, each way.
    Throttle(u64),
    /// After so many bytes this way the connection is cut, inside a line.
    Cut(Way, u64),
}

struct Orders {
    mode: Mode,
    target: u16,
    /// Changes with each connection that must end.
    generation: u64,
}

/// A proxy on a port of its own.
pub struct Proxy {
    pub port: u16,
    orders: Arc<Mutex<Orders>>,
    cuts: Arc<AtomicU64>,
}

impl Proxy {
    pub fn before(target: u16) -> Self {
        let listener = listen();
        let port = listener.local_addr().expect("its address").port();
        let orders = Arc::new(Mutex::new(Orders { mode: Mode::Pass, target, generation: 0 }));
        let proxy = Self { port, orders: orders.clone(), cuts: Arc::default() };
        let cuts = proxy.cuts.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (mode, target) = {
                    let orders = orders.lock().unwrap();
                    (orders.mode, orders.target)
                };
                if mode == Mode::Refuse {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else { continue };
                for (from, to, way) in [(&client, &server, Way::Request), (&server, &client, Way::Reply)] {
                    let (from, to) = (from.try_clone().expect("a handle"), to.try_clone().expect("a handle"));
                    let (orders, cuts) = (orders.clone(), cuts.clone());
                    thread::spawn(move || Pump { from, to, way, orders, cuts }.run());
                }
            }
        });
        proxy
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn set(&self, mode: Mode) {
        self.orders.lock().unwrap().mode = mode;
    }

    /// Ends every connection there is.
    pub fn reset(&self) {
        self.orders.lock().unwrap().generation += 1;
    }

    /// Leads to another server from now on; what was connected to the old one ends.
    pub fn turn_to(&self, target: u16) {
        let mut orders = self.orders.lock().unwrap();
        orders.target = target;
        orders.generation += 1;
    }

    /// How many connections were cut inside a line.
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Relaxed)
    }
}

/// One direction of one connection.
struct Pump {
    from: TcpStream,
    to: TcpStream,
    way: Way,
    orders: Arc<Mutex<Orders>>,
    cuts: Arc<AtomicU64>,
}

impl Pump {
    fn run(mut self) {
        let generation = self.orders.lock().unwrap().generation;
        self.pass(generation);
        let _ = self.from.shutdown(Shutdown::Both);
        let _ = self.to.shutdown(Shutdown::Both);
    }

    fn pass(&mut self, generation: u64) {
        self.from.set_read_timeout(Some(TICK)).expect("a time-out above zero");
        let mut buffer = [0; 16 * 1024];
        loop {
            let mode = {
                let orders = self.orders.lock().unwrap();
                if orders.generation != generation {
                    return;
                }
                orders.mode
            };
            let limit = match mode {
                // Silence: what arrives stays where it is.
                Mode::Stall => {
                    thread::park_timeout(TICK);
                    continue;
                }
                Mode::Throttle(rate) => (rate * TICK.as_millis() as u64 / 1000).max(1) as usize,
                _ => buffer.len(),
            };
            let length = match self.from.read(&mut buffer[..limit.min(16 * 1024)]) {
                Ok(0) => return,
                Ok(length) => length,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
                Err(_) => return,
            };
            if let Some(kept) = self.cut(&buffer[..length]) {
                let _ = self.to.write_all(&buffer[..kept]);
                return;
            }
            if self.to.write_all(&buffer[..length]).is_err() {
                return;
            }
            if matches!(mode, Mode::Throttle(_)) {
                thread::park_timeout(TICK);
            }
        }
    }

    /// Where these bytes are cut, if they are.
    fn cut(&self, bytes: &[u8]) -> Option<usize> {
        let mut orders = self.orders.lock().unwrap();
        let Mode::Cut(way, left) = &mut orders.mode else { return None };
        if *way != self.way {
            return None;
        }
        if *left > bytes.len() as u64 {
            *left -= bytes.len() as u64;
            return None;
        }
        // One byte less where a line would end: what arrives is no whole command, and no whole reply.
        let kept = *left as usize;
        let kept = if bytes[..kept].ends_with(b"\n") { kept - 1 } else { kept };
        orders.mode = Mode::Pass;
        self.cuts.fetch_add(1, Relaxed);
        Some(kept)
    }
}

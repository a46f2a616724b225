//! A slow Redis: a proxy that limits the bytes a second of all connections together, so it behaves like a server whose
//! only thread is saturated. Replies are not delayed.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// What one connection may send in its turn; Redis reads as much from a client at once.
const PIECE: usize = 16 * 1024;

/// A running proxy.
pub struct SlowRedis {
    address: SocketAddr,
}

impl SlowRedis {
    /// Starts a proxy before the server at `target` (host:port).
    pub fn before(target: &str, bytes_per_second: u64) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no free port for the slow Redis")?;
        let address = listener.local_addr()?;
        let (turns, waiting) = channel();
        thread::spawn(move || serve(&waiting, bytes_per_second.max(1)));
        let target = target.to_owned();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // If the server is away, the client's connection is closed.
                if let Ok(server) = TcpStream::connect(&target) {
                    let _ = join(client, server, turns.clone());
                }
            }
        });
        Ok(Self { address })
    }

    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }
}

/// A piece waiting for its turn.
struct Turn {
    bytes: usize,
    done: Sender<()>,
}

/// Lets one piece after another pass. Short delays are added up, because a sleep is never short.
fn serve(waiting: &Receiver<Turn>, rate: u64) {
    let mut busy_until = Instant::now();
    while let Ok(Turn { bytes, done }) = waiting.recv() {
        let now = Instant::now();
        busy_until = busy_until.max(now) + Duration::from_secs_f64(bytes as f64 / rate as f64);
        let ahead = busy_until - now;
        if ahead > Duration::from_millis(1) {
            thread::sleep(ahead);
        }
        let _ = done.send(());
    }
}

fn join(client: TcpStream, server: TcpStream, turns: Sender<Turn>) -> Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = (client.try_clone()?, client);
    let (from_server, to_server) = (server.try_clone()?, server);
    thread::spawn(move || {
        let (done, is_done) = channel();
        copy(from_client, to_server, |bytes| {
            let _ = turns.send(Turn { bytes, done: done.clone() });
            is_done.recv().is_ok()
        });
    });
    thread::spawn(move || copy(from_server, to_client, |_| true));
    Ok(())
}

fn copy(mut from: TcpStream, mut to: TcpStream, mut may_go: impl FnMut(usize) -> bool) {
    let mut piece = vec![0; PIECE];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        if !may_go(length) || to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

//! A connection's bytes, plain or under TLS, with deadlines: one for all bytes sent at once, one for each whole reply
//! however slowly its bytes come, and one for all replies to what was sent. It does not know what the bytes mean.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::io::tcp::socket2::{SockRef, TcpKeepalive};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::config::Address;

/// Keepalive: a vanished peer is noticed after about a minute, even on an idle lane.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// All replies to what was sent may take this many time-outs: over a thin line a large batch's replies arrive one by
/// one.
const EXCHANGE: u32 = 30;
/// The socket's time-out is set again when it differs by this part: setting it costs as much as a short read.
const PARTS: u32 = 16;

/// A stream of bytes to and from a server.
pub(super) enum Stream {
    Plain(Socket),
    Encrypted(Box<StreamOwned<ClientConnection, Socket>>),
}

/// A socket that keeps deadlines.
pub(super) struct Socket {
    tcp: TcpStream,
    /// The longest time for a reply, or for sending.
    limit: Duration,
    /// When the current reply must end, counted from the first wait for it.
    step: Option<Instant>,
    /// When its exchange must end, likewise.
    exchange: Option<Instant>,
    /// When everything must end, if at all.
    end: Option<Instant>,
    /// The socket's current time-out.
    told: Duration,
    /// When a caller last waited.
    waited: Instant,
}

impl Stream {
    /// Connects to one of these addresses before `deadline`. Each reply then may take `limit`.
    pub(super) fn connect(
        addresses: &[SocketAddr],
        deadline: Instant,
        limit: Duration,
        end: Option<Instant>,
    ) -> io::Result<Self> {
        let tcp = reach(addresses, deadline)?;
        tcp.set_nodelay(true)?;
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3);
        SockRef::from(&tcp).set_tcp_keepalive(&keepalive)?;
        let (told, waited) = (Duration::ZERO, Instant::now());
        Ok(Self::Plain(Socket { tcp, limit, step: None, exchange: None, end, told, waited }))
    }

    /// Starts TLS. The server must prove that it has this address.
    pub(super) fn encrypt(self, address: &Address, config: Arc<ClientConfig>) -> io::Result<Self> {
        let Self::Plain(mut socket) = self else { return Ok(self) };
        let name = ServerName::try_from(address.host.clone()).map_err(io::Error::other)?;
        let mut connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
        // The handshake has one deadline.
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(Self::Encrypted(Box::new(StreamOwned::new(connection, socket))))
    }

    fn socket(&mut self) -> &mut Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Encrypted(stream) => &mut stream.sock,
        }
    }

    /// Sets how long a reply may take.
    pub(super) fn limit(&mut self, limit: Duration) {
        self.socket().limit = limit;
    }

    /// Notes that an exchange begins with what is sent next.
    pub(super) fn begins_to_send(&mut self) {
        let socket = self.socket();
        (socket.step, socket.exchange) = (None, None);
    }

    /// Notes that the next reply begins.
    pub(super) fn begins_a_reply(&mut self) {
        self.socket().step = None;
    }

    /// How long ago a caller last waited.
    pub(super) fn rested(&mut self) -> Duration {
        self.socket().waited.elapsed()
    }

    /// Whether bytes have arrived that nobody waits for. The end of the stream is an error.
    pub(super) fn has_spoken(&mut self) -> io::Result<bool> {
        self.begins_to_send();
        self.socket().tcp.set_nonblocking(true)?;
        let outcome = match self {
            Self::Plain(socket) => socket.tcp.peek(&mut [0]),
            // TLS has messages of its own, which may arrive at any time.
            Self::Encrypted(stream) => stream.read(&mut [0]),
        };
        self.socket().tcp.set_nonblocking(false)?;
        match outcome {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Tries one address after the other. They share the remaining time equally.
fn reach(addresses: &[SocketAddr], deadline: Instant) -> io::Result<TcpStream> {
    let mut last = io::ErrorKind::TimedOut.into();
    for (at, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now()) / (addresses.len() - at) as u32;
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(address, left) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl Socket {
    /// Sets the time-out of the next wait.
    fn wait(&mut self) -> io::Result<()> {
        let now = Instant::now();
        self.waited = now;
        let step = *self.step.get_or_insert(now + self.limit);
        let exchange = *self.exchange.get_or_insert(now + self.limit * EXCHANGE);
        let until = step.min(exchange).min(self.end.unwrap_or(step));
        let left = until.saturating_duration_since(now);
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let part = (self.limit / PARTS).max(Duration::from_millis(1));
        let parts = left.as_nanos().div_ceil(part.as_nanos()) as u32;
        let timeout = part * parts;
        if timeout != self.told {
            self.tcp.set_read_timeout(Some(timeout))?;
            self.tcp.set_write_timeout(Some(timeout))?;
            self.told = timeout;
        }
        Ok(())
    }
}

impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.wait()?;
        self.tcp.read(into)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wait()?;
        self.tcp.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(into),
            Self::Encrypted(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Encrypted(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Encrypted(stream) => stream.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// A stream from a server that sends a byte now and then.
    fn dripping(limit: Duration) -> Stream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            while client.write_all(b"x").is_ok() {
                thread::park_timeout(Duration::from_millis(2));
            }
        });
        Stream::connect(&[address], Instant::now() + Duration::from_secs(30), limit, None).unwrap()
    }

    #[test]
    fn a_reply_that_drips_ends_at_its_deadline() {
        let mut stream = dripping(Duration::from_millis(100));
        stream.begins_to_send();
        stream.begins_a_reply();
        // Each byte arrives well before its read would time out.
        let error = (0..100_000).find_map(|_| stream.read_exact(&mut [0]).err()).expect("an end");
        assert!(matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock), "{error}");
    }

    #[test]
    fn replies_that_drip_end_together() {
        let mut stream = dripping(Duration::from_millis(20));
        stream.begins_to_send();
        let next = |_| {
            stream.begins_a_reply();
            stream.read_exact(&mut [0]).err()
        };
        let error = (0..100_000).find_map(next).expect("an end");
        assert!(matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock), "{error}");
    }

    #[test]
    fn the_next_address_is_tried_as_long_as_there_is_time() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = listener.local_addr().unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(reach(&[closed, there], Instant::now() + Duration::from_secs(30)).is_ok());
        for (addresses, deadline) in
            [(&[there][..], Instant::now()), (&[], Instant::now() + Duration::from_secs(30))]
        {
            assert_eq!(reach(addresses, deadline).unwrap_err().kind(), io::ErrorKind::TimedOut);
        }
    }
}

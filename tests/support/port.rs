//! Ports of a test's own. A port stays with the process that it was given to until that process ends, also while no
//! server listens there. So a terminal whose server is down, or gone with its test, never writes to the server of another
//! test, and a server that was killed finds its port free.
//!
//! A socket that is bound and never listens holds the port. Linux then gives the port to nobody who asks for a free one.
//! A program that names it can listen there if it sets SO_REUSEADDR, as redis-server and the standard library do.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::sync::Mutex;

use socket2::{Domain, Socket, Type};

/// How far a node's port for the Cluster bus is above its own.
const BUS: u16 = 10_000;

static HELD: Mutex<Vec<Socket>> = Mutex::new(Vec::new());

/// A port where nobody listens, unless the caller does.
pub fn free_port() -> u16 {
    keep([hold(0).expect("a free port")])
}

/// So many of them. The ports for the Cluster bus are the caller's too.
pub fn free_ports(count: usize) -> Vec<u16> {
    let pair = || {
        let first = hold(0).expect("a free port");
        let bus = first.1.checked_add(BUS)?;
        Some([first, hold(bus).ok()?])
    };
    std::iter::repeat_with(pair).flatten().take(count).map(keep).collect()
}

/// Listens on a free port.
pub fn listen() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, free_port())).expect("a port of our own")
}

fn hold(port: u16) -> io::Result<(Socket, u16)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, port).into())?;
    // Only now: two sockets that both allow it from the start could hold the same port.
    socket.set_reuse_address(true)?;
    let address = socket.local_addr()?.as_socket_ipv4().expect("an IPv4 address");
    Ok((socket, address.port()))
}

/// Keeps them until the process ends, and returns the first.
fn keep<const COUNT: usize>(held: [(Socket, u16); COUNT]) -> u16 {
    let first = held[0].1;
    HELD.lock().unwrap().extend(held.map(|(socket, _)| socket));
    first
}

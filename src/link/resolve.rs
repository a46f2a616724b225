//! The addresses of a host, within a deadline. The system's lookup has no deadline and cannot be cancelled, so it
//! runs in a thread: one for each name, whose answer all callers share, and a few names at a time. A thread that
//! nobody waits for ends when the system gives up; it holds nothing but the name. An IP address needs no thread.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::{Arc, Once};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::background;
use crate::config::Address;

/// How many names are looked up at a time: more than a site needs, and a limit for a hostile list of nodes.
const MOST: usize = 16;
/// The most addresses of a host that are tried.
const ADDRESSES: usize = 8;

static SYSTEM: Names = Names { lookups: Mutex::new(Vec::new()), look_up: system };

/// The names that are being looked up.
struct Names {
    lookups: Mutex<Vec<Arc<Lookup>>>,
    look_up: fn(&str) -> io::Result<Vec<IpAddr>>,
}

/// One name.
struct Lookup {
    host: String,
    found: Mutex<Option<Result<Vec<IpAddr>, String>>>,
    told: Condvar,
}

/// The addresses of this host, in the order of the system's preference.
pub(super) fn addresses(address: &Address, deadline: Instant) -> io::Result<Vec<SocketAddr>> {
    start_sockets();
    let found = match address.host.parse() {
        Ok(ip) => vec![ip],
        Err(_) => SYSTEM.addresses(&address.host, deadline)?,
    };
    Ok(found.into_iter().take(ADDRESSES).map(|ip| SocketAddr::new(ip, address.port)).collect())
}

/// On Windows a process starts its sockets with the first one. If two threads do so at once, one of them takes its start back.
/// Wine counts the starts without a lock, so none may be left, and no connection of the process ever works. So one
/// thread does it.
fn start_sockets() {
    static STARTED: Once = Once::new();
    if cfg!(windows) {
        STARTED.call_once(|| drop(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))));
    }
}

fn system(host: &str) -> io::Result<Vec<IpAddr>> {
    Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

impl Names {
    fn addresses(&'static self, host: &str, deadline: Instant) -> io::Result<Vec<IpAddr>> {
        let lookup = self.begin(host)?;
        let mut found = lookup.found.lock();
        while found.is_none() {
            if lookup.told.wait_until(&mut found, deadline).timed_out() {
                let text = format!("the name {host} was not resolved within the time-out");
                return Err(io::Error::other(text));
            }
        }
        match found.as_ref().expect("as waited for") {
            Ok(found) if found.is_empty() => Err(io::Error::other(format!("the name {host} has no address"))),
            Ok(found) => Ok(found.clone()),
            Err(reason) => Err(io::Error::other(format!("the name {host} cannot be resolved: {reason}"))),
        }
    }

    /// The current lookup of this name, or a new one.
    fn begin(&'static self, host: &str) -> io::Result<Arc<Lookup>> {
        let mut lookups = self.lookups.lock();
        if let Some(lookup) = lookups.iter().find(|lookup| lookup.host == host) {
            return Ok(lookup.clone());
        }
        if lookups.len() >= MOST {
            let text = format!("the name {host} must wait: {MOST} others are being resolved");
            return Err(io::Error::other(text));
        }
        let (found, told) = (Mutex::default(), Condvar::new());
        let lookup = Arc::new(Lookup { host: host.to_owned(), found, told });
        let own = lookup.clone();
        let (look_up, host) = (self.look_up, own.host.clone());
        let body = move || look_up(&host).map_err(|error| error.to_string());
        background::start("mt5redis-name".into(), body, move |found| {
            // Later callers start a new lookup.
            self.lookups.lock().retain(|other| !Arc::ptr_eq(other, &own));
            *own.found.lock() = Some(found.and_then(|found| found));
            own.told.notify_all();
        })?;
        lookups.push(lookup.clone());
        Ok(lookup)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::thread;
    use std::time::Duration;

    use super::*;

    // A name server that does not answer can only be had by changing the machine's own settings, so the system's
    // lookup stands in for it here, which blocks in the same way.
    static GATE: Mutex<()> = Mutex::new(());
    static STARTED: AtomicUsize = AtomicUsize::new(0);

    fn stuck(_host: &str) -> io::Result<Vec<IpAddr>> {
        STARTED.fetch_add(1, SeqCst);
        let _opened = GATE.lock();
        Ok(vec![Ipv4Addr::LOCALHOST.into()])
    }

    #[test]
    fn a_name_server_that_is_silent_is_waited_for_until_the_deadline_and_asked_once() {
        static NAMES: Names = Names { lookups: Mutex::new(Vec::new()), look_up: stuck };
        let closed = GATE.lock();
        for _ in 0..3 {
            let error = NAMES.addresses("a.example", Instant::now()).unwrap_err();
            assert_eq!(error.to_string(), "the name a.example was not resolved within the time-out");
        }
        for other in 1..MOST {
            NAMES.addresses(&format!("{other}.example"), Instant::now()).unwrap_err();
        }
        let error = NAMES.addresses("b.example", Instant::now()).unwrap_err().to_string();
        assert_eq!(error, "the name b.example must wait: 16 others are being resolved");

        // The waiting callers get the answer, and the threads end.
        let waits = thread::spawn(|| {
            NAMES.addresses("a.example", Instant::now() + Duration::from_secs(30)).map(|found| found.len())
        });
        drop(closed);
        assert_eq!(waits.join().unwrap().unwrap(), 1);
        let deadline = Instant::now() + Duration::from_secs(30);
        while !NAMES.lookups.lock().is_empty() {
            assert!(Instant::now() < deadline, "a lookup stays");
            thread::yield_now();
        }
        assert!(STARTED.load(SeqCst) <= MOST + 1, "each name is looked up once");
    }

    #[test]
    fn a_defect_in_a_lookup_is_an_answer_too() {
        fn broken(host: &str) -> io::Result<Vec<IpAddr>> {
            panic!("nobody looks up {host}");
        }
        static NAMES: Names = Names { lookups: Mutex::new(Vec::new()), look_up: broken };
        let error =
            NAMES.addresses("a.example", Instant::now() + Duration::from_secs(30)).unwrap_err().to_string();
        assert_eq!(error, "the name a.example cannot be resolved: nobody looks up a.example");
        assert!(NAMES.lookups.lock().is_empty());
    }

    #[test]
    fn an_ip_address_takes_no_lookup() {
        for (host, expected) in [("10.0.0.1", "10.0.0.1:7"), ("::1", "[::1]:7")] {
            let address = Address { host: host.into(), port: 7 };
            assert_eq!(addresses(&address, Instant::now()).unwrap()[0].to_string(), expected);
        }
    }

    #[test]
    fn a_name_that_is_none_is_told() {
        static NAMES: Names =
            Names { lookups: Mutex::new(Vec::new()), look_up: |_| Err(io::Error::other("no such name")) };
        let error = NAMES.addresses("a.example", Instant::now() + Duration::from_secs(30)).unwrap_err();
        assert_eq!(error.to_string(), "the name a.example cannot be resolved: no such name");
    }
}

//! Which server is the master: the sentinels are asked in turn, each with a deadline.
//!
//! A lane without a connection asks and waits for the answer. A lane with a connection lets a thread ask, so that no
//! record waits for a sentinel. There is one such thread at a time. It ends within [`LOOKOUT`], and asks no further
//! sentinel once nobody needs the answer. A master is believed only at an address where the site may have one.

use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use redis::FromRedisValue;

use super::connection::Connection;
use super::failure::Failure;
use super::resolve;
use crate::background;
use crate::config::{Address, Endpoint, Identity};

/// The longest time that a thread asks, all sentinels together.
const LOOKOUT: Duration = Duration::from_secs(5);

/// The sentinels of a master.
pub(super) struct Sentinels {
    group: Arc<Group>,
    lookout: Arc<Mutex<Lookout>>,
}

/// What is needed to ask them.
struct Group {
    /// The one that answered last comes first.
    order: Mutex<Vec<Address>>,
    master: String,
    /// Where the master may be; none: anywhere, if it proves its name by TLS.
    masters: Option<Vec<Address>>,
    identity: Identity,
    endpoint: Endpoint,
}

/// What the background thread works on.
#[derive(Default)]
struct Lookout {
    asking: bool,
    /// The master in use; none: the question is void.
    using: Option<Address>,
    /// A sentinel named another master.
    moved: bool,
}

impl Sentinels {
    pub(super) fn new(
        endpoint: &Endpoint,
        addresses: &[Address],
        master: &str,
        masters: &[Address],
        identity: &Identity,
    ) -> Self {
        // A certificate of the site's own authority proves that a server belongs to the site. One of a public authority
        // proves only its name.
        let proves = endpoint.tls.as_ref().is_some_and(|tls| tls.ca.is_some());
        let masters = match masters {
            [] if proves => None,
            [] => Some(addresses.iter().map(|sentinel| Address { port: 0, ..sentinel.clone() }).collect()),
            listed => Some(listed.to_vec()),
        };
        let group = Group {
            order: Mutex::new(addresses.to_vec()),
            master: master.to_owned(),
            masters,
            identity: identity.clone(),
            endpoint: endpoint.clone(),
        };
        Self { group: Arc::new(group), lookout: Arc::default() }
    }

    /// The master's address, from the first sentinel that answers. Silent ones are asked last from now on.
    pub(super) fn master(&mut self) -> Result<Address, Failure> {
        let mut lookout = self.lookout.lock();
        (lookout.using, lookout.moved) = (None, false);
        drop(lookout);
        self.group.master(None, || true)
    }

    /// The first sentinel's answer was wrong: another one is asked first the next time.
    pub(super) fn distrust(&mut self) {
        self.group.order.lock().rotate_left(1);
    }

    /// Lets a thread ask whether this is still the master, unless one is asking already. Does not wait.
    pub(super) fn look_out(&mut self, using: &Address) {
        let mut lookout = self.lookout.lock();
        lookout.using = Some(using.clone());
        if lookout.asking {
            return;
        }
        let (group, news) = (self.group.clone(), Arc::downgrade(&self.lookout));
        let (asked, used, told) = (news.clone(), using.clone(), using.clone());
        let thread = background::start(
            "mt5redis-ask".into(),
            move || ask(&group, &asked, &used),
            move |answer| note(&answer, &news, &told),
        );
        // Without a thread the known master stays, as it does when no sentinel answers.
        lookout.asking = thread.is_ok();
    }

    /// Whether an answer is outstanding.
    pub(super) fn is_looking_out(&self) -> bool {
        self.lookout.lock().asking
    }

    /// Whether a sentinel named another master than the one in use.
    pub(super) fn has_moved(&self) -> bool {
        self.lookout.lock().moved
    }
}

/// Asks for the master.
fn ask(group: &Group, news: &Weak<Mutex<Lookout>>, using: &Address) -> Result<Address, Failure> {
    let until = Instant::now() + LOOKOUT;
    let is_wanted = || {
        let lookout = news.upgrade();
        lookout.is_some_and(|lookout| lookout.lock().using.as_ref() == Some(using)) && Instant::now() < until
    };
    group.master(Some(until), is_wanted)
}

/// Notes whether the master is another one than the one in use. After a panic the lane may ask again, too.
fn note(answer: &Result<Result<Address, Failure>, String>, news: &Weak<Mutex<Lookout>>, using: &Address) {
    let Some(lookout) = news.upgrade() else { return };
    let mut lookout = lookout.lock();
    lookout.asking = false;
    lookout.moved |=
        lookout.using.as_ref() == Some(using) && matches!(answer, Ok(Ok(master)) if master != using);
}

impl Group {
    /// Asks one sentinel after the other while the answer is wanted, until `end`.
    fn master(&self, end: Option<Instant>, is_wanted: impl Fn() -> bool) -> Result<Address, Failure> {
        let mut reasons = String::new();
        let sentinels = self.order.lock().clone();
        for sentinel in sentinels.iter().take_while(|_| is_wanted()) {
            match self.ask(sentinel, end) {
                Ok(master) => return Ok(master),
                Err(failure) => {
                    let separator = if reasons.is_empty() { "" } else { ", " };
                    reasons = format!("{reasons}{separator}{sentinel}: {}", failure.text);
                    let mut order = self.order.lock();
                    if order.first() == Some(sentinel) {
                        order.rotate_left(1);
                    }
                }
            }
        }
        Err(Failure::lost(format!("no sentinel knows where {} is ({reasons})", self.master)))
    }

    fn ask(&self, sentinel: &Address, end: Option<Instant>) -> Result<Address, Failure> {
        let mut connection = Connection::open_sentinel(sentinel, &self.endpoint, &self.identity, end)?;
        let reply = connection.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", &self.master])?;
        let master = match Option::<(String, u16)>::from_redis_value(reply) {
            Ok(Some((host, port))) => Address::new(host, port),
            Ok(None) => return Err(Failure::lost("knows no master of this name")),
            Err(_) => None,
        };
        let Some(master) = master else { return Err(Failure::lost("is no sentinel")) };
        let deadline = Instant::now() + self.endpoint.connect_timeout;
        if !self.may_be_at(&master, end.map_or(deadline, |end| end.min(deadline))) {
            let text = format!(
                "names {master}, which is neither a sentinel's host nor listed in masters; list it if it is right"
            );
            return Err(Failure::lost(text));
        }
        Ok(master)
    }

    /// Whether the master may be there. Otherwise a false sentinel could get the lane's password and its records.
    fn may_be_at(&self, master: &Address, deadline: Instant) -> bool {
        let Some(masters) = &self.masters else { return true };
        let ip: Option<IpAddr> = master.host.parse().ok();
        masters.iter().filter(|place| [0, master.port].contains(&place.port)).any(|place| {
            // A sentinel that is configured by its name may answer with addresses.
            let has = |ip| {
                let found = resolve::addresses(place, deadline);
                found.is_ok_and(|found| found.iter().any(|address| address.ip() == ip))
            };
            place.host.eq_ignore_ascii_case(&master.host) || ip.is_some_and(has)
        })
    }
}

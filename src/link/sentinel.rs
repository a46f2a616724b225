//! Which server is the master: the sentinels are asked one after the other, each with a deadline.
//!
//! A lane that has no connection asks and waits for the answer. One that has a connection lets a thread ask, so
//! that no record waits for a sentinel: there is one such thread at a time, it ends by itself within
//! [`LOOKOUT`] and one more time-out, and after the sentinel it is at once nobody needs its answer any more.

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

/// How long a thread asks at most, all sentinels together.
const LOOKOUT: Duration = Duration::from_secs(5);

/// The sentinels of a master.
pub(super) struct Sentinels {
    group: Arc<Group>,
    lookout: Arc<Mutex<Lookout>>,
}

/// What it takes to ask them.
struct Group {
    /// Who answered last first.
    order: Mutex<Vec<Address>>,
    master: String,
    /// Where the master may be; none: anywhere, where it proves its name.
    masters: Option<Vec<Address>>,
    identity: Identity,
    endpoint: Endpoint,
}

/// What the thread knows that asks in the background.
#[derive(Default)]
struct Lookout {
    asking: bool,
    /// The master that is in use; none: its question is void.
    using: Option<Address>,
    /// A sentinel named another one.
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
        // A certificate of an authority of one's own proves that a server is the site's; one that a public authority
        // signed proves only that it has a name.
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

    /// Where the first sentinel that answers says the master is. Those that are silent are asked last from
    /// now on.
    pub(super) fn master(&mut self) -> Result<Address, Failure> {
        let mut lookout = self.lookout.lock();
        (lookout.using, lookout.moved) = (None, false);
        drop(lookout);
        self.group.master(None, || true)
    }

    /// What the first sentinel says led nowhere: asks another one first the next time.
    pub(super) fn distrust(&mut self) {
        self.group.order.lock().rotate_left(1);
    }

    /// Has a thread ask whether this is still the master, unless one is about it. Waits for nothing.
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
        // Without a thread the master is what it was, as without a sentinel that answers.
        lookout.asking = thread.is_ok();
    }

    /// Whether an answer is still to come.
    pub(super) fn is_looking_out(&self) -> bool {
        self.lookout.lock().asking
    }

    /// Whether a sentinel named another master than the one that is in use.
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

/// Notes if the master is another one than that which is in use. After a defect the lane may ask again, too.
fn note(answer: &Result<Result<Address, Failure>, String>, news: &Weak<Mutex<Lookout>>, using: &Address) {
    let Some(lookout) = news.upgrade() else { return };
    let mut lookout = lookout.lock();
    lookout.asking = false;
    lookout.moved |=
        lookout.using.as_ref() == Some(using) && matches!(answer, Ok(Ok(master)) if master != using);
}

impl Group {
    /// Asks one sentinel after the other, as long as the answer is wanted, until `end` at most.
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

    /// Whether the master may be there. Who answers for a sentinel could otherwise have the lane's password, and
    /// take its records for good.
    fn may_be_at(&self, master: &Address, deadline: Instant) -> bool {
        let Some(masters) = &self.masters else { return true };
        let ip: Option<IpAddr> = master.host.parse().ok();
        masters.iter().filter(|place| [0, master.port].contains(&place.port)).any(|place| {
            // A sentinel that is listed by its name may give addresses.
            let has = |ip| {
                let found = resolve::addresses(place, deadline);
                found.is_ok_and(|found| found.iter().any(|address| address.ip() == ip))
            };
            place.host.eq_ignore_ascii_case(&master.host) || ip.is_some_and(has)
        })
    }
}

//! Who reads in this process, and by which name: two programs that read by one name would take signals from each
//! other, so the second is refused.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::codes::MT5REDIS_ERR_NAME_IN_USE;
use crate::config::Endpoint;
use crate::error::{Error, Result};

/// How long a reader waits at most for the one before it: longer than that one tries to say good-bye.
const PREDECESSOR: Duration = Duration::from_secs(3);

static TAKEN: Mutex<Vec<Weak<ReaderName>>> = Mutex::new(Vec::new());

/// A name that is taken until its owner has [left](ReaderName::leave).
pub(super) struct ReaderName {
    endpoint: Endpoint,
    text: String,
    /// The instance that reads; empty for a worker.
    instance: String,
    /// What it does, one of `MT5REDIS_ROLE_*`.
    role: AtomicU8,
    /// Its owner ends, and has nothing more to say than good-bye.
    ended: AtomicBool,
    /// The owner's threads that are still there, and that the last of them is done.
    threads: AtomicUsize,
    left: AtomicBool,
    /// Who had it before.
    before: Option<Weak<ReaderName>>,
}

impl ReaderName {
    /// Takes a name at these servers.
    pub(super) fn take(endpoint: &Endpoint, text: String, instance: &str) -> Result<Arc<Self>> {
        let mut taken = TAKEN.lock();
        taken.retain(|name| name.upgrade().is_some_and(|name| !name.left.load(Relaxed)));
        let same = |name: &Arc<ReaderName>| name.endpoint == *endpoint && name.text == text;
        let before = taken.iter().rev().filter_map(Weak::upgrade).find(same);
        if before.as_ref().is_some_and(|before| !before.ended.load(Relaxed)) {
            return Err(Error::new(
                MT5REDIS_ERR_NAME_IN_USE,
                format!(
                    "another program of this terminal reads as {text}: give each a name of its own, or each would \
                     take signals from the other"
                ),
            ));
        }
        let name = Arc::new(Self {
            endpoint: endpoint.clone(),
            text,
            instance: instance.to_owned(),
            role: AtomicU8::new(0),
            ended: AtomicBool::new(false),
            threads: AtomicUsize::new(0),
            left: AtomicBool::new(false),
            before: before.map(|before| Arc::downgrade(&before)),
        });
        taken.push(Arc::downgrade(&name));
        Ok(name)
    }

    pub(super) fn play(&self, role: u8) {
        self.role.store(role, Relaxed);
    }

    /// Its owner ends: another one may have the name.
    pub(super) fn end(&self) {
        self.ended.store(true, Relaxed);
    }

    /// Its owner has one thread more.
    pub(super) fn enter(&self) {
        self.threads.fetch_add(1, Relaxed);
    }

    /// A thread is done. With the last one the name is free.
    pub(super) fn leave(&self) {
        if self.threads.fetch_sub(1, Relaxed) == 1 {
            self.end();
            self.left.store(true, Relaxed);
        }
    }

    /// How many of its owner's threads are still there.
    pub(super) fn threads(&self) -> usize {
        self.threads.load(Relaxed)
    }

    /// Waits until whoever had the name before is done with it.
    pub(super) fn wait_for_predecessor(&self, go_on: impl Fn() -> bool) {
        let until = Instant::now() + PREDECESSOR;
        let busy = || {
            let before = self.before.as_ref().and_then(Weak::upgrade);
            before.is_some_and(|before| !before.left.load(Relaxed))
        };
        while busy() && go_on() && Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// What the followers of an instance do in this process, one of `MT5REDIS_ROLE_*`: one that stands by counts most.
pub(crate) fn role(instance: &str) -> u8 {
    let taken = TAKEN.lock();
    let names = taken.iter().filter_map(Weak::upgrade);
    let roles = names.filter(|name| name.instance == instance && !name.ended.load(Relaxed));
    roles.map(|name| name.role.load(Relaxed)).max().unwrap_or(0)
}

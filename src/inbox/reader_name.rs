//! The readers of this process by name. Two readers with one name would take signals from each other, so the second
//! is refused; and a follower's role is found here by its instance.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::codes::MT5REDIS_ERR_NAME_IN_USE;
use crate::config::Endpoint;
use crate::error::{Error, Result};

/// How long a reader waits for its predecessor, which takes less than that to write what is left.
const PREDECESSOR: Duration = Duration::from_secs(3);

static TAKEN: Mutex<Vec<Weak<ReaderName>>> = Mutex::new(Vec::new());

/// A name that is taken until the last thread of its reader has ended.
pub struct ReaderName {
    endpoint: Endpoint,
    text: String,
    /// The instance that reads; empty for a worker.
    instance: String,
    /// One of `MT5REDIS_ROLE_*`.
    role: AtomicU8,
    /// The reader is ending: another one may take the name.
    ended: AtomicBool,
    /// How many of the reader's threads run.
    threads: AtomicUsize,
    /// The reader that had the name before.
    predecessor: Option<Weak<ReaderName>>,
}

impl ReaderName {
    /// Takes a name at these servers.
    pub fn take(endpoint: &Endpoint, text: String, instance: &str) -> Result<Arc<Self>> {
        let mut taken = TAKEN.lock();
        taken.retain(|name| name.upgrade().is_some_and(|name| !name.is_free()));
        let same = |name: &Arc<Self>| name.endpoint == *endpoint && name.text == text;
        let predecessor = taken.iter().rev().filter_map(Weak::upgrade).find(same);
        if predecessor.as_ref().is_some_and(|predecessor| !predecessor.ended.load(Relaxed)) {
            return Err(Error::new(
                MT5REDIS_ERR_NAME_IN_USE,
                format!(
                    "another program of this terminal reads as {text}: give each a name of its own, or they \
                     would take signals from each other"
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
            predecessor: predecessor.map(|predecessor| Arc::downgrade(&predecessor)),
        });
        taken.push(Arc::downgrade(&name));
        Ok(name)
    }

    /// Notes the role, one of `MT5REDIS_ROLE_*`.
    pub fn set_role(&self, role: i32) {
        self.role.store(role as u8, Relaxed);
    }

    /// The reader is ending.
    pub fn end(&self) {
        self.ended.store(true, Relaxed);
    }

    fn is_free(&self) -> bool {
        self.ended.load(Relaxed) && self.threads() == 0
    }

    /// The reader starts one more thread.
    pub fn thread_starts(&self) {
        self.threads.fetch_add(1, Relaxed);
    }

    /// A thread of the reader has ended. The last one ends the reader.
    pub fn thread_ended(&self) {
        if self.threads.fetch_sub(1, Relaxed) == 1 {
            self.end();
        }
    }

    /// How many threads of the reader run.
    pub fn threads(&self) -> usize {
        self.threads.load(Relaxed)
    }

    /// Waits until the reader that had the name before has ended.
    pub fn wait_for_predecessor(&self, go_on: impl Fn() -> bool) {
        let until = Instant::now() + PREDECESSOR;
        let busy = || {
            let predecessor = self.predecessor.as_ref().and_then(Weak::upgrade);
            predecessor.is_some_and(|predecessor| !predecessor.is_free())
        };
        while busy() && go_on() && Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// What the followers of an instance do in this process, one of `MT5REDIS_ROLE_*`: of several the highest.
pub(crate) fn role(instance: &str) -> u8 {
    let taken = TAKEN.lock();
    let names = taken.iter().filter_map(Weak::upgrade);
    let roles = names.filter(|name| name.instance == instance && !name.ended.load(Relaxed));
    roles.map(|name| name.role.load(Relaxed)).max().unwrap_or(0)
}

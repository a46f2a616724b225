//! The instances with an open session, the last order about each, and what the events say about it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU8, Ordering::Relaxed};

use parking_lot::Mutex;

use super::Answer;
use super::memory::{Memory, Orders};
use crate::config::Config;
use crate::events::Events;
use crate::model::halt::{Halt, MT5REDIS_HALT_ALL, MT5REDIS_HALT_NONE};
use crate::model::{InstanceId, key};

/// The halts of one engine's instances.
pub(crate) struct Halts {
    /// The folder that has the files; none: there is none.
    folder: Option<PathBuf>,
    /// The name of an instance's file.
    name: Box<dyn Fn(&str) -> String + Send + Sync>,
    events: Arc<Events>,
    /// With the number of open sessions. One that is halted and has none is kept, in case there is no folder.
    watched: Mutex<Vec<(Arc<Watched>, usize)>>,
    /// What the server refused last.
    refused: Mutex<Option<String>>,
}

/// One instance.
pub(crate) struct Watched {
    instance: InstanceId,
    /// One of `MT5REDIS_HALT_*`.
    level: AtomicI32,
    orders: Mutex<Orders>,
    /// Locked while the disk works.
    memory: Mutex<Memory>,
    /// The key of a halt that Redis no longer has, which was told: 0 none, 1 for all, 2 for this instance.
    missed: AtomicU8,
}

impl Watched {
    /// One of `MT5REDIS_HALT_*`.
    pub(crate) fn level(&self) -> i32 {
        self.level.load(Relaxed)
    }

    /// The level, and who halts and why; empty without a halt.
    pub(crate) fn told(&self) -> (i32, String) {
        match self.orders.lock().strictest() {
            Some(halt) => (halt.level, format!("{}: {}", halt.who, halt.why)),
            None => (MT5REDIS_HALT_NONE, String::new()),
        }
    }

    /// Takes orders. Returns whether another one counts now.
    fn set(&self, orders: &Orders) -> bool {
        let mut known = self.orders.lock();
        let news = known.strictest() != orders.strictest();
        *known = orders.clone();
        self.level.store(orders.strictest().map_or(MT5REDIS_HALT_NONE, |halt| halt.level), Relaxed);
        news
    }
}

impl Halts {
    pub(crate) fn new(config: &Config, events: Arc<Events>) -> Self {
        let folder = &config.journal.folder;
        let ris = config.ris.clone();
        Self {
            folder: (!folder.as_os_str().is_empty()).then(|| folder.clone()),
            name: Box::new(move |instance| ris.journal_name(format_args!("halt.{instance}"))),
            events,
            watched: Mutex::default(),
            refused: Mutex::default(),
        }
    }

    /// Starts to watch for a session. Reads the disk, so that the instance is halted before Redis is reached.
    pub(crate) fn open(&self, instance: &InstanceId) -> Arc<Watched> {
        let mut watched = self.watched.lock();
        if let Some((known, sessions)) = watched.iter_mut().find(|(known, _)| known.instance == *instance) {
            *sessions += 1;
            return known.clone();
        }
        let path = self.folder.as_ref().map(|folder| folder.join((self.name)(instance.as_str())));
        let mut memory = Memory::new(instance.as_str(), path);
        let orders = memory.load();
        if let Some(halt) = orders.strictest() {
            self.tell(instance, &format!("{}, says its file, until mt5fleet resume", words(halt)));
        }
        let new = Watched {
            instance: *instance,
            level: AtomicI32::new(MT5REDIS_HALT_NONE),
            orders: Mutex::default(),
            memory: Mutex::new(memory),
            missed: AtomicU8::new(0),
        };
        new.set(&orders);
        let new = Arc::new(new);
        watched.push((new.clone(), 1));
        new
    }

    /// A session of this instance is closed.
    pub(crate) fn close(&self, closed: &Arc<Watched>) {
        self.watched.lock().retain_mut(|(watched, sessions)| {
            if Arc::ptr_eq(watched, closed) {
                *sessions -= 1;
            }
            *sessions > 0 || watched.level() != MT5REDIS_HALT_NONE
        });
    }

    /// The instances to ask about.
    pub(crate) fn instances(&self) -> Vec<InstanceId> {
        let watched = self.watched.lock();
        watched.iter().filter(|(_, sessions)| *sessions > 0).map(|(watched, _)| watched.instance).collect()
    }

    /// Takes what Redis says about all instances and about one. It counts at once. It is in the file before it is told, so a
    /// halt that was told outlives the terminal; only then does the disk work, which can take long.
    pub(crate) fn answered(&self, instance: &InstanceId, all: &Answer, one: &Answer) {
        let known = self.watched.lock().iter().find(|(known, _)| known.instance == *instance).cloned();
        let Some((watched, _)) = known else { return };
        let before = watched.orders.lock().clone();
        let taken = |answer: &Answer, before: &Option<Halt>| match answer {
            Answer::Order(order) => (order.level != MT5REDIS_HALT_NONE).then(|| order.clone()),
            Answer::Absent | Answer::Later | Answer::Refused(_) => before.clone(),
        };
        let orders = Orders { all: taken(all, &before.all), one: taken(one, &before.one) };
        let news = watched.set(&orders);
        let mut memory = watched.memory.lock();
        if let Some(trouble) = memory.keep(&orders) {
            self.events.tell(trouble);
        }
        if news {
            let ended = || [(all, &before.all), (one, &before.one)].into_iter().find_map(end);
            self.tell(instance, &orders.strictest().map(words).or_else(ended).unwrap_or_default());
        }
        self.note_missing(&watched, all, one, &orders);
        self.note_refusal(instance, [all, one]);
        if let Some(trouble) = memory.sync() {
            self.events.tell(trouble);
        }
    }

    /// Tells once that Redis no longer has the key of a halt.
    fn note_missing(&self, watched: &Watched, all: &Answer, one: &Answer, orders: &Orders) {
        let missing = |answer: &Answer, order: &Option<Halt>| *answer == Answer::Absent && order.is_some();
        let instance = watched.instance.as_str();
        let (which, key, option) = match (missing(all, &orders.all), missing(one, &orders.one)) {
            (true, _) => (1, key::HALT.to_owned(), "--all".to_owned()),
            (_, true) => (2, key::halt(instance).to_string(), format!("--instance {instance}")),
            _ => return watched.missed.store(0, Relaxed),
        };
        if watched.missed.swap(which, Relaxed) != which {
            self.events.tell(format!(
                "{instance} stays halted, although Redis no longer has {key}: was it deleted, or is data lost? Only \
                 mt5fleet resume {option} ends it"
            ));
        }
    }

    /// Tells once that the server refuses to say.
    fn note_refusal(&self, instance: &InstanceId, answers: [&Answer; 2]) {
        let refusal = answers.into_iter().find_map(|answer| match answer {
            Answer::Refused(words) => Some(words.clone()),
            _ => None,
        });
        let mut refused = self.refused.lock();
        if let Some(words) = refusal.as_ref().filter(|words| refused.as_ref() != Some(words)) {
            self.events.tell(format!(
                "nobody can halt {}: it may not read halt and halt:{{{0}}}: {words}; print its user with mt5fleet acl",
                instance.as_str()
            ));
        }
        if refusal.is_some() || answers.iter().all(|answer| !matches!(answer, Answer::Later)) {
            *refused = refusal;
        }
    }

    fn tell(&self, instance: &InstanceId, what: &str) {
        self.events.tell(format!("{} is {what}", instance.as_str()));
    }
}

fn words(halt: &Halt) -> String {
    let closes = halt.level == MT5REDIS_HALT_ALL;
    let what = if closes { "no new positions, and copies are closed" } else { "no new positions" };
    format!("halted by {}, {what}: {}", halt.who, halt.why)
}

/// The words of the order that ended a halt.
fn end((answer, before): (&Answer, &Option<Halt>)) -> Option<String> {
    match (answer, before) {
        (Answer::Order(end), Some(_)) => Some(format!("halted no longer, says {}: {}", end.who, end.why)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A terminal may be killed as soon as somebody reads that it is halted.
    #[test]
    fn a_halt_is_in_the_file_before_it_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let events = Arc::new(Events::default());
        let halts = Halts {
            folder: Some(folder.path().to_owned()),
            name: Box::new(|instance| format!("halt.{instance}")),
            events: events.clone(),
            watched: Mutex::default(),
            refused: Mutex::default(),
        };
        let instance = InstanceId::new("1.Demo").unwrap();
        let watched = halts.open(&instance);
        // A folder in the file's place: writing fails, and says so when it is tried.
        std::fs::create_dir_all(folder.path().join("halt.1.Demo").join("occupied")).unwrap();
        let halt = Answer::Order(Halt::read(b"all:anna:news").unwrap());
        halts.answered(&instance, &halt, &Answer::Absent);
        assert_eq!(watched.level(), MT5REDIS_HALT_ALL);
        let mut cursor = 0;
        let mut told = || events.next(&mut cursor, |_| true).unwrap_or_default();
        assert!(told().contains("cannot be changed"));
        assert!(told().contains("is halted by anna"));
    }
}

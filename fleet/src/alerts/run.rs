//! Tells alerts, in a thread beside the page or the governor, and never in their way: this thread keeps the lease and the
//! state, others look, and each sink has one that delivers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mt5_redis::config::Config;

use super::condition::{Condition, Fact};
use super::configuration::Settings;
use super::delivery::Sink;
use super::lease::{Lease, Stored};
use super::look::{Found, Looking};
use super::message::Message;
use super::state::Timing;
use crate::stop;

/// How often the lease is renewed and the state looked at.
const EVERY: Duration = Duration::from_secs(1);
/// How soon the end is noticed.
const SLICE: Duration = Duration::from_millis(100);
/// How long the end waits for deliveries that have begun: another program would repeat them.
const END: Duration = Duration::from_secs(5);

/// What this thread hears of.
enum Event {
    Found(Found),
    Delivered { sink: usize, id: String, result: Result<(), String> },
}

/// The thread. Dropping this waits for it, once a stop was requested.
pub struct Running(Option<JoinHandle<()>>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take().filter(|_| stop::requested()) {
            let _ = thread.join();
        }
    }
}

/// A sink's thread.
struct Worker {
    sink: Arc<Sink>,
    messages: SyncSender<Message>,
    busy: bool,
}

struct Teller {
    lease: Lease,
    leads: bool,
    term: u64,
    looking: Looking,
    events: Receiver<Event>,
    workers: Vec<Worker>,
    names: Vec<String>,
    timing: Timing,
    stored: Stored,
    /// As it was stored last.
    saved: Option<(Stored, Instant)>,
    /// What is known in this term, and what is wrong, by place.
    known: BTreeMap<&'static str, (Arc<BTreeSet<Condition>>, Vec<Fact>)>,
    /// What fails now, by what it concerns.
    trouble: BTreeMap<String, String>,
    tell: fn(&str),
}

/// Starts to tell alerts. `program` is the name of this program in the lease, and `tell` prints what fails.
pub fn start(source: &str, config: &Config, settings: Settings, program: &str, tell: fn(&str)) -> Running {
    let (sender, events) = channel();
    let Settings { limits, timing, sinks } = settings;
    let looking = Looking::start(source, config, &limits, &timing.lasting, &sender, Event::Found);
    let workers: Vec<_> =
        sinks.into_iter().enumerate().map(|(at, sink)| worker(at, Arc::new(sink), &sender)).collect();
    let names = workers.iter().map(|worker| worker.sink.name.clone()).collect();
    let mut teller = Teller {
        lease: Lease::new(config, program),
        leads: false,
        term: 0,
        looking,
        events,
        workers,
        names,
        timing,
        stored: Stored::default(),
        saved: None,
        known: BTreeMap::new(),
        trouble: BTreeMap::new(),
        tell,
    };
    Running(Some(thread::spawn(move || teller.run())))
}

fn worker(at: usize, sink: Arc<Sink>, events: &Sender<Event>) -> Worker {
    let (messages, receiver) = sync_channel::<Message>(1);
    let (events, sends) = (events.clone(), sink.clone());
    thread::spawn(move || {
        for message in receiver {
            let result = sends.deliver(&message);
            if events.send(Event::Delivered { sink: at, id: message.id, result }).is_err() {
                return;
            }
        }
    });
    Worker { sink, messages, busy: false }
}

impl Teller {
    fn run(&mut self) {
        let mut next = Instant::now();
        while !stop::requested() {
            if Instant::now() >= next {
                next = Instant::now() + EVERY;
                self.hold();
            }
            if self.leads && !self.lease.is_doubtful() {
                self.work();
            }
            self.wait(next);
        }
        self.end();
    }

    /// Renews the lease, and begins or ends a term.
    fn hold(&mut self) {
        let (leads, trouble) = self.lease.renew();
        self.told("the lease of the alerts", trouble);
        if leads != self.leads {
            self.leads = leads;
            self.term += 1;
            self.known.clear();
            self.saved = None;
            self.looking.term.store(if leads { self.term } else { 0 }, Relaxed);
            if leads {
                (self.tell)("alerts are told by this program");
            } else {
                self.stored = Stored::default();
                (self.tell)("alerts are told by another program");
            }
        }
        if !leads {
            return;
        }
        match self.lease.news() {
            Ok(None) => {}
            Ok(Some(news)) => {
                let own = std::mem::replace(&mut self.stored, news);
                self.stored.state.adopt(own.state);
                self.stored.queue.adopt(own.queue);
            }
            Err(error) => {
                let words = self.lease.told(&error);
                (self.tell)(&format!("what was told before cannot be read: {words}"));
            }
        }
        self.stored.by.clone_from(&self.lease.name);
        self.stored.sinks = self
            .workers
            .iter()
            .map(|worker| (worker.sink.name.clone(), worker.sink.kind().to_owned()))
            .collect();
        self.stored.state.keep_only(&self.timing);
        self.stored.queue.keep_only(&self.names);
    }

    /// Takes what is known, stores what is to be told, and only then tells it.
    fn work(&mut self) {
        let now_ms = self.lease.now_ms();
        let looked = self.known.values().flat_map(|(conditions, _)| conditions.iter().copied()).collect();
        let facts: Vec<Fact> = self.known.values().flat_map(|(_, facts)| facts.iter().cloned()).collect();
        self.stored.state.take(now_ms, &looked, &facts, &self.timing);
        let mut dropped = self.stored.queue.drop_old(now_ms);
        if let Some(message) = self.stored.state.message(now_ms, &self.timing) {
            dropped += self.stored.queue.add(message, &self.names);
        }
        if dropped > 0 {
            (self.tell)(&format!("{dropped} messages could not be delivered for too long and were dropped"));
        }
        if self.store() {
            self.hand_out(now_ms);
        }
    }

    /// Stores the state, if it has changed. Returns false if another program has taken over.
    fn store(&mut self) -> bool {
        self.stored.trouble = self.trouble.iter().map(|(what, why)| format!("{what}: {why}")).collect();
        // It has a time to live.
        let fresh = |(saved, at): &(Stored, Instant)| *saved == self.stored && at.elapsed().as_secs() < 3_600;
        if self.saved.as_ref().is_some_and(fresh) {
            return true;
        }
        match self.lease.store(&self.stored) {
            Ok(true) => {
                self.saved = Some((self.stored.clone(), Instant::now()));
                self.told("what was told cannot be stored", None);
                true
            }
            Ok(false) => false,
            Err(error) => {
                let words = self.lease.told(&error);
                self.told("what was told cannot be stored", Some(words));
                // Also that the server is gone must be told.
                true
            }
        }
    }

    fn hand_out(&mut self, now_ms: u64) {
        for worker in self.workers.iter_mut().filter(|worker| !worker.busy) {
            if let Some(message) = self.stored.queue.next(&worker.sink.name, now_ms) {
                worker.busy = worker.messages.try_send(message.clone()).is_ok();
            }
        }
    }

    /// Waits until something happens, or until the lease is due.
    fn wait(&mut self, next: Instant) {
        while Instant::now() < next && !stop::requested() {
            let left = next.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left.min(SLICE)) {
                Ok(event) => {
                    self.hear(event);
                    while let Ok(event) = self.events.try_recv() {
                        self.hear(event);
                    }
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => thread::sleep(SLICE),
            }
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Found(found) if found.term == self.term && self.leads => match found.facts {
                Ok(facts) => {
                    self.known.insert(found.place, (found.conditions, facts));
                    self.told(found.place, None);
                }
                Err(why) => {
                    self.known.remove(found.place);
                    self.told(found.place, Some(why));
                }
            },
            Event::Found(_) => {}
            Event::Delivered { sink, id, result } => {
                self.workers[sink].busy = false;
                let name = self.workers[sink].sink.name.clone();
                let failure = match result {
                    Ok(()) => {
                        self.stored.queue.delivered(&name, &id);
                        None
                    }
                    Err(why) => {
                        self.stored.queue.failed(&name, why.clone(), self.lease.now_ms());
                        Some(why)
                    }
                };
                self.told(&format!("the sink {name}"), failure);
            }
        }
    }

    /// Notes that something fails or works again, and prints it once.
    fn told(&mut self, what: &str, trouble: Option<String>) {
        // Numbers change from time to time.
        let words = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
        let trouble = trouble.map(|why| super::condition::cut(&why, 400));
        let before = match &trouble {
            Some(why) => self.trouble.insert(what.to_owned(), why.clone()),
            None => self.trouble.remove(what),
        };
        match (trouble, before) {
            (Some(why), before) if before.as_deref().map(words) != Some(words(&why)) => {
                (self.tell)(&format!("{what}: {why}"));
            }
            (None, Some(_)) => (self.tell)(&format!("{what}: all is well again")),
            _ => {}
        }
    }

    /// Waits for what is being delivered, and lets another program tell at once.
    fn end(&mut self) {
        let deadline = Instant::now() + END;
        while self.workers.iter().any(|worker| worker.busy) && Instant::now() < deadline {
            if let Ok(event) = self.events.recv_timeout(SLICE) {
                self.hear(event);
            }
        }
        if self.leads {
            self.store();
            self.lease.give_back();
        }
    }
}

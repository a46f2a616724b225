//! The machine with a given clock.

use jiff::tz::TimeZone;

use super::*;
use Condition::{DeadLetter, Halted, Margin, Silent};

/// 2026-11-27, a Friday, 20:00 UTC.
const START: u64 = 1_795_809_600_000;

fn timing() -> Timing {
    let lasting = [(Silent, 60), (Halted, 0), (Margin, 0), (DeadLetter, 0)];
    Timing {
        lasting: lasting.map(|(condition, s)| (condition, Duration::from_secs(s))).into(),
        group: Duration::from_secs(10),
        most_per_hour: 100,
        quiet: Quiet::default(),
        urgent: BTreeSet::new(),
    }
}

/// A machine and its clock.
struct World {
    state: State,
    timing: Timing,
    now_ms: u64,
    facts: Vec<Fact>,
}

impl World {
    fn new(timing: Timing) -> Self {
        Self { state: State::default(), timing, now_ms: START, facts: Vec::new() }
    }

    fn wrong(&mut self, condition: Condition, subject: &str) {
        self.facts.push(Fact::new(condition, subject, "why"));
    }

    fn right(&mut self, condition: Condition, subject: &str) {
        self.facts.retain(|fact| fact.condition != condition || fact.subject != subject);
    }

    /// Lets time pass, a second at a time; what is told meanwhile.
    fn pass(&mut self, seconds: u64) -> Vec<String> {
        let all = Condition::all().collect();
        let mut told = Vec::new();
        for _ in 0..seconds {
            self.now_ms += 1_000;
            self.state.take(self.now_ms, &all, &self.facts, &self.timing);
            if let Some(message) = self.state.message(self.now_ms, &self.timing) {
                let title = message.title.strip_prefix("mt5-redis: ").unwrap();
                let names = message.firing.iter().chain(&message.over).map(|line| line.subject.as_str());
                told.push(format!("{title}: {}", names.collect::<Vec<_>>().join(" ")));
            }
        }
        told
    }
}

#[test]
fn it_is_told_once_after_its_time_and_its_end_once() {
    let mut world = World::new(timing());
    world.wrong(Silent, "a");
    assert_eq!(world.pass(70), Vec::<String>::new(), "its time, and the time for others");
    assert_eq!(world.pass(600), ["1 alert: a"]);
    world.right(Silent, "a");
    assert_eq!(world.pass(69), Vec::<String>::new());
    assert_eq!(world.pass(600), ["1 over: a"]);
    assert_eq!(world.state, State { messages_ms: world.state.messages_ms.clone(), ..State::default() });
    world.wrong(Silent, "a");
    assert_eq!(world.pass(100), ["1 alert: a"], "it may come again");
}

#[test]
fn what_does_not_last_is_not_told() {
    let mut world = World::new(timing());
    for _ in 0..10 {
        world.wrong(Silent, "a");
        assert!(world.pass(50).is_empty());
        world.right(Silent, "a");
        assert!(world.pass(50).is_empty());
    }
}

#[test]
fn what_comes_and_goes_while_it_fires_is_one_alert() {
    let mut world = World::new(timing());
    world.wrong(Silent, "a");
    assert_eq!(world.pass(100).len(), 1);
    for _ in 0..10 {
        world.right(Silent, "a");
        assert!(world.pass(50).is_empty());
        world.wrong(Silent, "a");
        assert!(world.pass(50).is_empty());
    }
    // Back within the time in which its end waits for others.
    world.right(Silent, "a");
    assert!(world.pass(65).is_empty());
    world.wrong(Silent, "a");
    assert!(world.pass(600).is_empty());
}

#[test]
fn what_comes_together_is_one_message() {
    let mut world = World::new(timing());
    world.wrong(Halted, "a");
    world.pass(5);
    world.wrong(Halted, "b");
    world.pass(5);
    world.wrong(Margin, "c");
    assert_eq!(world.pass(30), ["3 alerts: a b c"]);
}

#[test]
fn in_quiet_hours_only_what_is_urgent_is_told_and_the_rest_waits() {
    let quiet = Quiet::read("20:00-22:00", TimeZone::UTC).unwrap();
    let mut world = World::new(Timing { quiet, urgent: [Margin].into(), ..timing() });
    world.wrong(Halted, "a");
    world.wrong(Halted, "b");
    world.wrong(Margin, "m");
    assert_eq!(world.pass(3600), ["1 alert: m"]);
    world.right(Halted, "b");
    assert_eq!(world.pass(3599), Vec::<String>::new());
    let mut told = Vec::new();
    while told.is_empty() {
        world.now_ms += 1_000;
        world.state.take(world.now_ms, &Condition::all().collect(), &world.facts, &world.timing);
        told.extend(world.state.message(world.now_ms, &world.timing));
    }
    assert_eq!(told[0].lines, ["halted: a: why", "1 more began and ended meanwhile"]);
    assert_eq!(world.pass(600), Vec::<String>::new());
}

#[test]
fn beyond_the_most_in_an_hour_everything_waits_for_one_message() {
    let mut world = World::new(Timing { most_per_hour: 2, ..timing() });
    let mut told = Vec::new();
    for at in 0..20 {
        world.wrong(Halted, &format!("{at:02}"));
        told.extend(world.pass(60));
    }
    assert_eq!(told, ["1 alert: 00", "1 alert: 01"]);
    let rest = (2..20).map(|at| format!("{at:02}")).collect::<Vec<_>>().join(" ");
    assert_eq!(world.pass(3600), [format!("18 alerts: {rest}")]);
}

#[test]
fn what_could_not_be_looked_at_stays_as_it_is() {
    let mut world = World::new(timing());
    world.wrong(Halted, "a");
    assert_eq!(world.pass(20), ["1 alert: a"]);
    for _ in 0..600 {
        world.now_ms += 1_000;
        world.state.take(world.now_ms, &[Silent].into(), &[], &world.timing);
        assert_eq!(world.state.message(world.now_ms, &world.timing), None);
    }
    assert_eq!(world.state.firing().count(), 1);
}

#[test]
fn what_happened_is_told_again_when_it_happens_again() {
    let mut world = World::new(timing());
    world.facts = vec![Fact::happened(DeadLetter, "0", "3 letters", 7)];
    assert_eq!(world.pass(3600), ["1 alert: 0"]);
    assert_eq!(world.pass(60), ["1 over: 0"], "nothing has happened for an hour");
    assert_eq!(world.pass(7200), Vec::<String>::new(), "the same letters");
    world.facts = vec![Fact::happened(DeadLetter, "0", "4 letters", 8)];
    assert_eq!(world.pass(60), ["1 alert: 0"]);
    world.facts.clear();
    assert_eq!(world.pass(60), ["1 over: 0"]);
    assert_eq!(world.state.alerts.len(), 0);
}

#[test]
fn a_successor_goes_on_where_the_other_was() {
    let mut world = World::new(timing());
    world.wrong(Halted, "a");
    world.wrong(Silent, "b");
    assert_eq!(world.pass(30), ["1 alert: a"]);
    let stored = serde_json::to_string(&world.state).unwrap();
    world.state = serde_json::from_str(&stored).unwrap();
    assert_eq!(world.pass(60), ["1 alert: b"], "also the time that has passed");
    world.facts.clear();
    assert_eq!(world.pass(90), ["1 over: a", "1 over: b"]);
}

#[test]
fn invented_subjects_take_no_memory_without_end() {
    let mut world = World::new(timing());
    for condition in Condition::all() {
        (0..5_000).for_each(|at| world.wrong(condition, &at.to_string()));
    }
    world.timing.lasting = Condition::all().map(|condition| (condition, Duration::ZERO)).collect();
    assert_eq!(world.pass(12).len(), 1);
    let count = |one| world.state.alerts.values().filter(|alert| alert.condition == one).count();
    assert!(Condition::all().all(|one| count(one) == MOST));
    // Others come in their place, not beside them.
    world.facts = (0..5_000).map(|at| Fact::new(Silent, &format!("x{at}"), "why")).collect();
    world.pass(3);
    assert_eq!(world.state.alerts.values().filter(|alert| alert.condition == Silent).count(), MOST);
}

//! What the governor removes: signals that everybody has read, instances that died long ago, invented names.

use super::*;

/// Trims a stream of one signal a second in four steps: a group that reads nothing, one that reads a part, a follower,
/// and nobody but the group that has read everything.
#[test]
fn streams_are_trimmed_to_what_every_group_has_passed_and_late_ones_are_told() {
    let world = World::start();
    world.source();
    let signals = Signals::publish(&world, 3300);
    for group in ["fast", "late"] {
        world.ask::<()>(2, &format!("XGROUP CREATE {STREAM} {group} 0"));
    }
    world.ask::<redis::Value>(2, &format!("XREADGROUP GROUP fast one COUNT 4000 NOACK STREAMS {STREAM} >"));

    // `late` has read nothing: nothing is trimmed, and the governor warns.
    let (lines, _) = run(&world.config(), &["--once"]);
    assert!(events(&lines, "trim").is_empty(), "{lines:?}");
    let warnings = events(&lines, "warning");
    assert_eq!(warnings.len(), 1, "{lines:?}");
    assert_eq!(warnings[0]["what"], "group late");
    assert!(warnings[0]["text"].as_str().unwrap().contains("signals are deleted after 3600 s"), "{lines:?}");

    // `late` reads 2,000 and acknowledges 1,000: those 1,000 are trimmed.
    world.ask::<redis::Value>(2, &format!("XREADGROUP GROUP late one COUNT 2000 STREAMS {STREAM} >"));
    signals.acknowledge(&world, "late", 1000);
    let (lines, _) = run(&world.config(), &["--once"]);
    assert_eq!(events(&lines, "trim")[0]["entries"], 1000, "{lines:?}");
    assert_eq!(world.ask::<i64>(2, &format!("XLEN {STREAM}")), 2300);

    // Without `late` a follower prevents trimming: first it has read nothing, then 1,500.
    world.ask::<()>(2, &format!("XGROUP DESTROY {STREAM} late"));
    let read = format!("1.Demo {}", signals.id(1499));
    for (position, entries) in [("* 0-0", None), (read.as_str(), Some(500))] {
        world.ask::<()>(2, &format!("HSET fp:{{7.Demo}} @ somebody {position}"));
        let (lines, _) = run(&world.config(), &["--once"]);
        let trims = events(&lines, "trim");
        assert_eq!(trims.first().map(|trim| trim["entries"].as_i64().unwrap()), entries, "{lines:?}");
    }
    assert_eq!(world.ask::<i64>(2, &format!("XLEN {STREAM}")), 1800);

    // Keys that no follower wrote prevent nothing: only the last minute is kept.
    for command in ["DEL fp:{7.Demo}", "SET fp:{8.Demo} 1", "HSET fp:{9.Demo} 1.Demo 0-0"] {
        world.ask::<()>(2, command);
    }
    run(&world.config(), &["--once"]);
    let left: i64 = world.ask(2, &format!("XLEN {STREAM}"));
    assert!((1..=60).contains(&left), "{left}");
}

/// A governor that may not ask what a follower or a group has read trims nothing that may be unread.
#[test]
fn what_it_may_not_ask_counts_as_unread() {
    for command in ["hmget", "xpending"] {
        let world = World::start();
        world.source();
        let signals = Signals::publish(&world, 600);
        world.ask::<()>(2, &format!("XGROUP CREATE {STREAM} workers 0"));
        world.ask::<redis::Value>(2, &format!("XREADGROUP GROUP workers one COUNT 600 STREAMS {STREAM} >"));
        if command == "hmget" {
            // The group is done, and a follower has read ten signals. Otherwise the group has acknowledged none.
            signals.acknowledge(&world, "workers", 600);
            world.ask::<()>(2, &format!("HSET fp:{{7.Demo}} @ somebody 1.Demo {}", signals.id(9)));
        }
        world.ask::<()>(2, &format!("ACL SETUSER default -{command}"));
        let (lines, _) = run(&world.config(), &["--once"]);
        assert_eq!(world.ask::<i64>(2, &format!("XLEN {STREAM}")), 600, "{command}: {lines:?}");
    }
}

const STREAM: &str = "ss:{0}:1.Demo";

/// Signals in the stream of 1.Demo, one a second until now.
struct Signals {
    first_ms: u64,
}

impl Signals {
    fn publish(world: &World, count: u64) -> Self {
        let signals = Self { first_ms: world.now_ms() - count * 1000 };
        let mut pipe = redis::pipe();
        for number in 0..count {
            pipe.cmd("XADD").arg(STREAM).arg(signals.id(number)).arg("d").arg("x").ignore();
        }
        pipe.exec(&mut signals.connect(world)).unwrap();
        signals
    }

    fn acknowledge(&self, world: &World, group: &str, count: u64) {
        let mut acknowledge = redis::cmd("XACK");
        acknowledge.arg(STREAM).arg(group);
        for number in 0..count {
            acknowledge.arg(self.id(number));
        }
        acknowledge.exec(&mut self.connect(world)).unwrap();
    }

    fn id(&self, number: u64) -> String {
        format!("{}-0", self.first_ms + number * 1000)
    }

    fn connect(&self, world: &World) -> redis::Connection {
        redis::Client::open(world.0.urls()[2].as_str()).unwrap().get_connection().unwrap()
    }
}

/// The list keeps live instances, whatever time it shows, and those that died lately.
#[test]
fn only_instances_that_are_dead_for_long_are_forgotten() {
    let world = World::start();
    let (bridge, folder) = (bridge(), tempfile::tempdir().unwrap());
    let sessions = terminals(&bridge, &world, folder.path(), 1);
    beat(&sessions[0]);
    let now = world.now_ms();
    // 0.Demo is alive with a wrong clock; `young` died a minute ago, `old` long ago and left a directive.
    world.ask::<()>(0, "ZADD il 1000 0.Demo");
    world.ask::<()>(0, &format!("ZADD il {} young.Demo 1000 old.Demo", now - 60_000));
    world.ask::<()>(0, "SET ctl:{old.Demo} 1:1000");
    run(&world.config(), &["--once"]);
    let mut left: Vec<String> = world.ask(0, "ZRANGE il 0 -1");
    left.sort();
    assert_eq!(left, ["0.Demo", "young.Demo"]);
    assert!(!world.ask::<bool>(0, "EXISTS ctl:{old.Demo}"));
}

/// A hundred thousand invented names neither hide a live instance or source nor stay.
#[test]
fn invented_names_hide_nobody_and_go() {
    let world = World::start();
    let (bridge, folder) = (bridge(), tempfile::tempdir().unwrap());
    let sessions = terminals(&bridge, &world, folder.path(), 1);
    beat(&sessions[0]);
    world.source();
    world.ask::<()>(2, "XADD ss:{0}:1.Demo * a b");
    let now = world.now_ms();
    for (lane, list) in [(0, "il"), (2, "sl:{0}")] {
        let client = redis::Client::open(world.0.urls()[lane].as_str()).unwrap();
        let mut connection = client.get_connection().unwrap();
        for thousand in 0..100u64 {
            let mut add = redis::cmd("ZADD");
            add.arg(list);
            // Recent ones, some from the future, and names that no instance can have.
            for at in 0..1000 {
                let score = if at % 2 == 0 { now + at } else { u64::MAX / 2 };
                let name = format!("{thousand}.{at}");
                add.arg(score).arg(if at % 10 == 9 { format!("{name} {{}}\u{1b}") } else { name });
            }
            add.exec(&mut connection).unwrap();
        }
    }
    assert_eq!(world.ask::<i64>(0, "ZCARD il"), 100_001);
    let governor = Governor::start(&world, &[]);
    for list in ["il", "sl:{0}"] {
        governor.line("it warns", |line| line["event"] == "warning" && line["what"] == list);
    }
    eventually("they are removed", || {
        world.ask::<i64>(0, "ZCARD il") <= 10_001 && world.ask::<i64>(2, "ZCARD sl:{0}") == 1
    });
    assert_eq!(world.ask::<Vec<String>>(2, "ZRANGE sl:{0} 0 -1"), ["1.Demo"]);
    assert!(world.ask::<Option<f64>>(0, "ZSCORE il 0.Demo").is_some(), "a live instance stays");
}

//! What the governor removes: entries that everybody has passed, instances that are dead for long, invented names.

use super::*;

#[test]
fn streams_are_trimmed_to_what_every_group_has_passed_and_late_ones_are_told() {
    let world = World::start();
    world.source();
    let now = world.now_ms();
    // A signal a second, for fifty-five minutes.
    let first = now - 3300 * 1000;
    let mut pipe = redis::pipe();
    for second in 0..3300 {
        pipe.cmd("XADD")
            .arg("ss:{0}:1.Demo")
            .arg(format!("{}-0", first + second * 1000))
            .arg("d")
            .arg("x")
            .ignore();
    }
    let client = redis::Client::open(world.0.urls()[2].as_str()).unwrap();
    pipe.exec(&mut client.get_connection().unwrap()).unwrap();
    for group in ["fast", "late"] {
        world.ask::<()>(2, &format!("XGROUP CREATE ss:{{0}}:1.Demo {group} 0"));
    }
    // Has all, and all acknowledged.
    world.ask::<redis::Value>(2, "XREADGROUP GROUP fast one COUNT 4000 NOACK STREAMS ss:{0}:1.Demo >");
    let (lines, _) = run(&world.config(), &["--once"]);
    assert!(events(&lines, "trim").is_empty(), "late has read nothing: {lines:?}");
    let warnings = events(&lines, "warning");
    assert_eq!(warnings.len(), 1, "{lines:?}");
    assert_eq!(warnings[0]["what"], "group late");
    assert!(warnings[0]["text"].as_str().unwrap().contains("signals are kept for 3600 s"), "{lines:?}");

    // It reads 2,000 and acknowledges the first 1,000.
    world.ask::<redis::Value>(2, "XREADGROUP GROUP late one COUNT 2000 STREAMS ss:{0}:1.Demo >");
    let mut acknowledge = redis::cmd("XACK");
    acknowledge.arg("ss:{0}:1.Demo").arg("late");
    (0..1000).for_each(|second| {
        acknowledge.arg(format!("{}-0", first + second * 1000));
    });
    acknowledge.exec(&mut client.get_connection().unwrap()).unwrap();
    let (lines, _) = run(&world.config(), &["--once"]);
    assert_eq!(events(&lines, "trim")[0]["entries"], 1000, "{lines:?}");
    assert_eq!(world.ask::<i64>(2, "XLEN ss:{0}:1.Demo"), 2300);
    // Without the late one a follower holds it up: with all it has not read, and then with what it has read.
    world.ask::<()>(2, "XGROUP DESTROY ss:{0}:1.Demo late");
    for (position, entries) in [("* 0-0", None), (&format!("1.Demo {}-0", first + 1499 * 1000), Some(500))] {
        world.ask::<()>(2, &format!("HSET fp:{{7.Demo}} @ somebody {position}"));
        let (lines, _) = run(&world.config(), &["--once"]);
        let trims = events(&lines, "trim");
        assert_eq!(trims.first().map(|trim| trim["entries"].as_i64().unwrap()), entries, "{lines:?}");
    }
    assert_eq!(world.ask::<i64>(2, "XLEN ss:{0}:1.Demo"), 1800);
    // What is no position holds nothing up.
    for command in ["DEL fp:{7.Demo}", "SET fp:{8.Demo} 1", "HSET fp:{9.Demo} 1.Demo 0-0"] {
        world.ask::<()>(2, command);
    }
    // Then only the last minute is kept.
    run(&world.config(), &["--once"]);
    let left: i64 = world.ask(2, "XLEN ss:{0}:1.Demo");
    assert!((1..=60).contains(&left), "{left}");
}

#[test]
fn only_instances_that_are_dead_for_long_are_forgotten() {
    let world = World::start();
    let (bridge, folder) = (bridge(), tempfile::tempdir().unwrap());
    let sessions = terminals(&bridge, &world, folder.path(), 1);
    beat(&sessions[0]);
    let now = world.now_ms();
    // One that lives though its clock is wrong, one that died a minute ago, one long ago.
    world.ask::<()>(0, "ZADD il 1000 0.Demo");
    world.ask::<()>(0, &format!("ZADD il {} young.Demo 1000 old.Demo", now - 60_000));
    world.ask::<()>(0, "SET ctl:{old.Demo} 1:1000");
    run(&world.config(), &["--once"]);
    let mut left: Vec<String> = world.ask(0, "ZRANGE il 0 -1");
    left.sort();
    assert_eq!(left, ["0.Demo", "young.Demo"]);
    assert!(!world.ask::<bool>(0, "EXISTS ctl:{old.Demo}"));
}

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
            // Of now, of a time to come, and names that nobody can have.
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
        governor.line("it tells", |line| line["event"] == "warning" && line["what"] == list);
    }
    eventually("they go", || {
        world.ask::<i64>(0, "ZCARD il") <= 10_001 && world.ask::<i64>(2, "ZCARD sl:{0}") == 1
    });
    assert_eq!(world.ask::<Vec<String>>(2, "ZRANGE sl:{0} 0 -1"), ["1.Demo"]);
    assert!(world.ask::<Option<f64>>(0, "ZSCORE il 0.Demo").is_some(), "who lives stays");
}

//! Nodes that do not answer, and directives that are not the governor's own.

use super::*;

use rustix::process::{Pid, Signal, kill_process};

/// A server that is suspended until this is dropped.
struct Frozen(Pid);

impl Frozen {
    fn new(world: &World, lane: usize) -> Self {
        let info: redis::InfoDict = world.ask(lane, "INFO server");
        let pid = Pid::from_raw(info.get("process_id").unwrap()).unwrap();
        kill_process(pid, Signal::STOP).unwrap();
        Self(pid)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::CONT);
    }
}

/// A suspended server needs level 3.
#[test]
fn a_server_that_takes_longer_than_its_time_out_is_critical() {
    let world = World::start();
    let frozen = Frozen::new(&world, 1);
    let (lines, calm) = run(&world.config(), &["--once"]);
    drop(frozen);
    assert!(!calm, "{lines:?}");
    let directive = events(&lines, "directive")[0];
    assert_eq!(directive["level"], 3, "{lines:?}");
    assert!(directive["why"].as_str().unwrap().starts_with("rts "), "{lines:?}");
    assert!(world.ask::<String>(0, "GET ctl").starts_with("3:"));
}

/// An absent server is a warning and a bad exit code, but no directive.
#[test]
fn servers_that_are_not_there_are_not_calm() {
    let world = World::start();
    let text = fs::read_to_string(world.config()).unwrap();
    let nobody = free_port();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fleet.toml");
    let signals: redis::InfoDict = world.ask(2, "INFO server");
    let port: u16 = signals.get("tcp_port").unwrap();
    fs::write(&path, text.replace(&format!(":{port}"), &format!(":{nobody}"))).unwrap();
    let (lines, calm) = run(path.to_str().unwrap(), &["--once"]);
    assert!(!calm, "{lines:?}");
    assert!(events(&lines, "warning").iter().any(|line| line["what"].as_str().unwrap().starts_with("rtss ")));
    assert!(events(&lines, "directive").is_empty(), "sending less would not help: {lines:?}");
}

/// A higher directive of the operator is not replaced.
#[test]
fn a_directive_that_asks_for_more_stays_until_it_ends() {
    let world = World::start();
    let info: redis::InfoDict = world.ask(1, "INFO memory");
    let used: u64 = info.get("used_memory").unwrap();
    world.ask::<()>(1, &format!("CONFIG SET maxmemory {}", used * 100 / 87));
    let own = format!("3:{}", world.now_ms() + 5_000);
    world.ask::<()>(0, &format!("SET ctl {own}"));
    let (lines, _) = run(&world.config(), &["--once", "--hold", "1h"]);
    let asked = events(&lines, "directive")[0]["level"].as_i64().unwrap();
    assert!((1..3).contains(&asked), "{lines:?}");
    assert_eq!(world.ask::<String>(0, "GET ctl"), own);
}

/// A lower but longer directive of the operator is restored after ours.
#[test]
fn a_directive_that_lasts_longer_comes_back() {
    let world = World::start();
    let own = format!("1:{}", world.now_ms() + 3_600_000);
    world.ask::<()>(0, &format!("SET ctl {own}"));
    let governor = Governor::start(&world, &[]);
    governor.leads();
    world.squeeze();
    eventually("a higher directive replaces it", || {
        world.ask::<String>(0, "GET ctl").starts_with('2')
            || world.ask::<String>(0, "GET ctl").starts_with('3')
    });
    world.ask::<()>(1, "CONFIG SET maxmemory 0");
    eventually("the operator's directive is restored", || world.ask::<String>(0, "GET ctl") == own);
    governor.line("the end", |line| line["event"] == "directive" && line["level"] == 0);
    assert_eq!(world.ask::<String>(0, "GET ctl"), own);
}

//! Of several programs one tells, and its successor repeats nothing and leaves nothing out.

use std::collections::BTreeSet;

use super::program::{Program, World};
use super::redis_side::heartbeat;
use super::support::eventually;

/// The messages that arrived are all different, and each alert is in one of them.
pub fn told_once(world: &World) {
    let requests = world.web.requests();
    let ids: BTreeSet<_> = requests.iter().map(|request| request.body["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), requests.len(), "a message came twice");
    for list in ["firing", "over"] {
        let told = world.web.told(list);
        let different: BTreeSet<_> = told.iter().collect();
        assert_eq!(different.len(), told.len(), "{list}: {told:?}");
    }
}

/// Waits until one of them tells. Returns which.
pub fn one_leads(programs: &[&Program]) -> usize {
    let mut leader = None;
    eventually("one of them tells", || {
        leader = programs.iter().position(|program| program.leads());
        leader.is_some()
    });
    leader.unwrap()
}

#[test]
fn of_a_page_and_a_governor_one_tells() {
    let world = World::telling(&["disconnected", "halted"], "", "");
    let mut ris = world.redis(0);
    let (page, governor) = (world.page(), world.governor());
    one_leads(&[&page, &governor]);
    for instance in ["a.Demo", "b.Demo", "c.Demo"] {
        heartbeat(&mut ris, instance, &[("cn", "0"), ("ha", "1")]);
        world.expect("firing", &format!("disconnected {instance}"));
        world.expect("firing", &format!("halted {instance}"));
        heartbeat(&mut ris, instance, &[]);
        world.expect("over", &format!("disconnected {instance}"));
        world.expect("over", &format!("halted {instance}"));
    }
    told_once(&world);
    assert_eq!(usize::from(page.leads()) + usize::from(governor.leads()), 1);
}

#[test]
fn the_successor_of_a_killed_program_repeats_nothing_and_leaves_nothing_out() {
    let world = World::telling(&["disconnected"], "", "");
    let mut ris = world.redis(0);
    let mut programs = [world.page(), world.governor()];
    let leader = one_leads(&programs.iter().collect::<Vec<_>>());
    heartbeat(&mut ris, "stays.Demo", &[("cn", "0")]);
    heartbeat(&mut ris, "ends.Demo", &[("cn", "0")]);
    for subject in ["stays.Demo", "ends.Demo"] {
        world.expect("firing", &format!("disconnected {subject}"));
    }
    world.expect_noted();
    programs[leader].kill();
    heartbeat(&mut ris, "ends.Demo", &[]);
    heartbeat(&mut ris, "new.Demo", &[("cn", "0")]);
    world.expect("firing", "disconnected new.Demo");
    world.expect("over", "disconnected ends.Demo");
    assert!(programs[1 - leader].leads());

    // And one that ends as it should is followed at once.
    let third = world.page();
    eventually("it runs", || third.printed().contains("the fleet is at"));
    let pid = rustix::process::Pid::from_raw(programs[1 - leader].process.id() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    programs[1 - leader].process.wait().unwrap();
    one_leads(&[&third]);
    heartbeat(&mut ris, "stays.Demo", &[]);
    world.expect("over", "disconnected stays.Demo");
    heartbeat(&mut ris, "last.Demo", &[("cn", "0")]);
    world.expect("firing", "disconnected last.Demo");
    told_once(&world);
    assert_eq!(world.web.told("firing").len(), 4);
}

#[test]
fn a_message_that_arrived_and_was_not_noted_comes_again_with_its_id() {
    let world = World::telling(&["disconnected"], "", "");
    let mut ris = world.redis(0);
    let mut programs = [world.page(), world.governor()];
    let leader = one_leads(&programs.iter().collect::<Vec<_>>());
    world.web.keep_silent(true);
    heartbeat(&mut ris, "a.Demo", &[("cn", "0")]);
    world.expect("firing", "disconnected a.Demo");
    programs[leader].kill();
    world.web.keep_silent(false);
    eventually("it comes again", || world.web.requests().len() == 2);
    world.expect_noted();
    let requests = world.web.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].body, requests[1].body);
}

#[test]
fn what_a_killed_program_could_not_deliver_its_successor_delivers() {
    let world = World::telling(&["disconnected"], "", "");
    world.web.refuse(true);
    let mut ris = world.redis(0);
    let mut page = world.page();
    heartbeat(&mut ris, "a.Demo", &[("cn", "0")]);
    page.says("the sink program: ");
    let api = page.api();
    assert_eq!(
        (&api["sinks"][0]["name"], &api["sinks"][0]["waiting"]),
        (&"program".into(), &1.into()),
        "{api}"
    );
    page.kill();
    world.web.refuse(false);
    let _governor = world.governor();
    world.expect("firing", "disconnected a.Demo");
    told_once(&world);
}

#[test]
fn that_the_servers_are_gone_is_told_too() {
    let mut world = World::telling(&["finding"], "", "");
    let page = world.page();
    page.says("alerts are told by this program");
    for port in world.servers.ports()[..3].to_vec() {
        world.servers.kill(port).unwrap();
    }
    eventually("it is told", || {
        world.web.told("firing").iter().any(|told| told.starts_with("finding reach 127.0.0.1:"))
    });
}

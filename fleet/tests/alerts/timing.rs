//! Grouping, quiet hours and the cap, in the running program. `src/alerts/state_tests.rs` has them with a given clock.

use serde_json::Value;

use super::program::{Program, World};
use super::redis_side::{heartbeat, heartbeats};
use super::support::eventually;

/// What the page says of a subject, once it fires.
fn firing(page: &Program, subject: &str) -> Value {
    let mut found = Value::Null;
    eventually(&format!("{subject} fires"), || {
        let api = page.api();
        let all = api["firing"].as_array().unwrap();
        found = all.iter().find(|alert| alert["subject"] == subject).cloned().unwrap_or_default();
        found.is_object()
    });
    found
}

#[test]
fn a_hundred_terminals_that_lose_their_broker_are_one_message() {
    let world = World::telling(&["disconnected"], "group = \"2s\"", "");
    let mut ris = world.redis(0);
    let instances: Vec<_> = (0..100).map(|at| format!("{at:03}.Demo")).collect();
    heartbeats(&mut ris, &instances, &[("cn", "0")]);
    let _page = world.page();
    eventually("they are told", || !world.web.requests().is_empty());
    heartbeats(&mut ris, &instances, &[]);
    world.expect("over", "disconnected 099.Demo");
    let requests = world.web.requests();
    let titles: Vec<_> = requests.iter().map(|request| request.body["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["mt5-redis: 100 alerts", "mt5-redis: 100 over"]);
    let text = requests[0].body["text"].as_str().unwrap();
    assert!(
        text.contains("not connected to the broker: 100 times: 000.Demo, ") && text.ends_with("and 90 more"),
        "{text}"
    );
}

#[test]
fn in_quiet_hours_only_what_is_urgent_is_told() {
    let world = World::telling(&["disconnected", "margin"], "quiet = \"Mon-Sun\"\nurgent = [\"margin\"]", "");
    let mut ris = world.redis(0);
    heartbeat(&mut ris, "cut.Demo", &[("cn", "0")]);
    let page = world.page();
    assert_eq!(firing(&page, "cut.Demo")["told"], false);
    heartbeat(&mut ris, "margin.Demo", &[("ml", "100")]);
    world.expect("firing", "margin margin.Demo");
    assert_eq!(firing(&page, "cut.Demo")["told"], false);
    assert_eq!(world.web.told("firing"), ["margin margin.Demo"]);
}

#[test]
fn beyond_the_most_in_an_hour_the_rest_waits() {
    let world = World::telling(&["disconnected"], "most_per_hour = 2", "");
    let mut ris = world.redis(0);
    let page = world.page();
    for instance in ["a.Demo", "b.Demo"] {
        heartbeat(&mut ris, instance, &[("cn", "0")]);
        world.expect("firing", &format!("disconnected {instance}"));
    }
    for instance in ["c.Demo", "d.Demo"] {
        heartbeat(&mut ris, instance, &[("cn", "0")]);
        assert_eq!(firing(&page, instance)["told"], false);
    }
    assert_eq!(world.web.requests().len(), 2);
}

//! Alerts with Sentinels and in a Cluster, while masters crash and slots move.

use mt5_redis::model::InstanceState;
use mt5_redis::model::instance::MT5REDIS_FLAG_CONNECTED;
use mt5fleet::library::{self, Account, Bridge, Session, Text};
use mt5fleet::up::server::connect;
use mt5fleet::up::{Servers, Topology};

use super::handover::{one_leads, told_once};
use super::program::World;
use super::support::{PATIENCE, eventually, plan};

/// A terminal, and whether its broker is connected.
fn beat(bridge: &Bridge, session: &Session, is_connected: bool) {
    let time_ms = jiff::Timestamp::now().as_millisecond();
    let flags = if is_connected { MT5REDIS_FLAG_CONNECTED } else { 0 };
    let state = InstanceState { time_ms, login: 1, flags, ..Default::default() };
    let [server, company, currency, agent] = ["Demo", "Broker", "EUR", "test"].map(Text::new);
    let account = Account { server, company, currency, agent };
    bridge.expect(session.instance_state(&state, &account)).unwrap();
    session.flush(PATIENCE).unwrap();
}

/// What is wrong before the trouble is told once, its end and what is new are told after it.
fn alerts_go_on(topology: Topology, trouble: fn(&mut Servers)) {
    let servers = Servers::start_here(&plan(topology, Some(10))).unwrap();
    let mut world = World::at(servers, &["disconnected"], "", "");
    let config = world.servers.config_file();
    let config = config.to_str().unwrap();
    let bridge = Bridge::load(&library::default_path().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [stays, ends, new] =
        ["stays.Demo", "ends.Demo", "new.Demo"].map(|id| bridge.open(config, id, folder.path()).unwrap());
    let (page, governor) = (world.page(), world.governor());
    one_leads(&[&page, &governor]);
    for (session, name) in [(&stays, "stays.Demo"), (&ends, "ends.Demo")] {
        beat(&bridge, session, false);
        world.expect("firing", &format!("disconnected {name}"));
    }
    eventually("all deliveries are noted", || page.api()["sinks"][0]["waiting"] == 0);
    trouble(&mut world.servers);
    beat(&bridge, &stays, false);
    beat(&bridge, &ends, true);
    world.expect("over", "disconnected ends.Demo");
    beat(&bridge, &new, false);
    world.expect("firing", "disconnected new.Demo");
    eventually("all deliveries are noted", || page.api()["sinks"][0]["waiting"] == 0);
    told_once(&world);
    assert_eq!(world.web.told("firing").len(), 3);
    assert_eq!(world.web.told("over").len(), 1);
}

#[test]
fn with_sentinels_they_outlive_the_masters() {
    alerts_go_on(Topology::Sentinel, |servers| {
        let before = servers.urls();
        servers.trouble().unwrap().unwrap().end().unwrap();
        eventually("each lane has another master", || {
            assert_eq!(servers.attend().unwrap(), None);
            servers.urls().iter().zip(&before).all(|(now, before)| now != before)
        });
    });
}

#[test]
fn in_a_cluster_they_outlive_a_reshard_and_the_node_that_stores_them() {
    alerts_go_on(Topology::Cluster, |servers| {
        servers.trouble().unwrap().unwrap().end().unwrap();
        let stored = |port: u16| {
            let read = || {
                redis::cmd("GET").arg("alerts:{fleet}").query::<Option<String>>(&mut connect(port).ok()?).ok()
            };
            read().flatten().is_some()
        };
        let ports = servers.ports();
        let owner = ports.iter().copied().find(|port| stored(*port)).expect("one node stores the alerts");
        servers.kill(owner).unwrap();
        eventually("its replica has taken over", || ports.iter().any(|port| *port != owner && stored(*port)));
    });
}

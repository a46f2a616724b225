//! Servers that refuse commands, as managed ones do: what the bridge can do without, it does without.

mod support;

use mt5_redis::model::trade::MT5REDIS_EVENT_OPEN;
use support::bridge::{Bridge, account, buy, trade};
use support::follower::{self, Wants, subscribe};
use support::server::Server;

/// Commands that look after a server; managed ones keep them to themselves.
const CARE: [&str; 5] = ["config", "client", "latency", "memory", "slowlog"];

/// A server with these lines, at which the bridge writes and reads all it has, without a word of complaint.
fn works_at(lines: &str) {
    let server = Server::configured(&format!("save \"\"\n{lines}\n"), &[]);
    let bridge = Bridge::at(&server, "1.Demo");
    subscribe(&bridge, &Wants { follower: "g", instances: "*", start: 1, ..Wants::default() });
    bridge.heartbeat(&account());
    bridge.trade(&trade(1, MT5REDIS_EVENT_OPEN));
    bridge.signal(&buy(7));
    bridge.settle();
    assert_eq!(follower::wait(&bridge).signal.magic, 7);
    let events = bridge.events();
    let good = |line: &String| line.contains(": connected to ") || line.ends_with(": this terminal acts");
    assert!(events.iter().all(good), "{lines}: {events:?}");
}

#[test]
fn without_the_commands_that_managed_servers_keep_to_themselves_it_works() {
    works_at(&CARE.map(|command| format!("rename-command {command} \"\"\n")).concat());
    works_at(&format!(
        "user default on nopass ~* &* +@all {}",
        CARE.map(|command| format!("-{command}")).join(" ")
    ));
}

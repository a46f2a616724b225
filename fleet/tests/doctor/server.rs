//! The faults of one server and its data, provoked one after another.

use super::advice::{note, obey};
use super::*;

/// A lane, what is done to it, what is found by which check and how bad it is, and what undoes it.
type Case<'a> = (usize, &'a [&'a str], Light, &'a str, &'a str, &'a [&'a str]);

/// Findings that no command can fix: a person must decide, or another machine is at fault.
const WORDS: [&str; 7] = [
    "is a replica",
    "the machine has",
    "the clocks of",
    "are not in the compact encoding",
    "are far larger than",
    "do not belong to mt5-redis",
    "keys since its start because memory was full",
];

/// Follows the advice of a finding if it can be typed or written; then the finding must be gone.
pub fn heals(findings: &[Finding], config: &Path, root: &Path, (check, says): (&str, &str)) {
    let is_it = |found: &&Finding| found.check == check && found.text.contains(says);
    let finding = findings.iter().find(is_it).expect("just seen");
    let wordy = WORDS.iter().any(|words| says.contains(words));
    let written = finding.cure.as_ref().is_some_and(|cure| cure.starts_with("write `"));
    assert!(wordy || written || !finding.commands.is_empty(), "no command is given: {finding:#?}");
    let running = obey(finding, root);
    note(finding);
    if finding.commands.is_empty() && !written {
        return;
    }
    // A worker needs a moment.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = examine(config, root);
        if !left.iter().any(|found| is_it(&found)) {
            return;
        }
        let late = running.is_empty() || Instant::now() > deadline;
        assert!(!late, "{finding:#?} is there still: {:#?}", complaints(&left));
        thread::sleep(Duration::from_millis(20));
    }
}

/// `LONG` stands for a text of 2,000 characters.
const CASES: &[Case] = &[
    (
        RTS,
        &["CONFIG SET maxmemory-policy allkeys-lru"],
        Light::Red,
        "eviction",
        "has maxmemory-policy allkeys-lru: when full, it evicts open trades, closed trades, watermarks",
        &["CONFIG SET maxmemory-policy noeviction"],
    ),
    (
        RTSS,
        &["CONFIG SET appendonly no"],
        Light::Red,
        "settings",
        "appendonly is no, ours is yes",
        &["CONFIG SET appendonly yes"],
    ),
    (
        RIS,
        &["CONFIG SET tcp-keepalive 0"],
        Light::Yellow,
        "settings",
        "tcp-keepalive is 0, ours is 60",
        &["CONFIG SET tcp-keepalive 60"],
    ),
    (
        RIS,
        &["CONFIG SET maxmemory 0"],
        Light::Red,
        "memory",
        "has no maxmemory",
        &["CONFIG SET maxmemory 67108864"],
    ),
    (
        RIS,
        &["CONFIG SET maxmemory 22mb", "SETRANGE ctl 18900000 x"],
        Light::Red,
        "memory",
        "of 22 MiB (9",
        &["CONFIG SET maxmemory 67108864"],
    ),
    (
        RTS,
        &["CONFIG SET maxmemory 8mb"],
        Light::Yellow,
        "memory",
        "10 terminals need up to 64 MiB here, maxmemory is 8 MiB",
        &["CONFIG SET maxmemory 67108864"],
    ),
    (
        RTSS,
        &["CONFIG SET maxclients 8"],
        Light::Yellow,
        "memory",
        "10 terminals need 10, maxclients is 8",
        &["CONFIG SET maxclients 500"],
    ),
    (
        RIS,
        &["HSET is:{1.Demo} eq 1"],
        Light::Red,
        "keys",
        "are instances without a time to live, so they never look dead: is:{1.Demo}",
        &[],
    ),
    (
        RIS,
        &["ZADD il 1 1.Demo", "HSET is:{1.Demo} eq 1 ck -5000", "PEXPIRE is:{1.Demo} 100000"],
        Light::Red,
        "clocks",
        "the clocks of 1 of 1 instances are wrong: 1.Demo is 5.0 s behind the server's",
        &[],
    ),
    (
        RIS,
        &["ZADD il 1 1.Demo", "PEXPIRE il 100000"],
        Light::Red,
        "keys",
        "must not have a time to live but will expire",
        &[],
    ),
    (
        RTS,
        &["SADD to:{1.Demo} 7", "HSET ts:{1.Demo}:7 vo 1", "PEXPIRE ts:{1.Demo}:7 100000"],
        Light::Red,
        "keys",
        "are open positions that will expire",
        &[],
    ),
    (
        RTS,
        &["HSET ts:{1.Demo}:7 vo 1"],
        Light::Yellow,
        "keys",
        "are closed positions without a time to live",
        &[],
    ),
    (
        RTS,
        &["SADD to:{1.Demo} seven"],
        Light::Yellow,
        "keys",
        "are not in the compact encoding: to:{1.Demo}",
        &[],
    ),
    (
        RTS,
        &["HSET ts:{1.Demo}:7 co LONG"],
        Light::Yellow,
        "keys",
        "are not in the compact encoding: ts:{1.Demo}:7",
        &[],
    ),
    (
        RTS,
        &["HSET ts:{1.Demo}:7 co LONG"],
        Light::Yellow,
        "keys",
        "are far larger than the sizing assumes: ts:{1.Demo}:7",
        &[],
    ),
    (
        RTS,
        &["SET wm:{1.Demo}:00000000000000aa 7"],
        Light::Yellow,
        "keys",
        "are watermarks without a time to live",
        &[],
    ),
    (RTS, &["SET session:4711 x"], Light::Yellow, "keys", "do not belong to mt5-redis: session:4711", &[]),
    (
        RTSS,
        &["ZADD sl:{0} 1 1.Demo", "XADD ss:{0}:1.Demo * d x"],
        Light::Yellow,
        "streams",
        "nobody reads the signals of 1.Demo",
        &[],
    ),
    (
        RTSS,
        &["XADD ss:{0}:1.Demo * d x"],
        Light::Yellow,
        "keys",
        "are streams without a time to live, so they stay when their source is gone: ss:{0}:1.Demo",
        &[],
    ),
    (RTSS, &["SET fl:{1.Demo} token"], Light::Red, "keys", "are leases without a time to live", &[]),
    (
        RTSS,
        &["HSET fp:{1.Demo} @ token"],
        Light::Yellow,
        "keys",
        "are readers' positions without a time to live: fp:{1.Demo}",
        &[],
    ),
    (
        RTSS,
        &["ZADD sl:{0} 1 1.Demo", "XADD ss:{0}:1.Demo * d x", "XGROUP CREATE ss:{0}:1.Demo copiers 0"],
        Light::Yellow,
        "streams",
        "group copiers, 1 sources: 0 unacknowledged, 1 not read yet, no consumer",
        &[],
    ),
    (
        RTSS,
        &[
            "XADD sd:{0} * v 2 p 00000000000000aa q 1 t 1763800000000 o 0 i 1.Demo a b sy EURUSD vo 0.1 pr 1.5 sl 0 tp 0 \
           mg 3 po 0 ex 0 co x pq 0 x-source 1.Demo",
        ],
        Light::Yellow,
        "streams",
        "sd:{0} has 1 signals that no worker could process",
        &[],
    ),
    (
        RTS,
        &["REPLICAOF 127.0.0.1 1"],
        Light::Red,
        "roles",
        "is a replica: it refuses every write",
        &["REPLICAOF NO ONE"],
    ),
];

/// Each case provokes a fault, expects its finding, follows the advice, and sees the finding gone.
#[test]
fn each_fault_of_a_server_is_found() {
    let (root, servers) = (machine(), start(Topology::Single));
    let config = servers.config_file();
    let mut lanes: Vec<Connection> = servers.ports().into_iter().map(|port| connect(port).unwrap()).collect();
    let long = "x".repeat(2000);
    for (lane, provoke, light, check, says, undo) in CASES {
        for command in *provoke {
            type_in(&mut lanes[*lane], &command.replace("LONG", &long));
        }
        let findings = examine(&config, root.path());
        expect(&findings, *light, check, says);
        heals(&findings, &config, root.path(), (check, says));
        undo.iter().for_each(|command| type_in(&mut lanes[*lane], command));
        type_in(&mut lanes[*lane], "FLUSHALL");
    }

    // A governor at work is no fault.
    type_in(&mut lanes[RIS], "SET ctl:lease somebody PX 60000");
    let last = examine(&config, root.path());
    assert!(complaints(&last).is_empty(), "undone faults are still found: {:#?}", complaints(&last));

    // A full server evicts keys, and the count of them stays.
    type_in(&mut lanes[RIS], "CONFIG SET maxmemory 2mb");
    for key in 0..20 {
        type_in(&mut lanes[RIS], &format!("SET is:{{{key}.Demo}} {} PX 90000", "x".repeat(100_000)));
    }
    let findings = examine(&config, root.path());
    expect(&findings, Light::Yellow, "memory", "keys since its start because memory was full");
    heals(&findings, &config, root.path(), ("memory", "keys since its start because memory was full"));
}

//! `mt5fleet halt` and `resume` at real servers, with terminals that use the real library: what it says, who obeys, and
//! what happens at a full server.

mod support;

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use mt5_redis::model::InstanceState;
use mt5fleet::library::{self, Account, Bridge, Text};
use mt5fleet::up::Servers;
use mt5fleet::up::server::connect;
use support::servers;

/// What it prints, and whether it succeeded.
fn mt5fleet(arguments: &[&str]) -> (String, bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
    let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
    (String::from_utf8([output.stdout, output.stderr].concat()).unwrap(), output.status.success())
}

fn get(servers: &Servers, key: &str) -> Option<String> {
    redis::cmd("GET").arg(key).query(&mut connect(servers.ports()[0]).unwrap()).unwrap()
}

/// Runs `act` while these instances send heartbeats.
fn with_terminals(servers: &Servers, instances: &[&str], act: impl FnOnce()) {
    let bridge = Bridge::load(&library::default_path().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = servers.config_file();
    let config = config.to_str().unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|threads| {
        for instance in instances {
            let (bridge, over, data) = (&bridge, &over, folder.path().join(instance));
            threads.spawn(move || {
                let session = bridge.open(config, instance, &data).unwrap();
                let [server, company, currency, agent] = ["Demo", "Broker", "EUR", "test"].map(Text::new);
                let account = Account { server, company, currency, agent };
                while !over.load(Relaxed) {
                    let state = InstanceState { login: 7, interval_ms: 100, ..InstanceState::default() };
                    session.instance_state(&state, &account);
                    thread::park_timeout(Duration::from_millis(50));
                }
                session.close(Duration::from_secs(20)).unwrap();
            });
        }
        // However it ends, the terminals end too.
        struct Over<'a>(&'a AtomicBool);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.store(true, Relaxed);
            }
        }
        let _over = Over(&over);
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut redis = connect(servers.ports()[0]).unwrap();
        let mut alive = || redis::cmd("ZCARD").arg("il").query::<usize>(&mut redis).unwrap();
        while alive() < instances.len() {
            assert!(Instant::now() < deadline, "the terminals do not start");
            thread::park_timeout(Duration::from_millis(10));
        }
        act();
    });
}

#[test]
fn the_fleet_obeys_a_halt_and_its_end() {
    let servers = servers();
    let config = servers.config_file();
    let config = config.to_str().unwrap();
    with_terminals(&servers, &["1.Demo", "2.Demo", "3.Demo"], || {
        let (text, fine) =
            mt5fleet(&["halt", "--config", config, "--all", "--why", "news: 14:30", "--who", "anna"]);
        assert!(fine, "{text}");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "all instances will open no new positions; closes and changes of stops go on, until mt5fleet resume"
        );
        assert!(lines[1].contains("keeps no log of its writes"), "{text}");
        assert_eq!(lines.last(), Some(&"3 of 3 instances that are alive obey"), "{text}");
        assert_eq!(get(&servers, "halt").as_deref(), Some("entries:anna:news: 14:30"));

        let one = ["--config", config, "--instance", "2.Demo"];
        let flatten = [&["halt", "--flatten", "--why", "test", "--who", "bert"][..], &one].concat();
        let (text, fine) = mt5fleet(&flatten);
        assert!(fine, "{text}");
        assert!(
            text.starts_with("2.Demo will open no new positions, and followers close their copies"),
            "{text}"
        );
        assert!(text.ends_with("1 of 1 instances that are alive obey\n"), "{text}");
        let (text, _) = mt5fleet(&["top", "--once", "--config", config]);
        let halted =
            |text: &str| text.lines().filter(|line| line.contains("halted: it opens no pos")).count();
        assert_eq!(halted(&text), 3, "{text}");
        assert_eq!(text.matches("and closes its copies").count(), 1, "{text}");

        // The end of one of the two: the other still counts.
        let all = ["resume", "--config", config, "--all", "--who", "anna"];
        let (text, fine) = mt5fleet(&all);
        assert!(fine, "{text}");
        assert_eq!(get(&servers, "halt").as_deref(), Some("none:anna:resumed"));
        assert!(text.starts_with("this ends halt: entries:anna:news: 14:30\n"), "{text}");
        assert!(text.ends_with("3 of 3 instances that are alive obey\n"), "{text}");
        let (text, _) = mt5fleet(&["top", "--once", "--config", config]);
        assert_eq!(halted(&text), 1, "{text}");
        let resume = [&["resume", "--who", "bert", "--why", "all is well"][..], &one].concat();
        let (text, fine) = mt5fleet(&resume);
        assert!(fine, "{text}");
        assert_eq!(get(&servers, "halt:{2.Demo}").as_deref(), Some("none:bert:all is well"));
        let (text, _) = mt5fleet(&["top", "--once", "--config", config]);
        assert_eq!(halted(&text), 0, "{text}");

        // A server that lost its data: who has heard of a halt remembers it, and the end of all the halts says who is left.
        assert!(mt5fleet(&flatten).1);
        let mut redis = connect(servers.ports()[0]).unwrap();
        redis::cmd("DEL").arg(&["halt", "halt:{2.Demo}"]).exec(&mut redis).unwrap();
        let (text, fine) = mt5fleet(&[&all[..], &["--wait", "2s"]].concat());
        assert!(!fine && text.starts_with("there is no halt; terminals that remember"), "{text}");
        assert!(text.contains("not yet: 2.Demo; "), "{text}");
        assert!(text.ends_with("remembers a halt of its own: mt5fleet resume --instance ID\n"), "{text}");
        let (text, fine) =
            mt5fleet(&["halt", "--config", config, "--all", "--why", "again", "--who", "anna"]);
        assert!(fine, "2.Demo obeys more than that: {text}");
        assert!(mt5fleet(&resume).1 && mt5fleet(&all).1);
    });

    // Whoever has a heartbeat and does not follow is named, and the exit code says so.
    let mut redis = connect(servers.ports()[0]).unwrap();
    for (name, halt) in [("8.Late", "0"), ("9.Old", "")] {
        redis::cmd("ZADD").arg("il").arg(1).arg(name).exec(&mut redis).unwrap();
        let mut hash = redis::cmd("HSET");
        hash.arg(format!("is:{{{name}}}")).arg(&["v", "2", "lg", "1"]);
        if !halt.is_empty() {
            hash.arg("ha").arg(halt);
        }
        hash.exec(&mut redis).unwrap();
    }
    for name in ["1.Demo", "2.Demo", "3.Demo"] {
        redis::cmd("DEL").arg(format!("is:{{{name}}}")).exec(&mut redis).unwrap();
    }
    let (text, fine) =
        mt5fleet(&["halt", "--config", config, "--all", "--why", "x", "--who", "anna", "--wait", "0s"]);
    assert!(!fine && text.contains("0 of 2 instances that are alive obey"), "{text}");
    assert!(text.contains("not yet: ") && text.contains("8.Late"), "{text}");
    assert!(text.contains("9.Old (its library knows no halt)"), "{text}");
}

#[test]
fn a_halt_that_nobody_could_read_is_refused() {
    let servers = servers();
    let config = servers.config_file();
    let config = config.to_str().unwrap();
    let long = "x".repeat(200);
    for (more, why) in [
        (&["--all", "--who", "anna", "--why", " "][..], "--why is empty"),
        (&["--all", "--who", "anna", "--why", &long], "--why at most"),
        (&["--all", "--why", "x", "--who", "a:b"], "no colon"),
        (&["--all", "--who", "anna", "--why", "x\ny"], "without control characters"),
        (&["--instance", "a b", "--who", "anna", "--why", "x"], "instance id"),
        (&["--why", "x"], "required"),
        (&["--all", "--instance", "1.Demo", "--why", "x"], "cannot be used with"),
        (&["--all"], "--why"),
    ] {
        let (text, fine) = mt5fleet(&[&["halt", "--config", config], more].concat());
        assert!(!fine && text.contains(why), "{more:?}: {text}");
    }
    assert_eq!(get(&servers, "halt"), None);
    // Nobody is alive: it is written, and that is all.
    let (text, fine) = mt5fleet(&["halt", "--config", config, "--all", "--why", "x", "--who", "anna"]);
    assert!(fine && text.ends_with("whoever starts or connects will obey\n"), "{text}");
    assert_eq!(get(&servers, "halt").as_deref(), Some("entries:anna:x"));
}

/// A full ris server with our configuration throws heartbeats away; one that may not says what to do.
#[test]
fn at_a_full_server_it_works_or_says_what_to_do() {
    let servers = servers();
    let config = servers.config_file();
    let config = config.to_str().unwrap();
    let mut redis = connect(servers.ports()[0]).unwrap();
    let mut ask = |words: &[&str]| redis::cmd(words[0]).arg(&words[1..]).exec(&mut redis).unwrap();
    for number in 0..2000 {
        let (key, value) = (format!("is:{{{number}.Demo}}"), "x".repeat(2000));
        ask(&["SET", &key, &value, "PX", &(90_000 + number).to_string()]);
    }
    ask(&["CONFIG", "SET", "maxmemory", "4000000"]);
    let halt = ["halt", "--config", config, "--all", "--why", "full", "--who", "anna", "--wait", "1s"];
    let (text, fine) = mt5fleet(&halt);
    assert!(fine, "{text}");
    assert_eq!(get(&servers, "halt").as_deref(), Some("entries:anna:full"));

    ask(&["DEL", "halt"]);
    ask(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let (text, fine) = mt5fleet(&halt);
    assert!(!fine, "{text}");
    let port = servers.ports()[0].to_string();
    for words in [
        format!("127.0.0.1:{port} is full (OOM): trying again"),
        format!("the halt is NOT written: 127.0.0.1:{port} is full"),
    ] {
        assert!(text.contains(&words), "{words}: {text}");
    }
    assert_eq!(get(&servers, "halt"), None);
    // The way out that it prints, taken word for word.
    let way_out = |text: &str, limit: &str| {
        let (_, after) = text.split_once("then repeat: ").expect("a command");
        let (command, _) = after.split_once(" <more bytes>").expect("a command that ends like this");
        let words: Vec<&str> = command.split(' ').chain([limit]).collect();
        let output = Command::new(words[0]).args(&words[1..]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "OK", "{words:?}");
    };
    way_out(&text, "100000000");
    let (text, fine) = mt5fleet(&halt);
    assert!(fine, "{text}");
    assert_eq!(get(&servers, "halt").as_deref(), Some("entries:anna:full"));

    // The end of a halt is a value too.
    ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let resume = ["resume", "--config", config, "--all", "--who", "anna", "--wait", "1s"];
    let (text, fine) = mt5fleet(&resume);
    assert!(!fine && text.contains("the end of the halt is NOT written"), "{text}");
    assert_eq!(get(&servers, "halt").as_deref(), Some("entries:anna:full"));
    way_out(&text, "100000000");
    let (text, fine) = mt5fleet(&resume);
    assert!(fine, "{text}");
    assert_eq!(get(&servers, "halt").as_deref(), Some("none:anna:resumed"));
}

/// A failover to a replica that lacks the order looks like this.
#[test]
fn an_order_that_the_server_loses_is_written_again() {
    let servers = servers();
    let config = servers.config_file();
    let mut redis = connect(servers.ports()[0]).unwrap();
    let heartbeat = |redis: &mut redis::Connection, halt: &str| {
        redis::cmd("ZADD").arg("il").arg(1).arg("1.Demo").exec(redis).unwrap();
        redis::cmd("HSET").arg("is:{1.Demo}").arg(&["v", "2", "lg", "1", "ha", halt]).exec(redis).unwrap();
    };
    heartbeat(&mut redis, "0");
    let mut command = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
    command.args(["halt", "--all", "--why", "x", "--who", "anna", "--config", config.to_str().unwrap()]);
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let is_written = || {
        let deadline = Instant::now() + Duration::from_secs(20);
        while get(&servers, "halt").is_none() {
            assert!(Instant::now() < deadline, "the halt is not written");
            thread::park_timeout(Duration::from_millis(10));
        }
    };
    is_written();
    redis::cmd("DEL").arg("halt").exec(&mut redis).unwrap();
    is_written();
    heartbeat(&mut redis, "1");
    let output = command.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("the server has lost halt: writing it again"), "{text}");
}

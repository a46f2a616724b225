//! `deploy/node.sh`: it makes the servers that `mt5fleet up` makes, and those that it starts work together.

use super::*;

#[test]
fn the_script_makes_the_same_servers_as_up() {
    let folder = tempfile::tempdir().unwrap();
    let ports = |topology| match topology {
        Topology::Single => vec![6390, 6391, 6392],
        Topology::Sentinel => vec![6390, 6400, 6391, 6401, 6392, 6402, 26379, 26380, 26381],
        Topology::Cluster => (7000..7006).collect(),
    };
    for topology in TOPOLOGIES {
        for node in topology.nodes(&ports(topology)) {
            let made = made_by_script(&node.name, folder.path());
            let own = |(name, _): &(&str, &str)| !["dir", "port"].contains(name);
            // The masters are at names there, at this machine's address here.
            let at_names = |value: &str| {
                let names = ["ris-a", "rts-a", "rtss-a", "127.0.0.1"];
                names.iter().fold(value.to_owned(), |value, name| value.replace(name, "HOST"))
            };
            let lines = |text: &str| -> BTreeSet<String> {
                settings(text)
                    .filter(own)
                    .map(|(name, value)| format!("{name} {}", at_names(value)))
                    .collect()
            };
            assert_eq!(lines(&made), lines(&node.file), "{}", node.name);
            assert_eq!(port(&made), u64::from(node.port), "{}", node.name);
        }
    }
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_script_starts_a_master_and_a_replica_that_know_each_other_by_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("secret"), "correct\" horse\n").unwrap();
    let users = Command::new(env!("CARGO_BIN_EXE_mt5fleet"))
        .args(["acl", "--servers", "--doctor", "--file", "--password-file", &path("secret")])
        .output()
        .unwrap();
    fs::write(path("users.acl"), users.stdout).unwrap();
    let ports = free_ports(2);
    let start = |name: &str, lines: &[String]| {
        let mut script = Command::new("sh");
        script.arg(deploy().join("node.sh")).args([name, &path(name)]).args(lines);
        script.arg("include users.conf").arg(format!("aclfile {}", path("users.acl")));
        script.env("REPLICA_PASSWORD_FILE", path("secret")).stdout(Stdio::null());
        Running(script.spawn().unwrap())
    };
    let _master = start("rts-a", &[format!("port {}", ports[0])]);
    let _replica =
        start("rts-b", &[format!("port {}", ports[1]), format!("replicaof 127.0.0.1 {}", ports[0])]);
    let info = |port: u16| -> redis::RedisResult<redis::InfoDict> {
        let url = format!("redis://doctor:correct%22%20horse@127.0.0.1:{port}");
        redis::cmd("INFO").query(&mut redis::Client::open(url)?.get_connection()?)
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    // The master hears only after the replica that it is in step.
    let is_in_step = || {
        info(ports[1]).is_ok_and(|info| info.get::<String>("master_link_status").unwrap() == "up")
            && info(ports[0]).is_ok_and(|info| info.get::<u32>("min_slaves_good_slaves") == Some(1))
    };
    while !is_in_step() {
        assert!(Instant::now() < deadline, "the replica does not come in step");
        thread::sleep(Duration::from_millis(20));
    }
    let stranger: redis::RedisResult<String> = redis::cmd("PING").query(&mut connect(&server::url(ports[0])));
    assert_eq!(stranger.unwrap_err().code(), Some("NOAUTH"));
}

/// A copy of `deploy/` whose Sentinels know rts by address, and nothing of the other lanes.
fn deploy_for_one_lane(to: &Path, master: u16) {
    for file in fs::read_dir(deploy()).unwrap().flatten().filter(|file| file.path().is_file()) {
        let text = fs::read_to_string(file.path()).unwrap();
        let text = text.replace("rts rts-a 6391", &format!("rts 127.0.0.1 {master}"));
        let text = ["ris", "rtss"].into_iter().fold(text, |text, lane| {
            text.replace(
                &format!("{lane} {lane}-a {}", if lane == "ris" { 6390 } else { 6392 }),
                &format!("{lane} 127.0.0.1 1"),
            )
        });
        fs::write(to.join(file.file_name()), text.replace("milliseconds rts 3000", "milliseconds rts 500"))
            .unwrap();
    }
}

#[test]
fn sentinels_with_users_and_passwords_fail_over() {
    // The users of servers and Sentinels have passwords that need quoting.
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for (name, password) in
        [("replica", "one"), ("sentinel", "t\\nwo"), ("ask", "th ree"), ("bridge", "fo\"ur \\")]
    {
        fs::write(path(name), format!("{password}\n")).unwrap();
    }
    let user = |name: &str, rules: &str| {
        let mut acl = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
        acl.args(["acl", "--file", rules, "--password-file", &path(name)]);
        let text = String::from_utf8(acl.output().unwrap().stdout).unwrap();
        text.lines().find(|line| line.starts_with(&format!("user {name} "))).unwrap().to_owned() + "\n"
    };
    let users = user("replica", "--servers") + &user("sentinel", "--servers") + "user default reset off\n";
    fs::write(path("users.acl"), users).unwrap();

    // The script starts a master, its replica and three Sentinels.
    let ports = free_ports(5);
    let scripts = folder.path().join("deploy");
    fs::create_dir(&scripts).unwrap();
    deploy_for_one_lane(&scripts, ports[0]);
    let start = |name: &str, lines: &[String]| {
        let mut script = Command::new("sh");
        script.arg(scripts.join("node.sh")).args([name, &path(name), "include users.conf"]).args(lines);
        script.stdout(Stdio::null());
        for (variable, file) in [
            ("REPLICA", "replica"),
            ("SENTINEL", "sentinel"),
            ("SENTINEL_ASK", "ask"),
            ("SENTINEL_BRIDGE", "bridge"),
            ("SENTINEL_WATCHER", "sentinel"),
        ] {
            script.env(format!("{variable}_PASSWORD_FILE"), path(file));
        }
        Running(script.spawn().unwrap())
    };
    let server = |name: &str, port: u16, of: &str| {
        start(name, &[format!("port {port}"), of.to_owned(), format!("aclfile {}", path("users.acl"))])
    };
    let master = server("rts-a", ports[0], "");
    let _replica = server("rts-b", ports[1], &format!("replicaof 127.0.0.1 {}", ports[0]));
    let _sentinels: Vec<Running> = (0..3)
        .map(|at| start(&format!("sentinel-{}", at + 1), &[format!("port {}", ports[2 + at])]))
        .collect();

    // They find each other.
    let ask_as = |login: &str, words: &[&str]| -> redis::RedisResult<redis::Value> {
        let url = format!("redis://{login}@127.0.0.1:{}", ports[2]);
        redis::cmd(words[0]).arg(&words[1..]).query(&mut redis::Client::open(url)?.get_connection()?)
    };
    let ask = |words: &[&str]| ask_as(":th%20ree", words);
    let wait = |what: &str, is_so: &dyn Fn() -> bool| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !is_so() {
            assert!(Instant::now() < deadline, "{what}: {:?}", ask(&["SENTINEL", "MASTER", "rts"]));
            thread::sleep(Duration::from_millis(50));
        }
    };
    wait("each knows the others, and the replica is in step", &|| {
        let info: redis::RedisResult<String> =
            ask(&["INFO", "sentinel"]).and_then(|info| Ok(redis::from_redis_value(info)?));
        let quorum = ask(&["SENTINEL", "CKQUORUM", "rts"]).is_ok();
        quorum
            && info.is_ok_and(|info| {
                info.contains("name=rts,status=ok") && info.contains("slaves=1,sentinels=3")
            })
    });

    // A terminal's user may ask for the master alone, and a watcher's user may change nothing.
    let may = |login: &str, words: &[&str]| match ask_as(login, words) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.code(), Some("NOPERM"), "{words:?}: {error}");
            false
        }
    };
    let (bridge, watcher) = ("bridge:fo%22ur%20%5C", "watcher:t%5Cnwo");
    for login in [bridge, watcher] {
        assert!(may(login, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "rts"]), "{login}");
        for refused in [
            &["SENTINEL", "FAILOVER", "rts"][..],
            &["SENTINEL", "SET", "rts", "quorum", "1"],
            &["SENTINEL", "REMOVE", "rts"],
            &["SENTINEL", "MONITOR", "x", "127.0.0.1", "1", "1"],
            &["SENTINEL", "RESET", "*"],
            &["SENTINEL", "CONFIG", "SET", "announce-port", "1"],
            &["PUBLISH", "__sentinel__:hello", "x"],
            &["ACL", "LIST"],
            &["SHUTDOWN"],
        ] {
            assert!(!may(login, refused), "{login}: {refused:?}");
        }
    }
    for question in [&["SENTINEL", "REPLICAS", "rts"][..], &["SENTINEL", "CKQUORUM", "rts"], &["INFO"]] {
        assert!(!may(bridge, question), "{question:?}");
        assert!(may(watcher, question), "{question:?}");
    }

    drop(master);
    wait("the replica takes over", &|| {
        let named = ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "rts"]);
        named.is_ok_and(|named| {
            redis::from_redis_value::<(String, u16)>(named).is_ok_and(|(_, port)| port == ports[1])
        })
    });

    let refused = start("sentinel-1", &["port 1".to_owned()]).0.wait().unwrap();
    assert_eq!(refused.code(), Some(2), "a node that exists is refused with other settings");
}

//! Failover: the master dies with records that its replica lacks, and comes back as the replica's replica;
//! and a master that comes back without the end of its file.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::producer::Producer;
use super::proxy::{Mode, Proxy};
use super::reader;
use super::scenario::{Scenario, Setting, short_or_long};
use crate::support::eventually;
use crate::support::server::Server;

/// There and back several times: the master is killed under load, the replica promoted, the address turned.
pub fn there_and_back(mut chaos: Scenario) {
    let settings = ["--save", "", "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"];
    let mut servers = [Server::with(&settings), Server::with(&settings)];
    let proxy = Proxy::before(servers[0].port);
    let task = chaos.task(&Setting { rts: &proxy.url(), rtss: &proxy.url(), journal: "" });
    let producer = Producer::start(&task);
    let mut lacking = 0;
    for round in 0..short_or_long(4, 12) {
        let [first, second] = &mut servers;
        let (master, replica) = if round % 2 == 0 { (first, second) } else { (second, first) };
        let _: String = replica.ask(&format!("REPLICAOF 127.0.0.1 {}", master.port));
        eventually("the replica follows", || {
            replica.ask::<String>("INFO replication").contains("master_link_status:up")
        });
        thread::park_timeout(Duration::from_millis(chaos.dice.u64(50..400)));
        // Half of the time the replica has lost its master for a while, and so lacks what that acknowledged.
        if round == 0 || chaos.dice.bool() {
            let _: String = replica.ask("REPLICAOF NO ONE");
            let present = reader::watermark(&mut replica.client(), "0");
            eventually("the master goes on", || reader::watermark(&mut master.client(), "0") > present);
            thread::park_timeout(Duration::from_millis(chaos.dice.u64(..200)));
        }
        let acknowledged = reader::watermark(&mut master.client(), "0");
        master.kill();
        // Until the replica is a master nobody reaches it.
        proxy.set(Mode::Refuse);
        let _: String = replica.ask("REPLICAOF NO ONE");
        lacking += acknowledged - reader::watermark(&mut replica.client(), "0").min(acknowledged);
        proxy.turn_to(replica.port);
        proxy.set(Mode::Pass);
        master.restart();
        chaos.fault("failover");
    }
    chaos.faults_of("acknowledged signals that the new master lacked", lacking);
    meet(&servers[0]);
    producer.finish();
    // The rounds are even, so the first is the master again.
    chaos.judge(&servers[0], &servers[0]);
}

/// kill -9 of a server whose append-only file then lacks its last kilobytes, as after a loss of power. It is
/// repaired as docs/delivery.md asks for: a server that does this by itself keeps the start of a transaction
/// that was cut, and gives it to the one that comes next.
pub fn a_file_without_its_end(mut chaos: Scenario) {
    let settings = ["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"];
    let mut server = Server::with(&settings);
    let task = chaos.task(&Setting { rts: &server.url(), rtss: &server.url(), journal: "" });
    let producer = Producer::start(&task);
    for _ in 0..short_or_long(3, 12) {
        let before = reader::watermark(&mut server.client(), "0");
        eventually("commits go on", || reader::watermark(&mut server.client(), "0") > before + 50);
        thread::park_timeout(Duration::from_millis(chaos.dice.u64(..200)));
        server.kill();
        let file = append_only_file(&server);
        let length = fs::metadata(&file).expect("the file").len();
        // A rewrite may have begun just now: then there is nothing in it to cut.
        let cut = if length > 1 { chaos.dice.u64(1..length.min(200_000)) } else { 0 };
        File::options().write(true).open(&file).expect("the file").set_len(length - cut).expect("shorter");
        repair(&server);
        chaos.faults_of("file cut", u64::from(cut > 0));
        server.restart();
    }
    meet(&server);
    producer.finish();
    chaos.judge(&server, &server);
}

/// Waits until both lanes have met this server since it came up: one with nothing to send finds out within
/// seconds that it lacks what was acknowledged before, and a producer may have ended by then.
fn meet(server: &Server) {
    eventually("both lanes are connected", || {
        let clients: String = server.ask("CLIENT LIST");
        clients.contains(":rts ") && clients.contains(":rtss ")
    });
}

fn repair(server: &Server) {
    let mut check = Command::new("redis-check-aof")
        .arg("--fix")
        .arg(server.folder().join("appendonlydir/appendonly.aof.manifest"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-check-aof comes with redis-server");
    // It asks before it cuts, if there is something to cut.
    let _ = check.stdin.take().expect("piped").write_all(b"y\n");
    assert!(check.wait().expect("our own child").success(), "the file cannot be repaired");
}

/// The file that grows: the last one, if the server has begun to rewrite them.
fn append_only_file(server: &Server) -> PathBuf {
    let folder = fs::read_dir(server.folder().join("appendonlydir")).expect("the files");
    let number = |path: &PathBuf| -> Option<u32> {
        path.to_str()?.strip_suffix(".incr.aof")?.rsplit_once('.')?.1.parse().ok()
    };
    let paths = folder.flatten().map(|file| file.path());
    paths.filter(|path| number(path).is_some()).max_by_key(number).expect("a file that grows")
}

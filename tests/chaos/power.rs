//! Loss of power, as far as it can be played: the journal as a disk may have it at that moment, opened again
//! after a restart of the machine; and bits that a disk has flipped.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::content::INSTANCES;
use super::ledger::{Call, Lane, Outcome};
use super::oracle::{self, Gone};
use super::producer::{Producer, Task};
use super::proxy::{Mode, Proxy};
use super::reader::{self, watermark};
use super::scenario::{Scenario, Setting, short_or_long};
use crate::support::eventually;
use crate::support::server::Server;

const SECTOR: usize = 512;
/// How many numbers may have been given last of which the callers could not tell any more. They are not given again:
/// a journal that may lack its end leaps.
pub const UNTOLD: u64 = INSTANCES.len() as u64;
/// Where the first record of a segment starts.
const HEADER: usize = 40;

/// A record's place in a segment's file.
struct Place {
    file: PathBuf,
    sequence: u64,
    start: usize,
    end: usize,
}

/// With `sync = "disk"`, of what Redis does not have yet each sector may be on the disk or not.
pub fn cut(mut chaos: Scenario) {
    let server = Server::start();
    let proxy = Proxy::before(server.port);
    let setting = Setting { rts: &proxy.url(), rtss: &proxy.url(), journal: "sync = \"disk\"" };
    let task = Task { states: false, ..chaos.task(&setting) };
    let mut unsure = Vec::new();
    for round in 0..short_or_long(5, 25) {
        let producer = Producer::start(&task);
        let before = watermark(&mut server.client(), "0");
        eventually("commits go on", || watermark(&mut server.client(), "0") > before);
        thread::park_timeout(Duration::from_millis(chaos.dice.u64(..150)));
        if round == 0 || chaos.dice.bool() {
            // With records that wait for sure.
            proxy.set(Mode::Stall);
            let sent = watermark(&mut server.client(), "0");
            eventually("records wait", || last_accepted(&chaos.calls()) > sent + 500);
        }
        producer.freeze();
        proxy.reset();
        // What had come through is executed.
        eventually("its connections are closed", || {
            !server.ask::<String>("CLIENT LIST TYPE normal").contains("name=mt5redis")
        });
        let last = watermark(&mut server.client(), "0");
        let disk = copy(&chaos, &task.data, round);
        producer.kill();
        put_back(&disk, &task.data);
        proxy.set(Mode::Pass);
        let lost = lose_sectors(&mut chaos, &task.data, last);
        chaos.fault("power cut");
        chaos.faults_of("sector not written", lost);
        restart_machine(&task.data);
        unsure.push(last + 1..=last_accepted(&chaos.calls()) + UNTOLD);
    }
    Producer::start(&task).finish();
    conclude(chaos, &server, &unsure, 0);
}

/// The folder is copied while it is written, Redis being away, and opened again elsewhere.
pub fn copied(mut chaos: Scenario) {
    let server = Server::start();
    let proxy = Proxy::before(server.port);
    let setting = Setting { rts: &proxy.url(), rtss: &proxy.url(), journal: "" };
    let mut task = Task { states: false, ..chaos.task(&setting) };
    let mut unsure = Vec::new();
    let rounds = short_or_long(3, 15);
    for round in 0..rounds {
        proxy.set(Mode::Refuse);
        proxy.reset();
        let producer = Producer::start(&task);
        thread::park_timeout(Duration::from_millis(chaos.dice.u64(1..200)));
        let before = last_accepted(&chaos.calls());
        task.data = copy(&chaos, &task.data, round);
        producer.kill();
        restart_machine(&task.data);
        unsure.push(before + 1..=last_accepted(&chaos.calls()) + UNTOLD);
        chaos.fault("copied while written");
        proxy.set(Mode::Pass);
        if chaos.dice.bool() {
            Producer::start(&task).finish();
        }
    }
    Producer::start(&task).finish();
    conclude(chaos, &server, &unsure, rounds as usize);
}

/// Bits of waiting records are flipped: these records are lost and counted, no other is, and none is made up.
pub fn flipped(mut chaos: Scenario) {
    let server = Server::start();
    let proxy = Proxy::before(server.port);
    let setting = Setting { rts: &proxy.url(), rtss: &proxy.url(), journal: "" };
    let task = Task { states: false, ..chaos.task(&setting) };
    proxy.set(Mode::Refuse);
    let producer = Producer::start(&task);
    thread::park_timeout(Duration::from_millis(chaos.dice.u64(100..400)));
    producer.kill();
    let mut places = places(&task.data);
    // The last one could not be told from a record that was never finished.
    places.pop();
    chaos.dice.shuffle(&mut places);
    places.truncate(20);
    for place in &places {
        let mut bytes = fs::read(&place.file).expect("a segment");
        let bit = chaos.dice.usize(place.start * 8..place.end * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&place.file, bytes).expect("a segment");
        chaos.fault("bit flipped");
    }
    proxy.set(Mode::Pass);
    let stats = Producer::start(&task).finish();
    let unsure: Vec<_> = places.iter().map(|place| place.sequence..=place.sequence).collect();
    let missing = missing(&server, &places);
    assert_eq!(stats["rtss"]["lost"], missing, "what is damaged is counted");
    chaos.remarks = format!(" told_as_lost={missing}");
    judge(chaos, &server, &unsure, 0, Gone::Known);
}

/// How many of these records are not in Redis.
fn missing(server: &Server, places: &[Place]) -> usize {
    let streams = reader::signals(&mut [server.client()]);
    let found: Vec<_> = streams.iter().flatten().flatten().filter_map(|record| record.integer("q")).collect();
    places.iter().filter(|place| !found.contains(&place.sequence)).count()
}

/// Judges the signals. Those with numbers that are unsure may be missing; how many are is told. The journal
/// moved so many times at most.
pub fn conclude(chaos: Scenario, server: &Server, unsure: &[RangeInclusive<u64>], moved: usize) {
    judge(chaos, server, unsure, moved, Gone::Some);
}

fn judge(
    mut chaos: Scenario,
    server: &Server,
    unsure: &[RangeInclusive<u64>],
    moved: usize,
    kind: fn(BTreeSet<u64>) -> Gone,
) {
    let mut calls = chaos.calls();
    let streams = reader::signals(&mut [server.client()]);
    let found: HashSet<_> =
        streams.iter().flatten().flatten().filter_map(|record| record.integer("q")).collect();
    let mut missing = 0;
    for call in &mut calls {
        if let Outcome::Accepted(sequence) = call.outcome
            && unsure.iter().any(|range| range.contains(&sequence))
        {
            call.outcome = Outcome::Perhaps(sequence);
            missing += u64::from(!found.contains(&sequence));
        }
    }
    chaos.remarks += &format!(" may_be_missing_and_is={missing}");
    let accepted = calls.iter().filter_map(|call| match (call.lane, call.outcome) {
        (Lane::Rtss, Outcome::Perhaps(sequence)) => Some(sequence),
        _ => None,
    });
    // A range may leap, so only its last numbers are looked at one by one.
    let untold = unsure.iter().flat_map(|range| {
        let first = (range.end() + 1).saturating_sub(UNTOLD).max(*range.start());
        first..=*range.end()
    });
    let gone = accepted.chain(untold).filter(|sequence| !found.contains(sequence)).collect();
    let verdict = oracle::signals(chaos.seed, &calls, &streams, moved, &kind(gone));
    chaos.conclude(verdict);
}

/// The last number given to a signal.
pub fn last_accepted(calls: &[Call]) -> u64 {
    let accepted = calls.iter().filter_map(|call| match (call.lane, call.outcome) {
        (Lane::Rtss, Outcome::Accepted(sequence)) => Some(sequence),
        _ => None,
    });
    accepted.max().unwrap_or(0)
}

fn journal(data: &Path) -> PathBuf {
    let lanes = fs::read_dir(data.join("mt5-redis")).expect("the journals").flatten();
    let mut lanes = lanes.map(|lane| lane.path());
    lanes.find(|lane| lane.to_string_lossy().contains("/rtss@")).expect("the signals' journal")
}

fn segments(data: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(journal(data)).expect("a journal").flatten().map(|file| file.path());
    let mut segments: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|it| it == "journal")).collect();
    segments.sort();
    segments
}

/// The folder as it is now, in another place.
fn copy(chaos: &Scenario, data: &Path, round: u64) -> PathBuf {
    let target = chaos.path(&format!("data.{round}"));
    let mut folders = vec![(data.to_owned(), target.clone())];
    while let Some((from, to)) = folders.pop() {
        fs::create_dir_all(&to).expect("a folder");
        for entry in fs::read_dir(from).expect("a folder").flatten() {
            let to = to.join(entry.file_name());
            if entry.file_type().expect("a kind").is_dir() {
                folders.push((entry.path(), to));
            } else if let Err(error) = fs::copy(entry.path(), to) {
                // Released in this moment: nobody needs it any more.
                assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{:?}", entry.path());
            }
        }
    }
    target
}

/// Makes the journals what they were, where they were: a machine that comes back has its files in their places.
fn put_back(disk: &Path, data: &Path) {
    let lanes = |of: &Path| fs::read_dir(of.join("mt5-redis")).expect("the journals").flatten();
    for lane in lanes(data) {
        let files = fs::read_dir(lane.path()).expect("a journal").flatten();
        for file in files.filter(|file| file.file_name() != "lock") {
            fs::remove_file(file.path()).expect("a file");
        }
    }
    for lane in lanes(disk) {
        for file in fs::read_dir(lane.path()).expect("a journal").flatten() {
            let to = data.join("mt5-redis").join(lane.file_name()).join(file.file_name());
            fs::copy(file.path(), to).expect("a file");
        }
    }
}

/// The journals were open when the machine stopped, and it has been started again since.
pub fn restart_machine(data: &Path) {
    for lane in fs::read_dir(data.join("mt5-redis")).expect("the journals").flatten() {
        fs::write(lane.path().join("opened"), "another run of the machine").expect("a file");
    }
}

/// The records in the segments, in order.
fn places(data: &Path) -> Vec<Place> {
    let mut places = Vec::new();
    for file in segments(data) {
        let bytes = fs::read(&file).expect("a segment");
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let mut start = HEADER;
        while start + 16 <= bytes.len() && word(start) != 0 {
            let end = start + 8 + word(start) as u32 as usize;
            places.push(Place { file: file.clone(), sequence: word(start + 8), start, end });
            start = end.next_multiple_of(8);
        }
    }
    places
}

/// Zeroes about half of the sectors behind the record of this number. Returns how many had something in them.
fn lose_sectors(chaos: &mut Scenario, data: &Path, last: u64) -> u64 {
    let places = places(data);
    let Some(safe) = places.iter().find(|place| place.sequence == last) else { return 0 };
    let mut lost = 0;
    for file in segments(data).into_iter().filter(|file| *file >= safe.file) {
        let mut bytes = fs::read(&file).expect("a segment");
        let start = if file == safe.file { safe.end.next_multiple_of(8) } else { 0 };
        for sector in (start / SECTOR * SECTOR..bytes.len()).step_by(SECTOR) {
            let sector = &mut bytes[sector.max(start)..sector + SECTOR];
            if chaos.dice.bool() && sector.iter().any(|&byte| byte != 0) {
                sector.fill(0);
                lost += 1;
            }
        }
        fs::write(&file, bytes).expect("a segment");
    }
    if chaos.dice.bool() {
        fs::write(journal(data).join("acknowledged"), [0; 32]).expect("a file");
    }
    lost
}

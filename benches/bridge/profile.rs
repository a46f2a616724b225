//! Where the gap goes: what a lane's thread does for a record, in instructions by kind of work. Valgrind counts
//! them in a process of this program, so they hardly depend on the machine and on what else runs; the kernel's
//! share, which it cannot see, is the thread's processor time in a run without it.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::report::{Report, thousands};
use crate::support::bridge::Bridge;
use crate::support::configuration;
use crate::support::server::Server;
use crate::throughput::KINDS;

const WORK: [&str; 6] = ["encode", "journal", "replies", "queue", "batch", "other"];

/// Whose work a source file is; the first that fits counts. What none fits, memory and the standard library, is
/// the work of whoever calls it.
const FILES: [(&str, &str); 18] = [
    ("src/lane/journal/", "journal"),
    ("src/model/journal_layout", "journal"),
    ("crc32c-", "journal"),
    ("src/link/resp", "encode"),
    ("src/link/", "replies"),
    ("src/lane/source", "queue"),
    ("crossbeam-", "queue"),
    ("src/lane/batch", "batch"),
    ("src/lane/transaction", "batch"),
    ("src/model/", "encode"),
    ("src/lane/rt", "encode"),
    ("src/lane/policy", "encode"),
    ("rmp-", "encode"),
    ("serde", "encode"),
    ("itoa-", "encode"),
    ("ryu-", "encode"),
    ("src/", "other"),
    ("parking_lot", "other"),
];

/// Shares of kinds of work.
type Shares = [f64; WORK.len()];

/// The body of a child: `count` records, then what the lane's thread used, in ticks: in all and in the kernel.
pub fn process(kind: &str, count: &str, config: &str, folder: &str) {
    let (_, lane, send) = KINDS.iter().find(|(name, ..)| *name == kind).expect("a kind");
    let bridge = Bridge::open(config, "1.Bench", Path::new(folder));
    for number in 1..=count.parse().expect("a number") {
        assert!(send(&bridge, number) > 0);
    }
    bridge.settle();
    let name = format!("(mt5redis-{lane}) ");
    let threads = fs::read_dir("/proc/self/task").expect("threads").flatten();
    let stats = threads.filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
    let stat = stats.into_iter().find(|stat| stat.contains(&name)).expect("the lane's thread");
    let after: Vec<&str> = stat.split(") ").nth(1).expect("its figures").split(' ').collect();
    let [user, kernel] = [11, 12].map(|at| after[at].parse::<f64>().expect("ticks"));
    println!("{} {kernel}", user + kernel);
}

pub fn measure(report: &mut Report) {
    let mut rows = Vec::new();
    for (kind, lane, _) in &KINDS {
        for encoding in ["fields", "packed"] {
            let shares = instructions(kind, lane, encoding, report.rounds(40_000));
            let total: f64 = shares.iter().sum();
            let (_kept, mut command) = child(kind, lane, encoding, report.rounds(1_000_000), &[]);
            let used = crate::peers::numbers(&mut command);
            let mut row = vec![format!("{kind}, {encoding}"), thousands(total)];
            row.extend(shares.iter().map(|share| format!("{:.0} %", share / total * 100.0)));
            row.push(format!("{:.0} %", used[1] / used[0] * 100.0));
            rows.push(row);
        }
    }
    let mut header = vec!["records", "instructions each"];
    header.extend(WORK);
    header.push("kernel, of its time");
    report.table("profile", &header, &rows);
}

/// A child of this kind under `wrapper`, and what must outlive it.
fn child(
    kind: &str,
    lane: &str,
    encoding: &str,
    count: usize,
    wrapper: &[String],
) -> ((Server, tempfile::TempDir), Command) {
    let server = Server::start();
    let settings =
        format!("url = \"{}\"\n[{lane}]\nqueue = 262144\nencoding = \"{encoding}\"\n", server.url());
    let (folder, config) = configuration(&settings);
    let this = env::current_exe().expect("this program").display().to_string();
    let words: Vec<String> = wrapper.iter().cloned().chain([this]).collect();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).args(["profile-process", kind, &count.to_string(), &config]).arg(folder.path());
    ((server, folder), command)
}

/// Instructions of the lane's thread for one record, by kind of work.
fn instructions(kind: &str, lane: &str, encoding: &str, count: usize) -> Shares {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = ["--tool=callgrind", "--separate-threads=yes", "--quiet", "--compress-strings=no"];
    let mut wrapper = vec!["valgrind".to_owned()];
    wrapper.extend(options.map(str::to_owned));
    wrapper.push("--compress-pos=no".to_owned());
    wrapper.push(format!("--callgrind-out-file={}", folder.path().join("out").display()));
    let (_kept, mut command) = child(kind, lane, encoding, count, &wrapper);
    crate::peers::numbers(&mut command);
    let files = fs::read_dir(folder.path()).expect("a folder").flatten();
    let texts = files.filter_map(|file| fs::read_to_string(file.path()).ok());
    // Of all threads only one lane's gets its records from a batch. Its source file tells; valgrind may not know how names
    // of functions are mangled.
    let lane = texts.max_by_key(|text| text.matches("src/lane/batch").count()).expect("callgrind's files");
    by_work(&lane).map(|instructions| instructions / count as f64)
}

/// What a function did itself, and for whom.
#[derive(Default)]
struct Function {
    own: Shares,
    /// In files that are nobody's.
    anybody: f64,
    callers: HashMap<String, f64>,
}

/// Reads callgrind's file.
fn by_work(text: &str) -> Shares {
    let mut functions: HashMap<String, Function> = HashMap::new();
    let (mut name, mut file, mut callee, mut is_call) = ("", "", "", false);
    for line in text.lines() {
        match line.split_once('=') {
            Some(("fn", rest)) => name = rest,
            Some(("fl" | "fi" | "fe", rest)) => file = rest,
            Some(("cfn", rest)) => callee = rest,
            Some(("calls", _)) => is_call = true,
            _ => {
                let Some((_, cost)) =
                    line.split_once(' ').filter(|_| line.starts_with(|c: char| c.is_ascii_digit()))
                else {
                    continue;
                };
                let cost: f64 = cost.trim().parse().expect("a cost");
                if std::mem::take(&mut is_call) {
                    let callee = functions.entry(callee.to_owned()).or_default();
                    *callee.callers.entry(name.to_owned()).or_default() += cost;
                    continue;
                }
                let function = functions.entry(name.to_owned()).or_default();
                match FILES.iter().find(|(start, _)| place(file).starts_with(start)) {
                    Some((_, work)) => function.own[at(work)] += cost,
                    None => function.anybody += cost,
                }
            }
        }
    }
    let mut all = [0.0; WORK.len()];
    for (name, function) in &functions {
        let whose = whose(name, &functions, 20);
        for (at, share) in whose.iter().enumerate() {
            all[at] += function.own[at] + function.anybody * share;
        }
    }
    all
}

/// Whose work is what a function does in nobody's files: as the rest of it, or else its callers'.
fn whose(name: &str, functions: &HashMap<String, Function>, depth: usize) -> Shares {
    let mut shares = [0.0; WORK.len()];
    let function = &functions[name];
    if function.own.iter().sum::<f64>() > 0.0 {
        shares = function.own;
    } else if depth > 0 {
        for (caller, cost) in function.callers.iter().filter(|(caller, _)| *caller != name) {
            let theirs = whose(caller, functions, depth - 1);
            (0..WORK.len()).for_each(|at| shares[at] += theirs[at] * cost);
        }
    }
    let sum: f64 = shares.iter().sum();
    if sum == 0.0 {
        shares[at("other")] = 1.0;
        return shares;
    }
    shares.map(|share| share / sum)
}

/// A source file by its place in this project, or in its crate.
fn place(file: &str) -> &str {
    let own = file.strip_prefix(concat!(env!("CARGO_MANIFEST_DIR"), "/"));
    let in_crate = || Some(file.split_once("/registry/src/")?.1.split_once('/')?.1);
    own.or_else(in_crate).unwrap_or_default()
}

fn at(work: &str) -> usize {
    WORK.iter().position(|known| *known == work).expect("a kind of work")
}

//! What the disk makes a caller wait for: opening, by the size of the journal that an earlier life left, and a call
//! while other programs write to the same disk.

use std::env;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::peers;
use crate::report::{Report, median, thousands};
use crate::support::bridge::{Bridge, buy};
use crate::support::configuration;
use crate::support::port::free_port;

/// About what a signal takes in the journal.
const RECORD: usize = 136;

pub fn measure(report: &mut Report) {
    opening(report);
    calls(report);
}

fn program(words: &[&str], folder: &Path) -> Vec<f64> {
    let mut child = Command::new(env::current_exe().expect("this program"));
    peers::numbers(child.args(words).arg(folder))
}

fn opening(report: &mut Report) {
    let sizes: &[usize] = if report.quick { &[0, 16] } else { &[0, 1, 16, 64, 256, 1024] };
    let rows: Vec<_> = sizes
        .iter()
        .map(|&mebibytes| {
            let settings = "[journal]\nmax_bytes = 2147483648\n";
            // Nobody is there, so that all of it waits.
            let (folder, config) =
                configuration(&format!("url = \"redis://127.0.0.1:{}\"\n{settings}", free_port()));
            let count = (mebibytes << 20) / RECORD;
            program(&["backlog-process", &count.max(1).to_string(), &config], folder.path());
            let runs: Vec<_> =
                (0..5).map(|_| program(&["opening-process", &config], folder.path())).collect();
            let of = |at: usize| median(runs.iter().map(|run| run[at]).collect());
            vec![format!("{mebibytes}"), format!("{:.1}", of(0)), format!("{:.0}", of(1))]
        })
        .collect();
    report.table("opening", &["MiB waiting", "opening, ms", "until the lane has looked at all, ms"], &rows);
}

/// The body of a child: opens what an earlier one left, and says how long that took, and how long the lane took to
/// look at it, ms.
pub fn process(config: &str, folder: &str) {
    let started = Instant::now();
    let bridge = Bridge::open(config, "1.Bench", Path::new(folder));
    let opened = started.elapsed();
    while !bridge.events().iter().any(|line| line.contains("of an earlier life")) {
        thread::sleep(Duration::from_micros(200));
    }
    println!("{} {}", opened.as_secs_f64() * 1e3, started.elapsed().as_secs_f64() * 1e3);
}

fn calls(report: &mut Report) {
    let seconds = if report.quick { 5 } else { 60 };
    let rows = [
        row("the disk has nothing else to do", seconds, 0),
        row("two programs write 64 MiB and wait for the disk, again and again", seconds, 2),
    ];
    let header = ["20,000 signals a second, server away", "p50 ns", "p99", "p99.9", "max", "above 1 ms"];
    report.table("stores", &header, &rows);
}

fn row(what: &str, seconds: u64, writers: usize) -> Vec<String> {
    let settings = "[journal]\nmax_bytes = 2147483648\n";
    let (folder, config) = configuration(&format!("url = \"redis://127.0.0.1:{}\"\n{settings}", free_port()));
    let writing = AtomicBool::new(writers > 0);
    let mut times = thread::scope(|scope| {
        for writer in 0..writers {
            let (path, writing) = (folder.path().join(format!("other-{writer}")), &writing);
            scope.spawn(move || {
                let block = vec![0x5A_u8; 1 << 20];
                while writing.load(Ordering::Relaxed) {
                    let mut file = File::create(&path).expect("a file");
                    (0..64).for_each(|_| file.write_all(&block).expect("room"));
                    file.sync_all().expect("a disk");
                }
            });
        }
        let bridge = Bridge::open(&config, "1.Bench", folder.path());
        let mut times: Vec<u64> = Vec::new();
        let (start, pace) = (Instant::now(), Duration::from_micros(50));
        for number in 0..(seconds * 20_000) as u32 {
            let due = start + pace * number;
            while Instant::now() < due {
                std::hint::spin_loop();
            }
            let began = Instant::now();
            assert!(bridge.signal(&buy(number.into())) > 0);
            times.push(began.elapsed().as_nanos() as u64);
        }
        writing.store(false, Ordering::Relaxed);
        times
    });
    times.sort_unstable();
    let at = |share: f64| thousands(times[((times.len() - 1) as f64 * share) as usize] as f64);
    let late = times.iter().filter(|&&time| time > 1_000_000).count();
    vec![what.to_owned(), at(0.5), at(0.99), at(0.999), at(1.0), thousands(late as f64)]
}

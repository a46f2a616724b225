//! One writer at full rate for two minutes, far above what one XTRIM a second could remove: whether the stream keeps to
//! its length.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::report::{Report, thousands};
use crate::support::bridge::{Bridge, buy};
use crate::support::configuration;
use crate::support::server::Server;

const MAX_LENGTH: u64 = 100_000;
/// A stream is trimmed by whole nodes, and not with each entry.
const MOST: f64 = 1.2;

pub fn measure(report: &mut Report) {
    let time = Duration::from_secs(if report.quick { 12 } else { 120 });
    let server = Server::start();
    let text = format!("url = \"{}\"\n[rtss]\nmax_length = {MAX_LENGTH}\n", server.url());
    let (folder, config) = configuration(&text);
    let bridge = Bridge::open(&config, "1.Bench", folder.path());
    let (done, start) = (AtomicBool::new(false), Instant::now());
    let (mut number, mut longest) = (0, 0u64);
    thread::scope(|threads| {
        let lengths = threads.spawn(|| {
            let mut longest = 0;
            while !done.load(Relaxed) {
                longest = longest.max(server.ask::<u64>("XLEN ss:{0}:1.Bench"));
                thread::sleep(Duration::from_millis(50));
            }
            longest
        });
        while start.elapsed() < time {
            number += 1;
            // The journal may be full for a moment.
            while bridge.signal(&buy(number)) < 0 {
                thread::sleep(Duration::from_millis(1));
            }
        }
        bridge.settle();
        done.store(true, Relaxed);
        longest = lengths.join().expect("the lengths");
    });
    let rate = number as f64 / start.elapsed().as_secs_f64();
    let ratio = longest as f64 / MAX_LENGTH as f64;
    let rows = [
        vec!["signals written".into(), thousands(number as f64)],
        vec!["a second".into(), thousands(rate)],
        vec!["most signals in the stream".into(), thousands(longest as f64)],
        vec![format!("of its max_length {}", thousands(MAX_LENGTH as f64)), format!("{ratio:.3}")],
    ];
    report.table("trimming", &["", "figure"], &rows);
    assert!(number as u64 > 2 * MAX_LENGTH, "too few signals to say anything: {number}");
    assert!(ratio < MOST, "the stream grew to {ratio:.3} of its max_length, {MOST} is the limit");
}

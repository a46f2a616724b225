//! What the bridge costs and carries, beside what one would use instead; `make bench` runs all of it and
//! writes the tables and drawings of `docs/performance.md`, `cargo bench -- call idle` runs some parts and only prints.
//!
//! Ratios are measured side by side in one run: the figures mean little on another machine, the ratios
//! more. Nothing is judged here; the document says what the project aims at.

mod backlog;
mod call;
mod copying;
mod disk;
mod fleet;
mod idle;
mod latency;
mod memory;
mod peers;
mod plot;
mod process;
mod profile;
mod reading;
mod report;
#[path = "../../tests/support/mod.rs"]
mod support;
mod throughput;
mod trimming;
mod windows;

use std::env;

use report::Report;

/// A part's name, and what it does.
type Part = (&'static str, fn(&mut Report));

const PARTS: [Part; 13] = [
    ("call", call::measure),
    ("throughput", throughput::measure),
    ("profile", profile::measure),
    ("latency", latency::measure),
    ("reading", reading::measure),
    ("idle", idle::measure),
    ("fleet", fleet::measure),
    ("memory", memory::measure),
    ("backlog", backlog::measure),
    ("disk", disk::measure),
    ("trimming", trimming::measure),
    ("windows", windows::measure),
    ("copying", copying::measure),
];

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // The bodies of processes that the parts start.
    match words[..] {
        ["idle-process", seconds, url] => return idle::process(url, seconds),
        ["backlog-process", count, config, folder] => return backlog::process(count, config, folder),
        ["drain-process", count, config, folder] => return backlog::drain(count, config, folder),
        ["opening-process", config, folder] => return disk::process(config, folder),
        ["profile-process", kind, count, config, folder] => {
            return profile::process(kind, count, config, folder);
        }
        ["reading-process", way, count, group, instances, url] => {
            return reading::process(way, count, group, instances, url);
        }
        ["terminal", seconds, start_ms, burst, config] => {
            return fleet::terminal(seconds, start_ms, burst, config);
        }
        _ => {}
    }
    let parts = PARTS.map(|(name, _)| name);
    if let Some(word) = words.iter().find(|word| !["quick", "write"].contains(word) && !parts.contains(word))
    {
        eprintln!("{word} is neither quick nor write nor a part: {}", parts.join(", "));
        std::process::exit(2);
    }
    let flag = |name: &str| words.contains(&name);
    let mut report = Report::new(flag("quick"), flag("write"));
    let chosen = PARTS.iter().filter(|(name, _)| words.contains(name)).count();
    for (name, measure) in PARTS {
        // The fleet takes minutes, and not everybody builds for Windows.
        let slow = ["fleet", "windows", "copying"].contains(&name);
        let wanted = if chosen > 0 { flag(name) } else { !(flag("quick") && slow) };
        if wanted {
            measure(&mut report);
        }
    }
}

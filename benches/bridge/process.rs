//! What a process takes: processor time, memory, threads, and how often it wakes.

use std::fs;
use std::path::Path;

use nix::sys::resource::{UsageWho, getrusage};

/// This process's, s.
pub fn processor_seconds() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("our own usage");
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

/// A value of this process's status, like `VmRSS` or `RssAnon`, KiB.
pub fn status_kib(name: &str) -> f64 {
    value(Path::new("/proc/self/status"), name)
}

/// How often this process's threads have gone to sleep, and so been woken.
pub fn wakes() -> f64 {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux").flatten();
    tasks.map(|task| value(&task.path().join("status"), "voluntary_ctxt_switches")).sum()
}

pub fn threads() -> usize {
    fs::read_dir("/proc/self/task").expect("Linux").count()
}

fn value(status: &Path, name: &str) -> f64 {
    let text = fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()).map_or(0.0, |word| word.parse().expect("a number"))
}

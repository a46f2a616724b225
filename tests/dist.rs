//! The zip that `make dist` packs: what a trader unpacks into a terminal's data folder.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::process::succeed;
use support::wine;

/// Packs into a folder of its own and returns the zip.
fn pack(folder: &Path) -> Vec<u8> {
    succeed(
        Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/pack.py"))
            .arg(wine::library())
            .arg(folder),
    );
    fs::read(folder.join(ZIP)).expect("the zip")
}

const ZIP: &str = concat!("mt5-redis-", env!("CARGO_PKG_VERSION"), ".zip");

#[test]
fn it_holds_what_it_says_and_is_the_same_each_time() {
    if wine::left_out() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let zip = pack(folder.path());
    assert!(zip == pack(folder.path()), "the same files made another zip");
    succeed(Command::new("sha256sum").args(["--check", &format!("{ZIP}.sha256")]).current_dir(folder.path()));

    let data_folder = folder.path().join("terminal");
    succeed(
        Command::new("python3").args(["-m", "zipfile", "-e"]).arg(folder.path().join(ZIP)).arg(&data_folder),
    );
    let checked =
        succeed(Command::new("sha256sum").args(["--check", "SHA256SUMS"]).current_dir(&data_folder));
    for name in [
        "MQL5/Libraries/mt5_redis.dll",
        "MQL5/Include/Mt5Redis/Mt5Redis.mqh",
        "MQL5/Experts/Mt5Redis/AccountPublisher.mq5",
        "MQL5/Experts/Mt5Redis/FleetAgent.mq5",
        "MQL5/Scripts/Mt5Redis/Preflight.mq5",
        "include/mt5_redis.h",
        "deploy/redis-rts.conf",
        "docs/wire-format.md",
        "README.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "THIRD-PARTY-LICENSES.txt",
    ] {
        assert!(checked.lines().any(|line| line == format!("{name}: OK")), "{name} is missing:\n{checked}");
    }
    let dll = fs::read(data_folder.join("MQL5/Libraries/mt5_redis.dll")).expect("the DLL");
    assert!(dll == fs::read(wine::library()).expect("the DLL"));
    let licences = fs::read_to_string(data_folder.join("THIRD-PARTY-LICENSES.txt")).expect("the licences");
    for text in ["redis ", "Rust standard library: MIT OR Apache-2.0", "Permission is hereby granted"] {
        assert!(licences.contains(text), "{text} is missing");
    }
}

//! `mt5_redis.dll` as `make windows` built it: what it needs and offers, and how it fares in a Windows
//! program, under Wine, against a real Redis.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use support::process::succeed;
use support::terminal::Terminal;
use support::wine;

/// What every Windows has. A DLL that needs more is the most frequent complaint about MetaTrader bridges.
const SYSTEM: [&str; 6] =
    ["advapi32.dll", "bcrypt.dll", "kernel32.dll", "msvcrt.dll", "ntdll.dll", "ws2_32.dll"];

/// The DLL's import and export tables, as text.
fn tables() -> String {
    succeed(Command::new("x86_64-w64-mingw32-objdump").arg("-p").arg(wine::library()))
}

#[test]
fn it_needs_nothing_but_windows() {
    if wine::left_out() {
        return;
    }
    let tables = tables();
    let needed: BTreeSet<_> = tables
        .lines()
        .filter_map(|line| line.trim().strip_prefix("DLL Name: "))
        .map(str::to_lowercase)
        .collect();
    assert!(needed.contains("kernel32.dll"), "{tables}");
    for library in needed {
        assert!(SYSTEM.contains(&library.as_str()), "{library} is not part of every Windows");
    }
}

#[test]
fn it_offers_what_the_header_says_and_no_more() {
    if wine::left_out() {
        return;
    }
    let tables = tables();
    let (_, names) = tables.split_once("[Ordinal/Name Pointer] Table").expect("an export table");
    let offered: BTreeSet<_> = names
        .lines()
        .skip(1)
        .map_while(|line| line.trim().strip_prefix('[')?.split_whitespace().last())
        .collect();
    let header =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/include/mt5_redis.h")).expect("the header");
    let declared: BTreeSet<_> = header
        .lines()
        .filter_map(|line| line.strip_prefix("int32_t ").or(line.strip_prefix("int64_t "))?.split_once('('))
        .map(|(name, _)| name)
        .collect();
    assert!(declared.len() >= 13, "{declared:?}");
    assert_eq!(offered, declared);
}

#[test]
fn it_carries_its_version() {
    if wine::left_out() {
        return;
    }
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let library = fs::read(wine::library()).expect("the DLL");
    let label = utf16("ProductVersion\0");
    let at = library.windows(label.len()).position(|bytes| bytes == label).expect("a version resource");
    let value = utf16(concat!(env!("CARGO_PKG_VERSION"), "\0"));
    // The value is aligned to four bytes.
    let after = &library[at + label.len()..][..value.len() + 2];
    assert!(after.starts_with(&value) || after[2..] == value, "{}", after.escape_ascii());
}

#[test]
fn it_sends_one_of_each() {
    if !wine::left_out() {
        Terminal::windows().sends_one_of_each();
    }
}

#[test]
fn it_speaks_tls() {
    if !wine::left_out() {
        Terminal::windows().speaks_tls();
    }
}

#[test]
fn it_serves_many_threads() {
    if !wine::left_out() {
        Terminal::windows().serves_many_threads();
    }
}

#[test]
fn it_survives_unloading() {
    if !wine::left_out() {
        Terminal::windows().survives_unloading();
    }
}

#[test]
fn it_ends_with_threads_running() {
    if !wine::left_out() {
        Terminal::windows().ends_with_threads_running();
    }
}

#[test]
fn it_refuses_wrong_calls() {
    if !wine::left_out() {
        Terminal::windows().refuses_wrong_calls();
    }
}

//! Servers that cannot keep up with their terminals: the level rises, states thin out, and an independent look
//! at Redis finds every record that had to be there. `MT5REDIS_LONG=1` runs it with fifty terminals.
#![cfg(target_os = "linux")]

use std::process::Command;

use mt5fleet::ledger::Ledger;

/// Slow servers: the level rises, states are superseded, and nothing that must be there is lost.
#[test]
fn servers_that_cannot_keep_up_lose_nothing_and_are_spared() {
    let long = std::env::var_os("MT5REDIS_LONG").is_some();
    let (terminals, seconds, bytes) = if long { ("50", "20", "400000") } else { ("4", "4", "30000") };
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_mt5fleet"))
        .args(["demo", "--terminals", terminals, "--seconds", seconds, "--rate", "10", "--signal-rate", "4"])
        .args(["--slow-redis", bytes, "--ledgers"])
        .arg(folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success() && text.contains("demo ok: "), "{text}");
    assert!(text.contains(" lost=0 duplicated=0 out_of_order=0 "), "{text}");

    let ledger = |file: std::fs::DirEntry| Ledger::read(&file.path()).ok();
    let files = std::fs::read_dir(folder.path()).unwrap().flatten();
    let ledgers: Vec<Ledger> = files.filter_map(ledger).collect();
    assert_eq!(ledgers.len().to_string(), terminals);
    let number = |ledger: &Ledger, table: &str, name: &str| {
        ledger.summary.as_ref().expect("its end").stats[table][name].as_u64().expect("a number")
    };
    assert!(ledgers.iter().any(|ledger| number(ledger, "pressure", "highest") > 0), "no level rose");
    let states: u64 = ledgers.iter().map(|ledger| number(ledger, "rts", "accepted")).sum();
    let replaced: u64 = ledgers.iter().map(|ledger| number(ledger, "rts", "superseded")).sum();
    assert!(replaced * 10 > states, "{replaced} of {states} states were not sent");
    assert!(ledgers.iter().all(|ledger| number(ledger, "rtss", "superseded") == 0), "no signal is replaced");
}

//! Readers as users of `mt5fleet acl`, at a server that knows nobody else: nothing they need is refused, and
//! what is not theirs is.

use std::io::Write;
use std::process::Command;

use redis::Value;

use crate::site::{Site, stop};
use crate::support::eventually;

/// Makes the users of these arguments.
fn users(site: &mut Site, arguments: &[&str]) {
    let mut password = tempfile::NamedTempFile::new().unwrap();
    writeln!(password, "secret").unwrap();
    let mut acl = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
    let output = acl.arg("acl").args(arguments).arg("--password-file").arg(password.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        site.ask::<String>(line);
    }
}

/// What the server refused anybody since it started.
fn refusals(site: &mut Site) -> Vec<String> {
    let log: Vec<Value> = site.ask("ACL LOG");
    log.iter().map(|entry| format!("{entry:?}")).collect()
}

#[test]
fn a_worker_and_an_operator_may_do_what_they_do() {
    let mut site = Site::start();
    users(&mut site, &["--worker", "--clerk"]);
    site.signal(1, "EURUSD");
    site.signal(2, "BAD");
    // Left behind by a worker that died.
    site.ask::<()>("XGROUP CREATE ss:{0}:1.Demo workers 0");
    site.ask::<()>("XREADGROUP GROUP workers dead COUNT 1 STREAMS ss:{0}:1.Demo >");
    let worker = site.worker_as("worker", &["--exec", "! grep -q BAD", "--attempts", "2"]);
    eventually("one is processed and one buried", || {
        site.ask::<u64>("XLEN ss:{0}:1.Demo") == 0 && site.ask::<u64>("XLEN sd:{0}") == 1
    });
    stop(worker);
    let url = site.url_of("clerk");
    let list = site.letters_at(&url, &["list"]);
    assert!(String::from_utf8(list.stdout).unwrap().contains("BAD"));
    assert!(site.letters_at(&url, &["retry", "--all"]).status.success());
    site.ask::<String>("XADD sd:{0} * d x");
    assert!(site.letters_at(&url, &["drop", "--all"]).status.success());
    assert_eq!((site.ask::<u64>("XLEN sd:{0}"), site.ask::<u64>("XLEN ss:{0}:1.Demo")), (0, 1));
    assert_eq!(refusals(&mut site), [""; 0]);
}

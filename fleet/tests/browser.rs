//! The page of `mt5fleet web` in a real browser: `web/tests/` in Chromium, with Redis servers, a hundred instances and
//! terminals that use the real library. `MT5REDIS_BROWSER=no` leaves it out, where there is no browser.

mod support;

use std::path::Path;
use std::process::Command;

#[test]
fn the_page_in_a_browser() {
    if std::env::var_os("MT5REDIS_BROWSER").is_some_and(|wanted| wanted == "no") {
        eprintln!("MT5REDIS_BROWSER=no: the page is not tested");
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
    for needed in ["dist/index.html", "node_modules/playwright-core"] {
        assert!(folder.join(needed).exists(), "{needed} is missing: run make web, and build again");
    }
    let mut tests = Command::new("node");
    tests.arg("tests/run.mjs").current_dir(&folder).env("MT5FLEET", env!("CARGO_BIN_EXE_mt5fleet"));
    let ports: Vec<String> = support::port::free_ports(4).iter().map(u16::to_string).collect();
    tests.env("PORTS", ports.join(","));
    assert!(tests.status().expect("node is there").success(), "the browser's tests failed");
}

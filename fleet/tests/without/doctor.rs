//! The doctor: it says what it could not check, and checks the rest.

use std::path::Path;

use mt5fleet::doctor::{self, Light, Options};

use super::programs::{BOTH, populated};
use super::{Refusal, rows, says};

/// The checks that every single server gets.
const CHECKS: [&str; 10] = [
    "reach",
    "versions",
    "roles",
    "settings",
    "eviction",
    "memory",
    "persistence",
    "keys",
    "streams",
    "clocks",
];

#[test]
fn what_the_doctor_is_refused_it_says_and_it_checks_the_rest() {
    let mut tried = 0;
    for (command, cell) in rows("doctor") {
        assert!(command == "PING" || cell.contains("say"), "{cell}");
        for refusal in BOTH {
            checks_without(&command, refusal);
            tried += 1;
        }
    }
    assert!(tried >= 2 * 13, "{tried}");
}

fn checks_without(command: &str, refusal: Refusal) {
    let site = populated(command, refusal);
    let options = Options { config: site.url(), root: Path::new("/").into(), ..Options::default() };
    let findings = doctor::examine(&options).unwrap();
    let what = format!("{command} {refusal:?}: {findings:#?}");
    assert!(!findings.iter().any(|finding| finding.text.contains("the check failed")), "{what}");
    let told = findings.iter().any(|finding| finding.light != Light::Green && says(&finding.text, command));
    assert_eq!(told, command != "PING", "{what}");
    for check in CHECKS {
        assert!(findings.iter().any(|finding| finding.check == check), "{check} was not done, {what}");
    }
}

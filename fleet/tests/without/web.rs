//! The page's server: what it is refused it says where it would stand, and shows the rest.

use serde_json::{Value, json};

use super::client::{Web, eventually};
use super::programs::{BOTH, populated};
use super::{Refusal, Site, rows, says};

const FLEET: &str = "/api/v1/fleet";
const TRENDS: &str = "/api/v1/fleet/trends";
/// The lists of an instance and the audit, each with a command that it needs.
const LISTS: [(&str, &str); 8] = [
    ("/api/v1/instances/1.Demo/positions", "SCARD"),
    ("/api/v1/instances/1.Demo/positions", "SRANDMEMBER"),
    ("/api/v1/instances/1.Demo/positions", "HGETALL"),
    ("/api/v1/instances/1.Demo/trades", "ZREVRANGE"),
    ("/api/v1/instances/1.Demo/events", "XREVRANGE"),
    ("/api/v1/instances/1.Demo/signals", "XREVRANGE"),
    ("/api/v1/instances/1.Demo/reports", "XREVRANGE"),
    ("/api/v1/audit", "XREVRANGE"),
];

#[test]
fn the_page_says_what_it_is_refused_and_shows_the_rest() {
    let mut tried = 0;
    for (command, cell) in rows("web") {
        for refusal in BOTH {
            let mut site = populated(&command, refusal);
            let (web, tokens) = Web::start(&site.url(), &["--operate"], &[("anna", "operate")]);
            let shown = Shown { web, token: &tokens[0], what: format!("{command} {refusal:?}") };
            match cell.split([',', '.', ';']).next().unwrap() {
                "It shows what it read last" => shown.no_fleet(&command, &mut site, refusal),
                "Those stay unknown" => {
                    let trends = shown.until(TRENDS, |trends| trouble_says(trends, &command));
                    assert_eq!(trends["instances"], json!({}), "{}", shown.what);
                    shown.fleet();
                }
                "The list that needs it says why" => shown.no_list(&command),
                "It says why" => shown.no_audit(&command, &mut site),
                "It changes nothing" => shown.no_change(&command, &mut site),
                // A refusal is an answer.
                "Works: a refusal is an answer" => shown.fleet(),
                other => panic!("{command}: no test knows what this means: {other}"),
            }
            tried += 1;
        }
    }
    assert!(tried >= 2 * 14, "{tried}");
}

fn trouble_says(answer: &Value, command: &str) -> bool {
    answer["trouble"].as_str().is_some_and(|why| says(why, command))
}

/// A server that lacks a command, as somebody who may act sees it.
struct Shown<'a> {
    web: Web,
    token: &'a str,
    what: String,
}

impl Shown<'_> {
    fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("{path} without {}", self.what), || {
            let (_, answer) = self.web.with(self.token, "GET", path, None);
            wanted(&answer).then_some(answer)
        })
    }

    /// The fleet is shown.
    fn fleet(&self) {
        self.until(FLEET, |fleet| fleet["instances"].as_array().is_some_and(|rows| !rows.is_empty()));
    }

    fn no_fleet(&self, command: &str, site: &mut Site, refusal: Refusal) {
        let fleet = self.until(FLEET, |fleet| trouble_says(fleet, command));
        assert_eq!(fleet["instances"], json!([]), "{}", self.what);
        if let Refusal::ToTheUser = refusal {
            // What it could read once stays.
            site.ask::<()>(&format!("ACL SETUSER program +{}", command.to_lowercase()));
            self.fleet();
            site.ask::<()>(&format!("ACL SETUSER program -{}", command.to_lowercase()));
            let fleet = self.until(FLEET, |fleet| trouble_says(fleet, command));
            assert_eq!(fleet["instances"][0]["id"], "1.Demo", "{}", self.what);
        }
    }

    fn no_list(&self, command: &str) {
        self.fleet();
        for (path, needed) in LISTS {
            let (status, answer) = self.web.with(self.token, "GET", path, None);
            let lacks = LISTS.contains(&(path, command));
            let told = answer["error"].as_str().is_some_and(|why| says(why, command));
            let wanted = if lacks { (502, true) } else { (200, false) };
            assert_eq!(
                (status, told),
                wanted,
                "{path}, which needs {needed}, without {}: {answer}",
                self.what
            );
        }
    }

    fn act(&self, what: &str) -> (u16, Value) {
        let body = json!({ "what": what, "all": true, "why": "news" });
        self.web.with(self.token, "POST", "/api/v1/commands", Some(&body))
    }

    fn no_audit(&self, command: &str, site: &mut Site) {
        let (status, answer) = self.act("halt-entries");
        let told = answer["note"].as_str().is_some_and(|why| says(why, command));
        assert!(status == 200 && told, "{}: {status} {answer}", self.what);
        let halt: String = site.ask("GET halt");
        let (status, answer) = self.act("resume");
        let told = answer["error"].as_str().is_some_and(|why| says(why, command));
        assert!(status == 502 && told, "{}: {status} {answer}", self.what);
        assert_eq!(site.ask::<String>("GET halt"), halt, "{}", self.what);
    }

    fn no_change(&self, command: &str, site: &mut Site) {
        if command == "DEL" {
            site.ask::<()>("SET ctl 1:9999999999999");
        }
        let keys = |site: &mut Site| -> (bool, bool) { (site.ask("EXISTS halt"), site.ask("EXISTS ctl")) };
        let before = keys(site);
        let (status, answer) = self.act(if command == "DEL" { "end-throttle" } else { "halt-entries" });
        let told = answer["error"].as_str().is_some_and(|why| says(why, command));
        assert!(status == 502 && told, "{}: {status} {answer}", self.what);
        assert_eq!(keys(site), before, "{}", self.what);
    }
}

//! A running `mt5fleet web`, and what a program or a browser asks of it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use redis::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::http::{Request, Response};
use ureq::tls::TlsConfig;
use ureq::{Agent, Body};

use super::support::PATIENCE;

/// Waits until there is something.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// Writes a heartbeat with these fields besides the usual ones, for an instance that the list has seen now.
pub fn heartbeat(redis: &mut Connection, instance: &str, fields: &[(&str, &str)]) {
    let now = server_ms(redis);
    let mut hash = redis::cmd("HSET");
    hash.arg(format!("is:{{{instance}}}"));
    let now = now.to_string();
    let usual = [
        ("v", "2"),
        ("t", &now),
        ("lg", "7"),
        ("sv", "Demo-Server"),
        ("co", "Broker"),
        ("cu", "EUR"),
        ("ac", "0"),
        ("ba", "1000.5"),
        ("eq", "1010.25"),
        ("mg", "100"),
        ("mf", "910.25"),
        ("ml", "1010.25"),
        ("pr", "9.75"),
        ("le", "100"),
        ("cn", "1"),
        ("at", "1"),
        ("et", "1"),
        ("aa", "1"),
        ("ae", "1"),
        ("po", "2"),
        ("or", "1"),
        ("bu", "5200"),
        ("iv", "60000"),
        ("tw", "0"),
        ("sw", "0"),
        ("rf", "0"),
        ("ag", "agent 1"),
        ("th", "0"),
        ("tl", "900"),
        ("sl", "800"),
        ("fo", "0"),
        ("ck", "0"),
        ("ha", "0"),
        ("pi", "18000"),
    ];
    for (name, value) in usual.iter().chain(fields) {
        hash.arg(name).arg(value);
    }
    hash.exec(redis).unwrap();
    redis::cmd("ZADD").arg("il").arg(&now).arg(instance).exec(redis).unwrap();
}

/// The server's clock, ms.
pub fn server_ms(redis: &mut Connection) -> u64 {
    let (seconds, micros): (u64, u64) = redis::cmd("TIME").query(redis).unwrap();
    seconds * 1000 + micros / 1000
}

/// A running server.
pub struct Web {
    process: Child,
    pub url: String,
    /// What it printed before it was ready.
    pub told: String,
    _folder: TempDir,
}

impl Web {
    /// Starts it; `people` are the names and roles of the tokens that it knows, if it knows any.
    pub fn start(config: &str, arguments: &[&str], people: &[(&str, &str)]) -> (Self, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens");
        let mut tokens = Vec::new();
        for (name, role) in people {
            let mut make = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
            make.args(["token", "--name", name, "--role", role, "--tokens"]).arg(&file);
            let made = String::from_utf8(make.output().unwrap().stderr).unwrap();
            tokens.push(made.trim().rsplit(' ').next().unwrap().to_owned());
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
        command.args(["web", "--config", config]).args(arguments);
        if !arguments.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        if !people.is_empty() {
            command.arg("--tokens").arg(&file);
        }
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let first = lines.next().expect("it says where it is");
        let url = first.strip_prefix("the fleet is at ").expect("its address").to_owned();
        let mut told = first + "\n";
        let more = usize::from(url.starts_with("https"))
            + usize::from(arguments.contains(&"--operate") && people.is_empty());
        told.extend(lines.by_ref().take(more).map(|line| line + "\n"));
        thread::spawn(move || lines.for_each(drop));
        (Self { process, url, told, _folder: folder }, tokens)
    }

    /// What an anonymous caller gets.
    pub fn get(&self, path: &str) -> (u16, Value) {
        self.ask("GET", path, &[], None)
    }

    /// What a caller with a token gets.
    pub fn with(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.ask(method, path, &[("authorization", &format!("Bearer {token}"))], body)
    }

    pub fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> (u16, Value) {
        let mut response = self.send(method, path, headers, body);
        let text = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), serde_json::from_str(&text).unwrap_or(json!(text)))
    }

    /// The raw response.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match body {
            None => agent().run(request.body(()).unwrap()).unwrap(),
            Some(body) => {
                let request = request.header("content-type", "application/json");
                agent().run(request.body(body.to_string()).unwrap()).unwrap()
            }
        }
    }

    /// The row of an instance that is as wanted.
    pub fn row(&self, token: Option<&str>, instance: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("the row of {instance} is as wanted"), || {
            let (status, fleet) = match token {
                Some(token) => self.with(token, "GET", "/api/v1/fleet", None),
                None => self.get("/api/v1/fleet"),
            };
            assert_eq!(status, 200, "{fleet}");
            let rows = fleet["instances"].as_array().unwrap();
            rows.iter().find(|row| row["id"] == instance && wanted(row)).cloned()
        })
    }

    /// The events of a stream: names and data.
    pub fn events(&self, token: Option<&str>) -> impl Iterator<Item = (String, Value)> + use<> {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = bearer.iter().map(|value| ("authorization", value.as_str())).collect();
        let response = self.send("GET", "/api/v1/fleet/changes", &headers, None);
        assert_eq!(response.status().as_u16(), 200);
        let body: Box<dyn Read> = Box::new(response.into_body().into_reader());
        let mut lines = BufReader::new(body).lines().map_while(Result::ok);
        std::iter::from_fn(move || {
            let mut name = String::new();
            loop {
                let line = lines.next()?;
                if let Some(given) = line.strip_prefix("event: ") {
                    name = given.to_owned();
                } else if let Some(data) = line.strip_prefix("data: ") {
                    return Some((name, serde_json::from_str(data).unwrap()));
                }
            }
        })
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn agent() -> Agent {
    // The server's own certificate is signed by nobody.
    let tls = TlsConfig::builder().disable_verification(true).build();
    let config = Agent::config_builder().http_status_as_error(false).tls_config(tls);
    config.timeout_recv_response(Some(PATIENCE)).build().into()
}

//! Delivers a signal to a command, to a web address or to standard output. It succeeds if the command exits with 0, the
//! server answers 2xx, or the line is written.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, bail, ensure};
use mt5_redis::inbox::{Delivery, Received};
use mt5_redis::model::signal::action_name;
use serde::Serialize;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::Options;
use crate::output;

/// How much of a command's standard error or a server's answer an error quotes, bytes.
const EXCERPT: u64 = 400;

/// The signal in JSON. `docs/reading.md` explains each name.
#[derive(Serialize)]
struct Line<'a> {
    key: String,
    id: String,
    shard: u16,
    deliveries: u64,
    #[serde(flatten)]
    signal: &'a Received,
    action: &'static str,
    time_ms: i64,
    expiry_ms: i64,
    volume: f64,
    price: f64,
    stop_loss: f64,
    take_profit: f64,
    magic: i64,
    position: i64,
    server_offset_s: i32,
    #[serde(flatten)]
    happened: Option<Happened>,
}

/// What a signal says about its event; one without an event has none of these.
#[derive(Serialize)]
struct Happened {
    event: i32,
    volume_before: f64,
    volume_after: f64,
    entry_price: f64,
    side: i32,
    order_type: i32,
    found: i32,
}

/// The signal as one line of JSON, without its end.
pub(super) fn json(delivery: &Delivery) -> String {
    let signal = &delivery.signal.signal;
    let line = Line {
        key: delivery.signal.idempotency_key(),
        id: delivery.place.entry(),
        shard: delivery.place.shard,
        deliveries: delivery.deliveries,
        signal: &delivery.signal,
        action: action_name(signal.action),
        time_ms: signal.time_ms,
        expiry_ms: signal.expiry_ms,
        volume: signal.volume,
        price: signal.price,
        stop_loss: signal.stop_loss,
        take_profit: signal.take_profit,
        magic: signal.magic,
        position: signal.position,
        server_offset_s: signal.server_offset_s,
        happened: (signal.event != 0).then_some(Happened {
            event: signal.event,
            volume_before: signal.volume_before,
            volume_after: signal.volume_after,
            entry_price: signal.entry_price,
            side: signal.side,
            order_type: signal.order_type,
            found: signal.found,
        }),
    };
    output::json(&line, false).expect("numbers and texts are JSON")
}

pub(super) enum Target {
    Exec {
        command: String,
        timeout: Duration,
    },
    /// `place` is the part of the URL that may be shown: a path or a query may hold a token, and a login a password.
    Http {
        url: String,
        place: String,
        agent: ureq::Agent,
    },
    Stdout,
}

impl Target {
    pub(super) fn new(options: &Options) -> Result<Self> {
        if let Some(command) = &options.exec {
            return Ok(Self::Exec { command: command.clone(), timeout: options.timeout });
        }
        let Some(url) = &options.http else { return Ok(Self::Stdout) };
        if !url.starts_with("http://") && !url.starts_with("https://") {
            bail!("--http is no address: pass one that begins with http:// or https://");
        }
        let mut tls = TlsConfig::builder();
        if let Some(file) = &options.http_ca {
            tls = tls.root_certs(RootCerts::new_with_certs(&authorities(file).context("--http-ca")?));
        }
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(options.timeout))
            .http_status_as_error(false)
            // A redirect would send signals to an address that the operator did not name.
            .max_redirects(0)
            .tls_config(tls.build())
            .build()
            .into();
        Ok(Self::Http { url: url.clone(), place: place(url), agent })
    }

    /// Delivers a signal.
    pub(super) fn deliver(&self, delivery: &Delivery) -> Result<(), Refusal> {
        let (line, key) = (json(delivery), delivery.signal.idempotency_key());
        match self {
            Self::Stdout => output::print_data(&line).map_err(Refusal::OfAll),
            Self::Exec { command, timeout } => {
                Ok(exec(command, line, ("MT5REDIS_KEY", &key), Stdio::inherit(), *timeout)?)
            }
            Self::Http { url, place, agent } => Ok(post(url, place, agent, &line, &key)?),
        }
    }
}

/// Why a signal was not delivered.
pub(super) enum Refusal {
    /// Another attempt may succeed.
    OfSignal(Error),
    /// No further signal can be delivered.
    OfAll(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::OfSignal(error)
    }
}

fn post(url: &str, place: &str, agent: &ureq::Agent, line: &str, key: &str) -> Result<()> {
    let request = agent.post(url).header("Content-Type", "application/json").header("Idempotency-Key", key);
    let mut answer = request.send(line).with_context(|| format!("{place} did not answer"))?;
    if answer.status().is_success() {
        return Ok(());
    }
    let mut body = String::new();
    let _ = answer.body_mut().as_reader().take(EXCERPT).read_to_string(&mut body);
    bail!("{place} answered {}: {}", answer.status(), body.trim())
}

/// The scheme, host and port of a web address.
pub(crate) fn place(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}")
}

/// The certificates of a PEM file.
pub(crate) fn authorities(file: &Path) -> Result<Vec<Certificate<'static>>> {
    let text = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let certificates: Vec<Certificate> = parse_pem(&text)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
        .collect::<Result<_, _>>()
        .with_context(|| format!("{} is no PEM file", file.display()))?;
    ensure!(!certificates.is_empty(), "{} holds no certificate", file.display());
    Ok(certificates)
}

/// Runs a shell command with the line on its standard input and the key in a variable of its environment. The time limit
/// includes writing the line.
pub(crate) fn exec(
    command: &str,
    line: String,
    (variable, key): (&str, &str),
    out: Stdio,
    timeout: Duration,
) -> Result<()> {
    let deadline = Instant::now() + timeout;
    // Readers refuse signals with other names; this makes sure that none of them reaches a shell.
    let harmless = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
    ensure!(!key.is_empty() && key.chars().all(harmless), "the key {key:?} is not for a shell");
    let mut shell = if cfg!(windows) { Command::new("cmd") } else { Command::new("sh") };
    shell.arg(if cfg!(windows) { "/C" } else { "-c" }).arg(command).env(variable, key);
    own_group(&mut shell);
    let mut child = shell
        .stdin(Stdio::piped())
        .stdout(out)
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{command} cannot be started"))?;
    let mut input = child.stdin.take().expect("piped");
    // The command need not read its input: if the line does not fit into the pipe, this thread ends with the command.
    thread::spawn(move || input.write_all(format!("{line}\n").as_bytes()));
    let mut errors = child.stderr.take().expect("piped");
    let (complains, complaint) = channel();
    thread::spawn(move || {
        let mut text = Vec::new();
        let _ = (&mut errors).take(EXCERPT).read_to_end(&mut text);
        let _ = complains.send(String::from_utf8_lossy(&text).trim().to_owned());
        let _ = std::io::copy(&mut errors, &mut std::io::sink());
    });
    let Some(status) = wait(&mut child, deadline)? else {
        end(&mut child);
        bail!("the command took longer than {timeout:?} and was ended");
    };
    if status.success() {
        return Ok(());
    }
    // A process that the command left running may keep its output open.
    let complaint = complaint.recv_timeout(Duration::from_secs(1));
    bail!("the command ended with {status}: {}", complaint.unwrap_or_default())
}

/// Ctrl-C stops the worker alone: a command that has begun may finish.
#[cfg(unix)]
fn own_group(shell: &mut Command) {
    use std::os::unix::process::CommandExt;
    shell.process_group(0);
}

#[cfg(not(unix))]
fn own_group(_: &mut Command) {}

/// Ends a command and, on Linux, the processes that it has started.
fn end(child: &mut Child) {
    #[cfg(target_os = "linux")]
    if let Some(group) = rustix::process::Pid::from_raw(child.id() as i32) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Waits for a command to end, with growing pauses.
fn wait(child: &mut Child, deadline: Instant) -> Result<Option<std::process::ExitStatus>> {
    let mut pause = Duration::from_micros(200);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() > deadline {
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_a_shell_could_take_for_a_command_is_refused() {
        let run =
            |key: &str| exec("exit 0", String::new(), ("KEY", key), Stdio::null(), Duration::from_secs(60));
        for key in ["", "a;reboot", "$(reboot)", "a b", "a\nb", "`a`", "%PATH%", "a&b", "é"] {
            let refusal = run(key).unwrap_err().to_string();
            assert!(refusal.contains("is not for a shell"), "{key:?}: {refusal}");
        }
        run("00000000000000aa-7").unwrap();
    }

    #[test]
    fn an_error_shows_no_token_or_password_of_a_web_address() {
        for url in ["https://h:8/hook?token=1", "https://u:secret@h:8?token=1", "https://u:se@ret@h:8#x"] {
            assert_eq!(place(url), "https://h:8");
        }
    }
}

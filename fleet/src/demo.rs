//! `mt5fleet simulate`: a fleet against existing servers. `mt5fleet demo`: the same with its own servers, and a verdict.
//! The last line is easy to parse.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use mt5_redis::config::Config;
use tempfile::TempDir;

use crate::oracle::copies::{self, Copies};
use crate::oracle::{self, Verdict};
use crate::output;
use crate::simulate::{self, Outcome, Size, View};
use crate::up::{Plan, Servers, Topology};

/// The most findings that are printed.
const SHOWN: usize = 10;
/// The length limit of the demo's streams: larger than its server's memory.
const KEPT: u64 = 1_000_000_000;

/// `mt5fleet simulate`: returns whether every terminal finished with everything committed, and with every copy.
pub fn simulate(size: &Size, config: &str) -> Result<bool> {
    let outcome = fleet(size, config, &mut |_| Ok(()))?;
    let copies = copied(size, config, &outcome)?;
    let copy_findings = copies.iter().flat_map(|copies| &copies.findings);
    outcome
        .failures
        .iter()
        .chain(copy_findings)
        .take(SHOWN)
        .try_for_each(|finding| output::print(finding))?;
    let accepted: u64 = outcome.ledgers.iter().flat_map(|ledger| ledger.accepted()).sum();
    let committed: u64 = outcome.summaries().flat_map(|summary| summary.committed).sum();
    let good =
        outcome.failures.is_empty() && committed == accepted && copies.as_ref().is_none_or(Copies::is_good);
    output::print(&format!(
        "simulate {}: terminals={} accepted={accepted} committed={committed} refused={} level={} superseded={} {}{}",
        if good { "ok" } else { "failed" },
        size.terminals,
        refused(&outcome),
        counted(&outcome, "pressure", "highest").max().unwrap_or(0),
        ["ris", "rts"].map(|lane| counted(&outcome, lane, "superseded").sum::<u64>()).iter().sum::<u64>(),
        speed(&outcome),
        numbers(copies.as_ref()),
    ))?;
    Ok(good)
}

/// `mt5fleet demo`: returns whether the verdict is good.
pub fn demo(size: &Size, topology: Topology) -> Result<bool> {
    let (findings, good, numbers) = match run(size, topology) {
        Ok((outcome, verdict, copies)) => {
            let good = verdict.is_good() && copies.as_ref().is_none_or(Copies::is_good);
            let numbers = format!("{} {}{}", verdict.numbers(), speed(&outcome), numbers(copies.as_ref()));
            (findings(&verdict, copies.as_ref()), good, numbers)
        }
        Err(error) => {
            let nothing =
                format!("{} call_p50_ns=0 call_p99_ns=0 signals_per_s=0", Verdict::default().numbers());
            (vec![format!("{error:#}")], false, nothing)
        }
    };
    findings.iter().try_for_each(|finding| output::print(finding))?;
    let verdict = if good { "ok" } else { "failed" };
    output::print(&format!("demo {verdict}: terminals={} {numbers}", size.terminals))?;
    Ok(good)
}

fn run(size: &Size, topology: Topology) -> Result<(Outcome, Verdict, Option<Copies>)> {
    let all = size.terminals + size.sources();
    let plan = Plan { topology, terminals: Some(all.into()), ports: None };
    let mut servers = Servers::start_here(&plan)?;
    let [ris, rts, rtss] = servers.urls();
    output::print(&format!(
        "Running {} terminals{} for {} s against {ris}, {rts} and {rtss}.",
        size.terminals,
        if size.copy { format!(", which copy {} others,", size.sources()) } else { String::new() },
        size.seconds
    ))?;
    // The default limits would trim a long demo's first signals before they are checked.
    let limits = format!("retention = \"{}s\"\nmax_length = {KEPT}\n", size.seconds + 3600);
    let config = servers.config_file();
    fs::write(&config, servers.toml() + &limits).context("cannot write the configuration")?;
    let config = config.to_str().context("the temporary folder's name is not valid UTF-8")?;

    let (mut trouble, mut made) = (None, false);
    let outcome = fleet(size, config, &mut |elapsed| {
        if !made && elapsed >= Duration::from_secs(size.seconds) / 2 {
            made = true;
            trouble = servers.trouble()?;
        }
        match servers.attend()? {
            Some(name) => bail!("the server {name} was shut down"),
            None => Ok(()),
        }
    })?;
    if let Some(trouble) = trouble {
        output::print(&format!("During the run {}.", trouble.end()?))?;
    }
    output::print(&format!("Comparing Redis with the ledgers; {} calls were refused.", refused(&outcome)))?;
    let verdict = judge(&servers, &outcome)?;
    let copies = copied(size, config, &outcome)?;
    Ok((outcome, verdict, copies))
}

/// Compares the accounts that copy with those that they copy, if any do.
fn copied(size: &Size, config: &str, outcome: &Outcome) -> Result<Option<Copies>> {
    if !size.copy {
        return Ok(None);
    }
    let config = Config::read(config, "").map_err(|error| anyhow!("error {}: {error}", error.code()))?;
    let copies = copies::check(&config, &outcome.ledgers, &outcome.followings);
    let copies = copies.context("the check of the copies failed")?;
    output::print(&format!(
        "{} accounts copy {}: {} open copies are as their positions, {} signals were copied once, {} faults.",
        copies.followers,
        copies.sources,
        copies.open,
        copies.copied,
        copies.faults()
    ))?;
    Ok(Some(copies))
}

/// The counts of the copies, to append to the last line.
fn numbers(copies: Option<&Copies>) -> String {
    copies.map_or_else(String::new, |copies| format!(" {}", copies.numbers()))
}

/// The oracle's verdict, with the terminals' failures.
fn judge(servers: &Servers, outcome: &Outcome) -> Result<Verdict> {
    let urls = servers.urls();
    let mut verdict = match servers.topology() {
        Topology::Cluster => oracle::check_cluster(&urls[0], &outcome.ledgers)?,
        _ => oracle::check(&urls, &outcome.ledgers)?,
    };
    // Failures first: they may explain the rest.
    verdict.findings.splice(0..0, outcome.failures.iter().cloned());
    Ok(verdict)
}

fn fleet(size: &Size, config: &str, meanwhile: &mut dyn FnMut(Duration) -> Result<()>) -> Result<Outcome> {
    let temporary = TempDir::with_prefix("mt5fleet-ledgers-").context("cannot make a temporary folder")?;
    let folder: &Path = size.ledgers.as_deref().unwrap_or(temporary.path());
    let outcome = simulate::run(size, config, folder, &mut View::open()?, meanwhile)?;
    if outcome.ledgers.is_empty() {
        bail!("no terminal could open a session: {}", outcome.failures.first().map_or("", String::as_str));
    }
    Ok(outcome)
}

/// One of the library's own counters, for each terminal.
fn counted<'a>(outcome: &'a Outcome, table: &'a str, name: &'a str) -> impl Iterator<Item = u64> + 'a {
    outcome.summaries().filter_map(move |summary| summary.stats[table][name].as_u64())
}

fn refused(outcome: &Outcome) -> u64 {
    outcome.summaries().map(|summary| summary.refused).sum()
}

fn findings(verdict: &Verdict, copies: Option<&Copies>) -> Vec<String> {
    let of_copies = copies.map_or(&[][..], |copies| &copies.findings);
    let all: Vec<_> = verdict.findings.iter().chain(of_copies).collect();
    let mut shown: Vec<_> = all.iter().take(SHOWN).map(|finding| finding.to_string()).collect();
    let more = all.len().saturating_sub(SHOWN) as u64 + verdict.more_findings;
    if more > 0 {
        shown.push(format!("... and {more} more"));
    }
    shown
}

fn speed(outcome: &Outcome) -> String {
    let calls = &outcome.calls;
    format!(
        "call_p50_ns={} call_p99_ns={} signals_per_s={}",
        calls.value_at_quantile(0.5),
        calls.value_at_quantile(0.99),
        outcome.signals_per_s
    )
}

//! The command: its options, and rounds of the governor until it is interrupted, with alerts beside them.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use clap::Args;
use mt5_redis::config::Config;
use serde_json::json;

use super::export;
use super::governor::Governor;
use super::log::event;
use crate::{alerts, stop};

#[derive(Args, Clone)]
pub struct Options {
    /// The bridge's configuration: a redis:// URL or the path of a TOML file
    #[arg(long)]
    pub config: String,
    /// Time between two rounds
    #[arg(long, default_value = "2s", value_parser = humantime::parse_duration)]
    pub every: Duration,
    /// How long the load must stay lower before the level falls by one
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration)]
    pub quiet: Duration,
    /// How long a directive lasts [default: half of ris.ttl plus 15s]
    #[arg(long, value_parser = humantime::parse_duration)]
    pub hold: Option<Duration>,
    /// How long to keep signals that every consumer group has processed
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
    pub keep: Duration,
    /// How long after its last heartbeat an instance is removed from the list
    #[arg(long, default_value = "30d", value_parser = humantime::parse_duration)]
    pub forget: Duration,
    /// Serve metrics for Prometheus at http://ADDRESS/metrics
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<SocketAddr>,
    /// Log what would be done, but write nothing to Redis
    #[arg(long)]
    pub dry_run: bool,
    /// Sample twice, act once and exit; the exit code is 0 if every node answered and the level is 0
    #[arg(long)]
    pub once: bool,
}

/// Governs until it is interrupted. With `once`, returns whether every node answered and the level is 0.
pub fn govern(options: &Options) -> Result<bool> {
    ensure!(
        options.every >= Duration::from_millis(50) && options.every <= Duration::from_secs(60),
        "--every is out of range: pass 50ms to 60s"
    );
    let config = Config::read(&options.config, "").map_err(|error| anyhow!("{error}"))?;
    // Before the first look, so that a mistake in it is told at once.
    let settings =
        alerts::configuration::read(&options.config)?.filter(|_| !options.once && !options.dry_run);
    if let Some(address) = options.metrics {
        let bound = export::serve(address)?;
        event("metrics", json!({ "url": format!("http://{bound}/metrics") }));
    }
    let _alerts = settings.map(|settings| {
        let tell = |words: &str| event("alerts", json!({ "text": words }));
        alerts::start(&options.config, &config, settings, "govern", tell)
    });
    let mut governor = Governor::new(options.clone(), &config);
    loop {
        let next = Instant::now() + options.every;
        governor.round();
        if options.once && governor.rounds() > 1 {
            break;
        }
        while Instant::now() < next && !stop::requested() {
            thread::sleep((next - Instant::now().min(next)).min(Duration::from_millis(50)));
        }
        if stop::requested() {
            break;
        }
    }
    governor.leave();
    Ok(!options.once || governor.is_calm())
}

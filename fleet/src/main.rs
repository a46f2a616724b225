//! `mt5fleet`: the command line.

#![deny(unsafe_code, clippy::print_stdout, clippy::print_stderr)]

use std::io::stdout;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use mt5fleet::simulate::{Size, terminal};
use mt5fleet::up::{Plan, Topology};
use mt5fleet::{
    acl, alerts, deadletters, demo, doctor, export, govern, halt, output, reports, size, stop, top, up, web,
    work,
};

/// Run and watch Redis servers for mt5-redis, and prove with simulated terminals that nothing is lost.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start Redis servers and run them until Ctrl-C
    Up {
        /// Which servers to start
        #[arg(long, value_enum, default_value_t)]
        topology: Topology,
        /// Set memory and connection limits for this many terminals [default: the limits in deploy/]
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000))]
        terminals: Option<u64>,
        /// Keep the data in this folder [default: a temporary one]
        #[arg(long)]
        data: Option<PathBuf>,
        /// One port for each server, such as 6390,6391,6392 [default: free ports]
        #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
        ports: Option<Vec<u16>>,
        /// Exit once they are ready and leave them running until `mt5fleet down`
        #[arg(long, requires = "data")]
        detach: bool,
    },
    /// Stop the servers started by `up --data`
    Down {
        /// The folder given to `up --data`
        #[arg(long)]
        data: PathBuf,
    },
    /// Measure how much memory an instance, a position and a signal take, and print the limits for fleets
    Size(size::Options),
    /// Inspect the servers of a configuration and say how to fix what is wrong; fails if anything is red
    Doctor(doctor::Options),
    /// Show all Redis nodes and instances on one screen
    Top(top::Options),
    /// Print Redis users with just the permissions that they need
    Acl(acl::Options),
    /// Run simulated terminals against existing servers
    Simulate {
        /// The bridge's configuration: a redis:// URL or the path of a TOML file
        #[arg(long)]
        config: String,
        #[command(flatten)]
        size: Size,
    },
    /// Start servers, run simulated terminals, and check that Redis has every record once and in order
    Demo {
        /// Which servers to start; during the run, masters with Sentinels crash and a Cluster is resharded
        #[arg(long, value_enum, default_value_t)]
        topology: Topology,
        #[command(flatten)]
        size: Size,
    },
    /// Watch the servers, throttle the fleet before one is overloaded, and trim the streams
    Govern(govern::Options),
    /// Deliver signals to a command, an HTTP endpoint or standard output, as one of a group of workers
    Work(work::Options),
    /// Show what followers did with signals: delay, slippage and outcomes by follower, source and symbol
    Reports(reports::Options),
    /// Write trades, events, signals, reports and equity as CSV, as Parquet or into PostgreSQL, once or continuously
    Export(export::Options),
    /// List, retry or delete dead letters: records that a server refused and signals that no worker could process
    Deadletters {
        #[command(subcommand)]
        action: Deadletters,
    },
    /// Stop new positions of one instance or of all, and show which instances obey; fails if not all do in time
    Halt(halt::Halting),
    /// End a halt, and show which instances obey; fails if not all do in time
    Resume(halt::Resuming),
    /// Show the fleet in a browser and as a JSON API; with --operate, halt and throttle it from there
    Web(web::Options),
    /// Test who gets alerts, or list what is wrong now
    Alerts {
        #[command(subcommand)]
        action: alerts::command::Action,
    },
    /// Make a token for `mt5fleet web`
    Token(web::Making),
    #[command(hide = true)]
    Terminal(terminal::Options),
}

#[derive(Subcommand)]
enum Deadletters {
    /// List the records that a server refused for good; the exit code is 0 if there are none
    Files {
        /// Terminals' data folders, or folders that contain them
        #[arg(required = true)]
        folders: Vec<PathBuf>,
        /// Print one JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// List the signals that no worker could process; the exit code is 0 if there are none
    List {
        #[command(flatten)]
        at: At,
        /// Print one JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Append dead signals to their streams again; every group receives them
    Retry {
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        which: Which,
    },
    /// Delete dead signals
    Drop {
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        which: Which,
    },
}

#[derive(clap::Args)]
struct At {
    /// The bridge's configuration: a redis:// URL or the path of a TOML file
    #[arg(long)]
    config: String,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Ids as shown by `list`
    ids: Vec<String>,
    /// All dead signals
    #[arg(long)]
    all: bool,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    match run(arguments.command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            output::print_error(&format!("mt5fleet: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Prints what is wrong with the arguments, or the requested help.
fn usage(error: &clap::Error) -> ExitCode {
    let text = error.to_string();
    if error.use_stderr() {
        text.lines().for_each(output::print_error);
    } else if let Err(error) = text.lines().try_for_each(output::print) {
        output::print_error(&format!("mt5fleet: {error:#}"));
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Checks that there is a port for each server of the topology.
fn check_ports(topology: Topology, ports: Option<Vec<u16>>) -> Result<Option<Vec<u16>>> {
    let names = topology.names();
    match &ports {
        Some(ports) if ports.len() != names.len() => {
            bail!("--ports lists {} ports: pass {}, for {}", ports.len(), names.len(), names.join(", "))
        }
        _ => Ok(ports),
    }
}

/// Runs a command; returns whether all is well.
fn run(command: Command) -> Result<bool> {
    if let Command::Terminal(options) = command {
        return terminal::run(&options).map(|()| true);
    }
    stop::listen()?;
    match command {
        Command::Up { topology, terminals, data, ports, detach } => {
            let plan = Plan { topology, ports: check_ports(topology, ports)?, terminals };
            up::up(data.as_deref(), &plan, detach).map(|()| true)
        }
        Command::Acl(options) => {
            let printed = acl::acl(&options)?;
            printed.lines.iter().try_for_each(|line| output::print(line))?;
            // On standard error, so that the users can be piped into redis-cli or a file.
            printed.secrets.iter().for_each(|secret| output::print_error(secret));
            Ok(true)
        }
        Command::Size(options) => size::size(&options).map(|()| true),
        Command::Doctor(options) => doctor::doctor(&options),
        Command::Top(options) => top::top(&options),
        Command::Down { data } => up::down(&data).map(|()| true),
        Command::Simulate { config, size } => demo::simulate(&size, &config),
        Command::Demo { topology, size } => demo::demo(&size, topology),
        Command::Work(options) => work::run(&options).map(|()| true),
        Command::Reports(options) => reports::reports(&options).map(|()| true),
        Command::Export(options) => export::export(&options).map(|()| true),
        Command::Deadletters { action } => dead_letters(action),
        Command::Govern(options) => govern::govern(&options),
        Command::Halt(options) => halt::halt(&options),
        Command::Resume(options) => halt::resume(&options),
        Command::Web(options) => web::web(&options).map(|()| true),
        Command::Alerts { action } => alerts::command::alerts(&action),
        Command::Token(options) => web::make(&options).map(|()| true),
        Command::Terminal(_) => unreachable!("handled above"),
    }
}

fn dead_letters(action: Deadletters) -> Result<bool> {
    let out = &mut stdout().lock();
    match action {
        Deadletters::Files { folders, json } => deadletters::list(&folders, json, out),
        Deadletters::List { at, json } => work::letters::list(&at.config, json, out),
        Deadletters::Retry { at, which } => work::letters::retry(&at.config, &which.ids, out),
        Deadletters::Drop { at, which } => work::letters::drop(&at.config, &which.ids, out),
    }
}

//! `mt5fleet`: the command line.

#![deny(unsafe_code, clippy::print_stdout, clippy::print_stderr)]

use std::io::stdout;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use mt5fleet::simulate::Size;
use mt5fleet::up::{Plan, Topology};
use mt5fleet::{acl, deadletters, demo, doctor, govern, output, size, stop, terminal, top, up, work};

/// Redis servers for mt5-redis, a simulated fleet of terminals, and the proof that nothing was lost.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start Redis servers; Ctrl-C stops them
    Up {
        /// How they are arranged
        #[arg(long, value_enum, default_value_t)]
        topology: Topology,
        /// Size memory and connections for so many terminals; by default as the files in deploy/ say
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000))]
        terminals: Option<u64>,
        /// Keep their data in this folder; by default it is a temporary one
        #[arg(long)]
        data: Option<PathBuf>,
        /// The ports, one a server, like 6390,6391,6392; by default free ones
        #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
        ports: Option<Vec<u16>>,
        /// Return at once and leave them running until `mt5fleet down`
        #[arg(long, requires = "data")]
        detach: bool,
    },
    /// Stop the servers that `up --data` started
    Down {
        /// The folder that `up` was given
        #[arg(long)]
        data: PathBuf,
    },
    /// Measure what an instance, a position and a signal weigh in Redis, and say what fleets need
    Size(size::Options),
    /// Look at the servers of a configuration as an experienced operator does; fails if anything is red
    Doctor(doctor::Options),
    /// Show the fleet on one screen: the instances and the Redis nodes
    Top(top::Options),
    /// Print users for Redis that can do their own work and nothing else
    Acl(acl::Options),
    /// Run simulated terminals against servers that are there
    Simulate {
        /// What an Expert Advisor would be given: a redis:// URL, or the path of a TOML file
        #[arg(long)]
        config: String,
        #[command(flatten)]
        size: Size,
    },
    /// Start servers, run simulated terminals, and check that Redis has every record once, in order
    Demo {
        /// How the servers are arranged; half-way, Sentinels lose their masters and a Cluster is resharded
        #[arg(long, value_enum, default_value_t)]
        topology: Topology,
        #[command(flatten)]
        size: Size,
    },
    /// Watch the servers, slow the fleet down before one falls over, and keep streams short
    Govern(govern::Options),
    /// Read signals as one of a group of workers, and hand each to a command, a web address or standard output
    Work(work::Options),
    /// What was put aside: records that a server refused, and signals that no worker could process
    Deadletters {
        #[command(subcommand)]
        action: Deadletters,
    },
    #[command(hide = true)]
    Terminal(terminal::Options),
}

#[derive(Subcommand)]
enum Deadletters {
    /// Show the records that a server refused for good; the exit code says whether there are any
    Files {
        /// Terminals' data folders, or folders of such
        #[arg(required = true)]
        folders: Vec<PathBuf>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Show the signals that no worker could process; the exit code says whether there are any
    List {
        #[command(flatten)]
        at: At,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Put signals back into their streams, for every group
    Retry {
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        which: Which,
    },
    /// Delete dead letters
    Drop {
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        which: Which,
    },
}

#[derive(clap::Args)]
struct At {
    /// What an Expert Advisor would be given: a redis:// URL, or the path of a TOML file
    #[arg(long)]
    config: String,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// The letters' ids, as `list` shows them
    ids: Vec<String>,
    /// Every letter
    #[arg(long)]
    all: bool,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return told(&error),
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

/// What is wrong with the arguments, or the help that was asked for.
fn told(error: &clap::Error) -> ExitCode {
    let text = error.to_string();
    if error.use_stderr() {
        text.lines().for_each(output::print_error);
    } else if let Err(error) = text.lines().try_for_each(output::print) {
        output::print_error(&format!("mt5fleet: {error:#}"));
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// As many ports as the topology has servers.
fn enough(topology: Topology, ports: Option<Vec<u16>>) -> Result<Option<Vec<u16>>> {
    let names = topology.names();
    match &ports {
        Some(ports) if ports.len() != names.len() => {
            bail!("--ports has {}: pass {}, for {}", ports.len(), names.len(), names.join(", "))
        }
        _ => Ok(ports),
    }
}

/// Returns whether all is well.
fn run(command: Command) -> Result<bool> {
    if let Command::Terminal(options) = command {
        return terminal::run(&options).map(|()| true);
    }
    stop::listen()?;
    match command {
        Command::Up { topology, terminals, data, ports, detach } => {
            let plan = Plan { topology, ports: enough(topology, ports)?, terminals };
            up::up(data.as_deref(), &plan, detach).map(|()| true)
        }
        Command::Acl(options) => {
            let printed = acl::acl(&options)?;
            printed.lines.iter().try_for_each(|line| output::print(line))?;
            // Apart, so that the lines can be piped into redis-cli or a file.
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
        Command::Deadletters { action } => dead_letters(action),
        Command::Govern(options) => govern::govern(&options),
        Command::Terminal(_) => unreachable!("it was run above"),
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

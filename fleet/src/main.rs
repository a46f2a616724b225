//! `mt5fleet`: the command line.

use std::io::stdout;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use mt5fleet::simulate::Size;
use mt5fleet::{deadletters, demo, govern, stop, terminal, up};

/// Redis servers for mt5-redis, a simulated fleet of terminals, and the proof that nothing was lost.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the three Redis servers; Ctrl-C stops them
    Up {
        /// Keep their data in this folder; by default it is a temporary one
        #[arg(long)]
        data: Option<PathBuf>,
        /// The ports for ris, rts and rtss, like 6390,6391,6392; by default free ones
        #[arg(long, value_parser = three_ports)]
        ports: Option<[u16; 3]>,
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
        #[command(flatten)]
        size: Size,
    },
    /// Show the records that a server refused for good; the exit code says whether there are any
    Deadletters {
        /// Terminals' data folders, or folders of such
        #[arg(required = true)]
        folders: Vec<PathBuf>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Watch the servers, slow the fleet down before one falls over, and keep streams short
    Govern(govern::Options),
    #[command(hide = true)]
    Terminal(terminal::Options),
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("mt5fleet: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn three_ports(text: &str) -> Result<[u16; 3], String> {
    let ports: Option<Vec<u16>> =
        text.split(',').map(|port| port.trim().parse().ok().filter(|&port| port > 0)).collect();
    ports
        .and_then(|ports| ports.try_into().ok())
        .ok_or_else(|| "pass three ports, 1 to 65535, like 6390,6391,6392".to_owned())
}

/// Returns whether all is well.
fn run(command: Command) -> Result<bool> {
    if let Command::Terminal(options) = command {
        return terminal::run(&options).map(|()| true);
    }
    stop::listen()?;
    match command {
        Command::Up { data, ports, detach } => up::up(data.as_deref(), ports, detach).map(|()| true),
        Command::Down { data } => up::down(&data).map(|()| true),
        Command::Simulate { config, size } => demo::simulate(&size, &config),
        Command::Demo { size } => Ok(demo::demo(&size)),
        Command::Deadletters { folders, json } => deadletters::list(&folders, json, &mut stdout().lock()),
        Command::Govern(options) => govern::govern(&options),
        Command::Terminal(_) => unreachable!("it was run above"),
    }
}

//! Windows on a Linux machine: the DLL that `make windows` built, the compiler for Windows, and Wine.
//!
//! `MT5REDIS_WINDOWS=no` leaves the tests that need these out. Without it a missing part fails the test:
//! nothing is skipped in silence.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// How long a program under Wine may take; the first one of all makes the prefix.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Whether the tests under Windows are left out.
pub fn left_out() -> bool {
    let left_out = env::var("MT5REDIS_WINDOWS").is_ok_and(|value| value == "no");
    if left_out {
        eprintln!("left out, because MT5REDIS_WINDOWS=no");
    }
    left_out
}

/// The DLL: `MT5REDIS_DLL`, or where `make windows` puts it. It must be there and no older than its sources.
pub fn library() -> PathBuf {
    if let Some(path) = env::var_os("MT5REDIS_DLL") {
        return path.into();
    }
    let folder = target().join("x86_64-win7-windows-gnu/release");
    let path = folder.join("mt5_redis.dll");
    let hint = "run `make windows`, or leave the tests under Windows out by MT5REDIS_WINDOWS=no";
    let Ok(built) = modified(&path) else { panic!("{} is missing: {hint}", path.display()) };
    // Cargo's list of what the DLL was made of: "<dll>: <source> <source> ...".
    let sources = fs::read_to_string(folder.join("mt5_redis.d")).expect("cargo writes it beside the DLL");
    let sources = sources.split_once(": ").expect("a list").1.replace("\\ ", "\0");
    for source in sources.split_whitespace().map(|source| source.replace('\0', " ")) {
        let is_older = modified(Path::new(&source)).is_ok_and(|changed| changed > built);
        assert!(!is_older, "{} is older than {source}: {hint}", path.display());
    }
    path
}

/// A command that runs a Windows program, in a Wine prefix of this checkout's own.
pub fn command(program: &Path) -> Command {
    let candidates = ["/usr/lib/wine/wine64", "wine64", "wine"];
    let wine = candidates.into_iter().find(|wine| Command::new(wine).arg("--version").output().is_ok());
    let mut command = Command::new(wine.expect("Wine is needed: make test installs it where it can"));
    command
        .arg(program)
        .env("WINEPREFIX", target().join("wine"))
        .env("WINEDEBUG", "-all")
        // No windows, no menus, and none of the questions a new prefix asks.
        .env("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe=")
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY");
    command
}

/// The C compiler for Windows.
pub fn compiler() -> Command {
    Command::new("x86_64-w64-mingw32-gcc")
}

fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target/")
}

fn modified(path: &Path) -> std::io::Result<SystemTime> {
    fs::metadata(path)?.modified()
}

//! Windows on a Linux machine: the DLL that `make windows` built, the compiler for Windows, and Wine.
//!
//! `MT5REDIS_WINDOWS=no` leaves the tests that need these out. Without it a missing part fails the test:
//! nothing is skipped in silence.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Once;
use std::time::{Duration, SystemTime};

use super::process::{self, Finished};

/// How long a program under Wine may take; the first one of all makes the prefix.
const PATIENCE: Duration = Duration::from_secs(120);

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
    static SERVER: Once = Once::new();
    // Wine's server ends with its last program, and one that starts at this moment fails. So it waits for
    // another half a minute; where one is waiting already, this one ends at once.
    SERVER.call_once(|| {
        fs::create_dir_all(prefix()).expect("target/ can be written");
        let _ = wine(&["/usr/lib/wine/wineserver64", "wineserver"]).arg("-p30").status();
    });
    let mut command = wine(&["/usr/lib/wine/wine64", "wine64", "wine"]);
    command.arg(program);
    command
}

/// Ends Wine's server. One keeps sockets of terminals that were killed, and when their Redis is gone too it spins over
/// them, which makes every program slow.
pub fn end() {
    let _ = wine(&["/usr/lib/wine/wineserver64", "wineserver"]).arg("-k").status();
}

/// Runs a Windows program to its end.
pub fn run(command: &mut Command) -> Finished {
    for _ in 0..5 {
        let finished = process::run(command, PATIENCE);
        // Debian's Wine comes without its preloader, which keeps an address free that Wine cannot do
        // without: once in some thousand starts something else is there.
        if !finished.output.contains("failed to map the shared user data") {
            return finished;
        }
    }
    panic!("{command:?}: Wine does not start");
}

/// The first of these that is there, with Wine's environment.
fn wine(candidates: &[&str]) -> Command {
    let is_there = |program: &&&str| Command::new(program).arg("--version").output().is_ok();
    let program =
        candidates.iter().find(is_there).expect("Wine is needed: make test installs it where it can");
    let mut command = Command::new(program);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .env("WINEPREFIX", prefix())
        .env("WINEDEBUG", "-all,err+virtual")
        // No windows, no menus, and none of the questions a new prefix asks.
        .env("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe=")
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY");
    command
}

fn prefix() -> PathBuf {
    target().join("wine")
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

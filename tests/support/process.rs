//! Programs that a test starts: they end within a time, or are ended.

use std::fs::File;
use std::io::Read;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What a program left behind.
pub struct Finished {
    pub status: ExitStatus,
    /// All it printed, errors among the rest.
    pub output: String,
}

/// Runs a program to its end. Beyond `limit` it is killed, and the test fails with what it printed.
///
/// The output goes through a file: a pipe would stay open for as long as any process that the program
/// started in the background.
pub fn run(command: &mut Command, limit: Duration) -> Finished {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    // Appending, so that the two streams do not overwrite each other.
    let append = File::options().append(true).open(file.path()).expect("the file again");
    command.stdin(Stdio::null()).stdout(append.try_clone().expect("a second handle")).stderr(append);
    let mut process = command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let deadline = Instant::now() + limit;
    let status = loop {
        if let Some(status) = process.try_wait().expect("our own child") {
            break Some(status);
        }
        if Instant::now() > deadline {
            let _ = process.kill();
            let _ = process.wait();
            break None;
        }
        thread::park_timeout(Duration::from_millis(5));
    };
    let mut output = String::new();
    file.reopen().expect("the file again").read_to_string(&mut output).expect("UTF-8");
    match status {
        Some(status) => Finished { status, output },
        None => panic!("{command:?} did not end within {limit:?}; it printed:\n{output}"),
    }
}

/// Runs a tool that must succeed.
pub fn succeed(command: &mut Command) -> String {
    let finished = run(command, super::PATIENCE);
    assert!(finished.status.success(), "{command:?}: {}\n{}", finished.status, finished.output);
    finished.output
}

//! The C programs of this folder: compiled when they are needed, with what they are measured against.

use std::path::{Path, PathBuf};
use std::process::Command;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/bridge");
const INCLUDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/include");

/// Compiles one of them; `arguments` are the compiler's.
pub fn compile(source: &str, name: &str, folder: &Path, arguments: &[&str]) -> PathBuf {
    let program = folder.join(name);
    let status = Command::new("cc")
        .args(["-O2", "-Wall", "-Wextra", "-I", INCLUDE, "-o"])
        .arg(&program)
        .arg(Path::new(FOLDER).join(source))
        .args(arguments)
        .arg("-lpthread")
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "{source} does not compile: run scripts/prepare.sh bench"
    );
    program
}

/// What links a program with the library that was built for this run.
pub fn library() -> Vec<String> {
    let program = std::env::current_exe().expect("this program");
    // target/release/deps/bridge-…
    let folder = program.ancestors().nth(2).expect("target/release").to_owned();
    assert!(folder.join("libmt5_redis.so").exists(), "cargo build --release comes first");
    vec![
        "-L".into(),
        folder.display().to_string(),
        "-lmt5_redis".into(),
        format!("-Wl,-rpath,{}", folder.display()),
    ]
}

/// Runs a program and returns the numbers it prints.
pub fn numbers(command: &mut Command) -> Vec<f64> {
    let output = command.output().expect("it starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    let text = String::from_utf8_lossy(&output.stdout);
    text.split_whitespace().map(|word| word.parse().expect("a number")).collect()
}

//! Each promise of the Expert Advisors has a scenario that fails without it. `tests/mql5/mutants` lists the mistakes that show
//! it, and `make mutants` makes all of them; here are a few, and one that breaks nothing.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use support::process;
use support::wine;

/// The first run compiles the terminal and may make Wine's folder.
const LIMIT: Duration = Duration::from_secs(280);

const NOTICED: [&str; 3] = [
    "total lots have no limit",
    "an event is told again after a restart",
    "reversed copies trade as the source",
];
const HARMLESS: &str = "\
nothing changes
in Mt5RedisDirection.mqh
- if(m_direction==MT5REDIS_COPY_LONG_ONLY && !buy_)
+ if(!buy_ && m_direction==MT5REDIS_COPY_LONG_ONLY)
fails follower_direction at until positions
";

#[test]
fn a_mistake_is_noticed_and_a_harmless_change_is_not() {
    if wine::left_out() {
        return;
    }
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target/");
    let table = tempfile::NamedTempFile::with_suffix(".txt").expect("a file");
    fs::write(table.path(), HARMLESS).expect("a file");
    let mut command = Command::new(project.join("target/python/bin/python"));
    command
        .arg(project.join("tests/mql5/run.py"))
        .args(["mutants", "written"])
        .args(NOTICED)
        .arg(table.path());
    command.arg("--build").arg(target.join("mql5")).arg("--prefix").arg(target.join("wine"));
    command.arg("--library").arg(wine::library());
    let finished = process::run(&mut command, LIMIT);
    let output = finished.output;
    for name in NOTICED {
        assert!(output.contains(&format!("noticed: {name}: ")), "{output}");
    }
    assert!(output.contains("SURVIVED: nothing changes: "), "{output}");
    assert!(!finished.status.success() && output.contains("3 of 4 mutants are noticed"), "{output}");
}

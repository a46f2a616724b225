//! Instructions of a call and of a lane's thread for a record, counted by valgrind and held against ceilings:
//! a slowdown turns red without a clock. The library is the one that is shipped; the caller is the bench's, its
//! loop and its clock included. A ceiling is a twentieth above what was counted, a lane's a tenth, because batches
//! differ, and so does what it reads from the journal; who makes something faster lowers it.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::configuration;
use support::server::Server;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Enough for the start not to matter, in two sizes whose difference counts.
const CALLS: [u64; 2] = [2_000, 6_000];
/// How often what is above a ceiling is counted.
const COUNTS: usize = 3;

#[test]
fn a_call_and_its_way_through_the_lane_stay_below_their_ceilings() {
    let folder = tempfile::tempdir().unwrap();
    let library = library();
    let server = Server::start();
    for (peer, sync, encoding, call, lane) in [
        ("signal", "os", "packed", 1_260, 4_950),
        // Without a journal all of them go through the queue, and so the lane's work repeats nearly exactly.
        ("signal", "off", "fields", 950, 6_500),
        ("signal", "off", "packed", 950, 3_400),
        ("price", "os", "packed", 1_470, 2_700),
        // A change never coalesces with a later state, and is told as an event as well.
        ("trade", "os", "packed", 1_470, 7_530),
        // Its lane writes the newest of those that wait, so what it does for each depends on the machine.
        ("heartbeat", "os", "fields", 1_540, u64::MAX),
    ] {
        let program = folder.path().join(peer);
        compile(peer, &library, &program);
        let text = format!(
            "url = \"{}\"\n[ris]\nqueue = 8192\n[journal]\nsync = \"{sync}\"\n[rts]\nencoding = \"{encoding}\"\n[rtss]\nencoding = \"{encoding}\"\n",
            server.url()
        );
        // A machine with other work makes smaller batches, which cost more: the least of some counts is the code's.
        let mut least = [u64::MAX; 2];
        for _ in 0..COUNTS {
            let [few, many] = CALLS.map(|calls| count(&program, &text, calls));
            // Each of the calls is made twice.
            least = [0, 1].map(|at| least[at].min((many[at] - few[at]) / (CALLS[1] - CALLS[0]) / 2));
            if least[0] <= call && least[1] <= lane {
                break;
            }
        }
        println!("{peer}, {encoding}, journal {sync}: {} a call, {} in the lane", least[0], least[1]);
        assert!(least[0] <= call, "a call of {peer}, {encoding}, journal {sync}: {} of {call}", least[0]);
        assert!(least[1] <= lane, "the lane for {peer}, {encoding}, journal {sync}: {} of {lane}", least[1]);
    }
}

/// The folder of the library as it is shipped.
fn library() -> PathBuf {
    // Rustup's cargo, where there is one: it fixes the toolchain for all crates, and one of them asks for its own.
    let built = Command::new("cargo").args(["build", "--release", "--lib"]).current_dir(ROOT).status();
    assert!(built.is_ok_and(|status| status.success()), "the library does not build");
    // target/debug/deps/instructions-…
    let program = std::env::current_exe().unwrap();
    program.ancestors().nth(3).unwrap().join("release")
}

fn compile(peer: &str, library: &Path, program: &Path) {
    let status = Command::new("cc")
        .args(["-O2", &format!("-DPEER_{peer}"), "-I", &format!("{ROOT}/include"), "-o"])
        .arg(program)
        .args([&format!("{ROOT}/benches/bridge/call.c"), "-L", library.to_str().unwrap(), "-lmt5_redis"])
        .args([&format!("-Wl,-rpath,{}", library.display()), "-lpthread"])
        .status();
    assert!(status.is_ok_and(|status| status.success()), "call.c does not compile");
}

/// Instructions of the calling thread, and of the one that did most beside it, the lane's.
fn count(program: &Path, text: &str, calls: u64) -> [u64; 2] {
    let folder = tempfile::tempdir().unwrap();
    let (_kept, config) = configuration(text);
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--separate-threads=yes", "--quiet"])
        .arg(format!("--callgrind-out-file={}", folder.path().join("out").display()))
        // Cargo's leads to the library of its own profile.
        .env_remove("LD_LIBRARY_PATH")
        .arg(program)
        .args(["burst", "1", &calls.to_string(), &config])
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let total = |file: &Path| {
        let text = fs::read_to_string(file).ok()?;
        text.lines().find_map(|line| line.strip_prefix("totals: "))?.trim().parse::<u64>().ok()
    };
    let caller = total(&folder.path().join("out-01")).unwrap();
    let others = (2..9).filter_map(|thread| total(&folder.path().join(format!("out-0{thread}"))));
    [caller, others.max().unwrap()]
}

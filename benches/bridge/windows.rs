//! The Windows DLL in a Windows program under Wine, beside the same program with the shared object on Linux:
//! for information, since nobody trades under Wine.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::peers::{self, numbers};
use crate::report::{Report, thousands};
use crate::support::process::succeed;
use crate::support::server::Server;
use crate::support::wine;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/bridge/windows.c");
const INCLUDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/include");

pub fn measure(report: &mut Report) {
    if wine::left_out() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let calls = report.rounds(200_000).to_string();
    let build = std::env::current_exe().expect("this program");
    let library = build.with_file_name("../libmt5_redis.so");

    let native = peers::compile("windows.c", "linux", folder.path(), &["-ldl"]);
    let program = folder.path().join("windows.exe");
    succeed(
        wine::compiler().args(["-O2", "-I", INCLUDE, SOURCE, "-static", "-lpthread", "-o"]).arg(&program),
    );
    fs::copy(wine::library(), folder.path().join("mt5_redis.dll")).expect("a copy of the DLL");

    let run = |mut command: Command, library: &str, data: &Path| {
        let server = Server::start();
        command.current_dir(folder.path());
        // Wine shows the root of this machine as drive Z, and takes its paths.
        numbers(command.args([library, &server.url()]).arg(data).arg(&calls))
    };
    let linux =
        run(Command::new(&native), library.to_str().expect("UTF-8"), &folder.path().join("linux-data"));
    let mut command = wine::command(&program);
    command.stdout(std::process::Stdio::piped());
    let windows = run(command, "mt5_redis.dll", &folder.path().join("windows-data"));

    let row = |name: &str, numbers: &[f64]| {
        let cells = numbers.iter().map(|&number| thousands(number));
        [name.to_owned()].into_iter().chain(cells).collect::<Vec<_>>()
    };
    let mut ratio = vec!["ratio".to_owned()];
    ratio.extend(windows.iter().zip(&linux).map(|(windows, linux)| format!("{:.2}", windows / linux)));
    let header = ["system", "mean ns", "p50", "p99", "signals/s committed"];
    report.table("windows", &header, &[row("Linux", &linux), row("Windows, by Wine", &windows), ratio]);
}

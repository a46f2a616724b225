//! A PostgreSQL server of our own, from Debian's package, in a temporary folder. It listens on a Unix socket there. It runs
//! as nobody if the test runs as root, which it refuses.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long a server may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// Debian's nobody and nogroup.
const NOBODY: u32 = 65_534;

pub struct Server {
    folder: TempDir,
    port: u16,
    arguments: Vec<String>,
    process: Child,
}

impl Server {
    pub fn start() -> Self {
        Self::start_with(5432, &[], |_| ())
    }

    /// With a port, which names the socket too, more settings, and files that are made in its folder before it starts. The
    /// password of its user `fleet` is `correct horse`; nobody needs it at the socket.
    pub fn start_with(port: u16, settings: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        fs::write(&password, "correct horse").unwrap();
        give(folder.path());
        give(&password);
        let made = command("initdb", folder.path())
            .args(["--username=fleet", "--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync"])
            .args(["--encoding=UTF8", "--locale=C", "--pwfile=password", "--pgdata=data"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        prepare(folder.path());
        let settings = settings.iter().flat_map(|&setting| ["-c".to_owned(), setting.to_owned()]);
        let arguments: Vec<String> = settings.chain(["-p".to_owned(), port.to_string()]).collect();
        let process = run(folder.path(), &arguments);
        let server = Self { folder, port, arguments, process };
        drop(server.client());
        server
    }

    /// The address for `--postgres`.
    pub fn address(&self) -> String {
        format!("host={} port={} user=fleet dbname=postgres", self.folder.path().display(), self.port)
    }

    pub fn client(&self) -> Client {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match Client::connect(&self.address(), NoTls) {
                Ok(client) => return client,
                Err(error) => assert!(Instant::now() < deadline, "PostgreSQL does not answer: {error:?}"),
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it like a crash.
    pub fn crash(&mut self) {
        self.signal(Signal::QUIT);
    }

    pub fn start_again(&mut self) {
        self.process = run(self.folder.path(), &self.arguments);
        drop(self.client());
    }

    fn signal(&mut self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.process), signal);
        let _ = self.process.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The quickest end: nobody needs the data.
        self.signal(Signal::QUIT);
    }
}

fn run(folder: &Path, arguments: &[String]) -> Child {
    // A crashed server's lock names a process that may be another by now.
    let _ = fs::remove_file(folder.join("data/postmaster.pid"));
    let log = fs::File::create(folder.join("log")).unwrap();
    command("postgres", folder)
        .args(["-D", "data", "-c", "listen_addresses=", "-c", "fsync=off", "-c"])
        .arg(format!("unix_socket_directories={}", folder.display()))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// One of PostgreSQL's programs, as somebody who may run it.
fn command(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(binaries().join(program));
    command.current_dir(folder).env("LC_ALL", "C");
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Where Debian installs the newest version.
fn binaries() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let servers = versions.map(|version| version.path()).filter(|path| path.join("bin/initdb").exists());
    let number = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().parse::<f64>().unwrap_or(0.0);
    let newest = servers.max_by(|one, other| number(one).total_cmp(&number(other)));
    newest.expect("scripts/prepare.sh test installs PostgreSQL").join("bin")
}

/// Lets the server's user own a file.
pub fn give(path: &Path) {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    fs::set_permissions(path, fs::Permissions::from_mode(if path.is_dir() { 0o700 } else { 0o600 })).unwrap();
}

/// Whether the test runs as root.
fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

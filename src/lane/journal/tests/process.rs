//! Processes that are killed at any moment, and disks that are full. A child is this test executable, started again for
//! one test with an environment variable that makes it the child.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use super::*;

const FOLDER: &str = "JOURNAL_TEST_FOLDER";

/// The folder to work in, if this is a child.
fn childs_folder() -> Option<PathBuf> {
    env::var_os(FOLDER).map(PathBuf::from)
}

fn child(test: &str, folder: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([&format!("{}::{test}", module_path!().split_once("::").unwrap().1), "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn whatever_was_accepted_survives_a_kill() {
    let limits = Limits { segment_bytes: 64 << 10, max_bytes: 64 << 20, sync: JournalSync::Os };
    if let Some(folder) = childs_folder() {
        let Ready { journal, mut appender, .. } = open_with(&folder, &limits).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                loop {
                    journal.prepare().unwrap_or_else(|_| std::process::abort());
                    let last = journal.last();
                    journal.acknowledge(last.saturating_sub(2000));
                    journal.release(last.saturating_sub(5000));
                }
            });
            let mut output = io::stdout().lock();
            loop {
                let sequence = appender.append(&payload(appender.next()));
                let sequence = sequence.unwrap_or_else(|_| std::process::abort());
                // A line at a time: the number is in the pipe only after the record was accepted.
                output.write_all(format!("accepted {sequence}\n").as_bytes()).unwrap();
            }
        });
    }
    let folder = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    let mut expected = 1;
    for round in 0..50 {
        let mut child = child("whatever_was_accepted_survives_a_kill", folder.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let enough = random.u64(1..4000);
        let mut last = 0;
        let mut count = 0;
        let mut check = |line: io::Result<String>| {
            let line = line.unwrap();
            // The harness prints the test's name before the first number.
            let Some((_, sequence)) = line.split_once("accepted ") else { return false };
            last = sequence.parse().unwrap();
            // The child before may have accepted a number that it did not print.
            assert!(last == expected || count == 0 && last == expected + 1, "{last} is not {expected}");
            expected = last + 1;
            count += 1;
            count == enough
        };
        lines.by_ref().any(&mut check);
        child.kill().unwrap();
        lines.for_each(|line| {
            check(line);
        });
        child.wait().unwrap();

        let Ready { journal, lost, notes, appender, .. } = open_with(folder.path(), &limits).unwrap();
        if cfg!(target_os = "linux") {
            assert_eq!(notes, [""; 0], "round {round}");
        }
        assert!(lost == 0 && count >= enough);
        assert!((last..=last + 1).contains(&journal.last()), "round {round}");
        let first = journal.first();
        assert_eq!(read(&journal, first), (first..=journal.last()).collect::<Vec<_>>());
        assert!(journal.acknowledged() >= first - 1, "only acknowledged records are released");
        expected = appender.next();
    }
}

#[test]
fn a_folder_has_one_holder_at_a_time() {
    if let Some(folder) = childs_folder() {
        let _opened = open_with(&folder, &SMALL).unwrap();
        println!("holding");
        let _ = io::stdin().read_line(&mut String::new());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut child = child("a_folder_has_one_holder_at_a_time", folder.path());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("holding")));
    let error = open_with(folder.path(), &SMALL).err().unwrap();
    assert_eq!(error.code(), MT5REDIS_ERR_JOURNAL_LOCKED);
    assert!(error.to_string().contains(&folder.path().display().to_string()), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
    let opened = open_with(folder.path(), &SMALL).unwrap();
    assert_eq!(open_with(folder.path(), &SMALL).err().unwrap().code(), MT5REDIS_ERR_JOURNAL_LOCKED);
    drop(opened);
    open(folder.path());
}

#[test]
fn a_folder_that_cannot_be_one_is_refused_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = open_with(&path, &SMALL).err().unwrap();
        assert_eq!(error.code(), MT5REDIS_ERR_JOURNAL);
        assert!(
            error.to_string().contains("file") && error.to_string().contains("journal.folder"),
            "{error}"
        );
    }
}

/// The limit on a file's size stands for a full disk: the system reports both when a file is made.
#[cfg(unix)]
#[test]
fn a_disk_that_fills_refuses_and_recovers() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    use nix::sys::signal::{SigHandler, Signal, signal};
    if let Some(folder) = childs_folder() {
        #[allow(unsafe_code)]
        // SAFETY: no handler of ours is installed.
        unsafe {
            signal(Signal::SIGXFSZ, SigHandler::SigIgn).unwrap();
        }
        let (soft, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
        let Ready { journal, mut appender, .. } = open(&folder);
        fill(&mut appender, 5);
        setrlimit(Resource::RLIMIT_FSIZE, 1024, hard).unwrap();
        check_full(&journal, &mut appender);
        // At the open too, it is an error and not a crash.
        let other = folder.join("other");
        let error = open_with(&other, &SMALL).err().unwrap();
        assert_eq!(error.code(), MT5REDIS_ERR_JOURNAL);
        assert!(error.to_string().contains("free space"), "{error}");
        setrlimit(Resource::RLIMIT_FSIZE, soft, hard).unwrap();
        check_recovered(&journal, &mut appender);
        open(&other);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let child = child("a_disk_that_fills_refuses_and_recovers", folder.path());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[cfg(unix)]
fn check_full(journal: &Journal, appender: &mut Appender) {
    let refused = loop {
        if let Err(refused) = appender.append(&payload(appender.next())) {
            break refused;
        }
    };
    assert!(matches!(&refused, Refused::Disk(text) if text.contains("os error")), "{refused}");
    let files = journal.next_file.load(Ordering::Relaxed);
    assert_eq!(appender.append(&payload(appender.next())), Err(refused.clone()));
    assert_eq!(journal.next_file.load(Ordering::Relaxed), files, "a refusal tries nothing");
    assert_eq!(journal.prepare(), Err(refused));
}

#[cfg(unix)]
fn check_recovered(journal: &Arc<Journal>, appender: &mut Appender) {
    assert!(appender.append(&payload(appender.next())).is_err(), "until the disk is tried again");
    journal.prepare().unwrap();
    fill(appender, 50);
    assert_eq!(read(journal, 1), (1..=journal.last()).collect::<Vec<_>>());
}

/// A small file system of the test's own, if this user may mount one.
#[cfg(target_os = "linux")]
#[test]
fn a_small_disk_that_is_full_or_read_only() {
    use nix::mount::{MsFlags, mount, umount};
    let folder = tempfile::tempdir().unwrap();
    let (path, none) = (folder.path(), None::<&str>);
    if mount(Some("journal"), path, Some("tmpfs"), MsFlags::empty(), Some("size=256k")).is_err() {
        println!("not run: mounting takes root");
        return;
    }
    let outcome = std::panic::catch_unwind(|| {
        let folder = path.join("lane");
        let limits = Limits { segment_bytes: 64 << 10, ..SMALL };
        let Ready { journal, mut appender, .. } = open_with(&folder, &limits).unwrap();
        check_full(&journal, &mut appender);
        journal.acknowledge(journal.last());
        journal.release(journal.last());
        journal.prepare().unwrap();
        fill(&mut appender, 300);
        drop((journal, appender));
        fs::write(path.join("filler"), vec![1; 1 << 20]).unwrap_err();
        let error = open_with(&path.join("new"), &limits).err().unwrap();
        assert_eq!(error.code(), MT5REDIS_ERR_JOURNAL);
        assert!(error.to_string().contains("free space"), "{error}");

        mount(none, path, none, MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY, none).unwrap();
        let error = open_with(&folder, &limits).err().unwrap();
        assert_eq!(error.code(), MT5REDIS_ERR_JOURNAL);
        assert!(
            error.to_string().contains("Read-only") && error.to_string().contains("where it can"),
            "{error}"
        );
    });
    umount(path).unwrap();
    outcome.unwrap();
}

#[cfg(unix)]
#[test]
fn only_its_user_can_enter_a_journal_and_no_link_is_followed() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    let data = tempfile::tempdir().unwrap();
    let journals = data.path().join("mt5-redis");
    let folder = journals.join("lane");
    {
        let Ready { journal, mut appender, .. } = open(&folder);
        fill(&mut appender, 50);
        journal.note_history("h").unwrap();
        journal.contest().unwrap();
    }
    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().mode() & 0o7777;
    assert_eq!([&journals, &folder].map(|path| mode(path)), [0o700, 0o700]);
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 6, "{files:?}");
    files.iter().for_each(|path| assert_eq!(mode(path), 0o600, "{}", path.display()));
    // A folder that was open to others is closed to them.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    drop(open_with(&folder, &SMALL).unwrap());
    assert_eq!(mode(&folder), 0o700);

    let elsewhere = data.path().join("elsewhere");
    fs::write(&elsewhere, "precious").unwrap();
    for file in ["lock", "acknowledged", "producer", "opened", "0000000009.journal"] {
        let path = folder.join(file);
        let kept = fs::read(&path);
        let _ = fs::remove_file(&path);
        symlink(&elsewhere, &path).unwrap();
        let error = open_with(&folder, &SMALL).err().unwrap_or_else(|| panic!("{file} is followed"));
        assert!(error.to_string().contains("it is a link"), "{error}");
        fs::remove_file(&path).unwrap();
        if let Ok(bytes) = kept {
            fs::write(&path, bytes).unwrap();
        }
    }
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "precious");
    let pipe = folder.join("0000000008.journal");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(open_with(&folder, &SMALL).err().unwrap().to_string().contains("a pipe"));
    fs::remove_file(pipe).unwrap();

    for (link, target, path) in [("link", &folder, "link"), ("links", &journals, "links/lane")] {
        symlink(target, data.path().join(link)).unwrap();
        let error = open_with(&data.path().join(path), &SMALL).err().unwrap();
        assert!(error.to_string().contains("it is a link"), "{error}");
    }
    open_with(&folder, &SMALL).unwrap();
}

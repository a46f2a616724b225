//! The folder of a journal: its lock, and the small files beside the segments. Only its user can enter it. Links,
//! pipes and devices in it are never opened.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use crate::codes::{MT5REDIS_ERR_JOURNAL, MT5REDIS_ERR_JOURNAL_LOCKED};
use crate::error::{Error, Result};

const CLOSED: &str = "closed";
const HISTORY: &str = "history";

/// A folder that this journal alone uses, until it is dropped or the process ends in whatever way.
pub(super) struct Folder {
    path: PathBuf,
    lock: File,
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.unlock();
    }
}

impl Folder {
    /// Makes the folder if need be and locks it.
    pub(super) fn lock(path: &Path) -> Result<Self> {
        let journals = path.parent().filter(|journals| is_link(journals));
        if let Some(link) = journals.or_else(|| Some(path).filter(|path| is_link(path))) {
            let error = io::Error::other("it is a link, and what it leads to may be anybody's");
            return Err(fault(link, "cannot be used", &error));
        }
        create(path).map_err(|error| fault(path, "cannot be created", &error))?;
        let file = path.join("lock");
        let lock = open(&file, File::options().read(true).write(true).create(true).truncate(false));
        let lock = lock.map_err(|error| fault(&file, "cannot be opened for writing", &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), lock }),
            Err(TryLockError::WouldBlock) => Err(Error::new(
                MT5REDIS_ERR_JOURNAL_LOCKED,
                format!(
                    "the journal in {} is in use by another process, or by another session of this one with \
                     another configuration: give each terminal a data folder of its own, or end the other",
                    path.display()
                ),
            )),
            Err(TryLockError::Error(error)) => Err(fault(&file, "cannot be locked", &error)),
        }
    }

    /// Lets another journal have the folder.
    pub(super) fn unlock(&self) {
        // Closing is not enough when another thread is just starting a process: that holds a copy of the
        // handle for a moment.
        let _ = self.lock.unlock();
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether what was written last may be missing: the machine stopped while the journal was open. The end
    /// of a process alone loses nothing.
    pub(super) fn may_lack_the_last(&self) -> bool {
        match read(&self.path.join("opened")) {
            Ok(text) if text == CLOSED => false,
            Ok(text) => text.is_empty() || boot() != Some(text),
            // A new folder lacks nothing; of one where the file was lost nobody knows.
            Err(_) => true,
        }
    }

    /// Notes in which run of the machine the journal is open. On the disk before anything else happens.
    pub(super) fn note_opened(&self) -> Result<()> {
        let file = self.path.join("opened");
        write(&file, boot().as_deref().unwrap_or_default())
            .map_err(|error| fault(&file, "cannot be written", &error))
    }

    /// The history that was noted last; half a note is another one's.
    pub(super) fn history(&self) -> Option<String> {
        read(&self.path.join(HISTORY)).ok()
    }

    /// Notes which history of the servers has what was acknowledged.
    pub(super) fn note_history(&self, history: &str) -> io::Result<()> {
        write(&self.path.join(HISTORY), history)
    }

    /// Notes that everything is on the disk.
    pub(super) fn note_closed(&self) -> io::Result<()> {
        write(&self.path.join("opened"), CLOSED)
    }
}

/// What names this run of the machine, where the system tells.
fn boot() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().filter(|text| !text.is_empty())
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

/// Makes a folder that only its user can enter, or makes it one. On Windows it has the rights of the one around it,
/// which in a user's profile are the user's.
fn create(path: &Path) -> io::Result<()> {
    let mut folder = DirBuilder::new();
    folder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder.create(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mut permissions = fs::metadata(path)?.permissions();
        if permissions.mode() & 0o077 != 0 {
            permissions.set_mode(0o700);
            fs::set_permissions(path, permissions)?;
        }
    }
    Ok(())
}

/// Opens a file of a journal; one that is made is its user's alone.
pub(crate) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    // Before it is opened: whoever opens a pipe waits for its other end. Nobody else can put one there meanwhile.
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            return Err(io::Error::other(
                "it is a link, a folder, a pipe or a device where a file should be",
            ));
        }
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(path)
}

/// Reads a small file.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    open(path, File::options().read(true))?.take(1 << 20).read_to_string(&mut text)?;
    Ok(text)
}

/// Writes a small file, onto the disk.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = open(path, File::options().write(true).create(true).truncate(true))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// An error about a path, the system's reason, and what helps.
pub(super) fn fault(path: &Path, what: &str, error: &io::Error) -> Error {
    let advice = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "free space there, or move the journal to another disk with journal.folder"
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "let this user write there, or set journal.folder to a folder where it can"
        }
        _ => "set journal.folder to a folder on a local disk where this user can write",
    };
    Error::new(MT5REDIS_ERR_JOURNAL, format!("{} {what}: {error}; {advice}", path.display()))
}

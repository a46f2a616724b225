//! The folder of a journal: its lock, and the small files beside the segments. Only its user can enter it. Links,
//! pipes and devices in it are never opened.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use crate::codes::{MT5REDIS_ERR_JOURNAL, MT5REDIS_ERR_JOURNAL_LOCKED};
use crate::error::{Error, Result};

const CLOSED: &str = "closed";
const HISTORY: &str = "history";

/// A folder that one journal holds until it is dropped or its process ends.
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
    /// Locks the folder. If it is missing, it is made.
    pub(super) fn lock(path: &Path) -> Result<Self> {
        let journals = path.parent().filter(|journals| is_link(journals));
        if let Some(link) = journals.or_else(|| Some(path).filter(|path| is_link(path))) {
            let error = io::Error::other("it is a link, and anybody may own its target");
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
                    "the journal in {} is in use by another process, or by a session of this process with another \
                     configuration: give each terminal its own data folder, or end the other",
                    path.display()
                ),
            )),
            Err(TryLockError::Error(error)) => Err(fault(&file, "cannot be locked", &error)),
        }
    }

    /// Lets another journal have the folder.
    pub(super) fn unlock(&self) {
        // Closing is not enough while another thread starts a process, which has a copy of the handle for a moment.
        let _ = self.lock.unlock();
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the newest records may be missing: the machine stopped while the journal was open. The end of a process
    /// loses nothing.
    pub(super) fn may_lack_the_last(&self) -> bool {
        match read(&self.path.join("opened")) {
            Ok(text) if text == CLOSED => false,
            Ok(text) => text.is_empty() || boot() != Some(text),
            // A new folder, which lacks nothing, or one that lost the file.
            Err(_) => true,
        }
    }

    /// Notes in which run of the machine the journal is open, and waits until that is on the disk.
    pub(super) fn note_opened(&self) -> Result<()> {
        let file = self.path.join("opened");
        write(&file, boot().as_deref().unwrap_or_default())
            .map_err(|error| fault(&file, "cannot be written", &error))
    }

    /// The history that was noted last. A torn note equals no history.
    pub(super) fn history(&self) -> Option<String> {
        read(&self.path.join(HISTORY)).ok()
    }

    /// Notes which history of the servers has the acknowledged records.
    pub(super) fn note_history(&self, history: &str) -> io::Result<()> {
        write(&self.path.join(HISTORY), history)
    }

    /// Notes that everything is on the disk.
    pub(super) fn note_closed(&self) -> io::Result<()> {
        write(&self.path.join("opened"), CLOSED)
    }
}

/// The name of this run of the machine, where the system has one.
fn boot() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().filter(|text| !text.is_empty())
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

/// Makes the folder, and lets only its user enter it. On Windows it inherits the rights of its parent, which in a user's
/// profile are the user's alone.
pub(crate) fn create(path: &Path) -> io::Result<()> {
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

/// Opens a file of a journal. A new file is its user's alone.
pub(crate) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    // Opening a pipe would wait for its other end. No other user can put one there between this and the open.
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

/// Writes a small file and waits until it is on the disk.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = open(path, File::options().write(true).create(true).truncate(true))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// An error about a path, with the system's reason and what helps.
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

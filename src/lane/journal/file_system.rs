//! Whether the file system keeps the blocks that a segment's zeros reserved. Storing into a mapped page cannot report
//! an error. Where rewriting a page needs new blocks (copy-on-write, compression, a server behind it), a full disk
//! ends the process. `fallocate` does not help: such file systems lack it, or it lasts for the first write only. So
//! the operator gets a warning.

use std::path::Path;

/// What an operator should know about the file system of this segment, which was just made.
pub(super) fn warning(segment: &Path) -> Option<String> {
    let why = unsure(segment)?;
    Some(format!(
        "{}: {why}, so a full disk may end this process. Keep space free there, or set journal.folder to a folder on \
         ext4, xfs or uncompressed NTFS",
        segment.parent().unwrap_or(segment).display()
    ))
}

#[cfg(target_os = "linux")]
fn unsure(segment: &Path) -> Option<String> {
    let path = std::fs::canonicalize(segment).ok()?;
    let mounts = std::fs::read("/proc/self/mountinfo").ok()?;
    let mounts = String::from_utf8_lossy(&mounts);
    let kind = kind(&mounts, path.to_str()?)?;
    Some(format!("{kind} needs new space to write a block again"))
}

#[cfg(windows)]
fn unsure(segment: &Path) -> Option<String> {
    use std::os::windows::fs::MetadataExt;
    // ReFS copies files with integrity streams on write.
    const ATTRIBUTES: [(u32, &str); 3] = [
        (0x200, "files here are sparse"),
        (0x800, "files here are compressed"),
        (0x8000, "ReFS copies on write"),
    ];
    let attributes = std::fs::metadata(segment).ok()?.file_attributes();
    let found = ATTRIBUTES.iter().find(|(attribute, _)| attributes & attribute != 0);
    found.map(|(_, why)| (*why).to_owned())
}

#[cfg(not(any(target_os = "linux", windows)))]
fn unsure(_segment: &Path) -> Option<String> {
    Some("file systems here may copy on write".to_owned())
}

/// The kind of the path's file system in the list of mounts, if it may need new blocks to rewrite a page.
#[cfg(any(target_os = "linux", test))]
fn kind<'m>(mounts: &'m str, path: &str) -> Option<&'m str> {
    /// They copy on write, compress, or have a server behind them. A container's `overlay` is not among them: it is
    /// mostly on ext4 or xfs.
    const UNSURE: [&str; 12] = [
        "btrfs", "zfs", "bcachefs", "nilfs2", "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs",
        "ceph",
    ];
    // id parent device root MOUNT options [tags] - KIND source options
    let mut best: Option<(usize, &str, &str)> = None;
    for line in mounts.lines() {
        let Some((before, after)) = line.split_once(" - ") else { continue };
        let Some(mount) = before.split(' ').nth(4).map(unescaped) else { continue };
        let mut after = after.split(' ');
        let (kind, options) = (after.next().unwrap_or_default(), after.nth(1).unwrap_or_default());
        let inside = path.strip_prefix(mount.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'));
        // Of two mounts at one place, the later one counts.
        if inside && best.is_none_or(|(length, ..)| mount.len() >= length) {
            best = Some((mount.len(), kind, options));
        }
    }
    let (_, kind, options) = best?;
    let unsure = UNSURE.contains(&kind) || kind.starts_with("fuse") || options.contains("compress");
    unsure.then_some(kind)
}

/// A path from the list of mounts, which writes spaces and line ends in octal.
#[cfg(any(target_os = "linux", test))]
fn unescaped(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (escape, character)| text.replace(escape, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_system_of_a_path_is_found_among_the_mounts() {
        const MOUNTS: &str = "\
            1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
            2 1 0:30 / /data rw shared:2 master:1 - btrfs /dev/sdb rw,compress=zstd:3\n\
            3 2 0:31 / /data/plain rw - xfs /dev/sdc rw\n\
            4 1 0:32 / /a\\040b rw - fuse.sshfs host: rw\n\
            5 1 0:33 / /twice rw - ext4 /dev/sdd rw\n\
            6 1 0:34 / /twice rw - zfs pool rw\n\
            7 1 0:35 / /f rw - f2fs /dev/sde rw,compress_algorithm=lz4\n\
            broken\n";
        for (path, expected) in [
            ("/home/x/1.journal", None),
            ("/data/1.journal", Some("btrfs")),
            ("/data/plain/1.journal", None),
            ("/database/1.journal", None),
            ("/a b/1.journal", Some("fuse.sshfs")),
            ("/twice/1.journal", Some("zfs")),
            ("/f/1.journal", Some("f2fs")),
        ] {
            assert_eq!(kind(MOUNTS, path), expected, "{path}");
        }
        assert_eq!(kind("", "/x"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_system_in_memory_gets_no_warning() {
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        let segment = folder.path().join("1.journal");
        std::fs::write(&segment, "").unwrap();
        assert_eq!(warning(&segment), None);
    }
}

//! An instance's halts on the disk: a small file beside the journals, one for each instance and site. It is written anew
//! and renamed, so a process that is killed leaves a whole one; a checksum finds what a loss of power leaves. Without halts
//! there is no file. A file that cannot be read halts entries until somebody resumes the instance, because it would not be
//! there without a halt.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::lane::{create_folder, open_file, sync_folder};
use crate::model::halt::Halt;

/// The largest file that is read, bytes.
const LIMIT: u64 = 16 << 10;

/// The halts of an instance.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Orders {
    /// The last value of `halt`, unless that was the end of a halt.
    pub(super) all: Option<Halt>,
    /// The same of `halt:{I}`.
    pub(super) one: Option<Halt>,
}

impl Orders {
    /// The order that counts.
    pub(super) fn strictest(&self) -> Option<&Halt> {
        Halt::stricter(self.all.as_ref(), self.one.as_ref())
    }
}

/// The halts as they stand in the file, which starts with the checksum of this.
#[derive(Serialize, Deserialize)]
struct Stored {
    instance: String,
    all: Option<String>,
    one: Option<String>,
}

/// The file of one instance.
pub(super) struct Memory {
    instance: String,
    /// None: there is no folder.
    path: Option<PathBuf>,
    /// What the file says; none: unknown.
    kept: Option<Orders>,
    /// The disk may not have all of it yet.
    unsynced: bool,
    /// Why it could not be written.
    trouble: Option<String>,
}

impl Memory {
    pub(super) fn new(instance: &str, path: Option<PathBuf>) -> Self {
        Self { instance: instance.to_owned(), path, kept: None, unsynced: false, trouble: None }
    }

    /// Reads the file.
    pub(super) fn load(&mut self) -> Orders {
        let Some(path) = &self.path else { return Orders::default() };
        let text = match read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.kept = Some(Orders::default());
                return Orders::default();
            }
            Err(error) => return unknown(&format!("its file of halts cannot be read: {error}")),
        };
        match self.parse(&text) {
            Some(orders) => {
                self.kept = Some(orders.clone());
                orders
            }
            None => unknown("its file of halts is damaged"),
        }
    }

    fn parse(&self, text: &str) -> Option<Orders> {
        let (sum, json) = text.split_once('\n')?;
        let stored: Stored = serde_json::from_str(json.trim_end()).ok()?;
        if sum != checksum(json.trim_end()) || stored.instance != self.instance {
            return None;
        }
        let halt =
            |value: Option<String>| value.map(|value| Halt::read(value.as_bytes()).ok_or(())).transpose();
        Some(Orders { all: halt(stored.all).ok()?, one: halt(stored.one).ok()? })
    }

    /// Writes the file, if it says something else, without waiting for the disk: the end of the process loses nothing of it.
    /// Returns a new trouble in words.
    pub(super) fn keep(&mut self, orders: &Orders) -> Option<String> {
        let Some(path) = &self.path else {
            let text = "there is no data folder, so a restart without Redis would lift the halt";
            return orders.strictest().and_then(|_| news(&mut self.trouble, text.to_owned()));
        };
        if self.kept.as_ref() == Some(orders) {
            return None;
        }
        let written = match orders.strictest() {
            Some(_) => self.write(path, orders),
            None => remove(path),
        };
        match written {
            Ok(()) => {
                self.kept = Some(orders.clone());
                self.unsynced = true;
                None
            }
            Err(error) => self.note_trouble(orders, &error),
        }
    }

    /// Waits until the disk has the file, so that it outlives a loss of power, too. Returns a new trouble in words.
    pub(super) fn sync(&mut self) -> Option<String> {
        let (path, orders) = (self.path.clone()?, self.kept.clone()?);
        if !std::mem::take(&mut self.unsynced) {
            return None;
        }
        match on_disk(&path) {
            Ok(()) => {
                self.trouble = None;
                None
            }
            Err(error) => {
                self.kept = None;
                self.note_trouble(&orders, &error)
            }
        }
    }

    fn note_trouble(&mut self, orders: &Orders, error: &io::Error) -> Option<String> {
        let what = match orders.strictest() {
            Some(_) => "a restart without Redis would lift the halt",
            None => "a restart without Redis would halt it again",
        };
        let path = self.path.as_ref()?.display();
        let text = format!("{path} cannot be changed: {error}; {what}");
        news(&mut self.trouble, text)
    }

    fn write(&self, path: &Path, orders: &Orders) -> io::Result<()> {
        let value = |halt: &Option<Halt>| halt.as_ref().map(Halt::to_string);
        let stored =
            Stored { instance: self.instance.clone(), all: value(&orders.all), one: value(&orders.one) };
        let json = serde_json::to_string(&stored)?;
        create_folder(path.parent().ok_or(ErrorKind::NotFound)?)?;
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        let mut file = open_file(new.as_ref(), fs::File::options().write(true).create(true).truncate(true))?;
        writeln!(file, "{}\n{json}", checksum(&json))?;
        drop(file);
        fs::rename(&new, path)
    }
}

/// The trouble in words, unless it was told last.
fn news(trouble: &mut Option<String>, text: String) -> Option<String> {
    (trouble.replace(text.clone()).as_ref() != Some(&text)).then_some(text)
}

fn unknown(why: &str) -> Orders {
    Orders { all: None, one: Some(Halt::unreadable(&format!("{why}; mt5fleet resume --instance ends it"))) }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    open_file(path, fs::File::options().read(true))?.take(LIMIT).read_to_string(&mut text)?;
    Ok(text)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Waits until the disk has the file, or its absence.
fn on_disk(path: &Path) -> io::Result<()> {
    match open_file(path, fs::File::options().write(true)) {
        Ok(file) => file.sync_all()?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    path.parent().map_or(Ok(()), sync_folder)
}

fn checksum(json: &str) -> String {
    format!("{:08x}", crc32c::crc32c(json.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn halt(value: &str) -> Option<Halt> {
        Halt::read(value.as_bytes())
    }

    fn memory(folder: &Path) -> Memory {
        Memory::new("1.Demo", Some(folder.join("below").join("halt.1.Demo")))
    }

    #[test]
    fn what_was_kept_is_loaded_and_a_lifted_halt_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let orders = Orders { all: halt("all:anna:news: 14:30"), one: halt("entries:bert:\"größer\"") };
        let mut first = memory(folder.path());
        assert_eq!(first.load(), Orders::default());
        assert_eq!(first.keep(&orders), None);
        assert_eq!(memory(folder.path()).load(), orders);
        let rest = Orders { all: None, ..orders };
        assert_eq!(first.keep(&rest), None);
        assert_eq!(memory(folder.path()).load(), rest);
        assert_eq!(first.keep(&Orders::default()), None);
        assert_eq!(fs::read_dir(folder.path().join("below")).unwrap().count(), 0);
        assert_eq!(memory(folder.path()).load(), Orders::default());
    }

    #[test]
    fn a_damaged_file_halts_entries_and_the_end_of_the_halt_mends_it() {
        let folder = tempfile::tempdir().unwrap();
        let orders = Orders { all: halt("all:anna:news"), one: None };
        memory(folder.path()).keep(&orders);
        let path = memory(folder.path()).path.unwrap();
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() - 1 {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            for bytes in [&damaged[..], &whole[..at]] {
                fs::write(&path, bytes).unwrap();
                let mut memory = memory(folder.path());
                let loaded = memory.load();
                let level = loaded.strictest().map(|halt| halt.level);
                assert_eq!(level, Some(1), "{at}: {loaded:?}");
                if at % 16 == 0 {
                    assert_eq!(memory.keep(&Orders::default()), None);
                    assert!(!path.exists());
                }
            }
        }
        // Another instance's file, copied.
        fs::write(&path, &whole).unwrap();
        let loaded = Memory::new("2.Demo", Some(path)).load();
        assert_eq!(loaded.strictest().map(|halt| halt.level), Some(1));
    }

    #[test]
    fn what_the_disk_refuses_is_told_once_and_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let orders = Orders { all: halt("all:anna:news"), one: None };
        // A file where the folder should be.
        fs::write(folder.path().join("below"), "").unwrap();
        let mut memory = memory(folder.path());
        memory.kept = Some(Orders::default());
        let told = memory.keep(&orders).unwrap();
        assert!(told.contains("cannot be changed") && told.contains("would lift the halt"), "{told}");
        assert_eq!(memory.keep(&orders), None);
        fs::remove_file(folder.path().join("below")).unwrap();
        assert_eq!(memory.keep(&orders), None);
        assert_eq!(super::tests::memory(folder.path()).load(), orders);
    }

    #[test]
    fn without_a_folder_nothing_is_remembered_which_is_told_once() {
        let mut memory = Memory::new("1.Demo", None);
        assert_eq!(memory.load(), Orders::default());
        assert_eq!(memory.keep(&Orders::default()), None);
        let orders = Orders { all: halt("all:anna:news"), one: None };
        assert!(memory.keep(&orders).unwrap().contains("would lift the halt"));
        assert_eq!(memory.keep(&orders), None);
    }
}

//! The producer: the name that a journal's numbers belong to, bound to the journal's place, and earlier names.
//!
//! Two journals with one name would each take the other's records for its own. So a journal that was copied or moved
//! takes a new name, and so does one whose name another journal was seen to use. Its records may be in Redis under
//! the earlier name, and are looked for there as well.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::folder::{fault, read, write};
use super::segment::sync_folder;
use crate::error::Result;

/// The contents of the file `producer`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Names {
    /// 16 hex digits.
    pub(super) name: String,
    place: String,
    /// The oldest first.
    pub(super) earlier: Vec<Earlier>,
    /// Another journal uses this name: the last number that is also this journal's.
    contested: Option<u64>,
}

/// A name that numbers had earlier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Earlier {
    /// 16 hex digits.
    pub(crate) name: String,
    /// The last number that this journal may have given under it. Higher ones are another journal's.
    pub(crate) last: u64,
}

impl Names {
    /// The names of the journal in this folder, which holds numbers from `first` on and has given all up to `last`. No
    /// `last`: none was given, or nothing says which. Also returns a note for the operator if the name is new.
    pub(super) fn open(folder: &Path, first: u64, last: Option<u64>) -> Result<(Self, Option<String>)> {
        let file = path(folder);
        let before = match read(&file) {
            Ok(text) => serde_json::from_str(&text).ok().filter(Self::is_sound),
            // Missing, or damaged.
            Err(error) if [ErrorKind::NotFound, ErrorKind::InvalidData].contains(&error.kind()) => None,
            Err(error) => return Err(fault(&file, "cannot be read", &error)),
        };
        let place = place(folder);
        let mut names = Self { name: random(), place: place.clone(), earlier: Vec::new(), contested: None };
        // Numbers that start again need a new name.
        let note = match (before, last) {
            (Some(before), Some(_)) if before.place == place && before.contested.is_none() => {
                return Ok((before, None));
            }
            (Some(before), Some(last)) => {
                let why = match before.contested {
                    Some(_) => "another terminal writes under the journal's name",
                    None => "the journal was copied or moved here",
                };
                let last = before.contested.unwrap_or(last);
                names.earlier = before.earlier;
                names.earlier.retain(|earlier| earlier.last >= first);
                names.earlier.push(Earlier { name: before.name, last });
                Some(why)
            }
            (None, Some(_)) => Some("the journal's name was lost"),
            (_, None) => None,
        };
        names.write(folder).map_err(|error| fault(&file, "cannot be written", &error))?;
        let note =
            note.map(|why| format!("{}: {why}. Its producer name is now {}", folder.display(), names.name));
        Ok((names, note))
    }

    /// Notes for the next open that another journal uses the name, and the last number that is also this journal's.
    pub(super) fn contest(&self, folder: &Path, last: u64) -> io::Result<()> {
        Self { contested: Some(last), ..self.clone() }.write(folder)
    }

    fn write(&self, folder: &Path) -> io::Result<()> {
        let new = folder.join("producer.new");
        write(&new, &serde_json::to_string(self)?)?;
        fs::rename(&new, path(folder))?;
        sync_folder(folder)
    }

    fn is_sound(&self) -> bool {
        let sound = |name: &str| name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        sound(&self.name) && self.earlier.iter().all(|earlier| sound(&earlier.name))
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join("producer")
}

fn random() -> String {
    // The standard library takes the seeds of its hash maps from the system.
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}

/// What distinguishes a journal from its copies: the machine's name (where the environment has it, as on Windows), the
/// folder's path, and when its lock file was made. A difference that means nothing costs a new name and no more.
fn place(folder: &Path) -> String {
    let machine = std::env::var("COMPUTERNAME").unwrap_or_default();
    let path = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let made = fs::metadata(folder.join("lock")).and_then(|file| file.created());
    let made = made.ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    format!("{machine} {} {}", path.display(), made.as_millis())
}

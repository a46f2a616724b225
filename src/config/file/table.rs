//! A table of the file, and a value with its key, its line and its checks.
//!
//! Values are read one by one, because serde's complaint about a wrong type would quote the value, which may be a
//! password.

use std::cell::RefCell;
use std::fmt::{self, Display};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::{BACKSLASH_ADVICE, Source};
use crate::error::{Error, Result};

const SENTINEL_URL: &str = "url = \"redis-sentinel://host:26379,host:26379/master\"";

/// Keys of earlier versions that were a second way to say something, and the way that is left.
const REMOVED: [(&str, &str); 6] = [
    ("password_env", "password = \"${NAME}\""),
    ("sentinel_password_env", "sentinel_password = \"${NAME}\""),
    ("sentinels", SENTINEL_URL),
    ("master", SENTINEL_URL),
    ("nodes", "url = \"redis-cluster://host:port,host:port\""),
    ("tls", "rediss in place of redis in the url"),
];

/// One table of the file, or what stands outside a table.
pub struct Section<'a> {
    source: &'a Source<'a>,
    /// As people write it, like `alerts.margin`; empty outside a table.
    name: Rc<str>,
    /// Where it begins.
    at: usize,
    table: Option<&'a DeTable<'a>>,
    /// The keys that were asked for: those that have a meaning here.
    known: RefCell<Vec<String>>,
}

/// A value of the file.
pub struct Setting<'a> {
    pub(super) source: &'a Source<'a>,
    table: Rc<str>,
    pub(super) key: &'a str,
    at: usize,
    value: &'a DeValue<'a>,
}

impl<'a> Section<'a> {
    /// What stands outside a table, if `name` is empty, or a table.
    pub(super) fn new(source: &'a Source<'a>, name: &str, table: Option<&'a DeTable<'a>>, at: usize) -> Self {
        Self { source, name: name.into(), at, table, known: RefCell::default() }
    }

    /// Refuses removed keys, before any other is read, because they change what others mean.
    pub(super) fn refuse_removed(&self) -> Result<()> {
        for (removed, now) in REMOVED {
            if let Some(setting) = self.get(removed) {
                return Err(setting.refused(format!("was removed: write {now}")));
            }
        }
        self.known.take();
        Ok(())
    }

    /// A table of this one; an empty one if the file has no such table.
    pub fn table(&self, name: &'a str) -> Result<Self> {
        let whole = dotted(&self.name, name);
        let Some(setting) = self.get(name) else { return Ok(Self::new(self.source, &whole, None, 0)) };
        let refused = || setting.refused(format!("is not a table: write [{whole}]"));
        let table = setting.value.as_table().ok_or_else(refused)?;
        Ok(Self::new(self.source, &whole, Some(table), setting.at))
    }

    /// Whether the file has this table.
    pub fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// Why the table is refused, with file and line.
    pub fn refused(&self, reason: impl Display) -> Error {
        self.source.refused(self.at, format!("{} {reason}", self.name))
    }

    /// The names of all its keys, in alphabetical order.
    pub fn keys(&self) -> Vec<&'a str> {
        let mut keys: Vec<&str> = self.table.into_iter().flatten().map(|(key, _)| &**key.get_ref()).collect();
        keys.sort_unstable();
        keys
    }

    /// The value of a key, if the file has it. The key has a meaning from now on.
    pub fn get(&self, key: &'a str) -> Option<Setting<'a>> {
        if !self.knows(key) {
            self.known.borrow_mut().push(key.to_owned());
        }
        let value = self.table?.get(key)?;
        let table = self.name.clone();
        Some(Setting { source: self.source, table, key, at: value.span().start, value: value.get_ref() })
    }

    fn knows(&self, key: &str) -> bool {
        self.known.borrow().iter().any(|known| known == key)
    }

    /// Refuses the first key of the file that has no meaning where it is.
    pub fn refuse_unknown(all: &[&Self]) -> Result<()> {
        let keys = all
            .iter()
            .flat_map(|section| section.table.into_iter().flatten().map(move |(key, _)| (section, key)));
        let unknown = keys.filter(|(section, key)| !section.knows(key.get_ref()));
        let Some((section, key)) = unknown.min_by_key(|(_, key)| key.span().start) else { return Ok(()) };
        let (at, key) = (key.span().start, key.get_ref().as_ref());
        let homes: Vec<_> =
            all.iter().filter(|home| home.knows(key)).map(|home| format!("[{}]", home.name)).collect();
        let advice = if homes.is_empty() {
            format!("is unknown: the keys here are {}", section.known.borrow().join(", "))
        } else {
            format!("has no meaning here: it belongs in {}", homes.join(" or "))
        };
        Err(section.source.refused(at, format!("{} {advice}", dotted(&section.name, key))))
    }

    /// Replaces the default in `into` by what the file says, if `parse` accepts it.
    fn read<T>(
        &self,
        key: &'a str,
        into: &mut T,
        allowed: &str,
        parse: impl FnOnce(&DeValue<'_>) -> Option<T>,
    ) -> Result<()> {
        if let Some(setting) = self.get(key) {
            *into = parse(setting.value).ok_or_else(|| {
                let value = match setting.value {
                    DeValue::String(text) => format!("{text:?}"),
                    DeValue::Integer(number) => number.to_string(),
                    other => format!("({})", other.type_str()),
                };
                setting.refused(format!("= {value} is refused: write {allowed}"))
            })?;
        }
        Ok(())
    }

    /// Replaces the default in `into` by a whole number.
    pub fn number<N: TryFrom<i64>>(
        &self,
        key: &'a str,
        allowed: RangeInclusive<i64>,
        into: &mut N,
    ) -> Result<()> {
        self.read(key, into, &format!("{} to {}", allowed.start(), allowed.end()), |value| {
            let integer = value.as_integer()?;
            let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok()?;
            allowed.contains(&number).then_some(N::try_from(number).ok()?)
        })
    }

    /// A limit, which is off unless the file sets it.
    pub(super) fn limit(
        &self,
        key: &'a str,
        allowed: RangeInclusive<i64>,
        into: &mut Option<u64>,
    ) -> Result<()> {
        let mut limit = 0;
        self.number(key, allowed, &mut limit)?;
        *into = Some(limit).filter(|limit| *limit > 0);
        Ok(())
    }

    /// Replaces the default in `into` by a duration.
    pub fn duration(
        &self,
        key: &'a str,
        allowed: RangeInclusive<Duration>,
        into: &mut Duration,
    ) -> Result<()> {
        let [low, high] = [allowed.start(), allowed.end()].map(|end| humantime::format_duration(*end));
        self.read(key, into, &format!("a text like \"90s\", from {low} to {high}"), |value| {
            let duration = humantime::parse_duration(value.as_str()?).ok()?;
            allowed.contains(&duration).then_some(duration)
        })
    }

    /// Replaces the default in `into` by one of some choices.
    pub fn choice<T: Copy, const N: usize>(
        &self,
        key: &'a str,
        choices: [(&str, T); N],
        into: &mut T,
    ) -> Result<()> {
        let allowed = choices.map(|(name, _)| format!("{name:?}")).join(" or ");
        self.read(key, into, &allowed, |value| {
            choices.iter().find(|(name, _)| value.as_str() == Some(name)).map(|(_, choice)| *choice)
        })
    }
}

impl<'a> Setting<'a> {
    /// A text, in which `${NAME}` is replaced by the environment variable of this name.
    pub fn text(&self) -> Result<String> {
        with_environment(self.plain()?).map_err(|reason| self.refused(reason))
    }

    /// A text as it stands in the file.
    pub fn plain(&self) -> Result<&'a str> {
        self.value.as_str().ok_or_else(|| self.refused("is not a text: put it in quotes"))
    }

    /// A path, which starts at `folder` if it is relative.
    pub fn path(&self, folder: &Path) -> Result<PathBuf> {
        let text = self.text()?;
        if text.contains(char::is_control) {
            return Err(
                self.refused(format!("has a line break or another control character{BACKSLASH_ADVICE}"))
            );
        }
        Ok(folder.join(text))
    }

    /// A list of texts that is not empty.
    pub fn list(&self) -> Option<Vec<&'a str>> {
        let list = self.value.as_array().filter(|list| !list.is_empty())?;
        list.iter().map(|item| item.get_ref().as_str()).collect()
    }

    /// Why it is refused, with file, line and key.
    pub fn refused(&self, reason: impl Display) -> Error {
        self.source.refused(self.at, format!("{self} {reason}"))
    }
}

impl Display for Setting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&dotted(&self.table, self.key))
    }
}

/// A key as people write it, like `rts.queue`.
fn dotted(table: &str, key: &str) -> String {
    if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") }
}

/// Replaces each `${NAME}` by the environment's value, and `$${` by `${`.
fn with_environment(text: &str) -> std::result::Result<String, String> {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            whole = whole + before + "${";
            rest = after;
            continue;
        }
        let (name, after) = after.split_once('}').ok_or("has a ${ without a }: write $${ for a plain ${")?;
        let value = std::env::var(name)
            .map_err(|_| format!("needs the environment variable {name:?}, which is not set to a text"))?;
        whole = whole + before + &value;
        rest = after;
    }
    Ok(whole + rest)
}

//! The keys that say where a lane's Redis is, who we are there, and how the way is encrypted. A key of the
//! lane's table counts before the same key outside a table.

use std::path::{Path, PathBuf};

use toml::{Spanned, Value};

use super::super::endpoint::{Address, Endpoint, Identity, Secret, Site};
use super::super::tls::Tls;
use super::super::url::{REDIS_PORT, SENTINEL_PORT, is_master_name};
use super::super::{DEFAULT_URL, reading};
use super::{File, Key, Source, Table};
use crate::error::{Error, Result};

/// One lane's view of the file.
pub(super) struct Lane<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) name: &'a str,
    pub(super) table: &'a Table,
    pub(super) file: &'a File,
    /// What relative paths start at.
    pub(super) folder: &'a Path,
}

impl<'a> Lane<'a> {
    pub(super) fn endpoint(&self) -> Result<Endpoint> {
        let mut endpoint = self.site()?;
        self.identity("", &mut endpoint.identity)?;
        match &mut endpoint.site {
            Site::Sentinel { identity, masters, .. } => {
                self.identity("sentinel_", identity)?;
                if let Some((key, value)) = self.find("masters") {
                    *masters = self.addresses(&key, value, 0)?;
                }
            }
            _ => self.means_nothing(
                [
                    "masters",
                    "sentinel_username",
                    "sentinel_password",
                    "sentinel_password_env",
                    "sentinel_password_file",
                ],
                "sentinels",
            )?,
        }
        endpoint.tls = self.tls(endpoint.tls)?;
        Ok(endpoint)
    }

    fn site(&self) -> Result<Endpoint> {
        let Some((key, value)) = self.one_of(["url", "sentinels", "nodes"])? else {
            self.means_nothing(["master"], "sentinels")?;
            return Ok(Endpoint::parse(DEFAULT_URL).expect("a valid URL"));
        };
        if key.key != "sentinels" {
            self.means_nothing(["master"], "sentinels")?;
        }
        match key.key {
            "url" => {
                Endpoint::parse(&self.text_of(&key, value)?).map_err(|reason| self.refused(&key, reason))
            }
            "nodes" => Ok(Endpoint::at(Site::Cluster(self.addresses(&key, value, REDIS_PORT)?))),
            _ => {
                let sentinels = self.addresses(&key, value, SENTINEL_PORT)?;
                let (key, master) = self
                    .text("master")?
                    .ok_or_else(|| self.refused(&key, "need a master: add master = \"mymaster\""))?;
                if !is_master_name(&master) {
                    return Err(self.refused(&key, "is no name of a master: use letters, digits, . _ and -"));
                }
                let (masters, identity) = (Vec::new(), Identity::default());
                Ok(Endpoint::at(Site::Sentinel { sentinels, master, masters, identity }))
            }
        }
    }

    fn addresses(&self, key: &Key<'a>, value: &Value, default_port: u16) -> Result<Vec<Address>> {
        let form = || self.refused(key, "is no list of addresses: write [\"host:port\", \"host:port\"]");
        let list = value.as_array().filter(|list| !list.is_empty()).ok_or_else(form)?;
        list.iter()
            .map(|item| Address::parse(item.as_str()?, default_port))
            .collect::<Option<_>>()
            .ok_or_else(form)
    }

    /// User and password from the keys with this prefix, over what the URL says.
    fn identity(&self, prefix: &str, into: &mut Identity) -> Result<()> {
        let names: [&'static str; 4] = match prefix {
            "" => ["username", "password", "password_env", "password_file"],
            _ => {
                ["sentinel_username", "sentinel_password", "sentinel_password_env", "sentinel_password_file"]
            }
        };
        let [username, plain, from_environment, from_file] = names;
        if let Some((_, username)) = self.text(username)? {
            into.username = Some(username);
        }
        let Some((key, value)) = self.one_of([plain, from_environment, from_file])? else { return Ok(()) };
        let text = self.text_of(&key, value)?;
        let password = if key.key == plain {
            text
        } else if key.key == from_environment {
            environment(&text).map_err(|reason| self.refused(&key, reason))?
        } else {
            let path = self.folder.join(self.source.path(&text, key.at, &key)?);
            let (password, note) = reading::password(&path).map_err(|reason| {
                self.refused(&key, format!("{} cannot be read: {reason}", path.display()))
            })?;
            let mut notes = self.source.notes.borrow_mut();
            // Each lane reads it.
            if let Some(note) = note
                && !notes.contains(&note)
            {
                notes.push(note);
            }
            password
        };
        if password.is_empty() {
            return Err(self.refused(&key, "gives an empty password: leave it out where none is wanted"));
        }
        into.password = Some(Secret::new(password));
        Ok(())
    }

    fn tls(&self, of_url: Option<Tls>) -> Result<Option<Tls>> {
        let wanted = match self.find("tls") {
            None => of_url.is_some(),
            Some((key, value)) => match value.as_bool() {
                None => return Err(self.refused(&key, "is neither true nor false")),
                Some(false) if of_url.is_some() => {
                    return Err(
                        self.refused(&key, "contradicts the URL: write redis instead of rediss there")
                    );
                }
                Some(wanted) => wanted,
            },
        };
        let [ca, certificate, private] = ["tls_ca", "tls_certificate", "tls_key"];
        if !wanted {
            return match [ca, certificate, private].into_iter().find_map(|key| self.find(key)) {
                None => Ok(None),
                Some((key, _)) => {
                    Err(self
                        .refused(&key, "means nothing without TLS: write rediss in the URL, or tls = true"))
                }
            };
        }
        let mut tls = Tls::default();
        if let Some((key, path)) = self.path(ca)? {
            tls.ca = Some(path);
            tls.client().map_err(|reason| self.refused(&key, reason))?;
        }
        match (self.path(certificate)?, self.path(private)?) {
            (None, None) => {}
            (Some((key, certificate)), Some((_, private))) => {
                tls.client = Some((certificate, private));
                tls.client().map_err(|reason| self.refused(&key, reason))?;
            }
            (Some((key, _)), None) => return Err(self.refused(&key, "needs tls_key, the file with its key")),
            (None, Some((key, _))) => {
                return Err(self.refused(&key, "needs tls_certificate, the file with its certificate"));
            }
        }
        Ok(Some(tls))
    }

    fn path(&self, key: &'static str) -> Result<Option<(Key<'a>, PathBuf)>> {
        let Some((key, text)) = self.text(key)? else { return Ok(None) };
        let path = self.folder.join(self.source.path(&text, key.at, &key)?);
        Ok(Some((key, path)))
    }

    /// A key's value, from the lane's table or else from outside a table.
    fn find(&self, key: &'static str) -> Option<(Key<'a>, &'a Value)> {
        let own = self.table.get(key).map(|value| (self.name, value));
        own.or_else(|| self.file.get(key).map(|value| ("", value)))
            .map(|(lane, value)| found(lane, key, value))
    }

    /// Which of these keys is there, of which only one can be meant.
    fn one_of<const N: usize>(&self, keys: [&'static str; N]) -> Result<Option<(Key<'a>, &'a Value)>> {
        let in_table = keys.iter().filter_map(|key| Some(found(self.name, key, self.table.get(key)?)));
        let in_file = keys.iter().filter_map(|key| Some(found("", key, self.file.get(key)?)));
        for mut present in [in_table.collect::<Vec<_>>(), in_file.collect()] {
            if present.len() > 1 {
                let (first, second) = (present.swap_remove(0).0, present.pop().expect("two").0);
                return Err(self.refused(&second, format!("and {first} exclude each other: keep one")));
            }
            if let Some(one) = present.pop() {
                return Ok(Some(one));
            }
        }
        Ok(None)
    }

    /// Refuses keys of the lane's own table that only mean something beside another.
    fn means_nothing<const N: usize>(&self, keys: [&'static str; N], without: &str) -> Result<()> {
        for key in keys {
            if let Some(value) = self.table.get(key) {
                let (key, _) = found(self.name, key, value);
                return Err(self.refused(&key, format!("means nothing without {without}")));
            }
        }
        Ok(())
    }

    fn text(&self, key: &'static str) -> Result<Option<(Key<'a>, String)>> {
        let Some((key, value)) = self.find(key) else { return Ok(None) };
        let text = self.text_of(&key, value)?;
        Ok(Some((key, text)))
    }

    /// A text, with `${NAME}` replaced.
    fn text_of(&self, key: &Key<'a>, value: &Value) -> Result<String> {
        let Value::String(text) = value else {
            return Err(self.refused(key, "is no text: put it in quotes"));
        };
        with_environment(text).map_err(|reason| self.refused(key, reason))
    }

    fn refused(&self, key: &Key<'_>, reason: impl std::fmt::Display) -> Error {
        self.source.refused(key.at, format!("{key} {reason}"))
    }
}

fn found<'a>(lane: &'a str, key: &'static str, value: &'a Spanned<Value>) -> (Key<'a>, &'a Value) {
    (Key { lane, key, at: value.span().start }, value.get_ref())
}

/// Replaces each `${NAME}` by the environment's value, and `$${` by `${`.
fn with_environment(text: &str) -> std::result::Result<String, String> {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            whole.push_str(before);
            whole.push_str("${");
            rest = after;
            continue;
        }
        let (name, after) =
            after.split_once('}').ok_or("has a ${ without its }: write $${ where ${ itself is meant")?;
        whole.push_str(before);
        whole.push_str(&environment(name)?);
        rest = after;
    }
    Ok(whole + rest)
}

fn environment(name: &str) -> std::result::Result<String, String> {
    std::env::var(name)
        .map_err(|_| format!("needs the environment variable {name:?}, which is not set to a text"))
}

#[cfg(test)]
#[path = "site_tests.rs"]
mod tests;

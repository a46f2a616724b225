//! Where a lane's Redis is, who we are there, and how connections are encrypted. A key of the lane's table wins over
//! the same key outside a table.

use std::path::Path;

use super::super::configuration::DEFAULT_URL;
use super::super::endpoint::{Address, Endpoint, Identity, Secret, Site};
use super::super::text_file;
use super::super::tls::Tls;
use super::table::{Section, Setting};
use crate::error::Result;

/// One lane's view of the file.
pub(super) struct Lane<'a> {
    pub(super) own: &'a Section<'a>,
    /// What stands outside a table.
    pub(super) shared: &'a Section<'a>,
    /// Relative paths start here.
    pub(super) folder: &'a Path,
}

impl<'a> Lane<'a> {
    pub(super) fn endpoint(&self) -> Result<Endpoint> {
        let mut endpoint = match self.find("url") {
            Some(url) => Endpoint::parse(&url.text()?).map_err(|reason| url.refused(reason))?,
            None => Endpoint::parse(DEFAULT_URL).expect("a valid URL"),
        };
        let of_url = std::mem::take(&mut endpoint.identity);
        endpoint.identity = self.identity(["username", "password", "password_file"], of_url)?;
        self.sentinels(&mut endpoint.site)?;
        self.certificates(&mut endpoint.tls)?;
        Ok(endpoint)
    }

    fn sentinels(&self, site: &mut Site) -> Result<()> {
        let keys = ["sentinel_username", "sentinel_password", "sentinel_password_file"];
        let at_sentinels = self.identity(keys, Identity::default())?;
        let listed = self.find("masters");
        if let Site::Sentinel { identity, masters, .. } = site {
            *identity = at_sentinels;
            if let Some(setting) = listed {
                let address = |text| Address::parse(text, 0);
                let list = setting.list().and_then(|list| list.into_iter().map(address).collect());
                *masters = list.ok_or_else(|| {
                    setting.refused("is not a list of addresses: write [\"host:port\", \"host\"]")
                })?;
            }
        } else if let Some(own) = keys.into_iter().chain(["masters"]).find_map(|key| self.own.get(key)) {
            // Outside a table they are for other lanes.
            return Err(own.refused("has no meaning here: the url is not of redis-sentinel://"));
        }
        Ok(())
    }

    /// User and password, from these keys or from the URL.
    fn identity(&self, keys: [&'static str; 3], of_url: Identity) -> Result<Identity> {
        let Some(first) = keys.map(|key| self.find(key)).into_iter().flatten().next() else {
            return Ok(of_url);
        };
        if of_url != Identity::default() {
            return Err(first.refused("and the user or password in the url exclude each other: keep one"));
        }
        let [username, password, file] = keys;
        let username = self.find(username).map(|setting| setting.text()).transpose()?;
        let password = match self.one_of(password, file)? {
            Some(setting) => Some(self.password(&setting, setting.key == file)?),
            None => None,
        };
        Ok(Identity { username, password })
    }

    fn password(&self, setting: &Setting<'a>, is_file: bool) -> Result<Secret> {
        let password = if is_file {
            let path = setting.path(self.folder)?;
            let (password, blanks) =
                text_file::password(&path).map_err(|reason| setting.refused(format!("= {reason}")))?;
            let note = format!(
                "{}: blanks at the end are removed; a password that ends with one goes in quotes, as {}",
                path.display(),
                setting.key.trim_end_matches("_file")
            );
            let mut notes = setting.source.notes.borrow_mut();
            // Each lane reads the file.
            if blanks && !notes.contains(&note) {
                notes.push(note);
            }
            password
        } else {
            setting.text()?
        };
        if password.is_empty() {
            return Err(setting.refused("is empty: leave the key out if the server has no password"));
        }
        Ok(Secret::new(password))
    }

    /// The files are read at once, so that a wrong path is reported at open.
    fn certificates(&self, tls: &mut Option<Tls>) -> Result<()> {
        let [ca, certificate, key] = ["tls_ca", "tls_certificate", "tls_key"].map(|key| self.find(key));
        let Some(tls) = tls else {
            let no_tls = "has no meaning without TLS: write rediss in place of redis in the url";
            return ca.or(certificate).or(key).map_or(Ok(()), |setting| Err(setting.refused(no_tls)));
        };
        if let Some(ca) = ca {
            tls.ca = Some(ca.path(self.folder)?);
            tls.client().map_err(|reason| ca.refused(format!("= {reason}")))?;
        }
        match (certificate, key) {
            (None, None) => Ok(()),
            (Some(certificate), Some(key)) => {
                tls.client = Some((certificate.path(self.folder)?, key.path(self.folder)?));
                tls.client().map(drop).map_err(|reason| certificate.refused(format!("= {reason}")))
            }
            (Some(certificate), None) => {
                Err(certificate.refused("needs tls_key, the file with its private key"))
            }
            (None, Some(key)) => Err(key.refused("needs tls_certificate, the file with its certificate")),
        }
    }

    fn find(&self, key: &'static str) -> Option<Setting<'a>> {
        let shared = self.shared.get(key);
        self.own.get(key).or(shared)
    }

    /// Finds the one of two keys that exclude each other.
    fn one_of(&self, one: &'static str, other: &'static str) -> Result<Option<Setting<'a>>> {
        for section in [self.own, self.shared] {
            match (section.get(one), section.get(other)) {
                (Some(one), Some(other)) => {
                    return Err(other.refused(format!("and {one} exclude each other: keep one")));
                }
                (None, None) => {}
                (found, or) => return Ok(found.or(or)),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
#[path = "site_tests.rs"]
mod tests;

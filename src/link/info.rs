//! What the servers say of themselves: which life each is in, whether they throw keys away when they are full, and
//! whether they still answer what was asked. A user without the permission to ask does without.

use std::collections::BTreeMap;

use redis::Value;

use super::Link;
use super::failure::{Class, Failure, Refusal};

impl Link {
    /// Which histories the records are written into: the ids of the servers in use, of which each changes
    /// with every life of a server. It is a failure if what was read so far may be the replies to something else.
    pub(crate) fn history(&mut self) -> Result<String, Failure> {
        let mut ids = Vec::new();
        for server in 0..self.servers.len() {
            ids.push(self.run_id(server)?);
            self.in_step(server)?;
        }
        ids.sort();
        Ok(ids.join(" "))
    }

    /// Warnings of what the servers may throw away when they are full, each once for as long as it holds. `keeps` says
    /// whether records must stay until they are read, with their watermarks; else only what nobody renews must.
    pub(crate) fn evictions(&mut self, keeps: bool) -> Result<Vec<String>, Failure> {
        let mut policies = BTreeMap::new();
        let mut warnings = Vec::new();
        for server in 0..self.servers.len() {
            let info = self.info(server, "memory")?;
            let value =
                |name: &str| info.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            let (policy, limit) = (value("maxmemory_policy:").to_owned(), value("maxmemory:"));
            let harms =
                if keeps { !["", "noeviction"].contains(&&*policy) } else { policy.starts_with("allkeys") };
            if !harms || limit == "0" {
                continue;
            }
            let address = self.servers[server].address.to_string();
            if self.evicting.get(&address) != Some(&policy) {
                let (what, cure) = match keeps {
                    true => ("records that nobody has read, and watermarks", "noeviction"),
                    false => ("halts, directives and the list of instances", "volatile-ttl"),
                };
                warnings.push(format!(
                    "WARNING: {address} throws away {what} when it is full (maxmemory-policy {policy}): set {cure}"
                ));
            }
            policies.insert(address, policy);
        }
        self.evicting = policies;
        Ok(warnings)
    }

    fn run_id(&mut self, server: usize) -> Result<String, Failure> {
        let info = self.info(server, "server")?;
        Ok(info.lines().find_map(|line| line.strip_prefix("run_id:")).unwrap_or_default().to_owned())
    }

    /// Whether the replies are those to what was asked. One too many, and each would be taken for the next one's: a
    /// watermark for missing.
    fn in_step(&mut self, server: usize) -> Result<(), Failure> {
        let word = format!("{:016x}", fastrand::u64(..));
        match self.ask_server(server, &["PING", &word]) {
            Ok(Value::BulkString(echo)) if echo == word.as_bytes() => Ok(()),
            // A refusal repeats the word, or does not get so far as to know it.
            Err(failure)
                if failure.refusal == Some(Refusal::NoPermission) || failure.text.contains(&word) =>
            {
                Ok(())
            }
            Err(failure) if !is_lasting(&failure) => Err(failure),
            _ => {
                self.drop_connection(server);
                Err(Failure::lost("the server says what nobody asked for"))
            }
        }
    }

    /// A section of INFO; of a user who may not ask, or a server that has none, nothing.
    fn info(&mut self, server: usize, section: &str) -> Result<String, Failure> {
        match self.ask_server(server, &["INFO", section]) {
            Ok(Value::BulkString(info)) => Ok(String::from_utf8_lossy(&info).into_owned()),
            Err(failure) if !is_lasting(&failure) => Err(failure),
            _ => Ok(String::new()),
        }
    }
}

/// Whether a refusal is the answer to this question, and not only of the moment.
fn is_lasting(failure: &Failure) -> bool {
    matches!(failure.class, Class::Alarm | Class::Reject | Class::Unlisted)
}

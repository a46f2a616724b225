//! What the servers say of themselves: the run of each, whether they evict keys when they are full, and whether replies
//! still match questions. A user without the permission to ask does without.

use std::collections::BTreeMap;

use redis::Value;

use super::Link;
use super::failure::{Class, Failure, Refusal};

impl Link {
    /// The replication histories that the records are written into: the run ids of the servers in use. Fails if
    /// replies may be out of step.
    pub(crate) fn history(&mut self) -> Result<String, Failure> {
        let mut ids = Vec::new();
        for server in 0..self.servers.len() {
            ids.push(self.run_id(server)?);
            self.in_step(server)?;
        }
        ids.sort();
        Ok(ids.join(" "))
    }

    /// Warnings about servers that may evict what must stay, each once while it applies. `keeps`: records and
    /// watermarks must stay; otherwise only keys that nobody renews must.
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

    /// Checks that replies match questions. With one reply too many, each would be taken for the next one's, and a
    /// watermark for missing.
    fn in_step(&mut self, server: usize) -> Result<(), Failure> {
        let word = format!("{:016x}", fastrand::u64(..));
        match self.ask_server(server, &["PING", &word]) {
            Ok(Value::BulkString(echo)) if echo == word.as_bytes() => Ok(()),
            // A refusal quotes the word, or comes before the server has read it.
            Err(failure)
                if failure.refusal == Some(Refusal::NoPermission) || failure.text.contains(&word) =>
            {
                Ok(())
            }
            Err(failure) if !is_lasting(&failure) => Err(failure),
            _ => {
                self.drop_connection(server);
                Err(Failure::lost("the server sent what nobody asked for"))
            }
        }
    }

    /// A section of INFO; empty if the user may not ask or the server has none.
    fn info(&mut self, server: usize, section: &str) -> Result<String, Failure> {
        match self.ask_server(server, &["INFO", section]) {
            Ok(Value::BulkString(info)) => Ok(String::from_utf8_lossy(&info).into_owned()),
            Err(failure) if !is_lasting(&failure) => Err(failure),
            _ => Ok(String::new()),
        }
    }
}

/// Whether a refusal answers the question, instead of being one of the moment.
fn is_lasting(failure: &Failure) -> bool {
    matches!(failure.class, Class::Alarm | Class::Reject | Class::Unlisted)
}

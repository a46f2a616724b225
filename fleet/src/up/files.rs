//! The files of `deploy/`, embedded: `up` starts exactly what an operator installs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::version::{self, Version};

macro_rules! embedded {
    ($($name:literal),* $(,)?) => { [$(($name, include_str!(concat!("../../../deploy/", $name)))),*] };
}

/// Every configuration file of Redis and Sentinel, by name.
pub const FILES: [(&str, &str); 11] = embedded![
    "common.conf",
    "shapes.conf",
    "durable.conf",
    "replicated.conf",
    "two-copies.conf",
    "defrag.conf",
    "redis-ris.conf",
    "redis-rts.conf",
    "redis-rtss.conf",
    "redis-cluster.conf",
    "sentinel.conf",
];

/// The text of a file.
pub fn text(name: &str) -> &'static str {
    FILES.iter().find(|(file, _)| *file == name).map(|(_, text)| *text).expect("a file of deploy/")
}

/// Writes all files into `folder`, adapted to this version of Redis.
pub fn write(folder: &Path, version: Version) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for (name, text) in FILES {
        let path = folder.join(name);
        fs::write(&path, version::adapt(text, version))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Name and value of each setting of a file and of those it includes. As in Redis, the last line of a name counts.
pub fn settings(name: &str) -> Vec<(String, String)> {
    let mut settings: Vec<(String, String)> = Vec::new();
    let lines = text(name).lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    for (name, value) in lines.filter_map(|line| line.split_once(' ')) {
        let found = match name {
            "include" => self::settings(value),
            // Has one line for each class of clients.
            "client-output-buffer-limit" => continue,
            _ => vec![(name.to_owned(), value.to_owned())],
        };
        for (name, value) in found {
            settings.retain(|(known, _)| *known != name);
            settings.push((name, value));
        }
    }
    settings
}

/// The comment above a setting, in whichever file it is: the reason for its value.
pub fn reason(setting: &str) -> Option<String> {
    FILES.iter().find_map(|(_, text)| {
        let lines: Vec<&str> = text.lines().collect();
        let at = lines.iter().position(|line| line.split(' ').next() == Some(setting))?;
        let comments = lines[..at].iter().rev().take_while(|line| line.starts_with("# "));
        let mut words: Vec<&str> = comments.map(|line| &line[2..]).collect();
        words.reverse();
        Some(words.join(" "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_own_settings_and_those_it_includes_the_last_one_counting() {
        let settings = settings("redis-rtss.conf");
        let value = |wanted: &str| {
            let mut found = settings.iter().filter(|(name, _)| name == wanted);
            (found.next().map(|(_, value)| value.as_str()), found.count())
        };
        assert_eq!(value("appendonly"), (Some("yes"), 0));
        assert_eq!(value("latency-monitor-threshold"), (Some("20"), 0));
        assert_eq!(value("port"), (Some("6392"), 0));
        assert_eq!(value("cluster-enabled"), (None, 0));
    }

    #[test]
    fn the_reason_is_the_comment_above() {
        assert_eq!(
            reason("timeout").unwrap(),
            "Never disconnects a quiet terminal: reconnecting costs more than an idle connection."
        );
        assert_eq!(reason("no-such-setting"), None);
    }
}

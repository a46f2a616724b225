//! The installed version of Redis, and the files of `deploy/` adapted to it.

use std::process::Command;

use anyhow::{Context, Result, bail};

/// The oldest release that the bridge supports: it needs `XTRIM MINID`.
const OLDEST: (u32, u32) = (6, 2);
/// The release that renamed "ziplist" to "listpack".
const LISTPACK: (u32, u32) = (7, 0);

/// Major and minor version.
pub type Version = (u32, u32);

/// Asks the installed `redis-server` for its version.
pub fn installed() -> Result<Version> {
    let output = Command::new("redis-server").arg("--version").output().context(
        "cannot run redis-server: install Redis 6.2 or later (Debian, Ubuntu: apt-get install redis-server)",
    )?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = parse(&text).with_context(|| {
        format!("cannot find a version in the output of redis-server --version: {text:?}")
    })?;
    if version < OLDEST {
        bail!("redis-server is {}.{}: install 6.2 or later", version.0, version.1);
    }
    Ok(version)
}

/// Reads `Redis server v=7.0.15 sha=...`.
fn parse(text: &str) -> Option<Version> {
    let mut numbers = text.split("v=").nth(1)?.split(['.', ' ']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// A configuration file for this version.
pub fn adapt(configuration: &str, version: Version) -> String {
    if version < LISTPACK {
        configuration.replace("-listpack-", "-ziplist-")
    } else {
        configuration.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_the_server_prints() {
        assert_eq!(parse("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"), Some((7, 0)));
        assert_eq!(parse("Redis server v=6.2.14 sha=0"), Some((6, 2)));
        assert_eq!(parse("command not found"), None);
    }

    #[test]
    fn an_older_server_gets_the_older_names() {
        let configuration = "hash-max-listpack-entries 64\nappendonly yes\n";
        assert_eq!(adapt(configuration, (6, 2)), "hash-max-ziplist-entries 64\nappendonly yes\n");
        assert_eq!(adapt(configuration, (7, 0)), configuration);
    }
}

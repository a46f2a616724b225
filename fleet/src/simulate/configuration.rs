//! The configuration as the terminals get it: with absolute paths, and with a slow proxy before each server.

use std::fs;
use std::path::{Path, absolute};

use anyhow::{Context, Result, anyhow, bail};
use mt5_redis::config::{self, Config};
use toml::{Table, Value};

use super::SlowRedis;

/// Keys whose values are paths of files.
const PATHS: [&str; 5] = ["password_file", "sentinel_password_file", "tls_ca", "tls_certificate", "tls_key"];

/// The configuration with absolute paths. A terminal resolves relative paths against its own folder; on our command
/// line they are relative to the current one.
pub(super) fn placed(config: &str, folder: &Path) -> Result<String> {
    Config::read(config, "").map_err(|error| anyhow!("error {}: {error}", error.code()))?;
    let config = config.trim().trim_matches('"').trim();
    if config.is_empty() || config.contains("://") {
        return Ok(config.to_owned());
    }
    let file = absolute(config)?;
    let mut table: Table = config::text(&file).map_err(|reason| anyhow!(reason))?.parse()?;
    let mut moved = false;
    each_place(&mut table, |table| {
        for key in PATHS {
            if let Some(Value::String(path)) = table.get_mut(key)
                && Path::new(path).is_relative()
            {
                *path = name_of(&absolute(&*path)?)?;
                moved = true;
            }
        }
        Ok(())
    })?;
    if !moved {
        return name_of(&file);
    }
    let name = file.file_name().context("the path of the configuration names no file")?;
    write(&folder.join(name), &table)
}

/// The configuration with a slow proxy before each of its servers.
pub(super) fn slowed(config: &str, bytes: u64, folder: &Path) -> Result<(Vec<SlowRedis>, String)> {
    let mut table = match config.contains("://") {
        true => Table::from_iter([("url".to_owned(), config.into())]),
        false => config::text(Path::new(config)).map_err(|reason| anyhow!(reason))?.parse()?,
    };
    let mut proxies = Vec::new();
    each_place(&mut table, |table| {
        if let Some(Value::String(url)) = table.get_mut("url") {
            let (scheme, rest) = url.split_once("://").context("a url lacks ://")?;
            let (identity, place) =
                rest.rsplit_once('@').map_or(("", rest), |(identity, place)| (identity, place));
            let (host, database) =
                place.split_once('/').map_or((place, ""), |(host, database)| (host, database));
            if scheme != "redis" {
                bail!("--slow-redis works with redis:// URLs only");
            }
            let target = if host.contains(':') { host.to_owned() } else { format!("{host}:6379") };
            let proxy = SlowRedis::before(&target, bytes)?;
            let at = if identity.is_empty() { "" } else { "@" };
            let place = proxy.url().replacen("redis://", &format!("redis://{identity}{at}"), 1);
            *url = format!("{place}/{database}").trim_end_matches('/').to_owned();
            proxies.push(proxy);
        }
        Ok(())
    })?;
    if proxies.is_empty() {
        bail!("--slow-redis needs a configuration with the url of a server");
    }
    let file = write(&folder.join("slow.toml"), &table)?;
    Ok((proxies, file))
}

/// Changes each table that may name servers: the root and one for each lane.
fn each_place(table: &mut Table, mut change: impl FnMut(&mut Table) -> Result<()>) -> Result<()> {
    change(table)?;
    for lane in ["ris", "rts", "rtss"] {
        if let Some(Value::Table(table)) = table.get_mut(lane) {
            change(table)?;
        }
    }
    Ok(())
}

fn write(file: &Path, table: &Table) -> Result<String> {
    fs::write(file, table.to_string()).with_context(|| format!("cannot write {}", file.display()))?;
    name_of(file)
}

fn name_of(path: &Path) -> Result<String> {
    Ok(path.to_str().with_context(|| format!("{} is not valid UTF-8", path.display()))?.to_owned())
}

//! `mt5fleet acl`: Redis users that can do their own work and nothing else, for Redis 7.0 and later.
//!
//! A terminal's user writes the keys of its own instance and appends to its shard of the signals. It may also
//! trim that shard and set watermarks there, since Redis cannot tell an old entry from a new one or one
//! producer from another: a terminal that was broken into can hurt its shard, never another instance's state.
//! What is printed holds no password but its SHA-256 sum, which is what Redis keeps.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use mt5_redis::model::{InstanceId, key};
use sha2::{Digest, Sha256};

/// How a session of anybody begins.
const SESSION: &str = "+auth +hello +ping +quit +reset +select +client|setname +client|id";
/// How a program finds its way in a Cluster, and knows a master from a replica.
const WAY: &str =
    "+cluster|info +cluster|slots +cluster|shards +cluster|keyslot +asking +readonly +role +info";

#[derive(Args)]
#[group(id = "who", required = true, multiple = true)]
pub struct Options {
    /// A terminal's user: writes the keys of this instance, appends to its shard; may be given often
    #[arg(long, value_name = "ID", group = "who")]
    instance: Vec<String>,
    /// The terminals' users may also follow signals: read and acknowledge them in every shard
    #[arg(long, requires = "instance")]
    follow: bool,
    /// The user of `mt5fleet work`: reads states, consumes signals, files dead letters
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "worker", group = "who")]
    worker: Vec<String>,
    /// The user of `mt5fleet deadletters`: shows and deletes dead letters, puts signals back
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "clerk", group = "who")]
    clerk: Vec<String>,
    /// The governor's user: watches servers, writes throttle directives, trims streams and the list of instances
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "governor", group = "who")]
    governor: Vec<String>,
    /// The user of `mt5fleet doctor` and `top`: reads everything, changes nothing
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "doctor", group = "who")]
    doctor: Vec<String>,
    /// The users by which replicas and Sentinels sign in at a master (`deploy/users.conf`)
    #[arg(long, group = "who")]
    servers: bool,
    /// Into how many shards the signals are divided: 1, on a Cluster 16, or what `rtss.shards` says
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    shards: u16,
    /// The password is this file's first line; by default each user gets one drawn at random
    #[arg(long, value_name = "FILE", conflicts_with = "password_env")]
    password_file: Option<PathBuf>,
    /// The password is the value of this environment variable
    #[arg(long, value_name = "NAME")]
    password_env: Option<String>,
    /// Print a file for `aclfile`, which switches the default user off, instead of commands for redis-cli
    #[arg(long)]
    file: bool,
}

/// What to print: the users' lines, and what nobody but their owner should read.
pub struct Printed {
    pub lines: Vec<String>,
    pub secrets: Vec<String>,
}

/// The users that were asked for.
pub fn acl(options: &Options) -> Result<Printed> {
    let mut users = Vec::new();
    for instance in &options.instance {
        let rules = terminal(instance, options.shards)?;
        let rules = if options.follow { format!("{rules} {FOLLOW}") } else { rules };
        users.push((instance.clone(), rules));
    }
    let roles = [
        (&options.worker, worker()),
        (&options.clerk, clerk()),
        (&options.governor, governor()),
        (&options.doctor, doctor()),
    ];
    for (names, rules) in roles {
        users.extend(names.iter().map(|name| (name.clone(), rules.clone())));
    }
    if options.servers {
        users.extend(servers().map(|(name, rules)| (name.to_owned(), rules)));
    }

    let given = given_password(options)?;
    let mut printed = Printed { lines: Vec::new(), secrets: Vec::new() };
    if options.file {
        printed.lines.push("user default reset off".to_owned());
    }
    for (name, rules) in users {
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
            bail!("{name:?} is no name for a user: pass letters, digits, '.', '_' or '-'");
        }
        let password = match &given {
            Some(password) => password.clone(),
            None => random_password()?,
        };
        if given.is_none() {
            printed.secrets.push(format!("{name} {password}"));
        }
        let verb = if options.file { "user" } else { "ACL SETUSER" };
        printed.lines.push(format!("{verb} {name} reset on #{} {rules}", sum(&password)));
    }
    Ok(printed)
}

/// What the bridge does for one instance (`docs/wire-format.md`).
fn terminal(instance: &str, shards: u16) -> Result<String> {
    InstanceId::new(instance).map_err(|error| anyhow!("{instance:?} is no instance: {error}"))?;
    let shard = key::shard(instance, shards);
    Ok(format!(
        "{SESSION} {WAY} +multi +exec +discard +watch \
         +hset +del +persist +pexpire +sadd +srem +smembers +zadd +zrem +zremrangebyscore +set +get \
         ~{state} ~ts:{{{instance}}}:* ~{open} ~{closed} ~wm:{{{instance}}}:* \
         (+set +get +watch +pexpire ~wm:{{{shard}}}:{instance}:*) (+xadd +xtrim +xrevrange +pexpire ~{signals}) \
         (+zadd ~{sources}) (+zadd ~il) (+get ~ctl ~ctl:{{{instance}}}) +time",
        state = key::instance(instance),
        open = key::open_trades(instance),
        closed = key::closed_trades(instance),
        signals = key::signals(shard, instance),
        sources = key::sources(shard),
    ))
}

/// What a terminal that follows signals does besides. Redis cannot tell one group of a stream from another: a
/// follower could move others' groups, but neither remove them nor add or delete a signal.
const FOLLOW: &str = "+time (+xreadgroup +xrange +xack +xclaim +xpending +xgroup|create +xgroup|setid \
                      +xinfo|stream +xinfo|groups +eval ~ss:*)";

/// What reads states, and where they are.
const READ: &str = "+hget +hmget +hgetall +exists +pttl +ttl +smembers +sismember +scard +zrange +zrangebyscore \
                    +zscore +zcard";
const STATES: &str = "~is:* ~il ~ts:* ~to:* ~tc:*";

fn worker() -> String {
    format!(
        "{SESSION} {WAY} +multi +exec +discard \
         +xreadgroup +xread +xrange +xrevrange +xlen +xack +xdel +xclaim +xautoclaim +xpending \
         +xgroup|create +xgroup|createconsumer +xgroup|delconsumer +xgroup|setid \
         +xinfo|stream +xinfo|groups +xinfo|consumers +eval +time \
         ~ss:* ~sd:* (+xadd +xtrim ~sd:*) ({READ} {STATES})"
    )
}

fn clerk() -> String {
    format!("{SESSION} {WAY} +xrange +xlen +xdel +eval ~sd:* (+xadd +eval ~ss:* ~sd:*)")
}

fn governor() -> String {
    format!(
        "{SESSION} {WAY} +cluster|nodes +client|list +latency|latest +slowlog|get \
         +dbsize +memory|stats +time +multi +exec +discard +unwatch \
         (+set +get +del +exists +pexpire +watch ~ctl ~ctl:*) (+zrem ~il) \
         (+exists +xtrim +xlen +xrange +xrevrange +xpending +xinfo|stream +xinfo|groups +xinfo|consumers ~ss:* ~sd:*) ({READ} {STATES})"
    )
}

fn doctor() -> String {
    format!(
        "{SESSION} {WAY} +cluster|nodes +client|list +config|get +latency|latest +slowlog|get \
         +dbsize +memory|stats +time +memory|usage +object|encoding +scan +type +randomkey \
         +xlen +xpending +xinfo|stream +xinfo|groups +xinfo|consumers {READ} ~*"
    )
}

/// What Redis' documentation says that replicas and Sentinels need.
fn servers() -> [(&'static str, String); 2] {
    [
        ("replica", "+psync +replconf +ping".to_owned()),
        (
            "sentinel",
            "allchannels +multi +slaveof +ping +exec +subscribe +config|rewrite +role +publish +info \
             +client|setname +client|kill +script|kill"
                .to_owned(),
        ),
    ]
}

fn given_password(options: &Options) -> Result<Option<String>> {
    let password = match (&options.password_file, &options.password_env) {
        (Some(file), _) => {
            let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            text.lines().next().unwrap_or_default().to_owned()
        }
        (_, Some(name)) => {
            std::env::var(name).with_context(|| format!("the environment variable {name} has no text"))?
        }
        _ => return Ok(None),
    };
    if password.is_empty() {
        bail!("the password is empty: give it at least a few characters");
    }
    Ok(Some(password))
}

/// 192 bits from the operating system, in letters and digits.
fn random_password() -> Result<String> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).ok().context("the operating system gives no random numbers")?;
    Ok(hexadecimal(&bytes))
}

fn sum(password: &str) -> String {
    hexadecimal(&Sha256::digest(password))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

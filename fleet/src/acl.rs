//! `mt5fleet acl`: Redis users that can do their own work and nothing else, for Redis 7.0 and later.
//!
//! A terminal's user reaches the keys of its own instance and nothing else, but for names that it may add to the
//! shared lists `il` and `sl:{k}`: those are hints, and nobody believes one without the key behind it. No user may run
//! scripts. What is printed holds no password but its SHA-256 sum, which is what Redis keeps.

use std::collections::HashMap;
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

/// The name of a producer, which stands at the end of its watermarks' keys: 16 characters.
const PRODUCER: &str = "????????????????";

#[derive(Args)]
#[group(id = "who", required = true, multiple = true)]
pub struct Options {
    /// A terminal's user: writes the keys of this instance and no others; may be given often
    #[arg(long, value_name = "ID", group = "who")]
    instance: Vec<String>,
    /// The terminals' users may also follow signals: read all streams, write their own position
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
    /// The users by whom bridges and mt5fleet ask a Sentinel; `deploy/node.sh` makes them by itself
    #[arg(long, group = "who", conflicts_with_all = ["instance", "worker", "clerk", "governor", "doctor", "servers"])]
    sentinel: bool,
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
        InstanceId::new(instance).map_err(|error| anyhow!("{instance:?} is no instance: {error}"))?;
        let rules = terminal(instance, options.shards);
        let rules = if options.follow { format!("{rules} {}", follower(instance)) } else { rules };
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
    let owned = |(name, rules): (&str, String)| (name.to_owned(), rules);
    if options.servers {
        users.extend(servers().map(owned));
    }
    if options.sentinel {
        users.extend(at_sentinel().map(owned));
    }
    distinct(&users)?;

    let given = given_password(options)?;
    let mut printed = Printed { lines: Vec::new(), secrets: Vec::new() };
    // At a Sentinel the default user is the other Sentinels.
    if options.file && !options.sentinel {
        printed.lines.push("user default reset off".to_owned());
    }
    for (name, rules) in users {
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

/// What the bridge does for one instance (`docs/wire-format.md`). A watermark's pattern is as long as a producer's
/// name: `wm:{0}:*`, of an instance called 0, would be the signals' watermarks of everybody in shard 0.
///
/// To the shared lists it may add names, and do nothing else there: Redis gives commands and keys together in
/// parentheses since 7.0.
fn terminal(instance: &str, shards: u16) -> String {
    let shard = key::shard(instance, shards);
    format!(
        "{SESSION} {WAY} +multi +exec +discard +watch +unwatch +time \
         +hset +del +persist +pexpire +sadd +srem +smembers +zadd +zrem +zremrangebyscore +set +get \
         ~{state} ~ts:{{{instance}}}:* ~{open} ~{closed} ~wm:{{{instance}}}:{PRODUCER} \
         (+set +get +watch +pexpire ~wm:{{{shard}}}:{instance}:{PRODUCER}) \
         (+xadd +xtrim +xrevrange +pexpire ~{signals}) (+zadd %W~{list} %W~{sources}) \
         (+get %R~{all} %R~{one})",
        state = key::instance(instance),
        open = key::open_trades(instance),
        closed = key::closed_trades(instance),
        signals = key::signals(shard, instance),
        list = key::INSTANCE_LIST,
        sources = key::sources(shard),
        all = key::DIRECTIVE,
        one = key::directive(instance),
    )
}

/// What a terminal that follows signals does besides: it reads all streams, and writes its own position and lease.
/// Its followers are named like the instance, or begin with that and a colon, which no instance has.
fn follower(instance: &str) -> String {
    let (position, lease) = (key::position(instance), key::lease(instance));
    let (positions, leases) = (key::position(&format!("{instance}:*")), key::lease(&format!("{instance}:*")));
    format!(
        "(+xread +xrevrange +type %R~ss:*) (+zscan %R~sl:*) \
         (+hget +hgetall +hset +hdel +pexpire ~{position} ~{positions}) (+watch +get +set +del ~{lease} ~{leases})"
    )
}

/// What reads states, and where they are.
const READ: &str = "+hget +hmget +hgetall +exists +pttl +ttl +smembers +sismember +scard +zrange +zrangebyscore \
                    +zscore +zcard";
const STATES: &str = "%R~is:* %R~il %R~ts:* %R~to:* %R~tc:*";

fn worker() -> String {
    format!(
        "{SESSION} {WAY} +multi +exec +discard +time +scan \
         (+xreadgroup +xread +xrange +xrevrange +xlen +type +xack +xclaim +xautoclaim +xpending +xtrim \
         +xgroup|create +xgroup|setid +xgroup|delconsumer +xinfo|stream +xinfo|groups +xinfo|consumers ~ss:*) \
         (+zscan %R~sl:*) (+zadd +zscore +zrange +zrangebyscore +zremrangebyscore +pexpire ~sa:*) \
         (+xadd +xtrim ~sd:*) (+hmget %R~fp:*) ({READ} {STATES})"
    )
}

fn clerk() -> String {
    format!(
        "{SESSION} {WAY} +multi +exec +discard +unwatch +time \
         (+watch +xrange +xlen +xdel ~sd:*) (+xadd +pexpire ~ss:*) (+zadd %W~sl:*)"
    )
}

fn governor() -> String {
    format!(
        "{SESSION} {WAY} +cluster|nodes +time +multi +exec +discard +unwatch +scan \
         (+set +get +del +exists +pexpire +watch ~ctl ~ctl:*) (+zrem ~il ~sl:*) (+zscan +exists %R~il %R~sl:*) \
         (+exists +watch +xtrim +xlen +xrange +xrevrange +xpending +xinfo|stream +xinfo|groups +xinfo|consumers ~ss:* ~sd:*) \
         (+hmget %R~fp:*) ({READ} {STATES})"
    )
}

fn doctor() -> String {
    format!(
        "{SESSION} {WAY} +cluster|nodes +config|get +time +memory|usage +object|encoding +scan +type \
         +xlen +xpending +xinfo|stream +xinfo|groups +xinfo|consumers +zscan {READ} %R~*"
    )
}

/// What Redis' documentation says that replicas and Sentinels need. No script runs here, so none is to be killed.
fn servers() -> [(&'static str, String); 2] {
    [
        ("replica", "+psync +replconf +ping".to_owned()),
        (
            "sentinel",
            "allchannels +multi +slaveof +ping +exec +subscribe +config|rewrite +role +publish +info \
             +client|setname +client|kill"
                .to_owned(),
        ),
    ]
}

/// At a Sentinel, as `deploy/node.sh` makes them: a bridge asks for a master, mt5fleet how all of them are.
fn at_sentinel() -> [(&'static str, String); 2] {
    [
        ("bridge", "+auth +sentinel|get-master-addr-by-name".to_owned()),
        (
            "watcher",
            "+auth +hello +ping +info +sentinel|get-master-addr-by-name +sentinel|master +sentinel|masters \
             +sentinel|replicas +sentinel|sentinels +sentinel|ckquorum"
                .to_owned(),
        ),
    ]
}

/// Sees to it that every user is one of his own, and none is one that others rely on.
fn distinct(users: &[(String, String)]) -> Result<()> {
    let mut seen = HashMap::new();
    for (name, _) in users {
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
            bail!("{name:?} is no name for a user: pass letters, digits, '.', '_' or '-'");
        }
        if name.eq_ignore_ascii_case("default") {
            bail!("{name:?} is who signs in without a name: give the user another one");
        }
        // Names that differ in letters only are one where a person or a file system reads them.
        if let Some(other) = seen.insert(name.to_ascii_lowercase(), name) {
            bail!("{name:?} and {other:?} are one name: the second would take over from the first");
        }
    }
    Ok(())
}

fn given_password(options: &Options) -> Result<Option<String>> {
    let password = match (&options.password_file, &options.password_env) {
        (Some(file), _) => {
            let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            let line = text.strip_prefix('\u{feff}').unwrap_or(&text).lines().next().unwrap_or_default();
            if line.trim_end() != line {
                bail!("the password in {} ends with blanks: remove them", file.display());
            }
            line.to_owned()
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

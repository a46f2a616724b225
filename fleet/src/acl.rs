//! `mt5fleet acl`: Redis users with just the permissions that they need, for Redis 7.0 and later.
//!
//! A terminal's user reaches only the keys of its own instance. It may also add names to the shared lists `il` and
//! `sl:{k}`; those are hints, and no reader believes one without the key behind it. No user may run scripts. The printed
//! lines contain no password, only its SHA-256 sum, which is what Redis stores.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use mt5_redis::model::{InstanceId, key};
use sha2::{Digest, Sha256};

/// What every session needs.
const SESSION: &str = "+auth +hello +ping +quit +reset +select +client|setname +client|id";
/// What a program needs to find its way in a Cluster and to tell a master from a replica.
const TOPOLOGY: &str =
    "+cluster|info +cluster|slots +cluster|shards +cluster|keyslot +asking +readonly +role +info";

/// The pattern of a producer's name, the end of its watermarks' keys: 16 characters.
const PRODUCER: &str = "????????????????";

#[derive(Args)]
#[group(id = "who", required = true, multiple = true)]
pub struct Options {
    /// A terminal's user, which writes only the keys of this instance; may be repeated
    #[arg(long, value_name = "ID", group = "who")]
    instance: Vec<String>,
    /// Let the terminals' users follow signals too: read all streams and write their own position
    #[arg(long, requires = "instance")]
    follow: bool,
    /// The user of `mt5fleet work`: reads states, consumes signals, writes dead letters
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "worker", group = "who")]
    worker: Vec<String>,
    /// The user of `mt5fleet deadletters`: lists, retries and deletes dead signals
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "clerk", group = "who")]
    clerk: Vec<String>,
    /// The user of `mt5fleet govern`: watches servers, writes directives, trims streams and lists
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "governor", group = "who")]
    governor: Vec<String>,
    /// The user of `mt5fleet halt` and `resume`: writes halts, reads heartbeats
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "operator", group = "who")]
    operator: Vec<String>,
    /// The user of `mt5fleet doctor`, `top`, `reports` and `export`, and of readers in Python: reads everything, changes
    /// nothing
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "doctor", group = "who")]
    doctor: Vec<String>,
    /// The user of `mt5fleet web`: reads everything, changes nothing
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "web", group = "who")]
    web: Vec<String>,
    /// The user of `mt5fleet web --operate`: it also writes halts, directives and the audit, and settles dead signals
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "weboperator", group = "who")]
    web_operator: Vec<String>,
    /// Let the users of the governor and of the page tell alerts, too: they read everything and store what was told
    #[arg(long)]
    alerts: bool,
    /// The users with which replicas and Sentinels log in to a master (`deploy/users.conf`)
    #[arg(long, group = "who")]
    servers: bool,
    /// The users with which bridges and mt5fleet log in to a Sentinel; `deploy/node.sh` creates them itself
    #[arg(long, group = "who", conflicts_with_all = ["instance", "worker", "clerk", "governor", "operator", "doctor", "web", "web_operator", "servers"])]
    sentinel: bool,
    /// The number of signal shards: `rtss.shards`, by default 1 and on a Cluster 16
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=4096))]
    shards: u16,
    /// Take the password from this file's first line [default: a random one for each user]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Print a file for `aclfile`, which disables the default user, instead of commands for redis-cli
    #[arg(long)]
    file: bool,
}

/// What to print: the users, and their random passwords.
pub struct Printed {
    pub lines: Vec<String>,
    pub secrets: Vec<String>,
}

/// The requested users.
pub fn acl(options: &Options) -> Result<Printed> {
    let mut users = Vec::new();
    for instance in &options.instance {
        InstanceId::new(instance).map_err(|error| anyhow!("{instance:?} is not an instance id: {error}"))?;
        let rules = terminal(instance, options.shards);
        let rules = if options.follow { format!("{rules} {}", follower(instance)) } else { rules };
        users.push((instance.clone(), rules));
    }
    let tellers = [&options.governor, &options.web, &options.web_operator];
    if options.alerts && tellers.iter().all(|names| names.is_empty()) {
        bail!("--alerts adds to a user: pass --governor, --web or --web-operator with it");
    }
    let telling = |rules: String| if options.alerts { format!("{rules} {}", alerts()) } else { rules };
    let roles = [
        (&options.worker, worker()),
        (&options.clerk, clerk()),
        (&options.governor, telling(governor())),
        (&options.operator, operator()),
        (&options.doctor, doctor()),
        (&options.web, telling(web())),
        (&options.web_operator, telling(web_operator())),
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
    check_names(&users)?;

    let given = given_password(options)?;
    let mut printed = Printed { lines: Vec::new(), secrets: Vec::new() };
    // At a Sentinel, the other Sentinels are the default user.
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

/// What the bridge does for one instance (`docs/wire-format.md`). A watermark's pattern has the exact length of a
/// producer's name, because `wm:{0}:*` for an instance called 0 would match everybody's watermarks in shard 0.
///
/// Parentheses tie commands to keys (Redis 7.0): to the shared lists it may only add names.
fn terminal(instance: &str, shards: u16) -> String {
    let shard = key::shard(instance, shards);
    format!(
        "{SESSION} {TOPOLOGY} +multi +exec +discard +watch +unwatch +time \
         +hset +del +persist +pexpire +sadd +srem +smembers +zadd +zrem +zremrangebyscore +set +get \
         ~{state} ~ts:{{{instance}}}:* ~{open} ~{closed} ~wm:{{{instance}}}:{PRODUCER} \
         (+set +get +watch +pexpire ~wm:{{{shard}}}:{instance}:{PRODUCER} ~wr:{{{shard}}}:{instance}:{PRODUCER}) \
         (+xadd +xtrim +xrevrange +pexpire ~{signals} ~{reports} ~{events}) (+setrange +pexpire ~{equity}) (+zadd %W~{list} %W~{sources}) \
         (+get %R~{all} %R~{one} %R~{halt} %R~{halted})",
        state = key::instance(instance),
        equity = key::equity(instance),
        events = key::trade_events(instance),
        open = key::open_trades(instance),
        closed = key::closed_trades(instance),
        signals = key::signals(shard, instance),
        reports = key::reports(shard, instance),
        list = key::INSTANCE_LIST,
        sources = key::sources(shard),
        all = key::DIRECTIVE,
        one = key::directive(instance),
        halt = key::HALT,
        halted = key::halt(instance),
    )
}

/// What a terminal that follows signals needs as well: it reads all streams and writes its own position and lease. Its
/// followers are named after the instance, optionally with a colon and a suffix.
fn follower(instance: &str) -> String {
    let (position, lease) = (key::position(instance), key::lease(instance));
    let (positions, leases) = (key::position(&format!("{instance}:*")), key::lease(&format!("{instance}:*")));
    format!(
        "(+xread +xrevrange +type %R~ss:*) (+zscan %R~sl:*) \
         (+hget +hgetall +hset +hdel +pexpire ~{position} ~{positions}) (+watch +get +set +del ~{lease} ~{leases})"
    )
}

/// The commands that read states, and the states' keys.
const READ: &str = "+hget +hmget +hgetall +exists +pttl +ttl +smembers +sismember +scard +zrange +zrangebyscore \
                    +zscore +zcard";
const STATES: &str = "%R~is:* %R~il %R~ts:* %R~to:* %R~tc:*";

/// The halts, for who may write them.
const HALTS: &str = "(+set +get +exists ~halt ~halt:*)";

fn worker() -> String {
    format!(
        "{SESSION} {TOPOLOGY} +multi +exec +discard +time +scan \
         (+xreadgroup +xread +xrange +xrevrange +xlen +type +xack +xclaim +xautoclaim +xpending +xtrim \
         +xgroup|create +xgroup|setid +xgroup|delconsumer +xinfo|stream +xinfo|groups +xinfo|consumers ~ss:*) \
         (+zscan %R~sl:*) (+zadd +zscore +zrange +zrangebyscore +zremrangebyscore +pexpire ~sa:*) \
         (+xadd +xtrim ~sd:*) (+hmget %R~fp:*) ({READ} {STATES})"
    )
}

/// What settles dead letters.
const LETTERS: &str = "+multi +exec +discard +unwatch +time \
                       (+watch +xrange +xlen +xdel ~sd:*) (+xadd +pexpire ~ss:*) (+zadd %W~sl:*)";

fn clerk() -> String {
    format!("{SESSION} {TOPOLOGY} {LETTERS}")
}

fn governor() -> String {
    format!(
        "{SESSION} {TOPOLOGY} +cluster|nodes +time +multi +exec +discard +unwatch +scan \
         (+set +get +del +exists +pexpire +watch ~ctl ~ctl:*) (+zrem ~il ~sl:*) (+zscan +exists %R~il %R~sl:*) \
         (+exists +watch +xtrim +xlen +xrange +xrevrange +xpending +xinfo|stream +xinfo|groups +xinfo|consumers ~ss:* ~sd:*) \
         (+hmget %R~fp:*) {HALTS} ({READ} {STATES})"
    )
}

fn operator() -> String {
    format!("{SESSION} {TOPOLOGY} {HALTS} (+zscan %R~il) (+hmget %R~is:*)")
}

fn doctor() -> String {
    format!(
        "{SESSION} {TOPOLOGY} +cluster|nodes +config|get +time +memory|usage +object|encoding +scan +type \
         +xlen +xrange +xrevrange +xread +xpending +xinfo|stream +xinfo|groups +xinfo|consumers +zscan {READ} %R~* \
          (+get %R~ih:*)"
    )
}

/// The page shows what the doctor finds and the reports say, and more of the keys' values. Who lists dead letters connects
/// as for a transaction.
fn web() -> String {
    format!("{} +get +mget +xrevrange +multi +exec +discard", doctor())
}

fn web_operator() -> String {
    format!("{} {LETTERS} {HALTS} (+set +get +del ~ctl ~ctl:*) (+xadd ~audit)", web())
}

/// What tells alerts: it looks at all that the doctor looks at, and stores what was told.
fn alerts() -> String {
    format!(
        "{} +multi +exec +discard +unwatch (+set +get +del +exists +pexpire +watch ~alerts:{{fleet}}*)",
        doctor()
    )
}

/// What replicas and Sentinels need according to Redis' documentation, without SCRIPT KILL, as no scripts run here.
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

/// The users of a Sentinel, as in `deploy/node.sh`: a bridge asks for a master, mt5fleet for the state of all.
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

/// Checks that all names are valid, distinct and not reserved.
fn check_names(users: &[(String, String)]) -> Result<()> {
    let mut seen = HashMap::new();
    for (name, _) in users {
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
            bail!("{name:?} is not a valid user name: use letters, digits, '.', '_' and '-'");
        }
        if name.eq_ignore_ascii_case("default") {
            bail!("{name:?} is the user of clients without a name: choose another name");
        }
        // Names that differ only in case are too easy to confuse.
        if let Some(other) = seen.insert(name.to_ascii_lowercase(), name) {
            bail!("{name:?} and {other:?} are the same name: choose different ones");
        }
    }
    Ok(())
}

fn given_password(options: &Options) -> Result<Option<String>> {
    let Some(file) = &options.password_file else { return Ok(None) };
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let password = text.strip_prefix('\u{feff}').unwrap_or(&text).lines().next().unwrap_or_default();
    if password.trim_end() != password {
        bail!("the password in {} ends with blanks: remove them", file.display());
    }
    if password.is_empty() {
        bail!("the password in {} is empty: choose a longer one", file.display());
    }
    Ok(Some(password.to_owned()))
}

/// 192 bits from the operating system, in letters and digits.
pub(crate) fn random_password() -> Result<String> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).ok().context("the operating system provides no random numbers")?;
    Ok(hexadecimal(&bytes))
}

pub(crate) fn sum(password: &str) -> String {
    hexadecimal(&Sha256::digest(password))
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

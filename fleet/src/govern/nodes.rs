//! The Redis nodes of a configuration: a server, the master and replicas behind Sentinels, or the masters of
//! a Cluster, lane by lane. It connects, asks, and follows MOVED; it knows nothing of what is asked.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use redis::{
    Cmd, Connection, ErrorKind, FromRedisValue, IntoConnectionInfo, RedisConnectionInfo, RedisError,
};
use toml::{Table, Value};

/// A node that is silent for longer is down for this round.
const PATIENCE: Duration = Duration::from_secs(2);
const DEFAULT_URL: &str = "redis://127.0.0.1:6379";

/// Where a lane's Redis is.
#[derive(Clone, Debug, PartialEq)]
pub enum Site {
    /// One server, by its URL.
    Server(String),
    /// Sentinels, and the name of the master they watch.
    Sentinels(Vec<String>, String),
    /// Some nodes of a Cluster.
    Cluster(Vec<String>),
}

/// One lane of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    pub name: &'static str,
    pub site: Site,
    username: Option<String>,
    password: Option<String>,
}

/// What the governor needs to know of a configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// ris, rts, rtss.
    pub lanes: [Lane; 3],
    /// How long an instance lives after its last heartbeat.
    pub instance_ttl: Duration,
    /// How long signals are kept.
    pub retention: Duration,
    /// How many signals a stream has at most.
    pub max_length: u64,
    /// How many streams signals are spread over.
    pub shards: u16,
}

impl Configuration {
    /// Reads what an Expert Advisor would be given: a URL, or the path of a TOML file.
    pub fn read(config: &str) -> Result<Self> {
        if config.contains("://") {
            return Self::parse(&Table::from_iter([("url".to_owned(), Value::String(config.to_owned()))]));
        }
        // What the bridge would refuse is refused here in the same words, as far as both know the key.
        let text = std::fs::read_to_string(config).with_context(|| format!("cannot read {config}"))?;
        let name = Path::new(config).file_name().unwrap_or_default().to_string_lossy();
        let table = text.parse::<Table>().map_err(|error| anyhow::anyhow!("{name}: {}", error.message()))?;
        Self::parse(&table).with_context(|| name.into_owned())
    }

    fn parse(file: &Table) -> Result<Self> {
        let lane = |name| {
            let empty = Table::new();
            let own = file.get(name).and_then(Value::as_table).unwrap_or(&empty);
            Lane::parse(name, own, file).with_context(|| format!("[{name}]"))
        };
        let lanes = [lane("ris")?, lane("rts")?, lane("rtss")?];
        let duration = |table: &str, key: &str, usual: u64| -> Result<Duration> {
            match file.get(table).and_then(|table| table.get(key)) {
                None => Ok(Duration::from_secs(usual)),
                Some(value) => value
                    .as_str()
                    .and_then(|text| humantime::parse_duration(text).ok())
                    .with_context(|| format!("{table}.{key} is no duration like \"90s\"")),
            }
        };
        let number = |key: &str, usual: i64| {
            file.get("rtss").and_then(|table| table.get(key)).and_then(Value::as_integer).unwrap_or(usual)
        };
        let shards = if matches!(lanes[2].site, Site::Cluster(_)) { 16 } else { 1 };
        Ok(Self {
            lanes,
            instance_ttl: duration("ris", "ttl", 90)?,
            retention: duration("rtss", "retention", 3600)?,
            max_length: number("max_length", 1_000_000).max(1) as u64,
            shards: number("shards", shards).clamp(1, 16_384) as u16,
        })
    }
}

impl Lane {
    fn parse(name: &'static str, own: &Table, file: &Table) -> Result<Self> {
        let find = |key: &str| own.get(key).or_else(|| file.get(key));
        let text = |key: &str| -> Result<Option<String>> {
            let Some(value) = find(key) else { return Ok(None) };
            let text = value.as_str().with_context(|| format!("{key} is no text"))?;
            with_environment(text).with_context(|| key.to_owned()).map(Some)
        };
        let list = |key: &str| -> Result<Vec<String>> {
            let addresses = find(key).and_then(Value::as_array).map(|list| {
                list.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect::<Vec<_>>()
            });
            addresses
                .filter(|list| !list.is_empty())
                .with_context(|| format!("{key} is no list of addresses"))
        };
        // The lane's own way counts before the file's.
        let ways = ["url", "sentinels", "nodes"];
        let way =
            [own, file].into_iter().find_map(|table| ways.into_iter().find(|way| table.contains_key(*way)));
        let site = match way {
            Some("sentinels") => {
                let master = text("master")?.context("sentinels need a master: add master = \"mymaster\"")?;
                Site::Sentinels(list("sentinels")?, master)
            }
            Some("nodes") => Site::Cluster(list("nodes")?),
            _ => Site::Server(text("url")?.unwrap_or_else(|| DEFAULT_URL.to_owned())),
        };
        let mut password = text("password")?;
        if let Some(name) = text("password_env")? {
            password = Some(std::env::var(&name).with_context(|| format!("{name} is not set"))?);
        }
        if let Some(path) = text("password_file")? {
            let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
            password = Some(text.trim_end_matches(['\r', '\n']).to_owned());
        }
        Ok(Self { name, site, username: text("username")?, password })
    }

    fn connect(&self, address: &str) -> Result<Connection> {
        let url = if address.contains("://") { address.to_owned() } else { format!("redis://{address}") };
        // The error must not quote the URL, which may have a password.
        let info = url.as_str().into_connection_info().ok().context("the address is malformed")?;
        let settings = info.redis_settings().clone();
        let (username, password) = (settings.username(), settings.password());
        let mut identity = RedisConnectionInfo::default().set_db(settings.db());
        if let Some(username) = self.username.as_deref().or(username) {
            identity = identity.set_username(username);
        }
        if let Some(password) = self.password.as_deref().or(password) {
            identity = identity.set_password(password);
        }
        let client = redis::Client::open(info.set_redis_settings(identity))?;
        let connection = client.get_connection_with_timeout(PATIENCE)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.set_write_timeout(Some(PATIENCE))?;
        Ok(connection)
    }

    /// The addresses of the masters now.
    fn masters(&self) -> Result<Vec<String>> {
        match &self.site {
            Site::Server(url) => Ok(vec![url.clone()]),
            Site::Sentinels(sentinels, master) => {
                let mut why = anyhow::anyhow!("no sentinel answers");
                for sentinel in sentinels {
                    // Sentinels have passwords of their own, mostly none.
                    let bare = Self { username: None, password: None, ..self.clone() };
                    let asked = bare.connect(sentinel).and_then(|mut connection| {
                        let address: Option<(String, u16)> = redis::cmd("SENTINEL")
                            .arg("GET-MASTER-ADDR-BY-NAME")
                            .arg(master)
                            .query(&mut connection)?;
                        address.with_context(|| format!("{sentinel} does not know the master {master}"))
                    });
                    match asked {
                        Ok((host, port)) => return Ok(vec![address(&host, port)]),
                        Err(error) => why = error,
                    }
                }
                Err(why)
            }
            Site::Cluster(nodes) => {
                let mut why = anyhow::anyhow!("no node answers");
                for node in nodes {
                    match self.connect(node).and_then(|mut connection| cluster_masters(&mut connection, node))
                    {
                        Ok(masters) => return Ok(masters),
                        Err(error) => why = error,
                    }
                }
                Err(why)
            }
        }
    }
}

/// Host and port as one address.
fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn cluster_masters(connection: &mut Connection, asked: &str) -> Result<Vec<String>> {
    let slots: Vec<redis::Value> = redis::cmd("CLUSTER").arg("SLOTS").query(connection)?;
    let mut masters = Vec::new();
    for slot in slots {
        let redis::Value::Array(parts) = slot else { bail!("CLUSTER SLOTS is not what it should be") };
        let Some(redis::Value::Array(master)) = parts.get(2) else { bail!("a range of slots has no master") };
        let host = String::from_redis_value(master[0].clone()).unwrap_or_default();
        let port = u16::from_redis_value(master[1].clone())?;
        // A node that does not know its own name is where we asked.
        let host =
            if host.is_empty() { asked.rsplit_once(':').map_or(asked, |(host, _)| host) } else { &host };
        let found = address(host, port);
        if !masters.contains(&found) {
            masters.push(found);
        }
    }
    ensure!(!masters.is_empty(), "{asked} serves no slots: is it a Cluster?");
    Ok(masters)
}

/// A lane with its connections, made when needed and made again after an error.
pub struct Nodes {
    pub lane: Lane,
    masters: Vec<String>,
    connections: HashMap<String, Connection>,
}

impl Nodes {
    pub fn new(lane: Lane) -> Self {
        Self { lane, masters: Vec::new(), connections: HashMap::new() }
    }

    /// Finds out who is the master, or are the masters, now. Their addresses, without any password.
    pub fn refresh(&mut self) -> Result<Vec<String>> {
        self.masters = self.lane.masters()?;
        self.connections.retain(|address, _| self.masters.contains(address));
        Ok(self.masters.clone())
    }

    /// Asks one node.
    pub fn ask<T: FromRedisValue>(&mut self, address: &str, command: &Cmd) -> Result<T> {
        let connection = self.connection(address)?;
        let answer = command.query::<T>(connection);
        if answer.as_ref().is_err_and(|error| error.is_io_error() || error.is_connection_dropped()) {
            self.connections.remove(address);
        }
        answer.map_err(Into::into)
    }

    /// A connection to one node.
    pub fn connection(&mut self, address: &str) -> Result<&mut Connection> {
        if !self.connections.contains_key(address) {
            let connection = self.lane.connect(address)?;
            self.connections.insert(address.to_owned(), connection);
        }
        Ok(self.connections.get_mut(address).expect("it was just inserted"))
    }

    /// Asks the node that has the command's key.
    pub fn ask_owner<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T> {
        let first = self.masters.first().context("no node is known")?.clone();
        match self.ask(&first, command) {
            Err(error) => match moved_to(&error) {
                Some(address) => self.ask(&address, command),
                None => Err(error),
            },
            answer => answer,
        }
    }

    /// The address of the node that has a key.
    pub fn owner(&mut self, key: &str) -> Result<String> {
        let first = self.masters.first().context("no node is known")?.clone();
        match self.ask::<redis::Value>(&first, redis::cmd("EXISTS").arg(key)) {
            Err(error) => moved_to(&error).ok_or(error),
            Ok(_) => Ok(first),
        }
    }
}

fn moved_to(error: &anyhow::Error) -> Option<String> {
    let error = error.downcast_ref::<RedisError>()?;
    matches!(error.kind(), ErrorKind::Server(redis::ServerErrorKind::Moved))
        .then(|| error.redirect_node().map(|(address, _)| address.to_owned()))?
}

/// An address for people: without user, password and database.
pub fn shown(address: &str) -> &str {
    let address = address.split_once("://").map_or(address, |(_, rest)| rest);
    let address = address.rsplit_once('@').map_or(address, |(_, rest)| rest);
    address.split_once('/').map_or(address, |(host, _)| host)
}

/// Replaces each `${NAME}` by the environment's value.
fn with_environment(text: &str) -> Result<String> {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').context("has a ${ without its }")?;
        let value = std::env::var(name).with_context(|| format!("the environment has no {name}"))?;
        whole += before;
        whole += &value;
        rest = after;
    }
    Ok(whole + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Configuration> {
        Configuration::parse(&text.parse().unwrap())
    }

    #[test]
    fn each_lane_has_its_way() {
        let configuration = parse(
            r#"
            url = "redis://a:1"
            password = "x"
            [rts]
            sentinels = ["s1:26379", "s2:26379"]
            master = "trades"
            [rtss]
            nodes = ["c1:7000"]
            retention = "10m"
            [ris]
            ttl = "30s"
            "#,
        )
        .unwrap();
        let [ris, rts, rtss] = &configuration.lanes;
        assert_eq!(ris.site, Site::Server("redis://a:1".into()));
        let sentinels = ["s1:26379", "s2:26379"].map(String::from).to_vec();
        assert_eq!(rts.site, Site::Sentinels(sentinels, "trades".into()));
        assert_eq!(rtss.site, Site::Cluster(vec!["c1:7000".into()]));
        assert_eq!((configuration.retention, configuration.shards), (Duration::from_secs(600), 16));
        assert_eq!(configuration.instance_ttl, Duration::from_secs(30));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, words) in [
            ("[rts]\nsentinels = [\"a:1\"]", "master"),
            ("[rtss]\nnodes = []", "nodes is no list"),
            ("[rtss]\nretention = 3", "rtss.retention"),
            ("url = \"redis://${MT5FLEET_NO_SUCH_NAME}\"", "MT5FLEET_NO_SUCH_NAME"),
        ] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        assert_eq!(shown("redis://me:secret@host:1/2"), "host:1");
        assert_eq!(shown("host:1"), "host:1");
    }
}

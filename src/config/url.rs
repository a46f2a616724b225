//! One line that says where Redis is: `redis://`, `redis-sentinel://` or `redis-cluster://`, each also with
//! `rediss` for TLS. The reason of a refusal holds nothing of the line, which may have a password anywhere.

use redis::{ConnectionInfo, IntoConnectionInfo};

use super::endpoint::{Address, Endpoint, Identity, Secret, Site};
use super::tls::Tls;

const FORMS: &str = "is no redis:// URL: write redis://host:port, redis-sentinel://host:26379,host:26379/master \
                     or redis-cluster://host:port,host:port (rediss for TLS)";

pub(super) const SENTINEL_PORT: u16 = 26379;
pub(super) const REDIS_PORT: u16 = 6379;

impl Endpoint {
    /// Reads `redis://[user][:password@]host[:port][/database]`,
    /// `redis-sentinel://[user][:password@]sentinel[:port],…/master[/database]` or
    /// `redis-cluster://[user][:password@]node[:port],…`.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = url.split_once("://").ok_or(FORMS)?;
        let scheme = scheme.to_ascii_lowercase();
        let known = [("rediss", true), ("redis", false), ("valkeys", true), ("valkey", false)];
        let mut known = known.into_iter().filter_map(|(name, tls)| Some((scheme.strip_prefix(name)?, tls)));
        let (kind, tls) = known.next().ok_or(FORMS)?;
        let tls = tls.then(Tls::default);
        if rest.contains(['?', '#']) {
            return Err("has a query or a fragment: percent-encode ? and # in a password, \
                        or use the file's keys username and password");
        }
        let endpoint = match kind {
            "" => server(rest),
            "-sentinel" => sentinel(rest),
            "-cluster" => cluster(rest),
            _ => Err(FORMS),
        };
        Ok(Self { tls, ..endpoint? })
    }
}

fn server(rest: &str) -> Result<Endpoint, &'static str> {
    let info = read(
        rest,
        "is malformed: write redis://user:password@host:port/database and percent-encode the password",
        "has a bad database number, user or password: write redis://user:password@host:port/0",
    )?;
    let redis::ConnectionAddr::Tcp(host, port) = info.addr() else { return Err(FORMS) };
    if ["", "0.0.0.0", "::"].contains(&host.as_str()) {
        return Err("names no host one can connect to: write redis://host:port");
    }
    let database = info.redis_settings().db();
    if database < 0 {
        return Err("has a negative database number: write redis://host:port/0");
    }
    let site = Site::Server(Address { host: host.clone(), port: *port });
    Ok(Endpoint { database, identity: identity(&info), ..Endpoint::at(site) })
}

fn sentinel(rest: &str) -> Result<Endpoint, &'static str> {
    const FORM: &str = "is malformed: write redis-sentinel://user:password@host:26379,host:26379/master/database \
                        and percent-encode the password";
    let (identity, rest) = login(rest, FORM)?;
    let (hosts, path) = rest.split_once('/').ok_or("names no master: add its name, /mymaster, at the end")?;
    let (master, database) = path.split_once('/').unwrap_or((path, "0"));
    if !is_master_name(master) {
        return Err("names no master: add its name, /mymaster, at the end");
    }
    let database = database.parse().ok().filter(|database| *database >= 0).ok_or(FORM)?;
    let sentinels = addresses(hosts, SENTINEL_PORT).ok_or(FORM)?;
    // Sentinels that want a login have their own keys in the file.
    let (master, masters) = (master.to_owned(), Vec::new());
    let site = Site::Sentinel { sentinels, master, masters, identity: Identity::default() };
    Ok(Endpoint { database, identity, ..Endpoint::at(site) })
}

fn cluster(rest: &str) -> Result<Endpoint, &'static str> {
    const FORM: &str = "is malformed: write redis-cluster://user:password@host:port,host:port and percent-encode \
                        the password; a Cluster has no database numbers";
    let (identity, hosts) = login(rest, FORM)?;
    let nodes = addresses(hosts.strip_suffix('/').unwrap_or(hosts), REDIS_PORT).ok_or(FORM)?;
    Ok(Endpoint { identity, ..Endpoint::at(Site::Cluster(nodes)) })
}

/// What a sentinel may call a master.
pub(super) fn is_master_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

fn addresses(hosts: &str, default_port: u16) -> Option<Vec<Address>> {
    hosts.split(',').map(|host| Address::parse(host.trim(), default_port)).collect()
}

/// Splits user and password off.
fn login<'a>(rest: &'a str, form: &'static str) -> Result<(Identity, &'a str), &'static str> {
    let Some((login, rest)) = rest.rsplit_once('@') else { return Ok((Identity::default(), rest)) };
    Ok((identity(&read(&format!("{login}@host"), form, form)?), rest))
}

fn read(rest: &str, malformed: &'static str, wrong: &'static str) -> Result<ConnectionInfo, &'static str> {
    let url = redis::parse_redis_url(&format!("redis://{rest}")).ok_or(malformed)?;
    url.into_connection_info().map_err(|_| wrong)
}

fn identity(info: &ConnectionInfo) -> Identity {
    let settings = info.redis_settings();
    Identity {
        username: settings.username().map(str::to_owned),
        password: settings.password().map(|password| Secret::new(password.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_form() {
        let endpoint = Endpoint::parse("redis://cache.example").unwrap();
        assert_eq!((endpoint.name().as_str(), endpoint.tls), ("cache.example:6379", None));

        let endpoint = Endpoint::parse("rediss-sentinel://ea:p%40ss@s1,s2:7000,[::1]/mt5-rts/2").unwrap();
        let Site::Sentinel { sentinels, master, identity, .. } = &endpoint.site else {
            panic!("{endpoint:?}")
        };
        assert_eq!(
            sentinels.iter().map(Address::to_string).collect::<Vec<_>>(),
            ["s1:26379", "s2:7000", "[::1]:26379"]
        );
        assert_eq!((master.as_str(), identity, endpoint.database), ("mt5-rts", &Identity::default(), 2));
        assert_eq!(endpoint.identity.username.as_deref(), Some("ea"));
        assert_eq!(endpoint.identity.password.as_ref().unwrap().expose(), "p@ss");
        assert_eq!(endpoint.tls, Some(Tls::default()));
        assert_eq!(endpoint.name(), "mt5-rts@s1:26379");

        let endpoint = Endpoint::parse("redis-cluster://:secret@n1:7001,n2:7002").unwrap();
        let Site::Cluster(nodes) = &endpoint.site else { panic!("{endpoint:?}") };
        assert_eq!(nodes.iter().map(Address::to_string).collect::<Vec<_>>(), ["n1:7001", "n2:7002"]);
        assert_eq!(endpoint.identity.username, None);
        assert_eq!(endpoint.name(), "cluster@n1:7001");
    }

    #[test]
    fn a_scheme_may_be_in_capitals_and_of_valkey() {
        for (url, tls) in
            [("REDIS://a:1", false), ("Rediss://a:1", true), ("valkey://a:1", false), ("valkeys://a:1", true)]
        {
            let endpoint = Endpoint::parse(url).unwrap();
            assert_eq!((endpoint.name().as_str(), endpoint.tls.is_some()), ("a:1", tls), "{url}");
        }
        let endpoint = Endpoint::parse("VALKEYS-CLUSTER://n1,n2:7002").unwrap();
        assert_eq!((endpoint.name().as_str(), endpoint.tls), ("cluster@n1:6379", Some(Tls::default())));
    }

    #[test]
    fn what_is_malformed_is_refused_with_the_form() {
        for (url, reason) in [
            ("localhost:6379", "is no redis:// URL"),
            ("redis+sentinel://a/b", "is no redis:// URL"),
            ("redisx://a", "is no redis:// URL"),
            ("http://a", "is no redis:// URL"),
            ("redis-sentinel://a:26379", "names no master"),
            ("redis-sentinel://a:26379/", "names no master"),
            ("redis-sentinel://a:26379/my master", "names no master"),
            ("redis-sentinel:///m", "is malformed: write redis-sentinel://"),
            ("redis-sentinel://a,/m", "is malformed: write redis-sentinel://"),
            ("redis-sentinel://a/m/-1", "is malformed: write redis-sentinel://"),
            ("redis-cluster://a:1,b:x", "is malformed: write redis-cluster://"),
            ("redis-cluster://a:1/3", "is malformed: write redis-cluster://"),
            ("redis-cluster://", "is malformed: write redis-cluster://"),
        ] {
            let refusal = Endpoint::parse(url).unwrap_err();
            assert!(refusal.starts_with(reason), "{url}: {refusal}");
        }
    }
}

//! The URLs that say where Redis is: `redis://`, `redis-sentinel://` and `redis-cluster://`, each also with `rediss`
//! for TLS. An error quotes no part of the URL, which may have a password anywhere.

use redis::IntoConnectionInfo;

use super::endpoint::{Address, Endpoint, Identity, Secret, Site};
use super::tls::Tls;

const FORMS: &str = "is not a redis:// URL: write redis://host:port, redis-sentinel://host:26379,host:26379/master \
                     or redis-cluster://host:port,host:port (rediss for TLS)";
const SERVER: &str =
    "is malformed: write redis://user:password@host:port/database and percent-encode the password";
const SENTINEL: &str = "is malformed: write redis-sentinel://user:password@host:26379,host:26379/master/database and \
                        percent-encode the password";
const CLUSTER: &str = "is malformed: write redis-cluster://user:password@host:port,host:port and percent-encode the \
                       password; a Cluster has no database numbers";
const NO_MASTER: &str = "has no name of a master: add it at the end, like /mymaster";

const SENTINEL_PORT: u16 = 26379;
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
        let form = match kind {
            "" => SERVER,
            "-sentinel" => SENTINEL,
            "-cluster" => CLUSTER,
            _ => return Err(FORMS),
        };
        if rest.contains(['?', '#']) {
            return Err("has a query or a fragment: write ? in a password as %3F and # as %23, \
                        or put username and password into a TOML file");
        }
        let (identity, rest) = match rest.rsplit_once('@') {
            Some((login, rest)) => (identity(login).ok_or(form)?, rest),
            None => (Identity::default(), rest),
        };
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let port = if form == SENTINEL { SENTINEL_PORT } else { REDIS_PORT };
        let addresses =
            hosts.split(',').map(|host| Address::parse(host.trim(), port)).collect::<Option<Vec<_>>>();
        let mut addresses = addresses.ok_or(form)?;
        let (site, database) = match form {
            SERVER => (Site::Server(addresses.pop().filter(|_| addresses.is_empty()).ok_or(form)?), path),
            CLUSTER if path.is_empty() => (Site::Cluster(addresses), ""),
            CLUSTER => return Err(form),
            _ => {
                let (master, database) = path.split_once('/').unwrap_or((path, ""));
                if master.is_empty()
                    || !master.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
                {
                    return Err(NO_MASTER);
                }
                // A password for the sentinels themselves has keys of its own in the file.
                let (identity, master, masters) = (Identity::default(), master.to_owned(), Vec::new());
                (Site::Sentinel { sentinels: addresses, master, masters, identity }, database)
            }
        };
        let database = match database {
            "" => 0,
            number => number.parse().ok().filter(|number| *number >= 0).ok_or(form)?,
        };
        Ok(Self { database, identity, tls: tls.then(Tls::default), ..Self::at(site) })
    }
}

fn identity(login: &str) -> Option<Identity> {
    let info = redis::parse_redis_url(&format!("redis://{login}@host"))?.into_connection_info().ok()?;
    let settings = info.redis_settings();
    Some(Identity {
        username: settings.username().map(str::to_owned),
        password: settings.password().map(|password| Secret::new(password.to_owned())),
    })
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
    fn a_malformed_url_is_refused_with_the_right_form() {
        for (url, reason) in [
            ("localhost:6379", "is not a redis:// URL"),
            ("redis+sentinel://a/b", "is not a redis:// URL"),
            ("redisx://a", "is not a redis:// URL"),
            ("http://a", "is not a redis:// URL"),
            ("redis-sentinel://a:26379", "has no name of a master"),
            ("redis-sentinel://a:26379/", "has no name of a master"),
            ("redis-sentinel://a:26379/my master", "has no name of a master"),
            ("redis-sentinel://a,/m", "is malformed: write redis-sentinel://"),
            ("redis-sentinel:///m", "is malformed: write redis-sentinel://"),
            ("redis://a,b", "is malformed: write redis://"),
            ("redis://a/-1", "is malformed: write redis://"),
            ("redis://a/x@b", "is malformed: write redis://"),
            ("redis://", "is malformed: write redis://"),
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

//! Advice on what to change in the configuration, given a server's error or a broken connection: few people who read
//! `MOVED` or `DB index is out of range` know what to do about it.
//!
//! It goes by the words of the error, which are all that the lanes, the readers and `mt5fleet` have in common. It never
//! repeats a user or a password. An error that is clear by itself gets no advice.

use super::endpoint::{Endpoint, Site};

/// The end of every error about a connection that was never established.
pub const WHILE_CONNECTING: &str = " while connecting";

/// The error numbers of a connection that the other side closed, on Linux and on Windows. The words beside them are in
/// the system's language.
const HUNG_UP: [&str; 4] = ["os error 104)", "os error 32)", "os error 10053)", "os error 10054)"];

/// The commands that lanes, followers and workers send first. A Sentinel knows none of them.
const SERVER_COMMANDS: [&str; 12] =
    ["GET", "HGETALL", "HSET", "MULTI", "SCAN", "SET", "TIME", "WATCH", "XADD", "XGROUP", "XREAD", "ZSCAN"];

/// The most characters of error and advice together: a line of the log has 250, and also says where and how long.
const ROOM: usize = 170;
/// The error keeps at least this many characters.
const LEAST: usize = 40;

impl Endpoint {
    /// The error with advice, where there is any.
    pub fn told(&self, words: &str) -> String {
        match self.advice(words) {
            Some(advice) => {
                let words = words.trim_end_matches([' ', '.', '?']);
                let room = ROOM.saturating_sub(advice.chars().count()).max(LEAST);
                match words.char_indices().nth(room) {
                    Some((end, _)) => format!("{}…: {advice}", &words[..end]),
                    None => format!("{words}: {advice}"),
                }
            }
            None => words.to_owned(),
        }
    }

    /// What to change, as a part of a sentence. None where no advice is known.
    pub fn advice(&self, words: &str) -> Option<String> {
        let says = |part: &str| words.contains(part);
        let any = |parts: &[&str]| parts.iter().any(|part| says(part));
        let lacks = |command: &str| says(&format!("unknown command '{command}'"));
        let of_sentinels = words.starts_with("no sentinel knows");
        let connecting = of_sentinels || words.ends_with(WHILE_CONNECTING);
        let hung_up = any(&HUNG_UP) || says("closed the connection");
        let (database, tls) = (self.database, self.tls.is_some());
        let scheme = if tls { "rediss" } else { "redis" };
        let (server, sentinel, cluster, first) = match &self.site {
            Site::Server(address) => (true, false, false, address),
            Site::Sentinel { sentinels, .. } => (false, true, false, &sentinels[0]),
            Site::Cluster(nodes) => (false, false, true, &nodes[0]),
        };
        let (login, as_cluster) = ("username:password@", format!("{scheme}-cluster://{first}"));
        // Returns the first advice that applies.
        macro_rules! advise {
            ($($applies:expr => $advice:literal;)*) => {{
                $(if $applies {
                    return Some(format!($advice));
                })*
                None
            }};
        }
        advise! {
            says("NOPERM") && (of_sentinels || says("'sentinel")) =>
                "check sentinel_username: mt5fleet acl --sentinel prints users with sufficient rights";
            says("NOPERM") =>
                "check username, password and permissions: mt5fleet acl prints users with sufficient rights";
            says("without any password configured") =>
                "the server has no password: remove it from the configuration";
            any(&["WRONGPASS", "NOAUTH"]) && of_sentinels =>
                "write sentinel_username and sentinel_password_file, as set there, into a TOML file";
            says("WRONGPASS") =>
                "wrong username or password; in a URL write its special characters percent-encoded, @ as %40";
            says("NOAUTH") =>
                "it wants a password: write {scheme}://{login}{first}, or password_file in a TOML file";

            database > 0 && says("SELECT is not allowed in cluster mode") =>
                "this is a Cluster, which has no database numbers: write {as_cluster}";
            database > 0 && says("DB index is out of range") =>
                "the server has no database {database}: leave /{database} out, or write a lower number";
            database > 0 && any(&["'SELECT'", "'select'"]) =>
                "the server has a single database: leave /{database} out";

            server && any(&["MOVED ", "CROSSSLOT", "CLUSTERDOWN"]) =>
                "this is a node of a Cluster: write {as_cluster}";
            server && says("READONLY") =>
                "this is a replica: write the address of its master, or its Sentinels";
            server && SERVER_COMMANDS.into_iter().any(lacks) =>
                "if this is a Sentinel, write {scheme}-sentinel://{first}/MASTER";
            cluster && (says("cluster support disabled") || lacks("CLUSTER")) =>
                "this is not a Cluster: write {scheme}://{first}";
            sentinel && (lacks("SENTINEL") || says("is no sentinel")) =>
                "this is not a Sentinel: write a Sentinel's port, usually 26379, or {scheme}://{first}";
            sentinel && says("knows no master of this name") =>
                "the name must be the one in the Sentinels' own `sentinel monitor`";

            !tls && connecting && (hung_up || says("not Redis' protocol")) =>
                "if this port is encrypted, write rediss in place of redis";
            tls && any(&["CertificateRequired", "certificate required"]) =>
                "the server asks for a certificate: write tls_certificate and tls_key into a TOML file";
            tls && any(&["NotValidForName", "not valid for name"]) =>
                "the server's certificate is for another host name: write that name";
            tls && any(&["certificate: Expired", "certificate expired"]) =>
                "renew the server's certificate, or correct this machine's clock";
            tls && says("CaUsedAsEndEntity") =>
                "the server presents an authority's certificate: create one for it with CA:FALSE";
            tls && says("invalid peer certificate") =>
                "the server's certificate is signed by an unknown authority: write tls_ca, its file, into a TOML file";
            tls && connecting && any(&["time-out", "corrupt message", "closed the connection"]) =>
                "if this port is not encrypted, write redis in place of rediss";
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the tests against servers cannot provoke, and what must not be taken for something else.
    #[test]
    fn it_depends_on_the_site_and_on_the_moment() {
        let advice = |url: &str, words: &str| Endpoint::parse(url).unwrap().advice(words).unwrap_or_default();
        let reset = "Connection reset by peer (os error 104)";
        let connecting = format!("{reset}{WHILE_CONNECTING}");
        for (url, words, expected) in [
            ("redis://a", reset, ""),
            ("redis://a", connecting.as_str(), "if this port is encrypted"),
            ("redis://a", "no answer within the time-out while connecting", ""),
            ("rediss://a", "no answer within the time-out", ""),
            ("rediss://a", "no answer within the time-out while connecting", "if this port is not encrypted"),
            (
                "rediss://a",
                "invalid peer certificate: NotValidForName",
                "the server's certificate is for another",
            ),
            ("rediss://a", "invalid peer certificate: Expired", "renew the server's certificate"),
            ("redis-cluster://a", "MOVED 1 b:1", ""),
            ("redis-sentinel://a/m", "READONLY You can't write", ""),
            ("redis-sentinel://a/m", "no sentinel knows where m is (a: NOAUTH)", "write sentinel_username"),
            ("redis-sentinel://a/m", "NOAUTH Authentication", "it wants a password"),
            ("redis-sentinel://a/m", "no sentinel knows where m is (a: NOPERM)", "check sentinel_username"),
            (
                "redis-sentinel://a/m",
                "NOPERM to run the 'sentinel|masters' command",
                "check sentinel_username",
            ),
            ("redis-sentinel://a/m", "NOPERM to run the 'xadd' command", "check username, password and"),
            ("redis://a", "ERR unknown command 'SELECT'", ""),
            ("redis://a/2", "ERR unknown command 'SELECT'", "the server has a single database: leave /2 out"),
            ("redis://a", "OOM command not allowed", ""),
        ] {
            let found = advice(url, words);
            assert!(
                found.starts_with(expected) && found.is_empty() == expected.is_empty(),
                "{url} {words}: {found}"
            );
        }
    }

    #[test]
    fn the_table_of_commands_has_what_is_sent_first() {
        let table = include_str!("../../docs/deployment.md");
        for command in SERVER_COMMANDS {
            assert!(table.contains(&format!("`{command}`")), "{command}");
        }
    }

    #[test]
    fn no_secret_is_in_it() {
        for url in
            ["redis://ea:hunter2@a/3", "redis-cluster://ea:hunter2@a", "rediss-sentinel://ea:hunter2@a/m"]
        {
            let endpoint = Endpoint::parse(url).unwrap();
            for words in
                ["WRONGPASS", "NOAUTH", "MOVED ", "cluster support disabled", "is no sentinel", "'SELECT'"]
            {
                let advice = endpoint.advice(words).unwrap_or_default();
                assert!(!advice.contains("hunter2") && !advice.contains("ea:"), "{advice}");
            }
        }
    }
}

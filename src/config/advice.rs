//! What to write into the configuration instead, by what a server said or how the connection to it broke. People who
//! read `MOVED` or `DB index is out of range` seldom know Redis so well that they know what to change.
//!
//! It goes by the words, since they are all that the lanes, the readers and `mt5fleet` have in common. It never repeats
//! a user or a password. Words that say enough by themselves get no advice.

use super::endpoint::{Endpoint, Site};

/// Stands at the end of the words about a connection that never came to be.
pub const WHILE_CONNECTING: &str = " while connecting";

/// How the numbers of a connection that the other side ended look; the words beside them are in the system's
/// language. Linux, then Windows.
const HUNG_UP: [&str; 4] = ["os error 104)", "os error 32)", "os error 10053)", "os error 10054)"];

/// What lanes, followers and workers send first; a Sentinel knows none of them.
const SERVER_COMMANDS: [&str; 12] =
    ["GET", "HGETALL", "HSET", "MULTI", "SCAN", "SET", "TIME", "WATCH", "XADD", "XGROUP", "XREAD", "ZSCAN"];

/// How many characters words and advice may have together, and the words at least: a line of the log has 250, and
/// says where and for how long as well.
const ROOM: usize = 170;
const LEAST: usize = 40;

impl Endpoint {
    /// These words as people are told them: with what to change, where that is known.
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

    /// What to change, as a part of a sentence; none where nothing is known.
    pub fn advice(&self, words: &str) -> Option<String> {
        self.on_login(words)
            .or_else(|| self.on_database(words))
            .or_else(|| self.on_kind(words))
            .or_else(|| self.on_encryption(words))
    }

    fn on_login(&self, words: &str) -> Option<String> {
        let says = |part: &str| words.contains(part);
        if says("NOPERM") {
            return Some(
                "check username, password and permissions: mt5fleet acl prints users that may do enough"
                    .into(),
            );
        }
        if says("without any password configured") {
            return Some("the server has no password: leave it out of the configuration".into());
        }
        match (says("WRONGPASS"), says("NOAUTH")) {
            (false, false) => None,
            _ if is_of_sentinels(words) => Some(
                "write sentinel_username and sentinel_password_file, as they are there, into a TOML file"
                    .into(),
            ),
            (true, _) => Some(
                "wrong username or password; in a URL write its special characters percent-encoded, @ as %40"
                    .into(),
            ),
            _ => Some(format!(
                "it wants a password: write {}, or password_file into a TOML file",
                self.url("username:password@")
            )),
        }
    }

    fn on_database(&self, words: &str) -> Option<String> {
        let (database, says) = (self.database, |part: &str| words.contains(part));
        if database == 0 {
            return None;
        }
        if says("SELECT is not allowed in cluster mode") {
            Some(format!("this is a Cluster, which has no database numbers: write {}", self.cluster()))
        } else if says("DB index is out of range") {
            Some(format!(
                "the server has no database {database}: leave /{database} out, or write a lower number"
            ))
        } else if says("'SELECT'") || says("'select'") {
            Some(format!("the server has a single database: leave /{database} out"))
        } else {
            None
        }
    }

    /// The server is of another kind than the configuration says.
    fn on_kind(&self, words: &str) -> Option<String> {
        let says = |part: &str| words.contains(part);
        let one_of = |parts: &[&str]| parts.iter().any(|part| says(part));
        let knows_no = |command: &str| says(&format!("unknown command '{command}'"));
        match &self.site {
            Site::Server(_) if one_of(&["MOVED ", "CROSSSLOT", "CLUSTERDOWN"]) => {
                Some(format!("this is a node of a Cluster: write {}", self.cluster()))
            }
            Site::Server(_) if says("READONLY") => {
                Some("this is a replica: write the address of its master, or its Sentinels".into())
            }
            Site::Server(_) if SERVER_COMMANDS.into_iter().any(knows_no) => Some(format!(
                "if this is a Sentinel, write {}-sentinel://{}/MASTER",
                self.scheme(),
                self.first()
            )),
            Site::Cluster(_) if says("cluster support disabled") || knows_no("CLUSTER") => {
                Some(format!("this is no Cluster: write {}", self.url("")))
            }
            Site::Sentinel { .. } if knows_no("SENTINEL") || says("is no sentinel") => Some(format!(
                "this is no Sentinel: write a Sentinel's port, usually 26379, or {}",
                self.url("")
            )),
            Site::Sentinel { .. } if says("knows no master of this name") => {
                Some("the name must be the one in the Sentinels' own `sentinel monitor`".into())
            }
            _ => None,
        }
    }

    /// One side encrypts and the other does not, or does not trust what it is shown.
    fn on_encryption(&self, words: &str) -> Option<String> {
        let says = |part: &str| words.contains(part);
        let one_of = |parts: &[&str]| parts.iter().any(|part| says(part));
        let connecting = words.ends_with(WHILE_CONNECTING) || is_of_sentinels(words);
        if self.tls.is_none() {
            let hung_up = one_of(&HUNG_UP) || one_of(&["closed the connection", "not Redis' protocol"]);
            return (connecting && hung_up)
                .then(|| "if this port is encrypted, write rediss in place of redis".into());
        }
        if one_of(&["CertificateRequired", "certificate required"]) {
            Some(
                "the server wants to see a certificate: write tls_certificate and tls_key into a TOML file"
                    .into(),
            )
        } else if one_of(&["NotValidForName", "not valid for name"]) {
            Some("the server's certificate is for another host name: write that name".into())
        } else if one_of(&["certificate: Expired", "certificate expired"]) {
            Some("renew the server's certificate, or set this machine's clock".into())
        } else if says("CaUsedAsEndEntity") {
            Some("the server shows an authority's certificate: have one made for it with CA:FALSE".into())
        } else if says("invalid peer certificate") {
            Some(
                "nobody known here has signed the server's certificate: write tls_ca, the signer's, into a TOML file"
                    .into(),
            )
        } else if connecting && one_of(&["time-out", "corrupt message", "closed the connection"]) {
            Some("if this port is not encrypted, write redis in place of rediss".into())
        } else {
            None
        }
    }

    fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "rediss" } else { "redis" }
    }

    /// The first server as one that stands alone.
    fn url(&self, login: &str) -> String {
        format!("{}://{login}{}", self.scheme(), self.first())
    }

    fn cluster(&self) -> String {
        format!("{}-cluster://{}", self.scheme(), self.first())
    }

    fn first(&self) -> String {
        match &self.site {
            Site::Server(address) => address.to_string(),
            Site::Sentinel { sentinels: several, .. } | Site::Cluster(several) => several[0].to_string(),
        }
    }
}

/// Whether these words are what sentinels said, one after the other.
fn is_of_sentinels(words: &str) -> bool {
    words.starts_with("no sentinel knows")
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

//! Shell lines: those that reach a server with `redis-cli`, as a user who may change it, and those that run this
//! program. They hold no password; `redis-cli` asks for it.

use std::path::Path;

use mt5_redis::config::{Address, Endpoint, Site};

/// The user with all permissions, as in `docs/deployment.md`.
const ADMIN: &str = "admin";

/// How a line for a server begins.
pub fn server(address: &Address, endpoint: &Endpoint) -> String {
    let mut words = vec!["-h".to_owned(), address.host.clone(), "-p".to_owned(), address.port.to_string()];
    // Follow MOVED.
    words.extend(matches!(endpoint.site, Site::Cluster(_)).then(|| "-c".to_owned()));
    if endpoint.database != 0 {
        words.extend(["-n".to_owned(), endpoint.database.to_string()]);
    }
    words.extend(access(endpoint));
    line("redis-cli", &words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// How a line for a Cluster begins; the rest names a node.
pub fn cluster(endpoint: &Endpoint) -> String {
    line("redis-cli", &access(endpoint).iter().map(String::as_str).collect::<Vec<_>>())
}

/// A line that runs this program with the same configuration. There is none if the configuration is a URL that may contain
/// a login, which is not repeated.
pub fn program(config: &str, words: &[&str]) -> Option<String> {
    (!config.contains('@')).then(|| line("mt5fleet", &[words, &["--config", config]].concat()))
}

/// A line with these words added.
pub fn line(beginning: &str, words: &[&str]) -> String {
    let words = words.iter().map(|word| format!(" {}", quoted(word)));
    beginning.to_owned() + &words.collect::<String>()
}

/// The options for TLS and the user.
fn access(endpoint: &Endpoint) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(tls) = &endpoint.tls {
        words.push("--tls".to_owned());
        let mut file =
            |option: &str, path: &Path| words.extend([option.to_owned(), path.display().to_string()]);
        tls.ca.iter().for_each(|ca| file("--cacert", ca));
        if let Some((certificate, key)) = &tls.client {
            file("--cert", certificate);
            file("--key", key);
        }
    }
    // A named user of the fleet may not change settings.
    if endpoint.identity.username.as_deref().is_some_and(|name| name != "default") {
        words.extend(["--user".to_owned(), ADMIN.to_owned()]);
    }
    if endpoint.identity.password.is_some() {
        words.push("--askpass".to_owned());
    }
    words
}

/// A word quoted for the shell: others choose the names of keys.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_others_stays_one_word() {
        assert_eq!(line("redis-cli", &["GET", "ts:{1.Demo}:7"]), "redis-cli GET 'ts:{1.Demo}:7'");
        assert_eq!(quoted("a'; reboot; '"), r"'a'\''; reboot; '\'''");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn a_configuration_with_a_login_is_not_repeated() {
        let line = program("my site.toml", &["work"]);
        assert_eq!(line.as_deref(), Some("mt5fleet work --config 'my site.toml'"));
        assert_eq!(program("redis://:x@a", &["work"]), None);
    }

    #[test]
    fn a_user_who_may_look_is_not_the_one_who_changes_things() {
        let address = Address { host: "a".into(), port: 7 };
        let server = |url: &str| server(&address, &Endpoint::parse(url).unwrap());
        assert_eq!(server("redis://a"), "redis-cli -h a -p 7");
        assert_eq!(server("redis://:x@a/2"), "redis-cli -h a -p 7 -n 2 --askpass");
        assert_eq!(server("rediss://doctor:x@a"), "redis-cli -h a -p 7 --tls --user admin --askpass");
    }
}

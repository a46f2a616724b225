//! Sessions of browsers: a cookie in place of the token, and a second secret that each change must repeat, so that no
//! other site can make a browser act. They live in memory: a restart ends them.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Result;
use sha2::{Digest, Sha256};

use super::Role;
use crate::acl::random_password;

/// How long a session lasts.
pub const LIFE: Duration = Duration::from_secs(12 * 3600);
/// The most sessions; a new one ends the oldest.
const MOST: usize = 1000;

/// A session.
#[derive(Clone, Debug)]
pub struct Login {
    pub name: String,
    pub role: Role,
    /// The secret that each change must repeat.
    pub csrf: String,
    until: Instant,
}

/// The sessions, by the sum of their cookies.
#[derive(Default)]
pub struct Sessions(Mutex<HashMap<[u8; 32], Login>>);

impl Sessions {
    /// Begins a session. Returns its cookie.
    pub fn begin(&self, name: &str, role: Role) -> Result<String> {
        let (cookie, csrf) = (random_password()?, random_password()?);
        let mut sessions = self.0.lock().unwrap();
        let now = Instant::now();
        sessions.retain(|_, login| login.until > now);
        if sessions.len() >= MOST
            && let Some(oldest) = sessions.iter().min_by_key(|(_, login)| login.until).map(|(sum, _)| *sum)
        {
            sessions.remove(&oldest);
        }
        sessions.insert(sum(&cookie), Login { name: name.to_owned(), role, csrf, until: now + LIFE });
        Ok(cookie)
    }

    /// The session of a cookie, unless it is over.
    pub fn find(&self, cookie: &str) -> Option<Login> {
        let sessions = self.0.lock().unwrap();
        sessions.get(&sum(cookie)).filter(|login| login.until > Instant::now()).cloned()
    }

    /// Whether a session that was found before goes on.
    pub fn is_alive(&self, login: &Login) -> bool {
        let sessions = self.0.lock().unwrap();
        login.until > Instant::now() && sessions.values().any(|other| other.csrf == login.csrf)
    }

    /// Ends a session.
    pub fn end(&self, cookie: &str) {
        self.0.lock().unwrap().remove(&sum(cookie));
    }
}

fn sum(cookie: &str) -> [u8; 32] {
    Sha256::digest(cookie).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_its_own_secrets_and_an_end() {
        let sessions = Sessions::default();
        let [one, other] = ["anna", "bert"].map(|name| sessions.begin(name, Role::View).unwrap());
        assert_ne!(one, other);
        let login = sessions.find(&one).unwrap();
        assert_eq!((login.name.as_str(), login.role), ("anna", Role::View));
        assert_ne!(login.csrf, sessions.find(&other).unwrap().csrf);
        assert!(sessions.find(&login.csrf).is_none() && sessions.find("").is_none());
        sessions.end(&one);
        assert!(sessions.find(&one).is_none() && sessions.find(&other).is_some());
    }

    #[test]
    fn sessions_without_end_push_out_the_oldest() {
        let sessions = Sessions::default();
        let first = sessions.begin("first", Role::View).unwrap();
        let second = sessions.begin("second", Role::View).unwrap();
        for _ in 2..=MOST {
            sessions.begin("more", Role::View).unwrap();
        }
        assert!(sessions.find(&first).is_none() && sessions.find(&second).is_some());
    }
}

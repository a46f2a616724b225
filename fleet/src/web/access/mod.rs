//! Who may do what: tokens from a file, sessions of browsers, and limits on how often one may try.

pub mod limit;
pub mod session;
pub mod token;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use limit::Limits;
use session::{Login, Sessions};
use token::Tokens;

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// See everything except balances, equity, margin and profits
    ViewWithoutMoney,
    /// See everything
    View,
    /// See everything, halt, throttle, and settle dead letters
    Operate,
}

impl Role {
    pub fn sees_money(self) -> bool {
        self != Self::ViewWithoutMoney
    }
}

/// A caller who was let in.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The name of the token.
    pub name: String,
    pub role: Role,
    /// Where the request comes from.
    pub address: IpAddr,
    /// The session of a browser; none: the request has a token of its own, or needs none.
    pub session: Option<Login>,
}

/// What is known of tokens and sessions.
pub struct Access {
    pub tokens: Tokens,
    /// Whether whoever reaches the server may view without a token.
    pub open: bool,
    pub sessions: Sessions,
    /// Failed attempts, by address.
    pub failures: Limits<IpAddr>,
    /// Requests, by caller.
    pub requests: Limits<String>,
}

impl Access {
    pub fn new(tokens: Tokens, open: bool) -> Self {
        Self {
            tokens,
            open,
            sessions: Sessions::default(),
            failures: Limits::new(10, 60.0),
            requests: Limits::new(200, 4.0),
        }
    }

    /// Who calls from this address with this token or cookie; none: nobody that is known. A wrong token counts as a
    /// failed attempt.
    pub fn caller(
        &self,
        address: IpAddr,
        token: Option<&str>,
        cookie: Option<&str>,
    ) -> Result<Option<Caller>, TooMany> {
        if let Some(token) = token {
            return self.with_token(address, token).map(Some);
        }
        if let Some(login) = cookie.and_then(|cookie| self.sessions.find(cookie)) {
            return Ok(Some(Caller {
                name: login.name.clone(),
                role: login.role,
                address,
                session: Some(login),
            }));
        }
        let anybody = || Caller { name: "anybody".to_owned(), role: Role::View, address, session: None };
        Ok(self.open.then(anybody))
    }

    /// Who has this token.
    pub fn with_token(&self, address: IpAddr, token: &str) -> Result<Caller, TooMany> {
        if self.failures.is_exhausted(&address) {
            return Err(TooMany::Failures);
        }
        match self.tokens.find(token) {
            Some((name, role)) => Ok(Caller { name: name.to_owned(), role, address, session: None }),
            None => {
                self.failures.take(&address);
                Err(TooMany::WrongToken)
            }
        }
    }
}

/// Why a token is not accepted.
#[derive(Debug, PartialEq, Eq)]
pub enum TooMany {
    /// It is none.
    WrongToken,
    /// There were too many wrong ones from this address.
    Failures,
}

//! Where messages go: a web address, a chat, a mailbox or a command. A delivery takes at most a few seconds, and its error
//! names no secret.
//!
//! - [`form`]: the message as each receiver wants it; [`mail`]: by SMTP
//! - [`queue`]: what waits to be delivered, and when it is tried again

pub mod form;
pub mod mail;
pub mod queue;

use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::message::Message;
use crate::output;
use crate::work::deliver::{exec, place};

/// How long a delivery may take.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How much of an answer an error quotes, bytes.
const EXCERPT: u64 = 200;

/// Who gets messages.
pub struct Sink {
    /// Its name in the configuration.
    pub name: String,
    pub way: Way,
    /// What no error may name.
    pub secrets: Vec<String>,
}

/// How a sink is reached.
pub enum Way {
    /// Any program: JSON of our own.
    Webhook {
        url: String,
        authorization: Option<String>,
        agent: ureq::Agent,
    },
    Slack {
        url: String,
        agent: ureq::Agent,
    },
    Discord {
        url: String,
        agent: ureq::Agent,
    },
    /// The address holds the bot's token.
    Telegram {
        url: String,
        chat: String,
        agent: ureq::Agent,
    },
    Mail(mail::Mailbox),
    /// A shell command, with the JSON on its standard input.
    Command(String),
}

impl Sink {
    /// Its kind in the configuration.
    pub fn kind(&self) -> &'static str {
        match self.way {
            Way::Webhook { .. } => "webhook",
            Way::Slack { .. } => "slack",
            Way::Discord { .. } => "discord",
            Way::Telegram { .. } => "telegram",
            Way::Mail(_) => "mail",
            Way::Command(_) => "command",
        }
    }

    /// Delivers a message, or says why it could not.
    pub fn deliver(&self, message: &Message) -> Result<(), String> {
        self.send(message).map_err(|error| {
            let words = output::without_secrets(format!("{error:#}").into(), &self.secrets).into_owned();
            super::condition::cut(&words, 400)
        })
    }

    fn send(&self, message: &Message) -> Result<()> {
        match &self.way {
            Way::Webhook { url, authorization, agent } => {
                let mut request = agent.post(url).header("Idempotency-Key", &message.id);
                if let Some(authorization) = authorization {
                    request = request.header("Authorization", authorization);
                }
                answered(url, request, &form::json(message))
            }
            Way::Slack { url, agent } => answered(url, agent.post(url), &form::slack(message)),
            Way::Discord { url, agent } => answered(url, agent.post(url), &form::discord(message)),
            Way::Telegram { url, chat, agent } => {
                answered(url, agent.post(url), &form::telegram(message, chat))
            }
            Way::Mail(mailbox) => mailbox.send(message),
            Way::Command(command) => {
                let line = output::json(&form::json(message), false)?;
                // What it prints would stand among our own lines.
                exec(command, line, ("MT5FLEET_ALERT", &message.id), Stdio::null(), PATIENCE)
            }
        }
    }
}

/// Sends a request; only an answer 2xx says that it arrived.
fn answered(url: &str, request: ureq::RequestBuilder<ureq::typestate::WithBody>, body: &Value) -> Result<()> {
    let place = place(url);
    let request = request.header("Content-Type", "application/json");
    let mut answer = request.send(body.to_string()).with_context(|| format!("{place} did not answer"))?;
    if answer.status().is_success() {
        return Ok(());
    }
    let mut said = String::new();
    let _ = answer.body_mut().as_reader().take(EXCERPT).read_to_string(&mut said);
    bail!("{place} answered {}: {}", answer.status(), said.trim())
}

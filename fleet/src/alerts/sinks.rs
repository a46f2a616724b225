//! The tables `[alerts.sinks.NAME]`: who gets messages. Secrets stand in the environment, as `${NAME}`.

use std::path::{Path, PathBuf};

use lettre::message::Mailbox as MailAddress;
use mt5_redis::config::{Section, Setting};
use ureq::tls::{RootCerts, TlsConfig};

use super::configuration::Read;
use super::delivery::mail::{Encryption, Mailbox};
use super::delivery::{PATIENCE, Sink, Way};
use crate::output::SHORTEST;
use crate::work::deliver::authorities;

const TELEGRAM: &str = "https://api.telegram.org";
/// The longest name of a sink.
const NAME: usize = 40;

#[derive(Clone, Copy)]
enum Kind {
    Webhook,
    Slack,
    Discord,
    Telegram,
    Mail,
    Command,
}

const KINDS: [(&str, Kind); 6] = [
    ("webhook", Kind::Webhook),
    ("slack", Kind::Slack),
    ("discord", Kind::Discord),
    ("telegram", Kind::Telegram),
    ("mail", Kind::Mail),
    ("command", Kind::Command),
];

/// Reads a sink.
pub fn read(name: &str, own: &Section) -> Read<Sink> {
    if name.len() > NAME || !name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
        return Err(
            own.refused(format!("has a name that is no name: use 1 to {NAME} letters, digits, . _ -"))
        );
    }
    let mut kind = None;
    own.choice("kind", KINDS.map(|(name, kind)| (name, Some(kind))), &mut kind)?;
    let Some(kind) = kind else {
        let kinds = KINDS.map(|(name, _)| format!("{name:?}")).join(" or ");
        return Err(own.refused(format!("has no kind: write kind = {kinds}")));
    };
    let mut secrets = Vec::new();
    let way = match kind {
        Kind::Webhook => {
            let url = url(own, "url", &mut secrets)?;
            let authorization = optional(own, "authorization")?;
            // With its scheme, and without.
            let parts = authorization.iter().flat_map(|value| [Some(&**value), value.rsplit(' ').next()]);
            secrets.extend(parts.flatten().map(str::to_owned));
            Way::Webhook { url, authorization, agent: agent(own)? }
        }
        Kind::Slack => Way::Slack { url: url(own, "url", &mut secrets)?, agent: agent(own)? },
        Kind::Discord => Way::Discord { url: url(own, "url", &mut secrets)?, agent: agent(own)? },
        Kind::Telegram => {
            let token = required(own, "token")?;
            let refused = |setting: Setting| setting.refused("is not a bot's token, such as 12345:AbC-dEf");
            if !token.chars().all(|c| c.is_ascii_alphanumeric() || ":_-".contains(c)) {
                return Err(own.get("token").map_or_else(|| own.refused("has no token"), refused));
            }
            let server = match own.get("server") {
                Some(setting) => checked(&setting)?,
                None => TELEGRAM.to_owned(),
            };
            let url = format!("{}/bot{token}/sendMessage", server.trim_end_matches('/'));
            secrets.push(token);
            Way::Telegram { url, chat: required(own, "chat")?, agent: agent(own)? }
        }
        Kind::Mail => Way::Mail(mailbox(own, &mut secrets)?),
        // The shell reads the environment itself: what stands in a command line, all users of the machine can see.
        Kind::Command => match own.get("command") {
            Some(command) => Way::Command(command.plain()?.to_owned()),
            None => return Err(own.refused("has no command")),
        },
    };
    let encoded: Vec<String> = secrets.iter().map(|secret| base64(secret)).collect();
    secrets.extend(encoded);
    secrets.retain(|secret| secret.len() >= SHORTEST);
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    Ok(Sink { name: name.to_owned(), way, secrets })
}

fn optional<'a>(own: &Section<'a>, key: &'a str) -> Read<Option<String>> {
    let Some(setting) = own.get(key) else { return Ok(None) };
    let text = setting.text()?;
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(setting.refused("is empty, or has a control character"));
    }
    Ok(Some(text))
}

fn required<'a>(own: &Section<'a>, key: &'a str) -> Read<String> {
    optional(own, key)?.ok_or_else(|| own.refused(format!("has no {key}")))
}

/// A web address. What follows the host may be a secret.
fn url<'a>(own: &Section<'a>, key: &'a str, secrets: &mut Vec<String>) -> Read<String> {
    let setting = own.get(key).ok_or_else(|| own.refused(format!("has no {key}")))?;
    let url = checked(&setting)?;
    let (_, rest) = url.split_once("://").unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    secrets.push(path.trim_start_matches(['/', '?']).to_owned());
    if let Some((login, _)) = authority.rsplit_once('@') {
        secrets.push(login.to_owned());
        secrets.extend(login.split_once(':').map(|(_, password)| password.to_owned()));
    }
    Ok(url)
}

fn checked(setting: &Setting) -> Read<String> {
    let url = setting.text()?;
    let is_web = ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
    let has_host =
        url.parse::<ureq::http::Uri>().is_ok_and(|uri| uri.host().is_some_and(|host| !host.is_empty()));
    if is_web && has_host {
        return Ok(url);
    }
    Err(setting.refused("is no web address: write https://host/path"))
}

fn agent(own: &Section) -> Read<ureq::Agent> {
    let mut tls = TlsConfig::builder();
    if let Some(setting) = own.get("tls_ca") {
        let file = setting.path(Path::new(""))?;
        let authorities = authorities(&file).map_err(|error| setting.refused(format!("= {error:#}")))?;
        tls = tls.root_certs(RootCerts::new_with_certs(&authorities));
    }
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        // A redirect would send the message, and what is secret, to an address that nobody named.
        .max_redirects(0)
        .tls_config(tls.build());
    Ok(agent.build().into())
}

fn mailbox(own: &Section, secrets: &mut Vec<String>) -> Read<Mailbox> {
    let mut encryption = Encryption::Upgrade;
    let choices = [("starttls", Encryption::Upgrade), ("tls", Encryption::Whole), ("off", Encryption::None)];
    own.choice("tls", choices, &mut encryption)?;
    let server = own.get("server").ok_or_else(|| own.refused("has no server"))?;
    let (host, port) = place(&server.text()?, encryption.usual_port())
        .ok_or_else(|| server.refused("is no server: write \"host\" or \"host:port\""))?;
    let login = match (optional(own, "username")?, optional(own, "password")?) {
        (Some(username), Some(password)) => Some((username, password)),
        (None, None) => None,
        _ => return Err(own.refused("has one of username and password: write both or none")),
    };
    if let Some((username, password)) = &login {
        secrets.extend([password.clone(), format!("\0{username}\0{password}")]);
        let is_here =
            host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback());
        if encryption == Encryption::None && !is_here {
            return Err(own.refused("would send the password without TLS: leave out tls = \"off\""));
        }
    }
    let address = |setting: &Setting, text: &str| {
        let refused = |_| {
            setting.refused("is no mail address: write \"name@example.org\" or \"Name <name@example.org>\"")
        };
        text.parse::<MailAddress>().map_err(refused)
    };
    let from = own.get("from").ok_or_else(|| own.refused("has no from"))?;
    let from_address = address(&from, &from.text()?)?;
    let to = own.get("to").ok_or_else(|| own.refused("has no to"))?;
    let to = match to.list() {
        Some(list) => list.into_iter().map(|text| address(&to, text)).collect::<Read<Vec<_>>>()?,
        None => vec![address(&to, &to.text()?)?],
    };
    let ca: Option<PathBuf> = own.get("tls_ca").map(|setting| setting.path(Path::new(""))).transpose()?;
    let mailbox = Mailbox { host, port, encryption, login, from: from_address, to, ca };
    mailbox.check().map_err(|error| own.refused(format!("cannot be used: {error:#}")))?;
    Ok(mailbox)
}

/// A host, and its port.
fn place(text: &str, usual: u16) -> Option<(String, u16)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.starts_with('[') => (host, port.parse().ok()?),
        _ => (text, usual),
    };
    let plain = host.trim_start_matches('[').trim_end_matches(']');
    let valid = |c: char| c.is_ascii_alphanumeric() || ".:-_".contains(c);
    (!plain.is_empty() && plain.chars().all(valid) && port > 0).then(|| (plain.to_owned(), port))
}

/// As a server may repeat what was said to log in.
fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for three in text.as_bytes().chunks(3) {
        let bits =
            three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..=three.len() {
            encoded.push(char::from(LETTERS[(bits >> (18 - 6 * at) & 63) as usize]));
        }
    }
    encoded
}

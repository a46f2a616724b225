//! Everything that the program prints. Texts from Redis, files and the network are foreign: a control character could
//! move the cursor, hide words or forge a line of a log. Errors may repeat an argument, and with it a password. So every
//! line goes through this module; the crate's lints enforce that.

use std::borrow::Cow;
use std::io::{Write, stderr, stdout};
use std::sync::OnceLock;

use anyhow::{Context, Result};
use percent_encoding::percent_decode_str;
use serde::Serialize;

/// Replaces an argument that may hold a secret.
const HIDDEN: &str = "<not shown: it may hold a password>";
/// The most characters of a foreign text.
const LONGEST: usize = 1000;
/// Shorter parts of an argument could occur anywhere by chance.
pub(crate) const SHORTEST: usize = 4;
/// A secret is recognised by its first characters, as an error may cut it short.
const PREFIX: usize = 12;

/// A foreign text as part of a line: shortened, without control characters and secrets.
pub fn sanitized(text: &str) -> String {
    let mut characters = text.chars();
    let mut cut: String = characters.by_ref().take(LONGEST).collect();
    if characters.next().is_some() {
        cut.push('…');
    }
    line(&cut).into_owned()
}

/// A value as JSON, in one line or several. Control characters are escaped, so it parses to the same value.
pub fn json(value: &impl Serialize, pretty: bool) -> Result<String> {
    let text = if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) }?;
    Ok(replaced(&text, |c| c != '\n' && is_harmful(c), |c| format!("\\u{:04x}", u32::from(c))).into_owned())
}

/// Prints a line for people.
pub fn print(words: &str) -> Result<()> {
    print_data(&line(words))
}

/// Prints a line for programs: JSON, unchanged.
pub fn print_data(data: &str) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{data}").and_then(|()| out.flush()).context("cannot write to standard output")
}

/// Prints a line to standard error, if that is open.
pub fn print_error(words: &str) {
    let _ = writeln!(stderr(), "{}", line(words));
}

/// A line that is safe to print.
fn line(words: &str) -> Cow<'_, str> {
    without_secrets(replaced(words, is_harmful, |c| c.escape_default().to_string()), secrets())
}

/// Whether a character could affect a terminal or a log: a control character, or one that changes the text direction.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn replaced(text: &str, what: impl Fn(char) -> bool, by: impl Fn(char) -> String) -> Cow<'_, str> {
    if !text.contains(&what) {
        return text.into();
    }
    let mut found = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if what(c) { found += &by(c) } else { found.push(c) }
    }
    found.into()
}

/// A text in which secrets are replaced, also those that are cut short.
pub(crate) fn without_secrets<'a>(text: Cow<'a, str>, secrets: &[String]) -> Cow<'a, str> {
    secrets.iter().fold(text, |text, secret| match hidden(&text, secret) {
        Some(hidden) => hidden.into(),
        None => text,
    })
}

/// The text with a secret replaced, even if it is cut short; none if the text does not contain it.
fn hidden(text: &str, secret: &str) -> Option<String> {
    let start: String = secret.chars().take(PREFIX).collect();
    let mut pieces = text.split(&start);
    let mut hidden = pieces.next()?.to_owned();
    let mut found = false;
    for piece in pieces {
        let rest = secret[start.len()..].char_indices().zip(piece.chars());
        let same: usize =
            rest.take_while(|((_, one), other)| one == other).map(|((_, c), _)| c.len_utf8()).sum();
        hidden += HIDDEN;
        hidden += &piece[same..];
        found = true;
    }
    found.then_some(hidden)
}

/// The parts of this program's arguments that no line may repeat, longest first.
fn secrets() -> &'static [String] {
    static SECRETS: OnceLock<Vec<String>> = OnceLock::new();
    SECRETS.get_or_init(|| {
        let mut all = Vec::new();
        for argument in std::env::args_os().skip(1) {
            let argument = argument.to_string_lossy().into_owned();
            let value =
                argument.strip_prefix('-').and_then(|option| Some(option.split_once('=')?.1.to_owned()));
            [Some(argument), value].into_iter().flatten().for_each(|value| all.extend(parts(&value)));
        }
        // Also as they look in JSON and in quoted text.
        all.extend(all.iter().map(|part| part.escape_debug().to_string()).collect::<Vec<_>>());
        all.sort_by_key(|part| std::cmp::Reverse(part.len()));
        all.dedup();
        all
    })
}

/// The secret parts of an argument that looks like an address or contains an `@`.
fn parts(value: &str) -> Vec<String> {
    // redis://…, and the typos redis//:… and redis:/:….
    let letters = value.len() - value.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
    let (scheme, rest) = value.split_at(letters);
    let schemes = ["redis", "rediss", "valkey", "valkeys", "http", "https"];
    let known =
        schemes.iter().any(|known| scheme.eq_ignore_ascii_case(known)) && rest.starts_with([':', '/']);
    let is_address = known || value.contains("://");
    if !is_address && !value.contains('@') {
        return Vec::new();
    }
    let mut found = vec![value.to_owned()];
    let rest = if is_address { rest.trim_start_matches([':', '/']) } else { value };
    if let Some((identity, place)) = rest.rsplit_once('@') {
        let password = identity.split_once(':').map_or(identity, |(_, password)| password);
        found.extend(
            [identity, password, place.split_once(['/', '?']).map_or("", |(_, path)| path)]
                .map(str::to_owned),
        );
    } else if value.contains("://") {
        // The host may be shown, but paths and queries may hold tokens.
        found.extend(rest.split_once(['/', '?']).map(|(_, path)| path.to_owned()));
    } else {
        found.push(rest.to_owned());
    }
    found.extend(
        found
            .iter()
            .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect::<Vec<_>>(),
    );
    found.retain(|part| part.len() >= SHORTEST);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(
            line("größer 买入 \u{1b}[2J\u{9b}31m\r\n\u{202e}x"),
            "größer 买入 \\u{1b}[2J\\u{9b}31m\\r\\n\\u{202e}x"
        );
        assert_eq!(sanitized(&"é".repeat(LONGEST + 1)), "é".repeat(LONGEST) + "…");
        let value = "a\u{1b}\u{7f}\u{9b}\u{2028}\n";
        let shown = json(&value, false).unwrap();
        assert_eq!(shown, r#""a\u001b\u007f\u009b\u2028\n""#);
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), value);
    }

    #[test]
    fn only_the_host_of_an_address_is_printed() {
        for (argument, said, shown) in [
            ("redis://u:Pa55@h:1", "cannot reach h:1", "cannot reach h:1"),
            ("redis://u:Pa55@h:1", "no file redis://u:Pa55@h:1", "no file <HIDDEN>"),
            ("redis:/:Pa55@h", "the password Pa55 is short", "the password <HIDDEN> is short"),
            ("REDIS:Pa55", "no file Pa55", "no file <HIDDEN>"),
            ("u:Pa%3555@h", "Pa555 or Pa%3555", "<HIDDEN> or <HIDDEN>"),
            ("https://h/hook?token=1", "h/hook?token=1 did not answer", "h/<HIDDEN> did not answer"),
            ("https://h/hook?token=12345", "h/hook?token=123 is long", "h/<HIDDEN> is long"),
            ("fleet.toml", "no file fleet.toml", "no file fleet.toml"),
            ("127.0.0.1:9100", "no room at 127.0.0.1:9100", "no room at 127.0.0.1:9100"),
        ] {
            let mut secrets = parts(argument);
            secrets.sort_by_key(|part| std::cmp::Reverse(part.len()));
            assert_eq!(
                without_secrets(said.into(), &secrets),
                shown.replace("<HIDDEN>", HIDDEN),
                "{argument}"
            );
        }
    }
}

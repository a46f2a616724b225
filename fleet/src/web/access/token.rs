//! Tokens: each has a name and a role. The file holds their sums, so whoever reads it cannot log in.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use sha2::{Digest, Sha256};

use super::Role;
use crate::acl::{hexadecimal, random_password, sum};
use crate::output;

/// The longest name: as in a halt's value.
const NAME: usize = mt5_redis::model::halt::WHO_LIMIT;

#[derive(Args)]
pub struct Making {
    /// Who will have it: the name in the audit and in halts
    #[arg(long)]
    name: String,
    /// What its owner may do
    #[arg(long, value_enum, default_value = "view")]
    role: Role,
    /// Append the token's line to this file [default: print it]
    #[arg(long, value_name = "FILE")]
    tokens: Option<PathBuf>,
}

/// Makes a token. Its line goes to the file or to standard output, the token itself to standard error.
pub fn make(options: &Making) -> Result<()> {
    check_name(&options.name)?;
    let token = random_password()?;
    let role = options.role.to_possible_value().expect("each role has a name");
    let line = format!("{} {} {}", options.name, role.get_name(), sum(&token));
    match &options.tokens {
        None => output::print(&line)?,
        Some(file) => {
            let before = match file.exists() {
                true => {
                    let known = Tokens::read(file)?;
                    let is_new = known.0.values().all(|(name, _)| *name != options.name);
                    ensure!(
                        is_new,
                        "{} has a token of {} already: remove its line",
                        file.display(),
                        options.name
                    );
                    fs::read_to_string(file)?
                }
                false => String::new(),
            };
            let end = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
            fs::write(file, format!("{before}{end}{line}\n"))
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
    }
    // On standard error, so that the line can be piped into a file.
    output::print_error(&format!("the token of {}, which is not shown again: {token}", options.name));
    Ok(())
}

/// The tokens' names and roles, by their sums.
#[derive(Default)]
pub struct Tokens(HashMap<[u8; 32], (String, Role)>);

impl Tokens {
    /// Reads a file: a line `<name> <role> <SHA-256 sum>` for each token. Blank lines and those with `#` are skipped.
    pub fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let mut tokens = Self::default();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let place = || format!("{}:{}", file.display(), at + 1);
            tokens.add(line).with_context(place)?;
        }
        ensure!(!tokens.0.is_empty(), "{} has no tokens: mt5fleet token makes one", file.display());
        Ok(tokens)
    }

    fn add(&mut self, line: &str) -> Result<()> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, role, sum] = words[..] else {
            bail!("a line is: name role sum; mt5fleet token makes one")
        };
        check_name(name)?;
        let Ok(role) = Role::from_str(role, false) else {
            bail!("the role {role:?} is unknown: the roles are view-without-money, view and operate")
        };
        let Some(sum) = bytes(sum) else { bail!("the sum is not 64 hex digits: mt5fleet token makes one") };
        ensure!(
            self.0.values().all(|(other, _)| other != name),
            "{name} has a token already: choose another name"
        );
        self.0.insert(sum, (name.to_owned(), role));
        Ok(())
    }

    /// One token, made now for this run.
    pub fn with_one(name: &str, role: Role) -> Result<(Self, String)> {
        let token = random_password()?;
        Ok((Self([(Sha256::digest(&token).into(), (name.to_owned(), role))].into()), token))
    }

    /// Name and role of a token. Its sum is looked up, so the time that this takes says nothing about other tokens.
    pub fn find(&self, token: &str) -> Option<(&str, Role)> {
        let sum: [u8; 32] = Sha256::digest(token).into();
        self.0.get(&sum).map(|(name, role)| (name.as_str(), *role))
    }
}

fn check_name(name: &str) -> Result<()> {
    let fits = (1..=NAME).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-@".contains(c));
    ensure!(fits, "{name:?} is no name for a token: use 1 to {NAME} letters, digits, '.', '_', '-' and '@'");
    Ok(())
}

fn bytes(sum: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let digits = sum.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    debug_assert_eq!(hexadecimal(&bytes), sum.to_ascii_lowercase());
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Tokens> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        Tokens::read(file.path())
    }

    #[test]
    fn a_token_is_known_by_its_sum() {
        let tokens =
            read(&format!("# people\n\nanna operate {}\nbert view {}\n", sum("secret"), sum("other")))
                .unwrap();
        assert_eq!(tokens.find("secret"), Some(("anna", Role::Operate)));
        assert_eq!(tokens.find("other"), Some(("bert", Role::View)));
        assert_eq!((tokens.find(""), tokens.find(&sum("secret"))), (None, None));
    }

    #[test]
    fn a_bad_line_is_named() {
        let good = sum("x");
        for (line, why) in [
            ("anna operate".to_owned(), "a line is: name role sum"),
            (format!("anna root {good}"), "the role \"root\" is unknown"),
            ("anna view 12".to_owned(), "not 64 hex digits"),
            (format!("a:b view {good}"), "no name for a token"),
            (format!("anna view {good}\nanna operate {}", sum("y")), "anna has a token already"),
            (String::new(), "has no tokens"),
        ] {
            let error = format!("{:#}", read(&line).err().expect("it is refused"));
            assert!(error.contains(why), "{line}: {error}");
        }
    }
}

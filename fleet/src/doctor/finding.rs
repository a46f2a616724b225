//! What a check says: one line, with what to do about it.

use std::io::{Write, stdout};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::output;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Light {
    Green,
    Yellow,
    Red,
}

#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    pub light: Light,
    pub check: &'static str,
    /// The server, or nothing if it concerns all.
    pub server: String,
    pub text: String,
    /// What mends it, or begins to: lines for a shell.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// What else mends it, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cure: Option<String>,
}

impl Finding {
    pub fn green(server: impl ToString, text: impl Into<String>) -> Self {
        Self::new(Light::Green, server, text)
    }

    pub fn yellow(server: impl ToString, text: impl Into<String>) -> Self {
        Self::new(Light::Yellow, server, text)
    }

    pub fn red(server: impl ToString, text: impl Into<String>) -> Self {
        Self::new(Light::Red, server, text)
    }

    pub fn new(light: Light, server: impl ToString, text: impl Into<String>) -> Self {
        Self {
            light,
            check: "",
            server: server.to_string(),
            text: text.into(),
            commands: Vec::new(),
            cure: None,
        }
    }

    pub fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }

    /// A line for a shell that mends it, or begins to; [`Member::command`](super::Member::command) writes one.
    pub fn run(mut self, command: impl Into<String>) -> Self {
        self.commands.push(command.into());
        self
    }

    pub(super) fn of(mut self, check: &'static str) -> Self {
        self.check = check;
        self
    }

    /// Prints it, and each cure in a line of its own.
    pub(super) fn print(&self, coloured: bool) -> Result<()> {
        let (name, colour) = match self.light {
            Light::Green => ("green ", 32),
            Light::Yellow => ("yellow", 33),
            Light::Red => ("red   ", 31),
        };
        let light = if coloured { format!("\x1b[{colour}m{name}\x1b[0m") } else { name.to_owned() };
        let server = if self.server.is_empty() { String::new() } else { format!(" {}:", self.server) };
        let words = output::sanitized(&format!("{:<12}{server} {}", self.check, self.text));
        let mut out = stdout().lock();
        // The colour is our own.
        writeln!(out, "{light}  {words}").context("standard output takes no more")?;
        let mut cures = self.commands.iter().chain(&self.cure);
        cures.try_for_each(|cure| output::print(&format!("         -> {cure}")))
    }
}

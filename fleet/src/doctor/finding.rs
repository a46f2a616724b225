//! What a check found: one line, and how to fix it.

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
    /// The server; empty if it concerns all.
    pub server: String,
    pub text: String,
    /// Shell lines that fix it, or begin to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// What else to do, in words.
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

    /// Adds a shell line; [`Member::command`](super::Member::command) writes one.
    pub fn run(mut self, command: impl Into<String>) -> Self {
        self.commands.push(command.into());
        self
    }

    pub(super) fn of(mut self, check: &'static str) -> Self {
        self.check = check;
        self
    }

    /// Prints it, with each fix on a line of its own.
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
        // Printed here because of our own colours, which `output` would escape.
        writeln!(out, "{light}  {words}").context("cannot write to standard output")?;
        let mut cures = self.commands.iter().chain(&self.cure);
        cures.try_for_each(|cure| output::print(&format!("         -> {cure}")))
    }
}

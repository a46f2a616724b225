//! Commands and replies on a link's connections.

use redis::Value;

use super::commands::Commands;
use super::failure::{Class, Failure};
use super::reply::Sparse;
use super::servers::Link;

impl Link {
    /// Sends the commands that were written since the last time. Returns how many bytes that was.
    pub(crate) fn send(&mut self, server: usize, commands: &mut Commands) -> Result<usize, Failure> {
        let bytes = commands.bytes().len();
        let sent = self.send_bytes(server, commands.bytes());
        commands.sent();
        sent.map(|()| bytes)
    }

    fn send_bytes(&mut self, server: usize, bytes: &[u8]) -> Result<(), Failure> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.connection(server)?.send(bytes).map_err(|failure| self.broken(server, failure))
    }

    /// Reads one reply. An error reply is a reply too.
    pub(crate) fn receive(&mut self, server: usize) -> Result<Value, Failure> {
        self.connection(server)?.receive().map_err(|failure| self.broken(server, failure))
    }

    /// Reads one reply. Of an array it keeps only errors and wanted elements.
    pub(crate) fn receive_sparse(
        &mut self,
        server: usize,
        wanted: impl Fn(usize) -> bool,
    ) -> Result<Sparse, Failure> {
        self.connection(server)?.receive_sparse(wanted).map_err(|failure| self.broken(server, failure))
    }

    /// Skips the next reply if it equals `reply` and has arrived. Returns whether it did.
    pub(crate) fn skip(&mut self, server: usize, reply: &[u8]) -> bool {
        self.connection(server).is_ok_and(|connection| connection.skip(reply))
    }

    /// Sends a command, whose second word is its key, to the key's server and reads the reply. An error reply is a
    /// failure.
    pub(crate) fn ask(&mut self, command: &[&str]) -> Result<Value, Failure> {
        let server = self.route(command[1])?;
        match self.ask_server(server, command) {
            Err(ask) if ask.class == Class::Ask => {
                let server = self.redirect(&ask)?;
                // Without ASKING, what belongs to the slot waits until it has moved.
                let held = |failure: Failure| match failure.is_an_answer() {
                    true => Failure::held(format!("ASKING: {}", failure.text)),
                    false => failure,
                };
                self.ask_server(server, &["ASKING"]).map_err(held)?;
                self.ask_server(server, command)
            }
            answer => answer,
        }
    }

    pub(super) fn ask_server(&mut self, server: usize, command: &[&str]) -> Result<Value, Failure> {
        let mut commands = Commands::new();
        commands.command(command.iter().map(|part| part.as_bytes()));
        self.send(server, &mut commands)?;
        match self.receive(server)? {
            Value::ServerError(error) => Err(Failure::of_reply(&error)),
            reply => Ok(reply),
        }
    }
}

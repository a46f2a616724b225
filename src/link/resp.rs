//! RESP, Redis' wire protocol, written by hand into one buffer that is used again and again: a command
//! costs no allocation. It reads nothing.

use super::Link;
use super::failure::Failure;

/// Commands in RESP, one after the other.
pub(crate) struct Commands {
    bytes: Vec<u8>,
    /// Where the command now being written starts.
    start: usize,
    /// How many arguments it has so far.
    arguments: usize,
    finished: usize,
}

/// Room for `*NN\r\n`: nearly every command of ours has 10 to 99 arguments.
const HEADER: usize = 5;

/// What a buffer may keep between batches; a larger one is given back.
const KEEP: usize = 1 << 20;

impl Commands {
    pub(crate) fn new() -> Self {
        Self { bytes: Vec::new(), start: 0, arguments: 0, finished: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEEP);
        self.finished = 0;
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many commands are finished since the last [`clear`](Self::clear).
    pub(crate) fn count(&self) -> usize {
        self.finished
    }

    /// Sends what was written since the last time to a server. Returns how many bytes that was.
    pub(crate) fn send(&mut self, link: &mut Link, server: usize) -> Result<usize, Failure> {
        let sent = self.bytes.len();
        let outcome = if sent > 0 { link.send(server, &self.bytes) } else { Ok(()) };
        self.bytes.clear();
        outcome.map(|()| sent)
    }

    /// Writes a whole command.
    pub(crate) fn command<'a>(&mut self, arguments: impl IntoIterator<Item = &'a [u8]>) {
        self.begin();
        arguments.into_iter().for_each(|argument| self.argument(argument));
        self.end();
    }

    /// Starts a command, whose arguments follow.
    pub(crate) fn begin(&mut self) {
        self.start = self.bytes.len();
        self.arguments = 0;
        self.bytes.extend_from_slice(&[0; HEADER]);
    }

    /// Adds an argument to the command that was started.
    pub(crate) fn argument(&mut self, argument: &[u8]) {
        self.arguments += 1;
        self.bytes.push(b'$');
        match argument.len() {
            short @ 0..10 => self.bytes.push(b'0' + short as u8),
            long => self.bytes.extend_from_slice(itoa::Buffer::new().format(long).as_bytes()),
        }
        self.bytes.extend_from_slice(b"\r\n");
        self.bytes.extend_from_slice(argument);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// Adds a number to the command that was started.
    pub(crate) fn integer(&mut self, number: i64) {
        self.argument(itoa::Buffer::new().format(number).as_bytes());
    }

    /// Finishes the command: now its header is known.
    pub(crate) fn end(&mut self) {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(self.arguments).as_bytes();
        let header = self.start..self.start + HEADER;
        if let [tens, ones] = *digits {
            self.bytes[header].copy_from_slice(&[b'*', tens, ones, b'\r', b'\n']);
        } else {
            self.bytes.splice(header, [b"*", digits, b"\r\n"].concat());
        }
        self.finished += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_any_length_are_framed() {
        for length in [1, 9, 10, 99, 100, 1000] {
            let mut commands = Commands::new();
            commands.command([b"PING".as_slice()]);
            let before = commands.bytes().len();
            commands.begin();
            (0..length).for_each(|number| commands.integer(number as i64));
            commands.end();
            assert_eq!(commands.count(), 2);
            let text = std::str::from_utf8(&commands.bytes()[before..]).unwrap();
            assert!(text.starts_with(&format!("*{length}\r\n$1\r\n0\r\n")), "{text}");
            assert_eq!(text.matches('$').count(), length);
        }
    }

    #[test]
    fn an_argument_is_counted_in_bytes() {
        let mut commands = Commands::new();
        commands.command([b"SET".as_slice(), "ключ".as_bytes(), b"", b"\r\n"]);
        assert_eq!(commands.bytes(), "*4\r\n$3\r\nSET\r\n$8\r\nключ\r\n$0\r\n\r\n$2\r\n\r\n\r\n".as_bytes());
    }
}

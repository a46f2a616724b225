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

/// Room for `*N\r\n`: a command with ten arguments or more is moved by a byte or two, which costs less than a
/// command with fewer does when its header is put together from parts (1.2 times the lane's instructions).
const HEADER: usize = 4;
/// What an argument needs beside itself: its length, up to 20 digits, and three ends.
const FRAME: usize = 25;

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
        self.bytes.reserve(argument.len() + FRAME);
        match argument.len() {
            short @ 0..10 => self.bytes.extend_from_slice(&[b'$', b'0' + short as u8, b'\r', b'\n']),
            long => {
                self.bytes.push(b'$');
                self.bytes.extend_from_slice(itoa::Buffer::new().format(long).as_bytes());
                self.bytes.extend_from_slice(b"\r\n");
            }
        }
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
        let (header, body) = (self.start, self.start + HEADER);
        if digits.len() > 1 {
            let end = self.bytes.len();
            self.bytes.resize(end + digits.len() - 1, 0);
            self.bytes.copy_within(body..end, body + digits.len() - 1);
        }
        let digits_end = header + 1 + digits.len();
        self.bytes[header] = b'*';
        self.bytes[header + 1..digits_end].copy_from_slice(digits);
        self.bytes[digits_end..digits_end + 2].copy_from_slice(b"\r\n");
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

//! Commands in RESP, Redis' wire protocol, written into one reused buffer, so that a command needs no allocation.

/// Commands in RESP, one after the other.
pub(crate) struct Commands {
    /// The buffer. Only the part before `written` is in use. Room is checked once for each argument: with
    /// `extend_from_slice`, which checks each piece, signals as fields took a fifth more instructions.
    room: Vec<u8>,
    written: usize,
    /// Where the current command starts.
    start: usize,
    /// How many arguments it has so far.
    arguments: usize,
    finished: usize,
}

/// Room for `*N\r\n`. A command with ten or more arguments is moved by a byte or two. Writing the headers of shorter
/// commands from parts would cost more (1.2 times the lane's instructions).
const HEADER: usize = 4;
/// What an argument needs besides its bytes: its length, up to 20 digits, and the separators.
const FRAME: usize = 25;

/// The most memory that the buffer keeps between batches.
const KEEP: usize = 1 << 20;

/// The first arguments of a command, as they are sent.
#[derive(Clone)]
pub(crate) struct Opening {
    bytes: Box<[u8]>,
    arguments: usize,
}

/// Arguments that stand in the buffer.
pub(crate) struct Arguments {
    start: usize,
    length: usize,
    count: usize,
}

impl Commands {
    pub(crate) fn new() -> Self {
        Self { room: Vec::new(), written: 0, start: 0, arguments: 0, finished: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.written = 0;
        self.room.truncate(KEEP);
        self.room.shrink_to(KEEP);
        self.finished = 0;
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.room[..self.written]
    }

    /// How many commands were finished since the last [`clear`](Self::clear).
    pub(crate) fn count(&self) -> usize {
        self.finished
    }

    /// Drops the bytes, which were sent. The count goes on.
    pub(super) fn sent(&mut self) {
        self.written = 0;
    }

    /// Writes a whole command.
    pub(crate) fn command<'a>(&mut self, arguments: impl IntoIterator<Item = &'a [u8]>) {
        self.begin();
        arguments.into_iter().for_each(|argument| self.argument(argument));
        self.end();
    }

    /// Starts a command. Its arguments follow.
    pub(crate) fn begin(&mut self) {
        self.start = self.written;
        self.arguments = 0;
        self.room_for(HEADER);
        self.written += HEADER;
    }

    /// The first arguments of a command that comes often, written once for [`begin_with`](Self::begin_with).
    pub(crate) fn opening<const COUNT: usize>(arguments: [&[u8]; COUNT]) -> Opening {
        let mut commands = Self::new();
        arguments.iter().for_each(|argument| commands.argument(argument));
        Opening { bytes: commands.bytes().into(), arguments: COUNT }
    }

    /// Starts a command whose first arguments were written before.
    pub(crate) fn begin_with(&mut self, opening: &Opening) {
        self.begin();
        let Opening { bytes, arguments } = opening;
        self.room_for(bytes.len()).copy_from_slice(bytes);
        self.written += bytes.len();
        self.arguments = *arguments;
    }

    /// Adds an argument to the current command.
    pub(crate) fn argument(&mut self, argument: &[u8]) {
        self.arguments += 1;
        let length = argument.len();
        let room = self.room_for(length + FRAME);
        let text = match length {
            short @ 0..10 => {
                room[..4].copy_from_slice(&[b'$', b'0' + short as u8, b'\r', b'\n']);
                4
            }
            long => {
                let mut buffer = itoa::Buffer::new();
                let digits = buffer.format(long).as_bytes();
                let end = 1 + digits.len();
                room[0] = b'$';
                room[1..end].copy_from_slice(digits);
                room[end..end + 2].copy_from_slice(b"\r\n");
                end + 2
            }
        };
        room[text..text + length].copy_from_slice(argument);
        room[text + length..text + length + 2].copy_from_slice(b"\r\n");
        self.written += text + length + 2;
    }

    /// How many bytes are written, and arguments of the current command, for [`end_since`](Self::end_since).
    pub(crate) fn here(&self) -> (usize, usize) {
        (self.written, self.arguments)
    }

    /// Finishes the command. Returns its arguments since then, for [`repeat`](Self::repeat).
    pub(crate) fn end_since(&mut self, (written, arguments): (usize, usize)) -> Arguments {
        let (length, count) = (self.written - written, self.arguments - arguments);
        self.end();
        Arguments { start: self.written - length, length, count }
    }

    /// Adds arguments of an earlier command to the current one. Nothing was sent or cleared since.
    pub(crate) fn repeat(&mut self, arguments: &Arguments) {
        let Arguments { start, length, count } = *arguments;
        self.room_for(length);
        self.room.copy_within(start..start + length, self.written);
        self.written += length;
        self.arguments += count;
    }

    /// Makes room for this many bytes at the end.
    #[inline]
    fn room_for(&mut self, count: usize) -> &mut [u8] {
        if self.room.len() - self.written < count {
            self.grow(count);
        }
        &mut self.room[self.written..self.written + count]
    }

    #[cold]
    fn grow(&mut self, count: usize) {
        self.room.resize((self.written + count).max(2 * self.room.len()), 0);
    }

    /// Adds a number to the current command.
    pub(crate) fn integer(&mut self, number: i64) {
        self.argument(itoa::Buffer::new().format(number).as_bytes());
    }

    /// Finishes the command and writes its header.
    pub(crate) fn end(&mut self) {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(self.arguments).as_bytes();
        let (header, body) = (self.start, self.start + HEADER);
        let more = digits.len() - 1;
        if more > 0 {
            self.room_for(more);
            self.room.copy_within(body..self.written, body + more);
            self.written += more;
        }
        self.room[header] = b'*';
        self.room[header + 1..body + more - 2].copy_from_slice(digits);
        self.room[body + more - 2..body + more].copy_from_slice(b"\r\n");
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
    fn arguments_are_repeated_in_another_command() {
        // Each command also with a longer header.
        for length in [1, 8, 9, 200] {
            let numbers = |commands: &mut Commands| (0..length).for_each(|number| commands.integer(number));
            let (mut repeated, mut written) = (Commands::new(), Commands::new());
            repeated.begin();
            repeated.argument(b"HSET");
            let here = repeated.here();
            numbers(&mut repeated);
            let arguments = repeated.end_since(here);
            repeated.command([b"PING".as_slice()]);
            repeated.begin();
            repeated.repeat(&arguments);
            repeated.integer(7);
            repeated.end();

            written.begin();
            written.argument(b"HSET");
            numbers(&mut written);
            written.end();
            written.command([b"PING".as_slice()]);
            written.begin();
            numbers(&mut written);
            written.integer(7);
            written.end();
            assert_eq!(repeated.bytes(), written.bytes());
        }
    }

    #[test]
    fn an_argument_is_counted_in_bytes() {
        let mut commands = Commands::new();
        commands.command([b"SET".as_slice(), "ключ".as_bytes(), b"", b"\r\n"]);
        assert_eq!(commands.bytes(), "*4\r\n$3\r\nSET\r\n$8\r\nключ\r\n$0\r\n\r\n$2\r\n\r\n\r\n".as_bytes());
    }
}

//! Replies in RESP2, read from any stream. The replies that a lane gets by the thousand (`+QUEUED`, numbers, short
//! texts) have a fast path: with redis-rs' parser a lane spent half of its processor time on replies and carried a
//! third less (measured). Values and errors are those of redis-rs.
//!
//! No server can fill the memory: bytes and depth of a reply are limited, and each value counts with the memory that it
//! takes. Lengths beyond the limit are not believed. Anything that is no reply ends the connection.

use std::fmt;
use std::io::{self, Read};
use std::ops::Range;

use redis::{ServerError, Value};

/// How much is read at once. A longer text makes the buffer larger.
const ROOM: usize = 16 * 1024;
/// The longest line. An error may have some hundred bytes.
const LONGEST_LINE: usize = 64 * 1024;
/// The deepest nesting. `CLUSTER SLOTS` and `XREADGROUP` have four levels.
const DEPTH: usize = 16;
/// The most elements for which room is made before they arrive.
const AHEAD: usize = 64;
/// The memory of a value besides its text, with what a growing list and the allocator add.
const VALUE: usize = 2 * size_of::<Value>();

/// Bytes that were read and not parsed yet.
pub(crate) struct Replies {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// The limit of a reply, bytes, and what is left of it for this one.
    limit: usize,
    left: usize,
}

/// A reply of which only parts are needed.
#[derive(Debug, PartialEq)]
pub(crate) enum Sparse {
    /// Some elements of an array, with their places.
    Array(Vec<(usize, Value)>),
    Other(Value),
}

#[cfg(fuzzing)]
impl Sparse {
    /// The kept elements, as a list.
    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Array(values) => Value::Array(values.into_iter().map(|(_, value)| value).collect()),
            Self::Other(value) => value,
        }
    }
}

impl Replies {
    /// For replies of at most this many bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { buffer: vec![0; ROOM], start: 0, end: 0, limit, left: limit }
    }

    /// Whether all bytes were parsed.
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// What the last reply took of the limit.
    pub(super) fn size(&self) -> usize {
        self.limit - self.left
    }

    /// Skips the next reply if it equals `reply` and has arrived.
    pub(super) fn skip(&mut self, reply: &[u8]) -> bool {
        let is = self.buffer[self.start..self.end].starts_with(reply);
        self.start += if is { reply.len() } else { 0 };
        is
    }

    /// The next reply. After an error nothing that follows can be parsed.
    pub(crate) fn next(&mut self, from: &mut impl Read) -> io::Result<Value> {
        self.left = self.limit;
        self.value(from, DEPTH)
    }

    /// The next reply. Of an array it keeps only errors and what `wanted` chooses, with their places.
    pub(crate) fn next_sparse(
        &mut self,
        from: &mut impl Read,
        wanted: impl Fn(usize) -> bool,
    ) -> io::Result<Sparse> {
        if self.peek(from)? != b'*' {
            return self.next(from).map(Sparse::Other);
        }
        self.left = self.limit;
        let line = self.line(from)?;
        let Some(length) = length(&self.buffer[line.start + 1..line.end])? else {
            return Ok(Sparse::Other(Value::Nil));
        };
        let mut values = Vec::new();
        for at in 0..length {
            // Two of the three commands of a state are answered by a digit.
            if let [b':', b'0'..=b'9', b'\r', b'\n', ..] = self.buffer[self.start..self.end]
                && !wanted(at)
            {
                self.take(4)?;
                self.start += 4;
                continue;
            }
            match self.peek(from)? {
                b':' if !wanted(at) => {
                    self.line(from)?;
                }
                kind => {
                    let value = self.value(from, DEPTH - 1)?;
                    if kind == b'-' || wanted(at) {
                        values.push((at, value));
                    }
                }
            }
        }
        Ok(Sparse::Array(values))
    }

    /// The next byte.
    fn peek(&mut self, from: &mut impl Read) -> io::Result<u8> {
        while self.start == self.end {
            self.more(from)?;
        }
        Ok(self.buffer[self.start])
    }

    fn value(&mut self, from: &mut impl Read, depth: usize) -> io::Result<Value> {
        self.take(VALUE)?;
        let line = self.line(from)?;
        let text = &self.buffer[line.start + 1..line.end];
        Ok(match self.buffer[line.start] {
            b'+' if text == b"OK" => Value::Okay,
            b'+' => Value::SimpleString(String::from_utf8(text.to_vec()).map_err(|_| strange())?),
            b'-' => Value::ServerError(error(&self.buffer[line])?),
            b':' => Value::Int(number(text)?),
            b'$' => match length(text)? {
                Some(length) => Value::BulkString(self.text(from, length)?),
                None => Value::Nil,
            },
            b'*' => match length(text)? {
                Some(length) => {
                    let depth = depth.checked_sub(1).ok_or_else(strange)?;
                    let mut values = Vec::with_capacity(length.min(AHEAD));
                    for _ in 0..length {
                        values.push(self.value(from, depth)?);
                    }
                    Value::Array(values)
                }
                None => Value::Nil,
            },
            kind => {
                let kind = kind.escape_ascii();
                let text = format!("the answer is not Redis' protocol: it begins with '{kind}'");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        })
    }

    /// The next line, without its end; it is not empty. It stays in the buffer until more is read.
    fn line(&mut self, from: &mut impl Read) -> io::Result<Range<usize>> {
        let mut seen = 0;
        loop {
            let there = &self.buffer[self.start + seen..self.end];
            if let Some(at) = there.iter().position(|&byte| byte == b'\n') {
                let line = self.start..(self.start + seen + at).saturating_sub(1);
                if line.is_empty() || self.buffer[line.end] != b'\r' {
                    return Err(strange());
                }
                self.take(line.len() + 2)?;
                self.start = line.end + 2;
                return Ok(line);
            }
            seen = self.end - self.start;
            if seen > LONGEST_LINE {
                return Err(strange());
            }
            self.more(from)?;
        }
    }

    /// A text of this length, and its end.
    fn text(&mut self, from: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
        self.take(length)?;
        let there = length.min(self.end - self.start);
        let mut text = Vec::with_capacity(length);
        text.extend_from_slice(&self.buffer[self.start..self.start + there]);
        self.start += there;
        // A long text is read in place. The system provides the memory as it is used.
        let missing = length - there;
        if missing > ROOM {
            from.take(missing as u64).read_to_end(&mut text)?;
        }
        while text.len() < length {
            self.peek(from)?;
            let there = (length - text.len()).min(self.end - self.start);
            text.extend_from_slice(&self.buffer[self.start..self.start + there]);
            self.start += there;
        }
        while self.end - self.start < 2 {
            self.more(from)?;
        }
        if self.skip(b"\r\n") { Ok(text) } else { Err(strange()) }
    }

    /// Takes this many bytes from what is left of the limit.
    #[inline]
    fn take(&mut self, bytes: usize) -> io::Result<()> {
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => return Err(too_large(self.limit)),
        }
        Ok(())
    }

    /// Reads what has arrived; waits if nothing has.
    fn more(&mut self, from: &mut impl Read) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.end == 0 && self.buffer.len() > ROOM {
            self.buffer.truncate(ROOM);
            self.buffer.shrink_to_fit();
        } else if self.end == self.buffer.len() {
            self.buffer.resize(2 * self.end, 0);
        }
        loop {
            match from.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    self.end += count;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The error of a reply above the limit.
#[derive(Debug)]
struct TooLarge(usize);

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the answer has more than {} bytes, see reply_bytes", self.0)
    }
}

impl std::error::Error for TooLarge {}

/// A reply has more bytes than this limit.
#[cold]
pub(super) fn too_large(limit: usize) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, TooLarge(limit))
}

/// Whether a reply was refused because it was above the limit.
pub(super) fn is_too_large(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<TooLarge>())
}

fn number(text: &[u8]) -> io::Result<i64> {
    // Most have one digit.
    if let [digit @ b'0'..=b'9'] = text {
        return Ok(i64::from(digit - b'0'));
    }
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or_else(strange)
}

/// The length that follows; none for a null.
fn length(text: &[u8]) -> io::Result<Option<usize>> {
    match number(text)? {
        -1 => Ok(None),
        length => usize::try_from(length).map(Some).map_err(|_| strange()),
    }
}

/// An error line. They are rare, so redis-rs parses them.
fn error(line: &[u8]) -> io::Result<ServerError> {
    // A server quotes an unknown command, which need not be text.
    let line = String::from_utf8_lossy(line);
    match redis::parse_redis_value(format!("{line}\r\n").as_bytes()) {
        Ok(Value::ServerError(error)) => Ok(error),
        _ => Err(strange()),
    }
}

fn strange() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the answer is not Redis' protocol")
}

#[cfg(test)]
mod tests;

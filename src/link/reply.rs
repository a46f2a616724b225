//! Replies in RESP2, read from any stream. What a lane gets by the thousand, `+QUEUED`, numbers and short texts,
//! is read without a detour: with the parser of redis-rs a lane spent half of its processor time on replies, and
//! carried a third less (measured). Values and errors are those of redis-rs.
//!
//! No server can fill the memory: a reply has so many bytes at most, of which each value takes at least what it
//! takes here, and nests so deep. It believes no length beyond that, and what is no reply ends the connection.

use std::fmt;
use std::io::{self, Read};
use std::ops::Range;

use redis::{ServerError, Value};

/// What is read at once; a longer text makes the buffer larger.
const ROOM: usize = 16 * 1024;
/// The longest line: an error's text may be some hundred bytes.
const LONGEST_LINE: usize = 64 * 1024;
/// Arrays in arrays: `CLUSTER SLOTS` and `XREADGROUP` have four.
const DEPTH: usize = 16;
/// Elements for which there is room before they came.
const AHEAD: usize = 64;
/// What a value takes beside its text, with the room that a growing list and the allocator keep for more.
const VALUE: usize = 2 * size_of::<Value>();

/// What was read from a stream and not yet understood.
pub(crate) struct Replies {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// How many bytes a reply may have, and how many this one still may.
    limit: usize,
    left: usize,
}

/// A reply of which nobody needs all.
#[derive(Debug, PartialEq)]
pub(crate) enum Sparse {
    /// Some elements of an array, with their places.
    Array(Vec<(usize, Value)>),
    Other(Value),
}

#[cfg(fuzzing)]
impl Sparse {
    /// What was kept, as a list.
    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Array(values) => Value::Array(values.into_iter().map(|(_, value)| value).collect()),
            Self::Other(value) => value,
        }
    }
}

impl Replies {
    /// For replies of at most so many bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { buffer: vec![0; ROOM], start: 0, end: 0, limit, left: limit }
    }

    /// Whether something has come that is not read yet.
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Passes over a reply if it is this one and has come already.
    pub(super) fn skip(&mut self, reply: &[u8]) -> bool {
        let is = self.buffer[self.start..self.end].starts_with(reply);
        self.start += if is { reply.len() } else { 0 };
        is
    }

    /// The next reply. After an error nothing that follows can be understood.
    pub(crate) fn next(&mut self, from: &mut impl Read) -> io::Result<Value> {
        self.left = self.limit;
        self.value(from, DEPTH)
    }

    /// The next reply, of an array only the errors and what `wanted` chooses, with their places.
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
            // Of three commands for a state, two are answered by a digit.
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

    /// The first byte of what comes next.
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

    /// The next line, which is not empty, without its end. It stays where it is until more is read.
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

    /// A text of this length and its end.
    fn text(&mut self, from: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
        self.take(length)?;
        let there = length.min(self.end - self.start);
        let mut text = Vec::with_capacity(length);
        text.extend_from_slice(&self.buffer[self.start..self.start + there]);
        self.start += there;
        // A long one goes where it is to be without a detour; the system gives the room as it is used.
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

    /// Takes so many bytes of what the reply may still have.
    #[inline]
    fn take(&mut self, bytes: usize) -> io::Result<()> {
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => return Err(self.too_large()),
        }
        Ok(())
    }

    #[cold]
    fn too_large(&self) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, TooLarge(self.limit))
    }

    /// Reads what is there, and waits if nothing is.
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

/// A reply has more bytes than it may, which are so many.
#[derive(Debug)]
struct TooLarge(usize);

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the answer has more than {} bytes, see reply_bytes", self.0)
    }
}

impl std::error::Error for TooLarge {}

/// Whether a reply was left because it was larger than one may be.
pub(super) fn is_too_large(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<TooLarge>())
}

fn number(text: &[u8]) -> io::Result<i64> {
    // Most are below ten: one digit.
    if let [digit @ b'0'..=b'9'] = text {
        return Ok(i64::from(digit - b'0'));
    }
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or_else(strange)
}

/// How much follows; none where nothing does.
fn length(text: &[u8]) -> io::Result<Option<usize>> {
    match number(text)? {
        -1 => Ok(None),
        length => usize::try_from(length).map(Some).map_err(|_| strange()),
    }
}

/// An error line, which begins with `-`. They are rare, and redis-rs knows what it makes of them.
fn error(line: &[u8]) -> io::Result<ServerError> {
    // A server that does not know a command quotes what it was given, and that need not be text.
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
mod tests {
    use super::*;

    const LIMIT: usize = 1 << 20;

    /// Hands out so many bytes at a time.
    struct Dripping<'a>(&'a [u8], usize);

    impl Read for Dripping<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len());
            (&self.0[..count]).read(into).inspect(|&count| self.0 = &self.0[count..])
        }
    }

    fn read(bytes: &[u8]) -> io::Result<Value> {
        Replies::new(LIMIT).next(&mut Dripping(bytes, usize::MAX))
    }

    #[test]
    fn what_redis_rs_reads_is_read_alike_however_it_comes() {
        let long = format!("${}\r\n{}\r\n", 3 * ROOM, "x".repeat(3 * ROOM));
        let replies = [
            "+OK\r\n",
            "+QUEUED\r\n",
            ":0\r\n",
            ":-9223372036854775808\r\n",
            "$-1\r\n",
            "$0\r\n\r\n",
            "$4\r\n\r\n\r\n\r\n",
            "*-1\r\n",
            "*0\r\n",
            "*3\r\n:1\r\n*2\r\n$1\r\na\r\n$-1\r\n-WRONGTYPE Operation against a key\r\n",
            "-MOVED 1 127.0.0.1:2\r\n",
            "-ERR\r\n",
            &long,
        ];
        let all = replies.concat();
        for drip in [1, 2, 3, 7, 1000, usize::MAX] {
            let (mut from, mut read) = (Dripping(all.as_bytes(), drip), Replies::new(LIMIT));
            for reply in replies {
                let expected = redis::parse_redis_value(reply.as_bytes()).unwrap();
                assert_eq!(read.next(&mut from).unwrap(), expected, "{reply:.40}, {drip} bytes at a time");
            }
            assert_eq!(read.next(&mut from).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
            assert_eq!(read.buffer.len(), ROOM, "a long text's room is given back");
        }
    }

    #[test]
    fn of_an_array_errors_and_what_is_wanted_are_kept() {
        let replies = [
            "*6\r\n:1\r\n:22\r\n-WRONGTYPE no\r\n$3\r\n1-0\r\n$-1\r\n*1\r\n:1\r\n",
            "*-1\r\n",
            "*0\r\n",
            "-EXECABORT no\r\n",
        ];
        for wanted in 0..7 {
            let (all, wanted) = (replies.concat(), |at| at == wanted);
            for drip in [1, usize::MAX] {
                let (mut from, mut read) = (Dripping(all.as_bytes(), drip), Replies::new(LIMIT));
                for reply in replies {
                    let expected = match redis::parse_redis_value(reply.as_bytes()).unwrap() {
                        Value::Array(values) => {
                            let kept = |(at, value): &(usize, Value)| {
                                matches!(value, Value::ServerError(_)) || wanted(*at)
                            };
                            Sparse::Array(values.into_iter().enumerate().filter(kept).collect())
                        }
                        other => Sparse::Other(other),
                    };
                    assert_eq!(read.next_sparse(&mut from, wanted).unwrap(), expected, "{reply}");
                }
            }
        }
    }

    #[test]
    fn only_what_is_there_is_passed_over() {
        let (mut from, mut replies) = (Dripping(b":1\r\n+QUEUED\r\n+QUE", usize::MAX), Replies::new(LIMIT));
        assert!(!replies.skip(b"+QUEUED\r\n"));
        assert_eq!(replies.next(&mut from).unwrap(), Value::Int(1));
        assert!(replies.skip(b"+QUEUED\r\n"));
        assert!(!replies.skip(b"+QUEUED\r\n"));
    }

    #[test]
    fn anything_else_is_an_error() {
        let deep = "*1\r\n".repeat(DEPTH + 1) + ":1\r\n";
        let line = "+".to_owned() + &"x".repeat(LONGEST_LINE + ROOM);
        for bytes in [
            "\r\n",
            "?\r\n",
            "+\n",
            "x",
            ":1.5\r\n",
            ":\r\n",
            "$1\r\nab\r\n",
            "$x\r\n",
            "$-2\r\n",
            "*-2\r\n",
            &deep,
            &line,
        ] {
            assert!(read(bytes.as_bytes()).is_err(), "{bytes:.40}");
            assert!(
                Replies::new(LIMIT).next_sparse(&mut Dripping(bytes.as_bytes(), 7), |_| false).is_err(),
                "{bytes:.40}"
            );
        }
        // A server quotes in an error what it was given, and that need not be text.
        assert!(matches!(read(b"-ERR unknown command '\xff'\r\n"), Ok(Value::ServerError(_))));
        // What a server pushes that was asked for nothing.
        let error = read(b">2\r\n$10\r\ninvalidate\r\n*-1\r\n").unwrap_err().to_string();
        assert_eq!(error, "the answer is not Redis' protocol: it begins with '>'");
    }

    /// Whatever a server sends without end is left at the limit, and what it takes here counts.
    #[test]
    fn a_reply_without_end_ends_at_its_limit() {
        let element = VALUE + 4;
        let most = format!("*{}\r\n", i64::MAX);
        let (numbers, errors) = (":1\r\n".repeat(LIMIT / element), "-E\r\n".repeat(LIMIT / element));
        let longest = format!("${}\r\n", LIMIT);
        for (head, rest) in [
            (&*most, &*numbers),
            (&most, &errors),
            (&most, &"$0\r\n\r\n".repeat(LIMIT / element)),
            (&most, &"*0\r\n".repeat(LIMIT / element)),
            (&most, &"+\r\n".repeat(LIMIT)),
            ("$9223372036854775807\r\n", ""),
            (&longest, ""),
            ("*2\r\n", &format!("${}\r\n", LIMIT)),
        ] {
            let all = head.to_owned() + rest;
            for drip in [7, usize::MAX] {
                let error = Replies::new(LIMIT).next(&mut Dripping(all.as_bytes(), drip)).unwrap_err();
                let text = "the answer has more than 1048576 bytes, see reply_bytes";
                assert_eq!(error.to_string(), text, "{head}{rest:.10}");
                assert!(is_too_large(&error));
            }
        }
        // What is passed over takes no room, and has an end all the same.
        let all = most.clone() + &":1\r\n".repeat(LIMIT / 4);
        for wanted in [false, true] {
            let read = Replies::new(LIMIT).next_sparse(&mut Dripping(all.as_bytes(), 1000), |_| wanted);
            assert!(is_too_large(&read.unwrap_err()));
        }
        // A limit is for one reply, not for all.
        let long = format!("${}\r\n{}\r\n", LIMIT / 2, "x".repeat(LIMIT / 2)).repeat(5);
        let (mut from, mut replies) = (Dripping(long.as_bytes(), 3 * ROOM), Replies::new(LIMIT));
        for _ in 0..5 {
            assert!(replies.next(&mut from).is_ok_and(|reply| reply != Value::Nil));
        }
        assert_eq!(replies.buffer.len(), ROOM, "a long text takes no room there");
    }
}

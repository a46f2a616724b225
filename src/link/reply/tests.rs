//! Replies whole, in pieces and hostile.

use super::*;

const LIMIT: usize = 1 << 20;

/// Hands out this many bytes at a time.
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
    // A server quotes in an error what it was given, which need not be text.
    assert!(matches!(read(b"-ERR unknown command '\xff'\r\n"), Ok(Value::ServerError(_))));
    // An unasked push.
    let error = read(b">2\r\n$10\r\ninvalidate\r\n*-1\r\n").unwrap_err().to_string();
    assert_eq!(error, "the answer is not Redis' protocol: it begins with '>'");
}

/// Reading stops at the limit, which counts the memory that a reply takes.
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
    // Skipped elements take no memory, and count all the same.
    let all = most.clone() + &":1\r\n".repeat(LIMIT / 4);
    for wanted in [false, true] {
        let read = Replies::new(LIMIT).next_sparse(&mut Dripping(all.as_bytes(), 1000), |_| wanted);
        assert!(is_too_large(&read.unwrap_err()));
    }
    // The limit is for each reply.
    let long = format!("${}\r\n{}\r\n", LIMIT / 2, "x".repeat(LIMIT / 2)).repeat(5);
    let (mut from, mut replies) = (Dripping(long.as_bytes(), 3 * ROOM), Replies::new(LIMIT));
    for _ in 0..5 {
        assert!(replies.next(&mut from).is_ok_and(|reply| reply != Value::Nil));
    }
    assert_eq!(replies.buffer.len(), ROOM, "a long text takes no room there");
}

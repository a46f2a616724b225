//! A server's bytes, whatever they are: replies are those that redis-rs reads, however many bytes come at a time. Anything
//! else ends the reading, and no reply takes more memory than its limit.
#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use mt5_redis::fuzzing::{replies, slots};
use redis::Value;

const LIMIT: usize = 1 << 16;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    at_once: u8,
    every: u8,
    bytes: &'a [u8],
}

fuzz_target!(|input: Input| {
    let at_once = usize::from(input.at_once) + 1;
    let read = replies(input.bytes, at_once, LIMIT, None);
    assert_eq!(read, replies(input.bytes, usize::MAX, LIMIT, None), "the same, however many bytes come at a time");
    if let Some(first) = read.first() {
        match redis::parse_redis_value(input.bytes) {
            Ok(expected) => assert_eq!(&expected, first),
            // An error need not be UTF-8: a server quotes what it was given.
            Err(_) => assert!(has_error(first), "{first:?}"),
        }
    }
    for reply in &read {
        assert!(memory(reply) <= LIMIT, "{} bytes", memory(reply));
        let _ = slots(reply.clone());
    }

    let every = usize::from(input.every) + 1;
    let sparse = replies(input.bytes, at_once, LIMIT, Some(every));
    for (all, some) in read.iter().zip(&sparse) {
        match (all, some) {
            (Value::Array(all), Value::Array(some)) => {
                let kept =
                    |(at, value): &(usize, &Value)| at % every == 0 || matches!(value, Value::ServerError(_));
                let expected: Vec<&Value> =
                    all.iter().enumerate().filter(kept).map(|(_, value)| value).collect();
                assert_eq!(some.iter().collect::<Vec<_>>(), expected);
            }
            (all, some) => assert_eq!(all, some),
        }
    }
    // A list that is too long to keep can still be read sparsely.
    assert!(sparse.len() >= read.len());
});

fn has_error(reply: &Value) -> bool {
    match reply {
        Value::ServerError(_) => true,
        Value::Array(values) => values.iter().any(has_error),
        _ => false,
    }
}

/// The memory of a reply, bytes.
fn memory(reply: &Value) -> usize {
    size_of::<Value>()
        + match reply {
            Value::BulkString(text) => text.capacity(),
            Value::SimpleString(text) => text.capacity(),
            Value::Array(values) => values.iter().map(memory).sum(),
            _ => 0,
        }
}

//! A stream's entry, whatever it is, is a signal that may be sent, or is refused with a reason. Nothing panics.
#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use mt5_redis::inbox::Received;

#[derive(Arbitrary, Debug)]
enum Input {
    /// Names and values.
    Fields(Vec<(Name, Vec<u8>)>),
    /// A packed record.
    Packed(Vec<u8>),
    /// An entry's texts, which need not be pairs.
    Any(Vec<Vec<u8>>),
}

/// A field's name, mostly one of ours.
#[derive(Arbitrary, Debug)]
enum Name {
    Known(u8),
    Other(Vec<u8>),
}

const NAMES: [&str; 18] =
    ["v", "p", "q", "t", "o", "i", "a", "sy", "vo", "pr", "sl", "tp", "mg", "po", "ex", "co", "pq", "r"];

fuzz_target!(|input: Input| {
    let entry = match input {
        Input::Fields(fields) => fields.into_iter().flat_map(|(name, value)| [name.text(), value]).collect(),
        Input::Packed(packed) => vec![b"d".to_vec(), packed],
        Input::Any(texts) => texts,
    };
    match Received::decode(&entry) {
        Ok(received) => {
            received.signal.check().expect("a decoded signal may be sent");
            assert!(!received.to_string().is_empty());
        }
        Err(reason) => assert!(!reason.is_empty()),
    }
});

impl Name {
    fn text(self) -> Vec<u8> {
        match self {
            Self::Known(at) => NAMES[usize::from(at) % NAMES.len()].into(),
            Self::Other(text) => text,
        }
    }
}

//! A journal whose segments are damaged in any way returns only records that were written, unchanged and in order, and
//! gives only new numbers.
#![no_main]

use std::fs;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use mt5_redis::fuzzing::journal;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    payloads: Vec<&'a [u8]>,
    /// A file, a place in it, and the bits to flip there.
    flips: Vec<(u8, u16, u8)>,
    /// A file, and its new length.
    cut: Option<(u8, u16)>,
}

fuzz_target!(|input: Input| {
    let folder = tempfile::tempdir().expect("a folder");
    let written: Vec<&[u8]> = input.payloads.iter().map(|payload| &payload[..payload.len().min(300)]).collect();
    journal(folder.path(), &written).expect("a new journal");

    let mut files: Vec<_> = fs::read_dir(folder.path()).expect("a folder").flatten().map(|file| file.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "journal"));
    files.sort();
    for (file, at, change) in input.flips {
        let path = &files[usize::from(file) % files.len()];
        let mut bytes = fs::read(path).expect("a segment");
        let at = usize::from(at) % bytes.len();
        bytes[at] ^= change;
        fs::write(path, bytes).expect("a segment");
    }
    if let Some((file, length)) = input.cut {
        let path = &files[usize::from(file) % files.len()];
        let bytes = fs::read(path).expect("a segment");
        fs::write(path, &bytes[..usize::from(length) % bytes.len()]).expect("a segment");
    }

    // A segment of another version is refused.
    let Ok(found) = journal(folder.path(), &[b"new"]) else { return };
    let mut before = 0;
    for (sequence, payload) in &found.records {
        assert!(*sequence > before, "{sequence} after {before}");
        assert_eq!(Some(&&payload[..]), written.get(*sequence as usize - 1), "record {sequence}");
        before = *sequence;
    }
    assert!(found.next > before, "{} was given already", found.next);
    let again = journal(folder.path(), &[]).expect("it was opened before");
    assert!(again.records.ends_with(&[(found.next, b"new".to_vec())]), "records appended after damage are kept");
});

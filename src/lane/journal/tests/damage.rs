//! Torn ends, flipped bits and missing files.

use super::*;
use crate::lane::journal::map::Map;

/// A folder in memory where there is one: these tests open thousands of journals, and each open waits for the disk.
fn temporary() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::tempdir_in(folder).unwrap()
}

/// A folder with `count` records, closed.
fn journal_with(count: u64) -> tempfile::TempDir {
    let folder = temporary();
    let Ready { journal, mut appender, .. } = open(folder.path());
    fill(&mut appender, count);
    drop((journal, appender));
    folder
}

fn copy_of(folder: &Path) -> tempfile::TempDir {
    let copy = temporary();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    // The copy takes its own name now, so that the test sees the damage alone.
    drop(open_with(copy.path(), &SMALL).unwrap());
    copy
}

/// The bytes of each record of a segment.
fn places(path: &Path) -> Vec<(u64, std::ops::Range<usize>)> {
    let map = Map::open(path, &Arc::default()).unwrap();
    let (mut places, mut at, mut bytes) = (Vec::new(), HEADER, Vec::new());
    while let Some(record) = record::find(&map, at..map.length(), 0..u64::MAX, &mut bytes) {
        places.push((record.sequence, at..record.end));
        at = record.end;
    }
    places
}

/// Opens the journal after damage to its last record. Everything before that is there, nothing after, and numbers
/// continue.
fn check_torn(folder: &Path, count: u64) {
    for more in [0, 50] {
        let Ready { journal, mut appender, lost, notes, .. } = open_with(folder, &SMALL).unwrap();
        assert_eq!((journal.last(), appender.next(), lost), (count - 1 + more, count + more, 0), "{notes:?}");
        let map = journal.segments.lock().back().unwrap().map.clone();
        let rest = fs::read(map.path()).unwrap().split_off(map.committed());
        assert!(rest.iter().all(|&byte| byte == 0), "the torn record is removed");
        fill(&mut appender, 50);
        assert_eq!(read(&journal, 1), (1..count + more + 50).collect::<Vec<_>>());
    }
}

#[test]
fn a_torn_end_at_every_byte() {
    const COUNT: u64 = 70;
    let folder = journal_with(COUNT);
    let path = segments(folder.path()).pop().unwrap();
    let (sequence, place) = places(&path).pop().unwrap();
    assert_eq!(sequence, COUNT);
    let padding = place.len() - 16 - payload(COUNT).len();
    let whole = fs::read(&path).unwrap();
    for cut in place.start..place.end - padding {
        let damages: [fn(&mut Vec<u8>, usize, usize); 4] = [
            |file, cut, _| file.truncate(cut),
            |file, cut, end| file[cut..end].fill(0),
            |file, cut, end| file[cut..end].fill(0xa5),
            |file, cut, _| file[cut] ^= 0x10,
        ];
        for damage in damages {
            let mut file = whole.clone();
            damage(&mut file, cut, place.end);
            if file == whole {
                continue; // The bytes were zeros before.
            }
            let copy = copy_of(folder.path());
            fs::write(copy.path().join(path.file_name().unwrap()), &file).unwrap();
            check_torn(copy.path(), COUNT);
        }
    }
}

#[test]
fn every_prefix_of_a_segment() {
    const COUNT: u64 = 20;
    let folder = journal_with(COUNT);
    let path = segments(folder.path()).pop().unwrap();
    let (places, whole) = (places(&path), fs::read(&path).unwrap());
    assert_eq!(places.len() as u64, COUNT);
    for length in (0..places.last().unwrap().1.end).step_by(3) {
        let copy = copy_of(folder.path());
        fs::write(copy.path().join(path.file_name().unwrap()), &whole[..length]).unwrap();
        let complete = places.iter().filter(|(_, place)| place.end <= length).count() as u64;
        let Ready { journal, mut appender, .. } = open_with(copy.path(), &SMALL).unwrap();
        // The cut may be in the last one's padding.
        assert!([complete, complete + 1].contains(&journal.last()), "{length}");
        let last = journal.last();
        fill(&mut appender, 3);
        assert_eq!(read(&journal, 1), (1..=last + 3).collect::<Vec<_>>());
    }
}

#[test]
fn flipped_bits_in_the_middle_cost_one_record() {
    const COUNT: u64 = 70;
    let folder = journal_with(COUNT);
    let paths = segments(folder.path());
    for path in [&paths[0], &paths[1], paths.last().unwrap()] {
        let whole = fs::read(path).unwrap();
        let places = places(path);
        let (sequence, place) = places[places.len() / 2].clone();
        for at in place.start..place.start + 16 + payload(sequence).len() {
            let mut file = whole.clone();
            file[at] ^= 1 << (at % 8);
            let copy = copy_of(folder.path());
            fs::write(copy.path().join(path.file_name().unwrap()), &file).unwrap();
            let Ready { journal, mut appender, lost, notes, .. } = open_with(copy.path(), &SMALL).unwrap();
            assert_eq!((lost, notes.len(), journal.last()), (1, 1, COUNT), "{notes:?}");
            assert!(
                notes[0].contains(&format!("records {sequence} to {sequence} are damaged in")),
                "{notes:?}"
            );
            fill(&mut appender, 1);
            assert_eq!(read(&journal, 1), (1..=COUNT + 1).filter(|&s| s != sequence).collect::<Vec<_>>());
        }
    }
}

#[test]
fn damage_while_it_is_open_is_passed_over() {
    let folder = temporary();
    let Ready { journal, mut appender, .. } = open(folder.path());
    fill(&mut appender, 70);
    let path = &segments(folder.path())[1];
    let places = places(path);
    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
    // From the third record to the end.
    io::Seek::seek(&mut file, io::SeekFrom::Start(places[2].1.start as u64)).unwrap();
    io::Write::write_all(&mut file, &vec![0xee; 4096 - places[2].1.start]).unwrap();
    let gone = places[2].0..=places.last().unwrap().0;
    let expected: Vec<u64> = (1..=70).filter(|sequence| !gone.contains(sequence)).collect();
    assert_eq!(read(&journal, 1), expected);
}

#[test]
fn a_damaged_header_costs_nothing() {
    let folder = journal_with(70);
    for at in (0..HEADER).filter(|&at| at != 7) {
        let copy = copy_of(folder.path());
        for path in segments(copy.path()) {
            let mut file = fs::read(&path).unwrap();
            file[at] ^= 0x40;
            fs::write(&path, file).unwrap();
        }
        let Ready { journal, mut appender, lost, notes, .. } = open_with(copy.path(), &SMALL).unwrap();
        assert!(lost == 0 && notes.iter().all(|note| note.contains("lost its header")), "{notes:?}");
        fill(&mut appender, 1);
        assert_eq!(read(&journal, 1), (1..=71).collect::<Vec<_>>());
    }
}

#[test]
fn another_version_is_refused_and_kept() {
    let folder = journal_with(70);
    let path = &segments(folder.path())[0];
    let mut file = fs::read(path).unwrap();
    file[7] = b'2';
    fs::write(path, &file).unwrap();
    let error = open_with(folder.path(), &SMALL).err().unwrap();
    assert_eq!(error.code(), MT5REDIS_ERR_JOURNAL);
    assert!(error.to_string().contains("another version"), "{error}");
    assert_eq!(fs::read(path).unwrap(), file);
}

#[test]
fn a_missing_segment_is_counted_unless_it_was_acknowledged() {
    let folder = journal_with(70);
    let paths = segments(folder.path());
    let gone: Vec<u64> = places(&paths[1]).into_iter().map(|(sequence, _)| sequence).collect();
    fs::remove_file(&paths[1]).unwrap();
    {
        let Ready { journal, lost, notes, .. } = open_with(folder.path(), &SMALL).unwrap();
        assert_eq!((lost, notes.len()), (gone.len() as u64, 1), "{notes:?}");
        let expected: Vec<_> = (1..=70).filter(|sequence| !gone.contains(sequence)).collect();
        assert_eq!(read(&journal, 1), expected);
        journal.acknowledge(*gone.last().unwrap());
    }
    // Nobody needs the segment before it any more.
    let Ready { journal, .. } = open(folder.path());
    assert_eq!(read(&journal, 1), (gone.last().unwrap() + 1..=70).collect::<Vec<_>>());
    assert!(!paths[0].exists());
}

#[test]
fn garbage_of_any_kind_is_no_panic_and_no_record() {
    let mut random = fastrand::Rng::with_seed(7);
    let folder = journal_with(70);
    for round in 0..300 {
        let copy = copy_of(folder.path());
        let paths = segments(copy.path());
        let path = &paths[random.usize(..paths.len())];
        let mut file = fs::read(path).unwrap();
        match round % 3 {
            0 => file.iter_mut().for_each(|byte| *byte = random.u8(..)),
            1 => (0..random.usize(1..40)).for_each(|_| {
                let at = random.usize(..file.len());
                file[at] = random.u8(..);
            }),
            _ => {
                let (from, to) = (random.usize(..file.len()), random.usize(..file.len()));
                let piece = file[from..].to_vec();
                file.splice(to.., piece);
            }
        }
        fs::write(path, &file).unwrap();
        for name in ["acknowledged", "producer", "opened"] {
            if random.bool() {
                fs::write(copy.path().join(name), vec![random.u8(..); random.usize(..40)]).unwrap();
            }
        }
        let Ready { journal, mut appender, .. } = open_with(copy.path(), &SMALL).unwrap();
        let found = read(&journal, 1);
        assert!(found.is_sorted() && found.iter().all(|&sequence| sequence <= 70), "{found:?}");
        let next = appender.next();
        assert!(next > *found.last().unwrap_or(&0));
        fill(&mut appender, 2);
        assert_eq!(read(&journal, next), [next, next + 1]);
    }
}

#[test]
fn a_torn_acknowledgement_is_the_one_before() {
    let folder = journal_with(70);
    {
        let Ready { journal, .. } = open(folder.path());
        journal.acknowledge(10);
        journal.acknowledge(20);
    }
    let path = folder.path().join("acknowledged");
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut file = whole.clone();
        file[at] ^= 0x04;
        fs::write(&path, &file).unwrap();
        let known = open(folder.path()).journal.acknowledged();
        assert!([10, 20].contains(&known), "{known}");
    }
    fs::write(&path, [0xff; 32]).unwrap();
    assert_eq!(open(folder.path()).journal.acknowledged(), 0);
}

//! Which producer name and which numbers a journal goes on with.

use super::*;

#[test]
fn numbers_leap_when_the_newest_records_may_be_gone() {
    let folder = tempfile::tempdir().unwrap();
    let Ready { journal, mut appender, .. } = open(folder.path());
    fill(&mut appender, 5);
    journal.acknowledge(2);
    drop((journal, appender));
    // A run of the machine that ends without closing leaves the file like this.
    for round in 1..=3 {
        fs::write(folder.path().join("opened"), "another run").unwrap();
        let Ready { journal, appender, notes, lost, .. } = open_with(folder.path(), &SMALL).unwrap();
        assert_eq!((appender.next(), journal.last()), (6 + round * LEAP, 5));
        assert!(notes[0].contains("may be lost") && lost == 0, "{notes:?}");
    }
    // Nothing was appended since, and the leaps are still known.
    let Ready { journal, mut appender, .. } = open(folder.path());
    fill(&mut appender, 3);
    let base = 3 * LEAP;
    assert_eq!(read(&journal, 1), vec![1, 2, 3, 4, 5, base + 6, base + 7, base + 8]);
    drop((journal, appender));
    // Only `acknowledged` is left.
    segments(folder.path()).iter().for_each(|path| fs::remove_file(path).unwrap());
    let Ready { journal, appender, .. } = open_with(folder.path(), &SMALL).unwrap();
    assert_eq!((appender.next(), journal.last(), journal.first()), (3 + LEAP, 2, 3));
}

#[test]
fn a_folder_without_any_numbers_gets_another_producer() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).journal.producer().to_owned();
    segments(folder.path()).iter().for_each(|path| fs::remove_file(path).unwrap());
    assert_ne!(open(folder.path()).journal.producer(), first);
}

#[test]
fn a_copy_goes_on_under_a_name_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let Ready { journal, mut appender, .. } = open(folder.path());
    fill(&mut appender, 5);
    let name = journal.producer().to_owned();
    let copies = tempfile::tempdir().unwrap();
    let copy = |from: &Path, to: &str| {
        let to = copies.path().join(to);
        fs::create_dir(&to).unwrap();
        fs::read_dir(from).unwrap().flatten().for_each(|file| {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        });
        to
    };
    drop((journal, appender));
    let second = copy(folder.path(), "second");
    let Ready { journal, mut appender, notes, .. } = open_with(&second, &SMALL).unwrap();
    assert!(notes[0].contains("copied or moved"), "{notes:?}");
    assert_ne!(journal.producer(), name);
    assert_eq!(journal.earlier(), [Earlier { name: name.clone(), last: 5 }]);
    fill(&mut appender, 2);
    let second_name = journal.producer().to_owned();
    drop((journal, appender));
    // A copy of the copy knows both names.
    assert_eq!(open(&second).journal.producer(), second_name);
    let Ready { journal, .. } = open_with(&copy(&second, "third"), &SMALL).unwrap();
    let earlier = [Earlier { name: name.clone(), last: 5 }, Earlier { name: second_name, last: 7 }];
    assert_eq!(journal.earlier(), earlier);
    assert_eq!(open(folder.path()).journal.producer(), name, "the original keeps its name");
}

#[test]
fn a_contested_name_is_given_up_with_what_came_after_its_opening() {
    let folder = tempfile::tempdir().unwrap();
    let Ready { mut appender, .. } = open(folder.path());
    fill(&mut appender, 3);
    drop(appender);
    let Ready { journal, mut appender, .. } = open(folder.path());
    let name = journal.producer().to_owned();
    fill(&mut appender, 4);
    journal.contest().unwrap();
    drop((journal, appender));
    let Ready { journal, notes, .. } = open_with(folder.path(), &SMALL).unwrap();
    assert!(notes[0].contains("another terminal"), "{notes:?}");
    assert_ne!(journal.producer(), name);
    assert_eq!(journal.earlier(), [Earlier { name, last: 3 }]);
}

#[test]
fn numbers_that_were_given_up_are_not_counted() {
    let folder = tempfile::tempdir().unwrap();
    fill(&mut open(folder.path()).appender, 5);
    fs::write(folder.path().join("opened"), "another run").unwrap();
    let Ready { journal, mut appender, .. } = open_with(folder.path(), &SMALL).unwrap();
    fill(&mut appender, 3);
    let last = journal.last();
    assert_eq!(last, LEAP + 8);
    assert_eq!(
        [(1, last), (5, last), (6, last), (last, last), (2, 3)].map(|(from, to)| journal.count(from, to)),
        [8, 4, 3, 1, 2]
    );
}

#[test]
fn a_journal_that_was_handed_over_changes_nothing_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let Ready { journal: old, mut appender, .. } = open(folder.path());
    fill(&mut appender, 100);
    old.acknowledge(40);
    old.prepare().unwrap();
    appender.hand_over();
    assert_eq!(appender.append(&[]), Err(Refused::HandedOver));

    let Ready { journal, mut appender, .. } = open(folder.path());
    assert_eq!((journal.acknowledged(), journal.last(), appender.next()), (40, 100, 101));
    fill(&mut appender, 1);
    let before = segments(folder.path());
    // A thread that comes back from a server does these.
    old.acknowledge(100);
    old.release(100);
    old.prepare().unwrap();
    old.rest();
    assert_eq!(read(&old, 90), (90..=100).collect::<Vec<_>>(), "it may still read");
    drop(old);
    assert_eq!(segments(folder.path()), before);
    assert_ne!(fs::read_to_string(folder.path().join("opened")).unwrap(), "closed");
    drop((journal, appender));
    let Ready { journal, .. } = open(folder.path());
    assert_eq!((journal.acknowledged(), journal.last()), (40, 101));
    assert_eq!(read(&journal, 1), (1..=101).collect::<Vec<_>>());
}

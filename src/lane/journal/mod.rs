//! The journal of a lane: an append-only log of (sequence number, payload) in memory-mapped files.
//!
//! One thread appends ([`Appender`]). Another reads, acknowledges and releases ([`Journal`], [`Reader`]). Neither waits for
//! the other, except for a segment that is being made. The journal does not know what a payload means, and starts no
//! thread.
//!
//! # Invariants
//!
//! 1. **Accepted is kept.** When [`Appender::append`] has returned a number, the record survives the end of the process at
//!    any instruction, because the page cache has it. It survives a power cut after the next [`Journal::sync`] with
//!    `JournalSync::Disk`. (`whatever_was_accepted_survives_a_kill`)
//! 2. **A record is whole or absent.** Its mark is stored last, in one aligned word, and checks its bytes. A torn, damaged or
//!    half-written record is never returned. (`a_torn_end_at_every_byte`, `garbage_of_any_kind_is_no_panic_and_no_record`)
//! 3. **A number is given once.** Numbers grow by one. If the machine stopped while the journal was open, the newest records
//!    may be gone, so numbers continue a billion higher. (`numbers_leap_when_the_newest_records_may_be_gone`)
//! 4. **Every missing record is counted.** A gap between numbers that no header explains is a loss, and is reported once.
//!    (`a_missing_segment_is_counted_unless_it_was_acknowledged`)
//! 5. **Nothing beyond the acknowledged number is deleted.** (`what_is_acknowledged_survives_and_release_deletes_files`)
//! 6. **One journal a folder, one name a journal.** A lock keeps other processes out. A copied or moved journal takes a new
//!    producer name. (`a_folder_has_one_holder_at_a_time`, `a_copy_goes_on_under_a_name_of_its_own`)
//! 7. **Storing cannot fail.** A segment's zeros are written before it is mapped, so its blocks are reserved, and its pages
//!    are in memory. (`a_disk_that_fills_refuses_and_recovers`; `room` warns of file systems that do not keep them)
//!
//! # The folder
//!
//! | file | contents |
//! |---|---|
//! | `0000000001.journal`, ... | segments; a higher file number comes later |
//! | `acknowledged` | the last number that needs no sending: two places of two words, `number \| check`, written in turn, so that a torn write leaves the older one |
//! | `producer` | JSON: the name that numbers belong to, the place it is bound to, and earlier names |
//! | `history` | the servers' run ids at the last connection |
//! | `opened` | the machine's boot id while the journal is open, `closed` when everything is on the disk |
//! | `lock` | locked while the journal is open |
//! | `dead.jsonl` | dead letters, which the lane writes (`dead_letters`) |
//!
//! # A segment
//!
//! A file of fixed size, full of zeros when it is made and never reused. All numbers are little-endian, in words of eight
//! bytes.
//!
//! ```text
//!  0        8        16       24       32       40
//!  +--------+--------+--------+--------+--------+----------+----------+--- ... ---+
//!  |MT5RJNL1| length | first  |previous| check  | record   | record   |  zeros    |
//!  +--------+--------+--------+--------+--------+----------+----------+--- ... ---+
//!                                                          committed ^
//!  a record:
//!  0             4          8          16                    16 + payload, padded
//!  +-------------+----------+----------+---------------------+
//!  | length u32  |crc32c u32| sequence | payload     | zeros |
//!  +-------------+----------+----------+---------------------+
//! ```
//!
//! - `MT5RJNL1` is the magic; another version changes its last byte, and such a file is refused and kept.
//! - `length` is the file's length. If the file is shorter, it was cut off: its records count, but none is added.
//! - `first` is the segment's first number. `previous` is the last number before it: `first - 1`, or less after numbers were
//!   given up.
//! - `check` is the crc32c of length, first and previous. A segment without a good header keeps its records.
//! - A record's first word is its mark. `length` counts sequence and payload, so a mark is never zero. The crc32c starts
//!   from a number made of the sequence, and covers the payload.
//!
//! The header is written with the segment's first record, so taking a segment that was made ahead needs no system call.
//!
//! # Reading and recovery
//!
//! A reader may read below the committed length, whose bytes never change. It believes nothing: where no mark fits, it moves
//! on by a word. So damage costs the damaged records and no others.
//!
//! Opening reads the last segment in use only. It adds records behind its last whole one, after zeroing the rest. The
//! lane's thread reads the earlier segments afterwards ([`Journal::look_back`]).

mod acknowledged;
mod appender;
mod folder;
#[cfg(all(test, loom))]
mod interleavings;
mod limits;
mod log;
mod map;
#[cfg_attr(loom, path = "memory_watched.rs")]
mod memory;
mod names;
mod reader;
mod record;
mod recovery;
mod refused;
mod room;
mod segment;
mod spares;
#[cfg(all(test, not(loom)))]
mod tests;

pub(crate) use appender::Appender;
pub(crate) use folder::open as open_file;
pub(crate) use limits::Limits;
pub(crate) use log::{Journal, Opened};
pub(crate) use names::Earlier;
pub(crate) use reader::Reader;
pub(crate) use refused::Refused;

//! The journal of a lane: an append-only log of (sequence number, payload) in memory-mapped files.
//!
//! One thread appends ([`Appender`]). Another reads, acknowledges and releases ([`Journal`], [`Reader`]). Neither waits for
//! the other, except for a segment that is being made. The journal does not know what a payload means, and starts no
//! thread. The tests named here are in `tests/` and `interleavings.rs` beside this file, unless another file is named.
//!
//! # Invariants
//!
//! 1. **Accepted is kept.** When [`Appender::append`] has returned a number, the record survives the end of the process at
//!    any instruction, because the page cache has it (`whatever_was_accepted_survives_a_kill`). With `JournalSync::Disk` it
//!    survives a power cut once [`Journal::sync`] has returned (`a_machine_that_loses_its_power` in `tests/chaos`).
//! 2. **A record is whole or absent.** Its mark is stored last, in one aligned word, and checks its bytes. A torn or damaged
//!    record is never returned (`a_torn_end_at_every_byte`, `garbage_of_any_kind_is_no_panic_and_no_record`).
//! 3. **A number is given once.** Numbers grow by one. If the machine stopped while the journal was open, the newest records
//!    may be gone, so numbers continue a billion higher (`numbers_leap_when_the_newest_records_may_be_gone`).
//! 4. **A gap is counted.** Numbers that are missing between records or segments, are not acknowledged and were not given
//!    up are losses. Each open reports them until they are acknowledged (`flipped_bits_in_the_middle_cost_one_record`,
//!    `a_missing_segment_is_counted_unless_it_was_acknowledged`). A torn end is not counted: nobody knows whether a record
//!    was accepted there.
//! 5. **Only acknowledged records are deleted**, and only with their whole segment
//!    (`what_is_acknowledged_survives_and_release_deletes_files`).
//! 6. **A folder has one journal, and a name has one journal.** A lock keeps other processes out
//!    (`a_folder_has_one_holder_at_a_time`). A copied or moved journal takes a new producer name
//!    (`a_copy_goes_on_under_a_name_of_its_own`).
//! 7. **Storing cannot fail.** A segment's zeros are written to the file before it is mapped, which reserves its blocks
//!    (`a_disk_that_fills_refuses_and_recovers`; `file_system` warns where that does not hold).
//!
//! # The folder
//!
//! Only its user can enter the folder. Links, pipes and devices in it are never opened
//! (`only_its_user_can_enter_a_journal_and_no_link_is_followed`).
//!
//! | file | contents |
//! |---|---|
//! | `0000000001.journal`, ... | segments; a higher file number comes later |
//! | `acknowledged` | the last number that needs no sending |
//! | `producer` | JSON: the name that the numbers belong to, the place it is bound to, and earlier names; written as `producer.new` and renamed |
//! | `history` | the run ids of the servers that have the acknowledged records |
//! | `opened` | the machine's boot id while the journal is open, `closed` when everything is on the disk |
//! | `lock` | locked while the journal is open |
//! | `dead.jsonl` | dead letters, which the lane writes (`dead_letters`) |
//!
//! `acknowledged` has two places, which are written in turn, so that a torn write leaves the older number
//! (`a_torn_acknowledgement_is_the_one_before`). `check` is the inverted crc32c of the number, with the number's lower half
//! xored into its upper half, so zeros are no number.
//!
//! ```text
//!  0        8        16       24       32
//!  +--------+--------+--------+--------+
//!  | number | check  | number | check  |
//!  +--------+--------+--------+--------+
//! ```
//!
//! # A segment
//!
//! A file of fixed size (256 KiB, see [`Limits`]), full of zeros when it is made and never reused. All numbers are
//! little-endian.
//!
//! ```text
//!  0        8        16       24       32       40
//!  +--------+--------+--------+--------+--------+----------+----------+--- ... ---+
//!  |MT5RJNL1| length | first  |previous| check  | record   | record   |  zeros    |
//!  +--------+--------+--------+--------+--------+----------+----------+--- ... ---+
//!                                                          committed ^
//!  a record, which starts at a whole word:
//!  0          4          8          16                  8 + length, padded
//!  +----------+----------+----------+---------------------+
//!  |length u32|crc32c u32| sequence | payload     | zeros |
//!  +----------+----------+----------+---------------------+
//! ```
//!
//! - `MT5RJNL1` is the magic. Another version changes its last byte: such a file is refused and kept
//!   (`another_version_is_refused_and_kept`).
//! - The header's `length` is the file's. A file of another length keeps its records, but none is added
//!   (`every_prefix_of_a_segment`).
//! - `first` is the segment's first number. `previous` is the last number before it: `first - 1`, or less after numbers were
//!   given up (`numbers_that_were_given_up_are_not_counted`).
//! - `check` is the crc32c of length, first and previous. Without a good header, a segment keeps its records
//!   (`a_damaged_header_costs_nothing`).
//! - A record's first word is its mark. Its `length` counts sequence and payload, so a mark is never zero. The crc32c covers
//!   the payload and starts from a number made of the sequence.
//!
//! The header of a segment that was made ahead is written when its first record comes, which takes no system call. Segments
//! that are not in use yet are deleted at the close, or at the next open
//! (`a_segment_made_ahead_is_used_and_not_left_behind`).
//!
//! # Reading
//!
//! The bytes below a segment's committed length never change, so any thread may read them while the appender writes above
//! (`a_reader_finds_every_record_while_it_is_appended`). A reader trusts no byte: where no record fits, it moves on by a
//! word, and so damage costs the damaged records alone (`damage_while_it_is_open_is_passed_over`). Only if damage looks like
//! so many long records that a search would take minutes, the rest of the segment is passed over.
//!
//! # Recovery
//!
//! [`Journal::open`] reads the last segment in use, and of the others only the oldest one's header
//! (`opening_looks_at_the_last_segment_alone`). It zeroes the bytes after the last record and appends there. It appends in a
//! new segment after a leap, after damage to the header or the length, and if a higher number was acknowledged. The lane's
//! thread then reads the earlier segments and reports all losses ([`Journal::look_back`]); before that it neither reads
//! records nor releases segments.
//!
//! # Locks
//!
//! Taken in this order: `access` (may this journal change the folder?), `making` or `synced`, and then one of the others,
//! which are held for a look and never together. An append that fits takes none. One that needs the next segment takes
//! `spares` and `segments`, and `making` only if no segment was made ahead
//! (`a_segment_made_ahead_is_taken_while_another_is_being_made`).

mod acknowledged;
mod appender;
mod file_system;
mod folder;
#[cfg(all(test, loom))]
mod interleavings;
mod limits;
mod log;
mod map;
#[cfg_attr(loom, path = "memory_for_loom.rs")]
mod memory;
mod opening;
mod producer;
mod reader;
mod record;
mod recovery;
mod segment;
mod spares;
#[cfg(all(test, not(loom)))]
mod tests;

pub(crate) use appender::{Appender, Refused};
pub(crate) use folder::{create as create_folder, open as open_file};
pub(crate) use limits::Limits;
pub(crate) use log::Journal;
pub(crate) use opening::Opened;
pub(crate) use producer::Earlier;
pub(crate) use reader::Reader;
pub(crate) use segment::sync_folder;

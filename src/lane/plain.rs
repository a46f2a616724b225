//! A lane whose records are their numbers, for tests of what all lanes do alike.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::policy::{Policy, Subject};
use super::{Journal, Lane, Limits};
use crate::config::Config;
use crate::events::Events;
use crate::link::commands::Commands;
use crate::model::encoding::Producer;
use crate::model::{InstanceId, LaneName, Tag};
use crate::pressure::Pressure;

static DEFECTIVE: AtomicBool = AtomicBool::new(false);

#[derive(Clone)]
pub(super) struct Plain(Producer);

impl Plain {
    /// Whether no record can be read, which is a defect.
    pub(super) fn defective(is: bool) {
        DEFECTIVE.store(is, SeqCst);
    }
}

/// A lane with a journal in this folder, to a server on this port.
pub(super) fn lane(folder: &Path, events: &Arc<Events>, port: u16) -> Lane<Plain> {
    let config = Config::read(&format!("redis://127.0.0.1:{port}"), "").unwrap();
    let pressure = Arc::new(Pressure::new(events.clone(), config.pressure_quiet, config.ris_ttl));
    // Loom takes the more time the more words there are to watch.
    let limits =
        if cfg!(loom) { Limits { segment_bytes: 192, ..Limits::default() } } else { Limits::default() };
    let journal = Journal::open(folder, &limits).unwrap();
    let plain = Plain(Producer::named(journal.journal.producer()));
    Lane::new(plain, config.rtss, "test", events.clone(), pressure, Some(journal), Duration::ZERO).unwrap()
}

impl Policy for Plain {
    type Record = u64;

    const LANE: LaneName = LaneName::Rtss;
    const COMMITTED: bool = true;

    fn producer(&self) -> &Producer {
        &self.0
    }

    fn sequence(record: &u64) -> u64 {
        *record
    }

    fn store(record: &u64, bytes: &mut Vec<u8>) {
        bytes.extend(record.to_le_bytes());
    }

    fn load(sequence: u64, bytes: &[u8]) -> Option<u64> {
        assert!(!DEFECTIVE.load(SeqCst), "record {sequence} cannot be read");
        let record = u64::from_le_bytes(bytes.try_into().ok()?);
        (record == sequence).then_some(record)
    }

    fn size(_: &u64) -> usize {
        8
    }

    fn tag(_: &u64) -> &Tag {
        static TAG: LazyLock<Tag> = LazyLock::new(|| Tag::of(&InstanceId::new("0").unwrap()));
        &TAG
    }

    fn subject(_: &u64) -> Option<Subject<'_>> {
        None
    }

    fn may_be_superseded(_: &u64) -> bool {
        false
    }

    fn write(&mut self, record: &u64, commands: &mut Commands) {
        let number = itoa::Buffer::new().format(*record).to_owned();
        commands.command([b"RPUSH".as_slice(), b"{0}", number.as_bytes()]);
    }
}

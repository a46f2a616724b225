//! What a follower knows: the role that it plays, its position in each source, and the signals that wait to be handed
//! out.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::time::{Duration, Instant};

use super::position::Position;
use crate::inbox::item::{Delivery, EntryId, Gap, Place};
use crate::model::InstanceId;

/// How often skipped entries of one source are reported.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// Why a source is barred whose newest entry cannot be read.
pub(super) const TOO_LARGE: &str = "an entry is larger than a reply may be, and from the future";

#[derive(Default)]
pub(super) struct State {
    /// Until when at least this terminal acts, if it does.
    pub(super) acting_until: Option<Instant>,
    pub(super) stands_by: bool,
    /// How often this terminal has taken over from another one.
    pub(super) takeovers: i32,
    /// Something was acknowledged since this terminal began to act.
    pub(super) acknowledged: bool,
    /// Grows when positions change other than by reading: what was read before is then ignored.
    pub(super) epoch: u64,
    pub(super) followed: BTreeMap<InstanceId, Followed>,
    pub(super) waiting: VecDeque<Waiting>,
    /// How many signals were read and not acknowledged.
    pub(super) open: usize,
    /// The gap that was handed out last. Whoever asks for the next signal knows of it.
    pub(super) gap: Option<Place>,
    /// The sources whose position is not written.
    pub(super) unwritten: BTreeSet<InstanceId>,
    /// The streams are to be surveyed at once.
    pub(super) survey: bool,
    /// The shards that were read.
    pub(super) reached: HashSet<u16>,
    pub(super) duplicates: u64,
    pub(super) unreadable: u64,
    pub(super) rejected: u64,
}

/// A source that is followed.
pub(super) struct Followed {
    pub(super) shard: u16,
    pub(super) position: Position,
    /// Why it cannot be read at the moment.
    barred: Option<String>,
    /// When skipped entries were last reported, and how many were skipped since.
    reported: Option<Instant>,
    skipped: u64,
}

/// What waits to be handed out.
pub(super) enum Waiting {
    Signal(Box<Delivery>),
    Gap(Gap, Place),
}

impl State {
    pub(super) fn acts(&self) -> bool {
        self.acting_until.is_some_and(|until| Instant::now() < until)
    }

    /// The sources that are followed.
    pub(super) fn sources(&self) -> HashSet<InstanceId> {
        self.followed.keys().copied().collect()
    }

    /// The sources of a shard, and up to where each was read.
    pub(super) fn followed(&self, shard: u16) -> Vec<(InstanceId, EntryId)> {
        let here = self.followed.iter().filter(|(_, one)| one.shard == shard);
        here.map(|(source, one)| (*source, one.position.read())).collect()
    }

    /// Likewise, without those that cannot be read.
    pub(super) fn readable(&self, shard: u16) -> Vec<(InstanceId, EntryId)> {
        let mut here = self.followed(shard);
        here.retain(|(source, _)| self.followed[source].barred.is_none());
        here
    }

    /// Returns whether the signal was open.
    pub(super) fn acknowledge(&mut self, place: Place) -> bool {
        let one = self.followed.get_mut(&place.source);
        let was_open = one.is_some_and(|one| one.position.acknowledge(place.id));
        if was_open {
            self.open -= 1;
            self.acknowledged = true;
            self.unwritten.insert(place.source);
        }
        was_open
    }

    /// Notes that the gap that was handed out last was received. Returns whether there was one.
    pub(super) fn settle_gap(&mut self) -> bool {
        let Some(place) = self.gap.take() else { return false };
        let one = self.followed.get_mut(&place.source);
        let settled = one.is_some_and(|one| one.position.settle_gap(place.id));
        if settled {
            self.unwritten.insert(place.source);
        }
        settled
    }

    /// Takes the positions that are to be written, or `every` one.
    pub(super) fn take_unwritten(&mut self, every: bool) -> Vec<(InstanceId, String)> {
        let unwritten = std::mem::take(&mut self.unwritten);
        let wanted = self.followed.iter().filter(|(source, _)| every || unwritten.contains(source));
        wanted.map(|(source, one)| (*source, one.position.to_string())).collect()
    }

    /// Notes why a source cannot be read, or that it can. Returns whether that is news.
    pub(super) fn bar(&mut self, source: &InstanceId, reason: Option<String>) -> bool {
        let Some(one) = self.followed.get_mut(source) else { return false };
        let news = one.barred != reason;
        one.barred = reason;
        news
    }

    /// The newest entry of a source can be read. If an older one barred the source, reading continues here.
    pub(super) fn newest(&mut self, source: &InstanceId, id: EntryId) {
        if self.followed.get(source).is_some_and(|one| one.barred.as_deref() == Some(TOO_LARGE)) {
            self.skip_to(source, id.before());
        }
    }

    /// The stream of a source ends before its position: it is read from its beginning.
    pub(super) fn rewind(&mut self, source: &InstanceId) {
        self.move_position(source, Position::rewind);
    }

    /// Skips the entries of a source up to this one.
    pub(super) fn skip_to(&mut self, source: &InstanceId, id: EntryId) {
        self.move_position(source, |position| position.skip_to(id));
    }

    fn move_position(&mut self, source: &InstanceId, to: impl FnOnce(&mut Position)) {
        if let Some(one) = self.followed.get_mut(source) {
            to(&mut one.position);
        }
        // What is being read starts at the old position.
        self.epoch += 1;
    }

    /// Forgets all sources: they are followed anew, or no longer.
    pub(super) fn clear(&mut self) {
        self.epoch += 1;
        self.survey = false;
        self.waiting.clear();
        self.unwritten.clear();
        self.followed.clear();
        self.gap = None;
        self.open = 0;
        self.acknowledged = false;
    }
}

impl Followed {
    pub(super) fn new(shard: u16, position: Position) -> Self {
        Self { shard, position, barred: None, reported: None, skipped: 0 }
    }

    /// The line that reports skipped entries: the first one, and how many there were since the last report.
    pub(super) fn report_skipped(&mut self, skipped: &[(Place, String)]) -> Option<String> {
        let (place, reason) = skipped.first()?;
        self.skipped += skipped.len() as u64;
        if self.reported.is_some_and(|last| last.elapsed() < REPORT_EVERY) {
            return None;
        }
        self.reported = Some(Instant::now());
        let count = std::mem::take(&mut self.skipped);
        let more = if count > 1 { format!(", and {} more", count - 1) } else { String::new() };
        Some(format!("entry {} of {} is skipped: {reason}{more}", place.entry(), place.source.as_str()))
    }
}

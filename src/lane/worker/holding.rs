//! What a lane's thread takes, and what of it pressure holds back: sorted out when it is taken, put back into
//! a batch when its time has come, when a later record needs it there, or when somebody waits for it.

use std::time::{Duration, Instant};

use super::{IDLE_CHECK, RENEW, Worker};
use crate::lane::Policy;
use crate::lane::source::Taken;
use crate::pressure::level;

/// Under pressure somebody must look whether it is over.
const PRESSURE_CHECK: Duration = Duration::from_secs(1);

impl<P: Policy> Worker<P> {
    /// Takes what waits, and passes over what pressure holds back.
    pub(super) fn take(&mut self, now: Instant) {
        let level = self.shared.pressure.level();
        let due = self.deferred.due(|record| self.policy.hold(record, level), now);
        let patience = if level > level::NORMAL { PRESSURE_CHECK } else { IDLE_CHECK };
        let patience = due.map_or(patience, |due| due.saturating_duration_since(now).min(patience));
        let patience = self.link.rest(patience);
        let (records, bytes) = self.rate.batch(self.batch_records, self.batch_bytes);
        let first_new = self.batch.len();
        let Self { policy, deferred, .. } = self;
        let mut known = |record| deferred.known(policy, record, now);
        match self.source.fill(policy, &mut self.batch, records, bytes, patience, &mut known) {
            Taken::Records => self.hold_back(first_new),
            // What came may be in Redis already, after a restart.
            Taken::Nothing => {
                self.committed();
                if self.trouble.is_some() && self.is_idle() {
                    // It was, so all that was in doubt has settled.
                    self.succeeded();
                }
            }
            Taken::Idle if P::COMMITTED && self.renewed.elapsed() >= RENEW => self.link.disconnect(),
            Taken::Idle if self.heard.elapsed() >= IDLE_CHECK => match self.check() {
                Ok(()) => {
                    self.heard = Instant::now();
                    self.succeeded();
                }
                Err(failure) => self.failed(failure),
            },
            Taken::Idle => {}
        }
        // What was passed over needs its watermark, or a later life would take it for lost; not each time.
        let full = self.batch.len() >= records;
        if self.batch.has_nothing_to_write()
            && !self.batch.is_empty()
            && (full || self.heard.elapsed() >= IDLE_CHECK)
        {
            self.write();
        }
    }

    /// Sorts the batch's new records: those that can wait are passed over, and what the others say more of is
    /// held no longer.
    pub(super) fn hold_back(&mut self, first_new: usize) {
        let now = Instant::now();
        let level = self.shared.pressure.level();
        if level == level::NORMAL && self.deferred.is_empty() {
            return;
        }
        let committed = self.shared.committed();
        let (mut superseded, mut must_go) = (0, false);
        for at in first_new..self.batch.len() {
            let record = &self.batch.records()[at];
            // What was committed and is missing does not wait once more.
            if P::sequence(record) > committed && self.policy.hold(record, level).is_some() {
                let (sequence, record) = (P::sequence(record), record.clone());
                superseded += u64::from(self.deferred.hold(record, now));
                self.batch.hold(sequence);
            } else {
                superseded += u64::from(self.deferred.pass(record));
                must_go |= self.deferred.must_precede(record);
            }
        }
        self.shared.counters.superseded(superseded);
        if must_go {
            self.releasing = true;
            self.batch.release(self.deferred.copies(self.source.next()));
        }
        if !P::COMMITTED && self.batch.has_nothing_to_write() {
            // There is no watermark that must pass them.
            self.batch.clear();
        }
        self.committed();
    }

    /// Puts what was held back into the batch, if its time has come or somebody waits for it. Returns whether.
    pub(super) fn release(&mut self, now: Instant) -> bool {
        let level = self.shared.pressure.level();
        if self.source.is_replaying() || self.deferred.last() >= Some(self.source.next()) {
            // Something may follow that says more; and what is sent again comes first, since a watermark stands
            // for all before it.
            return false;
        }
        let due = self.deferred.due(|record| self.policy.hold(record, level), now);
        let is_due = due.is_some_and(|due| due <= now);
        let was_committed = self.deferred.first().is_some_and(|first| first <= self.shared.committed());
        let waits = !self.deferred.is_empty() || !self.batch.is_empty();
        self.releasing = is_due || was_committed || (waits && self.shared.is_in_a_hurry());
        if self.releasing {
            self.batch.release(self.deferred.copies(self.source.next()));
        }
        self.releasing
    }
}

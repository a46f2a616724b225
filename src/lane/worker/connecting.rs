//! How a lane's thread connects and finds out what the server has.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::{IDLE_CHECK, Worker};
use crate::lane::Policy;
use crate::lane::watermark::Resumed;
use crate::link::failure::Failure;

impl<P: Policy> Worker<P> {
    /// Makes sure that there is a connection and, where another server may take over, that it leads to the right one. A
    /// server that accepts no writes may no longer be the right one; nor may a busy one.
    pub(super) fn be_connected(&mut self) -> Result<(), Failure> {
        if !self.link.is_connected() {
            self.connect()
        } else if self.link.may_move() && (self.backoff.is_some() || self.checked.elapsed() >= IDLE_CHECK) {
            self.check()
        } else {
            Ok(())
        }
    }

    /// Connects and finds out what the server has.
    fn connect(&mut self) -> Result<(), Failure> {
        self.checked = Instant::now();
        self.link.connect()?;
        self.renewed = self.checked;
        self.policy.forget();
        let connected = self
            .resume()
            .and_then(|()| self.policy.prepare(&[], &mut self.link))
            .and_then(|()| self.warn_of_eviction());
        if let Err(failure) = connected {
            self.link.disconnect();
            return Err(failure);
        }
        let after = match &self.backoff {
            Some(backoff) => format!(" after {:.1} s", backoff.since.elapsed().as_secs_f64()),
            None => String::new(),
        };
        self.shared.unanswered.store(0, Ordering::Release);
        self.tell(format_args!("connected to {}{after}", self.link.address()));
        self.shared.counters.connects.fetch_add(1, Ordering::Relaxed);
        self.shared.counters.connected.store(true, Ordering::Relaxed);
        self.shared.set_blocked(false);
        if self.is_idle() {
            // Nothing is in doubt any more.
            self.succeeded();
        }
        Ok(())
    }

    fn resume(&mut self) -> Result<(), Failure> {
        if !P::COMMITTED {
            return Ok(());
        }
        let in_doubt = self.batch.len();
        let refused = self.rejected.iter().map(|(record, _)| P::sequence(record)).min();
        let Self { policy, link, journal, intake, batch, watermarks, .. } = self;
        let Resumed { history, found, replayed, lost, vanished } =
            watermarks.resume(policy, link, journal.as_ref(), intake, batch, refused)?;
        // What is no dead letter yet is refused again.
        self.rejected.clear();
        self.after_letters.clear();
        self.retention.connected(history);
        self.shared.counters.lost.fetch_add(lost, Ordering::Relaxed);
        let address = self.link.address();
        for (watermark, known) in vanished {
            self.tell(format_args!(
                "{address} no longer has {watermark}, which was at {known}: deleted, expired or evicted (see \
                 maxmemory-policy). Nothing is sent again"
            ));
        }
        if replayed > 0 {
            self.tell(format_args!(
                "{address} lacks {replayed} records that were committed; they are sent again"
            ));
        } else if in_doubt > 0 {
            self.tell(format_args!("{address} has {found} of {in_doubt} records in doubt"));
        }
        if lost > 0 {
            self.tell(format_args!(
                "{address} lacks {lost} more records, which are lost: the journal no longer has them (see journal.retain_acked)"
            ));
        }
        self.note_history()?;
        self.committed();
        Ok(())
    }

    /// Warns of servers that may evict what this lane writes.
    fn warn_of_eviction(&mut self) -> Result<(), Failure> {
        self.link.evictions(P::COMMITTED)?.iter().for_each(|warning| self.tell(warning));
        Ok(())
    }

    /// Checks that the connections live and lead to the right servers.
    pub(super) fn check(&mut self) -> Result<(), Failure> {
        self.checked = Instant::now();
        self.link.check()
    }
}

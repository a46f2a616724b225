//! Reads on where a reply is larger than `reply_bytes` allows: each source by itself, one entry at a time.

use mt5_redis::inbox::client::command;
use mt5_redis::inbox::item::{EntryId, Place};
use mt5_redis::inbox::reply;
use mt5_redis::link::failure::Failure;
use mt5_redis::model::{InstanceId, key};

use super::ShardReader;

impl ShardReader {
    /// Reads one entry of each source, until none is too large any more. So a source delays only its own signals.
    pub(super) fn read_one_by_one(&mut self) -> Result<(), Failure> {
        let mut calm = true;
        for source in self.sources.iter().map(|one| one.source).collect::<Vec<_>>() {
            let Some(one) = self.sources.iter().find(|one| one.source == source) else { continue };
            if self.in_flight.free() == 0 || self.in_flight.ended() {
                return Ok(());
            }
            let after = one.look_back;
            let from = [(source, after.map_or(">".to_owned(), |id| id.to_string()))];
            self.in_flight.look_back();
            let outcome = match self.read(&from, 1, None) {
                Err(failure) if failure.too_large => {
                    calm = false;
                    self.client.reconnect().and_then(|()| self.skip_entry(source, after))
                }
                reply => reply.and_then(|reply| match after {
                    Some(_) => self.take_back(reply),
                    None => self.take_in(reply, 1),
                }),
            };
            self.in_flight.looked_back();
            outcome?;
            calm &= after.is_none();
        }
        self.one_by_one = !calm;
        Ok(())
    }

    /// Hands out an entry that is too large as unreadable. It was given to this worker: it is the first pending entry after
    /// `after`. If it was new, the pending entries are read first.
    fn skip_entry(&mut self, source: InstanceId, after: Option<EntryId>) -> Result<(), Failure> {
        let Some(after) = after else {
            self.look_back_on(source, EntryId::default());
            return Ok(());
        };
        let (stream, options) = (key::signals(self.shard, source.as_str()), &self.in_flight.options);
        let from = EntryId { number: after.number.saturating_add(1), ..after }.to_string();
        let pending = command(["XPENDING", &stream, &options.group, &from, "+", "1", &options.consumer]);
        let pending = self.client.ask(&stream, pending)?;
        let first = reply::array(&pending).first().and_then(|first| reply::id(reply::array(first).first()?));
        let Some(id) = first else { return Ok(()) };
        let place = Place { source, shard: self.shard, id };
        if !self.in_flight.is_known(&place) {
            let reason = "it is larger than a reply may be, see reply_bytes".to_owned();
            self.in_flight.add_unreadable(place, Vec::new(), reason);
        }
        self.look_back_on(source, id);
        Ok(())
    }

    fn look_back_on(&mut self, source: InstanceId, after: EntryId) {
        let known = self.sources.iter_mut().filter(|one| one.source == source);
        known.for_each(|one| one.look_back = Some(after));
    }
}

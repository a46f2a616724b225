//! Reads on where a reply is larger than one may be: each source for itself, one entry at a time.

use super::ShardReader;
use crate::inbox::client::command;
use crate::inbox::item::{Id, Item, Place, entry};
use crate::inbox::reply;
use crate::inbox::worker::in_flight::Open;
use crate::link::failure::Failure;
use crate::model::{InstanceId, key};

impl ShardReader {
    /// Reads each source for itself, one entry at a time, until there is nothing that is too large. Nobody who writes one
    /// stream holds up the others.
    pub(super) fn read_one_by_one(&mut self) -> Result<(), Failure> {
        let mut calm = true;
        for source in self.sources.iter().map(|one| one.source).collect::<Vec<_>>() {
            let Some(one) = self.sources.iter().find(|one| one.source == source) else { continue };
            if self.in_flight.free() == 0 || self.in_flight.ended() {
                return Ok(());
            }
            let behind = one.look_back;
            let place = [(source, behind.map_or(">".to_owned(), entry))];
            let words = self.command(&place, 1, None);
            self.in_flight.look_back();
            let outcome = match self.client.exchange(&key::sources(self.shard), &[words]) {
                Err(failure) if failure.too_large => {
                    calm = false;
                    self.client.connect().and_then(|()| self.pass_over(source, behind))
                }
                reply => reply.and_then(|mut replies| match behind {
                    Some(_) => self.take_back(replies.remove(0)),
                    None => self.take_in(replies.remove(0), 1),
                }),
            };
            self.in_flight.looked_back();
            outcome?;
            calm &= behind.is_none();
        }
        self.one_by_one = !calm;
        Ok(())
    }

    /// Hands out as no signal an entry that is larger than a reply may be. It is ours by now: the first that stands behind
    /// the id where we looked back, or somewhere if it was new.
    fn pass_over(&mut self, source: InstanceId, behind: Option<Id>) -> Result<(), Failure> {
        let Some((ms, number)) = behind else {
            self.look_back_on(source, (0, 0));
            return Ok(());
        };
        let (stream, options) = (key::signals(self.shard, source.as_str()), &self.in_flight.options);
        let from = entry((ms, number.saturating_add(1)));
        let words = command(["XPENDING", &stream, &options.group, &from, "+", "1", &options.consumer]);
        let pending = self.client.ask(&stream, words)?;
        let first = reply::array(&pending).first().and_then(|first| reply::id(reply::array(first).first()?));
        let Some(id) = first else { return Ok(()) };
        let place = Place { source, shard: self.shard, id };
        if !self.in_flight.is_known(&place) {
            let reason = "it is larger than a reply may be, see reply_bytes".to_owned();
            let open = Open { name: place.entry(), fields: Vec::new() };
            self.in_flight.take(Item::Unreadable(place, reason), Some((place, open)));
        }
        self.look_back_on(source, id);
        Ok(())
    }

    fn look_back_on(&mut self, source: InstanceId, behind: Id) {
        let known = self.sources.iter_mut().filter(|one| one.source == source);
        known.for_each(|one| one.look_back = Some(behind));
    }
}

//! What the acknowledger claims: signals to hand out again, its own open signals so that nobody takes them over, and
//! those that other workers left behind.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use mt5_redis::inbox::client::{Command, command, good, refusal};
use mt5_redis::inbox::item::{EntryId, Gap, Item, Place};
use mt5_redis::inbox::reply;
use mt5_redis::link::failure::{Failure, Refusal};
use mt5_redis::model::received::Received;
use mt5_redis::model::{InstanceId, key};
use redis::Value;

use super::acknowledged::{Question, ask_group};
use super::acknowledger::{Acknowledger, BATCH};
use super::shard::COPY;

impl Acknowledger {
    pub(super) fn hand_out_again(&mut self, now: Instant) -> Result<(), Failure> {
        while let Some(at) = self.tasks.again.iter().position(|(at, ..)| *at <= now) {
            let (_, place, deliveries) = self.tasks.again[at];
            self.claim(place, deliveries)?;
            self.tasks.again.swap_remove(at);
        }
        Ok(())
    }

    /// Counts one more delivery of a signal and hands it out, if it is still ours: while the server or this process was
    /// away, another worker may have taken it over and acted on it.
    fn claim(&mut self, place: Place, deliveries: u64) -> Result<(), Failure> {
        let (stream, id) = (place.stream(), place.entry());
        let options = &self.in_flight.options;
        let (group, consumer) = (&options.group, &options.consumer);
        let pending = command(["XPENDING", &stream, group, &id, &id, "1", consumer]);
        let pending = self.client.exchange(&stream, &[pending])?.remove(0);
        if refusal(&pending) == Some(Refusal::NoGroup) {
            return self.release(place);
        }
        if reply::array(&good(pending)?).is_empty() {
            self.in_flight.close(&[place]);
            return Ok(());
        }
        let count = deliveries.to_string();
        let claim = command(["XCLAIM", &stream, group, consumer, "0", &id, "RETRYCOUNT", &count]);
        let reply = self.client.ask(&stream, claim)?;
        let Some((_, Some(fields))) = reply::entries(&reply).pop() else {
            self.in_flight.close(&[place]);
            self.report_gap(place.source, 1);
            return Ok(());
        };
        if let Ok(signal) = Received::decode(&fields) {
            if self.in_flight.has_copy(&signal.name(), &place) {
                self.tasks.again.push((Instant::now() + COPY, place, deliveries));
                return Ok(());
            }
            let question = Question::about(place, &signal);
            let known = ask_group(&mut self.client, &self.in_flight.options.group, &[question])?;
            if known[0].acknowledged && !signal.retried {
                self.in_flight.lock().duplicates += 1;
                self.tasks.done.push((place, None));
                return Ok(());
            }
        }
        self.in_flight.hand_out(place, deliveries, fields);
        Ok(())
    }

    /// Lets go of a signal whose group is lost, and with it the claim. If the signal still exists, it comes again when
    /// the reading thread has made the group again.
    fn release(&mut self, place: Place) -> Result<(), Failure> {
        let (stream, id) = (place.stream(), place.entry());
        let entry = self.client.ask(&stream, command(["XRANGE", &stream, &id, &id]))?;
        self.in_flight.close(&[place]);
        if reply::array(&entry).is_empty() {
            self.report_gap(place.source, 1);
        }
        Ok(())
    }

    fn report_gap(&self, source: InstanceId, signals: u64) {
        self.in_flight.add(Item::Gap(Gap::of_pending(source, signals)), None);
    }

    /// Whether this worker is to take over what others left, and it is time.
    pub(super) fn claims_are_due(&self, now: Instant) -> bool {
        self.in_flight.options.take_over.is_some() && now >= self.next_claims
    }

    /// Renews this worker's claims and takes over what others left.
    pub(super) fn claims(&mut self, now: Instant) -> Result<(), Failure> {
        let Some(idle) = self.in_flight.options.take_over else { return Ok(()) };
        self.next_claims = now + (idle / 4).clamp(Duration::from_millis(50), Duration::from_secs(5));
        self.next_round = self.next_round.min(self.next_claims);
        let renewed = self.renew();
        if renewed.as_ref().is_err_and(|failure| !failure.is_an_answer()) {
            return renewed;
        }
        (0..self.shards).try_for_each(|shard| self.take_over(shard, &idle.as_millis().to_string()))?;
        renewed
    }

    fn renew(&mut self) -> Result<(), Failure> {
        let mut open: BTreeMap<(u16, InstanceId), Vec<Place>> = BTreeMap::new();
        for place in self.in_flight.lock().open.keys() {
            open.entry((place.shard, place.source)).or_default().push(*place);
        }
        for places in open.values().flat_map(|places| places.chunks(BATCH)) {
            let (stream, options) = (places[0].stream(), &self.in_flight.options);
            let mut claim = command(["XCLAIM", &stream, &options.group, &options.consumer, "0"]);
            claim.extend(places.iter().map(|place| place.entry().into_bytes()));
            claim.push(b"JUSTID".to_vec());
            let reply = self.client.exchange(&stream, &[claim])?.remove(0);
            // If the group is lost, the reading thread makes it again.
            if refusal(&reply) != Some(Refusal::NoGroup) {
                good(reply)?;
            }
        }
        Ok(())
    }

    /// Takes over what other workers of the group left in this shard, as far as there is room.
    fn take_over(&mut self, shard: u16, idle: &str) -> Result<(), Failure> {
        let sources = self.in_flight.lock().sources.get(&shard).cloned().unwrap_or_default();
        let mut cursors: Vec<_> = sources.into_iter().map(|source| (source, EntryId::default())).collect();
        while !cursors.is_empty() && !self.in_flight.ended() {
            let room = self.in_flight.free().min(BATCH);
            if room == 0 {
                return Ok(());
            }
            let options = &self.in_flight.options;
            let count = room.div_ceil(cursors.len()).to_string();
            let claim = |(source, cursor): &(InstanceId, EntryId)| -> Command {
                let stream = key::signals(shard, source.as_str());
                let mut claim = command(["XAUTOCLAIM", &stream, &options.group, &options.consumer, idle]);
                claim.extend(command([&cursor.to_string(), "COUNT", &count]));
                claim
            };
            let commands: Vec<_> = cursors.iter().map(claim).collect();
            // What was claimed is ours, even if nobody saw the reply.
            let lost = |_: &Failure| {
                self.in_flight.lock().unseen.insert(shard);
            };
            let replies = self.client.exchange(&key::sources(shard), &commands).inspect_err(lost)?;
            let mut further = Vec::new();
            for ((source, _), reply) in cursors.into_iter().zip(replies) {
                if refusal(&reply) == Some(Refusal::NoGroup) {
                    continue;
                }
                let reply = good(reply)?;
                let parts = reply::array(&reply);
                let claimed = parts.get(1).map(reply::entries).unwrap_or_default();
                // They were deleted while they were pending, and as far as the server knows nobody acted on them.
                let deleted = parts.get(2).map_or(0, |deleted| reply::array(deleted).len() as u64);
                if deleted > 0 {
                    self.report_gap(source, deleted);
                }
                self.take_claimed(shard, source, claimed)?;
                let cursor = parts.first().and_then(reply::id);
                further.extend(cursor.filter(|id| *id != EntryId::default()).map(|id| (source, id)));
            }
            cursors = further;
        }
        Ok(())
    }

    fn take_claimed(
        &mut self,
        shard: u16,
        source: InstanceId,
        claimed: Vec<reply::Entry>,
    ) -> Result<(), Failure> {
        if claimed.is_empty() {
            return Ok(());
        }
        let (stream, group) = (key::signals(shard, source.as_str()), &self.in_flight.options.group);
        let count = |(id, _): &reply::Entry| {
            let id = id.to_string();
            command(["XPENDING", &stream, group, &id, &id, "1"])
        };
        let asked: Vec<_> = claimed.iter().map(count).collect();
        // The counts only guard against endless deliveries: without them the signals are handed out all the same.
        let counts = self.client.exchange(&stream, &asked).unwrap_or_default();
        let count = |reply: &Value| reply::number(reply::array(reply::array(reply).first()?).get(3)?);
        let mut counts = counts.iter().map(count);
        for (id, fields) in claimed {
            let place = Place { source, shard, id };
            let deliveries = counts.next().flatten().unwrap_or(2).max(2);
            let Some(fields) = fields else { continue };
            if !self.in_flight.is_open(&place) {
                self.in_flight.hand_out(place, deliveries, fields);
            }
        }
        Ok(())
    }
}

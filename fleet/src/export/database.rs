//! The export to PostgreSQL: until everything that was there has been written, or on and on. It continues where the last one
//! stopped. After a start and after trouble it reads the last minute of each stream again, because a replica that took over
//! from a master may have stored those records anew, by its own clock; what is there already is not written twice.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use mt5_redis::inbox::item::EntryId;
use mt5_redis::model::key;

use super::Counts;
use super::cursor::Cursor;
use super::equity;
use super::notes::Notes;
use super::postgres::{Address, Batch, Database};
use super::progress::Progress;
use super::source::{Source, Stream};
use super::tables::{Row, Table};
use super::trades::Positions;
use crate::observe::pages::{PAGE, TOGETHER};
use crate::{output, stop};

/// How often the streams are asked for new entries.
const EVERY: Duration = Duration::from_millis(250);
/// How often positions are read, and new instances looked for.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often every closed position is read again, and every key looked at.
const THOROUGH_EVERY: Duration = Duration::from_secs(600);
/// How long after its close a position is still read with every look, ms.
const CLOSED_LATELY_MS: u64 = 3_600_000;
/// How often samples of equity are read. There is one for each minute.
const SAMPLE_EVERY: Duration = Duration::from_secs(60);
/// How many of the samples are written again, ms: that of an hour has the hour's first time.
const SAMPLES_AGAIN_MS: u64 = 2 * 3_600_000;
/// How much of a stream is read again after a start, ms.
const AGAIN_MS: u64 = 60_000;
/// How long to wait after trouble.
const PAUSE: Duration = Duration::from_secs(1);

/// An export on its way.
struct Export<'a> {
    source: &'a mut Source,
    address: &'a Address,
    database: Database,
    places: HashMap<String, EntryId>,
    cursors: BTreeMap<Stream, Cursor>,
    positions: Positions,
    since_ms: u64,
    looked: Option<Instant>,
    thorough: Option<Instant>,
    sampled: Option<Instant>,
    progress: Progress,
    notes: Notes,
    counts: Counts,
}

/// Writes everything that is there, or follows until a stop is requested; returns how many rows are new or changed.
pub fn export(
    source: &mut Source,
    address: &Address,
    since_ms: u64,
    follow: bool,
) -> Result<(Counts, Notes)> {
    let mut database = Database::connect(address)?;
    let places = database.places()?;
    let mut export = Export {
        source,
        address,
        database,
        places,
        cursors: BTreeMap::new(),
        positions: Positions::default(),
        since_ms,
        looked: None,
        thorough: None,
        sampled: None,
        progress: Progress::new(),
        notes: Notes::default(),
        counts: Counts::new(),
    };
    if follow {
        export.follow()?
    } else {
        while export.round(false)? {}
    }
    export.progress.end();
    Ok((export.counts, export.notes))
}

impl Export<'_> {
    /// Writes what comes, until a stop is requested. After trouble it begins again where the database is.
    fn follow(&mut self) -> Result<()> {
        let (mut trouble, mut is_told) = (String::new(), false);
        while !stop::requested() {
            let now = match self.round(true) {
                Ok(more) => {
                    if !more && !std::mem::replace(&mut is_told, true) {
                        self.progress.end();
                        output::print_error("everything until now is exported; following, Ctrl-C ends this");
                    }
                    if !more {
                        thread::park_timeout(EVERY);
                    }
                    String::new()
                }
                Err(_) if stop::requested() => break,
                Err(error) => {
                    let told = format!("{error:#}");
                    if told != trouble {
                        self.say(&format!("{told}; this is tried again"));
                    }
                    thread::park_timeout(PAUSE);
                    // If it fails, so does the next round.
                    let _ = self.begin_again();
                    told
                }
            };
            trouble = now;
        }
        Ok(())
    }

    /// Connects to everything anew, and forgets what was not written.
    fn begin_again(&mut self) -> Result<()> {
        (self.looked, self.thorough, self.sampled) = (None, None, None);
        self.cursors.clear();
        self.positions = Positions::default();
        self.source.connect()?;
        self.database = Database::connect(self.address)?;
        self.places = self.database.places()?;
        Ok(())
    }

    /// Reads a page of each stream, and now and then the positions. Returns whether there may be more.
    fn round(&mut self, follow: bool) -> Result<bool> {
        if self.looked.is_none_or(|looked| follow && looked.elapsed() >= LOOK_EVERY) {
            self.look()?;
            self.looked = Some(Instant::now());
        }
        let mut more = false;
        for table in self.source.tables.clone() {
            let of_table = self.cursors.values().filter(|cursor| cursor.stream.table == table);
            let waiting =
                of_table.filter(|cursor| cursor.from().is_some() && (follow || !cursor.has_caught_up()));
            let waiting: Vec<Stream> = waiting.map(|cursor| cursor.stream.clone()).collect();
            for some in waiting.chunks(TOGETHER) {
                stop::check()?;
                more |= self.pages(some, follow)?;
            }
        }
        Ok(more)
    }

    /// Writes a page of each of these streams, in one transaction.
    fn pages(&mut self, streams: &[Stream], follow: bool) -> Result<bool> {
        let from = |stream: &Stream| self.cursors[stream].from().unwrap_or_default().to_owned();
        let asked: Vec<_> = streams.iter().map(|stream| (stream, from(stream))).collect();
        let pages = self.source.pages(&asked)?;
        let (mut batch, mut more) = (Batch::default(), false);
        for (stream, page) in streams.iter().zip(pages) {
            let is_full = page.as_ref().is_ok_and(|page| page.len() == PAGE);
            let Some(cursor) = self.cursors.get_mut(stream) else { continue };
            let (records, last, read) = cursor.take(page, &mut self.notes);
            self.progress.read(read, stream.table.name());
            more |= is_full && (follow || !cursor.has_caught_up());
            batch.rows.entry(stream.table).or_default().extend(records.into_iter().map(|record| record.row));
            batch.places.extend(last.map(|last| (stream.key.clone(), last)));
        }
        if !batch.places.is_empty() {
            self.write(&batch)?;
        }
        Ok(more)
    }

    /// Looks for streams, and reads positions.
    fn look(&mut self) -> Result<()> {
        let is_thorough = self.thorough.is_none_or(|at| at.elapsed() >= THOROUGH_EVERY);
        let found = self.source.look(is_thorough)?;
        let new: Vec<Stream> =
            found.streams.into_iter().filter(|stream| !self.cursors.contains_key(stream)).collect();
        let lengths = self.source.lengths(&new)?;
        self.progress.add(lengths.iter().sum());
        for (stream, length) in new.into_iter().zip(lengths) {
            let from = match self.places.get(&stream.key) {
                Some(place) => EntryId { ms: place.ms.saturating_sub(AGAIN_MS), number: 0 },
                None => EntryId { ms: self.since_ms, number: 0 },
            };
            let mut cursor = Cursor::new(stream.clone(), from, length);
            for (producer, sequence) in self.database.last_numbers(&stream)? {
                cursor.chain.known(producer, sequence);
            }
            self.cursors.insert(stream, cursor);
        }
        self.trades(&found.trades, is_thorough)?;
        if self.sampled.is_none_or(|sampled| sampled.elapsed() >= SAMPLE_EVERY) {
            self.equity(&found.equity)?;
            self.sampled = Some(Instant::now());
        }
        if is_thorough {
            self.thorough = Some(Instant::now());
        }
        for note in self.notes.drain() {
            self.say(&note);
        }
        Ok(())
    }

    /// Writes the new samples of equity, with the time of the newest as the place.
    fn equity(&mut self, instances: &BTreeSet<String>) -> Result<()> {
        for instance in instances {
            stop::check()?;
            let key = key::equity(instance).to_string();
            let before = self.places.get(&key).map_or(0, |place| place.ms.saturating_sub(SAMPLES_AGAIN_MS));
            let from_ms = before.max(self.since_ms) as i64;
            let (found, newest) = equity::read(self.source, instance, from_ms, &mut self.notes)?;
            let Some(newest) = newest else { continue };
            let place = EntryId { ms: newest.unsigned_abs(), number: 0 };
            let places = [(key.clone(), place)].into();
            self.write(&Batch { rows: [(Table::Equity, found)].into(), places })?;
            self.places.insert(key, place);
        }
        Ok(())
    }

    /// Writes the states of positions.
    fn trades(&mut self, instances: &BTreeSet<String>, is_thorough: bool) -> Result<()> {
        let since_ms = match is_thorough {
            true => self.since_ms,
            false => self.source.now_ms()?.saturating_sub(CLOSED_LATELY_MS).max(self.since_ms),
        };
        let mut positions = std::mem::take(&mut self.positions);
        for instance in instances {
            stop::check()?;
            let mut found: Vec<Row> = Vec::new();
            let take = &mut |rows: Vec<Row>| {
                found.extend(rows);
                Ok(())
            };
            positions.read(self.source, instance, since_ms, &mut self.notes, take)?;
            let batch = Batch { rows: [(Table::Trades, found)].into(), ..Batch::default() };
            self.write(&batch)?;
        }
        self.positions = positions;
        Ok(())
    }

    fn write(&mut self, batch: &Batch) -> Result<()> {
        for (table, rows) in self.database.write(batch)? {
            *self.counts.entry(table).or_default() += rows;
        }
        Ok(())
    }

    fn say(&self, line: &str) {
        self.progress.pause(|| output::print_error(line));
    }
}

//! An execution report as it is read from Redis. Every value is checked like one from an Expert Advisor, because a
//! follower can write anything into its stream.

use std::fmt;

use super::InstanceId;
use super::entry::{numbered, printable, record, shown};
use super::report::{ExecutionReport, OUTCOMES, REASON_LIMIT};
use super::signal::action;
use super::trade::SYMBOL_LIMIT;

/// A report that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Reported {
    /// The writer that numbered it: 1 to 64 characters of `A-Z a-z 0-9 . _ -`.
    pub producer: String,
    /// Its sequence number, 1 to 2^63 − 1.
    pub sequence: u64,
    /// The sequence number of the report before it, of the same follower and producer; 0 if it is unknown.
    pub predecessor: u64,
    /// The follower, according to the entry.
    pub instance: String,
    /// The source of the signal.
    pub source: String,
    /// The follower's symbol, without control characters; empty if it has none.
    pub symbol: String,
    /// Why, without control characters.
    pub reason: String,
    /// The numbers; its time is never 0. Producer and sequence are the signal's.
    pub report: ExecutionReport,
}

record!(Fields, "an execution report", p: String, q: u64, t: i64, o: i32, i: String, so: String, sp: String, sq: i64,
        st: i64, a: char, oc: char, rc: i32, re: String, sy: String, vw: f64, vd: f64, pw: f64, pf: f64, sg: f64,
        la: i32, mg: i64, po: i64, or: i64, de: i64, dg: i32, pq: u64);

impl Reported {
    /// Decodes the names and values of a stream entry. The error is a text for people.
    pub fn decode(entry: &[Vec<u8>]) -> Result<Self, String> {
        let fields = Fields::read(entry)?;
        numbered(&fields.p, fields.q)?;
        for id in [&fields.i, &fields.so] {
            InstanceId::new(id).map_err(|error| shown(&error.to_string()))?;
        }
        let outcome = OUTCOMES.iter().find(|(letter, ..)| *letter == fields.oc);
        let hexadecimal = fields.sp.len() == 16 && fields.sp.bytes().all(|byte| byte.is_ascii_hexdigit());
        let producer = u64::from_str_radix(&fields.sp, 16).ok().filter(|_| hexadecimal);
        let report = ExecutionReport {
            time_ms: fields.t,
            signal_time_ms: fields.st,
            producer: producer.ok_or("its signal's producer is not of 16 hex digits")? as i64,
            sequence: fields.sq,
            magic: fields.mg,
            position: fields.po,
            order: fields.or,
            deal: fields.de,
            volume_wanted: fields.vw,
            volume_done: fields.vd,
            price_wanted: fields.pw,
            price_filled: fields.pf,
            slippage: fields.sg,
            latency_ms: fields.la,
            retcode: fields.rc,
            outcome: outcome
                .ok_or_else(|| format!("its outcome {:?} is none of d, p, s, r, u", fields.oc))?
                .2,
            action: action(fields.a)?,
            server_offset_s: fields.o,
            digits: fields.dg,
        };
        report.check().map_err(|error| error.to_string())?;
        Ok(Self {
            producer: fields.p,
            sequence: fields.q,
            predecessor: fields.pq,
            instance: fields.i,
            source: fields.so,
            symbol: printable("symbol", fields.sy, SYMBOL_LIMIT)?,
            reason: printable("reason", fields.re, REASON_LIMIT)?,
            report,
        })
    }

    /// The outcome in a word.
    pub fn outcome(&self) -> &'static str {
        OUTCOMES
            .iter()
            .find(|(.., number)| *number == self.report.outcome)
            .map_or("unknown", |(_, name, _)| name)
    }
}

/// The signal that a report is about: its source, producer and sequence number.
impl fmt::Display for Reported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ExecutionReport { producer, sequence, .. } = self.report;
        write!(f, "{}+{producer:016x}-{sequence}", self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::encoding::{Producer, packed};
    use crate::model::entry::changed;
    use crate::model::report::ReportRecord;
    use crate::model::report::tests::good;
    use crate::model::{Stamp, Tag};

    fn record() -> (ReportRecord, Producer) {
        let stamp = Stamp { sequence: 9, time_ms: 1_763_800_000_083 };
        let id = |id| InstanceId::new(id).unwrap();
        let (symbol, reason) = ("EURUSD.m".try_into().unwrap(), "Teil – größer".try_into().unwrap());
        let record = ReportRecord {
            stamp,
            tag: Tag::reports_of(&id("2.Demo")),
            report: good(),
            source: id("1.Demo"),
            symbol,
            reason,
        };
        (record, Producer::random())
    }

    /// The record as `fields`, with another value in one of them.
    fn entry(name: &str, value: &str) -> Vec<Vec<u8>> {
        let (record, producer) = record();
        changed(&record.fields(&producer, 5), name, value)
    }

    #[test]
    fn both_encodings_say_the_same() {
        let (record, producer) = record();
        let reported = Reported::decode(&entry("", "")).unwrap();
        assert_eq!((reported.sequence, reported.predecessor, &*reported.reason), (9, 5, "Teil – größer"));
        assert_eq!(reported.report, ExecutionReport { time_ms: record.stamp.time_ms, ..record.report });
        assert_eq!(reported.to_string(), "1.Demo+fffffffffffffffe-7");
        assert_eq!(reported.outcome(), "partial");

        let mut bytes = Vec::new();
        packed(&record.fields(&producer, 5), &mut bytes);
        let unpacked = Reported::decode(&[b"d".to_vec(), bytes.clone()]).unwrap();
        assert_eq!(unpacked, Reported { producer: producer.as_str().into(), ..reported });
        for length in 0..bytes.len() {
            assert!(Reported::decode(&[b"d".to_vec(), bytes[..length].to_vec()]).is_err());
        }
    }

    #[test]
    fn every_outcome_and_action_comes_back() {
        for (_, name, outcome) in OUTCOMES {
            for action in 1..=5 {
                let (mut record, producer) = record();
                (record.report.outcome, record.report.action) = (outcome, action);
                let mut bytes = Vec::new();
                packed(&record.fields(&producer, 0), &mut bytes);
                let reported = Reported::decode(&[b"d".to_vec(), bytes]).unwrap();
                assert_eq!((reported.report.outcome, reported.report.action), (outcome, action));
                assert_eq!(reported.outcome(), name);
            }
        }
    }

    #[test]
    fn a_refusal_names_the_field() {
        for (name, value, refusal) in [
            ("vw", "much\x1b[2J", "its field vw has the value much?[2J"),
            ("oc", "x", "its outcome 'x' is none of d, p, s, r, u"),
            ("sp", "ff", "its signal's producer is not of 16 hex digits"),
            ("sp", "+00000000000000f", "its signal's producer is not of 16 hex digits"),
            ("sq", "0", "sequence = 0 is refused: pass 1 to 9223372036854775807"),
            ("re", &"x".repeat(161), "its reason has 161 bytes, more than 160"),
            ("v", "1", "it has schema 1, and this reader knows schema 2: update the terminal that wrote it"),
        ] {
            assert_eq!(Reported::decode(&entry(name, value)).unwrap_err(), refusal);
        }
        assert!(Reported::decode(&entry("so", "a b")).unwrap_err().contains("instance id"));
        assert_eq!(Reported::decode(&[]).unwrap_err(), "it has no field v, so it is not an execution report");
        assert_eq!(Reported::decode(&entry("re", "a\r\n\x1b[2Jb")).unwrap().reason, "a   [2Jb");
    }
}

//! What goes through rtss: a signal, or the report of what a follower did with one. They share the lane's numbers.

use super::report::ReportRecord;
use super::signal::SignalRecord;
use super::{Stamp, Tag};

/// One of them on its way to Redis.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "the large variant is the frequent one, and a box is an allocation"
)]
pub(crate) enum Message {
    Signal(SignalRecord),
    /// In a box, because it is larger and comes less often: a queue has room for a thousand messages.
    Report(Box<ReportRecord>),
}

impl Message {
    pub(crate) fn stamp(&self) -> &Stamp {
        match self {
            Self::Signal(signal) => &signal.stamp,
            Self::Report(report) => &report.stamp,
        }
    }

    pub(crate) fn tag(&self) -> &Tag {
        match self {
            Self::Signal(signal) => &signal.tag,
            Self::Report(report) => &report.tag,
        }
    }
}

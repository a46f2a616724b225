//! A tag: what has a watermark of its own, and in a Cluster a transaction of its own. An instance's records in a lane
//! have one. In rtss an instance has two, because it has two streams: one of its signals and one of its reports. So
//! what befalls one stream says nothing about the other, and a signal's predecessor is never a report.

use super::InstanceId;

/// Whose records of a lane, and which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tag {
    pub(crate) instance: InstanceId,
    /// Its execution reports; otherwise its signals or states.
    pub(crate) reports: bool,
}

impl Tag {
    /// An instance's signals or states.
    #[inline]
    pub(crate) fn of(instance: &InstanceId) -> Self {
        Self { instance: *instance, reports: false }
    }

    /// An instance's execution reports.
    #[inline]
    pub(crate) fn reports_of(instance: &InstanceId) -> Self {
        Self { instance: *instance, reports: true }
    }
}

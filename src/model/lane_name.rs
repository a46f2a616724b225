//! The names of the three lanes, as configuration, statistics, events and keys use them.

use std::fmt;

/// Which of the three lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneName {
    /// Instance states.
    Ris,
    /// Trade states.
    Rts,
    /// Trade signals.
    Rtss,
}

impl fmt::Display for LaneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ris => "ris",
            Self::Rts => "rts",
            Self::Rtss => "rtss",
        })
    }
}

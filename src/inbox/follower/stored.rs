//! The positions that an earlier life of a follower stored in `fp:{F}`, and what becomes of them.

use std::collections::BTreeMap;

use super::subscription::SourceFilter;
use crate::model::{InstanceId, key};

/// Stands before the name of a source that is no longer followed.
const PARKED: char = '~';

pub(super) struct Stored {
    /// The positions in sources that are followed.
    pub(super) followed: BTreeMap<InstanceId, String>,
    /// The fields to write, with their values, and those to delete.
    pub(super) write: Vec<(String, String)>,
    pub(super) delete: Vec<String>,
}

impl Stored {
    /// Sorts the fields that were found. A position in a source that is not followed is parked: workers ignore it, and it is
    /// there if the source is followed again.
    pub(super) fn sort(found: Vec<(String, String)>, sources: &SourceFilter) -> Self {
        let mut sorted = Self { followed: BTreeMap::new(), write: Vec::new(), delete: Vec::new() };
        for (field, text) in found {
            let parked = field.strip_prefix(PARKED);
            let Ok(source) = InstanceId::new(parked.unwrap_or(&field)) else { continue };
            let is_followed = match sources {
                SourceFilter::All => true,
                SourceFilter::Named(sources) => sources.contains(&source),
            };
            match (is_followed, parked) {
                (true, None) => drop(sorted.followed.insert(source, text)),
                (true, Some(_)) => {
                    sorted.followed.entry(source).or_insert(text);
                    sorted.delete.push(field);
                }
                (false, None) => {
                    sorted.write.push((format!("{PARKED}{field}"), text));
                    sorted.delete.push(field);
                }
                (false, Some(_)) => {}
            }
        }
        match sources {
            SourceFilter::All => sorted.write.push((key::EVERY_SOURCE.to_owned(), "1".to_owned())),
            SourceFilter::Named(_) => sorted.delete.push(key::EVERY_SOURCE.to_owned()),
        }
        sorted
    }
}

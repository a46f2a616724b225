//! The way back: signals read from Redis streams.
//!
//! A [`follower`] reads for an Expert Advisor: it follows the sources that the EA names and keeps a position in each of them.
//! It hands out each signal until it is acknowledged, and reports a gap where signals were trimmed before they were read.
//! The stream's key alone says whose signals it holds: only its source may write it.
//!
//! The other modules are public for the crate `mt5-redis-worker`, which reads for operators: [`client`] asks the servers, [`reply`] takes their replies apart, [`catalogue`] finds the sources,
//! [`sequences`] tells gaps and second copies by the signals' numbers, [`reader_name`] keeps two readers in one process from
//! using one name, and [`item`] is what readers hand out.

pub mod catalogue;
pub mod client;
mod follower;
pub mod item;
pub mod reader_name;
pub mod reply;
pub mod sequences;

pub use crate::model::received::Received;
pub(crate) use follower::{Follower, Next, Subscription};
pub use follower::{
    MT5REDIS_ROLE_ACTING, MT5REDIS_ROLE_CONNECTING, MT5REDIS_ROLE_STANDBY, MT5REDIS_START_BEGINNING,
    MT5REDIS_START_NEW, MT5REDIS_START_RESUME, ReceivedSignal,
};
pub use item::{Delivery, Gap, Item, NAME_LIMIT, Place, Report, Start};
pub(crate) use reader_name::role;

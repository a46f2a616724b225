//! The way back: signals read from Redis streams.
//!
//! - [`follower`]: an Expert Advisor follows the sources that it names and keeps a position in each of them
//! - `worker`: workers belong to the operator and share the signals of all sources as a consumer group; for
//!   `mt5fleet` and Rust programs, with the feature `worker`, which the DLL is built without
//!
//! Both hand out each signal until it is acknowledged, and report a gap where signals were trimmed before they were
//! read. The stream's key alone says whose signals it holds: only its source may write it.
//!
//! What both use: [`client`] asks the servers, [`reply`] takes their replies apart, [`catalogue`] finds the sources,
//! [`sequences`] tells gaps and second copies by the signals' numbers, [`reader_name`] keeps two readers in one process from
//! using one name, and [`item`] is what readers hand out.

mod catalogue;
mod client;
mod follower;
mod item;
mod reader_name;
mod reply;
mod sequences;
#[cfg(feature = "worker")]
mod worker;

pub use crate::model::received::Received;
pub(crate) use follower::{Follower, Next, Subscription};
pub use follower::{
    MT5REDIS_ROLE_ACTING, MT5REDIS_ROLE_CONNECTING, MT5REDIS_ROLE_STANDBY, MT5REDIS_START_BEGINNING,
    MT5REDIS_START_NEW, MT5REDIS_START_RESUME, ReceivedSignal,
};
pub use item::{Delivery, Gap, Item, NAME_LIMIT, Place, Report, Start};
pub(crate) use reader_name::role;
#[cfg(feature = "worker")]
pub use worker::{DeadLetter, DeadLetters, Worker, WorkerOptions};

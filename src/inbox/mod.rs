//! Reading signals: by a follower, which is an Expert Advisor and reads the sources that it names, and by workers,
//! which are the operator's and share all signals as a consumer group.
//!
//! Both hand out [`Item`]s: signals, each until somebody acknowledges it, and gaps, so that a signal that was
//! trimmed before it was read is never passed over in silence. Who gave a signal is told by the key of its stream,
//! which nobody else may write.

mod catalogue;
mod follower;
mod group;
mod item;
pub mod letters;
mod names;
mod numbers;
mod reply;
mod wire;

pub use crate::model::received::Received;
pub(crate) use follower::{Follower, Next, Wish};
pub use follower::{
    MT5REDIS_ROLE_ACTING, MT5REDIS_ROLE_CONNECTING, MT5REDIS_ROLE_STANDBY, MT5REDIS_START_BEGINNING,
    MT5REDIS_START_NEW, MT5REDIS_START_RESUME, ReceivedSignal,
};
pub use group::{Options, Reader};
pub use item::{Delivery, Gap, Item, NAME_LIMIT, Place, Start, Tell};
pub(crate) use names::role;

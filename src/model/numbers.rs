//! The numbers of a signal on its way through the lane. Few signals say what happened, so that part is in a box: the others
//! need no room for it in a queue.

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::signal::{MT5REDIS_SIGNAL_UNSAID, Signal};

/// They are made of a [`Signal`].
#[derive(Clone, Debug)]
pub struct Numbers {
    pub(super) asked: Asked,
    pub(super) happened: Option<Box<Happened>>,
}

/// The first bytes of a [`Signal`]: what a follower is asked to do.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes)]
pub(super) struct Asked {
    pub(super) time_ms: i64,
    pub(super) expiry_ms: i64,
    pub(super) magic: i64,
    pub(super) position: i64,
    pub(super) volume: f64,
    pub(super) price: f64,
    pub(super) stop_loss: f64,
    pub(super) take_profit: f64,
    pub(super) action: i32,
    pub(super) server_offset_s: i32,
}

/// The other bytes: what happened.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, Immutable, IntoBytes)]
pub(super) struct Happened {
    pub(super) volume_before: f64,
    pub(super) volume_after: f64,
    pub(super) entry_price: f64,
    pub(super) event: i32,
    pub(super) side: i32,
    pub(super) order_type: i32,
    pub(super) found: i32,
}

const _: () = assert!(size_of::<Asked>() + size_of::<Happened>() == size_of::<Signal>());

impl From<&Signal> for Numbers {
    #[inline]
    fn from(signal: &Signal) -> Self {
        let (asked, rest) = Asked::read_from_prefix(signal.as_bytes()).expect("it is larger");
        let happened = (signal.event != MT5REDIS_SIGNAL_UNSAID).then(|| boxed(rest));
        Self { asked, happened }
    }
}

#[cold]
fn boxed(rest: &[u8]) -> Box<Happened> {
    Box::new(Happened::read_from_bytes(rest).expect("the rest of a signal"))
}

#[cfg(test)]
impl Numbers {
    /// All of them together.
    pub(crate) fn signal(&self) -> Signal {
        let mut signal = Signal::default();
        let (asked, happened) = signal.as_mut_bytes().split_at_mut(size_of::<Asked>());
        asked.copy_from_slice(self.asked.as_bytes());
        if let Some(known) = &self.happened {
            happened.copy_from_slice(known.as_bytes());
        }
        signal
    }
}

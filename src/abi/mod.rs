//! The C ABI: all exported functions, and every `unsafe` of this crate except the journal's map. There is no logic: a
//! function checks its pointers, copies what they point at, calls the session and returns a number. The conventions for
//! all functions open the header (`cbindgen.toml`).
//!
//! [`session`] and [`deal`] have what an Expert Advisor publishes, [`subscription`] what it follows, [`report`] what became
//! of that, and [`halt`] whether an operator halted it. [`guard`] stops panics and checks pointers, [`text`] reads and writes UTF-16,
//! [`handle`] finds sessions, and [`module`] keeps the library loaded.

mod deal;
mod guard;
mod halt;
mod handle;
mod module;
mod report;
mod session;
mod subscription;
mod text;

pub use deal::*;
pub use halt::*;
pub use report::*;
pub use session::*;
pub use subscription::*;

/// The longest configuration text (URL or path), data folder and list of a subscription, bytes of UTF-8.
const PATH_LIMIT: usize = 4096;

/// What to do if the include and the library are of different releases.
const ONE_RELEASE: &str =
    "copy both from the same release of mt5-redis, and compile the Expert Advisor again";

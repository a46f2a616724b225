//! Pressure: how many heartbeats and prices this process accepts. `current` keeps one level for all lanes, since they
//! may share a server: from what the lanes measure (`gauge`, `level`) and from what the governor says (`directive`).
//! Sessions act on it before a record is accepted (`thinning`). `docs/backpressure.md` says what each level means.
//! Nothing here waits for anything but a short lock.

mod current;
pub(crate) mod directive;
pub(crate) mod gauge;
pub(crate) mod level;
pub(crate) mod thinning;

pub(crate) use current::{Pressure, PressureStats};

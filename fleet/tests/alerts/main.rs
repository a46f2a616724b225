//! Alerts at real servers and receivers: what is wrong is told once, and its end once, by whichever program runs, to whoever
//! should hear of it.
#![cfg(target_os = "linux")]

#[path = "../../../tests/support/certificates.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod certificates;
mod command;
mod conditions;
mod delivery;
#[path = "../guarded/mod.rs"]
mod guarded;
mod handover;
mod mail_tls;
mod mails;
mod program;
mod receivers;
mod redis_side;
#[path = "../support/mod.rs"]
mod support;
mod timing;
mod topologies;
mod users;

//! `mt5fleet web`: the fleet in a browser, and a JSON API for programs. It reads; whoever has a token with the role
//! `operate` may also halt, throttle, and settle dead letters, if the server was started with `--operate`.
//!
//! On the loopback interface it serves without a login. Any other address requires TLS and tokens.
//!
//! - [`serve`]: the addresses, TLS, and the life of the server
//! - [`api`]: the routes of `/api/v1` and their OpenAPI document; [`page`]: the embedded page
//! - [`access`]: who may do what; [`guard`]: checks each request, and the headers of each answer
//! - [`watch`]: looks at the instances again and again; [`fleet`]: their rows; [`live`]: changes, as server-sent events
//! - [`act`]: halts and throttles; [`letters`]: dead letters; [`audit`]: who did what, and why
//! - [`alerts`]: what is wrong now
//! - [`instance`]: one instance, with its trades, signals and reports; [`trends`]: the fleet's equity in the last day
//! - [`copying`]: what followers did with signals
//! - [`servers`]: the Redis nodes, the streams, and the doctor's findings
//! - [`certificate`]: a certificate of its own

mod access;
mod act;
mod alerts;
mod api;
mod audit;
mod certificate;
mod copying;
mod fleet;
mod guard;
mod instance;
mod letters;
mod live;
mod page;
mod problem;
mod serve;
mod servers;
mod trends;
mod watch;

pub use access::token::{Making, make};
pub use serve::{Options, web};

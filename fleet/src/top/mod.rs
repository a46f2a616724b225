//! `mt5fleet top`: the fleet on one screen, with a row for each Redis node and each instance. It only reads.
//!
//! - [`watch`]: looks at the nodes and the instances, again and again
//! - [`sort`]: the rows of instances and their order
//! - [`screen`]: the rows as 80 columns of text, printed once or drawn live

mod screen;
mod sort;
mod watch;

pub use watch::{Options, top};

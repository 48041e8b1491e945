//! A finished output read back: every damage is found and named, and nothing else is.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may fail loudly"
)]

mod clean;
mod damage;
mod flips;
mod hostile;
mod judge;
mod limits;
#[cfg(feature = "s3")]
mod s3;
mod support;
mod whole;

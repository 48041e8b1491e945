//! The crate from outside: every format read back by an independent reader, every failure seen.

// Helpers of tests may fail as loudly as tests.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod commit;
mod faults;
mod layout;
mod names;
mod parallel;
mod places;
mod plan;
mod random;
mod readback;
#[cfg(feature = "s3")]
mod s3;
mod support;
mod totals;

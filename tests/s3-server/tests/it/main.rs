//! The server seen by a client that is not ours.

// Helpers of tests may fail as loudly as tests.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests may fail loudly")]

mod access;
mod client;
mod faults;
mod pauses;
mod program;
mod services;
mod store;

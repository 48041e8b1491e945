//! The server seen by a client that is not ours.

// Helpers of tests may fail as loudly as tests.
#![allow(clippy::panic, clippy::unwrap_used)]

mod access;
mod client;
mod faults;
mod pauses;
mod services;
mod store;

//! The crate from outside: one binary, one module a subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail loudly"
)]

mod bench;
mod common;
mod equal;
mod extend;
mod indicators;
mod memory;
mod models;
mod oracle;
mod oracle_retail;
mod page;
mod pressure;
mod query;
mod random;
mod resume;
mod sorted;
mod sources;
mod temp;
mod together;

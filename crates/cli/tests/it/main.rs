//! The program as its users run it: the real binary, real folders, exact lines.

#![expect(
    clippy::unwrap_used,
    reason = "what helps a test fails as loudly as the test"
)]

mod commands;
mod environment;
mod folders;
mod formats;
mod layout;
mod memory;
mod signals;
mod streams;
mod support;
mod usage;
mod windows;

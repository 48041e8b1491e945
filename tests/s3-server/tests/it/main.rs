//! The server seen by a client that is not ours.

mod access;
mod client;
mod faults;
mod pauses;
mod store;

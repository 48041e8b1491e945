//! The crate from outside: every format read back by an independent reader, every failure seen.

mod commit;
mod faults;
mod layout;
mod names;
mod parallel;
mod plan;
mod random;
mod readback;
mod support;

//! A finished output read back: every damage is found and named, and nothing else is.

mod clean;
mod damage;
mod flips;
mod hostile;
mod limits;
mod support;
mod whole;

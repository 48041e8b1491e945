//! The program as its users run it: the real binary, real folders, exact lines.

mod commands;
mod environment;
mod folders;
mod formats;
mod layout;
mod signals;
mod streams;
mod support;
mod usage;

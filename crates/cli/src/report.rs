//! All printing: results to stdout, everything for people on the way to stderr.
//!
//! A reader that closes stdout ends the program quietly: [`print()`] says so by an error that every
//! command passes on. What goes to stderr never fails a command.

#[cfg(feature = "star")]
mod answers;
#[cfg(feature = "star")]
pub(crate) mod bench;
mod cell;
mod ended;
mod grid;
#[cfg(feature = "load")]
mod loaded;
mod progress;
mod published;
mod read;
#[cfg(feature = "load")]
pub(crate) mod rounds;
mod run;
#[cfg(feature = "star")]
mod star;
pub(crate) mod units;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;

#[cfg(feature = "star")]
pub(crate) use answers::answers;
pub(crate) use cell::{Cell, cell};
pub(crate) use ended::{ended, going_on};
pub(crate) use grid::{Align, Grid};
#[cfg(feature = "load")]
pub(crate) use loaded::LoadOutcome;
pub(crate) use progress::{Progress, Style};
pub(crate) use published::PublishOutcome;
pub(crate) use run::Outcome;
#[cfg(feature = "star")]
pub(crate) use star::StarProgress;

use crate::error::Failure;

/// Text to stdout, as it stands.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(of_stdout)
}

/// A value to stdout as JSON, indented.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    print(&format!("{text}\n"))
}

/// A line to stderr.
pub(crate) fn tell(line: &str) {
    // Nobody is left to hear that stderr is gone.
    let _ = writeln!(io::stderr(), "{line}");
}

/// The one line of a failure to stderr; nothing for a quiet end.
pub(crate) fn failure(failure: &Failure) {
    if let Some(line) = failure.line() {
        let one_line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        tell(&format!("error: {one_line}"));
    }
}

/// The help or version that was asked for.
pub(crate) fn help(asked: &clap::Error) -> ExitCode {
    match asked.print() {
        Ok(()) => ExitCode::from(u8::try_from(asked.exit_code()).unwrap_or(2)),
        Err(_) => ExitCode::SUCCESS,
    }
}

fn of_stdout(error: io::Error) -> anyhow::Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Failure::closed_pipe().into()
    } else {
        anyhow::Error::new(error).context("cannot write to stdout")
    }
}

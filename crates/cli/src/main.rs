//! `lakeseed`: large, believable, perfectly repeatable data from one command.
//!
//! ```text
//! arguments (args) -> settings of the libraries (lower) -> commands/<name> -> report
//! ```
//! All that a library user would miss is in the libraries; here is the wiring.

mod args;
mod commands;
mod disk;
mod error;
mod log;
mod lower;
mod report;
mod signals;
#[cfg(any(feature = "star", feature = "load"))]
mod whole;

use std::process::ExitCode;

use clap::FromArgMatches;

use crate::args::Cli;
use crate::error::Failure;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let parsed = args::command()
        .try_get_matches()
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let ended = match parsed {
        Ok(cli) => commands::run(cli.command).map_err(Failure::of),
        Err(refused) => match Failure::of_arguments(&refused) {
            Some(failure) => Err(failure),
            None => return report::help(&refused),
        },
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report::failure(&failure);
            ExitCode::from(failure.code())
        }
    }
}

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
    #[cfg(target_os = "linux")]
    take_memory_in_small_pages();
    let mut command = args::command();
    let parsed = command
        .try_get_matches_from_mut(std::env::args_os())
        .and_then(|matches| {
            if let Some(given) = matches
                .subcommand_name()
                .and_then(|name| command.find_subcommand(name))
            {
                error::remember_flags(given);
            }
            Cli::from_arg_matches(&matches)
        });
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

/// Has the kernel back memory with pages of 4 KiB, where it may choose 2 MiB by itself.
///
/// A huge page is cleared whole and counts whole when its first byte is touched. Our buffers are
/// written and read from front to back, where huge pages gain no time; without them the resident peak
/// of `generate` is 15 to 30 % lower, and a virtual machine whose host takes free memory back does not
/// wait for 2 MiB at a time. Children inherit it.
#[cfg(target_os = "linux")]
fn take_memory_in_small_pages() {
    // An old kernel without the switch is no reason to fail.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

//! One module a command. Each reads its arguments, calls the libraries and hands over to report.

mod combine;
mod completions;
mod generate;
mod list;
mod peek;
mod plan;
mod schema;
mod status;
mod verify;

use anyhow::Result;

use crate::args::Command;

/// Runs the command to its end.
pub(crate) fn run(command: Command) -> Result<()> {
    match command {
        Command::List(args) => list::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Combine(args) => combine::run(&args),
        Command::Peek(args) => peek::run(&args),
        Command::Completions(args) => completions::run(&args),
    }
}

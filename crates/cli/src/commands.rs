//! One module a command. Each reads its arguments, calls the libraries and hands over to report.

#[cfg(feature = "star")]
mod bench;
mod combine;
mod completions;
mod generate;
mod list;
#[cfg(feature = "load")]
mod load;
mod peek;
mod plan;
mod publish;
mod schema;
#[cfg(feature = "star")]
mod sql;
#[cfg(feature = "star")]
mod star;
mod status;
mod verify;

use anyhow::Result;

#[cfg(feature = "star")]
use crate::args::Bench;
use crate::args::Command;

/// Runs the command to its end.
pub(crate) fn run(command: Command) -> Result<()> {
    match command {
        Command::List(args) => list::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Publish(args) => publish::run(&args),
        #[cfg(feature = "load")]
        Command::Load(args) => load::run(&args),
        #[cfg(not(feature = "load"))]
        Command::Load(_) => Err(without("load")),
        Command::Status(args) => status::run(&args),
        Command::Combine(args) => combine::run(&args),
        #[cfg(feature = "star")]
        Command::Star(args) => star::run(&args),
        #[cfg(not(feature = "star"))]
        Command::Star(_) => Err(without("star")),
        #[cfg(feature = "star")]
        Command::Sql(args) => sql::run(&args),
        #[cfg(not(feature = "star"))]
        Command::Sql(_) => Err(without("star")),
        #[cfg(feature = "star")]
        Command::Bench(Bench::Queries(args)) => bench::run(&args),
        #[cfg(not(feature = "star"))]
        Command::Bench(_) => Err(without("star")),
        Command::Peek(args) => peek::run(&args),
        Command::Completions(args) => completions::run(&args),
    }
}

/// A command whose part of the program was left out when it was built.
#[cfg(not(all(feature = "star", feature = "load")))]
fn without(feature: &str) -> anyhow::Error {
    let expected = format!("a lakeseed that was built with the feature {feature}");
    let advice = format!("build it with --features {feature}, or take a ready-made one");
    crate::error::Failure::usage(expected, "one without", &advice).into()
}

//! Tables of a database, their rows made again.

use anyhow::Result;
use lakeseed_sink::databases::{LoadPlan, VerifyLoad};

use crate::args;
use crate::error::Failure;
use crate::log::Log;
use crate::lower::own::Means;
use crate::lower::{self, Memory, OwnRows, load};
use crate::signals::Stop;

/// Reads all tables that the ledger names back and compares.
///
/// # Errors
/// Rows that cannot be had again, loads that have not come to their end, and what the libraries fail
/// with.
pub(super) fn verify(args: &args::Verify, address: &str, stop: &Stop, log: &Log) -> Result<()> {
    for (flag, is_given) in [
        ("--quick", args.quick),
        ("--ledger", args.ledger.is_some()),
        ("--take", args.take),
    ] {
        if is_given {
            let expected = "verify of a database without it";
            return Err(Failure::usage(expected, flag, "leave it out").into());
        }
    }
    let means = Means {
        remote: &args.remote,
        log,
        memory: args.means.memory,
    };
    let from = load::database(address)?;
    let nothing = "nothing was changed";
    let refused = |error| Failure::of_loading(error, nothing);
    let runs = from.runs().map_err(refused)?;
    if runs.is_empty() {
        let expected = format!("a load of lakeseed at {}", from.address());
        return Err(Failure::refused(expected, "nothing of ours", "check the address").into());
    }
    if let Some(run) = runs.iter().find(|run| !run.is_complete) {
        let expected = format!("finished loads at {}", from.address());
        let got = format!("plan {}, unfinished, with {} parts", run.run_id, run.parts);
        let advice = "repeat the command that began it";
        return Err(Failure::refused(expected, got, advice).into());
    }
    let own = OwnRows::read(&args.own, means)?;
    let used: Vec<String> = runs.iter().flat_map(load::own_tables).collect();
    own.check_used(used.iter().map(String::as_str))?;
    let again = |run| load::again(run, from.as_ref(), &own, means);
    let plans: Result<Vec<LoadPlan<'static>>> = runs.iter().map(again).collect();
    let plans = plans?;
    log.info(&format!("verifies {}", from.address()));
    let threads = lower::threads(args.means.threads);
    let mut run = VerifyLoad::new(&plans, from.as_ref())
        .threads(threads)
        .stop(stop.flag());
    let budget = Memory::of(args.means.memory).budget();
    if let Some(budget) = &budget {
        run = run.budget(budget);
    }
    let findings = super::quietly(log, || run.run())?.map_err(|error| {
        if error.is_stopped() {
            return super::stopped(stop);
        }
        refused(error).into()
    })?;
    super::tell(args, from.address().to_owned(), findings, None, log)
}

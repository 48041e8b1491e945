//! `lakeseed combine`: the shards of a run to one output.

use anyhow::Result;
use lakeseed_budget::Bytes;
use lakeseed_sink::Error;
use serde::Serialize;

use crate::args::Stored;
use crate::error::Failure;
use crate::log::Log;
use crate::lower;
use crate::report::{self, units};

/// What was made of the shards.
#[derive(Debug, Serialize)]
struct Combined {
    place: String,
    plan_id: String,
    rows: u64,
    files: usize,
    bytes: u64,
}

pub(super) fn run(args: &Stored) -> Result<()> {
    let log = Log::open(args.logging.log.as_deref(), args.logging.log_level)?;
    log.end(work(args, &log))
}

fn work(args: &Stored, log: &Log) -> Result<()> {
    let store = lower::store(&args.place, &args.remote, log)?;
    log.info(&format!("combines {}", store.address()));
    let manifest = lakeseed_sink::combine(store.as_ref()).map_err(|error| match error {
        Error::OtherPlan {
            address,
            expected,
            found,
        } => {
            let expected = format!("{expected} at {address}");
            let advice = "see lakeseed status for what is there";
            anyhow::Error::new(Failure::refused(expected, found, advice))
        }
        other => other.into(),
    })?;
    let combined = Combined {
        place: store.address(),
        plan_id: manifest.plan_id().to_owned(),
        rows: manifest.rows(),
        files: manifest.parts().count(),
        bytes: manifest.bytes(),
    };
    let line = format!(
        "{} is whole: {} rows in {} files, {} (plan {})",
        combined.place,
        units::grouped(combined.rows),
        units::grouped(combined.files as u64),
        Bytes::new(combined.bytes),
        combined.plan_id,
    );
    log.info(&line);
    if args.json {
        return report::json(&combined);
    }
    report::print(&format!("{line}\n"))
}

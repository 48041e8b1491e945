//! A folder of messages, its rows made or read again.

use anyhow::Result;
use lakeseed_sink::messages::{MessageFindings, MessagesRecord, VerifyMessages};
use lakeseed_sink::{Manifest, Store};

use crate::args;
use crate::error::Failure;
use crate::log::Log;
use crate::lower::{self, Memory, publish};
use crate::signals::Stop;

/// Reads all messages back and compares.
///
/// # Errors
/// Rows that cannot be had again, and what the libraries fail with.
pub(super) fn verify(
    args: &args::Verify,
    record: &MessagesRecord,
    store: &dyn Store,
    manifest: &Manifest,
    stop: &Stop,
    log: &Log,
) -> Result<MessageFindings> {
    let Some(table) = manifest.tables.first() else {
        let expected = "a manifest with a table of messages";
        return Err(Failure::refused(expected, "none", "publish anew").into());
    };
    let plan = publish::again(&table.name, record, &args.remote, log)?;
    if plan.id() != manifest.plan_id() {
        let expected = format!("the rows of plan {}", manifest.plan_id());
        let got = format!(
            "those of plan {}: files or lakeseed have changed",
            plan.id()
        );
        let advice = "verify with the files and the lakeseed that it was published from";
        return Err(Failure::refused(expected, got, advice).into());
    }
    let mut run = VerifyMessages::new(store, &plan)
        .threads(lower::threads(args.means.threads))
        .stop(stop.flag())
        .quick(args.quick);
    let budget = Memory::of(args.means.memory).budget();
    if let Some(budget) = &budget {
        run = run.budget(budget);
    }
    super::quietly(log, || run.run())?.map_err(|error| {
        if error.is_stopped() {
            return super::stopped(stop);
        }
        error.into()
    })
}

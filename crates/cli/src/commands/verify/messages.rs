//! Messages in a folder or a queue, their rows made or read again.

use anyhow::Result;
use lakeseed_sink::messages::{
    MessageFindings, MessagePlan, MessagesRecord, VerifyMessages, VerifyQueue,
};
use lakeseed_sink::{Error, Manifest, Store};

use crate::args;
use crate::error::Failure;
use crate::log::Log;
use crate::lower::{self, Memory, ReadBack, publish};
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
    check_plan(&plan, manifest.plan_id())?;
    let mut run = VerifyMessages::new(store, &plan)
        .threads(lower::threads(args.means.threads))
        .stop(stop.flag())
        .quick(args.quick);
    let budget = Memory::of(args.means.memory).budget();
    if let Some(budget) = &budget {
        run = run.budget(budget);
    }
    super::quietly(log, || run.run())?.map_err(|error| stopped(error, stop))
}

/// Reads all messages of a queue back and compares. Where they must be taken away from others for
/// that, `--take` is asked for.
///
/// # Errors
/// As [`verify`], and where no ledger tells what was sent.
pub(super) fn verify_queue(
    args: &args::Verify,
    address: &str,
    stop: &Stop,
    log: &Log,
) -> Result<(String, MessageFindings)> {
    if args.quick {
        let expected = "verify of a queue without --quick";
        return Err(Failure::usage(expected, "--quick", "leave it out").into());
    }
    let queue = ReadBack::find(address, args.ledger.as_deref(), &args.remote)?;
    queue.check_take(args.take)?;
    let record = &queue.record;
    log.info(&format!("verifies {}", queue.address()));
    let sent = MessagesRecord {
        messages: record.settings,
        rows: record.data.clone(),
    };
    let plan = publish::again(&record.table, &sent, &args.remote, log)?;
    check_plan(&plan, &record.plan_id)?;
    let read = || queue.read();
    let mut run = VerifyQueue::new(&plan, &read)
        .threads(lower::threads(args.means.threads))
        .stop(stop.flag());
    let budget = Memory::of(args.means.memory).budget();
    if let Some(budget) = &budget {
        run = run.budget(budget);
    }
    let found = super::quietly(log, || run.run())?.map_err(|error| stopped(error, stop))?;
    Ok((queue.address().to_owned(), found))
}

fn stopped(error: Error, stop: &Stop) -> anyhow::Error {
    if error.is_stopped() {
        return super::stopped(stop);
    }
    error.into()
}

/// Refuses rows that are not those of the messages.
fn check_plan(plan: &MessagePlan<'_>, sent: &str) -> Result<()> {
    if plan.id() != sent {
        let expected = format!("the rows of plan {sent}");
        let got = format!(
            "those of plan {}: files or lakeseed have changed",
            plan.id()
        );
        let advice = "verify with the files and the lakeseed that it was published from";
        return Err(Failure::refused(expected, got, advice).into());
    }
    Ok(())
}

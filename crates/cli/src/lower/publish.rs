//! Messages: which rows, how they become messages, where these go, with what means.

mod apart;

use std::path::{Path, PathBuf};

use anyhow::Result;
use lakeseed_gen_core::Table;
use lakeseed_sink::messages::{
    DEFAULT_MESSAGE_ROWS, Grouping, MessagePlan, MessageSettings, MessagesRecord, Nulls,
};

use super::files::{self, FilesRecord};
use super::from::{Given, is_bucket, remote_of};
use super::memory::Memory;
use super::own::OwnRows;
use super::place::Destination;
use super::queue::{To, is_of_aws};
use super::recipe::Recipe;
use super::selection::{Selection, select};
use super::tables;
use crate::args::{self, Publish, Remote};
use crate::error::{self, Failure};
use crate::log::Log;

/// Where the ledgers of queues are, where nothing else is said: hidden, so that nobody takes them for
/// rows.
pub(super) const LEDGERS: &str = ".lakeseed-ledger";
/// Hexadecimal digits of a place in a ledger's name.
const PLACE_DIGITS: usize = 8;

/// Everything that a run of messages is made of.
pub(crate) struct PublishJob {
    pub(crate) plan: MessagePlan<'static>,
    pub(crate) to: To,
    /// How the messages' bucket is reached, where they go into one.
    pub(crate) remote_to: Remote,
    pub(crate) threads: usize,
    pub(crate) memory: Memory,
}

/// Fixes what the arguments ask for; nothing is made yet.
pub(crate) fn job(args: &Publish, log: &Log) -> Result<PublishJob> {
    let to = To::parse(&args.to, args.create, &args.remote)?;
    refuse_what_does_not_fit(args, &to)?;
    let is_to = matches!(to.place(), Some(Destination::Bucket(_)));
    let from = given(args).place();
    if let Some(from) = from {
        if let Some(place) = to.place() {
            apart::messages_and_source(&place.to_string(), from)?;
        }
        if let Some(ledger) = &args.ledger {
            apart::ledger_and_source(ledger, from)?;
        }
    }
    let is_from = from.is_some_and(is_bucket);
    let unused = match &to {
        _ if is_to || is_from => None,
        To::Queue(queue) if is_of_aws(&queue.address()) => args.remote.given_of_bucket(),
        _ => args.remote.given.as_ref(),
    };
    if let Some(flag) = unused {
        let expected = format!("s3://BUCKET/PREFIX with {flag}");
        return Err(Failure::usage(expected, format!("'{to}'"), "leave it out").into());
    }
    let plan = match from {
        Some(from) => of_files(args, from, &remote_of(&args.remote, is_from), &to, log)?,
        None => generated(args, &to)?,
    };
    Ok(PublishJob {
        plan,
        remote_to: remote_of(&args.remote, is_to),
        to,
        threads: super::threads(args.means.threads),
        // After the rows, which hold memory of their own.
        memory: Memory::of(args.means.memory),
    })
}

fn settings(given: &args::Messages, to: &To) -> MessageSettings {
    MessageSettings {
        max_rows: given.max_rows.unwrap_or(DEFAULT_MESSAGE_ROWS),
        max_bytes: given
            .max_bytes
            .map_or(to.usual_message_bytes(), lakeseed_budget::Bytes::get),
        grouping: match given.grouping {
            args::Grouping::Neighbours => Grouping::Neighbours,
            args::Grouping::Modulo => Grouping::Modulo,
        },
        nulls: match given.nulls {
            args::Nulls::Keep => Nulls::Keep,
            args::Nulls::Omit => Nulls::Omit,
        },
    }
}

/// The rows of files.
fn of_files(
    args: &Publish,
    from: &Path,
    remote: &Remote,
    to: &To,
    log: &Log,
) -> Result<MessagePlan<'static>> {
    let files = files::open(from, &args.types, remote, log)?;
    let plan = MessagePlan::builder(files.table)
        .data_id(files.data_id)
        .data(serde_json::to_value(files.record)?)
        .settings(settings(&args.messages, to))
        .files(files.rows);
    Ok(plan.build()?)
}

/// The rows of a dataset's table.
fn generated(args: &Publish, to: &To) -> Result<MessagePlan<'static>> {
    let source = args.choice.of(given(args).dataset()?.clone());
    let selection = select(&source, &OwnRows::default())?;
    let table = the_table(&selection)?;
    let recipe = Recipe::of(&selection.dataset, source.scale);
    let plan = MessagePlan::builder(table.name())
        .data_id(selection.dataset.id())
        .data(serde_json::to_value(recipe)?)
        .settings(settings(&args.messages, to))
        .source(tables::source(table), table.row_range());
    Ok(plan.build()?)
}

fn the_table(selection: &Selection) -> Result<&Table> {
    let [table] = selection.tables.as_slice() else {
        let dataset = selection.dataset.info().name;
        let names = selection.tables.iter();
        let names: Vec<String> = names
            .map(|table| format!("{dataset}.{}", table.name()))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let got = format!("{} with {} tables", selection.target, names.len());
        let advice = format!("choose {}", error::list(&names));
        return Err(Failure::usage("one table to publish", got, &advice).into());
    };
    Ok(table)
}

/// Flags that say nothing about what was asked for.
fn refuse_what_does_not_fit(args: &Publish, to: &To) -> Result<()> {
    let refused = |expected: &str, got: &str, advice: &str| -> Result<()> {
        Err(Failure::usage(expected, got, advice).into())
    };
    if args.json && to.is_stdout() {
        let advice = "leave --json out, or send elsewhere";
        return refused("either --json or --to -", "both", advice);
    }
    // A variable is set for a whole shell, and concerns the places that it fits.
    if args.typed.has("ledger") && !matches!(to, To::Queue(_)) {
        let expected = "a queue with --ledger";
        let advice = "leave it out: files remember by themselves, and stdout cannot";
        return refused(expected, &format!("'{to}'"), advice);
    }
    if args.typed.has("create") && !matches!(to, To::Queue(_)) {
        let advice = "leave it out: folders are made where they are missing";
        return refused("a queue with --create", &format!("'{to}'"), advice);
    }
    given(args).check()
}

fn given(args: &Publish) -> Given<'_> {
    Given {
        typed: &args.typed,
        target: args.target.as_ref(),
        from: args.from.as_deref(),
        types: &args.types,
        choice: &args.choice,
    }
}

/// The plan of messages that were published before, from what was written down of it.
///
/// # Errors
/// Words that this lakeseed does not know, rows that cannot be had again.
pub(crate) fn again(
    table: &str,
    record: &MessagesRecord,
    remote: &Remote,
    log: &Log,
) -> Result<MessagePlan<'static>> {
    let plan = MessagePlan::builder(table).settings(record.messages);
    let files: Result<FilesRecord, _> = serde_json::from_value(record.rows.clone());
    if let Ok(files) = files {
        let remote = remote_of(remote, is_bucket(Path::new(&files.from)));
        let rows = files::reopen(&files, &remote, log)?;
        return Ok(plan.data_id(files::data_id(table)).files(rows).build()?);
    }
    let recipe: Recipe = serde_json::from_value(record.rows.clone()).map_err(|_| {
        let expected = "messages that say what their rows are made from";
        let got = "some that lakeseed publish has not sent";
        Failure::refused(expected, got, "verify with the lakeseed that sent them")
    })?;
    let dataset = Recipe::dataset(&[recipe], &OwnRows::default())?;
    let table = dataset.table(table)?;
    let plan = plan.data_id(dataset.id());
    Ok(plan
        .source(tables::source(table), table.row_range())
        .build()?)
}

/// The folder of the ledger: the one that was given, or one whose name follows from plan and place.
pub(crate) fn ledger(given: Option<&Path>, plan: &MessagePlan<'_>, address: &str) -> PathBuf {
    match given {
        Some(folder) => folder.to_owned(),
        None => Path::new(LEDGERS).join(plan.ledger_name(address, PLACE_DIGITS)),
    }
}

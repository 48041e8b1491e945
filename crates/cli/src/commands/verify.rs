//! `lakeseed verify`: an output read back, its rows made again.

#[cfg(feature = "load")]
mod database;
mod messages;
#[cfg(feature = "star")]
mod star;

use std::fmt::Write;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use lakeseed_budget::Bytes;
use lakeseed_gen_core::Dataset;
use lakeseed_sink::messages::{MessageCounts, MessagesRecord};
use lakeseed_sink::{
    Finding, Findings, Grade, Judge, Manifest, Source, Store, Verify, open_finished,
};
use serde::Serialize;

use crate::args;
use crate::error::Failure;
use crate::log::Log;
use crate::lower::own::{self, Means};
use crate::lower::{self, Memory, OwnRows, Recipe};
use crate::report::{self, Align, Grid, units};
use crate::signals::Stop;

/// How many findings are shown to people; JSON has them all.
const SHOWN: usize = 50;

/// What was found, for programs.
#[derive(Debug, Serialize)]
struct Verified {
    place: String,
    clean: bool,
    #[serde(flatten)]
    findings: Findings,
    /// Of an output of messages.
    #[serde(flatten)]
    messages: Option<MessageCounts>,
}

pub(super) fn run(args: &args::Verify) -> Result<()> {
    let stop = Stop::listen()?;
    let log = Log::open(args.logging.log.as_deref(), args.logging.log_level)?;
    log.end(work(args, &stop, &log))
}

fn work(args: &args::Verify, stop: &Stop, log: &Log) -> Result<()> {
    let address = args.place.to_string_lossy();
    if lower::is_database(&address) {
        #[cfg(feature = "load")]
        return database::verify(args, &address, stop, log);
        #[cfg(not(feature = "load"))]
        return Err(super::without("load"));
    }
    if lower::is_queue(&address) {
        own::refuse(
            &args.own,
            "a queue without --use: messages hang on generated rows",
        )?;
        let (place, found) = messages::verify_queue(args, &address, stop, log)?;
        return tell(args, place, found.findings, Some(found.counts), log);
    }
    if args.ledger.is_some() {
        let advice = "leave it out: files remember by themselves";
        return Err(Failure::usage("a queue with --ledger", args.place.display(), advice).into());
    }
    if args.take {
        let advice = "leave it out: files are read beside others";
        return Err(Failure::usage("a queue with --take", args.place.display(), advice).into());
    }
    let means = Means {
        remote: &args.remote,
        log,
        memory: args.means.memory,
    };
    let own = OwnRows::read(&args.own, means)?;
    let remote = own.rest_of(&args.remote);
    let store: Arc<dyn Store> = lower::store(&args.place, &remote, log)?.into();
    let manifest = open_finished(store.as_ref())?;
    if let Some(record) = MessagesRecord::of(&manifest) {
        own::refuse(
            &args.own,
            "messages without --use: they hang on generated rows",
        )?;
        log.info(&format!("verifies {}", store.address()));
        let found = messages::verify(args, &record, store.as_ref(), &manifest, stop, log)?;
        return tell(
            args,
            store.address(),
            found.findings,
            Some(found.counts),
            log,
        );
    }
    // The last plan of a star speaks for all.
    let last = manifest.plans.last();
    let is_of = |what: &str| last.is_some_and(|plan| plan.data.get(what).is_some());
    let (is_star, are_answers) = (is_of("star"), is_of("indicators"));
    let dataset = if args.quick || is_star || are_answers {
        own::refuse(
            &args.own,
            "verify of generated rows, and without --quick, for --use",
        )?;
        None
    } else {
        let recipes = recipes(&manifest)?;
        let used: Vec<&str> = recipes.iter().flat_map(Recipe::own_tables).collect();
        own.check_used(used.iter().copied())?;
        let own = own.with_output(used, &manifest, &args.place, &store, means);
        Some(dataset(&manifest, &recipes, &own)?)
    };
    let stopped = || stopped(stop);
    let threads = lower::threads(args.means.threads);
    let judges = if is_star && !args.quick {
        let judges = Judges::of(&manifest, store.as_ref(), threads, stop);
        judges.map_err(|error| if stop.is_raised() { stopped() } else { error })?
    } else if are_answers && !args.quick {
        Judges::unknown("they are answers of a star, which verify does not ask again")
    } else {
        Judges::default()
    };
    let sources = |table: &str| -> Option<Arc<dyn Source>> {
        let table = dataset.as_ref()?.table(table).ok()?;
        Some(lower::source(table))
    };
    let judge = |table: &str| judges.of_table(table);
    let mut verify = Verify::new(store.clone())
        .sources(&sources)
        .judges(&judge)
        .threads(threads)
        .stop(stop.flag())
        .quick(args.quick);
    if let Some(why) = &judges.unknown {
        verify = verify.unmade(why);
    }
    let budget = Memory::of(args.means.memory).budget();
    if let Some(budget) = &budget {
        verify = verify.budget(budget);
    }
    log.info(&format!("verifies {}", store.address()));
    let findings = quietly(log, || verify.run())?.map_err(|error| {
        if error.is_stopped() {
            return stopped();
        }
        error.into()
    })?;
    tell(args, store.address(), findings, None, log)
}

/// The work was ended from outside.
fn stopped(stop: &Stop) -> anyhow::Error {
    let signal = stop.signal().unwrap_or(2);
    let line = format!("stopped by {}; nothing was changed", stop.name());
    anyhow::Error::new(Failure::stopped(signal, line))
}

/// Shows what was found, and fails where it is more than notes.
fn tell(
    args: &args::Verify,
    place: String,
    findings: Findings,
    messages: Option<MessageCounts>,
    log: &Log,
) -> Result<()> {
    let verified = Verified {
        place,
        clean: findings.is_clean(),
        findings,
        messages,
    };
    for finding in &verified.findings.findings {
        log.warn(&line(finding));
    }
    let shown = if args.json {
        report::json(&verified)
    } else {
        report::print(&verified.text(args.quick))
    };
    if verified.clean {
        return shown;
    }
    // Findings stay findings when nobody reads them to their end.
    let count = verified.findings.errors().count();
    let by = if lower::is_database(&verified.place) {
        "ledger"
    } else {
        "manifest"
    };
    let expected = format!("{} to hold what its {by} says", verified.place);
    let advice = if lower::is_database(&verified.place) {
        "load it anew with --if-exists replace"
    } else if verified.messages.is_some() {
        "publish it to another place"
    } else {
        "write it anew with --overwrite"
    };
    let findings = if count == 1 { "finding" } else { "findings" };
    Err(Failure::found(expected, format!("{count} {findings}"), advice).into())
}

/// Who judges the rows of a star: they follow from other tables, and have no numbers to be made again by.
#[derive(Default)]
struct Judges {
    #[cfg(feature = "star")]
    rows: Option<star::Rows>,
    /// Why nobody does.
    unknown: Option<String>,
}

impl Judges {
    /// Nobody does.
    fn unknown(why: &str) -> Self {
        Self {
            #[cfg(feature = "star")]
            rows: None,
            unknown: Some(why.to_owned()),
        }
    }

    #[cfg(feature = "star")]
    fn of(manifest: &Manifest, store: &dyn Store, threads: usize, stop: &Stop) -> Result<Self> {
        let anew = star::Anew::of(manifest, store, threads, stop.flag())?;
        Ok(match anew {
            star::Anew::Known(rows) => Self {
                rows: Some(rows),
                unknown: None,
            },
            star::Anew::Unknown(why) => Self {
                rows: None,
                unknown: Some(why),
            },
        })
    }

    #[cfg(not(feature = "star"))]
    #[expect(
        clippy::unnecessary_wraps,
        reason = "one signature with the feature and without"
    )]
    fn of(_: &Manifest, _: &dyn Store, _: usize, _: &Stop) -> Result<Self> {
        Ok(Self {
            unknown: Some("this lakeseed was built without the feature star".to_owned()),
        })
    }

    #[cfg(feature = "star")]
    fn of_table(&self, table: &str) -> Option<Arc<dyn Judge>> {
        self.rows.as_ref()?.judge(table)
    }

    #[cfg(not(feature = "star"))]
    #[expect(
        clippy::unused_self,
        reason = "one signature with the feature and without"
    )]
    fn of_table(&self, _: &str) -> Option<Arc<dyn Judge>> {
        None
    }
}

/// Runs what reads damaged files. Readers of other people's formats may panic on them: that is a
/// finding, which the library makes of it, and no text for the screen.
fn quietly<T>(log: &Log, read: impl FnOnce() -> T) -> Result<T> {
    let (before, log) = (panic::take_hook(), log.clone());
    panic::set_hook(Box::new(move |what| log.debug(&format!("caught: {what}"))));
    let done = panic::catch_unwind(AssertUnwindSafe(read));
    panic::set_hook(before);
    // What the library has not caught is a fault of ours, and ends in one line all the same.
    done.map_err(|_| {
        let advice = "report it with the lines of --log FILE --log-level debug";
        Failure::found("verify to come to its end", "a panic", advice).into()
    })
}

/// What the rows were made from.
fn recipes(manifest: &Manifest) -> Result<Vec<Recipe>> {
    let recipes: Result<Vec<Recipe>, _> = manifest
        .plans
        .iter()
        .map(|plan| serde_json::from_value(plan.data.clone()))
        .collect();
    recipes.map_err(|_| {
        let expected = "a manifest that says what its rows are made from";
        let got = "one that lakeseed generate has not written";
        Failure::refused(expected, got, "verify with --quick").into()
    })
}

/// The dataset of these rows.
fn dataset(manifest: &Manifest, recipes: &[Recipe], own: &OwnRows) -> Result<Dataset> {
    let dataset = Recipe::dataset(recipes, own)?;
    if dataset.id() != manifest.data_id {
        let expected = format!("data {}", manifest.data_id);
        let advice = "verify with the lakeseed that wrote it, or with --quick";
        return Err(Failure::refused(expected, dataset.id(), advice).into());
    }
    Ok(dataset)
}

impl Verified {
    fn text(&self, is_quick: bool) -> String {
        let found = &self.findings;
        let mut text = String::new();
        if !found.findings.is_empty() {
            let mut grid = Grid::new([
                ("finding", Align::Left),
                ("where", Align::Left),
                ("row", Align::Right),
                ("column", Align::Left),
                ("expected", Align::Left),
                ("found", Align::Left),
            ]);
            for finding in found.findings.iter().take(SHOWN) {
                grid.row(cells(finding));
            }
            text.push_str(&grid.text(""));
            let more = found.findings.len().saturating_sub(SHOWN);
            if more > 0 {
                let _ = writeln!(text, "and {more} more; --json shows all");
            }
            text.push('\n');
        }
        let time = units::time(Duration::from_secs_f64(found.seconds));
        let parts = units::grouped(found.parts);
        let files = if lower::is_database(&self.place) {
            format!("{parts} parts")
        } else {
            format!("{parts} files")
        };
        let errors = match found.errors().count() {
            0 => "nothing is wrong".to_owned(),
            1 => "1 thing is wrong".to_owned(),
            more => format!("{more} things are wrong"),
        };
        let what = if let Some(counts) = &self.messages {
            let messages = units::grouped(counts.messages);
            let rows = units::grouped(found.rows_compared);
            format!(
                "{files}, {messages} messages with {rows} rows: {} missing, {} doubled, {} \
                 altered",
                units::grouped(counts.missing_rows),
                units::grouped(counts.doubled_rows),
                units::grouped(counts.altered_rows),
            )
        } else if is_quick {
            format!("{files} looked at, their bytes and rows not")
        } else {
            format!(
                "{files}, {} read, {} rows made again and compared",
                Bytes::new(found.bytes_read),
                units::grouped(found.rows_compared)
            )
        };
        let _ = writeln!(text, "{}: {errors}; {what} in {time}", self.place);
        text
    }
}

fn cells(finding: &Finding) -> [String; 6] {
    let name = match finding.grade {
        Grade::Error => finding.what.name().to_owned(),
        Grade::Note => format!("note: {}", finding.what.name()),
    };
    let place = finding
        .part
        .clone()
        .unwrap_or_else(|| finding.table.clone());
    [
        name,
        place,
        finding.row.map(|row| row.to_string()).unwrap_or_default(),
        finding.column.clone().unwrap_or_default(),
        finding.expected.clone(),
        finding.found.clone(),
    ]
}

fn line(finding: &Finding) -> String {
    let cells = cells(finding);
    let cells: Vec<&str> = cells
        .iter()
        .map(String::as_str)
        .filter(|cell| !cell.is_empty())
        .collect();
    cells.join(", ")
}

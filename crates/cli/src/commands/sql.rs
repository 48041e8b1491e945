//! `lakeseed sql`: a query over generated tables or files, answered at once.

mod table;
mod write;

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use lakeseed_star_schema::query::{Queries, Query, QueryReport};
use lakeseed_star_schema::{Error, Stop as QueryStop};
use serde::Serialize;

use self::table::Table;
use self::write::{File, Form};
use crate::args;
use crate::error::{Failure, star as star_error};
use crate::log::Log;
use crate::lower;
use crate::report;
use crate::signals::Stop;

pub(super) fn run(args: &args::Sql) -> Result<()> {
    let stop = Stop::listen()?;
    let log = Log::open(args.logging.log.as_deref(), args.logging.log_level)?;
    log.end(work(args, &stop, &log))
}

/// Takes the batches of an answer, one after the other.
trait Taker {
    /// Whether it wants more.
    fn take(&mut self, batch: RecordBatch) -> Result<ControlFlow<()>>;

    /// All of them came, or as many as it wanted.
    fn finish(self: Box<Self>) -> Result<()>;
}

fn work(args: &args::Sql, stop: &Stop, log: &Log) -> Result<()> {
    let form = Form::of(&args.answer)?;
    let has_report = has_report(args, form)?;
    let sql = text(&args.query)?;
    let started = Instant::now();
    let mut queries = Queries::new(&lower::sql::settings(&lower::sql::Means::of(args))?)
        .map_err(|error| explained(&error))?;
    lower::sql::tables(args, &sql, &mut queries, log).map_err(|error| {
        // Of a star's error the advice would be another one.
        error
            .downcast()
            .map_or_else(|other| other, |error: Error| explained(&error))
    })?;
    let query = queries.prepare(&sql).map_err(|error| explained(&error))?;
    if args.explain {
        return report::print(&query.explain());
    }
    log.info(&format!("answers a query: {}", one_line(&sql)));
    let mut taker = taker(args, form, &query.schema())?;
    let ended = answer(&query, stop, taker.as_mut());
    let report = match ended {
        Err(error) if matches!(star_error::find(error.as_ref()), Some(Error::Stopped)) => {
            let line = format!(
                "stopped by {}; the answer is cut off; start again",
                stop.name()
            );
            return Err(Failure::stopped(stop.signal().unwrap_or(2), line).into());
        }
        Err(error) => return Err(error),
        Ok(report) => report,
    };
    taker.finish()?;
    let done = Done::new(&report, started.elapsed());
    log.info(&done.line());
    if has_report {
        return report::json(&done);
    }
    Ok(())
}

/// Refuses flags that say nothing together, and tells whether the report of `--json` is to be printed. A
/// variable is set for a whole shell, and concerns the answers that it fits.
fn has_report(args: &args::Sql, form: Form) -> Result<bool> {
    let is_file = args.answer.out.as_os_str() != "-";
    if args.explain {
        return match args.typed.first_of(&["out", "json", "overwrite"]) {
            None => Ok(false),
            Some(flag) => {
                let expected = format!("either --explain or --{flag}");
                Err(Failure::usage(expected, "both", "leave one out").into())
            }
        };
    }
    let (expected, got, advice) = if !is_file && args.json && args.typed.has("json") {
        let advice = "name a file, or leave out --json";
        (
            "--out FILE with --json",
            "the answer on stdout".to_owned(),
            advice,
        )
    } else if !is_file && args.answer.overwrite && args.typed.has("overwrite") {
        (
            "--out FILE with --overwrite",
            "stdout".to_owned(),
            "leave it out",
        )
    } else if form == Form::Table && args.json && args.typed.has("json") {
        // It may show less than all rows, and ends its query where it does.
        let advice = "give -f csv, json or parquet, or leave out --json";
        (
            "a file of all rows with --json",
            "a table".to_owned(),
            advice,
        )
    } else if form != Form::Table && args.typed.has("max_rows") {
        let rows = args.answer.max_rows.unwrap_or_default();
        let got = format!("--max-rows {rows} with another form");
        ("a table with --max-rows", got, "write LIMIT into the query")
    } else {
        return Ok(args.json && is_file && form != Form::Table);
    };
    Err(Failure::usage(expected, got, advice).into())
}

/// The query: the argument, or what stdin holds.
fn text(given: &str) -> Result<String> {
    if given != "-" {
        return Ok(given.to_owned());
    }
    let mut sql = String::new();
    let read = std::io::stdin().lock().read_to_string(&mut sql);
    read.context("cannot read the query from stdin")?;
    Ok(sql)
}

fn one_line(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn taker(args: &args::Sql, form: Form, schema: &SchemaRef) -> Result<Box<dyn Taker>> {
    Ok(match form {
        Form::Table => Box::new(Table::new(schema, &args.answer)?),
        Form::File(format) => Box::new(File::create(format, schema, &args.answer)?),
    })
}

/// Runs the query, with an eye on signals.
fn answer(query: &Query, stop: &Stop, taker: &mut dyn Taker) -> Result<QueryReport> {
    let query_stop = QueryStop::new();
    let mut failed = None;
    let ended = stop.handed_to(&query_stop, || {
        query.run(&query_stop, |batch| match taker.take(batch) {
            Ok(goes_on) => goes_on,
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        })
    });
    match failed {
        Some(error) => Err(error),
        None => ended.map_err(|error| match error {
            Error::Stopped => error.into(),
            error => explained(&error),
        }),
    }
}

/// What the engine says to somebody who wrote a query.
fn explained(error: &Error) -> anyhow::Error {
    star_error::of_query(error).into()
}

/// What was done, for `--json` and the log.
#[derive(Debug, Serialize)]
struct Done {
    rows: u64,
    seconds: f64,
    rows_read: BTreeMap<String, u64>,
    spilled_bytes: u64,
    /// Of what the engine shares between its operators.
    memory_peak_bytes: u64,
}

impl Done {
    fn new(report: &QueryReport, time: Duration) -> Self {
        Self {
            rows: report.rows,
            seconds: time.as_secs_f64(),
            rows_read: report.rows_read.clone(),
            spilled_bytes: report.spilled.get(),
            memory_peak_bytes: report.memory_peak.get(),
        }
    }

    fn line(&self) -> String {
        format!(
            "answered: {} rows of {} in {:.3} s, {} bytes spilled",
            self.rows,
            self.rows_read.values().sum::<u64>(),
            self.seconds,
            self.spilled_bytes
        )
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use lakeseed_star_schema::query::QuerySettings;

    use super::*;

    struct Panics;

    impl Taker for Panics {
        fn take(&mut self, _: RecordBatch) -> Result<ControlFlow<()>> {
            panic!("a panic of the query's thread")
        }

        fn finish(self: Box<Self>) -> Result<()> {
            Ok(())
        }
    }

    /// Without an end of the watch this test has none.
    #[test]
    fn a_panic_ends_the_watch_over_signals() {
        let queries = Queries::new(&QuerySettings::default()).unwrap();
        let query = queries.prepare("SELECT 1 AS one").unwrap();
        let stop = Stop::listen().unwrap();
        let ended = catch_unwind(AssertUnwindSafe(|| answer(&query, &stop, &mut Panics)));
        assert!(ended.is_err());
    }
}

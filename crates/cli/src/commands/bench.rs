//! `lakeseed bench queries`: questions measured over a matrix of settings, each in a process of its own.

mod child;
mod write;

use std::time::{Duration, Instant};

use anyhow::Result;
use lakeseed_star_schema::bench::{Bench, LeftOut, Outcome, Reason, Results, Turn};

use crate::args::BenchQueries;
use crate::error::Failure;
use crate::log::Log;
use crate::lower::bench::{self as lower, Places};
use crate::report;
use crate::signals::Stop;

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(1);

pub(super) fn run(args: &BenchQueries) -> Result<()> {
    let stop = Stop::listen()?;
    let log = Log::open(args.logging.log.as_deref(), args.logging.log_level)?;
    match args.one {
        Some(cell) => child::answer(args, cell, &stop, &log),
        None => log.end(work(args, &stop, &log)),
    }
}

fn work(args: &BenchQueries, stop: &Stop, log: &Log) -> Result<()> {
    let out = args
        .out
        .as_deref()
        .map(|out| write::Folder::prepare(out, args.overwrite));
    let out = out.transpose()?;
    let places = Places::open(args, log)?;
    let (questions, left_out) = lower::questions(args, &places)?;
    if let Some(line) = told(&left_out)
        && !args.quiet
    {
        report::tell(&line);
    }
    let bench = Bench {
        questions,
        settings: lower::settings(args),
        repeat: usize::try_from(args.repeat).unwrap_or(usize::MAX),
    };
    let mut progress = Progress::new(bench.turns(), args.quiet, log);
    let mut results = bench.run(|turn| {
        let outcome = child::start(turn, stop)?;
        progress.tell(turn, &outcome);
        Ok::<_, anyhow::Error>(outcome)
    })?;
    results.left_out = left_out;
    results.places = places.shown();
    if let Some(out) = out {
        out.write(&results)?;
    }
    if args.json {
        report::json(&report::bench::Whole::of(&results))?;
    } else {
        report::print(&report::bench::text(&results))?;
    }
    end(&results)
}

/// What is left out, and what would bring it in.
fn told(left_out: &[LeftOut]) -> Option<String> {
    let mut missing: Vec<&str> = Vec::new();
    for table in left_out.iter().flat_map(|left| &left.missing) {
        if !missing.contains(&table.as_str()) {
            missing.push(table);
        }
    }
    let questions = match left_out {
        [] => return None,
        [one] => format!("the question {}", one.name),
        _ => format!("{} questions", left_out.len()),
    };
    Some(format!(
        "leaves out {questions} to tables that are not there: {}; a star of retail has tables for \
         --star PLACE",
        missing.join(", ")
    ))
}

/// What did not go as it should have, and is not the fault of a setting.
fn end(results: &Results) -> Result<()> {
    let is_wrong = |reason: Reason| matches!(reason, Reason::Question | Reason::Other);
    let wrong = results.questions.iter().filter(|asked| {
        let mut failed = asked
            .cells
            .iter()
            .filter_map(|cell| cell.outcome.as_ref().err());
        !asked.differs.is_empty() || failed.any(|failed| is_wrong(failed.reason))
    });
    let wrong: Vec<&str> = wrong.map(|asked| asked.question.name.as_str()).collect();
    for line in results.problems() {
        report::tell(&line);
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let expected = format!(
        "one answer to each of {} questions",
        results.questions.len()
    );
    let got = format!("none, or several, to {}", wrong.join(", "));
    Err(Failure::found(expected, got, "see the lines above").into())
}

/// How far the measurements are, a line now and then.
struct Progress<'l> {
    taken: usize,
    all: usize,
    is_quiet: bool,
    last: Option<Instant>,
    log: &'l Log,
}

impl<'l> Progress<'l> {
    fn new(all: usize, is_quiet: bool, log: &'l Log) -> Self {
        Self {
            taken: 0,
            all,
            is_quiet,
            last: None,
            log,
        }
    }

    fn tell(&mut self, turn: Turn<'_>, outcome: &Outcome) {
        self.taken += 1;
        let what = if turn.is_warm_up { ", to warm up" } else { "" };
        let came = match outcome {
            Ok(measured) => format!("{:.3} s", measured.seconds),
            Err(failed) => failed.reason.word().to_owned(),
        };
        let line = format!(
            "{} of {}: {}, {}{what}: {came}",
            self.taken, self.all, turn.question.name, turn.setting
        );
        self.log.info(&line);
        let is_due = self.last.is_none_or(|last| last.elapsed() >= TELL_EVERY);
        if is_due && !self.is_quiet {
            report::tell(&line);
            self.last = Some(Instant::now());
        }
    }
}

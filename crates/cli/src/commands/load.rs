//! `lakeseed load`: rows into the tables of a database.

use std::path::{Path, PathBuf};

use anyhow::Result;
use lakeseed_budget::Bytes;
use lakeseed_sink::databases::{Load, Loaded};
use lakeseed_sink::{Error, Observer as _, PartWriter};

use crate::args;
use crate::error::Failure;
use crate::log::Log;
use crate::lower::Destination;
use crate::lower::load::{self, LoadJob};
use crate::report::{self, LoadOutcome, Progress, Style, units};
use crate::signals::Stop;
use crate::whole::Target;

pub(super) fn run(args: &args::Load) -> Result<()> {
    let stop = Stop::listen()?;
    let log = Log::open(args.logging.log.as_deref(), args.logging.log_level)?;
    log.end(work(args, &stop, &log))
}

fn work(args: &args::Load, stop: &Stop, log: &Log) -> Result<()> {
    let job = load::job(args, log)?;
    if let Some(chart) = &args.chart {
        check_chart(chart)?;
    }
    let run = Load::new(&job.plan, job.to.as_ref()).if_exists(job.if_exists);
    check_memory(&job, &run)?;
    let loaded = send(args, &job, run, stop, log)?;
    let has_rounds = !loaded.rounds.is_empty();
    let outcome = LoadOutcome::new(loaded);
    if let (Some(chart), true) = (&args.chart, has_rounds) {
        let mut file = Box::new(Target::open(chart, false)?);
        file.write(outcome.chart().as_bytes())?;
        file.finish()?;
    }
    if args.json {
        return report::json(&outcome);
    }
    if args.voice.quiet {
        return Ok(());
    }
    report::print(&outcome.text())
}

/// Refuses a chart that could not be written, before an hour of rounds.
fn check_chart(chart: &Path) -> Result<()> {
    let folder = match chart.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let got = if chart.symlink_metadata().is_ok() {
        "something that is there"
    } else if chart.as_os_str() == "-" || !folder.is_dir() {
        "a place that is no folder's"
    } else {
        return Ok(());
    };
    let expected = format!("a free name for a file at {} for --chart", chart.display());
    Err(Failure::refused(expected, got, "choose another one").into())
}

/// Refuses what not even one worker could do, and says with how much it could.
fn check_memory(job: &LoadJob, run: &Load<'_>) -> Result<()> {
    let (Some(total), Some(granted)) = (job.memory.total, job.memory.for_workers()) else {
        return Ok(());
    };
    let need = Bytes::new(run.need_per_worker());
    if need <= granted {
        return Ok(());
    }
    let program = job.memory.program;
    let sum = program + need;
    let expected = format!("memory for one worker, {sum} (program {program} + worker {need})");
    let advice = format!("give --memory {}MiB", sum.get().div_ceil(1 << 20));
    let got = format!("{total} by {}", job.memory.by);
    Err(Failure::refused(expected, got, &advice).into())
}

fn send(args: &args::Load, job: &LoadJob, run: Load<'_>, stop: &Stop, log: &Log) -> Result<Loaded> {
    // Nothing of a load goes to stdout before its result.
    let shown_to = Destination::Folder(PathBuf::from(job.to.address()));
    let style = Style::choose(args.progress, args.voice, &shown_to);
    let plan = &job.plan;
    let progress = Progress::of_load(style, plan, log);
    let mut run = run
        .threads(job.threads)
        .stop(stop.flag())
        .observer(&progress);
    let budget = job.memory.budget();
    if let Some(budget) = &budget {
        run = run.budget(budget);
    }
    if let Some(line) = &job.memory.beyond {
        progress.warns(line);
    }
    if args.voice.verbose {
        progress.tell(&format!(
            "plan {}: {} parts; {} workers of {} each",
            plan.id(),
            units::grouped(plan.parts()),
            run.workers()?,
            Bytes::new(run.need_per_worker()),
        ));
    }
    log.info(&format!(
        "loads {} into {}: plan {}, {} parts",
        plan.data_id(),
        job.to.address(),
        plan.id(),
        plan.parts(),
    ));
    let done = run.run();
    progress.finish();
    if let Ok(done) = &done {
        log.info(&format!(
            "finished: {} rows; {} rows, {} bytes sent in {:.3} s",
            done.rows, done.made_rows, done.made_bytes, done.seconds,
        ));
    }
    done.map_err(|error| {
        let left = left(&error);
        if error.is_stopped() {
            let (signal, name) = (stop.signal().unwrap_or(2), stop.name());
            // Over again would drop what stands.
            let how = match args.if_exists {
                args::IfExists::Replace => "repeat the command without --if-exists replace",
                _ => "repeat the command",
            };
            let line = format!("stopped by {name}; {left}; {how} to go on");
            return Failure::stopped(signal, line).into();
        }
        Failure::of_loading(error, &left).into()
    })
}

/// What stands after a run that did not come to its end.
fn left(error: &Error) -> String {
    match error {
        Error::Incomplete {
            proven, pending, ..
        } if pending
            .iter()
            .all(|step| *step == "keys and comments" || *step == "views") =>
        {
            format!("all {proven} parts stand, {} do not", pending.join(", "))
        }
        Error::Incomplete {
            proven, pending, ..
        } => format!("{proven} of {} parts stand", proven + pending.len()),
        _ => "nothing was changed".to_owned(),
    }
}

//! `lakeseed generate`: the main job.

mod preflight;

use anyhow::Result;
use lakeseed_budget::Bytes;
use lakeseed_sink::{
    Error, Mode, Observer as _, Plan, Report, Run, Shard, Store, Stream, put_report,
};

use crate::args::Generate;
use crate::error::{Failure, Moment};
use crate::log::Log;
use crate::lower::{self, Destination, Job, OwnRows};
use crate::report::{self, Outcome, Progress, Style};
use crate::signals::Stop;

pub(super) fn run(args: &Generate) -> Result<()> {
    let stop = Stop::listen()?;
    let log = Log::open(args.logging.log.as_deref(), args.logging.log_level)?;
    log.end(work(args, &stop, &log))
}

fn work(args: &Generate, stop: &Stop, log: &Log) -> Result<()> {
    let own = OwnRows::read(
        &args.own,
        lower::own::Means {
            remote: &args.remote,
            log,
            memory: args.layout.means.memory,
        },
    )?;
    let remote = own.rest_of(&args.remote);
    let job = lower::job(&args.source, &own, &args.layout)?;
    if args.json && job.destination == Destination::Stdout {
        let advice = "leave --json out, or write to a folder";
        return Err(Failure::usage("either --json or --out -", "both", advice).into());
    }
    refuse_what_stdout_has_not(args, &job)?;
    let store = job.destination.store(&remote, log)?;
    let stream = Stream::stdout();
    let standing = match &store {
        Some(store) => Some(preflight::look_at(store.as_ref())?),
        None => None,
    };
    let plan = job.plan()?;
    let run = run_of(&plan, store.as_deref(), &stream);
    let mode = match (args.append, args.overwrite) {
        (true, _) => Mode::Append,
        (_, true) => Mode::Overwrite,
        _ => Mode::New,
    };
    let shard = args.shard.unwrap_or(Shard::WHOLE);
    let run = run.mode(mode).shard(shard);
    let is_done = standing
        .as_ref()
        .and_then(|standing| standing.finished.as_ref())
        .is_some_and(|manifest| mode != Mode::Overwrite && manifest.has_plan(plan.id()));
    if !is_done {
        let need = |plan: &Plan<'_>| run_of(plan, store.as_deref(), &stream).need_per_worker();
        preflight::check_memory(&job, &plan, need)?;
        if let (Some(standing), Destination::Folder(folder)) = (&standing, &job.destination) {
            preflight::check_disk(folder, &plan, shard, standing)?;
        }
    }
    let report = write(args, &job, &plan, run, stop, log)?;
    let secret = job.destination.duckdb_secret(&remote)?;
    let outcome = Outcome::new(&job, &plan, &report, shard, &secret);
    if let (Some(store), true) = (&store, report.written) {
        let json = outcome.account()?;
        if let Err(error) = put_report(store.as_ref(), plan.id(), shard, &json) {
            // The output is whole without it.
            log.warn(&format!("cannot leave a report: {error}"));
        }
    }
    show(args, &own, &job, &outcome)
}

/// A run into the store, or without one into the stream.
fn run_of<'r>(plan: &'r Plan<'r>, store: Option<&'r dyn Store>, stream: &'r Stream) -> Run<'r> {
    match store {
        Some(store) => Run::new(plan, store),
        None => Run::to_stream(plan, stream),
    }
}

/// A stream has nothing to add to, to start over, or to combine.
fn refuse_what_stdout_has_not(args: &Generate, job: &Job) -> Result<()> {
    let asked = [
        ("--append", args.append),
        ("--overwrite", args.overwrite),
        ("--shard", args.shard.is_some()),
    ];
    match asked.into_iter().find(|(_, given)| *given) {
        Some((flag, _)) if job.destination == Destination::Stdout => {
            let expected = format!("a folder or s3://BUCKET/PREFIX with {flag}");
            Err(Failure::usage(expected, "--out -", "leave one out").into())
        }
        _ => Ok(()),
    }
}

fn write(
    args: &Generate,
    job: &Job,
    plan: &Plan<'_>,
    run: Run<'_>,
    stop: &Stop,
    log: &Log,
) -> Result<Report> {
    let style = Style::choose(args.progress, args.voice, &job.destination);
    let progress = Progress::start(style, plan, log);
    let stopped_by = || stop.name().to_owned();
    let mut run = run
        .threads(job.threads)
        .stop(stop.flag())
        .stopped_by(&stopped_by)
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
            "plan {}: {} rows in {} files, about {}; {} workers of {} each; {} by {}",
            plan.id(),
            report::units::grouped(plan.rows()),
            plan.files(),
            Bytes::new(plan.estimated_bytes()),
            run.workers()?,
            Bytes::new(run.need_per_worker()),
            job.memory
                .total
                .map_or_else(|| "no limit".to_owned(), |total| total.to_string()),
            job.memory.by,
        ));
    }
    log.info(&format!(
        "writes {} to {}: plan {}, {} rows in {} files",
        plan.data_id(),
        job.destination,
        plan.id(),
        plan.rows(),
        plan.files(),
    ));
    let done = run.commit();
    progress.finish();
    if let Ok(report) = &done {
        log.info(&format!(
            "finished: {} rows in {} files, {} bytes; {} rows made in {:.3} s",
            report.rows(),
            report.files(),
            report.bytes(),
            report.made_rows(),
            report.seconds,
        ));
    }
    done.map_err(|error| {
        if let Error::Incomplete { pending, .. } = &error {
            for file in pending {
                log.info(&format!("pending: {file}"));
            }
        }
        if error.is_stopped() {
            return stopped(stop, job, &error).into();
        }
        let moment = match (&error, &job.destination) {
            (Error::Incomplete { .. }, _) => Moment::OnTheWay { left: left(&error) },
            (_, Destination::Stdout) if progress.rows() > 0 => Moment::OnTheWay {
                left: "the output is cut off".to_owned(),
            },
            _ if progress.rows() > 0 => Moment::OnTheWay {
                left: "nothing was finished".to_owned(),
            },
            _ => Moment::BeforeTheStart,
        };
        Failure::of_writing(error, moment).into()
    })
}

/// What stands after a run that did not come to its end.
fn left(error: &Error) -> String {
    match error {
        Error::Incomplete {
            proven, pending, ..
        } => format!(
            "{proven} of {} files are finished and stay",
            proven + pending.len()
        ),
        _ => "nothing was finished".to_owned(),
    }
}

fn stopped(stop: &Stop, job: &Job, error: &Error) -> Failure {
    let (signal, name) = (stop.signal().unwrap_or(2), stop.name());
    let (left, next) = match (&job.destination, error) {
        (Destination::Stdout, _) => ("the output is cut off".to_owned(), "start again"),
        (_, Error::Incomplete { .. }) => (left(error), "go on"),
        (place, _) => (format!("nothing of it is in {place}"), "start again"),
    };
    let line = format!("stopped by {name}; {left}; repeat the command to {next}");
    Failure::stopped(signal, line)
}

fn show(args: &Generate, own: &OwnRows, job: &Job, outcome: &Outcome) -> Result<()> {
    if args.json {
        return report::json(outcome);
    }
    let is_quiet = args.voice.quiet || job.destination == Destination::Stdout;
    if is_quiet {
        return Ok(());
    }
    report::print(&outcome.text(&lower::flags(&args.source, own, job.scale)))
}

//! `lakeseed publish`: rows as messages to where they are wanted.

use std::path::{Path, PathBuf};

use anyhow::Result;
use lakeseed_budget::Bytes;
use lakeseed_sink::messages::{Publish, Published};
use lakeseed_sink::{Error, Observer as _, Store};

use crate::args;
use crate::error::{Failure, Moment};
use crate::log::Log;
use crate::lower::publish::{self, PublishJob};
use crate::lower::{Destination, To};
use crate::report::{self, Progress, PublishOutcome, Style, units};
use crate::signals::Stop;

pub(super) fn run(args: &args::Publish) -> Result<()> {
    let stop = Stop::listen()?;
    let log = Log::open(args.logging.log.as_deref(), args.logging.log_level)?;
    log.end(work(args, &stop, &log))
}

fn work(args: &args::Publish, stop: &Stop, log: &Log) -> Result<()> {
    let job = publish::job(args, log)?;
    let store = match job.to.place() {
        Some(place) => place.store(&job.remote_to, log)?,
        None => None,
    };
    let mut ledger = None;
    let run = match (&job.to, &store) {
        (To::Queue(queue), _) => {
            let address = queue.address();
            let folder = publish::ledger(args.ledger.as_deref(), &job.plan, &address);
            ledger = Some(folder.clone());
            Publish::with_ledger(&job.plan, queue.as_ref(), folder)
        }
        (To::Stdout(lines), _) => Publish::to_queue(&job.plan, lines),
        (To::Files(_), Some(store)) => Publish::to_files(&job.plan, store.as_ref()),
        (To::Files(place), None) => {
            let expected = "a folder or s3://BUCKET/PREFIX";
            return Err(Failure::usage(expected, place, "name the place").into());
        }
    };
    check_memory(&job, &run)?;
    let published = send(args, &job, run, stop, log)?;
    show(args, &job, store.as_deref(), published, ledger.as_deref())
}

/// Refuses what not even one worker could do, and says with how much it could.
fn check_memory(job: &PublishJob, run: &Publish<'_>) -> Result<()> {
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
    let advice = format!(
        "give --memory {}MiB, or a smaller --max-bytes",
        sum.get().div_ceil(1 << 20)
    );
    let got = format!("{total} by {}", job.memory.by);
    Err(Failure::refused(expected, got, &advice).into())
}

fn send(
    args: &args::Publish,
    job: &PublishJob,
    run: Publish<'_>,
    stop: &Stop,
    log: &Log,
) -> Result<Published> {
    let shown_to = match &job.to {
        To::Stdout(_) => Destination::Stdout,
        other => Destination::Folder(PathBuf::from(other.to_string())),
    };
    let style = Style::choose(args.progress, args.voice, &shown_to);
    let progress = Progress::of_messages(style, &job.plan, log);
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
    if let Some(rate) = args.messages.rate {
        run = run.rate(rate);
    }
    let plan = &job.plan;
    if args.voice.verbose {
        progress.tell(&format!(
            "plan {}: {} parts; {} workers of {} each",
            plan.id(),
            units::grouped(plan.parts().len() as u64),
            run.workers()?,
            Bytes::new(run.need_per_worker()),
        ));
    }
    log.info(&format!(
        "publishes {} to {}: plan {}, {} parts",
        plan.data_id(),
        job.to,
        plan.id(),
        plan.parts().len(),
    ));
    let done = run.run();
    progress.finish();
    if let Ok(done) = &done {
        log.info(&format!(
            "finished: {} messages, {} rows, {} bytes; {} messages sent in {:.3} s",
            done.messages, done.rows, done.bytes, done.made_messages, done.seconds,
        ));
    }
    done.map_err(|error| {
        if let Error::Incomplete { pending, .. } = &error {
            for part in pending {
                log.info(&format!("pending: {part}"));
            }
        }
        let left = left(&error, &job.to);
        if error.is_stopped() {
            let (signal, name) = (stop.signal().unwrap_or(2), stop.name());
            let line = format!("stopped by {name}; {left}; repeat the command to go on");
            return Failure::stopped(signal, line).into();
        }
        let moment = match &error {
            Error::Incomplete { .. } => Moment::OnTheWay { left },
            _ if progress.rows() > 0 => Moment::OnTheWay { left },
            _ => Moment::BeforeTheStart,
        };
        Failure::of_writing(error, moment).into()
    })
}

/// What is proven after a run that did not come to its end.
fn left(error: &Error, to: &To) -> String {
    match error {
        Error::Incomplete {
            proven, pending, ..
        } => format!("{proven} of {} parts are proven", proven + pending.len()),
        _ if to.is_stdout() => "the output is cut off".to_owned(),
        _ => "nothing is proven".to_owned(),
    }
}

fn show(
    args: &args::Publish,
    job: &PublishJob,
    store: Option<&dyn Store>,
    published: Published,
    ledger: Option<&Path>,
) -> Result<()> {
    let outcome = PublishOutcome::new(published, ledger, store.is_some());
    if args.json {
        return report::json(&outcome);
    }
    if args.voice.quiet || job.to.is_stdout() {
        return Ok(());
    }
    report::print(&outcome.text())
}

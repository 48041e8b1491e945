//! `lakeseed generate`: the main job.

mod preflight;

use anyhow::Result;
use lakeseed_budget::Bytes;
use lakeseed_sink::{
    FolderState, LocalPlace, Place, Plan, Report, Run, StreamPlace, remove_finished,
};

use crate::args::Generate;
use crate::error::{Failure, Moment};
use crate::lower::{self, Destination, Job};
use crate::report::{self, Outcome, Progress, Style};
use crate::signals::Stop;

pub(super) fn run(args: &Generate) -> Result<()> {
    let stop = Stop::listen()?;
    let job = lower::job(&args.source, &args.layout)?;
    if args.json && job.destination == Destination::Stdout {
        let advice = "leave --json out, or write to a folder";
        return Err(Failure::usage("either --json or --out -", "both", advice).into());
    }
    let found = match &job.destination {
        Destination::Stdout => FolderState::Empty,
        Destination::Folder(folder) => preflight::look_at(folder)?,
    };
    let plan = job.plan()?;
    if let Destination::Folder(folder) = &job.destination {
        if let (FolderState::OursFinished { plan_id }, false) = (&found, args.overwrite) {
            if plan_id != plan.id() {
                return Err(preflight::refuse_other(folder, plan_id).into());
            }
            let manifest = preflight::manifest(folder)?;
            return show(args, &job, &Outcome::already_there(&job, &plan, &manifest));
        }
        preflight::check_disk(folder, &plan, &found)?;
    }
    preflight::check_memory(&job, &plan)?;
    let report = match &job.destination {
        Destination::Stdout => write(args, &job, &plan, &StreamPlace::stdout(), &stop)?,
        Destination::Folder(folder) => {
            if matches!(found, FolderState::OursFinished { .. }) {
                remove_finished(folder)?;
            }
            write(args, &job, &plan, &LocalPlace::create(folder)?, &stop)?
        }
    };
    show(args, &job, &Outcome::written(&job, &plan, &report))
}

fn write(
    args: &Generate,
    job: &Job,
    plan: &Plan<'_>,
    place: &dyn Place,
    stop: &Stop,
) -> Result<Report> {
    let style = Style::choose(args.progress, args.voice, &job.destination);
    let progress = Progress::start(style, plan);
    let mut run = Run::new(plan, place)
        .threads(job.threads)
        .stop(stop.flag())
        .observer(&progress);
    if let Some(granted) = job.memory.for_workers() {
        run = run.memory(granted.get());
    }
    if args.voice.verbose {
        progress.tell(&format!(
            "plan {}: {} rows in {} files, about {}; {} workers of {} each; {} by {}",
            plan.id(),
            report::units::grouped(plan.rows()),
            plan.files(),
            Bytes::new(plan.estimated_bytes()),
            run.workers()?,
            Bytes::new(plan.need_per_worker()),
            job.memory
                .total
                .map_or_else(|| "no limit".to_owned(), |total| total.to_string()),
            job.memory.by,
        ));
    }
    let done = run.commit();
    progress.finish();
    done.map_err(|error| {
        if error.is_stopped() {
            return stopped(stop, job, progress.rows()).into();
        }
        let moment = match (progress.rows(), &job.destination) {
            (0, _) => Moment::BeforeTheStart,
            (_, Destination::Folder(_)) => Moment::OnTheWay {
                left: "nothing was published",
            },
            (_, Destination::Stdout) => Moment::OnTheWay {
                left: "the output is cut off",
            },
        };
        Failure::of_writing(error, moment).into()
    })
}

fn stopped(stop: &Stop, job: &Job, rows: u64) -> Failure {
    let signal = stop.signal().unwrap_or(2);
    let name = if signal == 15 { "SIGTERM" } else { "SIGINT" };
    let left = match &job.destination {
        Destination::Folder(folder) => format!("nothing of it is in {}", folder.display()),
        Destination::Stdout => "the output is cut off".to_owned(),
    };
    let line =
        format!("stopped by {name} after {rows} rows; {left}; repeat the command to start again");
    Failure::stopped(signal, line)
}

fn show(args: &Generate, job: &Job, outcome: &Outcome) -> Result<()> {
    if args.json {
        return report::json(outcome);
    }
    let is_quiet = args.voice.quiet || job.destination == Destination::Stdout;
    if is_quiet {
        return Ok(());
    }
    report::print(&outcome.text(&lower::flags(&args.source)))
}

//! `lakeseed generate`: the main job.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use lakeseed_budget::Bytes;
use lakeseed_sink::{
    FolderState, Layout, LocalPlace, Manifest, Place, Plan, Report, Run, StreamPlace, inspect,
    remove_finished,
};

use crate::args::Generate;
use crate::error::Failure;
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
    let mut found = FolderState::Empty;
    if let Destination::Folder(folder) = &job.destination {
        found = look_at(folder)?;
        refuse_foreign(folder, &found)?;
    }
    let plan = job.plan()?;
    if let Destination::Folder(folder) = &job.destination
        && let FolderState::OursFinished { plan_id } = &found
        && !args.overwrite
    {
        return if plan_id == plan.id() {
            show(args, &job, &already_there(&job, &plan, folder)?)
        } else {
            let got = format!("another finished output of lakeseed, plan {plan_id}");
            let advice = "choose another --out, or start over with --overwrite";
            Err(Failure::refused(nothing_in(folder), got, advice).into())
        };
    }
    // The sum has to fit before anything is removed.
    check_memory(&job, &plan)?;
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

fn look_at(folder: &Path) -> Result<FolderState> {
    inspect(folder).map_err(|error| {
        let chain = anyhow::Error::new(error);
        let expected = format!("a folder that can be read at {}", folder.display());
        Failure::refused(expected, format!("{chain:#}"), "choose another --out").into()
    })
}

fn refuse_foreign(folder: &Path, found: &FolderState) -> Result<()> {
    match found {
        FolderState::Foreign { found } => {
            // Other people's files are never removed, with or without --overwrite.
            let advice = "choose another --out, or empty it yourself";
            Err(Failure::refused(nothing_in(folder), found, advice).into())
        }
        _ => Ok(()),
    }
}

fn nothing_in(folder: &Path) -> String {
    format!("a new or empty folder at {}", folder.display())
}

/// Row-group sizes that are proposed where the asked one does not fit.
const SMALLER_GROUPS: [u64; 7] = [
    64 << 20,
    32 << 20,
    16 << 20,
    8 << 20,
    4 << 20,
    2 << 20,
    1 << 20,
];

fn check_memory(job: &Job, plan: &Plan<'_>) -> Result<()> {
    let (Some(total), Some(granted)) = (job.memory.total, job.memory.for_workers()) else {
        return Ok(());
    };
    let need = Bytes::new(plan.need_per_worker());
    if need <= granted {
        return Ok(());
    }
    let program = job.memory.program;
    let sum = program + need;
    let expected = format!("memory for one worker, {sum} (program {program} + worker {need})");
    let mut advice = format!("give --memory {}MiB", sum.get().div_ceil(1 << 20));
    if job.has_row_groups {
        for size in SMALLER_GROUPS {
            let layout = Layout {
                row_group_bytes: size,
                ..job.layout
            };
            let fits = job.plan_with(layout)?.need_per_worker() <= granted.get();
            if size < job.layout.row_group_bytes && fits {
                let _ = write!(advice, ", or --row-group-size {}MiB", size >> 20);
                break;
            }
        }
    }
    let got = format!("{total} by {}", job.memory.by);
    Err(Failure::refused(expected, got, &advice).into())
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
        let is_before_the_start = progress.rows() == 0;
        Failure::of_writing(error, is_before_the_start).into()
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

/// The finished output of the same command, from its manifest.
fn already_there(job: &Job, plan: &Plan<'_>, folder: &Path) -> Result<Outcome> {
    let path: PathBuf = folder.join("_lakeseed").join("manifest.json");
    let manifest = Manifest::from_json(&std::fs::read(path)?)?;
    Ok(Outcome::already_there(job, plan, &manifest))
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

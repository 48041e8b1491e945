//! `lakeseed star`: facts and dimensions from a model's statements, in bounded memory.

pub(super) mod commit;
mod explain;
mod indicators;
mod planned;
mod rejects;
mod result;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use lakeseed_budget::{Budget, Bytes};
use lakeseed_sink::{Error, FileFormat, FormatKind, Parquet, Store, UnitRun, settle};
use lakeseed_star_schema::{Ask, Model, Settings, Star, Stop as StarStop, views};

use self::commit::Units;
use self::indicators::Answers;
use self::planned::{Job, Planned};
use self::rejects::RejectFile;
use self::result::Outcome;
use crate::args;
use crate::error::{Failure, Moment, star as star_error};
use crate::log::Log;
use crate::lower::star::{Stands, StarRecipe};
use crate::lower::{self, Destination, Memory};
use crate::report::{self, StarProgress, Style};
use crate::signals::Stop;

/// Where the text stands that opens a star in `DuckDB`.
const VIEWS: &str = "_lakeseed/views.sql";

pub(super) fn run(args: &args::Star) -> Result<()> {
    let stop = Stop::listen()?;
    let log = Log::open(args.logging.log.as_deref(), args.logging.log_level)?;
    log.end(work(args, &stop, &log))
}

fn work(args: &args::Star, stop: &Stop, log: &Log) -> Result<()> {
    let model = lower::star::model(&args.model)?;
    let chosen = indicators::chosen(args, &model)?;
    let out = destination(args, &model)?;
    let remote = |place: &Destination| lower::star::remote_of(&args.remote, place);
    let from = Destination::parse(&args.from)?;
    lower::star::one_bucket_at_least(&args.remote, &[&from, &out])?;
    let read = opened(&from, &remote(&from), log, "--from")?;
    let rejects = args.reject_to.as_deref().map(RejectFile::at).transpose()?;
    let taker = rejects.as_ref().map(RejectFile::taker);
    let read_from = lower::star::from(&model, &args.from, &read, taker.as_ref())?;
    let mut settings = settings(args, &out);
    let memory = Memory::of(args.means.memory);
    let budget = budget(&memory);
    let store = opened(&out, &remote(&out), log, "--out")?;
    let format = format(args)?;
    let recipe = StarRecipe::new(&model, &args.from, &read_from, args.batch_by.as_deref());
    let looked = || Stands::look(&store, &out, &read_from, &recipe, format);
    let mut stands = (!args.overwrite).then(looked).transpose()?.flatten();
    let job = Job {
        model: &model,
        from: &read_from,
        format,
        recipe,
        budget: &budget,
    };
    let mut planned = job.planned(stands.as_mut(), &settings)?;
    Ask::check(&planned.star, &chosen)?;
    if args.explain {
        return explain::show(args, &planned.star, &settings, &budget);
    }
    settings.store_bytes = Bytes::new(planned.plan.need_per_writer(store.as_ref()));
    let (plan, units) = (planned.plan.id(), planned.star.units().len());
    let name = &model.name;
    log.info(&format!(
        "makes the star {name} of {from} in {out}: plan {plan}, {units} units"
    ));
    let star_stop = StarStop::new();
    let progress = watched(args, &out, &memory, stop, &star_stop, log);
    let stopped_by = || stop.name().to_owned();
    let (mut began, mut made) = (false, None);
    let up_to_date = match &stands {
        Some(stands) if stands.is_up_to_date => settle(store.as_ref())?,
        _ => None,
    };
    let mut run = |planned: &Planned| {
        let Planned { star, plan, .. } = planned;
        UnitRun::new(plan, store.as_ref())
            .overwrite(args.overwrite)
            .stopped_by(&stopped_by)
            .run(|writer| {
                began = true;
                progress.goes_on(writer.found(), writer.last_run());
                let units = Units::new(plan, writer, store.as_ref(), rejects.as_ref());
                let run = star.run(&settings, &budget, &units, &progress, &star_stop);
                made = Some(run.map_err(|error| commit::as_sink(error, &model.name))?);
                Ok(())
            })
    };
    let mut done = match up_to_date {
        Some(report) => Ok(report),
        None => run(&planned),
    };
    // What could not be extended after all is made anew; no table is tried twice.
    while let Err(error) = &done
        && let (Some((table, why)), Some(stands)) = (shared(error), &mut stands)
    {
        progress.note(&format!("{table} is made anew: {why}"));
        stands.standing.anew.insert(table, why);
        planned = job.planned(Some(stands), &settings)?;
        done = run(&planned);
    }
    progress.finish();
    let Planned { star, recipe, .. } = &planned;
    let report = done.map_err(|error| {
        let error = commit::what_has_changed(error, store.as_ref(), recipe);
        failure(error, stop, &out, began)
    })?;
    if let Some(rejects) = &rejects {
        rejects.finish()?;
    }
    leave_views(&model, star, store.as_ref(), log);
    let means = indicators::Means {
        budget: &budget,
        settings: &settings,
        format,
        remote: &remote(&out),
        log,
        stop,
    };
    let answers = indicators::answer(&model, &chosen, &out, &store, &means)?;
    let outcome = Outcome::new(
        &out,
        star,
        &report,
        made.as_ref(),
        rejects.as_ref().map(RejectFile::rows),
        progress.peak(),
        answers.as_ref(),
    )?;
    log.info(&outcome.line());
    show(args, &outcome, answers.as_ref())
}

/// Tells what was done, and what the main indicators say.
fn show(args: &args::Star, outcome: &Outcome, answers: Option<&Answers>) -> Result<()> {
    if args.json {
        return report::json(outcome);
    }
    if args.voice.quiet {
        return Ok(());
    }
    report::print(&outcome.text())?;
    match answers {
        Some(answers) => report::print(&report::answers(&answers.all)),
        None => Ok(()),
    }
}

/// Who sees the run come on, told beforehand of a limit that is none.
fn watched<'s>(
    args: &args::Star,
    out: &Destination,
    memory: &Memory,
    stop: &'s Stop,
    engine: &'s StarStop,
    log: &Log,
) -> StarProgress<'s> {
    let style = Style::choose(args.progress, args.voice, out);
    let progress = StarProgress::start(style, stop, engine, log);
    if let Some(line) = &memory.beyond {
        progress.note(&format!("warning: {line}"));
    }
    progress
}

/// What the process may hold.
fn budget(memory: &Memory) -> Budget {
    // Where no limit is known there is none to keep.
    memory
        .budget()
        .unwrap_or_else(|| Budget::new(Bytes::new(u64::MAX / 2)))
}

/// How the engine works.
fn settings(args: &args::Star, out: &Destination) -> Settings {
    let mut settings = Settings::new(temp_folder(args, out));
    settings.threads = lower::threads(args.means.threads);
    settings.temp_in_memory = args.temp_in_memory;
    settings.batch_by.clone_from(&args.batch_by);
    settings
}

/// What the files of the star are.
fn format(args: &args::Star) -> Result<FileFormat> {
    Ok(match args.compression {
        Some(codec) => FileFormat::new(FormatKind::Parquet, codec)?,
        None => Parquet::zstd(1),
    })
}

/// Leaves the text that opens the star in `DuckDB`.
fn leave_views(model: &Model, star: &Star, store: &dyn Store, log: &Log) {
    let columns = |table: &str| {
        let schema = star.schema(table);
        let fields = schema.iter().flat_map(|schema| schema.fields());
        fields.map(|field| field.name().clone()).collect()
    };
    let text = views(model, |table| format!("{table}/*.parquet"), columns);
    if let Err(error) = store.replace(VIEWS, text.as_bytes()) {
        // The star is whole without it.
        log.warn(&format!("cannot leave {VIEWS}: {error}"));
    }
}

/// The store of a place for many files.
fn opened(
    place: &Destination,
    remote: &args::Remote,
    log: &Log,
    flag: &str,
) -> Result<Arc<dyn Store>> {
    let Some(store) = place.store(remote, log)? else {
        let advice = "name a folder or s3://BUCKET/PREFIX";
        return Err(Failure::usage("a place for many files", format!("{flag} -"), advice).into());
    };
    Ok(store.into())
}

/// Where the star goes.
fn destination(args: &args::Star, model: &Model) -> Result<Destination> {
    match &args.out {
        Some(out) => Destination::parse(out),
        None => Ok(Destination::Folder(format!("{}-star", model.name).into())),
    }
}

/// Temporary files stand beside what they become, on the same disk.
fn temp_folder(args: &args::Star, out: &Destination) -> PathBuf {
    match (&args.temp_dir, out) {
        (Some(given), _) => given.clone(),
        (None, Destination::Folder(folder)) => folder.join("_lakeseed"),
        (None, _) => std::env::temp_dir(),
    }
}

/// The table that cannot be extended after all, and why, where that is what ended a run.
fn shared(error: &Error) -> Option<(String, String)> {
    match star_error::find(error)? {
        lakeseed_star_schema::Error::Shared { table, why } => Some((table.clone(), why.clone())),
        _ => None,
    }
}

/// What an end that was not hoped for means.
fn failure(error: Error, stop: &Stop, out: &Destination, began: bool) -> anyhow::Error {
    let left = match &error {
        Error::Incomplete {
            proven, pending, ..
        } => Some(format!(
            "{proven} of {} files are finished and stay",
            proven + pending.len()
        )),
        _ => None,
    };
    if error.is_stopped() {
        let signal = stop.signal().unwrap_or(2);
        let (left, next) = match left {
            Some(left) => (left, "go on"),
            None => (format!("nothing of it is in {out}"), "start again"),
        };
        let name = stop.name();
        let line = format!("stopped by {name}; {left}; repeat the command to {next}");
        return Failure::stopped(signal, line).into();
    }
    if let Some(found) = star_error::find(&error) {
        return star_error::explain(found, left.as_deref()).into();
    }
    let moment = match left {
        Some(left) => Moment::OnTheWay { left },
        None if began => Moment::OnTheWay {
            left: "nothing was finished".to_owned(),
        },
        None => Moment::BeforeTheStart,
    };
    Failure::of_writing(error, moment).into()
}

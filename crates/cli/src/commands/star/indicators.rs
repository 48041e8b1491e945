//! The indicators of a star: asked once it is whole, and written into it as an output of their own, with
//! a page and CSV files beside their Parquet.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Result;
use arrow_array::{RecordBatch, RecordBatchIterator};
use arrow_schema::SchemaRef;
use lakeseed_budget::{Budget, Bytes};
use lakeseed_sink::{
    Error, FileFormat, Manifest, Report, Store, UnitPlan, UnitRun, UnitTable, UnitWriter,
    open_finished,
};
use lakeseed_star_schema::query::{Queries, QuerySettings};
use lakeseed_star_schema::{
    Answer, Ask, FOLDER_OF_INDICATORS, IndicatorSpec, Model, Origin, Settings, Stop as StarStop,
    page,
};

use super::{commit, failure};
use crate::args::{self, Remote};
use crate::error::{self, Failure};
use crate::log::Log;
use crate::lower::Destination;
use crate::lower::star::{AnySource, IndicatorsRecipe, tables};
use crate::signals::Stop;

/// The page's name.
const PAGE: &str = "index.html";
/// What a reader of a column holds at most: a window, a page, a dictionary.
const COLUMN_BYTES: Bytes = Bytes::new(3 << 20);
/// Columns that a statement reads at once.
const COLUMNS: u64 = 6;
/// Less is no use to the engine.
const LEAST_MEMORY: Bytes = Bytes::new(16 << 20);
/// What a statement should have before another runs beside it: spilling costs more than a thread gains.
const GOOD_MEMORY: Bytes = Bytes::new(192 << 20);

/// With what indicators are asked.
pub(super) struct Means<'a> {
    pub(super) budget: &'a Budget,
    pub(super) settings: &'a Settings,
    pub(super) format: FileFormat,
    pub(super) remote: &'a Remote,
    pub(super) log: &'a Log,
    pub(super) stop: &'a Stop,
}

/// What was answered, and what was written for it.
pub(super) struct Answers {
    pub(super) out: Destination,
    pub(super) report: Report,
    pub(super) all: Vec<Answer>,
}

/// The indicators that the command asks for.
///
/// # Errors
/// A name that the model has not.
pub(super) fn chosen<'m>(args: &args::Star, model: &'m Model) -> Result<Vec<&'m IndicatorSpec>> {
    if args.no_indicators || args.explain {
        return Ok(Vec::new());
    }
    for name in &args.indicators {
        if model.indicator(name).is_none() {
            let known = model.indicators.iter().map(|spec| spec.name.as_str());
            let advice = error::advice(name, known);
            let expected = format!("an indicator of the model {}", model.name);
            return Err(Failure::usage(expected, format!("'{name}'"), &advice).into());
        }
    }
    let is_asked =
        |spec: &&IndicatorSpec| args.indicators.is_empty() || args.indicators.contains(&spec.name);
    Ok(model.indicators.iter().filter(is_asked).collect())
}

/// Answers the indicators from the finished star, or finds that they are answered already; nothing where
/// none is asked for.
pub(super) fn answer(
    model: &Model,
    chosen: &[&IndicatorSpec],
    star: &Destination,
    stored: &Arc<dyn Store>,
    means: &Means<'_>,
) -> Result<Option<Answers>> {
    if chosen.is_empty() {
        return Ok(None);
    }
    let out = star.below(FOLDER_OF_INDICATORS);
    let Some(store) = out.store(means.remote, means.log)? else {
        let advice = "name a folder or s3://BUCKET/PREFIX";
        return Err(Failure::usage("a place for many files", "--out -", advice).into());
    };
    let store: Arc<dyn Store> = store.into();
    let manifest = open_finished(stored.as_ref())?;
    let (settings, workers) = settings(chosen, means);
    let asking = Asking {
        chosen,
        tables: tables(star, stored, &manifest)?,
        settings,
        workers,
    };
    let queries = asking.queries()?;
    let asks = chosen.iter().map(|spec| Ask::prepare(&queries, spec));
    let schemas = asks.map(|ask| Ok(Arc::clone(ask?.schema())));
    let recipe = IndicatorsRecipe::new(model, &manifest, chosen.iter().copied());
    let plan = plan(
        chosen,
        schemas.collect::<Result<_>>()?,
        &recipe,
        means.format,
    )?;
    means.log.info(&format!(
        "asks {} indicators of {star} in {out}: plan {}",
        chosen.len(),
        plan.id()
    ));
    let report = asking.run(&plan, store.as_ref(), model, means, &out)?;
    let written = open_finished(store.as_ref())?;
    let all = read_back(model, chosen, &tables(&out, &store, &written)?)?;
    publish(store.as_ref(), model, &manifest, &all)?;
    Ok(Some(Answers { out, report, all }))
}

/// One statement runs in one thread, some statements side by side: what each gives depends on nothing
/// else. They share half of the memory: the other half is for what the engine does not count, readers
/// and batches under way. Gives also how many run at once.
fn settings(chosen: &[&IndicatorSpec], means: &Means<'_>) -> (QuerySettings, usize) {
    let most = means.settings.threads.clamp(1, chosen.len().max(1)) as u64;
    let readers = (COLUMNS * most) * COLUMN_BYTES;
    let all = (means.budget.total() - readers).get() / 2;
    let workers = (all / GOOD_MEMORY.get()).clamp(1, most);
    let memory = all / workers;
    let settings = QuerySettings {
        threads: 1,
        partitions: None,
        memory: Bytes::new(memory).max(LEAST_MEMORY),
        temp: Some(means.settings.temp.clone()),
        temp_in_memory: means.settings.temp_in_memory,
        temp_limit: None,
    };
    (settings, workers as usize)
}

/// What is asked, of what, and how.
struct Asking<'a> {
    chosen: &'a [&'a IndicatorSpec],
    tables: Vec<(String, AnySource)>,
    settings: QuerySettings,
    workers: usize,
}

/// A table an indicator, of one unit; the page and the CSV files are the caller's.
fn plan(
    chosen: &[&IndicatorSpec],
    schemas: Vec<SchemaRef>,
    recipe: &IndicatorsRecipe,
    format: FileFormat,
) -> Result<UnitPlan> {
    let mut plan = UnitPlan::builder(format)
        .data_id(recipe.data_id())
        .data(serde_json::to_value(recipe)?)
        .beside(PAGE);
    for (spec, schema) in chosen.iter().zip(schemas) {
        plan = plan.beside(csv_of(&spec.name)).table(UnitTable {
            name: spec.name.clone(),
            schema,
            units: 1,
        });
    }
    Ok(plan.build()?)
}

fn csv_of(indicator: &str) -> String {
    format!("{indicator}.csv")
}

impl Asking<'_> {
    /// The engine over the tables of the star.
    fn queries(&self) -> Result<Queries, lakeseed_star_schema::Error> {
        let mut queries = Queries::new(&self.settings)?;
        for (name, source) in &self.tables {
            queries.register_source(name, Arc::clone(source))?;
        }
        Ok(queries)
    }

    /// Writes what is missing. Answers of another star or of other statements are replaced: they follow
    /// from what is there now, and nobody has to ask for that.
    fn run(
        &self,
        plan: &UnitPlan,
        store: &dyn Store,
        model: &Model,
        means: &Means<'_>,
        out: &Destination,
    ) -> Result<Report> {
        let stop = StarStop::new();
        let stopped_by = || means.stop.name().to_owned();
        let work = |writer: &UnitWriter<'_>| {
            let failed: Mutex<Option<Error>> = Mutex::default();
            let next = AtomicUsize::new(0);
            let worker = || {
                if let Err(error) = self.work(writer, &next, &stop, model, means.log) {
                    stop.raise();
                    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    // The others end because this one has.
                    failed.get_or_insert(error);
                }
            };
            means.stop.handed_to(&stop, || {
                thread::scope(|scope| {
                    for _ in 1..self.workers {
                        scope.spawn(worker);
                    }
                    worker();
                });
            });
            let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
            failed.map_or(Ok(()), Err)
        };
        let attempt = |is_overwrite| {
            UnitRun::new(plan, store)
                .overwrite(is_overwrite)
                .stopped_by(&stopped_by)
                .run(work)
        };
        let done = match attempt(false) {
            Err(Error::OtherPlan { .. }) => attempt(true),
            done => done,
        };
        done.map_err(|error| failure(error, means.stop, out, true))
    }

    /// Answers one indicator after the other, as long as there are any.
    fn work(
        &self,
        writer: &UnitWriter<'_>,
        next: &AtomicUsize,
        stop: &StarStop,
        model: &Model,
        log: &Log,
    ) -> Result<(), Error> {
        let told = |error| commit::as_sink(error, &model.name);
        let queries = self.queries().map_err(told)?;
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(spec) = self.chosen.get(at) else {
                return Ok(());
            };
            if writer.is_done(at, 0) {
                continue;
            }
            let ask = Ask::prepare(&queries, spec).map_err(told)?;
            let rows = ask.rows(stop).map_err(told)?;
            let count: usize = rows.iter().map(RecordBatch::num_rows).sum();
            log.info(&format!("answered {}: {count} rows", spec.name));
            let rows = rows.into_iter().map(Ok);
            let mut rows = RecordBatchIterator::new(rows, Arc::clone(ask.schema()));
            writer.write(at, 0, &mut rows)?;
        }
    }
}

/// The answers as they stand in their files.
fn read_back(
    model: &Model,
    chosen: &[&IndicatorSpec],
    tables: &[(String, AnySource)],
) -> Result<Vec<Answer>> {
    let tables: HashMap<&str, &AnySource> = tables
        .iter()
        .map(|(name, source)| (name.as_str(), source))
        .collect();
    let mut answers = Vec::with_capacity(chosen.len());
    for spec in chosen {
        let Some(source) = tables.get(spec.name.as_str()) else {
            continue;
        };
        let schema = source.schema();
        let columns: Vec<usize> = (0..schema.fields().len()).collect();
        let mut batches = Vec::new();
        for piece in 0..source.pieces().len() {
            for batch in source.read(piece, &columns, Answer::MOST_ROWS)? {
                batches.push(batch?);
            }
        }
        answers.push(Answer::new(model, spec, &schema, &batches)?);
    }
    Ok(answers)
}

/// Leaves the CSV files and, last, the page; nothing where the page is there as it would be.
fn publish(store: &dyn Store, model: &Model, star: &Manifest, answers: &[Answer]) -> Result<()> {
    let tables = star.tables.iter();
    let origin = Origin {
        run_id: star.run_id.clone(),
        tables: tables
            .map(|table| (table.name.clone(), table.rows))
            .collect(),
    };
    let html = page(model, &origin, answers);
    if store.get(PAGE)?.as_deref() == Some(html.as_bytes()) {
        return Ok(());
    }
    for answer in answers {
        let name = csv_of(&answer.spec().name);
        store.replace(&name, answer.csv().as_bytes())?;
    }
    Ok(store.replace(PAGE, html.as_bytes())?)
}

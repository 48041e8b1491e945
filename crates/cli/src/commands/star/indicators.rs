//! The indicators of a star: asked once it is whole, and written into it as an output of their own, with
//! a page and CSV files beside their Parquet.

mod asking;

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;
use arrow_schema::SchemaRef;
use lakeseed_budget::{Budget, Bytes};
use lakeseed_sink::{
    Error, FileFormat, Manifest, Report, Store, UnitPlan, UnitRun, UnitTable, open_finished,
};
use lakeseed_star_schema::query::{Queries, QuerySettings};
use lakeseed_star_schema::{
    Answer, Ask, FOLDER_OF_INDICATORS, IndicatorSpec, Model, Origin, Settings, page,
};

use self::asking::Asking;
use super::failure;
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
/// Less is no use to a statement.
const LEAST_MEMORY: Bytes = Bytes::new(16 << 20);

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
    let settings = settings(chosen, means);
    let mut queries = Queries::new(&settings)?;
    for (name, source) in tables(star, stored, &manifest)? {
        queries.register_source(&name, source)?;
    }
    let asks = chosen.iter().map(|spec| Ask::prepare(&queries, spec));
    let mut asks = asks.collect::<Result<Vec<_>, _>>()?;
    let schemas = asks.iter().map(|ask| Arc::clone(ask.schema()));
    let recipe = IndicatorsRecipe::new(model, &manifest, chosen.iter().copied());
    let plan = plan(chosen, schemas.collect(), &recipe, means.format)?;
    means.log.info(&format!(
        "asks {} indicators of {star} in {out}: plan {}",
        chosen.len(),
        plan.id()
    ));
    let stopped_by = || means.stop.name().to_owned();
    let mut attempt = |is_overwrite| {
        UnitRun::new(&plan, store.as_ref())
            .overwrite(is_overwrite)
            .stopped_by(&stopped_by)
            .run(|writer| {
                let families = Ask::families(&mut asks);
                let asking = Asking {
                    model,
                    asks: &asks,
                    writer,
                    log: means.log,
                };
                asking.run(families, settings.threads, means.stop)
            })
    };
    // Answers of another star or of other statements are replaced: they follow from what is there now,
    // and nobody has to ask for that.
    let done = match attempt(false) {
        Err(Error::OtherPlan { .. }) => attempt(true),
        done => done,
    };
    let report = done.map_err(|error| failure(error, means.stop, &out, true))?;
    let written = open_finished(store.as_ref())?;
    let all = read_back(model, chosen, &tables(&out, &store, &written)?)?;
    publish(store.as_ref(), model, &manifest, &all)?;
    Ok(Some(Answers { out, report, all }))
}

/// Statements run side by side, each in one partition: what it gives depends on nothing else. They share
/// half of the memory: the other half is for what the engine does not count, readers and batches under
/// way.
fn settings(chosen: &[&IndicatorSpec], means: &Means<'_>) -> QuerySettings {
    let most = means.settings.threads.clamp(1, chosen.len().max(1)) as u64;
    let readers = (COLUMNS * most) * COLUMN_BYTES;
    let memory = (means.budget.total() - readers).get() / 2;
    let workers = (memory / LEAST_MEMORY.get()).clamp(1, most);
    QuerySettings {
        threads: workers as usize,
        partitions: Some(1),
        memory: Bytes::new(memory).max(LEAST_MEMORY),
        temp: Some(means.settings.temp.clone()),
        temp_in_memory: means.settings.temp_in_memory,
        temp_limit: None,
    }
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

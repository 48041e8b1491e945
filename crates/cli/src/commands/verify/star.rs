//! The rows of a star, held against the arithmetic of the dataset that it is made from.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Result;
use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use lakeseed_gen_core::{Settings, find};
use lakeseed_sink::{Differs, Judge, Manifest, Store, Stray};
use lakeseed_star_schema::oracle::{self, Oracle};
use lakeseed_star_schema::{Error, Model};

use crate::commands::star::commit::rejected_mark;
use crate::lower::star::{Pinned, StarRecipe, statements};
use crate::lower::{OwnRows, Recipe};

/// Who knows what the rows of a star must be.
pub(super) struct Rows {
    oracle: Arc<Oracle>,
    threads: usize,
    stop: Arc<AtomicBool>,
}

/// What a star's rows are held against, or why they are not.
pub(super) enum Anew {
    Known(Rows),
    Unknown(String),
}

impl Anew {
    /// Counts what must be there: the longest part of a verification without files.
    pub(super) fn of(
        manifest: &Manifest,
        store: &dyn Store,
        threads: usize,
        stop: &Arc<AtomicBool>,
    ) -> Result<Self> {
        let (model, settings) = match known(manifest, store)? {
            Ok(known) => known,
            Err(why) => return Ok(Self::Unknown(why)),
        };
        let oracle = Oracle::new(&model, &settings, threads, stop)?;
        Ok(match oracle {
            Some(oracle) => Self::Known(Rows {
                oracle: Arc::new(oracle),
                threads,
                stop: Arc::clone(stop),
            }),
            None => Self::Unknown(format!("nothing is known of the model {model}")),
        })
    }
}

impl Rows {
    /// Who judges the rows of a table.
    pub(super) fn judge(&self, table: &str) -> Option<Arc<dyn Judge>> {
        let mut tables = self.oracle.tables();
        let table = tables.find(|known| *known == table)?.to_owned();
        Some(Arc::new(OfTable {
            oracle: Arc::clone(&self.oracle),
            table,
            threads: self.threads,
            stop: Arc::clone(&self.stop),
        }))
    }
}

/// Model and dataset of a star whose rows can be told; else the reason why they cannot.
fn known(manifest: &Manifest, store: &dyn Store) -> Result<Result<(String, Settings), String>> {
    let why = |why: &str| Ok(Err(why.to_owned()));
    // The last plan speaks of all: where others are part of the star, it has extended what they made.
    let Some(plan) = manifest.plans.last() else {
        return why("its manifest does not say what it is made from");
    };
    let Ok(recipe) = serde_json::from_value::<StarRecipe>(plan.data.clone()) else {
        return why("its manifest does not say what it is made from");
    };
    let model = &recipe.star;
    let (Ok(built_in), Some(dataset)) = (Model::builtin(model), Oracle::dataset(model)) else {
        return Ok(Err(format!("the model {model} is none that is built in")));
    };
    if statements(&built_in) != recipe.statements {
        return Ok(Err(format!(
            "its statements are not those of the model {model} that is built in"
        )));
    }
    let generated = &recipe.generated;
    let Some(first) = generated.first().filter(|first| first.dataset == dataset) else {
        return Ok(Err(format!(
            "its sources are no output of generate {dataset}"
        )));
    };
    let version = find(dataset)?.data_version;
    if first.data_version != version {
        return Ok(Err(format!(
            "it is of version {} of {dataset}, and this lakeseed makes {version}",
            first.data_version
        )));
    }
    if generated.iter().any(|recipe| !recipe.own.is_empty()) {
        return why("its sources hang on rows of the user's own");
    }
    let made = Recipe::dataset(generated, &OwnRows::default())?;
    // A source that the dataset has no table for comes with the engine.
    let is_whole = |(name, source): (&String, &Pinned)| {
        let table = made.table(name).ok();
        table.is_none_or(|table| source.rows == Some(table.row_count()))
    };
    if !recipe.sources.iter().all(is_whole) {
        return why("its sources are not all rows of their dataset");
    }
    for plan in &manifest.plans {
        if store.get(&rejected_mark(&plan.id))?.is_some() {
            return why("rows of its sources could not be read and were left out");
        }
    }
    Ok(Ok((recipe.star, Recipe::settings(generated)?)))
}

/// A table of the star before its judge.
struct OfTable {
    oracle: Arc<Oracle>,
    table: String,
    threads: usize,
    stop: Arc<AtomicBool>,
}

impl Judge for OfTable {
    fn judge(&self, rows: &RecordBatch, differs: &mut Differs<'_>) -> Result<(), ArrowError> {
        let checked = self.oracle.check(&self.table, rows, differs);
        checked.map_err(external)
    }

    fn end(&self) -> Result<Vec<Stray>, ArrowError> {
        let strays = self.oracle.strays(&self.table, self.threads, &self.stop);
        let strays = strays.map_err(external)?.into_iter();
        Ok(strays
            .map(|stray| match stray {
                oracle::Stray::Missing(row) => Stray::Missing(row),
                oracle::Stray::Surplus(row) => Stray::Surplus(row),
                oracle::Stray::Count { expected, found } => Stray::Count { expected, found },
            })
            .collect())
    }
}

fn external(error: Error) -> ArrowError {
    ArrowError::ExternalError(Box::new(error))
}

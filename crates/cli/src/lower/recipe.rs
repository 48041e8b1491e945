//! What a dataset can be made from again: written into the manifest, read back by `verify`.

use std::collections::BTreeMap;

use anyhow::Result;
use lakeseed_gen_core::{Dataset, Date, Settings};
use serde::{Deserialize, Serialize};

use super::own::OwnRows;
use crate::error::Failure;

/// A dataset with every count and parameter fixed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Recipe {
    pub(crate) dataset: String,
    pub(crate) data_version: u32,
    pub(crate) seed: u64,
    /// The scale, as it was asked for; the counts below are what counts.
    pub(crate) scale: Option<f64>,
    /// Row counts of root tables.
    pub(crate) rows: BTreeMap<String, u64>,
    pub(crate) parameters: BTreeMap<String, String>,
    /// Digests of the rows of the user's own, by the table that they replace.
    #[serde(default, rename = "use", skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) own: BTreeMap<String, String>,
    /// The days of event tables; none for a dataset without.
    pub(crate) window: Option<Window>,
    /// Rows with faults that stand there on purpose, by table and kind; for people.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) planted: BTreeMap<String, BTreeMap<String, u64>>,
}

/// Days, the last one included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Window {
    pub(crate) start: String,
    pub(crate) end: String,
}

impl Recipe {
    pub(crate) fn of(dataset: &Dataset, scale: Option<f64>) -> Self {
        let (start, end) = dataset.window();
        let rows = dataset.root_rows().iter();
        let parameters = dataset.parameters().iter();
        Self {
            dataset: dataset.info().name.to_owned(),
            data_version: dataset.info().data_version,
            seed: dataset.seed(),
            scale,
            rows: rows
                .map(|(table, rows)| ((*table).to_owned(), *rows))
                .collect(),
            parameters: parameters
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
            own: dataset
                .own()
                .into_iter()
                .map(|(table, digest)| (table.to_owned(), digest.to_owned()))
                .collect(),
            window: dataset.info().has_window.then(|| Window {
                start: start.to_string(),
                end: end.to_string(),
            }),
            planted: planted(dataset),
        }
    }

    /// The settings of several recipes that differ in their windows only, over all of these; but for rows
    /// of the user's own.
    pub(crate) fn settings(recipes: &[Self]) -> Result<Settings> {
        let Some(first) = recipes.first() else {
            return Err(unknown("a manifest without plans").into());
        };
        let mut settings = Settings::new().seed(first.seed);
        let counted = first.rows.iter();
        for (table, rows) in counted.filter(|(table, _)| !first.own.contains_key(*table)) {
            settings = settings.rows(table, *rows);
        }
        for (name, value) in &first.parameters {
            settings = settings.parameter(name, value.clone());
        }
        let windows = || recipes.iter().filter_map(|recipe| recipe.window.as_ref());
        let day = |text: &str| -> Result<Date> {
            text.parse()
                .map_err(|_| unknown(&format!("the day '{text}'")).into())
        };
        // Days as text are in the order of days.
        if let Some(start) = windows().map(|window| window.start.as_str()).min() {
            settings = settings.start(day(start)?);
        }
        if let Some(end) = windows().map(|window| window.end.as_str()).max() {
            settings = settings.end(day(end)?);
        }
        Ok(settings)
    }

    /// The tables whose rows are the user's own.
    pub(crate) fn own_tables(&self) -> impl Iterator<Item = &str> {
        self.own.keys().map(String::as_str)
    }

    /// The same as if all rows were made.
    pub(crate) fn forget_own(&mut self) {
        let own = std::mem::take(&mut self.own);
        self.rows.retain(|table, _| !own.contains_key(table));
    }

    /// The dataset of such recipes, with the rows of the user's own that it was made with.
    ///
    /// # Errors
    /// Rows that are missing, and others than those.
    pub(crate) fn dataset(recipes: &[Self], own: &OwnRows) -> Result<Dataset> {
        let settings = Self::settings(recipes)?;
        let Some(first) = recipes.first() else {
            return Err(unknown("a manifest without plans").into());
        };
        if let Some((table, digest)) = first.own.iter().find(|(table, _)| !own.has(table)) {
            return Err(not_the_rows(table, digest, "none that can be read here").into());
        }
        let own = own.only(|table| first.own.contains_key(table));
        let dataset = Dataset::new(&first.dataset, &own.add_to(settings))?;
        for (table, found) in dataset.own() {
            let digest = first.own.get(table).map_or("", String::as_str);
            if found != digest {
                return Err(not_the_rows(table, digest, found).into());
            }
        }
        if dataset.info().data_version != first.data_version {
            let expected = format!(
                "version {} of {}, which this lakeseed makes",
                dataset.info().data_version,
                first.dataset
            );
            let got = format!("version {}", first.data_version);
            let advice = "verify with the lakeseed that wrote it, or with --quick";
            return Err(Failure::refused(expected, got, advice).into());
        }
        Ok(dataset)
    }
}

/// The faults of each table that has any.
fn planted(dataset: &Dataset) -> BTreeMap<String, BTreeMap<String, u64>> {
    let tables = dataset.tables().iter().map(|table| {
        let faults = table.planted().into_iter();
        let faults = faults.map(|fault| (fault.name.to_owned(), fault.rows));
        (table.name().to_owned(), faults.collect::<BTreeMap<_, _>>())
    });
    tables.filter(|(_, faults)| !faults.is_empty()).collect()
}

/// Rows of the user's own that are missing, or are others.
fn not_the_rows(table: &str, digest: &str, got: &str) -> Failure {
    let expected = format!("the rows of {table} that the others hang on, {digest}");
    let advice = format!("name them with --use {table}=PLACE, as they were");
    Failure::refused(expected, got, &advice)
}

fn unknown(got: &str) -> Failure {
    let expected = "a manifest that says what its rows are made from";
    Failure::refused(expected, got, "verify with --quick")
}

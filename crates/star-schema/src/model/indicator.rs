//! Indicators: questions to a finished star, each a `SELECT` in a file of its own.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::check::{self, Place, near};
use super::file::one_select;
use super::{FOLDER_OF_INDICATORS, MODEL_FILE};
use crate::{Error, Result};

/// A question to a star, and how its answer is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndicatorSpec {
    /// Its name, that of its file.
    pub name: String,
    /// Its title.
    pub about: String,
    /// Its statement, over the tables of the star.
    pub sql: String,
    /// Where the statement stands, for errors.
    pub place: String,
    /// The column that names a row; the first where none is given.
    pub label: Option<String>,
    /// The column that is drawn; the first of numbers, after the label, where none is given.
    pub value: Option<String>,
    /// How that column is written; a whole number is a count, any other a number, where it is not given.
    pub format: Option<NumberFormat>,
    /// How other columns are written.
    pub formats: BTreeMap<String, NumberFormat>,
    /// How the answer is drawn.
    pub chart: Chart,
    /// The column whose values become columns of a [`Chart::Shaded`] table.
    pub across: Option<String>,
    /// Whether a terminal shows it.
    pub is_main: bool,
}

/// How a number is written for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberFormat {
    /// With two decimals, after the model's currency.
    Money,
    /// A share of a hundred: 62.0 is 62.0 %.
    Percent,
    /// Whole.
    Count,
    /// With as many decimals as it needs, two at most.
    Number,
    /// As it stands: a number that counts nothing, as a key.
    Code,
}

/// How an answer is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chart {
    /// A row of few figures: a card.
    Figure,
    /// A bar a row, from above.
    #[default]
    Bars,
    /// A column a row, from the left: what follows in time.
    Columns,
    /// A table whose cells are shaded by their values.
    Shaded,
}

impl Chart {
    /// As a description has it.
    fn name(self) -> &'static str {
        match self {
            Self::Figure => "figure",
            Self::Bars => "bars",
            Self::Columns => "columns",
            Self::Shaded => "shaded",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileIndicator {
    about: String,
    label: Option<String>,
    value: Option<String>,
    format: Option<NumberFormat>,
    #[serde(default)]
    formats: BTreeMap<String, NumberFormat>,
    #[serde(default)]
    chart: Chart,
    across: Option<Spanned<String>>,
    #[serde(default)]
    main: bool,
}

/// The indicators of a description, in the order in which they stand in it, from the statements of the
/// model's folder.
pub(super) fn assemble(
    place: Place<'_>,
    folder: &str,
    entries: BTreeMap<Spanned<String>, FileIndicator>,
    files: &BTreeMap<String, String>,
) -> Result<Vec<IndicatorSpec>> {
    let statements: BTreeMap<&str, &String> = files
        .iter()
        .filter_map(|(name, sql)| {
            let name = name.strip_prefix(FOLDER_OF_INDICATORS)?.strip_prefix('/')?;
            Some((name.strip_suffix(".sql")?, sql))
        })
        .collect();
    for statement in statements.keys() {
        if !entries.keys().any(|name| name.get_ref() == statement) {
            let names = entries.keys().map(|name| name.get_ref().as_str());
            return Err(Error::Model {
                place: format!("{folder}/{FOLDER_OF_INDICATORS}/{statement}.sql"),
                expected: format!("an entry [indicators.{statement}] in {MODEL_FILE}"),
                found: format!("none{}", near(statement, names)),
            });
        }
    }
    let mut found = Vec::with_capacity(entries.len());
    for (name, entry) in entries {
        let file = format!("{FOLDER_OF_INDICATORS}/{}.sql", name.get_ref());
        let Some(sql) = statements.get(name.get_ref().as_str()) else {
            let near = near(name.get_ref(), statements.keys().copied());
            return Err(place.error(name.span(), format!("a file {file}"), format!("none{near}")));
        };
        check::is_name(place, &name)?;
        let statement = format!("{folder}/{file}");
        one_select(&statement, sql)?;
        if let Some(across) = entry
            .across
            .as_ref()
            .filter(|_| entry.chart != Chart::Shaded)
        {
            let expected = "chart = \"shaded\" where a column is laid across";
            let found = format!("chart = \"{}\"", entry.chart.name());
            return Err(place.error(across.span(), expected, found));
        }
        let indicator = IndicatorSpec {
            about: entry.about,
            sql: (*sql).clone(),
            place: statement,
            label: entry.label,
            value: entry.value,
            format: entry.format,
            formats: entry.formats,
            chart: entry.chart,
            across: entry.across.map(Spanned::into_inner),
            is_main: entry.main,
            name: name.get_ref().clone(),
        };
        found.push((name.span().start, indicator));
    }
    found.sort_by_key(|(start, _)| *start);
    Ok(found.into_iter().map(|(_, indicator)| indicator).collect())
}

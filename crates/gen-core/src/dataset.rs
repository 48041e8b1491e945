//! Datasets: named families of tables, made from one seed and a few parameters.
//!
//! What a dataset offers is declared as data ([`DatasetInfo`]): its tables, which of them have a
//! count of their own, its parameters with type, default and meaning. A command line or a form
//! makes its flags of these and needs no knowledge of any dataset.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use crate::builder::MAX_ROWS;
use crate::date::Date;
use crate::error::{Error, Result};
use crate::table::Table;

/// The seed unless told otherwise; never the clock.
pub const DEFAULT_SEED: u64 = 42;

/// The first day of every event table, and the first of the base year that scale counts.
pub const EPOCH: Date = Date::new(2023, 1, 1);

/// The last day that a window may reach.
pub const HORIZON: Date = Date::new(2122, 12, 31);

/// What a dataset is and what can be said about it.
#[derive(Debug)]
pub struct DatasetInfo {
    /// Its name.
    pub name: &'static str,
    /// One line on what it models.
    pub about: &'static str,
    /// Raised whenever a value changes; part of the data id.
    pub data_version: u32,
    /// Its tables in the order in which they are written, with one line each.
    pub tables: &'static [(&'static str, &'static str)],
    /// The counts that can be set; all other counts follow from theirs.
    pub roots: &'static [Root],
    /// Its own parameters.
    pub parameters: &'static [Parameter],
    /// Whether it has event tables, of which a window chooses the days.
    pub has_window: bool,
    /// Makes the tables once the settings are fixed.
    pub(crate) build: fn(&Resolved) -> Result<Vec<Table>>,
}

/// A count that can be set, of a table's rows or of what rows are made from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Root {
    /// The table; or what is counted, where it is not written as a table of its own, such as
    /// pupils whose answers are.
    pub table: &'static str,
    /// Its rows at scale 1; for an event table those of the base year. May have a fraction, so
    /// that a larger scale meets a given count.
    pub rows_at_scale_1: f64,
    /// The most rows it can have, and why.
    pub limit: (u64, &'static str),
}

/// A parameter that a dataset declares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// Its name, as in `--items-per-invoice`.
    pub name: &'static str,
    /// What it changes.
    pub about: &'static str,
    /// What it takes.
    pub kind: ParameterKind,
    /// Its value unless told otherwise.
    pub default: &'static str,
}

/// What a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParameterKind {
    /// A whole number in this range.
    Integer(u64, u64),
    /// A number in this range.
    Number(f64, f64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number in this range, or `none`.
    OptionalInteger(u64, u64),
    /// `on` or `off`; its name alone, as a flag, is `on`.
    Switch,
}

/// What a [`ParameterKind::Switch`] takes.
pub const SWITCH: [&str; 2] = ["off", "on"];

impl Parameter {
    /// Checks a value and gives its one canonical form, which enters the data id.
    fn canonical(&self, value: &str) -> Result<String> {
        let value = value.trim();
        let number = |low: u64, high: u64| {
            let parsed = value.replace('_', "").parse::<u64>();
            parsed
                .ok()
                .filter(|number| (low..=high).contains(number))
                .map(|n| n.to_string())
        };
        let found = match self.kind {
            ParameterKind::OptionalInteger(..) if value == "none" => Some(value.to_owned()),
            ParameterKind::Integer(low, high) | ParameterKind::OptionalInteger(low, high) => {
                number(low, high)
            }
            ParameterKind::Number(low, high) => {
                let parsed = value.parse::<f64>().ok();
                parsed
                    .filter(|x| (low..=high).contains(x))
                    // Plus zero: -0 is 0.
                    .map(|x| (x + 0.0).to_string())
            }
            ParameterKind::Choice(words) => words.contains(&value).then(|| value.to_owned()),
            ParameterKind::Switch => SWITCH.contains(&value).then(|| value.to_owned()),
        };
        found.ok_or_else(|| {
            Error::bad_value(format!("--{}", self.name), self.kind.to_string(), value)
        })
    }
}

impl fmt::Display for ParameterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(low, high) => write!(f, "a whole number from {low} to {high}"),
            Self::Number(low, high) => write!(f, "a number from {low} to {high}"),
            Self::Choice(words) => write!(f, "one of {}", words.join(", ")),
            Self::Switch => write!(f, "on or off"),
            Self::OptionalInteger(low, high) => {
                write!(f, "a whole number from {low} to {high}, or none")
            }
        }
    }
}

/// What a user says about a dataset; everything has a default.
///
/// ```
/// use lakeseed_gen_core::{Settings, retail::Retail};
///
/// let retail = Retail::new(&Settings::new().scale(3.0).seed(7))?;
/// assert_eq!(retail.invoices().row_count(), 9_000_000);
/// # Ok::<(), lakeseed_gen_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    scale: f64,
    rows: Vec<(Option<String>, u64)>,
    seed: u64,
    start: Option<Date>,
    end: Option<Date>,
    parameters: Vec<(String, String)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            scale: 1.0,
            rows: Vec::new(),
            seed: DEFAULT_SEED,
            start: None,
            end: None,
            parameters: Vec::new(),
        }
    }
}

impl Settings {
    /// Scale 1, the base year, seed 42, every parameter at its default.
    pub fn new() -> Self {
        Self::default()
    }

    /// All counts relative to scale 1, which is about 1 GB of CSV.
    #[must_use]
    pub fn scale(mut self, scale: f64) -> Self {
        self.scale = scale;
        self
    }

    /// The count of one root table, whatever the scale.
    #[must_use]
    pub fn rows(mut self, table: &str, rows: u64) -> Self {
        self.rows.push((Some(table.to_owned()), rows));
        self
    }

    /// The count of the one root table of a dataset that has only one.
    #[must_use]
    pub fn only_rows(mut self, rows: u64) -> Self {
        self.rows.push((None, rows));
        self
    }

    /// The seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The first day of event tables; the default is the epoch.
    #[must_use]
    pub fn start(mut self, day: Date) -> Self {
        self.start = Some(day);
        self
    }

    /// The last day of event tables, itself included; the default is the last of the start's year.
    #[must_use]
    pub fn end(mut self, day: Date) -> Self {
        self.end = Some(day);
        self
    }

    /// One of the dataset's own parameters, as text.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: impl Into<String>) -> Self {
        self.parameters.push((name.to_owned(), value.into()));
        self
    }
}

/// Settings after every default and check: what a dataset is built from.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    pub(crate) seed: u64,
    pub(crate) data_version: u32,
    pub(crate) start: Date,
    pub(crate) end: Date,
    rows: BTreeMap<&'static str, u64>,
    parameters: BTreeMap<&'static str, String>,
}

impl Resolved {
    /// The count of a root table.
    pub(crate) fn rows(&self, table: &str) -> u64 {
        self.rows.get(table).copied().unwrap_or_default()
    }

    /// A parameter as text.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.parameters
            .get(name)
            .map(String::as_str)
            .unwrap_or_default()
    }

    /// Whether a switch is on.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.text(name) == SWITCH[1]
    }

    /// A numeric parameter; checked already, so what does not parse is one that says `none`.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name).parse().ok()
    }
}

/// A dataset with every count and parameter fixed: its tables, ready to make rows.
#[derive(Debug, Clone)]
pub struct Dataset {
    info: &'static DatasetInfo,
    id: String,
    resolved: Resolved,
    tables: Vec<Table>,
}

impl Dataset {
    /// Fixes the settings of a dataset.
    ///
    /// # Errors
    /// When the name or a table or parameter is unknown, or a value is outside what it takes.
    pub fn new(name: &str, settings: &Settings) -> Result<Self> {
        find(name)?.dataset(settings)
    }

    /// What the dataset is.
    pub fn info(&self) -> &'static DatasetInfo {
        self.info
    }

    /// Names everything that its values depend on: name, data version, counts, parameters, seed.
    ///
    /// Equal ids mean equal rows. The window is not in it: it chooses rows and changes none.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The first and last day of event tables.
    pub fn window(&self) -> (Date, Date) {
        (self.resolved.start, self.resolved.end)
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.resolved.seed
    }

    /// The counts of its root tables, from the scale or as they were given.
    pub fn root_rows(&self) -> &BTreeMap<&'static str, u64> {
        &self.resolved.rows
    }

    /// Its own parameters, every one of them, in the form in which they enter the data id.
    pub fn parameters(&self) -> &BTreeMap<&'static str, String> {
        &self.resolved.parameters
    }

    /// The settings after every default and check.
    pub(crate) fn resolved(&self) -> &Resolved {
        &self.resolved
    }

    /// Its tables, parents before children.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// One table.
    ///
    /// # Errors
    /// When there is none of that name; the error holds those that exist.
    pub fn table(&self, name: &str) -> Result<&Table> {
        self.tables
            .iter()
            .find(|table| table.name() == name)
            .ok_or_else(|| {
                let known = self.tables.iter().map(Table::name);
                Error::unknown("table", Some(self.info.name), name, known)
            })
    }
}

/// The datasets that are built in.
pub fn datasets() -> &'static [&'static DatasetInfo] {
    static ALL: [&DatasetInfo; 3] = [
        &crate::retail::INFO,
        &crate::predictions::INFO,
        &crate::assessments::INFO,
    ];
    &ALL
}

/// A built-in dataset by name.
///
/// # Errors
/// When there is none of that name; the error holds those that exist.
pub fn find(name: &str) -> Result<&'static DatasetInfo> {
    datasets()
        .iter()
        .copied()
        .find(|info| info.name == name)
        .ok_or_else(|| {
            Error::unknown(
                "dataset",
                None,
                name,
                datasets().iter().map(|info| info.name),
            )
        })
}

impl DatasetInfo {
    /// Fixes the settings.
    ///
    /// # Errors
    /// When a table or parameter is unknown, or a value is outside what it takes.
    pub fn dataset(&'static self, settings: &Settings) -> Result<Dataset> {
        let resolved = self.resolve(settings)?;
        let mut id = format!("{}/{}?seed={}", self.name, self.data_version, resolved.seed);
        for (table, rows) in &resolved.rows {
            let _ = write!(id, "&{table}={rows}");
        }
        for (name, value) in &resolved.parameters {
            let _ = write!(id, "&{name}={value}");
        }
        let tables = (self.build)(&resolved)?;
        Ok(Dataset {
            info: self,
            id,
            resolved,
            tables,
        })
    }

    fn resolve(&self, settings: &Settings) -> Result<Resolved> {
        let (start, end) = self.window(settings)?;
        Ok(Resolved {
            seed: settings.seed,
            data_version: self.data_version,
            start,
            end,
            rows: self.counts(settings)?,
            parameters: self.values(settings)?,
        })
    }

    fn window(&self, settings: &Settings) -> Result<(Date, Date)> {
        let given = settings.start.map(|day| ("--start", day));
        if let (false, Some((flag, day))) = (
            self.has_window,
            given.or(settings.end.map(|day| ("--end", day))),
        ) {
            return Err(Error::NoWindow {
                dataset: self.name.to_owned(),
                setting: flag,
                found: day.to_string(),
            });
        }
        let start = settings.start.unwrap_or(EPOCH);
        let end = settings
            .end
            .unwrap_or_else(|| Date::new(start.ymd().0, 12, 31));
        if start < EPOCH {
            return Err(Error::bad_value(
                "--start",
                format!("{EPOCH}, the epoch, or later"),
                start,
            ));
        }
        if end > HORIZON {
            return Err(Error::bad_value(
                "--end",
                format!("{HORIZON} or earlier"),
                end,
            ));
        }
        if end < start {
            return Err(Error::bad_value(
                "--end",
                format!("--start, {start}, or later"),
                end,
            ));
        }
        Ok((start, end))
    }

    fn counts(&self, settings: &Settings) -> Result<BTreeMap<&'static str, u64>> {
        let scale = settings.scale;
        if !(scale.is_finite() && scale > 0.0) {
            return Err(Error::bad_value("--scale", "a number above 0", scale));
        }
        let mut counts = BTreeMap::new();
        for root in self.roots {
            let scaled = libm::round(root.rows_at_scale_1 * scale);
            counts.insert(root.table, (scaled as u64).max(1));
        }
        for (table, rows) in &settings.rows {
            let known = || self.roots.iter().map(|root| root.table);
            let root = match (table, self.roots) {
                (None, [only]) => only,
                (None, _) => {
                    let expected = known().map(|name| format!("{name}=N")).collect::<Vec<_>>();
                    return Err(Error::bad_value("--rows", expected.join(" or "), rows));
                }
                (Some(name), roots) => {
                    let within = format!("the tables of {} whose rows can be set", self.name);
                    roots
                        .iter()
                        .find(|root| root.table == name)
                        .ok_or_else(|| Error::unknown("table", Some(&within), name, known()))?
                }
            };
            counts.insert(root.table, *rows);
        }
        for root in self.roots {
            let (most, why) = root.limit;
            let rows = counts.get(root.table).copied().unwrap_or_default();
            if rows == 0 || rows > most.min(MAX_ROWS) {
                let expected = format!("1 to {most} rows{why}");
                return Err(Error::bad_value(root.table, expected, rows));
            }
        }
        Ok(counts)
    }

    fn values(&self, settings: &Settings) -> Result<BTreeMap<&'static str, String>> {
        let mut values = BTreeMap::new();
        for parameter in self.parameters {
            values.insert(parameter.name, parameter.canonical(parameter.default)?);
        }
        for (name, value) in &settings.parameters {
            let known = self
                .parameters
                .iter()
                .find(|parameter| parameter.name == name);
            let parameter = known.ok_or_else(|| {
                let names = self.parameters.iter().map(|parameter| parameter.name);
                Error::unknown("parameter", Some(self.name), name, names)
            })?;
            values.insert(parameter.name, parameter.canonical(value)?);
        }
        Ok(values)
    }
}

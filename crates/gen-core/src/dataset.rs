//! Datasets: named families of tables, made from one seed and a few parameters.
//!
//! What a dataset offers is declared as data ([`DatasetInfo`]): its tables, which of them have a
//! count of their own, its parameters with type, default and meaning. A command line or a form
//! makes its flags of these and needs no knowledge of any dataset.

mod resolve;

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use arrow_array::RecordBatch;

use crate::date::Date;
use crate::error::{Error, Result};
use crate::own::{OwnTable, Replaceable};
use crate::table::Table;
use crate::views::View;

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
    /// The tables that rows of one's own can replace.
    pub replaceable: &'static [Replaceable],
    /// Its own parameters.
    pub parameters: &'static [Parameter],
    /// Whether it has event tables, of which a window chooses the days.
    pub has_window: bool,
    /// Views over its tables, for databases, in an order in which they can be made; may be none.
    pub views: &'static [View],
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
    own: Vec<(String, RecordBatch)>,
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
            own: Vec::new(),
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

    /// Rows of one's own in place of a table's: those whose key, and whatever else other rows follow
    /// from, is known already. The dataset's [`replaceable`](DatasetInfo::replaceable) says which
    /// tables take them and what is asked of their columns; all their other columns are carried
    /// through. The scale does not concern such a table.
    ///
    /// They are held in memory, in the order of their key. Their digest enters the data id, so that
    /// other rows are another dataset.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    /// use lakeseed_gen_core::{Error, Settings, retail::Retail};
    ///
    /// let keys: ArrayRef = Arc::new(Int64Array::from(vec![70, 12, 41]));
    /// let states: ArrayRef = Arc::new(StringArray::from(vec!["SP", "BA", "SP"]));
    /// let rows = RecordBatch::try_from_iter([("customer_id", keys), ("state", states)])?;
    ///
    /// let retail = Retail::new(&Settings::new().own("customers", rows.clone()))?;
    /// assert_eq!(retail.customers().row_count(), 3);
    /// assert_eq!(retail.customers().row_of_key(70), Some(2));
    /// assert_eq!(retail.invoices().row_count(), 3_000_000);
    /// assert!(retail.dataset().id().contains("&use.customers=blake3:"));
    ///
    /// let refused = Retail::new(&Settings::new().own("sellers", rows)).unwrap_err();
    /// assert!(matches!(refused, Error::OwnRows { .. })); // they have no seller_id
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn own(mut self, table: &str, rows: RecordBatch) -> Self {
        self.own.push((table.to_owned(), rows));
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
    own: BTreeMap<&'static str, Arc<OwnTable>>,
}

impl Resolved {
    /// The count of a root table.
    pub(crate) fn rows(&self, table: &str) -> u64 {
        self.rows.get(table).copied().unwrap_or_default()
    }

    /// The rows of the user's own that replace a table.
    pub(crate) fn own(&self, table: &str) -> Option<&Arc<OwnTable>> {
        self.own.get(table)
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

    /// Names everything that its values depend on: name, data version, counts, parameters, seed, and
    /// rows of one's own by their digest.
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

    /// The digests of the rows of one's own, by the tables that they replace: the same for the same
    /// rows in the same types, in whatever order, batches and format they came.
    pub fn own(&self) -> BTreeMap<&'static str, &str> {
        let own = self.resolved.own.iter();
        own.map(|(table, rows)| (*table, rows.digest())).collect()
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
        for (table, own) in &resolved.own {
            let _ = write!(id, "&use.{table}={}", own.digest());
        }
        let tables = (self.build)(&resolved)?;
        Ok(Dataset {
            info: self,
            id,
            resolved,
            tables,
        })
    }
}

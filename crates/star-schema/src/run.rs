//! A star: its sources, its tables, and the run that makes them.

mod pace;
mod table;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::time::Duration;

use arrow_schema::SchemaRef;
use lakeseed_budget::{Budget, Bytes, MIB, Peak};

use self::pace::Pace;
use self::table::TableRun;
use crate::batches::batches;
use crate::choose::{
    Choice, Chosen, LEAST_STATE, SAMPLE_BYTES, Strategy, choose, column_name, group_bytes,
};
use crate::cut::Cut;
use crate::engine::scan::Scan;
use crate::observe::{Observer, Stop};
use crate::{Error, Result, Source, Store, Unit};

/// A table of a model: its name, and the one statement that makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The table's name.
    pub table: String,
    /// The file, for messages.
    pub place: String,
    /// `SELECT ... FROM source GROUP BY ...`.
    pub sql: String,
}

/// How a run works. The rows that it makes do not depend on it, and their units only on `batch_by` and
/// `strategy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Workers at most; the budget may carry fewer.
    pub threads: usize,
    /// Where temporary files go: a folder of the run's own is made in it.
    pub temp: PathBuf,
    /// Whether a temporary folder that lives in memory is used too.
    pub temp_in_memory: bool,
    /// What the store holds while it commits one unit, beside the rows.
    pub store_bytes: Bytes,
    /// What the reader of a source's piece holds.
    pub read_bytes: Bytes,
    /// Cuts tables that have this column of their source among their keys by its values: each value is a
    /// unit of its own, which the observer hears by its name. This changes what units hold.
    pub batch_by: Option<String>,
    /// Takes this way instead of the one that a sample suggests, where it is possible.
    pub strategy: Option<Strategy>,
}

impl Settings {
    /// Two workers, temporary files below this folder.
    pub fn new(temp: impl Into<PathBuf>) -> Self {
        Self {
            threads: 2,
            temp: temp.into(),
            temp_in_memory: false,
            store_bytes: 16 * MIB,
            read_bytes: 16 * MIB,
            batch_by: None,
            strategy: None,
        }
    }
}

/// Sources and the statements over them, checked.
pub struct Star {
    tables: Vec<Table>,
}

/// A table on its way.
struct Table {
    scan: Scan,
    chosen: Chosen,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Each table, in their order.
    pub tables: Vec<TableReport>,
}

/// What was done for one table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableReport {
    /// Its name.
    pub table: String,
    /// Units that were committed by this run.
    pub units: usize,
    /// Units that stood already.
    pub units_before: usize,
    /// Rows of the source that were read.
    pub rows_read: u64,
    /// Rows that this run committed.
    pub rows: u64,
    /// Bytes that were written to temporary files.
    pub spilled: Bytes,
    /// How long it took.
    pub time: Duration,
}

impl Star {
    /// What [`Star::try_new`] holds for its sample, about, beside the reader of one piece. Who shares a
    /// budget with others leases it meanwhile.
    pub const SAMPLE_BYTES: Bytes = SAMPLE_BYTES;

    /// Checks statements against sources, and looks at samples.
    ///
    /// # Errors
    /// [`Error::Model`] for a statement that is not one SELECT with one GROUP BY over one of the
    /// sources; [`Error::Source`] for what cannot be read.
    pub fn try_new(
        sources: &HashMap<String, Arc<dyn Source>>,
        statements: &[Statement],
        settings: &Settings,
    ) -> Result<Self> {
        let schemas: HashMap<String, SchemaRef> = sources
            .iter()
            .map(|(name, source)| (name.clone(), source.schema()))
            .collect();
        let mut tables = Vec::new();
        for statement in statements {
            let Statement { table, place, sql } = statement;
            let cut = Arc::new(Cut::try_new(table, place, sql, &schemas)?);
            let Some(source) = sources.get(&cut.source) else {
                return Err(Error::Model {
                    place: place.clone(),
                    expected: "a source that is given".to_owned(),
                    found: cut.source.clone(),
                });
            };
            let scan = Scan::new(&cut, source);
            let by_value = match &settings.batch_by {
                Some(column) => batches(&scan, statement, column, &schemas, settings.threads)?,
                None => None,
            };
            let chosen = choose(&scan, settings.strategy, by_value)?;
            tables.push(Table { scan, chosen });
        }
        let nowhere = |_: &&String| {
            !tables.is_empty() && tables.iter().all(|table| table.chosen.by_value.is_none())
        };
        if let Some(column) = settings.batch_by.as_ref().filter(nowhere) {
            return Err(Error::Model {
                place: statements[0].place.clone(),
                expected: "a column to cut by that is a key of a table".to_owned(),
                found: column.clone(),
            });
        }
        Ok(Self { tables })
    }

    /// How each table is going to be made, and why.
    pub fn choices(&self) -> impl Iterator<Item = (&str, &Choice)> {
        self.tables
            .iter()
            .map(|table| (table.scan.cut.table.as_str(), &table.chosen.choice))
    }

    /// The same for people, with what it costs: a few lines a table.
    ///
    /// ```text
    /// fact: scatter and gather
    ///   about 11826042 groups, and no order of the source helps
    ///   26000000 rows of answers, about 26000000 of them pass; 128 units of about 203125 rows
    ///   keys: mun_uf, mun_nome, esc_inep; about 260 MiB of temporary files
    ///   an aggregate of one unit holds about 34 MiB; 512 MiB are free for 2 workers
    /// ```
    pub fn explain(&self, settings: &Settings, budget: &Budget) -> String {
        use std::fmt::Write as _;
        let mut text = String::new();
        for Table { scan, chosen } in &self.tables {
            let (cut, choice) = (&scan.cut, &chosen.choice);
            let units = choice.units.max(1) as u64;
            let keys: Vec<String> = (0..cut.keys).map(|key| column_name(cut, key)).collect();
            let of_unit = choice.groups.div_ceil(units);
            let state = (of_unit * Bytes::new(group_bytes(cut))).max(LEAST_STATE);
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{}: {}", cut.table, choice.strategy);
            let _ = writeln!(text, "  {}", choice.reason);
            let _ = writeln!(
                text,
                "  {} rows of {}, about {} of them pass; {units} units of about {} rows",
                choice.source_rows,
                cut.source,
                choice.rows,
                choice.rows.div_ceil(units),
            );
            let _ = writeln!(
                text,
                "  keys: {}; about {} of temporary files",
                keys.join(", "),
                choice.spill
            );
            if !choice.as_text.is_empty() {
                let _ = writeln!(
                    text,
                    "  too many texts for codes: {}",
                    choice.as_text.join(", ")
                );
            }
            let _ = writeln!(
                text,
                "  an aggregate of one unit holds about {state}; {} are free for {} workers",
                budget.free(),
                settings.threads
            );
        }
        text
    }

    /// The schema of a table.
    pub fn schema(&self, table: &str) -> Option<SchemaRef> {
        let mut tables = self.tables.iter().map(|table| &table.scan.cut);
        tables
            .find(|cut| cut.table == table)
            .map(|cut| Arc::clone(&cut.schema))
    }

    /// The keys of a table, as the columns of its source where they are plain columns.
    pub fn keys(&self, table: &str) -> Vec<String> {
        let mut tables = self.tables.iter().map(|table| &table.scan.cut);
        let cut = tables.find(|cut| cut.table == table);
        cut.map(|cut| (0..cut.keys).map(|key| column_name(cut, key)).collect())
            .unwrap_or_default()
    }

    /// The columns of a table that are its statement's group keys, which tell one row from another; a
    /// key that is selected twice is there once.
    pub fn grain(&self, table: &str) -> Vec<String> {
        let Some(cut) = self.cut(table) else {
            return Vec::new();
        };
        let shown = |key| cut.shown_keys.iter().position(|shown| *shown == Some(key));
        let columns = (0..cut.keys).filter_map(shown);
        columns
            .map(|at| cut.schema.field(at).name().clone())
            .collect()
    }

    pub(crate) fn cut(&self, table: &str) -> Option<&Cut> {
        let mut cuts = self.tables.iter().map(|table| &*table.scan.cut);
        cuts.find(|cut| cut.table == table)
    }

    /// All units, in the order in which they are made.
    pub fn units(&self) -> Vec<Unit> {
        let tables = self.tables.iter();
        tables.flat_map(Table::units).collect()
    }

    /// Makes all units that do not stand yet.
    ///
    /// # Errors
    /// The first failure; units that were committed stay, and the same call again makes the rest.
    pub fn run(
        &self,
        settings: &Settings,
        budget: &Budget,
        store: &dyn Store,
        observer: &dyn Observer,
        stop: &Stop,
    ) -> Result<Report> {
        let mut report = Report::default();
        let mut temp = None;
        for table in &self.tables {
            let run = TableRun {
                table,
                settings,
                budget,
                store,
                observer,
                stop,
                peak: Peak::new(),
                spilled: Arc::default(),
                units_done: AtomicUsize::new(0),
                rows: AtomicU64::new(0),
                warned: AtomicBool::new(false),
                swap_warned: AtomicBool::new(false),
                pace: Pace::default(),
            };
            report.tables.push(run.run(&mut temp)?);
        }
        Ok(report)
    }
}

impl Table {
    fn unit(&self, part: usize) -> Unit {
        Unit {
            table: self.scan.cut.table.clone(),
            part,
        }
    }

    fn units(&self) -> Vec<Unit> {
        (0..self.chosen.choice.units)
            .map(|part| self.unit(part))
            .collect()
    }
}

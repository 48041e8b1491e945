//! A star: its sources, its tables, and the run that makes them.

mod explain;
mod groups;
mod pace;
mod planning;
mod table;
mod together;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow_schema::SchemaRef;
use lakeseed_budget::{Budget, Bytes, MIB, Peak};

use self::pace::Pace;
use self::planning::Planning;
use self::table::TableRun;
use crate::choose::{Choice, Chosen, SAMPLE_BYTES, Strategy, column_name};
use crate::cut::Cut;
use crate::engine::scan::Scan;
use crate::extend::{Decided, Deciding, Told};
use crate::observe::{Observer, Stop};
use crate::planned::Planner;
use crate::rules::{Members, Rules, Seen, Watch};
use crate::together::{Rows, Together};
use crate::{Error, Fate, Parts, Result, Source, Standing, Store, Unit};

/// A table of a model: its name, and the one statement that makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The table's name.
    pub table: String,
    /// The file, for messages.
    pub place: String,
    /// `SELECT ...` over sources, and over other tables of the same star, which are made again for it.
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
    name: String,
    schema: SchemaRef,
    choice: Choice,
    way: Way,
    rules: Arc<Rules>,
    extent: Extent,
}

/// What a model says of the rows of a statement.
#[derive(Debug, Clone, Default)]
pub(crate) struct Promised {
    /// The columns that tell one from another.
    pub(crate) grain: Vec<String>,
    /// Whether one of them is in no source.
    pub(crate) has_own_member: bool,
}

/// What of a table stands, and what is made.
struct Extent {
    fate: Fate,
    /// What its units are made of.
    parts: Parts,
    /// The columns of which one has to tell new rows from those that stand.
    told_by: Vec<String>,
    /// The rows of the increments that stay.
    stands: Vec<Arc<dyn Source>>,
    /// The rows of those that go.
    gone: Vec<Arc<dyn Source>>,
}

impl Extent {
    /// Before it is decided.
    fn nothing() -> Self {
        Self {
            fate: Fate::Anew { why: String::new() },
            parts: Parts::new(),
            told_by: Vec::new(),
            stands: Vec::new(),
            gone: Vec::new(),
        }
    }
}

/// What its statement is.
enum Way {
    /// An aggregate over one source.
    Groups(Box<OfGroups>),
    /// Anything else, on buckets of all sources at once.
    Together(Arc<Together>),
}

/// An aggregate over one source.
struct OfGroups {
    cut: Arc<Cut>,
    scan: Scan,
    chosen: Chosen,
    /// The source, where it is what another statement gives.
    under: Option<Arc<Rows>>,
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
    /// What became of it.
    pub fate: Fate,
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
    /// Rows of this run that share their grain with another, where the model lets them stay.
    pub duplicates: u64,
    /// The foreign keys that were looked up, in the model's order: those that hold whatever the rows are
    /// need no look.
    pub keys: Vec<KeyReport>,
    /// How long it took.
    pub time: Duration,
}

/// What was seen of a foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyReport {
    /// Its columns.
    pub columns: Vec<String>,
    /// The table that they point to.
    pub table: String,
    /// Rows of this run that point to no row of it; `None` where the memory did not carry its keys.
    pub missing: Option<u64>,
}

impl Star {
    /// What [`Star::try_new`] holds for its sample, about, beside the reader of one piece. Who shares a
    /// budget with others leases it meanwhile.
    pub const SAMPLE_BYTES: Bytes = SAMPLE_BYTES;

    /// Checks statements against sources, and looks at samples.
    ///
    /// # Errors
    /// [`Error::Model`] for a statement that is not one SELECT, or whose sources are large and cannot be
    /// cut; [`Error::Source`] for what cannot be read.
    pub fn try_new(
        sources: &HashMap<String, Arc<dyn Source>>,
        statements: &[Statement],
        settings: &Settings,
    ) -> Result<Self> {
        let promises = vec![Promised::default(); statements.len()];
        let standing = Standing::default();
        Self::with_promises(sources, statements, &promises, &standing, settings)
    }

    /// The same with what a model says of each statement's rows, onto what stands.
    pub(crate) fn with_promises(
        sources: &HashMap<String, Arc<dyn Source>>,
        statements: &[Statement],
        promises: &[Promised],
        standing: &Standing,
        settings: &Settings,
    ) -> Result<Self> {
        let schemas: HashMap<String, SchemaRef> = sources
            .iter()
            .map(|(name, source)| (name.clone(), source.schema()))
            .collect();
        let planner = Planner::new(&schemas, statements);
        let deciding = Deciding {
            planner: &planner,
            sources,
            standing,
            // A batch is a file, which would be two.
            never: settings
                .batch_by
                .as_ref()
                .map(|_| "it is cut by a column's values"),
        };
        let table = |(statement, promised): (&Statement, &Promised)| {
            let plan = planner.plan(statement)?;
            let decided =
                deciding.table(statement, &plan, &promised.grain, promised.has_own_member)?;
            let planning = Planning {
                planner: &planner,
                sources: &decided.sources,
                settings,
            };
            let table = planning.table(statement, &plan, &promised.grain)?;
            Ok(table.with_extent(decided))
        };
        let tables = statements.iter().zip(promises).map(table);
        let tables = tables.collect::<Result<Vec<_>>>()?;
        let is_cut = |table: &Table| match &table.way {
            Way::Groups(of) => of.chosen.by_value.is_some(),
            Way::Together(_) => false,
        };
        let nowhere = |_: &&String| !tables.is_empty() && !tables.iter().any(is_cut);
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
        let tables = self.tables.iter();
        tables.map(|table| (table.name.as_str(), &table.choice))
    }

    /// What becomes of a table where the star stands already: all of them are made anew where none does.
    pub fn fate(&self, table: &str) -> Option<&Fate> {
        self.table(table).map(|table| &table.extent.fate)
    }

    /// All that the units of a table are made of: what an [`Increment`](crate::Increment) of them has.
    pub fn parts(&self, table: &str) -> Option<&Parts> {
        self.table(table).map(|table| &table.extent.parts)
    }

    /// The schema of a table.
    pub fn schema(&self, table: &str) -> Option<SchemaRef> {
        self.table(table).map(|table| Arc::clone(&table.schema))
    }

    /// The keys of a table that is one aggregate, as the columns of its source where they are plain
    /// columns.
    pub fn keys(&self, table: &str) -> Vec<String> {
        let cut = self.cut(table);
        cut.map(|cut| {
            let keys = 0..cut.below.keys;
            keys.map(|key| column_name(cut, key)).collect()
        })
        .unwrap_or_default()
    }

    /// The columns of a table that are its statement's group keys, which tell one row from another; a
    /// key that is selected twice is there once. None where the statement is more than one aggregate.
    pub fn grain(&self, table: &str) -> Vec<String> {
        let Some(cut) = self.cut(table) else {
            return Vec::new();
        };
        let shown = |key| cut.shown_keys.iter().position(|shown| *shown == Some(key));
        let columns = (0..cut.below.keys).filter_map(shown);
        columns
            .map(|at| cut.schema.field(at).name().clone())
            .collect()
    }

    fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// The rules of tables by name, and the schemas that follow from them.
    pub(crate) fn set_rules(
        &mut self,
        mut rules: HashMap<String, Rules>,
        mut schemas: HashMap<String, SchemaRef>,
    ) {
        for table in &mut self.tables {
            table.rules = Arc::new(rules.remove(&table.name).unwrap_or_default());
            if let Some(schema) = schemas.remove(&table.name) {
                table.schema = schema;
            }
        }
    }

    pub(crate) fn cut(&self, table: &str) -> Option<&Cut> {
        match &self.table(table)?.way {
            Way::Groups(of) => Some(&of.cut),
            Way::Together(_) => None,
        }
    }

    /// All units, in the order in which they are made.
    pub fn units(&self) -> Vec<Unit> {
        let tables = self.tables.iter();
        tables.flat_map(Table::units).collect()
    }

    /// Makes all units that do not stand yet.
    ///
    /// The budget is this run's alone while it lasts: codes of texts stay leased while workers ask for
    /// theirs, so that two runs on one budget could wait for each other. Give each its own part of a
    /// process's memory.
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
        let is_done = |table: &Table| table.units().iter().all(|unit| store.is_done(unit));
        // The keys of a table are needed while somebody who points to it is made; and of one that loses
        // rows, where somebody stays who may point to them.
        let collected = self.tables.iter().filter(|parent| {
            let mut children = self.children(parent);
            children.any(|child| !is_done(child) || parent.is_replaced_under(child))
        });
        let members = collected.map(|table| {
            // Groups are estimated from a sample, low where equal ones stand together.
            let expected = 2 * table.choice.groups.min(table.choice.rows);
            let members = Members::new(budget, &table.name, expected);
            (table.name.clone(), members)
        });
        let members: Arc<HashMap<String, Members>> = Arc::new(members.collect());
        for table in self.in_order() {
            let watch = Watch {
                table: table.name.clone(),
                schema: Arc::clone(&table.schema),
                rules: Arc::clone(&table.rules),
                members: Arc::clone(&members),
                seen: Arc::new(Mutex::new(Seen::new(&table.rules))),
                told: table.told(),
                budget: budget.clone(),
            };
            let run = TableRun {
                table,
                watch,
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
            let mut children = self.children(table);
            if let Some(child) = children.find(|child| table.is_replaced_under(child)) {
                run.has_standing_keys(&child.name)?;
            }
        }
        let place = |made: &TableReport| {
            let mut tables = self.tables.iter();
            tables.position(|table| table.name == made.table)
        };
        report.tables.sort_by_key(place);
        Ok(report)
    }

    /// The tables that point to one, whose keys are looked up.
    fn children<'t>(&'t self, parent: &'t Table) -> impl Iterator<Item = &'t Table> {
        let points = |table: &&Table| {
            let mut keys = table.rules.keys.iter();
            keys.any(|key| key.parent == parent.name)
        };
        let looks = parent.rules.members.is_some();
        self.tables
            .iter()
            .filter(move |table| looks && points(table))
    }

    /// Those that others point to before those that point to them.
    fn in_order(&self) -> Vec<&Table> {
        let is_parent = |table: &&Table| table.rules.members.is_some();
        let (mut first, rest): (Vec<_>, Vec<_>) = self.tables.iter().partition(is_parent);
        first.extend(rest);
        first
    }
}

impl Table {
    fn unit(&self, part: usize) -> Unit {
        Unit {
            table: self.name.clone(),
            part,
        }
    }

    fn units(&self) -> Vec<Unit> {
        let parts = 0..self.choice.units;
        parts.map(|part| self.unit(part)).collect()
    }

    /// Takes over what was decided: where nothing new is read, nothing is made.
    fn with_extent(mut self, decided: Decided) -> Self {
        let Decided {
            fate,
            parts,
            told_by,
            stands,
            gone,
            ..
        } = decided;
        if matches!(fate, Fate::Kept | Fate::Extended { parts: 0, .. }) {
            self.choice.units = 0;
        }
        self.extent = Extent {
            fate,
            parts,
            told_by,
            stands,
            gone,
        };
        self
    }

    /// Whether rows of `child` stay that may point to rows of this table which go.
    fn is_replaced_under(&self, child: &Self) -> bool {
        !self.extent.gone.is_empty() && !child.extent.stands.is_empty()
    }

    /// Who looks at new rows that have to be told from those that stand.
    fn told(&self) -> Option<Arc<Told>> {
        let Extent { fate, told_by, .. } = &self.extent;
        let is_extended = matches!(fate, Fate::Extended { .. }) && !told_by.is_empty();
        is_extended.then(|| Arc::new(Told::new(&self.schema, told_by)))
    }

    /// Rows of the source that were read.
    fn rows_read(&self) -> &AtomicU64 {
        match &self.way {
            Way::Groups(of) => match &of.under {
                Some(rows) => rows.together.rows_read(),
                None => &of.scan.rows,
            },
            Way::Together(together) => together.rows_read(),
        }
    }
}

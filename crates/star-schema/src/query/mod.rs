//! SQL over generated tables and over files, in bounded memory, for answers that are small or streamed.
//!
//! ```text
//! generated table -> row ranges -+                              +-> final aggregate, sort, limit
//! files           -> pieces    -+-> filter, partial aggregate -+   (one partition, in order)
//!                                  (a task each, `threads` at once)
//! ```
//! There is no repartitioning: partitions are ranges of a table, joined in their order. The same query
//! gives the same rows in the same order every time; where they are groups, for the same number of
//! partitions: `ORDER BY` makes that sure.
//!
//! Tables of a star that are too large for memory are made by [`Star`](crate::Star), not here.

mod answer;
mod covers;
mod gather;
mod generated;
mod order;
mod pool;
mod prune;
mod run;
mod scan;
mod shared;
mod source;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use datafusion::catalog::{MemorySchemaProvider, TableProvider};
use datafusion::common::{DataFusionError, Result as DfResult, TableReference};
use datafusion::execution::SessionState;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use lakeseed_budget::{Bytes, MIB};
use lakeseed_gen_core::{Dataset, Table};
use tokio::runtime::{Builder, Runtime};

use self::pool::Memory;
use crate::engine::scan::engine_error;
use crate::engine::stream::block_on;
use crate::temp::lives_in_memory;
use crate::{Error, Result, Source, session};

pub use generated::GeneratedTable;
pub use run::{Query, QueryReport};
pub use shared::Family;
pub use source::SourceTable;

/// Where tables stand that are registered without a schema, and those of all schemas whose names are
/// theirs alone.
const BARE: &str = "public";

/// How long a thread that has read a table waits for another one to read. An allocator keeps what an idle
/// thread has freed: some tens of MiB a query, which added up.
const IDLE: Duration = Duration::from_millis(1);

/// With what means queries run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuerySettings {
    /// Threads that read, filter and aggregate.
    pub threads: usize,
    /// Into how many ranges a table is cut at most, each of which is grouped on its own; as many as there
    /// are threads where nothing is said. More even out ranges that take unlike times, and each holds
    /// groups of its own.
    pub partitions: Option<usize>,
    /// What groups, sorted rows and the tables of joins may take together, those of all queries that are
    /// under way at once: the part of a lease that the engine gets. Batches under way are not in it: some
    /// MiB a thread.
    pub memory: Bytes,
    /// Where what does not fit is spilled to; a folder of the query's own is made in it. Nothing is
    /// spilled without one.
    pub temp: Option<PathBuf>,
    /// Whether a temporary folder that lives in memory is used too.
    pub temp_in_memory: bool,
    /// The most bytes in it at once; half of what is free where nothing is said.
    pub temp_limit: Option<Bytes>,
}

impl Default for QuerySettings {
    /// Two threads and as many partitions, 256 MiB, no spilling.
    fn default() -> Self {
        Self {
            threads: 2,
            partitions: None,
            memory: 256 * MIB,
            temp: None,
            temp_in_memory: false,
            temp_limit: None,
        }
    }
}

impl QuerySettings {
    /// Into how many ranges a table is cut.
    fn ranges(&self) -> usize {
        self.partitions.unwrap_or(self.threads).max(1)
    }
}

/// Tables, and queries over them.
///
/// Names are taken as they are written: `invoices` and `Invoices` are two, and a column `ACERTO` needs
/// no quotes. Keywords and functions may be written either way.
///
/// **Memory**: what [`QuerySettings::memory`] says, and batches under way, some MiB a thread.
///
/// ```
/// use std::ops::ControlFlow;
/// use lakeseed_gen_core::{Dataset, Settings};
/// use lakeseed_star_schema::Stop;
/// use lakeseed_star_schema::query::{Queries, QuerySettings};
///
/// let mut queries = Queries::new(&QuerySettings::default())?;
/// queries.register("retail", &Dataset::new("retail", &Settings::new().scale(0.01))?)?;
///
/// let query = queries.prepare("SELECT count(*) AS n FROM invoices WHERE item_count = 1")?;
/// let report = query.run(&Stop::new(), |batch| {
///     assert_eq!(batch.num_rows(), 1);
///     ControlFlow::Continue(())
/// })?;
/// assert_eq!(report.rows_read["retail.invoices"], 30_000);
///
/// let wrong = queries.prepare("SELECT netto_total FROM retail.invoices").err();
/// assert!(wrong.is_some_and(|error| error.to_string().contains("did you mean 'net_total'?")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Queries {
    context: SessionContext,
    engine: Arc<Engine>,
    /// The schemas that have a table of a name.
    names: BTreeMap<String, Vec<String>>,
}

/// What all queries run on.
struct Engine {
    settings: QuerySettings,
    memory: Arc<Memory>,
    /// There until it is dropped.
    runtime: Option<Runtime>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        // A runtime that waits for its threads must not be dropped inside of another one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Queries {
    /// No tables yet.
    ///
    /// # Errors
    /// When no threads can be started.
    pub fn new(settings: &QuerySettings) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(settings.threads.max(1))
            .thread_name("lakeseed-query")
            .thread_keep_alive(IDLE)
            .build()
            .map_err(|cause| failed(DataFusionError::IoError(cause)))?;
        let state = session::query_planner(settings.ranges(), settings.memory);
        Ok(Self {
            context: SessionContext::new_with_state(state),
            engine: Arc::new(Engine {
                settings: settings.clone(),
                memory: Memory::new(settings.memory.as_usize()),
                runtime: Some(runtime),
            }),
            names: BTreeMap::new(),
        })
    }

    /// Adds all tables of a dataset, as `schema.table`, and as `table` where no other schema has one of
    /// that name.
    ///
    /// # Errors
    /// When a table of that name is there.
    pub fn register(&mut self, schema: &str, dataset: &Dataset) -> Result<()> {
        let mut tables = dataset.tables().iter();
        tables.try_for_each(|table| self.register_table(schema, table))
    }

    /// Adds a generated table, as `schema.table`, and as `table` where no other schema has one.
    ///
    /// # Errors
    /// When a table of that name is there.
    pub fn register_table(&mut self, schema: &str, table: &Table) -> Result<()> {
        let name = format!("{schema}.{}", table.name());
        let provider = Arc::new(GeneratedTable::new(name, table));
        self.add(schema, table.name(), provider)
    }

    /// Adds a source under a name without a schema: files of any folder or bucket.
    ///
    /// # Errors
    /// When a table of that name is there.
    pub fn register_source(&mut self, name: &str, source: Arc<dyn Source>) -> Result<()> {
        let provider = Arc::new(SourceTable::new(name, source));
        self.add(BARE, name, provider)
    }

    fn add(&mut self, schema: &str, name: &str, table: Arc<dyn TableProvider>) -> Result<()> {
        let owners = self.names.entry(name.to_owned()).or_default();
        if owners.iter().any(|owner| owner == schema) {
            return Err(Error::Query {
                expected: format!("one table {name} in {schema}"),
                found: "a second one".to_owned(),
                advice: "give it another name".to_owned(),
            });
        }
        owners.push(schema.to_owned());
        let is_alone = owners.len() == 1;
        let has_bare = owners.iter().any(|owner| owner == BARE);
        let add = |schema, table| add_to(&self.context, schema, name, table).map_err(failed);
        if schema != BARE {
            add(schema, Arc::clone(&table))?;
        }
        if schema == BARE || (!is_alone && !has_bare) {
            // Short for another one until now.
            let short = TableReference::partial(BARE, name);
            self.context.deregister_table(short).map_err(failed)?;
        }
        if schema == BARE || is_alone {
            add(BARE, table)?;
        }
        Ok(())
    }

    /// Refuses a table that is not there, or is there more than once.
    fn find(&self, table: &TableReference) -> Result<()> {
        let none = Vec::new();
        let owners = self.names.get(table.table()).unwrap_or(&none);
        let is_there = match table.schema() {
            Some(schema) => owners.iter().any(|owner| owner == schema),
            None => owners.len() == 1 || owners.iter().any(|owner| owner == BARE),
        };
        if is_there {
            return Ok(());
        }
        if table.schema().is_none() && !owners.is_empty() {
            return Err(text::ambiguous(table.table(), owners));
        }
        Err(text::no_table(&table.to_string(), &self.tables()))
    }

    /// The names of the tables, with their schemas where they have one.
    pub fn tables(&self) -> Vec<String> {
        let named = self.names.iter().flat_map(|(name, owners)| {
            owners.iter().map(move |owner| match owner.as_str() {
                BARE => name.clone(),
                owner => format!("{owner}.{name}"),
            })
        });
        let mut tables: Vec<String> = named.collect();
        tables.sort_unstable();
        tables
    }

    /// Plans a query: one `SELECT`, perhaps with `WITH` before it.
    ///
    /// # Errors
    /// [`Error::Query`]: another statement, a table or column that is not there (with the names that are
    /// near), types that do not fit.
    pub fn prepare(&self, sql: &str) -> Result<Query> {
        let state = self.context.state();
        let (parsed, named) = parsed(&state, sql)?;
        named.iter().try_for_each(|table| self.find(table))?;
        let logical = block_on(state.statement_to_plan(parsed));
        // Types are what they become once both sides of a UNION have the same.
        let options = state.config_options();
        let analyzed =
            |plan| (state.analyzer()).execute_and_check(plan, options.as_ref(), |_, _| {});
        let logical = logical.and_then(analyzed);
        let logical = logical.and_then(answer::in_plain_types);
        let logical = logical.map_err(|cause| text::refused(&cause))?;
        let logical = state.optimize(&logical);
        let logical = logical.map_err(|cause| text::refused(&cause))?;
        let plan = block_on(state.query_planner().create_physical_plan(&logical, &state));
        let plan = plan.map_err(|cause| text::refused(&cause))?;
        let plan = gather::in_order(plan, self.engine.settings.threads.max(1)).map_err(failed)?;
        session::check_query(&plan).map_err(failed)?;
        Ok(Query {
            plan,
            engine: Arc::clone(&self.engine),
        })
    }
}

/// A table that a query names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// Its schema, where one is said.
    pub schema: Option<String>,
    /// Its name.
    pub table: String,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.table),
            None => f.write_str(&self.table),
        }
    }
}

/// The tables that a query names, each once, whether they are there or not: what a caller has to
/// register.
///
/// ```
/// let named = lakeseed_star_schema::query::named("SELECT 1 FROM a.b, c WHERE c.x = b.y")?;
/// assert_eq!(named[0].to_string(), "a.b");
/// assert_eq!(named[1].to_string(), "c");
/// # Ok::<(), lakeseed_star_schema::Error>(())
/// ```
///
/// # Errors
/// [`Error::Query`] for what is not one `SELECT`.
pub fn named(sql: &str) -> Result<Vec<Named>> {
    let state = session::query_planner(1, MIB);
    let tables = parsed(&state, sql)?.1;
    let named = tables.into_iter().map(|table| Named {
        schema: table.schema().map(str::to_owned),
        table: table.table().to_owned(),
    });
    let mut named: Vec<Named> = named.collect();
    named.sort_unstable();
    named.dedup();
    // Those with a schema first: they are said the clearest.
    named.sort_by_key(|named| named.schema.is_none());
    Ok(named)
}

/// A query, and the tables that it names; functions that give tables are none.
fn parsed(state: &SessionState, sql: &str) -> Result<(Statement, Vec<TableReference>)> {
    text::check(sql)?;
    let dialect = state.config_options().sql_parser.dialect;
    let parsed = state.sql_to_statement(sql, &dialect);
    let parsed = parsed.map_err(|cause| text::refused(&cause))?;
    let named = state.resolve_table_references(&parsed);
    let mut named = named.map_err(|cause| text::refused(&cause))?;
    named.retain(|table| {
        table.schema().is_some() || !state.table_functions().contains_key(table.table())
    });
    Ok((parsed, named))
}

/// The system's folder for temporary files, where it is on a disk: a place for
/// [`QuerySettings::temp`].
pub fn system_temp() -> Option<PathBuf> {
    let folder = std::env::temp_dir();
    let lives_in_memory = lives_in_memory(&folder).unwrap_or(true);
    (!lives_in_memory).then_some(folder)
}

impl fmt::Debug for Queries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queries")
            .field("settings", &self.engine.settings)
            .field("tables", &self.tables())
            .finish_non_exhaustive()
    }
}

fn failed(cause: DataFusionError) -> Error {
    engine_error("query", cause)
}

/// Adds a table to a schema of a context, which is made where it is not there.
fn add_to(
    context: &SessionContext,
    schema: &str,
    name: &str,
    table: Arc<dyn TableProvider>,
) -> DfResult<()> {
    let catalog = context
        .state()
        .config_options()
        .catalog
        .default_catalog
        .clone();
    if let Some(catalog) = context.catalog(&catalog)
        && catalog.schema(schema).is_none()
    {
        catalog.register_schema(schema, Arc::new(MemorySchemaProvider::new()))?;
    }
    context.register_table(TableReference::partial(schema, name), table)?;
    Ok(())
}

/// Adds all tables of a dataset to a `DataFusion` context of one's own, as `schema.table`.
///
/// ```
/// use datafusion::prelude::SessionContext;
/// use lakeseed_gen_core::{Dataset, Settings};
/// use lakeseed_star_schema::query::register;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let context = SessionContext::new();
/// register(&context, "retail", &Dataset::new("retail", &Settings::new().scale(0.01))?)?;
/// let largest = context.sql("SELECT max(net_total) FROM retail.invoices");
/// # drop(largest);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// When a table of that name is there, or the context has no catalog of its own.
pub fn register(context: &SessionContext, schema: &str, dataset: &Dataset) -> DfResult<()> {
    dataset.tables().iter().try_for_each(|table| {
        let name = format!("{schema}.{}", table.name());
        let provider = Arc::new(GeneratedTable::new(name, table));
        add_to(context, schema, table.name(), provider)
    })
}

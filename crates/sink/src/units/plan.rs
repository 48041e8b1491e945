//! What will be written: tables with their columns, and how many units each has.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow_schema::SchemaRef;

use crate::commit::{Mode, PlanRecord};
use crate::error::{Error, Result};
use crate::format::{FileFormat, Format, FormatKind};
use crate::manifest::{Manifest, ManifestPart};
use crate::path::{PartPath, check_beside, check_name};
use crate::plan::{DEFAULT_FILE_BYTES, Layout, MAX_FILES, batch_rows, id, row_bytes};
use crate::store::Store;
use crate::totals::Tally;

/// Rows are cut into chunks at multiples of this.
const ROW_STEP: u64 = 1024;
/// What a writer holds besides: a stack, and what the allocator keeps for its thread.
const FIXED_BYTES: u64 = 6 << 20;
/// Text takes more room as JSON than as an Arrow array: names of columns, quotes.
const TEXT_FACTOR: u64 = 4;

/// A table whose rows come in units.
#[derive(Debug, Clone)]
pub struct UnitTable {
    /// The name: a folder of the output.
    pub name: String,
    /// The columns of every unit.
    pub schema: SchemaRef,
    /// How many units there are; each becomes one file, in their order.
    pub units: usize,
}

/// An output whose parts are known by number, and whose rows nobody counts before they are made: the
/// result of a query, cut into partitions.
///
/// A unit has to be a pure function of the plan's `data_id`: a run that goes on keeps the units of the
/// one before. An Arrow file holds the batches as they came, so that their cuts are part of it; no
/// other format depends on them.
///
/// # Example
/// ```
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, Int64Array, RecordBatch, RecordBatchIterator};
/// use lakeseed_sink::{Layout, MemoryStore, Parquet, UnitPlan, UnitRun, UnitTable};
///
/// let ids = Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef;
/// let batch = RecordBatch::try_from_iter([("id", ids)]).unwrap();
/// let pets = UnitTable { name: "pets".to_owned(), schema: batch.schema(), units: 2 };
/// let plan = UnitPlan::builder(Parquet::zstd(1)).data_id("pets v1").table(pets).build()?;
/// let store = MemoryStore::new();
/// let report = UnitRun::new(&plan, &store).run(|writer| {
///     for unit in 0..2 {
///         if !writer.is_done(0, unit) {
///             let mut rows = RecordBatchIterator::new([Ok(batch.clone())], batch.schema());
///             writer.write(0, unit, &mut rows)?;
///         }
///     }
///     Ok(())
/// })?;
/// assert_eq!(report.rows(), 6);
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
pub struct UnitPlan {
    id: String,
    data_id: String,
    data: serde_json::Value,
    format: FileFormat,
    tables: Vec<BoundTable>,
    beside: Vec<String>,
    /// The number of the output that it extends.
    onto: Option<u64>,
}

/// A table of a plan, bound to its format.
pub(super) struct BoundTable {
    pub(super) table: UnitTable,
    /// Paths of parts that stay.
    pub(super) kept: Vec<String>,
    pub(super) format: Arc<dyn Format>,
    /// Whether control totals can be made of all columns.
    pub(super) is_counted: bool,
    pub(super) chunk_rows: u64,
    pub(super) paths: Vec<PartPath>,
}

impl UnitPlan {
    /// Starts a plan of files of one format.
    pub fn builder(format: impl Into<FileFormat>) -> UnitPlanBuilder {
        UnitPlanBuilder {
            format: format.into(),
            data_id: String::new(),
            data: serde_json::Value::Null,
            layout: Layout::default(),
            tables: Vec::new(),
            beside: Vec::new(),
            onto: None,
        }
    }

    /// The plan's name: a digest of everything that decides the bytes of the files.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The tables, in the order in which they were added.
    pub fn tables(&self) -> impl Iterator<Item = &UnitTable> {
        self.tables.iter().map(|bound| &bound.table)
    }

    /// The most memory that writing one unit into `store` takes beside the caller's rows, in bytes.
    /// Worked out from the widths of the columns: text that is much wider takes more.
    pub fn need_per_writer(&self, store: &dyn Store) -> u64 {
        let tables = self.tables.iter().map(BoundTable::need);
        tables.max().unwrap_or(0) + store.part_bytes(DEFAULT_FILE_BYTES)
    }

    pub(super) fn bound(&self) -> &[BoundTable] {
        &self.tables
    }

    /// What is written down of it. A plan onto an output knows itself how it meets what stands.
    pub(super) fn record(&self, mode: Mode) -> PlanRecord {
        let tables = self.tables.iter().map(|bound| {
            (
                &bound.table.name,
                &bound.table.schema,
                bound.paths.as_slice(),
                bound.kept.as_slice(),
            )
        });
        let (id, data_id, data) = (&self.id, &self.data_id, &self.data);
        let mode = self.onto.map_or(mode, |_| Mode::Extend);
        PlanRecord {
            base: self.onto.unwrap_or(0),
            beside: self.beside.clone(),
            ..PlanRecord::of_units(id, data_id, data, self.format, mode, tables)
        }
    }
}

impl fmt::Debug for UnitPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnitPlan")
            .field("id", &self.id)
            .field("format", &self.format)
            .field("tables", &self.tables().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl BoundTable {
    fn need(&self) -> u64 {
        let row = row_bytes(&self.table.schema) as u64;
        let batches = 3 * batch_rows(&self.table.schema) as u64 * row;
        let chunk = 2 * self.chunk_rows * row;
        chunk + batches + self.format.encoder_bytes() + FIXED_BYTES
    }
}

/// Collects what a plan is made of.
#[derive(Debug)]
pub struct UnitPlanBuilder {
    format: FileFormat,
    data_id: String,
    data: serde_json::Value,
    layout: Layout,
    tables: Vec<UnitTable>,
    beside: Vec<String>,
    onto: Option<Onto>,
}

/// A finished output, and what stays of it.
#[derive(Debug)]
struct Onto {
    number: u64,
    run_id: String,
    /// Paths by table.
    kept: BTreeMap<String, Vec<String>>,
}

impl UnitPlanBuilder {
    /// Names the data: all that decides the rows of every unit. It becomes part of the plan's id.
    pub fn data_id(mut self, data_id: impl Into<String>) -> Self {
        self.data_id = data_id.into();
        self
    }

    /// Says what the rows can be made from again, in JSON of the caller's own. It stands in the
    /// manifest; the plan's id does not depend on it.
    pub fn data(mut self, data: serde_json::Value) -> Self {
        self.data = data;
        self
    }

    /// Sets sizes of chunks; a unit is one file, whatever its size.
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// Adds a table.
    pub fn table(mut self, table: UnitTable) -> Self {
        self.tables.push(table);
        self
    }

    /// Names a file that the caller keeps beside the tables, or a folder, with a slash behind its name:
    /// it is no stranger there. No digest proves it; a file goes with the output that names it, once
    /// another takes its place, and a folder stays. The plan's id does not depend on it.
    pub fn beside(mut self, name: impl Into<String>) -> Self {
        self.beside.push(name.into());
        self
    }

    /// Extends a finished output: the parts of it for which `stays` holds, asked with the table's name,
    /// are part of the next one too, each table's before its units; the others go when that is whole.
    /// What the plan says of its data is then about all of them. The plan becomes one for this state of
    /// the output, and is refused where another stands.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use arrow_array::{ArrayRef, Int64Array, RecordBatch, RecordBatchIterator};
    /// # use lakeseed_sink::{MemoryStore, Parquet, UnitPlan, UnitRun, UnitTable, open_finished};
    /// # let ids = Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef;
    /// # let batch = RecordBatch::try_from_iter([("id", ids)]).unwrap();
    /// # let pets = UnitTable { name: "pets".to_owned(), schema: batch.schema(), units: 1 };
    /// # let store = MemoryStore::new();
    /// # let write = |plan: &UnitPlan| UnitRun::new(plan, &store).run(|writer| {
    /// #     let mut rows = RecordBatchIterator::new([Ok(batch.clone())], batch.schema());
    /// #     writer.write(0, 0, &mut rows).map(|_| ())
    /// # });
    /// let plan = UnitPlan::builder(Parquet::zstd(1)).data_id("pets").table(pets.clone());
    /// write(&plan.build()?)?;
    /// let first = open_finished(&store)?;
    /// let plan = UnitPlan::builder(Parquet::zstd(1)).data_id("more pets").table(pets);
    /// let report = write(&plan.onto(&first, |_, _| true).build()?)?;
    /// assert_eq!(report.rows(), 6);
    /// # Ok::<(), lakeseed_sink::Error>(())
    /// ```
    pub fn onto(mut self, output: &Manifest, stays: impl Fn(&str, &ManifestPart) -> bool) -> Self {
        let kept = output.tables.iter().map(|table| {
            let parts = table.parts.iter();
            let parts = parts.filter(|part| stays(&table.name, part));
            let paths = parts.map(|part| part.path.clone()).collect();
            (table.name.clone(), paths)
        });
        self.onto = Some(Onto {
            number: output.number,
            run_id: output.run_id.clone(),
            kept: kept.collect(),
        });
        self
    }

    /// Binds each table to the format.
    ///
    /// # Errors
    /// [`Error::Name`] for names that are none of a file, [`Error::Unsupported`] for columns that the
    /// format cannot hold, [`Error::Invalid`] for sizes of zero, more than [`MAX_FILES`] units of a
    /// table, doubled tables, and a folder beside them that is one of theirs.
    pub fn build(self) -> Result<UnitPlan> {
        self.layout.check()?;
        let mut names = Vec::with_capacity(self.tables.len());
        for table in &self.tables {
            check_name("table", &table.name)?;
            let name = table.name.to_lowercase();
            if names.contains(&name) {
                return Err(Error::Invalid {
                    what: "tables",
                    expected: "different names".to_owned(),
                    found: format!("`{name}` twice"),
                });
            }
            names.push(name);
            if table.units as u64 > MAX_FILES {
                return Err(Error::Invalid {
                    what: "number of units",
                    expected: format!("at most {MAX_FILES}"),
                    found: table.units.to_string(),
                });
            }
        }
        for name in &self.beside {
            check_beside(name)?;
            let folder = name.trim_end_matches('/').to_lowercase();
            if names.contains(&folder) {
                return Err(Error::Invalid {
                    what: "files beside",
                    expected: "another name than that of a table".to_owned(),
                    found: format!("`{name}`"),
                });
            }
        }
        let mut onto = self.onto;
        let state = onto.as_ref().map(|onto| (onto.run_id.as_str(), &onto.kept));
        let id = id::unit_plan_id(
            &self.data_id,
            self.format,
            &self.layout,
            &self.tables,
            state,
        );
        let mut tables = Vec::with_capacity(self.tables.len());
        for table in self.tables {
            let extension = self.format.extension();
            let kept = onto.as_mut().and_then(|onto| onto.kept.remove(&table.name));
            let path = |unit| PartPath::try_new(&table.name, &[], unit, &id, extension);
            tables.push(BoundTable {
                format: self.format.bind(&table.schema)?,
                is_counted: Tally::try_new(&table.schema).is_ok(),
                chunk_rows: chunk_rows(&self.layout, self.format.kind(), &table.schema),
                paths: (0..table.units).map(path).collect::<Result<_>>()?,
                kept: kept.unwrap_or_default(),
                table,
            });
        }
        Ok(UnitPlan {
            id,
            data_id: self.data_id,
            data: self.data,
            format: self.format,
            tables,
            beside: self.beside,
            onto: onto.map(|onto| onto.number),
        })
    }
}

/// Rows of a chunk, from the widths of the columns alone: there is nothing to take a sample of.
fn chunk_rows(layout: &Layout, kind: FormatKind, schema: &SchemaRef) -> u64 {
    let row = row_bytes(schema).max(1) as u64;
    let rows = match kind {
        FormatKind::Parquet => (layout.row_group_bytes / row).min(layout.row_group_rows),
        _ => layout.text_chunk_bytes / (TEXT_FACTOR * row),
    };
    (rows - rows % ROW_STEP).max(ROW_STEP)
}

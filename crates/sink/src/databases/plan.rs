//! What will be loaded: tables, parents first, and their parts. Fixed before the first row.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow_schema::{DataType, Schema, SchemaRef};

use super::ddl::{self, Dialect, TableDdl};
use super::described::described;
use super::rows::{PartRows, Rows};
use super::views::ViewToMake;
use crate::error::{Error, Result};
use crate::hints;
use crate::messages::Pieces;
use crate::plan::id::Digest;
use crate::plan::{MAX_FILES, batch_rows, row_bytes};
use crate::source::Source;
use crate::totals::Tally;

/// Rows of a part that are made: what is sent and committed alone. So many are some megabytes: large enough that a
/// commit costs nothing beside them, small enough that little is done twice after a failure.
pub const PART_ROWS: u64 = 65_536;
/// Names that begin so are the ledger's.
const OUR_PREFIX: &str = "lakeseed_";

/// A table that is to be loaded: its name, what it holds, its rows.
#[derive(Clone)]
pub struct TableToLoad<'a> {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) schema: SchemaRef,
    pub(super) rows: Rows<'a>,
}

impl<'a> TableToLoad<'a> {
    /// The rows `rows` of `source`, for a table called `name`.
    pub fn new(name: impl Into<String>, source: impl Source + 'a, rows: Range<u64>) -> Self {
        let source = Arc::new(source);
        Self::of(
            name,
            Rows::Made {
                source,
                range: rows,
                rounds: None,
            },
        )
    }

    /// The rows of files, for a table called `name`: a piece is a part.
    pub fn of_files(name: impl Into<String>, pieces: Arc<dyn Pieces + 'a>) -> Self {
        Self::of(name, Rows::Read(pieces))
    }

    fn of(name: impl Into<String>, rows: Rows<'a>) -> Self {
        Self {
            name: name.into(),
            about: String::new(),
            schema: rows.schema(),
            rows,
        }
    }

    /// Has the rows loaded in rounds: ranges that follow each other and hold them all. Round 1 begins
    /// when the tables that are no part of rounds stand, and each round when the one before does. Rows
    /// of files are in no rounds.
    pub fn in_rounds(mut self, ranges: Vec<Range<u64>>) -> Self {
        if let Rows::Made { rounds, .. } = &mut self.rows {
            *rounds = Some(ranges);
        }
        self
    }

    /// Says what the table holds, for people; it becomes the table's comment.
    pub fn about(mut self, about: impl Into<String>) -> Self {
        self.about = about.into();
        self
    }

    /// Takes over what the [hints] of another schema say of columns of the same names:
    /// keys, parents, comments. A primary key only whole, where all of its columns are there.
    pub fn described_by(mut self, schema: &Schema) -> Self {
        self.schema = described(&self.schema, schema);
        self
    }

    /// The table's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many rows there are, where somebody has counted them: of text files nobody has.
    pub fn row_count(&self) -> Option<u64> {
        self.rows.count()
    }

    /// How many parts they are cut into.
    pub fn parts(&self) -> u64 {
        self.rows.parts()
    }

    /// What is known of a part.
    pub(super) fn part_rows(&self, part: u64) -> PartRows {
        self.rows.part(part)
    }

    pub(super) fn ddl(&self) -> TableDdl<'_> {
        TableDdl {
            name: &self.name,
            about: &self.about,
            schema: &self.schema,
        }
    }
}

impl fmt::Debug for TableToLoad<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableToLoad")
            .field("name", &self.name)
            .field("rows", &self.row_count())
            .finish_non_exhaustive()
    }
}

/// Tables on their way into a database, parents before children, before anything is sent.
///
/// # Example
/// ```
/// use lakeseed_sink::BatchSource;
/// use lakeseed_sink::databases::{LoadPlan, TableToLoad};
/// # use std::sync::Arc;
/// # let ids = Arc::new(arrow_array::Int64Array::from(vec![1, 2, 3])) as arrow_array::ArrayRef;
/// # let batch = arrow_array::RecordBatch::try_from_iter([("id", ids)]).unwrap();
/// let pets = TableToLoad::new("pets", BatchSource::new(batch), 0..3).about("animals");
/// let plan = LoadPlan::builder().data_id("pets v1").table(pets).build()?;
/// assert_eq!((plan.rows(), plan.tables()[0].parts()), (Some(3), 1));
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
pub struct LoadPlan<'a> {
    pub(super) id: String,
    data_id: String,
    data: serde_json::Value,
    pub(super) tables: Vec<TableToLoad<'a>>,
    views: Vec<ViewToMake>,
    dialect: Dialect,
}

impl<'a> LoadPlan<'a> {
    /// Starts a plan.
    pub fn builder() -> LoadPlanBuilder<'a> {
        LoadPlanBuilder {
            data_id: String::new(),
            data: serde_json::Value::Null,
            tables: Vec::new(),
            views: Vec::new(),
            dialect: Dialect::Postgres,
        }
    }

    /// The words of the system that it is made for.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The run's name: a digest of everything that decides which rows there are. The ledger keeps
    /// its lines under it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The data id, as it was given.
    pub fn data_id(&self) -> &str {
        &self.data_id
    }

    /// What the rows are made from, as it was given.
    pub fn data(&self) -> &serde_json::Value {
        &self.data
    }

    /// The tables, parents first.
    pub fn tables(&self) -> &[TableToLoad<'a>] {
        &self.tables
    }

    /// Views over the tables, in the order in which they are made.
    pub fn views(&self) -> &[ViewToMake] {
        &self.views
    }

    /// Rows of all tables, where somebody has counted them.
    pub fn rows(&self) -> Option<u64> {
        self.tables.iter().map(TableToLoad::row_count).sum()
    }

    /// In how many rounds it is loaded; none where it is at once.
    pub fn rounds(&self) -> Option<u64> {
        self.tables.iter().find_map(|table| table.rows.rounds())
    }

    /// Parts of all tables.
    pub fn parts(&self) -> u64 {
        self.tables.iter().map(TableToLoad::parts).sum()
    }

    /// The most memory that the batches of one worker take, and the file that it reads them from, in
    /// bytes. Worked out from the widths of the columns: text that is much wider takes more.
    pub(super) fn batch_bytes(&self) -> u64 {
        let of_table = |table: &TableToLoad<'_>| {
            let batches = 3 * (batch_rows(&table.schema) * row_bytes(&table.schema)) as u64;
            batches + table.rows.open_bytes()
        };
        self.tables.iter().map(of_table).max().unwrap_or(0)
    }
}

impl fmt::Debug for LoadPlan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadPlan")
            .field("id", &self.id)
            .field("tables", &self.tables)
            .finish_non_exhaustive()
    }
}

/// Collects what a plan is made of.
pub struct LoadPlanBuilder<'a> {
    data_id: String,
    data: serde_json::Value,
    tables: Vec<TableToLoad<'a>>,
    views: Vec<ViewToMake>,
    dialect: Dialect,
}

impl<'a> LoadPlanBuilder<'a> {
    /// Sets which system it is for; PostgreSQL unless told otherwise. The plan's id does not depend on
    /// it: other systems hold the same rows.
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Names the data: dataset, version, seed, every parameter. It becomes part of the plan's id.
    pub fn data_id(mut self, data_id: impl Into<String>) -> Self {
        self.data_id = data_id.into();
        self
    }

    /// Says what the rows can be made from again, in JSON of the caller's own, for whoever verifies
    /// them; the plan's id does not depend on it.
    pub fn data(mut self, data: serde_json::Value) -> Self {
        self.data = data;
        self
    }

    /// Adds a table, behind those whose keys it points to.
    pub fn table(mut self, table: TableToLoad<'a>) -> Self {
        self.tables.push(table);
        self
    }

    /// Adds a view, which is made when all tables stand, behind those that it asks; the plan's id does
    /// not depend on it: a load that is complete gets views that it had not asked for.
    pub fn view(mut self, view: ViewToMake) -> Self {
        self.views.push(view);
        self
    }

    /// Fixes the parts.
    ///
    /// # Errors
    /// [`Error::Invalid`] without tables, for two tables or views of one name, rows that are no range, rounds that
    /// do not hold all rows or are not as many in each table, and more than a million parts of a table;
    /// [`Error::Name`] for names that the system would cut or refuse, and for tables that begin with
    /// `lakeseed_`, or with `pg_` in PostgreSQL; [`Error::Unsupported`] for columns that the system cannot
    /// hold exactly, and systems that are not loaded into.
    pub fn build(self) -> Result<LoadPlan<'a>> {
        let invalid = |what, expected: String, found: String| Error::Invalid {
            what,
            expected,
            found,
        };
        if self.tables.is_empty() {
            return Err(invalid(
                "tables",
                "one at least".to_owned(),
                "none".to_owned(),
            ));
        }
        for (at, table) in self.tables.iter().enumerate() {
            check_names(table, self.dialect)?;
            let name = &table.name;
            if self.tables[..at].iter().any(|before| before.name == *name) {
                let expected = "tables of different names".to_owned();
                return Err(invalid("tables", expected, format!("`{name}` twice")));
            }
            if let Rows::Made {
                range: Range { start, end },
                ..
            } = &table.rows
                && start > end
            {
                let expected = format!("a range for table `{name}`");
                return Err(invalid("rows", expected, format!("{start}..{end}")));
            }
            table.rows.check_rounds(&table.name)?;
            if table.parts() > MAX_FILES {
                let expected = format!("at most {MAX_FILES} for table `{name}`");
                return Err(invalid(
                    "number of parts",
                    expected,
                    table.parts().to_string(),
                ));
            }
            ddl::create(&table.ddl(), &[], self.dialect)?;
            Tally::try_new(&table.schema)?;
        }
        for (at, view) in self.views.iter().enumerate() {
            let name = view.name();
            check_name("view", name, true, self.dialect)?;
            let is_taken = self.tables.iter().any(|table| table.name == name);
            if is_taken || self.views[..at].iter().any(|before| before.name() == name) {
                let expected = "names that no table or other view has".to_owned();
                return Err(invalid("views", expected, format!("`{name}` twice")));
            }
        }
        let mut rounds = self.tables.iter().filter_map(|table| table.rows.rounds());
        if let Some(first) = rounds.next()
            && let Some(other) = rounds.find(|other| *other != first)
        {
            let expected = format!("{first}, as in the table before");
            return Err(invalid("number of rounds", expected, other.to_string()));
        }
        let mut plan = LoadPlan {
            id: String::new(),
            data_id: self.data_id,
            data: self.data,
            tables: self.tables,
            views: self.views,
            dialect: self.dialect,
        };
        plan.id = id_of(&plan);
        Ok(plan)
    }
}

impl fmt::Debug for LoadPlanBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadPlanBuilder")
            .field("tables", &self.tables)
            .finish_non_exhaustive()
    }
}

fn check_names(table: &TableToLoad<'_>, dialect: Dialect) -> Result<()> {
    check_name("table", &table.name, true, dialect)?;
    for field in table.schema.fields() {
        check_name("column", field.name(), false, dialect)?;
    }
    Ok(())
}

/// `is_table` is true of what shares its names with tables.
fn check_name(what: &'static str, name: &str, is_table: bool, dialect: Dialect) -> Result<()> {
    let reason = if name.is_empty() {
        Some("it is empty")
    } else if name.contains('\0') {
        Some("it holds a NUL")
    } else if is_table && name.starts_with(OUR_PREFIX) {
        Some("names that begin with lakeseed_ are the ledger's")
    } else {
        dialect.refuses_name(name, is_table)
    };
    match reason {
        None => Ok(()),
        Some(reason) => Err(Error::Name {
            what,
            name: name.to_owned(),
            reason,
        }),
    }
}

fn id_of(plan: &LoadPlan<'_>) -> String {
    let mut digest = Digest::of_load(&plan.data_id);
    digest.number(PART_ROWS);
    digest.number(plan.tables.len() as u64);
    for table in &plan.tables {
        digest.text(&table.name);
        // Not what is said of the columns for people.
        digest.number(table.schema.fields().len() as u64);
        for field in table.schema.fields() {
            digest.text(field.name());
            digest.text(&field.data_type().to_string());
            digest.number(u64::from(field.is_nullable()));
        }
        table.rows.identify(&mut digest);
    }
    digest.finish()
}

/// The schema that rows are read back in: dictionaries as their values, and in no order. Of dictionaries no
/// bounds are kept, also where they are keys, and so there are none of their values.
pub(super) fn plain(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        let mut said = field.metadata().clone();
        said.remove(hints::SORTED);
        let plain = field.as_ref().clone();
        if let DataType::Dictionary(_, values) = field.data_type() {
            said.remove(hints::KEY);
            plain.with_metadata(said).with_data_type((**values).clone())
        } else {
            plain.with_metadata(said)
        }
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

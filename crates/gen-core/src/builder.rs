//! Tables of one's own from the columns of [`crate::column`].

use std::ops::Range;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::{Schema, SchemaRef};

use crate::column::{Built, Column, Context};
use crate::dataset::DEFAULT_SEED;
use crate::error::{Error, Result};
use crate::rows::Rows;
use crate::seed::Stream;
use crate::table::{Generate, Table};

/// The most rows a table can have.
pub const MAX_ROWS: u64 = 1 << 62;

/// Collects columns, checks them, and builds a [`Table`].
pub struct TableBuilder {
    name: String,
    about: String,
    row_count: u64,
    seed: u64,
    stream: Option<Stream>,
    first_key: Option<i64>,
    columns: Vec<(String, Column)>,
}

impl TableBuilder {
    /// An empty table of that many rows; see [`Table::builder`].
    pub(crate) fn new(name: impl Into<String>, row_count: u64) -> Self {
        Self {
            name: name.into(),
            about: String::new(),
            row_count,
            seed: DEFAULT_SEED,
            stream: None,
            first_key: None,
            columns: Vec::new(),
        }
    }

    /// The seed; the default is the same on every run.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// One line on what a row is.
    #[must_use]
    pub fn about(mut self, text: &str) -> Self {
        text.clone_into(&mut self.about);
        self
    }

    /// The stream of the dataset that the table belongs to.
    pub(crate) fn stream(mut self, dataset: Stream) -> Self {
        self.stream = Some(dataset);
        self
    }

    /// Says that the primary key of row r is `first + r`.
    pub(crate) fn first_key(mut self, first: i64) -> Self {
        self.first_key = Some(first);
        self
    }

    /// Adds a column after those before it.
    #[must_use]
    pub fn column(mut self, name: &str, column: impl Into<Column>) -> Self {
        self.columns.push((name.to_owned(), column.into()));
        self
    }

    /// Checks the definition and builds the table.
    ///
    /// # Errors
    /// When there is no column, a name comes twice or is empty, a column refuses its settings, or
    /// there are more than 2^62 rows.
    pub fn build(self) -> Result<Table> {
        if self.row_count > MAX_ROWS {
            return Err(Error::bad_value(
                format!("rows of {}", self.name),
                "at most 2^62",
                self.row_count,
            ));
        }
        let refuse = |column: &str, reason: &str| Error::BadDefinition {
            table: self.name.clone(),
            column: column.to_owned(),
            reason: reason.to_owned(),
        };
        if self.columns.is_empty() {
            return Err(refuse("(none)", "a table needs at least one column"));
        }
        let dataset = self
            .stream
            .unwrap_or_else(|| Stream::root("user", 1, self.seed));
        let stream = dataset.named(&self.name);
        let mut built: Vec<Built> = Vec::with_capacity(self.columns.len());
        for (name, column) in self.columns {
            if name.is_empty() {
                return Err(refuse("(unnamed)", "give it a name"));
            }
            if built.iter().any(|other| other.field.name() == &name) {
                return Err(refuse(&name, "the name comes twice; rename one"));
            }
            let context = Context {
                stream: stream.named(&name),
                row_count: self.row_count,
                table: &self.name,
                column: &name,
                built: &built,
            };
            built.push(column.build(&context)?);
        }
        let fields: Vec<_> = built.iter().map(|column| column.field.clone()).collect();
        Ok(Table::new(BuiltTable {
            schema: Arc::new(Schema::new(fields)),
            name: self.name,
            about: self.about,
            row_count: self.row_count,
            first_key: self.first_key,
            columns: built,
        }))
    }
}

struct BuiltTable {
    name: String,
    about: String,
    schema: SchemaRef,
    row_count: u64,
    first_key: Option<i64>,
    columns: Vec<Built>,
}

impl Generate for BuiltTable {
    fn name(&self) -> &str {
        &self.name
    }

    fn about(&self) -> &str {
        &self.about
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn row_range(&self) -> Range<u64> {
        0..self.row_count
    }

    fn make(&self, rows: &Rows<'_>, columns: &[usize]) -> Vec<ArrayRef> {
        columns
            .iter()
            .map(|&column| self.columns[column].values.take(rows))
            .collect()
    }

    fn row_of_key(&self, key: i64) -> Option<u64> {
        let first = self.first_key?;
        u64::try_from(key.checked_sub(first)?).ok()
    }
}

//! Models: what stands in a folder, and that the statements of the built-in ones mean what their
//! comments say, run as they are on a plain engine without any limit.

mod assessments;
mod format;
mod grain;
mod retail;

use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_select::concat::concat_batches;
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use lakeseed_star_schema::{Model, TableSpec};

pub(crate) use self::retail::shares;

/// Runs every table of a model over these sources, in order; tables can be asked afterwards.
pub(crate) struct Star {
    context: SessionContext,
    runtime: tokio::runtime::Runtime,
}

impl Star {
    pub(crate) fn make(model: &Model, sources: Vec<(&str, RecordBatch)>) -> Self {
        let star = Self {
            context: SessionContext::new(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
        };
        for (name, rows) in sources {
            star.register(name, rows);
        }
        for table in &model.tables {
            let rows = star.ask(&table.sql);
            Self::check(table, &rows);
            star.register(&table.name, rows);
        }
        star
    }

    fn register(&self, name: &str, rows: RecordBatch) {
        let table = MemTable::try_new(rows.schema(), vec![vec![rows]]).unwrap();
        self.context.register_table(name, Arc::new(table)).unwrap();
    }

    pub(crate) fn ask(&self, sql: &str) -> RecordBatch {
        let batches = self.runtime.block_on(async {
            let frame = self.context.sql(sql).await.unwrap();
            let schema = Arc::new(frame.schema().as_arrow().clone());
            (schema, frame.collect().await.unwrap())
        });
        let schema = batches.1.first().map_or(batches.0, RecordBatch::schema);
        concat_batches(&schema, &batches.1).unwrap()
    }

    /// All cells of an answer as text; nulls as `-`.
    fn cells(&self, sql: &str) -> Vec<String> {
        let rows = self.ask(sql);
        let cell = |row: usize, column: usize| match rows.column(column) {
            array if array.is_null(row) => "-".to_owned(),
            array => array_value_to_string(array, row).unwrap(),
        };
        let columns = 0..rows.num_columns();
        (0..rows.num_rows())
            .map(|row| {
                let cells = columns.clone().map(|column| cell(row, column));
                cells.collect::<Vec<_>>().join(" | ")
            })
            .collect()
    }

    /// What the description promises of a table: its columns are there, its rows differ in the grain.
    fn check(table: &TableSpec, rows: &RecordBatch) {
        let known = |name: &String| rows.schema().column_with_name(name).is_some();
        let keys = table.foreign_keys.iter().flat_map(|key| &key.columns);
        for name in table.grain.iter().chain(keys) {
            assert!(known(name), "{} has no {name}", table.name);
        }
        let parts: Vec<usize> = table
            .grain
            .iter()
            .map(|name| rows.schema().index_of(name).unwrap())
            .collect();
        let mut seen = std::collections::HashSet::new();
        for row in 0..rows.num_rows() {
            let key: Vec<String> = parts
                .iter()
                .map(|column| array_value_to_string(rows.column(*column), row).unwrap())
                .collect();
            assert!(seen.insert(key.clone()), "{} has {key:?} twice", table.name);
        }
    }
}

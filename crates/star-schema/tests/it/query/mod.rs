//! SQL over generated tables and over sources, held against the engine over all rows in memory.

mod limits;
mod plans;
mod random;
mod ranges;
mod refused;
mod shared;

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow_array::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use lakeseed_budget::MIB;
use lakeseed_gen_core::{Dataset, Settings, Table};
use lakeseed_star_schema::query::{Queries, QueryReport, QuerySettings};
use lakeseed_star_schema::{Result, Stop};

/// A dataset small enough to hold, and large enough for several partitions: 90,000 invoices.
fn retail() -> Dataset {
    Dataset::new("retail", &Settings::new().scale(0.03)).unwrap()
}

/// Queries over a dataset, on two threads.
fn over(dataset: &Dataset) -> Queries {
    let mut queries = Queries::new(&settings()).unwrap();
    queries.register(dataset.info().name, dataset).unwrap();
    queries
}

fn settings() -> QuerySettings {
    QuerySettings {
        memory: 256 * MIB,
        ..QuerySettings::default()
    }
}

/// The rows of an answer as text, in order, and what was reported.
fn answer(queries: &Queries, sql: &str) -> (Vec<String>, QueryReport) {
    try_answer(queries, sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}

fn try_answer(queries: &Queries, sql: &str) -> Result<(Vec<String>, QueryReport)> {
    let query = queries.prepare(sql)?;
    let mut batches = Vec::new();
    let report = query.run(&Stop::new(), |batch| {
        batches.push(batch);
        ControlFlow::Continue(())
    })?;
    let rows = lines(&batches);
    assert_eq!(report.rows, rows.len() as u64, "{sql}");
    Ok((rows, report))
}

/// Rows as text.
fn lines(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::default().with_null("null");
    let mut lines = Vec::new();
    for batch in batches {
        let columns = batch.columns().iter();
        let columns = columns.map(|column| ArrayFormatter::try_new(column, &options).unwrap());
        let columns: Vec<_> = columns.collect();
        lines.extend((0..batch.num_rows()).map(|row| {
            let cells = columns.iter().map(|column| column.value(row).to_string());
            cells.collect::<Vec<_>>().join("|")
        }));
    }
    lines
}

/// The engine over all rows of these tables in memory, on one partition: it knows nothing of ranges,
/// order or statistics.
struct Oracle {
    context: SessionContext,
    runtime: tokio::runtime::Runtime,
}

impl Oracle {
    fn new<'t>(tables: impl IntoIterator<Item = &'t Table>) -> Self {
        let mut config = SessionConfig::new().with_target_partitions(1);
        config.options_mut().sql_parser.enable_ident_normalization = false;
        config.options_mut().sql_parser.map_string_types_to_utf8view = false;
        let context = SessionContext::new_with_config(config);
        for table in tables {
            let batches: Vec<RecordBatch> = table
                .all_rows()
                .reader()
                .unwrap()
                .map(|batch| batch.unwrap())
                .collect();
            let whole = MemTable::try_new(table.schema().clone(), vec![batches]).unwrap();
            context
                .register_table(table.name(), Arc::new(whole))
                .unwrap();
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        Self { context, runtime }
    }

    fn answer(&self, sql: &str) -> Vec<String> {
        let batches = self
            .runtime
            .block_on(async { self.context.sql(sql).await?.collect().await });
        lines(&batches.unwrap_or_else(|error| panic!("{sql}: {error}")))
    }
}

/// Rows in an order of their own.
fn sorted(mut rows: Vec<String>) -> Vec<String> {
    rows.sort_unstable();
    rows
}

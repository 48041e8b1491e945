//! A generated table as a table of the engine: rows are made as they are asked for.

use std::any::Any;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{
    ColumnStatistics, DataFusionError, Result as DfResult, Statistics, internal_err,
};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use lakeseed_gen_core::Table;

use super::order::Order;
use super::scan::{Rows, Scan, partitions};
use crate::engine::stream::Batches;
use crate::planned::plain;
use crate::session::BATCH_ROWS;

/// Fewer rows than this are not worth a thread of their own.
const LEAST_ROWS: u64 = 1 << 15;

/// A generated table for SQL: nothing is stored, a scan makes the columns that it is asked for.
///
/// A condition on a column by which the table is in order (its key, its time, year, month and day)
/// becomes a range of rows before a row is made. The number of rows and the bounds of such columns are
/// known to the planner, which answers `count(*)` and `max(issued_at)` by them alone.
///
/// **Shape**: the columns of the table, without hints.
///
/// **Memory**: the batches under way.
///
/// ```
/// use std::sync::Arc;
/// use datafusion::prelude::SessionContext;
/// use lakeseed_gen_core::{Settings, retail::Retail};
/// use lakeseed_star_schema::query::GeneratedTable;
///
/// let retail = Retail::new(&Settings::new().scale(0.01))?;
/// let context = SessionContext::new();
/// context.register_table("invoices", Arc::new(GeneratedTable::new("invoices", retail.invoices())))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct GeneratedTable {
    made: Arc<Made>,
}

/// What a scan needs of it.
#[derive(Debug)]
struct Made {
    name: String,
    table: Table,
    schema: SchemaRef,
    order: Order,
}

impl GeneratedTable {
    /// `name` is what reports and plans call it.
    pub fn new(name: impl Into<String>, table: &Table) -> Self {
        let schema = plain(table.schema());
        Self {
            made: Arc::new(Made {
                name: name.into(),
                table: table.clone(),
                order: Order::new(table, &schema),
                schema,
            }),
        }
    }
}

#[async_trait]
impl TableProvider for GeneratedTable {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.made.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> DfResult<Vec<TableProviderFilterPushDown>> {
        let exact = self.made.order.narrow(filters).exact;
        let support = exact.into_iter().map(|exact| {
            if exact {
                TableProviderFilterPushDown::Exact
            } else {
                TableProviderFilterPushDown::Unsupported
            }
        });
        Ok(support.collect())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let narrowed = self.made.order.narrow(&filters.iter().collect::<Vec<_>>());
        if !narrowed.exact.iter().all(|exact| *exact) {
            // They were taken, and nobody above looks at them again.
            return internal_err!("conditions on {} that are no range", self.made.name);
        }
        let mut rows = narrowed.rows;
        if let Some(limit) = limit {
            rows.end = rows.end.min(rows.start.saturating_add(limit as u64));
        }
        let columns = match projection {
            Some(columns) => columns.clone(),
            None => (0..self.made.schema.fields().len()).collect(),
        };
        let schema = Arc::new(self.made.schema.project(&columns)?);
        let asked = session.config().target_partitions();
        let count = partitions(rows.end - rows.start, asked, LEAST_ROWS);
        let orders = self.made.orders(&columns);
        let table = Arc::clone(&self.made) as Arc<dyn Rows>;
        let scan = Scan::new(table, schema, columns, rows, orders, count);
        Ok(Arc::new(scan))
    }

    fn statistics(&self) -> Option<Statistics> {
        let all: Vec<usize> = (0..self.made.schema.fields().len()).collect();
        Some(self.made.statistics(&all, &self.made.table.row_range()))
    }
}

impl Made {
    /// The orders that rows of these columns are in, as positions among them.
    fn orders(&self, columns: &[usize]) -> Vec<Vec<usize>> {
        let at = |column: &usize| columns.iter().position(|other| other == column);
        let alone = self.order.sorted.iter().filter_map(at).map(|at| vec![at]);
        let mut orders: Vec<Vec<usize>> = alone.collect();
        let civil: Vec<usize> = self.order.civil.iter().map_while(at).collect();
        if civil.len() > 1 {
            orders.push(civil);
        }
        orders
    }
}

impl Rows for Made {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&self, columns: &[usize], units: Range<u64>, batch_rows: usize) -> DfResult<Batches> {
        let external = |error| DataFusionError::External(Box::new(error));
        let fields = self.schema.fields();
        let names = columns.iter().map(|&column| fields[column].name().as_str());
        let scan = self.table.rows(units).batch_rows(batch_rows);
        let reader = scan
            .columns(names)
            .and_then(lakeseed_gen_core::Scan::reader);
        let reader = reader.map_err(external)?;
        let schema = Arc::new(self.schema.project(columns)?);
        Ok(Box::new(reader.map(move |batch| {
            let batch = batch?;
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let columns = batch.columns().to_vec();
            let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options);
            Ok(batch?)
        })))
    }

    fn waits(&self) -> bool {
        false
    }

    fn cut(&self, units: Range<u64>, count: usize) -> Vec<Range<u64>> {
        let (rows, count) = (units.end - units.start, count.max(1) as u128);
        // Batches begin at the same rows however many runs there are: a join gives the rows of a batch that
        // meet none behind the others.
        let batch = BATCH_ROWS as u64;
        let edge = |at: u128| {
            let rows_before = (u128::from(rows) * at / count) as u64;
            let is_end = rows_before == rows;
            units.start
                + if is_end {
                    rows
                } else {
                    rows_before / batch * batch
                }
        };
        let runs = (0..count).map(|at| edge(at)..edge(at + 1));
        runs.filter(|run| !run.is_empty()).collect()
    }

    fn rows(&self, units: &Range<u64>) -> u64 {
        units.end - units.start
    }

    fn statistics(&self, columns: &[usize], units: &Range<u64>) -> Statistics {
        let bound = |column: usize, row: u64| {
            let value = self.order.value(column, row);
            value.map_or(Precision::Absent, Precision::Exact)
        };
        let of_column = |&column: &usize| {
            let mut known = ColumnStatistics::new_unknown();
            if !self.schema.field(column).is_nullable() {
                known.null_count = Precision::Exact(0);
            }
            if self.order.sorted.contains(&column) && !units.is_empty() {
                known.min_value = bound(column, units.start);
                known.max_value = bound(column, units.end - 1);
            }
            known
        };
        Statistics {
            num_rows: Precision::Exact(self.rows(units) as usize),
            total_byte_size: Precision::Absent,
            column_statistics: columns.iter().map(of_column).collect(),
        }
    }
}

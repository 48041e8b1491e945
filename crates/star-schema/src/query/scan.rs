//! The leaf of a query's plan: a table's rows in partitions that follow each other.

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use datafusion::common::{Result as DfResult, Statistics, internal_datafusion_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalSortExpr, expressions};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::{
    RecordBatchReceiverStreamBuilder, RecordBatchStreamAdapter,
};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};

use crate::engine::stream::Batches;

/// Batches that a reader in its own thread may be ahead.
const AHEAD: usize = 2;

/// Rows in order, of which any run can be read alone. A run is of units: rows, or pieces of files.
pub(super) trait Rows: fmt::Debug + Send + Sync {
    /// The table's name, as queries write it.
    fn name(&self) -> &str;

    /// Some columns of a run of units, in batches of this many rows at most.
    fn open(&self, columns: &[usize], units: Range<u64>, batch_rows: usize) -> DfResult<Batches>;

    /// Whether reading waits for files, so that it needs a thread of its own.
    fn waits(&self) -> bool;

    /// Cuts units into runs of about the same number of rows: `count` of them, or fewer.
    fn cut(&self, units: Range<u64>, count: usize) -> Vec<Range<u64>>;

    /// How many rows a run has, as far as it is known.
    fn rows(&self, units: &Range<u64>) -> u64;

    /// What is known of a run.
    fn statistics(&self, columns: &[usize], units: &Range<u64>) -> Statistics;
}

/// The units that a plan reads of a table, in partitions, each a run, in order.
#[derive(Debug, Clone)]
pub(super) struct Scan {
    table: Arc<dyn Rows>,
    columns: Vec<usize>,
    units: Range<u64>,
    partitions: Vec<Range<u64>>,
    /// The orders that the rows are in: positions of `schema`.
    orders: Vec<Vec<usize>>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl Scan {
    /// `schema` has the `columns`; `orders` are positions in it.
    pub(super) fn new(
        table: Arc<dyn Rows>,
        schema: SchemaRef,
        columns: Vec<usize>,
        units: Range<u64>,
        orders: Vec<Vec<usize>>,
        partitions: usize,
    ) -> Self {
        let mut partitions = table.cut(units.clone(), partitions);
        if partitions.is_empty() {
            partitions.push(units.clone());
        }
        let sorted = orders.iter().map(|order| {
            order.iter().map(|&at| {
                let column = expressions::Column::new(schema.field(at).name(), at);
                PhysicalSortExpr::new(Arc::new(column), ASCENDING)
            })
        });
        let sorted = EquivalenceProperties::new_with_orderings(Arc::clone(&schema), sorted);
        let properties = PlanProperties::new(
            sorted,
            Partitioning::UnknownPartitioning(partitions.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            table,
            columns,
            units,
            partitions,
            orders,
            schema,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    /// The table's name.
    pub(super) fn table(&self) -> &str {
        self.table.name()
    }

    /// Values that this leaf reads, as far as they are known before.
    pub(super) fn values(&self) -> u64 {
        self.table.rows(&self.units) * self.columns.len() as u64
    }

    /// Whether it is the same leaf of a plan of the same tables: same rows, columns and partitions.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.columns == other.columns && self.has_same_rows(other)
    }

    /// Whether it reads the same rows of the same table, of whatever columns.
    pub(super) fn has_same_rows(&self, other: &Self) -> bool {
        self.table.name() == other.table.name()
            && self.units == other.units
            && self.partitions == other.partitions
    }

    /// The names of the columns, and their places in the table.
    pub(super) fn of_table(&self) -> impl Iterator<Item = (&str, usize)> {
        let names = self
            .schema
            .fields()
            .iter()
            .map(|field| field.name().as_str());
        names.zip(self.columns.iter().copied())
    }

    /// The same leaf, that has read nothing yet.
    pub(super) fn anew(&self) -> Self {
        Self {
            metrics: ExecutionPlanMetricsSet::new(),
            ..self.clone()
        }
    }

    /// Rows that were read by this leaf.
    pub(super) fn rows_read(&self) -> u64 {
        let rows = self.metrics.clone_inner().output_rows();
        rows.unwrap_or_default() as u64
    }

    /// The same rows in partitions of about so many, and no more partitions than `most`.
    pub(super) fn in_runs_of(&self, rows: u64, most: u64) -> Self {
        let count = self.table.rows(&self.units).div_ceil(rows).clamp(1, most);
        Self::new(
            Arc::clone(&self.table),
            Arc::clone(&self.schema),
            self.columns.clone(),
            self.units.clone(),
            self.orders.clone(),
            count as usize,
        )
    }
}

const ASCENDING: arrow_schema::SortOptions = arrow_schema::SortOptions {
    descending: false,
    nulls_first: false,
};

impl DisplayAs for Scan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self
            .schema
            .fields()
            .iter()
            .map(|field| field.name().as_str());
        write!(
            f,
            "Scan: {}, about {} rows, partitions={}, columns=[{}]",
            self.table.name(),
            self.table.rows(&self.units),
            self.partitions.len(),
            names.collect::<Vec<_>>().join(", ")
        )
    }
}

impl ExecutionPlan for Scan {
    fn name(&self) -> &'static str {
        "Scan"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn reset_state(self: Arc<Self>) -> DfResult<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self {
            metrics: ExecutionPlanMetricsSet::new(),
            ..Self::clone(&self)
        }))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> DfResult<SendableRecordBatchStream> {
        let units = self.partitions.get(partition);
        let units = units.ok_or_else(|| internal_datafusion_err!("no partition {partition}"))?;
        let batch_rows = context.session_config().batch_size();
        let batches = self.table.open(&self.columns, units.clone(), batch_rows)?;
        let read = MetricBuilder::new(&self.metrics).output_rows(partition);
        let mut batches = batches.inspect(move |batch| {
            if let Ok(batch) = batch {
                read.add(batch.num_rows());
            }
        });
        let schema = Arc::clone(&self.schema);
        if !self.table.waits() {
            let stream = futures_util::stream::iter(batches);
            return Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)));
        }
        let mut builder = RecordBatchReceiverStreamBuilder::new(schema, AHEAD);
        let rows = builder.tx();
        builder.spawn_blocking(move || {
            // Whoever does not want more has dropped the other end.
            let _ = batches.try_for_each(|batch| rows.blocking_send(batch));
            Ok(())
        });
        Ok(builder.build())
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn partition_statistics(&self, partition: Option<usize>) -> DfResult<Statistics> {
        let units = match partition {
            None => &self.units,
            Some(partition) => self
                .partitions
                .get(partition)
                .ok_or_else(|| internal_datafusion_err!("no partition {partition}"))?,
        };
        Ok(self.table.statistics(&self.columns, units))
    }
}

/// How many runs are worth it: as many as are asked for, none below `least` rows.
pub(super) fn partitions(rows: u64, asked: usize, least: u64) -> usize {
    let most = usize::try_from(rows / least.max(1)).unwrap_or(usize::MAX);
    most.clamp(1, asked.max(1))
}

//! A query that is planned, and its runs.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{ExecutionPlan, displayable, execution_plan::reset_plan_states};
use futures_util::StreamExt;
use lakeseed_budget::Bytes;

use super::pool::QueryPool;
use super::scan::Scan;
use super::{Engine, failed};
use crate::engine::stream::block_on_unless;
use crate::temp::TempFolder;
use crate::{Error, Result, Stop, session};

/// How often a query that runs asks whether it should stop.
const STOP_CHECK: Duration = Duration::from_millis(50);

/// Batches of a result that wait for their taker.
const AHEAD: usize = 2;

/// A query that is planned: it may be run again and again, and from several threads at once.
pub struct Query {
    pub(super) plan: Arc<dyn ExecutionPlan>,
    pub(super) engine: Arc<Engine>,
}

/// What a query did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueryReport {
    /// Rows of the answer that were handed over.
    pub rows: u64,
    /// Rows that were made or read, of each table that was read; a table of which the planner knew enough
    /// is not among them.
    pub rows_read: BTreeMap<String, u64>,
    /// Bytes that were written to temporary files.
    pub spilled: Bytes,
    /// The most that was held at once of [`QuerySettings::memory`](super::QuerySettings::memory).
    pub memory_peak: Bytes,
}

impl Query {
    /// The columns of the answer. Their types are those of files: truth values, integers, floats,
    /// `Decimal128`, `Date32`, `Timestamp` down to microseconds, `Utf8` and `LargeUtf8`, dictionaries of
    /// text, lists and structs of these. What else a query may give comes as the nearest of them, or as
    /// text.
    pub fn schema(&self) -> SchemaRef {
        self.plan.schema()
    }

    /// How many values it reads, as far as that is known before: a measure of its work. Where many queries
    /// run side by side, the large ones had better come first.
    pub fn values(&self) -> u64 {
        values(&self.plan)
    }

    /// How it is going to be answered: the engine's plan, a node a line.
    pub fn explain(&self) -> String {
        displayable(self.plan.as_ref()).indent(false).to_string()
    }

    /// Answers it: `take` gets the batches in order, in this thread, and ends the query early with
    /// [`ControlFlow::Break`].
    ///
    /// # Errors
    /// [`Error::Exhausted`] where the memory does not carry it, [`Error::Stopped`] once `stop` is raised,
    /// [`Error::Temp`], what a source says, [`Error::Engine`] for values that cannot be computed.
    pub fn run(
        &self,
        stop: &Stop,
        mut take: impl FnMut(RecordBatch) -> ControlFlow<()>,
    ) -> Result<QueryReport> {
        let settings = &self.engine.settings;
        let pool = Arc::new(QueryPool::new(&self.engine.memory));
        let (_temp, disk) = self.disk()?;
        let context = session::query(settings.ranges(), settings.memory, &pool, disk);
        let context = context.map_err(failed)?;
        // What nodes keep and count is that of the run before.
        let plan = reset_plan_states(Arc::clone(&self.plan)).map_err(failed)?;
        let mut report = QueryReport::default();
        let ended = self.stream(&plan, context, stop, |batch| {
            report.rows += batch.num_rows() as u64;
            take(batch)
        });
        ended.map_err(|cause| self.explained(cause))?;
        count(&plan, &mut report);
        report.memory_peak = Bytes::from(pool.peak());
        Ok(report)
    }

    /// The temporary folder of a run, and the engine's view of it.
    fn disk(&self) -> Result<(Option<TempFolder>, DiskManagerBuilder)> {
        let settings = &self.engine.settings;
        let disk = DiskManagerBuilder::default();
        let Some(base) = &settings.temp else {
            return Ok((None, disk.with_mode(DiskManagerMode::Disabled)));
        };
        let temp = TempFolder::create(base, settings.temp_in_memory)?;
        let limit = match settings.temp_limit {
            Some(limit) => limit.get(),
            None => temp.free()?.get() / 2,
        };
        let folders = DiskManagerMode::Directories(vec![temp.path().to_owned()]);
        let disk = disk.with_mode(folders).with_max_temp_directory_size(limit);
        Ok((Some(temp), disk))
    }

    /// Runs the plan on the runtime's threads and hands over what it gives in this one.
    fn stream(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        context: Arc<datafusion::execution::TaskContext>,
        stop: &Stop,
        mut take: impl FnMut(RecordBatch) -> ControlFlow<()>,
    ) -> DfResult<()> {
        let Some(runtime) = &self.engine.runtime else {
            return Ok(());
        };
        let mut builder = RecordBatchReceiverStreamBuilder::new(plan.schema(), AHEAD);
        let (rows, plan) = (builder.tx(), Arc::clone(plan));
        let work = async move {
            let mut stream = plan.execute(0, context)?;
            while let Some(batch) = stream.next().await {
                let is_last = batch.is_err();
                if rows.send(batch).await.is_err() || is_last {
                    break;
                }
            }
            Ok(())
        };
        builder.spawn_on(work, runtime.handle());
        let mut batches = builder.build();
        loop {
            let next = block_on_unless(batches.next(), STOP_CHECK, || stop.is_raised());
            match next {
                None => return Err(DataFusionError::External(Box::new(Error::Stopped))),
                Some(None) => return Ok(()),
                Some(Some(batch)) => {
                    if take(batch?).is_break() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// What the engine says, as ours.
    fn explained(&self, cause: DataFusionError) -> Error {
        if session::is_exhausted(&cause) {
            let settings = &self.engine.settings;
            return Error::Exhausted {
                memory: settings.memory,
                spills: settings.temp.is_some(),
                cause,
            };
        }
        failed(cause)
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query")
            .field("schema", &self.plan.schema())
            .finish_non_exhaustive()
    }
}

/// What the leaves of a plan read.
fn values(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    let own = plan.as_any().downcast_ref::<Scan>().map_or(0, Scan::values);
    own + plan.children().into_iter().map(values).sum::<u64>()
}

/// What the nodes of a plan have counted.
fn count(plan: &Arc<dyn ExecutionPlan>, report: &mut QueryReport) {
    if let Some(scan) = plan.as_any().downcast_ref::<Scan>() {
        *report.rows_read.entry(scan.table().to_owned()).or_default() += scan.rows_read();
    }
    let spilled = plan.metrics().and_then(|metrics| metrics.spilled_bytes());
    report.spilled = report.spilled + Bytes::from(spilled.unwrap_or_default());
    for child in plan.children() {
        count(child, report);
    }
}

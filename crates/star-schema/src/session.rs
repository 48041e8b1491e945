//! The only place where sessions of the engine, `DataFusion`, are made.
//!
//! One partition, no repartitioning of any kind, no view types, no spilling: an operator that spreads
//! its input over channels can hang for ever under a memory limit (apache/datafusion#24883), and its
//! spills have filled disks. Work is cut before it comes here, so that it fits.
//!
//! Queries for people (see [`crate::query`]) have several partitions and may spill, into a folder with a
//! limit. Repartitioning is as much off for them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::{DataFusionError, Result as DfResult, resources_err};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::Optimizer;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::prelude::SessionConfig;
use lakeseed_budget::Bytes;

/// Rows of the batches that plans work on.
pub(crate) const BATCH_ROWS: usize = 8_192;

/// The rule that turns a distinct count into an aggregate over an aggregate. Every plan of ours is to
/// have exactly one.
const TWO_STEP_DISTINCT: &str = "single_distinct_aggregation_to_group_by";

/// Settings of every session.
pub(crate) fn config() -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(1)
        .with_batch_size(BATCH_ROWS)
        .with_round_robin_repartition(false)
        .with_repartition_aggregations(false)
        .with_repartition_joins(false)
        .with_repartition_windows(false)
        .with_repartition_sorts(false)
        .with_repartition_file_scans(false)
        .with_information_schema(false);
    let options = config.options_mut();
    options.execution.planning_concurrency = 1;
    // Partial aggregates that stop aggregating would make what they give depend on a probe.
    options
        .execution
        .skip_partial_aggregation_probe_ratio_threshold = 2.0;
    options.execution.parquet.schema_force_view_types = false;
    options.sql_parser.map_string_types_to_utf8view = false;
    // Names are taken as they are written: sources with upper-case columns are common.
    options.sql_parser.enable_ident_normalization = false;
    options.sql_parser.dialect = datafusion::config::Dialect::PostgreSQL;
    options.optimizer.enable_dynamic_filter_pushdown = false;
    options.optimizer.enable_topk_dynamic_filter_pushdown = false;
    options.optimizer.enable_join_dynamic_filter_pushdown = false;
    options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    config
}

/// A session to plan in.
pub(crate) fn planner() -> SessionState {
    let rules = Optimizer::new()
        .rules
        .into_iter()
        .filter(|rule| rule.name() != TWO_STEP_DISTINCT)
        .collect();
    SessionStateBuilder::new_with_default_features()
        .with_config(config())
        .with_optimizer_rules(rules)
        .build()
}

/// The physical plan of a logical one, checked.
pub(crate) fn physical(
    state: &SessionState,
    plan: &LogicalPlan,
) -> DfResult<Arc<dyn ExecutionPlan>> {
    let plan = crate::engine::stream::block_on(state.create_physical_plan(plan))?;
    check(&plan)?;
    Ok(plan)
}

/// Refuses a plan that holds what may hang.
pub(crate) fn check(plan: &Arc<dyn ExecutionPlan>) -> DfResult<()> {
    let any = plan.as_any();
    if any.is::<RepartitionExec>() || any.is::<CoalescePartitionsExec>() {
        return Err(refused(plan));
    }
    plan.children().into_iter().try_for_each(check)
}

/// What one attempt runs in: a fresh runtime whose memory is the lease.
pub(crate) fn attempt(pool: &Arc<LeasePool>) -> DfResult<Arc<TaskContext>> {
    let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::clone(pool) as Arc<dyn MemoryPool>)
        .with_disk_manager_builder(disk)
        .build_arc()?;
    Ok(task(config(), runtime))
}

fn task(config: SessionConfig, runtime: Arc<RuntimeEnv>) -> Arc<TaskContext> {
    Arc::new(TaskContext::new(
        None,
        "lakeseed".to_owned(),
        config,
        HashMap::new(),
        HashMap::new(),
        HashMap::new(),
        runtime,
    ))
}

/// Settings of queries for people: tables in partitions, which are ranges that follow each other, and
/// nothing that deals rows to channels by their values. Rows are sorted in one partition: where several
/// are, what merges them finds the memory taken by what it merges.
fn query_config(partitions: usize, memory: Bytes) -> SessionConfig {
    let mut config = config()
        .with_target_partitions(partitions)
        .with_default_catalog_and_schema("lakeseed", "public");
    let options = config.options_mut();
    let usual = datafusion::config::ExecutionOptions::default();
    // Groups that hardly repeat are not looked up twice.
    options
        .execution
        .skip_partial_aggregation_probe_ratio_threshold =
        usual.skip_partial_aggregation_probe_ratio_threshold;
    let share = memory.as_usize() / partitions.saturating_mul(8);
    options.execution.sort_spill_reservation_bytes = usual.sort_spill_reservation_bytes.min(share);
    config
}

/// A session to plan queries in.
pub(crate) fn query_planner(partitions: usize, memory: Bytes) -> SessionState {
    SessionStateBuilder::new_with_default_features()
        .with_config(query_config(partitions, memory))
        .build()
}

/// What one run of a query works in.
pub(crate) fn query(
    partitions: usize,
    memory: Bytes,
    pool: &Arc<impl MemoryPool + 'static>,
    disk: DiskManagerBuilder,
) -> DfResult<Arc<TaskContext>> {
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::clone(pool) as Arc<dyn MemoryPool>)
        .with_disk_manager_builder(disk)
        .build_arc()?;
    Ok(task(query_config(partitions, memory), runtime))
}

/// Refuses a plan of a query that holds what may hang.
pub(crate) fn check_query(plan: &Arc<dyn ExecutionPlan>) -> DfResult<()> {
    if plan.as_any().is::<RepartitionExec>() {
        return Err(refused(plan));
    }
    plan.children().into_iter().try_for_each(check_query)
}

fn refused(plan: &Arc<dyn ExecutionPlan>) -> DataFusionError {
    DataFusionError::Internal(format!("{} in a plan, which may hang", plan.name()))
}

/// The engine's view of a part of a lease, which its owner holds as long as this is in use: it refuses
/// what goes beyond.
pub(crate) struct LeasePool {
    limit: usize,
    used: AtomicUsize,
}

impl LeasePool {
    /// So many bytes.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
        })
    }
}

impl fmt::Debug for LeasePool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} bytes", self.reserved(), self.limit)
    }
}

impl MemoryPool for LeasePool {
    fn grow(&self, _: &MemoryReservation, additional: usize) {
        self.used.fetch_add(additional, Ordering::Relaxed);
    }

    fn shrink(&self, _: &MemoryReservation, shrink: usize) {
        self.used.fetch_sub(shrink, Ordering::Relaxed);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> DfResult<()> {
        let used = self.reserved();
        if used.saturating_add(additional) > self.limit {
            return resources_err!(
                "{} asks for {additional} bytes more, and {used} of {} are taken",
                reservation.consumer().name(),
                self.limit
            );
        }
        self.grow(reservation, additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.limit)
    }
}

/// Whether the engine gave up because its lease was too small.
pub(crate) fn is_exhausted(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::ResourcesExhausted(_))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, RecvTimeoutError};
    use std::thread;
    use std::time::Duration;

    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_array::{Int64Array, RecordBatch, StringArray};
    use arrow_schema::{DataType, Field, Schema};
    use datafusion::datasource::MemTable;
    use datafusion::physical_plan::collect;
    use datafusion::prelude::SessionContext;

    use super::*;
    use crate::engine::stream::block_on;

    /// The query of apache/datafusion#24883.
    const SQL: &str = "SELECT g, count(DISTINCT trace_id) AS n FROM t GROUP BY g";
    const ROWS: i64 = 40_000;

    /// Its rows, 64 a batch, in one partition.
    fn table() -> Arc<MemTable> {
        let schema = Arc::new(Schema::new(vec![
            Field::new("g", DataType::Int64, false),
            Field::new("trace_id", DataType::Utf8, false),
        ]));
        let text = |row: i64| blake3::hash(&(row % 337).to_le_bytes()).to_hex()[..32].to_owned();
        let batches = (1..=ROWS).step_by(64).map(|start| {
            let rows = start..(start + 64).min(ROWS + 1);
            let keys: Int64Array = rows.clone().map(|row| Some(row % 13)).collect();
            let texts: StringArray = rows.map(|row| Some(text(row))).collect();
            RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(keys), Arc::new(texts)])
        });
        let batches = batches.collect::<Result<Vec<_>, _>>().unwrap();
        Arc::new(MemTable::try_new(schema, vec![batches]).unwrap())
    }

    fn plan(state: SessionState) -> DfResult<Arc<dyn ExecutionPlan>> {
        let context = SessionContext::new_with_state(state);
        context.register_table("t", table())?;
        let state = context.state();
        let logical = block_on(state.create_logical_plan(SQL))?;
        physical(&state, &logical)
    }

    /// Two hundred times with the pool of two megabytes with which it hangs elsewhere.
    #[test]
    fn the_query_that_hangs_elsewhere_ends_in_our_sessions() {
        let (working, ends) = mpsc::channel::<()>();
        let worker = thread::spawn(move || {
            let _working = working;
            let plan = plan(planner()).unwrap();
            for _ in 0..200 {
                let pool = LeasePool::new(2_000_000);
                let context = attempt(&pool).unwrap();
                let plan = Arc::clone(&plan).reset_state().unwrap();
                let batches = block_on(collect(plan, context)).unwrap();
                let counts = batches.iter().flat_map(|batch| {
                    let counts = batch.column(1).as_primitive::<Int64Type>();
                    counts.values().to_vec()
                });
                // Every key meets every text.
                assert_eq!(counts.collect::<Vec<_>>(), [337; 13]);
            }
        });
        let waited = ends.recv_timeout(Duration::from_mins(5));
        assert_ne!(waited, Err(RecvTimeoutError::Timeout), "a run hangs");
        worker.join().unwrap();
    }

    /// The control: what the check is there for.
    #[test]
    fn a_plan_over_partitions_is_refused() {
        let state = SessionStateBuilder::new_with_default_features()
            .with_config(SessionConfig::new().with_target_partitions(2))
            .build();
        let refused = plan(state).unwrap_err().to_string();
        assert!(refused.contains("RepartitionExec"), "{refused}");
    }
}

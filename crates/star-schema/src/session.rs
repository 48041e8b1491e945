//! The only place where sessions of the engine, `DataFusion`, are made.
//!
//! One partition, no repartitioning of any kind, no view types, no spilling: an operator that spreads
//! its input over channels can hang for ever under a memory limit (apache/datafusion#24883), and its
//! spills have filled disks. Work is cut before it comes here, so that it fits.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::{DataFusionError, Result as DfResult, resources_err};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SessionState, SessionStateBuilder, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::Optimizer;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::prelude::SessionConfig;

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
        return Err(DataFusionError::Internal(format!(
            "{} in a plan that has to have one partition",
            plan.name()
        )));
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
    Ok(Arc::new(TaskContext::new(
        None,
        "lakeseed".to_owned(),
        config(),
        HashMap::new(),
        HashMap::new(),
        HashMap::new(),
        runtime,
    )))
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

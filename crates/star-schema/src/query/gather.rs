//! Partitions joined to one, in their order, while several of them run.
//!
//! The engine's own node gives batches as they happen to come. Here the same query gives the same rows in
//! the same order every time: all of the first partition, then all of the second. A partition that is
//! ahead fills its channel and waits.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{JoinType, Result as DfResult, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::{
    CardinalityEffect, EvaluationType, SchedulingType,
};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, PartitionMode};
use datafusion::physical_plan::limit::LocalLimitExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::stream::{
    RecordBatchReceiverStreamBuilder, RecordBatchStreamAdapter,
};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PlanProperties, Statistics,
};
use futures_util::StreamExt;

use super::scan::Scan;

/// Rows of a partition that only passes rows on: small enough that one that is ahead fits its channel,
/// and large enough that opening it costs nothing.
const RUN_ROWS: u64 = 1 << 16;

/// The most partitions of a plan: each counts what it does.
const MOST_RUNS: u64 = 1 << 12;

/// Batches that a partition may be ahead.
const AHEAD: usize = 8;

/// Takes what joins partitions out of a plan and puts [`Gather`] in its place; `at_once` of them run.
pub(super) fn in_order(
    plan: Arc<dyn ExecutionPlan>,
    at_once: usize,
) -> DfResult<Arc<dyn ExecutionPlan>> {
    let gathered = plan.transform_up(|node| {
        let any = node.as_any();
        if gives_left_rows_last(&node) {
            // They come with the partition that ends last, and which one that is nobody knows: there is
            // to be one.
            let children = node.children().into_iter().cloned().collect::<Vec<_>>();
            let [left, right] = children.as_slice() else {
                return internal_err!("{} of {} tables", node.name(), children.len());
            };
            let children = vec![Arc::clone(left), Gather::over(right, None, at_once)?];
            return Ok(Transformed::yes(node.with_new_children(children)?));
        }
        if let Some(dealt) = any.downcast_ref::<RepartitionExec>() {
            return Ok(Transformed::yes(undealt(dealt, at_once)?));
        }
        let (input, fetch) = if let Some(any) = any.downcast_ref::<CoalescePartitionsExec>() {
            (any.input(), any.fetch())
        } else if let Some(merge) = any.downcast_ref::<SortPreservingMergeExec>() {
            // Sorted because the table is: then its partitions follow each other.
            if !passes_on(merge.input()) {
                return Ok(Transformed::no(node));
            }
            (merge.input(), merge.fetch())
        } else {
            return Ok(Transformed::no(node));
        };
        Ok(Transformed::yes(Gather::over(input, fetch, at_once)?))
    })?;
    if gathered.data.output_partitioning().partition_count() == 1 {
        return Ok(gathered.data);
    }
    Gather::over(&gathered.data, None, at_once)
}

/// What is dealt out to partitions by its values, in one instead: whoever asks for rows of a key together
/// has them there. The planner asks for it under some windows, whatever its settings say, and what deals
/// rows to channels can hang under a limit.
fn undealt(dealt: &RepartitionExec, at_once: usize) -> DfResult<Arc<dyn ExecutionPlan>> {
    let input = dealt.input();
    if input.output_partitioning().partition_count() == 1 {
        return Ok(Arc::clone(input));
    }
    match input.output_ordering().filter(|_| dealt.preserve_order()) {
        Some(order) if !passes_on(input) => {
            let merge = SortPreservingMergeExec::new(order.clone(), Arc::clone(input));
            Ok(Arc::new(merge))
        }
        _ => Gather::over(input, None, at_once),
    }
}

/// Whether a node joins so that rows of its left side which meet none come at the end, and could come at
/// the end of any partition.
fn gives_left_rows_last(node: &Arc<dyn ExecutionPlan>) -> bool {
    let any = node.as_any();
    let hash = any.downcast_ref::<HashJoinExec>();
    let nested = any.downcast_ref::<NestedLoopJoinExec>();
    let join = hash
        .map(HashJoinExec::join_type)
        .or_else(|| nested.map(NestedLoopJoinExec::join_type));
    matches!(join, Some(JoinType::Left | JoinType::Full))
        && node.output_partitioning().partition_count() > 1
}

/// Whether a plan gives the rows of a table one after the other, some of them, changed or not: then any
/// cut of the table gives the same rows.
fn passes_on(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let any = plan.as_any();
    if let Some(join) = any.downcast_ref::<HashJoinExec>() {
        // Other joins give rows of the left side at the end of the last partition.
        let row_by_row = matches!(
            join.join_type(),
            JoinType::Inner
                | JoinType::Right
                | JoinType::RightSemi
                | JoinType::RightAnti
                | JoinType::RightMark
        );
        return row_by_row
            && *join.partition_mode() == PartitionMode::CollectLeft
            && passes_on(join.right());
    }
    let one_to_one = any.is::<FilterExec>()
        || any.is::<ProjectionExec>()
        || any.is::<LocalLimitExec>()
        || any.is::<CooperativeExec>();
    any.is::<Scan>() || (one_to_one && plan.children().into_iter().all(passes_on))
}

/// A plan that passes rows on, over smaller partitions.
fn in_runs(plan: &Arc<dyn ExecutionPlan>) -> DfResult<Arc<dyn ExecutionPlan>> {
    if let Some(scan) = plan.as_any().downcast_ref::<Scan>() {
        return Ok(Arc::new(scan.in_runs_of(RUN_ROWS, MOST_RUNS)));
    }
    // The table that a join reads row by row is its right one.
    let mut children: Vec<_> = plan.children().into_iter().cloned().collect();
    if let Some(last) = children.last_mut() {
        *last = in_runs(last)?;
    }
    Arc::clone(plan).with_new_children(children)
}

/// Joins partitions in their order.
#[derive(Debug)]
pub(super) struct Gather {
    input: Arc<dyn ExecutionPlan>,
    /// No more rows than this.
    fetch: Option<usize>,
    at_once: usize,
    properties: Arc<PlanProperties>,
}

impl Gather {
    fn over(
        input: &Arc<dyn ExecutionPlan>,
        fetch: Option<usize>,
        at_once: usize,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let follow = passes_on(input);
        let input = if follow {
            in_runs(input)?
        } else {
            Arc::clone(input)
        };
        let mut known: EquivalenceProperties = input.equivalence_properties().clone();
        known.clear_per_partition_constants();
        if !follow {
            known.clear_orderings();
        }
        let properties = PlanProperties::new(
            known,
            Partitioning::UnknownPartitioning(1),
            input.pipeline_behavior(),
            input.boundedness(),
        )
        .with_evaluation_type(EvaluationType::Eager)
        .with_scheduling_type(SchedulingType::Cooperative);
        Ok(Arc::new(Self {
            input,
            fetch,
            at_once: at_once.max(1),
            properties: Arc::new(properties),
        }))
    }
}

impl DisplayAs for Gather {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gather: in order, {} at once", self.at_once)?;
        match self.fetch {
            Some(fetch) => write!(f, ", fetch={fetch}"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for Gather {
    fn name(&self) -> &'static str {
        "Gather"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let Some(input) = children.pop() else {
            return internal_err!("a gather of nothing");
        };
        Ok(Arc::new(Self {
            input,
            fetch: self.fetch,
            at_once: self.at_once,
            properties: Arc::clone(&self.properties),
        }))
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let state = Gathering {
            input: Arc::clone(&self.input),
            context,
            next: 0,
            at_once: self.at_once,
            running: VecDeque::new(),
            left: self.fetch,
        };
        let stream = futures_util::stream::unfold(state, async |mut state| {
            let batch = state.next().await?;
            Some((batch, state))
        });
        let schema = self.input.schema();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
    }

    fn partition_statistics(&self, _: Option<usize>) -> DfResult<Statistics> {
        let whole = self.input.partition_statistics(None)?;
        whole.with_fetch(self.fetch, 0, 1)
    }

    fn fetch(&self) -> Option<usize> {
        self.fetch
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }
}

/// A gather under way.
struct Gathering {
    input: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    /// The partition that is started next.
    next: usize,
    at_once: usize,
    /// Those that run, the first first.
    running: VecDeque<SendableRecordBatchStream>,
    /// Rows that are still wanted, where not all are.
    left: Option<usize>,
}

impl Gathering {
    async fn next(&mut self) -> Option<DfResult<arrow_array::RecordBatch>> {
        loop {
            if self.left == Some(0) {
                self.running.clear();
                return None;
            }
            let partitions = self.input.output_partitioning().partition_count();
            while self.running.len() < self.at_once && self.next < partitions {
                let started = self.start(self.next);
                self.running.push_back(started);
                self.next += 1;
            }
            let Some(batch) = self.running.front_mut()?.next().await else {
                self.running.pop_front();
                continue;
            };
            let Ok(mut batch) = batch else {
                self.left = Some(0);
                return Some(batch);
            };
            if let Some(left) = &mut self.left {
                batch = batch.slice(0, batch.num_rows().min(*left));
                *left -= batch.num_rows();
            }
            return Some(Ok(batch));
        }
    }

    /// A partition in a task of its own, which ends when its stream is dropped.
    fn start(&self, partition: usize) -> SendableRecordBatchStream {
        let (input, context) = (Arc::clone(&self.input), Arc::clone(&self.context));
        let mut builder = RecordBatchReceiverStreamBuilder::new(input.schema(), AHEAD);
        let rows = builder.tx();
        builder.spawn(async move {
            let mut stream = input.execute(partition, context)?;
            while let Some(batch) = stream.next().await {
                // An error is the last that there is to tell.
                let is_last = batch.is_err();
                if rows.send(batch).await.is_err() || is_last {
                    break;
                }
            }
            Ok(())
        });
        builder.build()
    }
}

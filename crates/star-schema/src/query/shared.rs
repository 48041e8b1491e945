//! Steps that several queries have in common, made once.
//!
//! Questions to one star often begin alike: revenue by customer, asked for its classes and for its
//! curve. Where two plans have the same aggregate over the same rows, the first query to run keeps what
//! the step gives, and the others take it from memory. It is a matter of time alone: where there is no
//! room to keep it, or it is not whole, each query makes it by itself.

use std::any::Any;
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::{Array, RecordBatch};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result as DfResult, Statistics, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr_common::physical_expr::{is_volatile, snapshot_generation};
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    with_new_children_if_necessary,
};
use futures_util::StreamExt;

use super::covers::{columns_in, is_same_filter, width};
use super::gather::Gather;
use super::run::Query;
use super::scan::Scan;

/// The share of a query's memory that one step may be kept in.
const SHARE: usize = 8;

/// Queries that have steps in common, or one that has none. Run one after the other, each step of them is
/// made once.
///
/// **Memory.** What is kept of a step is at most an eighth of
/// [`QuerySettings::memory`](super::QuerySettings::memory), part of it, and goes with this value.
///
/// ```
/// use std::ops::ControlFlow;
/// use lakeseed_gen_core::{Dataset, Settings};
/// use lakeseed_star_schema::Stop;
/// use lakeseed_star_schema::query::{Family, Queries, QuerySettings};
///
/// let mut queries = Queries::new(&QuerySettings::default())?;
/// queries.register("retail", &Dataset::new("retail", &Settings::new().scale(0.001))?)?;
/// let sold = "SELECT seller_id, SUM(net_total) AS sold FROM invoices GROUP BY seller_id";
/// let mut best = queries.prepare(&format!("SELECT MAX(sold) FROM ({sold})"))?;
/// let mut least = queries.prepare(&format!("SELECT MIN(sold) FROM ({sold})"))?;
/// let families = Family::of(&mut [&mut best, &mut least]);
/// assert_eq!(families[0].members(), [0, 1]);
/// best.run(&Stop::new(), |_| ControlFlow::Continue(()))?;
/// let second = least.run(&Stop::new(), |_| ControlFlow::Continue(()))?;
/// assert_eq!(second.rows_read["retail.invoices"], 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Family {
    members: Vec<usize>,
    steps: Vec<Arc<Step>>,
}

impl Family {
    /// The queries, by their positions, in their order.
    pub fn members(&self) -> &[usize] {
        &self.members
    }

    /// Finds what queries of the same [`Queries`](super::Queries) have in common. Each is of one family.
    pub fn of(queries: &mut [&mut Query]) -> Vec<Self> {
        let mut plans: Vec<_> = queries
            .iter()
            .map(|query| Arc::clone(&query.plan))
            .collect();
        let families = share(&mut plans);
        for (query, plan) in queries.iter_mut().zip(plans) {
            query.plan = plan;
        }
        families
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        for step in &self.steps {
            step.forget();
        }
    }
}

pub(super) type Plan = Arc<dyn ExecutionPlan>;

/// What makes a node's rows for several plans, and what is kept of it; `None` for most nodes.
type StepOf<'s> = dyn FnMut(&Plan) -> Option<(Plan, Arc<Step>)> + 's;

/// Puts a [`Shared`] in place of each step that several plans have.
fn share(plans: &mut [Plan]) -> Vec<Family> {
    let own: Vec<Vec<Plan>> = plans.iter().map(aggregates).collect();
    let widest = |node: &Plan| widest(node, own.iter().flatten());
    // What makes a step, where another plan has a use for it too.
    let common = |at: usize, node: &Plan| {
        let made_by = widest(node);
        let others = own.iter().enumerate().filter(|(other, _)| *other != at);
        let mut others = others.flat_map(|(_, nodes)| nodes);
        others
            .any(|other| is_same(&widest(other), &made_by))
            .then_some(made_by)
    };
    // Of each plan the highest ones, for they hold the others.
    let highest = plans.iter().enumerate();
    let highest = highest.flat_map(|(at, plan)| topmost(plan, &|node| common(at, node)));
    let mut steps: Vec<(Plan, Arc<Step>)> = Vec::new();
    for made_by in highest {
        if !steps.iter().any(|(known, _)| is_same(known, &made_by)) {
            steps.push((made_by, Arc::default()));
        }
    }
    let mut families: Vec<Family> = Vec::new();
    for (at, plan) in plans.iter_mut().enumerate() {
        let mut taken: Vec<Arc<Step>> = Vec::new();
        let mut step_of = |node: &Plan| {
            let made_by = is_step(node).then(|| widest(node))?;
            let (made_by, step) = steps.iter().find(|(known, _)| is_same(known, &made_by))?;
            taken.push(Arc::clone(step));
            Some((Arc::clone(made_by), Arc::clone(step)))
        };
        // Only what cannot be put together again fails, and then nothing is changed.
        if let Ok(shared) = with_steps(plan, &mut step_of) {
            *plan = shared;
        }
        join(&mut families, at, taken);
    }
    families
}

/// What gives all that a step gives: itself, or the first of those with the most functions.
fn widest<'p>(node: &Plan, all: impl Iterator<Item = &'p Plan>) -> Plan {
    let mut found = Arc::clone(node);
    for other in all {
        if width(other) > width(&found) && columns_in(other, node).is_some() {
            found = Arc::clone(other);
        }
    }
    found
}

/// What makes the highest steps of a plan for which there is such a thing.
fn topmost(plan: &Plan, made_by: &dyn Fn(&Plan) -> Option<Plan>) -> Vec<Plan> {
    let own = is_step(plan).then(|| made_by(plan)).flatten();
    if let Some(own) = own {
        return vec![own];
    }
    let below = plan.children().into_iter();
    below.flat_map(|child| topmost(child, made_by)).collect()
}

/// A plan with [`Shared`] in place of each node of which `step_of` knows a step and what makes it.
fn with_steps(node: &Plan, step_of: &mut StepOf<'_>) -> DfResult<Plan> {
    let Some((made_by, step)) = step_of(node) else {
        return below_with_steps(node, step_of);
    };
    if is_same(&made_by, node) {
        let input = below_with_steps(node, step_of)?;
        return Ok(Arc::new(Shared { input, step }));
    }
    // Each plan counts what its own leaves read.
    let made_by = made_by.transform_up(|node| {
        Ok(match node.as_any().downcast_ref::<Scan>() {
            Some(scan) => Transformed::yes(Arc::new(scan.anew()) as Plan),
            None => Transformed::no(node),
        })
    })?;
    let made_by = made_by.data;
    let Some(columns) = columns_in(&made_by, node) else {
        return internal_err!("a step that gives too little");
    };
    let input = below_with_steps(&made_by, step_of)?;
    let (known, wanted) = (input.schema(), node.schema());
    let columns = columns.into_iter().zip(wanted.fields());
    let columns = columns.map(|(at, field)| {
        let column = Column::new(known.field(at).name(), at);
        ProjectionExpr::new(Arc::new(column), field.name().clone())
    });
    let columns: Vec<_> = columns.collect();
    let shared = Arc::new(Shared { input, step });
    let narrow = ProjectionExec::try_new(columns, shared)?;
    if narrow.schema().fields() != wanted.fields() {
        return internal_err!("a step of other columns");
    }
    Ok(Arc::new(narrow))
}

fn below_with_steps(node: &Plan, step_of: &mut StepOf<'_>) -> DfResult<Plan> {
    let children = node.children().into_iter();
    let children: Vec<Plan> = children
        .map(|child| with_steps(child, step_of))
        .collect::<DfResult<_>>()?;
    with_new_children_if_necessary(Arc::clone(node), children)
}

/// Adds a query to the families that it has a step in common with, which become one by that.
fn join(families: &mut Vec<Family>, member: usize, steps: Vec<Arc<Step>>) {
    let has_common = |family: &Family| {
        let mut own = steps.iter();
        own.any(|step| family.steps.iter().any(|other| Arc::ptr_eq(step, other)))
    };
    let (related, mut others): (Vec<Family>, Vec<Family>) =
        mem::take(families).into_iter().partition(has_common);
    let mut family = Family {
        members: Vec::new(),
        steps: Vec::new(),
    };
    for mut other in related {
        family.members.append(&mut other.members);
        family.steps.append(&mut other.steps);
    }
    family.members.push(member);
    family.members.sort_unstable();
    family.steps.extend(steps);
    others.push(family);
    *families = others;
}

/// The nodes of a plan that may be steps.
fn aggregates(plan: &Plan) -> Vec<Plan> {
    let below = plan.children().into_iter().flat_map(aggregates);
    let own = is_step(plan).then(|| Arc::clone(plan));
    own.into_iter().chain(below).collect()
}

/// Whether a node gives few rows for many, all in one partition.
fn is_step(plan: &Plan) -> bool {
    plan.as_any().is::<AggregateExec>() && plan.output_partitioning().partition_count() == 1
}

/// Whether two plans give the same rows in the same order. Nodes that nobody knows here are never the
/// same.
fn is_same(one: &Plan, other: &Plan) -> bool {
    let is_own_same = both::<AggregateExec>(one, other, |one, other| {
        let (ones, others) = (one.filter_expr(), other.filter_expr());
        one.mode() == other.mode()
            && one.group_expr() == other.group_expr()
            && one.limit_options() == other.limit_options()
            && are(one.aggr_expr(), other.aggr_expr(), |one, other| {
                is_same_function(one, other)
            })
            && are(ones, others, PartialEq::eq)
            && ones.iter().flatten().all(is_fixed)
            && one
                .group_expr()
                .expr()
                .iter()
                .all(|(expr, _)| is_fixed(expr))
    }) || both::<FilterExec>(one, other, |one, other| {
        is_same_filter(one.predicate(), other.predicate())
            && one.projection() == other.projection()
            && ExecutionPlan::fetch(one) == ExecutionPlan::fetch(other)
            && is_fixed(one.predicate())
    }) || both::<ProjectionExec>(one, other, |one, other| {
        one.expr() == other.expr() && one.expr().iter().all(|of| is_fixed(&of.expr))
    }) || both::<Scan>(one, other, Scan::is_same)
        || both::<Gather>(one, other, |one, other| one.fetch() == other.fetch())
        || both::<CooperativeExec>(one, other, |_, _| true);
    is_own_same
        && are(&one.children(), &other.children(), |one, other| {
            is_same(one, other)
        })
}

/// Whether both are of a type, and alike.
fn both<T: 'static>(one: &Plan, other: &Plan, are_alike: fn(&T, &T) -> bool) -> bool {
    let nodes = one
        .as_any()
        .downcast_ref()
        .zip(other.as_any().downcast_ref());
    nodes.is_some_and(|(one, other)| are_alike(one, other))
}

fn are<T>(ones: &[T], others: &[T], are_alike: impl Fn(&T, &T) -> bool) -> bool {
    let mut pairs = ones.iter().zip(others);
    ones.len() == others.len() && pairs.all(|(one, other)| are_alike(one, other))
}

fn is_same_function(one: &AggregateFunctionExpr, other: &AggregateFunctionExpr) -> bool {
    one == other
        && one.is_distinct() == other.is_distinct()
        && one.ignore_nulls() == other.ignore_nulls()
        && one.order_bys() == other.order_bys()
        && one.expressions().iter().all(is_fixed)
}

/// Whether an expression gives the same for the same row, whenever it is asked.
pub(super) fn is_fixed(expr: &Arc<dyn PhysicalExpr>) -> bool {
    !is_volatile(expr) && snapshot_generation(expr) == 0
}

/// A step, and what is kept of it.
#[derive(Debug, Default)]
struct Step(Mutex<Kept>);

#[derive(Debug, Default)]
enum Kept {
    /// Nobody has made it yet.
    #[default]
    Nothing,
    /// Somebody makes it, has stopped in the middle, found no room, or nobody will ask again: who comes
    /// now makes it alone.
    No,
    /// All of it.
    All(Arc<Held>),
}

/// The rows of a step, and the memory that they hold.
#[derive(Debug)]
struct Held {
    batches: Vec<RecordBatch>,
    room: MemoryReservation,
}

impl Step {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self) {
        *self.kept() = Kept::No;
    }
}

/// A step in a plan: taken from what is kept, or made, and kept for the others.
#[derive(Debug)]
struct Shared {
    input: Plan,
    step: Arc<Step>,
}

impl DisplayAs for Shared {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared: with other queries")
    }
}

impl ExecutionPlan for Shared {
    fn name(&self) -> &'static str {
        "Shared"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Plan> {
        vec![&self.input]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Plan>) -> DfResult<Plan> {
        let Some(input) = children.pop() else {
            return internal_err!("a step of nothing");
        };
        let step = Arc::clone(&self.step);
        Ok(Arc::new(Self { input, step }))
    }

    fn execute(&self, at: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let mut kept = self.step.kept();
        match &*kept {
            Kept::No => self.input.execute(at, context),
            Kept::All(held) => {
                let (held, schema) = (Arc::clone(held), self.input.schema());
                let batches = (0..held.batches.len()).map(move |at| Ok(held.batches[at].clone()));
                let stream = futures_util::stream::iter(batches);
                Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
            }
            Kept::Nothing => {
                *kept = Kept::No;
                drop(kept);
                let room = MemoryConsumer::new("shared step").register(context.memory_pool());
                let most = match context.memory_pool().memory_limit() {
                    MemoryLimit::Finite(bytes) => bytes / SHARE,
                    _ => usize::MAX,
                };
                let making = Making {
                    input: self.input.execute(at, context)?,
                    step: Arc::clone(&self.step),
                    held: Some(Held {
                        batches: Vec::new(),
                        room,
                    }),
                    most,
                };
                let stream = futures_util::stream::unfold(making, async |mut making| {
                    let batch = making.next().await?;
                    Some((batch, making))
                });
                let schema = self.input.schema();
                Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
            }
        }
    }

    fn partition_statistics(&self, partition: Option<usize>) -> DfResult<Statistics> {
        self.input.partition_statistics(partition)
    }
}

/// A step that is made.
struct Making {
    input: SendableRecordBatchStream,
    step: Arc<Step>,
    /// What has come so far; nothing where there was no room.
    held: Option<Held>,
    most: usize,
}

impl Making {
    async fn next(&mut self) -> Option<DfResult<RecordBatch>> {
        let next = self.input.next().await;
        match &next {
            Some(Ok(batch)) => self.keep(batch),
            Some(Err(_)) => self.held = None,
            None => {
                if let Some(held) = self.held.take() {
                    *self.step.kept() = Kept::All(Arc::new(held));
                }
            }
        }
        next
    }

    /// Keeps a batch, where there is room for it.
    fn keep(&mut self, batch: &RecordBatch) {
        let Some(Held { batches, room }) = &mut self.held else {
            return;
        };
        let bytes = |array: &Arc<dyn Array>| array.to_data().get_slice_memory_size();
        let bytes: usize = batch.columns().iter().flat_map(bytes).sum();
        if room.size() + bytes <= self.most && room.try_grow(bytes).is_ok() {
            batches.push(batch.clone());
        } else {
            self.held = None;
        }
    }
}

//! Between our plain iterators and the engine's streams: a leaf that is bound to a reader before each
//! execution, and a reader over an executed plan. Nothing here needs a runtime: all work happens in the
//! thread that asks for the next batch.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, SchedulingType, reset_plan_states,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use futures_util::StreamExt;

/// Batches on their way into a plan.
pub(crate) type Batches = Box<dyn Iterator<Item = DfResult<RecordBatch>> + Send>;

/// Runs a future in this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Some(value) = poll(future.as_mut()) {
            return value;
        }
        thread::park();
    }
}

/// Runs a future in this thread, and asks now and then whether it is still wanted: nothing where not.
pub(crate) fn block_on_unless<T>(
    future: impl Future<Output = T>,
    every: Duration,
    is_over: impl Fn() -> bool,
) -> Option<T> {
    let mut future = pin!(future);
    loop {
        if is_over() {
            return None;
        }
        if let Some(value) = poll(future.as_mut()) {
            return Some(value);
        }
        thread::park_timeout(every);
    }
}

/// Asks a future once; whoever wakes it unparks this thread.
fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    match future.poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// A table whose rows are given only when a plan is executed.
#[derive(Debug)]
pub(crate) struct Leaf {
    name: Arc<str>,
    schema: SchemaRef,
}

impl Leaf {
    /// `name` tells it from the other leaves of a plan.
    pub(crate) fn new(name: &str, schema: SchemaRef) -> Arc<Self> {
        let name = name.into();
        Arc::new(Self { name, schema })
    }
}

#[async_trait]
impl TableProvider for Leaf {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let columns = match projection {
            Some(columns) => columns.clone(),
            None => (0..self.schema.fields().len()).collect(),
        };
        let schema = Arc::new(self.schema.project(&columns)?);
        Ok(Feed::new(&self.name, schema, columns, None))
    }
}

/// Where a plan's rows come in, once: the plan is bound to batches, then executed.
struct Feed {
    leaf: Arc<str>,
    schema: SchemaRef,
    /// Which of the leaf's columns the plan asks for.
    columns: Vec<usize>,
    properties: Arc<PlanProperties>,
    batches: Mutex<Option<Batches>>,
}

impl Feed {
    fn new(
        leaf: &Arc<str>,
        schema: SchemaRef,
        columns: Vec<usize>,
        batches: Option<Batches>,
    ) -> Arc<Self> {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        )
        .with_scheduling_type(SchedulingType::Cooperative);
        Arc::new(Self {
            leaf: Arc::clone(leaf),
            schema,
            columns,
            properties: Arc::new(properties),
            batches: Mutex::new(batches),
        })
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("leaf", &self.leaf)
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

impl DisplayAs for Feed {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Feed: {} columns={:?}", self.leaf, self.columns)
    }
}

impl ExecutionPlan for Feed {
    fn name(&self) -> &'static str {
        "Feed"
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

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let batches = self
            .batches
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let batches = batches
            .ok_or_else(|| DataFusionError::Internal("a plan's leaf has no rows".to_owned()))?;
        let stream = futures_util::stream::iter(batches);
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            stream,
        )))
    }
}

/// Which of its leaf's columns a plan reads; none where it has no leaf.
pub(crate) fn columns_read(plan: &Arc<dyn ExecutionPlan>) -> Vec<usize> {
    match plan.as_any().downcast_ref::<Feed>() {
        Some(feed) => feed.columns.clone(),
        None => plan.children().into_iter().flat_map(columns_read).collect(),
    }
}

/// The leaves of a plan: their names, and the columns that are read of each.
pub(crate) fn leaves(plan: &Arc<dyn ExecutionPlan>) -> Vec<(Arc<str>, Vec<usize>)> {
    match plan.as_any().downcast_ref::<Feed>() {
        Some(feed) => vec![(Arc::clone(&feed.leaf), feed.columns.clone())],
        None => plan.children().into_iter().flat_map(leaves).collect(),
    }
}

/// The plan with each leaf bound to the batches that are given for its name and columns.
fn bind(
    plan: &Arc<dyn ExecutionPlan>,
    mut give: impl FnMut(&str, &[usize]) -> DfResult<Option<Batches>>,
) -> DfResult<Arc<dyn ExecutionPlan>> {
    let bound = Arc::clone(plan).transform_up(|node| {
        let Some(feed) = node.as_any().downcast_ref::<Feed>() else {
            return Ok(Transformed::no(node));
        };
        let batches = give(&feed.leaf, &feed.columns)?;
        let schema = Arc::clone(&feed.schema);
        let new = Feed::new(&feed.leaf, schema, feed.columns.clone(), batches);
        Ok(Transformed::yes(new as Arc<dyn ExecutionPlan>))
    })?;
    Ok(bound.data)
}

/// A plan that takes rows of this schema and gives them on: the input of a plan put together by hand.
pub(crate) fn feed(schema: SchemaRef) -> Arc<dyn ExecutionPlan> {
    let columns = (0..schema.fields().len()).collect();
    Feed::new(&"feed".into(), schema, columns, None)
}

/// A plan that gives these batches, once.
pub(crate) fn fed(schema: SchemaRef, batches: Batches) -> Arc<dyn ExecutionPlan> {
    let columns = (0..schema.fields().len()).collect();
    Feed::new(&"fed".into(), schema, columns, Some(batches))
}

/// Batches that all have every column, cut down to those that the plan reads.
pub(crate) fn projected(batches: Batches, columns: Vec<usize>) -> Batches {
    Box::new(batches.map(move |batch| Ok(batch?.project(&columns)?)))
}

/// Runs a plan of one leaf on batches, in the thread that asks. The batches have the columns of
/// [`columns_read`].
pub(crate) fn run(
    plan: &Arc<dyn ExecutionPlan>,
    batches: Batches,
    context: Arc<TaskContext>,
) -> DfResult<Batches> {
    let mut batches = Some(batches);
    execute(&bind(plan, |_, _| Ok(batches.take()))?, context)
}

/// Runs a plan of several leaves; `give` is asked for the rows of each, by its name and its columns.
pub(crate) fn run_all(
    plan: &Arc<dyn ExecutionPlan>,
    mut give: impl FnMut(&str, &[usize]) -> DfResult<Batches>,
    context: Arc<TaskContext>,
) -> DfResult<Batches> {
    // The table of a join is kept by its node, and would be that of the run before.
    let plan = reset_plan_states(Arc::clone(plan))?;
    execute(
        &bind(&plan, |leaf, columns| give(leaf, columns).map(Some))?,
        context,
    )
}

/// The rows that a bound plan gives.
pub(crate) fn execute(
    plan: &Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
) -> DfResult<Batches> {
    let mut stream = plan.execute(0, context)?;
    Ok(Box::new(std::iter::from_fn(move || {
        block_on(stream.next())
    })))
}

//! A table of few groups: each span is aggregated to partial states as it is read, and one final
//! aggregate joins the states in the order of the spans. Nothing is spilled.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use arrow_array::{RecordBatch, UInt64Array};
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};

use super::dictionary::Dictionary;
use super::group::{sorted_by_number, with_row};
use super::pack::Packing;
use super::rows::{Carrier, CarryError, Layout, Rows};
use super::scan::Scan;
use super::stream::{self, Batches};
use crate::cut::Cut;
use crate::session::{self, LeasePool};
use crate::{Error, Result};

/// Bits of a row's number that count within its span.
const SPAN_BITS: u32 = 40;

/// Keys are coded and packed as everywhere; arguments go into the aggregate as they come.
pub(crate) struct Direct {
    pub(crate) cut: Arc<Cut>,
    pub(crate) scan: Scan,
    pub(crate) layout: Arc<Layout>,
    pub(crate) dictionaries: Vec<Arc<Dictionary>>,
    /// Memory for all states together, and for the aggregate of each worker.
    pub(crate) memory: usize,
}

/// Why the direct way ended early.
pub(crate) enum DirectError {
    /// The states are larger than was thought: deal the rows.
    TooLarge,
    Failed(Error),
}

impl From<Error> for DirectError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The groups of the whole table, their keys packed.
pub(crate) struct DirectGroups {
    pub(crate) groups: Batches,
    pub(crate) packing: Arc<Packing>,
}

impl Direct {
    /// Reads and aggregates everything. `tick` is called after each span.
    pub(crate) fn run(
        &self,
        workers: usize,
        tick: &(dyn Fn(u64) -> Result<()> + Sync),
    ) -> Result<DirectGroups, DirectError> {
        let packing = Arc::new(Packing::of_types(&self.layout));
        // Groups come in the order of their rows, or are put into it.
        let input = if packing.keeps_order() {
            Arc::clone(&packing.input)
        } else {
            with_row(&packing.input)
        };
        let single = self.cut.middle(&input, packing.keys)?;
        let (partial, last) = two_steps(&single).map_err(|cause| self.failed(cause))?;
        let states = self.states(workers, &packing, &partial, tick)?;
        let pool = LeasePool::new(self.memory);
        let states: Batches = Box::new(states.into_iter().flatten().map(Ok));
        let run = || {
            let mut groups = stream::run(&last, states, session::attempt(&pool)?)?;
            let first = groups.next().transpose()?;
            let groups = Box::new(first.into_iter().map(Ok).chain(groups)) as Batches;
            if packing.keeps_order() {
                Ok(groups)
            } else {
                sorted_by_number(groups)
            }
        };
        let groups = run().map_err(|cause| self.failed(cause))?;
        Ok(DirectGroups { groups, packing })
    }

    /// The partial states of all spans, in their order.
    fn states(
        &self,
        workers: usize,
        packing: &Arc<Packing>,
        partial: &Arc<dyn ExecutionPlan>,
        tick: &(dyn Fn(u64) -> Result<()> + Sync),
    ) -> Result<Vec<Vec<RecordBatch>>, DirectError> {
        let spans = self.scan.spans.len();
        let next = AtomicUsize::new(0);
        let held = AtomicUsize::new(0);
        let failed: Mutex<Option<DirectError>> = Mutex::new(None);
        let states: Mutex<Vec<Vec<RecordBatch>>> = Mutex::new(vec![Vec::new(); spans]);
        thread::scope(|scope| {
            for _ in 0..workers.max(1) {
                scope.spawn(|| {
                    loop {
                        let span = next.fetch_add(1, Ordering::Relaxed);
                        if span >= spans {
                            return;
                        }
                        let result = self
                            .span(span, packing, partial, &held)
                            .and_then(|batches| {
                                let mut states =
                                    states.lock().unwrap_or_else(PoisonError::into_inner);
                                states[span] = batches;
                                drop(states);
                                tick(0).map_err(DirectError::Failed)
                            });
                        if let Err(error) = result {
                            next.store(usize::MAX / 2, Ordering::Relaxed);
                            let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                            failed.get_or_insert(error);
                        }
                    }
                });
            }
        });
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(states.into_inner().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    fn span(
        &self,
        span: usize,
        packing: &Arc<Packing>,
        partial: &Arc<dyn ExecutionPlan>,
        held: &AtomicUsize,
    ) -> Result<Vec<RecordBatch>, DirectError> {
        let mut carrier = Carrier::try_new(&self.layout, &self.dictionaries)
            .map_err(|cause| self.failed(cause))?;
        let (layout, packing) = (Arc::clone(&self.layout), Arc::clone(packing));
        let mut batches = self.scan.open(span)?;
        let mut rows = Rows::new(&layout);
        let mut number = (span as u64) << SPAN_BITS;
        let input = std::iter::from_fn(move || {
            let batch = match batches.next()? {
                Ok(batch) => batch,
                Err(error) => return Some(Err(error)),
            };
            rows.clear();
            if let Err(error) = carrier.append_keys(&batch, &mut rows) {
                return Some(Err(match error {
                    CarryError::Overflow { .. } => {
                        DataFusionError::ResourcesExhausted("a dictionary is full".to_owned())
                    }
                    CarryError::Engine(error) => error,
                }));
            }
            let packed = packing.pack_with(&rows, &batch.columns()[layout.keys..]);
            if packing.keeps_order() {
                return Some(packed);
            }
            let numbers = number..number + batch.num_rows() as u64;
            number = numbers.end;
            Some(packed.and_then(|packed| numbered(&packed, numbers)))
        });
        let pool = LeasePool::new(self.memory);
        let run = || {
            let input = stream::projected(Box::new(input), stream::columns_read(partial));
            stream::run(partial, input, session::attempt(&pool)?)
        };
        let mut states = Vec::new();
        // A partial aggregate whose memory is full gives out what it has and goes on: its states come
        // all through the span, and have to be counted as they come.
        for batch in run().map_err(|cause| self.failed(cause))? {
            let batch = batch.map_err(|cause| self.failed(cause))?;
            let bytes = batch.get_array_memory_size();
            if held.fetch_add(bytes, Ordering::Relaxed) + bytes > self.memory {
                return Err(DirectError::TooLarge);
            }
            states.push(batch);
        }
        Ok(states)
    }

    fn failed(&self, cause: DataFusionError) -> DirectError {
        if session::is_exhausted(&cause) {
            DirectError::TooLarge
        } else {
            DirectError::Failed(self.scan.failed(cause))
        }
    }
}

/// Rows with their numbers behind.
fn numbered(rows: &RecordBatch, numbers: Range<u64>) -> DfResult<RecordBatch> {
    let mut columns = rows.columns().to_vec();
    columns.push(Arc::new(UInt64Array::from_iter_values(numbers)));
    Ok(RecordBatch::try_new(with_row(&rows.schema()), columns)?)
}

/// A plan with one aggregate in one step, as a plan to partial states and one from there to the end.
fn two_steps(
    single: &Arc<dyn ExecutionPlan>,
) -> DfResult<(Arc<dyn ExecutionPlan>, Arc<dyn ExecutionPlan>)> {
    let Some(aggregate) = single.as_any().downcast_ref::<AggregateExec>() else {
        let children = single.children();
        let [child] = children.as_slice() else {
            return Err(DataFusionError::Internal(
                "a plan without an aggregate".to_owned(),
            ));
        };
        let (partial, last) = two_steps(child)?;
        return Ok((partial, Arc::clone(single).with_new_children(vec![last])?));
    };
    let filters = aggregate.filter_expr().to_vec();
    let functions = aggregate.aggr_expr().to_vec();
    let partial: Arc<dyn ExecutionPlan> = Arc::new(AggregateExec::try_new(
        AggregateMode::Partial,
        aggregate.group_expr().clone(),
        functions.clone(),
        filters.clone(),
        Arc::clone(aggregate.input()),
        aggregate.input_schema(),
    )?);
    let last = AggregateExec::try_new(
        AggregateMode::Final,
        aggregate.group_expr().as_final(),
        functions,
        filters,
        stream::feed(partial.schema()),
        aggregate.input_schema(),
    )?;
    Ok((partial, Arc::new(last)))
}

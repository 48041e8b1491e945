//! Sources that are dealt, or read whole: what the buckets of a statement are made from.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use datafusion::common::{DataFusionError, Result as DfResult};
use lakeseed_budget::Lease;

use super::Input;
use crate::engine::dictionary::Dictionary;
use crate::engine::partition::Dealt;
use crate::engine::rows::{self, Layout, Texts};
use crate::engine::stream::Batches;
use crate::session::BATCH_ROWS;
use crate::temp::SpillFolder;

/// All sources of a statement, in the order of its inputs.
pub(crate) struct Ready {
    pub(super) held: Vec<Held>,
    pub(super) spill: Arc<SpillFolder>,
    /// What a worker may hold while the statement runs on one bucket.
    pub(crate) memory: usize,
    /// What all of it holds in memory.
    _leases: Vec<Lease>,
}

impl Ready {
    pub(crate) fn new(held: Vec<Held>, spill: Arc<SpillFolder>, leases: Vec<Lease>) -> Self {
        Self {
            held,
            spill,
            memory: 0,
            _leases: leases,
        }
    }

    /// Rows of a bucket, of all sources that are dealt.
    pub(crate) fn rows(&self, bucket: usize) -> u64 {
        self.held.iter().map(|held| held.rows(bucket)).sum()
    }
}

/// One source.
pub(crate) enum Held {
    Whole(Arc<Vec<RecordBatch>>),
    Cut(Bucketed),
}

/// A source in buckets.
#[derive(Clone)]
pub(crate) struct Bucketed {
    pub(crate) layout: Arc<Layout>,
    pub(crate) dictionaries: Vec<Arc<Dictionary>>,
    pub(crate) texts: Arc<Texts>,
    pub(crate) dealt: Arc<Dealt>,
}

impl Bucketed {
    /// Some columns of a bucket's rows, in the order of the source.
    fn batches(
        &self,
        spill: &Arc<SpillFolder>,
        bucket: usize,
        columns: Vec<usize>,
    ) -> DfResult<Batches> {
        let schema = Arc::new(self.layout.schema.project(&columns)?);
        let (this, spill) = (self.clone(), Arc::clone(spill));
        let mut rows = rows::Rows::new(&self.layout);
        let (mut next, mut bytes) = (0, Vec::new());
        let mut read = move || -> DfResult<Option<RecordBatch>> {
            rows.clear();
            let more = this
                .dealt
                .read(
                    &this.layout,
                    bucket,
                    &mut next,
                    BATCH_ROWS,
                    &mut bytes,
                    &mut rows,
                )
                .map_err(|cause| DataFusionError::External(Box::new(spill.failed(cause))))?;
            if !more {
                return Ok(None);
            }
            let arrays = columns
                .iter()
                .map(|&column| this.texts.column(&this.layout, &rows, column));
            let options = RecordBatchOptions::new().with_row_count(Some(rows.len));
            let arrays = arrays.collect::<DfResult<Vec<_>>>()?;
            let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options)?;
            Ok(Some(batch))
        };
        Ok(Box::new(std::iter::from_fn(move || read().transpose())))
    }
}

impl Held {
    /// The columns of the source that a leaf asks for, of one bucket.
    pub(super) fn batches(
        &self,
        input: &Input,
        columns: &[usize],
        bucket: usize,
        spill: &Arc<SpillFolder>,
    ) -> DfResult<Batches> {
        match self {
            Self::Whole(batches) => input.whole(batches, columns),
            Self::Cut(bucketed) => {
                let places = input.places_of(columns)?;
                input.as_asked(columns, bucketed.batches(spill, bucket, places)?)
            }
        }
    }

    /// Rows of a bucket.
    pub(super) fn rows(&self, bucket: usize) -> u64 {
        match self {
            Self::Whole(_) => 0,
            Self::Cut(bucketed) => bucketed.dealt.rows(bucket),
        }
    }

    /// The same, held by one more.
    pub(super) fn shared(&self) -> Self {
        match self {
            Self::Whole(batches) => Self::Whole(Arc::clone(batches)),
            Self::Cut(bucketed) => Self::Cut(bucketed.clone()),
        }
    }
}

impl Input {
    /// Some columns of the source, of all its rows.
    pub(super) fn whole(
        &self,
        batches: &Arc<Vec<RecordBatch>>,
        columns: &[usize],
    ) -> DfResult<Batches> {
        let (batches, places) = (Arc::clone(batches), self.places_of(columns)?);
        let all = (0..batches.len()).map(move |at| Ok(batches[at].project(&places)?));
        self.as_asked(columns, Box::new(all))
    }

    /// Where columns of the source are in what was read of it.
    fn places_of(&self, columns: &[usize]) -> DfResult<Vec<usize>> {
        let places = columns.iter().map(|column| {
            let place = self.places.get(column).copied();
            place.ok_or_else(|| DataFusionError::Internal(format!("column {column} was not read")))
        });
        places.collect()
    }

    /// Batches under the names of the source, which a leaf expects.
    fn as_asked(&self, columns: &[usize], batches: Batches) -> DfResult<Batches> {
        let schema = Arc::new(self.scan.source.schema().project(columns)?);
        Ok(Box::new(batches.map(move |batch| {
            let batch = batch?;
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let columns = batch.columns().to_vec();
            let schema = Arc::clone(&schema);
            Ok(RecordBatch::try_new_with_options(
                schema, columns, &options,
            )?)
        })))
    }
}

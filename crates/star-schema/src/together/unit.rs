//! A statement on one bucket of its sources; in pieces, where that does not fit.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Seek, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchOptions};
use arrow_ipc::CompressionType;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_schema::{ArrowError, SchemaRef, SortOptions};
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::union::UnionExec;

use super::{Bucketed, Held, Ready, Together};
use crate::engine::partition::{Deal, DealError, Dealer, Dealt};
use crate::engine::rows::{self, Carrier};
use crate::engine::scan::{engine_error, to_arrow};
use crate::engine::stream::{self, Batches};
use crate::session::{self, LeasePool};
use crate::{BatchReader, Error, Piece, Result, Source};

/// Rows that are dealt again at once.
const DEAL_ROWS: usize = 1 << 14;
/// Bits by which a bucket is split at once, at most.
const MOST_SPLIT_BITS: u32 = 6;
/// After this many bits of the hash, only equal keys are left together.
const LAST_BIT: u32 = 56;
/// Rows of the batches that are merged.
const MERGE_ROWS: usize = 1_024;

/// The buckets with one number of all dealt sources.
struct Bucket {
    held: Vec<Held>,
    number: usize,
    /// Bits of the hash that were used to get here.
    used: u32,
}

impl Bucket {
    fn rows(&self) -> u64 {
        self.held.iter().map(|held| held.rows(self.number)).sum()
    }
}

impl Together {
    /// The rows of a unit, sorted, and into how many pieces it was split.
    pub(crate) fn unit(
        &self,
        ready: &Ready,
        number: usize,
        spilled: &AtomicU64,
    ) -> Result<(Batches, usize)> {
        let whole = Bucket {
            held: ready.held.iter().map(Held::shared).collect(),
            number,
            used: self.deal.bits,
        };
        let most = (ready.memory as u64 / self.row_bytes()).max(1);
        if whole.rows() <= most
            && let Some(batches) = self.at_once(ready, &whole)?
        {
            return Ok((batches, 1));
        }
        let mut runs = Vec::new();
        let mut todo = vec![whole];
        while let Some(bucket) = todo.pop() {
            let rows = bucket.rows();
            for piece in self.split(ready, &bucket, rows.div_ceil(most), spilled)? {
                // What does not get smaller has one key only: it fits, or nothing helps.
                let is_one_key = piece.rows() == rows;
                if piece.rows() > most && !is_one_key {
                    todo.push(piece);
                    continue;
                }
                match self.at_once(ready, &piece)? {
                    Some(batches) => runs.push(self.write_run(ready, batches, spilled)?),
                    None if is_one_key || piece.used >= LAST_BIT => {
                        return Err(self.too_large(ready));
                    }
                    None => todo.push(piece),
                }
            }
        }
        let pieces = runs.len();
        let merged = self.merge(runs).map_err(|cause| self.failed(cause))?;
        Ok((merged, pieces))
    }

    /// Runs the statement on a bucket; `None` where the memory is not enough.
    fn at_once(&self, ready: &Ready, bucket: &Bucket) -> Result<Option<Batches>> {
        // Half of it is for what the engine does not count: windows, batches on their way.
        let pool = LeasePool::new(ready.memory / 2);
        let run = || {
            let give = |leaf: &str, columns: &[usize]| {
                let mut sides = self.inputs.iter().zip(&bucket.held);
                let side = sides.find(|(input, _)| input.name == leaf);
                let (input, held) =
                    side.ok_or_else(|| DataFusionError::Internal(format!("{leaf} was not read")))?;
                held.batches(input, columns, bucket.number, &ready.spill)
            };
            let mut rows = stream::run_all(&self.plan, give, session::attempt(&pool)?)?;
            // What is sorted is given only when all is there, so it either fits now or never.
            let first = rows.next().transpose()?;
            DfResult::Ok(Box::new(first.into_iter().map(Ok).chain(rows)) as Batches)
        };
        match run() {
            Ok(rows) => Ok(Some(rows)),
            Err(error) if session::is_exhausted(&error) => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Deals a bucket of each source again, into at least so many.
    fn split(
        &self,
        ready: &Ready,
        bucket: &Bucket,
        times: u64,
        spilled: &AtomicU64,
    ) -> Result<Vec<Bucket>> {
        if bucket.used >= LAST_BIT || self.inputs.iter().all(|input| !input.is_cut) {
            return Err(self.too_large(ready));
        }
        let bits = (u64::BITS - times.leading_zeros()).clamp(2, MOST_SPLIT_BITS);
        let deal = Deal {
            used: bucket.used,
            bits,
        };
        let mut held = Vec::new();
        for side in &bucket.held {
            held.push(match side {
                Held::Whole(_) => side.shared(),
                Held::Cut(bucketed) => {
                    let dealt = self.deal_again(ready, bucketed, bucket.number, deal, spilled)?;
                    Held::Cut(Bucketed {
                        dealt: Arc::new(dealt),
                        ..bucketed.clone()
                    })
                }
            });
        }
        let pieces = (0..deal.buckets()).map(|number| Bucket {
            held: held.iter().map(Held::shared).collect(),
            number,
            used: deal.used + deal.bits,
        });
        Ok(pieces.filter(|piece| piece.rows() > 0).collect())
    }

    fn deal_again(
        &self,
        ready: &Ready,
        bucketed: &Bucketed,
        number: usize,
        deal: Deal,
        spilled: &AtomicU64,
    ) -> Result<Dealt> {
        let Bucketed { layout, dealt, .. } = bucketed;
        let mut carrier =
            Carrier::try_new(layout, &bucketed.dictionaries).map_err(|cause| self.failed(cause))?;
        let mut dealer = Dealer::new(layout, deal, Arc::default(), ready.spill.file()?, 0);
        let mut rows = rows::Rows::new(layout);
        let (mut next, mut bytes, mut flush) = (0, Vec::new(), 0);
        loop {
            let more = dealt
                .read(layout, number, &mut next, DEAL_ROWS, &mut bytes, &mut rows)
                .map_err(|cause| ready.spill.failed(cause))?;
            if !more {
                return Ok(Dealt::join(vec![dealer.finish()]));
            }
            let written = dealer
                .deal(&mut carrier, &mut rows, (0, flush))
                .map_err(|error| match error {
                    DealError::Spill(cause) => ready.spill.failed(cause),
                    DealError::Engine(cause) => self.failed(cause),
                })?;
            spilled.fetch_add(written, Ordering::Relaxed);
            flush += 1;
        }
    }

    fn write_run(&self, ready: &Ready, batches: Batches, spilled: &AtomicU64) -> Result<File> {
        let failed = |error| match error {
            ArrowError::IoError(_, cause) => ready.spill.failed(cause),
            other => self.failed(other.into()),
        };
        let options = IpcWriteOptions::default()
            .try_with_compression(Some(CompressionType::LZ4_FRAME))
            .map_err(failed)?;
        let mut out = BufWriter::new(ready.spill.file()?);
        let mut writer =
            StreamWriter::try_new_with_options(&mut out, &self.schema, options).map_err(failed)?;
        for batch in batches {
            let batch = batch.map_err(|cause| self.failed(cause))?;
            let batch = own(&self.schema, &batch).map_err(failed)?;
            // Small batches: as many runs as there are pieces are read side by side.
            for start in (0..batch.num_rows()).step_by(MERGE_ROWS) {
                let rows = MERGE_ROWS.min(batch.num_rows() - start);
                writer.write(&batch.slice(start, rows)).map_err(failed)?;
            }
        }
        writer.finish().map_err(failed)?;
        drop(writer);
        let io = |cause| ready.spill.failed(cause);
        out.flush().map_err(io)?;
        let mut file = out.into_inner().map_err(|error| io(error.into_error()))?;
        spilled.fetch_add(file.stream_position().map_err(io)?, Ordering::Relaxed);
        file.rewind().map_err(io)?;
        Ok(file)
    }

    /// Sorted runs as one.
    fn merge(&self, runs: Vec<File>) -> DfResult<Batches> {
        let order = self.order.iter().map(|&at| {
            let name = self.schema.field(at).name();
            PhysicalSortExpr {
                expr: Arc::new(Column::new(name, at)),
                options: SortOptions::new(false, true),
            }
        });
        let order = LexOrdering::new(order);
        let mut sides: Vec<Arc<dyn ExecutionPlan>> = Vec::new();
        for file in runs {
            let reader = StreamReader::try_new(BufReader::with_capacity(1 << 14, file), None)?;
            let batches = reader.map(|batch| Ok(batch?));
            sides.push(stream::fed(Arc::clone(&self.schema), Box::new(batches)));
        }
        let plan = match (sides.len(), order) {
            (0, _) => return Ok(Box::new(std::iter::empty())),
            (1, _) => sides.remove(0),
            (_, Some(order)) => Arc::new(SortPreservingMergeExec::new(
                order,
                UnionExec::try_new(sides)?,
            )),
            (_, None) => {
                let text = format!("rows of {} cannot be put into an order", self.table);
                return Err(DataFusionError::NotImplemented(text));
            }
        };
        stream::execute(&plan, session::attempt(&LeasePool::new(usize::MAX))?)
    }

    fn too_large(&self, ready: &Ready) -> Error {
        let memory = lakeseed_budget::Bytes::from(ready.memory);
        Error::Memory(lakeseed_budget::Error::TooLarge {
            holder: format!("the rows of one key of {} ({})", self.table, self.reason),
            asked: memory + memory,
            total: memory,
        })
    }

    fn failed(&self, cause: DataFusionError) -> Error {
        engine_error(&self.table, cause)
    }
}

/// A batch in a statement's own types.
pub(super) fn own(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(array, field)| {
        if array.data_type() == field.data_type() {
            return Ok(Arc::clone(array));
        }
        datafusion::arrow::compute::cast(array, field.data_type())
    });
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let columns = columns.collect::<Result<_, _>>()?;
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}

/// The rows of a statement as a source of another: an aggregate's over a join. Its pieces are the
/// statement's units.
pub(crate) struct Rows {
    pub(crate) together: Arc<Together>,
    /// All columns of the statement, of which those that are asked for are made.
    schema: SchemaRef,
    places: HashMap<usize, usize>,
    pieces: Vec<Piece>,
    /// Where temporary bytes are counted.
    pub(crate) spilled: Arc<AtomicU64>,
    /// The dealt sources, while they are there.
    ready: Mutex<Option<Arc<Ready>>>,
}

impl Rows {
    /// `made` are the columns of `schema` that the statement makes, in its order.
    pub(crate) fn new(together: &Arc<Together>, schema: SchemaRef, made: &[usize]) -> Arc<Self> {
        let units = together.units();
        let piece = Piece {
            rows: together.rows().div_ceil(units as u64),
            exact: false,
            bytes: together.rows() * together.row_bytes() / units as u64,
        };
        Arc::new(Self {
            together: Arc::clone(together),
            schema,
            places: made
                .iter()
                .enumerate()
                .map(|(at, column)| (*column, at))
                .collect(),
            pieces: vec![piece; units],
            spilled: Arc::default(),
            ready: Mutex::new(None),
        })
    }

    /// Where the statement makes these columns.
    pub(super) fn made(&self, columns: &[usize]) -> Vec<usize> {
        let made = columns.iter().filter_map(|column| self.places.get(column));
        made.copied().collect()
    }

    /// Gives the dealt sources, or takes them back.
    pub(crate) fn set(&self, ready: Option<Arc<Ready>>) {
        *self.ready.lock().unwrap_or_else(PoisonError::into_inner) = ready;
    }
}

impl Source for Rows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    fn read(&self, piece: usize, columns: &[usize], _: usize) -> Result<BatchReader> {
        let together = &self.together;
        let ready = self
            .ready
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let Some(ready) = ready else {
            let cause = DataFusionError::Internal("a join that nobody has dealt".to_owned());
            return Err(together.failed(cause));
        };
        let (batches, _) = together.unit(&ready, piece, &self.spilled)?;
        let schema = self.schema.project(columns).map(Arc::new);
        let schema = schema.map_err(|cause| together.failed(cause.into()))?;
        let (made, own_schema) = (self.made(columns), Arc::clone(&schema));
        let batches =
            batches.map(move |batch| own(&own_schema, &batch.map_err(to_arrow)?.project(&made)?));
        Ok(Box::new(RecordBatchIterator::new(batches, schema)))
    }

    fn identity(&self) -> &str {
        &self.together.table
    }
}

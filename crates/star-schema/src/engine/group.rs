//! From the rows of one bucket to the rows of the table.

use std::fs::File;
use std::io::{BufReader, BufWriter, Seek, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{RecordBatch, UInt64Array};
use arrow_ipc::CompressionType;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::interleave::interleave_record_batch;
use arrow_select::take::take_record_batch;
use datafusion::arrow::compute::sort_to_indices;
use datafusion::common::{DataFusionError, Result as DfResult};

use super::dictionary::Dictionary;
use super::pack::Packing;
use super::partition::{Deal, DealError, Dealer, Dealt};
use super::rows::{Carrier, Layout, Rows, Texts};
use super::scan::engine_error;
use super::stream::{self, Batches};
use crate::cut::{Cut, ROW};
use crate::session::{self, BATCH_ROWS, LeasePool};
use crate::temp::SpillFolder;
use crate::{Error, Result};

/// Rows that are decoded at once.
const READ_ROWS: usize = 2 * BATCH_ROWS;
/// Bits by which a bucket is split when its groups do not fit, at most.
const MOST_SPLIT_BITS: u32 = 8;
/// After this many bits of the hash, only equal keys are left together.
const LAST_BIT: u32 = 56;

/// All that is known when rows have been dealt.
pub(crate) struct Grouping {
    pub(crate) cut: Arc<Cut>,
    pub(crate) layout: Arc<Layout>,
    pub(crate) dictionaries: Vec<Arc<Dictionary>>,
    pub(crate) texts: Arc<Texts>,
    /// Where a bucket that does not fit is dealt again.
    pub(crate) spill: Option<Arc<SpillFolder>>,
    pub(crate) spilled: Arc<AtomicU64>,
}

/// Rows of one bucket that are to be aggregated.
#[derive(Clone)]
pub(crate) struct Bucket {
    pub(crate) dealt: Arc<Dealt>,
    pub(crate) number: usize,
    /// Bits of the hash that were used to get here.
    used: u32,
}

impl Bucket {
    pub(crate) fn new(dealt: &Arc<Dealt>, number: usize, used: u32) -> Self {
        Self {
            dealt: Arc::clone(dealt),
            number,
            used,
        }
    }

    fn rows(&self) -> u64 {
        self.dealt.rows(self.number)
    }
}

/// What the aggregate of a bucket gave.
pub(crate) struct Groups {
    /// Rows of the table.
    pub(crate) batches: Batches,
    /// Into how many pieces it was split; 1 where it was not.
    pub(crate) pieces: usize,
}

impl Grouping {
    /// Aggregates a bucket with this much memory for the aggregate's state; splits it where that is not
    /// enough.
    pub(crate) fn groups(self: &Arc<Self>, bucket: &Bucket, memory: usize) -> Result<Groups> {
        let packing = Arc::new(Packing::new(&self.layout, &bucket.dealt.ranges));
        if self.by_number(&packing) {
            return self.in_pieces(bucket, None, memory);
        }
        let rows_in = Arc::new(AtomicU64::new(0));
        let input = self.input(bucket, &self.layout, &packing, &rows_in);
        match self.at_once(input, &rows_in, &packing, memory)? {
            Ok(groups) => {
                let batches = self.finish(groups, &packing)?;
                Ok(Groups { batches, pieces: 1 })
            }
            Err(TooLarge { rows_in }) => self.in_pieces(bucket, Some(rows_in), memory),
        }
    }

    /// Whether groups are put into the order of their rows by number, because the engine's is another.
    pub(crate) fn by_number(&self, packing: &Packing) -> bool {
        self.layout.keys > 0 && (self.cut.sorts || !packing.keeps_order())
    }

    /// The groups of packed rows, in the order in which they are met first, their keys packed.
    pub(crate) fn at_once(
        &self,
        input: Batches,
        rows_in: &AtomicU64,
        packing: &Packing,
        memory: usize,
    ) -> Result<Result<Batches, TooLarge>> {
        let middle = self.cut.middle(&packing.input, packing.keys)?;
        let pool = LeasePool::new(memory);
        let run = || {
            let context = session::attempt(&pool)?;
            let input = stream::projected(input, stream::columns_read(&middle));
            let mut groups = stream::run(&middle, input, context)?;
            // An aggregate gives nothing before it has read all, so it either fits now or never.
            let first = groups.next().transpose()?;
            DfResult::Ok(Box::new(first.into_iter().map(Ok).chain(groups)) as Batches)
        };
        match run() {
            Ok(groups) => Ok(Ok(groups)),
            Err(error) if session::is_exhausted(&error) => Ok(Err(TooLarge {
                rows_in: rows_in.load(Ordering::Relaxed),
            })),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// The rows of a bucket as its aggregate takes them; an error at the end if any is missing.
    fn input(
        self: &Arc<Self>,
        bucket: &Bucket,
        layout: &Arc<Layout>,
        packing: &Arc<Packing>,
        rows_in: &Arc<AtomicU64>,
    ) -> Batches {
        let (this, bucket, layout) = (Arc::clone(self), bucket.clone(), Arc::clone(layout));
        let (packing, rows_in) = (Arc::clone(packing), Arc::clone(rows_in));
        let mut rows = Rows::new(&layout);
        let (mut next, mut bytes) = (0, Vec::new());
        Box::new(std::iter::from_fn(move || {
            rows.clear();
            let read = bucket.dealt.read(
                &layout,
                bucket.number,
                &mut next,
                READ_ROWS,
                &mut bytes,
                &mut rows,
            );
            match read {
                Ok(true) => {
                    rows_in.fetch_add(rows.len as u64, Ordering::Relaxed);
                    Some(packing.pack(&rows, &this.texts))
                }
                Ok(false) => None,
                Err(error) => {
                    let error = this.spill_failed(error);
                    Some(Err(DataFusionError::External(Box::new(error))))
                }
            }
        }))
    }

    /// Groups with packed keys to rows of the table.
    pub(crate) fn finish(&self, groups: Batches, packing: &Arc<Packing>) -> Result<Batches> {
        let (packing, texts) = (Arc::clone(packing), Arc::clone(&self.texts));
        let schema = Arc::clone(&self.cut.grouped);
        let groups: Batches =
            Box::new(groups.map(move |batch| packing.unpack(&batch?, &texts, &schema)));
        let run = || {
            let context = session::attempt(&LeasePool::new(0))?;
            let groups = stream::projected(groups, stream::columns_read(&self.cut.above));
            stream::run(&self.cut.above, groups, context)
        };
        run().map_err(|error| self.failed(error))
    }

    /// Deals a bucket once more, aggregates each piece, and merges their groups into the order that they
    /// would have had at once. `rows_in` rows are known to fit; `None` where nobody has tried.
    fn in_pieces(
        self: &Arc<Self>,
        bucket: &Bucket,
        rows_in: Option<u64>,
        memory: usize,
    ) -> Result<Groups> {
        let counted = Arc::new(counted(&self.layout));
        // One packing for all pieces, so that their groups can be merged as they are.
        let packing = Arc::new(Packing::new(&counted, &bucket.dealt.ranges));
        let mut runs = Vec::new();
        let whole = (bucket.clone(), Arc::clone(&self.layout), rows_in);
        let mut todo = vec![whole];
        let mut pieces = 0;
        while let Some((bucket, layout, rows_in)) = todo.pop() {
            let deal = match rows_in {
                Some(rows_in) => self.split_of(&bucket, rows_in, memory)?,
                None => Deal {
                    used: bucket.used,
                    bits: 0,
                },
            };
            let dealt = Arc::new(self.deal_again(&bucket, &layout, &counted, deal)?);
            for number in 0..deal.buckets() {
                if dealt.rows(number) == 0 {
                    continue;
                }
                let piece = Bucket::new(&dealt, number, deal.used + deal.bits);
                let rows_in = Arc::new(AtomicU64::new(0));
                let input = self.input(&piece, &counted, &packing, &rows_in);
                match self.at_once(input, &rows_in, &packing, memory)? {
                    Ok(groups) => runs.push(self.write_run(groups, &packing)?),
                    Err(TooLarge { rows_in }) => {
                        todo.push((piece, Arc::clone(&counted), Some(rows_in)));
                    }
                }
                pieces += 1;
            }
        }
        let merged = merge(runs).map_err(|error| self.failed(error))?;
        Ok(Groups {
            batches: self.finish(merged, &packing)?,
            pieces,
        })
    }

    /// By how many bits to split a bucket whose aggregate took so many rows before it was full.
    fn split_of(&self, bucket: &Bucket, rows_in: u64, memory: usize) -> Result<Deal> {
        if bucket.used >= LAST_BIT || self.layout.keys == 0 {
            let holder = format!("the state of one group of {}", self.cut.below.table);
            let asked = lakeseed_budget::Bytes::from(memory.saturating_mul(2));
            let total = lakeseed_budget::Bytes::from(memory);
            return Err(Error::Memory(lakeseed_budget::Error::TooLarge {
                holder,
                asked,
                total,
            }));
        }
        let times = 2 * bucket.rows() / rows_in.max(1);
        let bits = (u64::BITS - times.leading_zeros()).clamp(2, MOST_SPLIT_BITS);
        Ok(Deal {
            used: bucket.used,
            bits,
        })
    }

    /// Deals a bucket's rows, with their numbers.
    fn deal_again(
        &self,
        bucket: &Bucket,
        layout: &Layout,
        counted: &Arc<Layout>,
        deal: Deal,
    ) -> Result<Dealt> {
        let mut carrier =
            Carrier::try_new(counted, &self.dictionaries).map_err(|error| self.failed(error))?;
        let mut dealer = Dealer::new(counted, deal, Arc::default(), self.spill_file()?, 0);
        let numbered = layout.lanes == counted.lanes;
        let enough = READ_ROWS.max(deal.buckets() * 256);
        let (mut next, mut bytes, mut number, mut flush) = (0, Vec::new(), 0_u64, 0);
        let mut rows = Rows::new(layout);
        loop {
            let read = bucket.dealt.read(
                layout,
                bucket.number,
                &mut next,
                enough,
                &mut bytes,
                &mut rows,
            );
            if !read.map_err(|error| self.spill_failed(error))? {
                break;
            }
            if !numbered {
                rows.lanes
                    .push((number..number + rows.len as u64).collect());
                number += rows.len as u64;
            }
            let written = dealer
                .deal(&mut carrier, &mut rows, (0, flush))
                .map_err(|error| self.deal_failed(error))?;
            self.spilled.fetch_add(written, Ordering::Relaxed);
            if !numbered {
                rows.lanes.pop();
            }
            flush += 1;
        }
        Ok(Dealt::join(vec![dealer.finish()]))
    }

    fn write_run(&self, mut groups: Batches, packing: &Packing) -> Result<File> {
        if self.by_number(packing) {
            groups = sorted_by_number(groups).map_err(|error| self.failed(error))?;
        }
        let file = self.spill_file()?;
        let mut out = BufWriter::new(file);
        let mut writer = None;
        for batch in groups {
            let batch = batch.map_err(|error| self.failed(error))?;
            if writer.is_none() {
                let options = IpcWriteOptions::default()
                    .try_with_compression(Some(CompressionType::LZ4_FRAME))
                    .map_err(|error| self.failed(error.into()))?;
                let new = StreamWriter::try_new_with_options(&mut out, &batch.schema(), options);
                writer = Some(new.map_err(|error| self.run_failed(error))?);
            }
            if let Some(writer) = &mut writer {
                // Small batches: as many runs as there are pieces are read side by side.
                for start in (0..batch.num_rows()).step_by(MERGE_ROWS) {
                    let part = batch.slice(start, MERGE_ROWS.min(batch.num_rows() - start));
                    writer
                        .write(&part)
                        .map_err(|error| self.run_failed(error))?;
                }
            }
        }
        if let Some(mut writer) = writer {
            writer.finish().map_err(|error| self.run_failed(error))?;
        }
        out.flush().map_err(|error| self.spill_failed(error))?;
        let mut file = out
            .into_inner()
            .map_err(|error| self.spill_failed(error.into_error()))?;
        let written = file
            .stream_position()
            .map_err(|error| self.spill_failed(error))?;
        self.spilled.fetch_add(written, Ordering::Relaxed);
        file.rewind().map_err(|error| self.spill_failed(error))?;
        Ok(file)
    }

    fn spill_file(&self) -> Result<File> {
        match &self.spill {
            Some(spill) => spill.file(),
            None => Err(self.failed(DataFusionError::Internal("no place to spill".to_owned()))),
        }
    }

    fn spill_failed(&self, cause: std::io::Error) -> Error {
        match &self.spill {
            Some(spill) => spill.failed(cause),
            None => self.failed(cause.into()),
        }
    }

    fn run_failed(&self, error: ArrowError) -> Error {
        match error {
            ArrowError::IoError(_, cause) => self.spill_failed(cause),
            other => self.failed(other.into()),
        }
    }

    /// What dealing failed with.
    pub(crate) fn deal_failed(&self, error: DealError) -> Error {
        match error {
            DealError::Spill(cause) => self.spill_failed(cause),
            DealError::Engine(cause) => self.failed(cause),
        }
    }

    fn failed(&self, cause: DataFusionError) -> Error {
        engine_error(&self.cut.below.table, cause)
    }
}

/// The groups of a bucket do not fit.
pub(crate) struct TooLarge {
    /// Rows that were taken before that was known.
    pub(crate) rows_in: u64,
}

/// Rows of the batches that are merged.
const MERGE_ROWS: usize = 1_024;

/// A layout with the row's number behind.
fn counted(layout: &Layout) -> Layout {
    let as_text: Vec<usize> = (0..layout.forms.len())
        .filter(|&column| matches!(layout.forms[column], super::rows::Form::Plain { .. }))
        .collect();
    Layout::new(with_row(&layout.schema), layout.keys, &as_text)
}

pub(crate) fn with_row(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().cloned();
    let row = Arc::new(Field::new(ROW, DataType::UInt64, false));
    Arc::new(Schema::new(fields.chain([row]).collect::<Vec<_>>()))
}

/// Groups in the order of the row's number, which comes last.
pub(crate) fn sorted_by_number(groups: Batches) -> DfResult<Batches> {
    let batches = groups.collect::<DfResult<Vec<RecordBatch>>>()?;
    let Some(first) = batches.first() else {
        return Ok(Box::new(std::iter::empty()));
    };
    let all = concat_batches(&first.schema(), &batches)?;
    drop(batches);
    let numbers = all.column(all.num_columns() - 1);
    let order = sort_to_indices(numbers, None, None)?;
    Ok(Box::new((0..all.num_rows()).step_by(BATCH_ROWS).map(
        move |start| {
            let order = order.slice(start, BATCH_ROWS.min(all.num_rows() - start));
            Ok(take_record_batch(&all, &order)?)
        },
    )))
}

/// One of the sides of a merge.
struct Side {
    reader: StreamReader<BufReader<File>>,
    batch: RecordBatch,
    row: usize,
}

impl Side {
    fn number(&self) -> u64 {
        let rows: &UInt64Array =
            self.batch.columns()[self.batch.num_columns() - 1].as_primitive::<UInt64Type>();
        rows.value(self.row)
    }
}

/// Merges runs by the number of the row, which comes last and is left out.
fn merge(runs: Vec<File>) -> DfResult<Batches> {
    let mut sides = Vec::new();
    for file in runs {
        let mut reader = StreamReader::try_new(BufReader::with_capacity(1 << 14, file), None)?;
        if let Some(batch) = reader.next().transpose()? {
            sides.push(Side {
                reader,
                batch,
                row: 0,
            });
        }
    }
    let mut heap: std::collections::BinaryHeap<_> = sides
        .iter()
        .enumerate()
        .map(|(number, side)| std::cmp::Reverse((side.number(), number)))
        .collect();
    Ok(Box::new(std::iter::from_fn(move || {
        // The batches that the picked rows are in, and where the sides stand in that list.
        let mut batches: Vec<RecordBatch> = sides.iter().map(|side| side.batch.clone()).collect();
        let mut current: Vec<usize> = (0..sides.len()).collect();
        let mut picked = Vec::with_capacity(BATCH_ROWS);
        while picked.len() < BATCH_ROWS {
            let Some(std::cmp::Reverse((_, number))) = heap.pop() else {
                break;
            };
            let side = &mut sides[number];
            picked.push((current[number], side.row));
            side.row += 1;
            if side.row == side.batch.num_rows() {
                match side.reader.next() {
                    None => continue,
                    Some(Err(error)) => return Some(Err(error.into())),
                    Some(Ok(batch)) => {
                        current[number] = batches.len();
                        batches.push(batch.clone());
                        (side.batch, side.row) = (batch, 0);
                    }
                }
            }
            heap.push(std::cmp::Reverse((side.number(), number)));
        }
        if picked.is_empty() {
            return None;
        }
        let batches: Vec<&RecordBatch> = batches.iter().collect();
        let merged = interleave_record_batch(&batches, &picked).and_then(|batch| {
            let columns: Vec<usize> = (0..batch.num_columns() - 1).collect();
            batch.project(&columns)
        });
        Some(merged.map_err(Into::into))
    })))
}

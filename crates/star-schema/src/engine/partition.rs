//! Deals rows to buckets by the hash of their keys and keeps them in a temporary file, bucket by bucket
//! and in the order of the source.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions, UInt32Array};
use datafusion::common::{DataFusionError, Result as DfResult};

use super::block;
use super::rows::{Carrier, Layout, Rows};

/// Which bits of a hash tell the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deal {
    /// Bits from the top that an earlier deal used.
    pub(crate) used: u32,
    /// Bits of this one: there are two to this power buckets.
    pub(crate) bits: u32,
}

impl Deal {
    pub(crate) fn buckets(self) -> usize {
        1 << self.bits
    }

    #[inline]
    pub(crate) fn bucket(self, hash: u64) -> usize {
        if self.bits == 0 {
            0
        } else {
            (hash << self.used >> (64 - self.bits)) as usize
        }
    }
}

/// Which value of a key goes to which bucket, where the caller cuts by a column.
#[derive(Debug)]
pub(crate) struct ByValue {
    /// The key.
    pub(crate) column: usize,
    /// The bucket of each value's hash.
    pub(crate) buckets: HashMap<u64, usize>,
    /// What people call each bucket.
    pub(crate) names: Vec<String>,
}

/// Rows that were dealt together: one block a bucket, one behind the other.
#[derive(Debug)]
pub(crate) struct Flush {
    /// The rows' place in the source: span, and number within the span.
    pub(crate) place: (u64, u64),
    pub(crate) file: usize,
    offset: u64,
    /// Where each bucket's block ends, from `offset`.
    ends: Vec<u32>,
    rows: Vec<u32>,
}

/// Why rows could not be dealt.
#[derive(Debug)]
pub(crate) enum DealError {
    Spill(io::Error),
    Engine(DataFusionError),
}

impl From<DataFusionError> for DealError {
    fn from(error: DataFusionError) -> Self {
        Self::Engine(error)
    }
}

impl From<arrow_schema::ArrowError> for DealError {
    fn from(error: arrow_schema::ArrowError) -> Self {
        Self::Engine(error.into())
    }
}

/// One worker's dealer.
pub(crate) struct Dealer {
    layout: Arc<Layout>,
    deal: Deal,
    by_value: Option<Arc<ByValue>>,
    /// Buckets whose rows nobody wants.
    skip: Arc<Vec<bool>>,
    file: File,
    number: usize,
    offset: u64,
    flushes: Vec<Flush>,
    ranges: Vec<(u64, u64)>,
    hashes: Vec<u64>,
    places: Vec<u32>,
    scratch: Vec<u64>,
    out: Vec<u8>,
}

impl Dealer {
    /// `number` names the file in what is dealt.
    pub(crate) fn new(
        layout: &Arc<Layout>,
        deal: Deal,
        skip: Arc<Vec<bool>>,
        file: File,
        number: usize,
    ) -> Self {
        Self {
            layout: Arc::clone(layout),
            deal,
            by_value: None,
            skip,
            file,
            number,
            offset: 0,
            flushes: Vec::new(),
            ranges: vec![(u64::MAX, 0); layout.lanes],
            hashes: Vec::new(),
            places: Vec::new(),
            scratch: Vec::new(),
            out: Vec::new(),
        }
    }

    /// Deals by a key's values instead of the hash of all keys.
    pub(crate) fn by_value(mut self, by_value: Option<Arc<ByValue>>) -> Self {
        self.by_value = by_value;
        self
    }

    /// The bucket of each row, and how many there are.
    fn buckets_of(&mut self, carrier: &mut Carrier, rows: &Rows) -> DfResult<usize> {
        let Some(by_value) = &self.by_value else {
            carrier.hash(rows, &mut self.hashes)?;
            for hash in &mut self.hashes {
                *hash = self.deal.bucket(*hash) as u64;
            }
            return Ok(self.deal.buckets());
        };
        let column = by_value.column;
        carrier.hash_keys(column..column + 1, rows, &mut self.hashes)?;
        for hash in &mut self.hashes {
            let bucket = by_value.buckets.get(hash).ok_or_else(|| {
                DataFusionError::Execution(
                    "a batch's value came that was not there before".to_owned(),
                )
            })?;
            *hash = *bucket as u64;
        }
        Ok(by_value.names.len())
    }

    /// Deals rows and empties them. Returns the bytes that were written.
    pub(crate) fn deal(
        &mut self,
        carrier: &mut Carrier,
        rows: &mut Rows,
        place: (u64, u64),
    ) -> Result<u64, DealError> {
        if rows.len == 0 {
            return Ok(0);
        }
        let buckets = self.buckets_of(carrier, rows)?;
        let mut counts = vec![0_u32; buckets];
        for &bucket in &self.hashes {
            counts[bucket as usize] += 1;
        }
        let mut next = Vec::with_capacity(buckets);
        let mut start = 0;
        for count in &counts {
            next.push(start);
            start += count;
        }
        let starts = next.clone();
        self.places.clear();
        self.places.extend(self.hashes.iter().map(|&bucket| {
            let place = &mut next[bucket as usize];
            *place += 1;
            *place - 1
        }));
        for (lane, range) in rows.lanes.iter_mut().zip(&mut self.ranges) {
            self.scratch.clear();
            self.scratch.resize(rows.len, 0);
            for (&word, &place) in lane.iter().zip(&self.places) {
                self.scratch[place as usize] = word;
                range.0 = range.0.min(word);
                range.1 = range.1.max(word);
            }
            std::mem::swap(lane, &mut self.scratch);
        }
        let plain = self.plain(rows)?;

        self.out.clear();
        let mut ends = Vec::with_capacity(buckets);
        for bucket in 0..buckets {
            let count = counts[bucket] as usize;
            if self.skip.get(bucket).copied().unwrap_or(false) {
                counts[bucket] = 0;
            } else if count > 0 {
                let start = starts[bucket] as usize;
                let lanes = rows.lanes.iter().map(|lane| &lane[start..start + count]);
                let plain = plain.as_ref().map(|batch| batch.slice(start, count));
                block::encode(&mut self.out, count, lanes, plain.as_ref())?;
            }
            ends.push(self.out.len() as u32);
        }
        self.file.write_all(&self.out).map_err(DealError::Spill)?;
        let written = self.out.len() as u64;
        self.flushes.push(Flush {
            place,
            file: self.number,
            offset: self.offset,
            ends,
            rows: counts,
        });
        self.offset += written;
        rows.clear();
        Ok(written)
    }

    /// The plain columns in the order of the buckets.
    fn plain(&self, rows: &Rows) -> DfResult<Option<RecordBatch>> {
        if self.layout.arrays == 0 {
            return Ok(None);
        }
        let mut order = vec![0_u32; rows.len];
        for (row, &place) in self.places.iter().enumerate() {
            order[place as usize] = row as u32;
        }
        let order = UInt32Array::from(order);
        let columns = (0..self.layout.arrays)
            .map(|number| {
                Ok(arrow_select::take::take(
                    &rows.array(number)?,
                    &order,
                    None,
                )?)
            })
            .collect::<DfResult<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len));
        let schema = block::plain_schema(&self.layout);
        Ok(Some(RecordBatch::try_new_with_options(
            schema, columns, &options,
        )?))
    }

    /// Ends the dealing of one worker.
    pub(crate) fn finish(self) -> Dealt {
        Dealt {
            files: vec![self.file],
            flushes: self.flushes,
            ranges: self.ranges,
        }
    }
}

/// Rows in buckets.
pub(crate) struct Dealt {
    files: Vec<File>,
    flushes: Vec<Flush>,
    /// The least and the largest word of each lane.
    pub(crate) ranges: Vec<(u64, u64)>,
}

impl Dealt {
    /// What all workers have dealt, in the order of the source. Their files are numbered in this order.
    pub(crate) fn join(all: Vec<Self>) -> Self {
        let mut joined = Self {
            files: Vec::new(),
            flushes: Vec::new(),
            ranges: Vec::new(),
        };
        for dealt in all {
            joined.files.extend(dealt.files);
            joined.flushes.extend(dealt.flushes);
            if joined.ranges.is_empty() {
                joined.ranges = dealt.ranges;
            } else {
                for (range, other) in joined.ranges.iter_mut().zip(dealt.ranges) {
                    *range = (range.0.min(other.0), range.1.max(other.1));
                }
            }
        }
        joined.flushes.sort_by_key(|flush| flush.place);
        joined
    }

    /// The rows of a bucket.
    pub(crate) fn rows(&self, bucket: usize) -> u64 {
        self.flushes
            .iter()
            .map(|flush| u64::from(flush.rows[bucket]))
            .sum()
    }

    /// All rows.
    pub(crate) fn all_rows(&self) -> u64 {
        let flushes = self.flushes.iter();
        flushes
            .flat_map(|flush| &flush.rows)
            .map(|&rows| u64::from(rows))
            .sum()
    }

    /// What the index itself holds.
    pub(crate) fn index_bytes(&self) -> usize {
        self.flushes
            .iter()
            .map(|flush| 8 * flush.rows.len() + size_of::<Flush>())
            .sum()
    }

    /// Appends the next blocks of a bucket from flush `*next` on, until there are enough rows; false at
    /// the end.
    pub(crate) fn read(
        &self,
        layout: &Layout,
        bucket: usize,
        next: &mut usize,
        enough: usize,
        bytes: &mut Vec<u8>,
        rows: &mut Rows,
    ) -> io::Result<bool> {
        while rows.len < enough {
            let Some(flush) = self.flushes.get(*next) else {
                return Ok(rows.len > 0);
            };
            *next += 1;
            if flush.rows[bucket] == 0 {
                continue;
            }
            let start = bucket.checked_sub(1).map_or(0, |before| flush.ends[before]);
            bytes.resize((flush.ends[bucket] - start) as usize, 0);
            self.files[flush.file].read_exact_at(bytes, flush.offset + u64::from(start))?;
            let before = rows.len;
            block::decode(bytes, layout, rows)?;
            if rows.len - before != flush.rows[bucket] as usize {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a block has other rows",
                ));
            }
        }
        Ok(true)
    }
}

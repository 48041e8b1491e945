//! Deals all rows of a source to buckets, span by span, with as many workers as the budget carries.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use lakeseed_budget::{Bytes, KIB, MIB, Need};

use super::dictionary::Dictionary;
use super::partition::{ByValue, Deal, DealError, Dealer, Dealt};
use super::rows::{Carrier, CarryError, Layout, Rows};
use super::scan::Scan;
use crate::temp::SpillFolder;
use crate::{Error, Result};

/// Rows that a worker collects before it deals them, at most and at least.
const DEAL_ROWS: (usize, usize) = (1 << 15, 1 << 19);
/// Rows of one block that make it worth reading.
const BLOCK_ROWS: usize = 2_048;

/// How rows are going to be dealt.
pub(crate) struct Scatter {
    pub(crate) scan: Scan,
    pub(crate) layout: Arc<Layout>,
    pub(crate) dictionaries: Vec<Arc<Dictionary>>,
    pub(crate) deal: Deal,
    pub(crate) by_value: Option<Arc<ByValue>>,
    /// Buckets that stand already.
    pub(crate) skip: Arc<Vec<bool>>,
    pub(crate) deal_rows: usize,
}

/// Why scattering ended early.
pub(crate) enum ScatterError {
    /// This column has too many texts for its dictionary: start anew without.
    Overflow {
        column: usize,
    },
    Failed(Error),
}

impl From<Error> for ScatterError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// How many rows to collect for so many buckets, with so much memory a worker.
pub(crate) fn deal_rows(layout: &Layout, deal: Deal, worker: Bytes, plain_row: u64) -> usize {
    let by_blocks = deal.buckets() * BLOCK_ROWS;
    let by_memory = worker.as_usize() / row_bytes(layout, plain_row) as usize;
    by_blocks.min(by_memory).clamp(DEAL_ROWS.0, DEAL_ROWS.1)
}

/// Bytes that a worker holds for each row that it collects: the lanes, one to permute into, hashes,
/// places, and the encoded block.
fn row_bytes(layout: &Layout, plain_row: u64) -> u64 {
    8 * (layout.lanes as u64 + 2) + 4 + 4 * layout.lanes as u64 + 4 * plain_row
}

/// What one worker holds.
pub(crate) fn need(layout: &Layout, deal_rows: usize, plain_row: u64, read: Bytes) -> Need {
    let rows = deal_rows as u64;
    Need::new(
        "rows that are dealt",
        Bytes::new(rows * row_bytes(layout, plain_row)),
    )
    .and("what a source's reader holds", read)
    .and("batches and codes", 2 * MIB + 512 * KIB)
}

impl Scatter {
    /// Deals everything. `tick` is called after each deal with the bytes that it wrote; its error ends
    /// the work.
    pub(crate) fn run(
        &self,
        workers: usize,
        spill: &SpillFolder,
        tick: &(dyn Fn(u64) -> Result<()> + Sync),
    ) -> Result<Dealt, ScatterError> {
        let next = AtomicUsize::new(0);
        let rows_in = AtomicU64::new(0);
        let failed: Mutex<Option<ScatterError>> = Mutex::new(None);
        let files = (0..workers.max(1))
            .map(|_| spill.file())
            .collect::<Result<Vec<_>>>()?;
        let mut all = Vec::new();
        thread::scope(|scope| {
            let (next, rows_in, failed) = (&next, &rows_in, &failed);
            let workers: Vec<_> = files
                .into_iter()
                .enumerate()
                .map(|(number, file)| {
                    scope.spawn(move || {
                        let skip = Arc::clone(&self.skip);
                        let mut dealer = Dealer::new(&self.layout, self.deal, skip, file, number)
                            .by_value(self.by_value.clone());
                        let result = self.work(&mut dealer, next, rows_in, spill, tick);
                        if let Err(error) = result {
                            // The others end at their next span.
                            next.store(usize::MAX / 2, Ordering::Relaxed);
                            let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                            failed.get_or_insert(error);
                        }
                        dealer.finish()
                    })
                })
                .collect();
            for worker in workers {
                if let Ok(dealt) = worker.join() {
                    all.push(dealt);
                }
            }
        });
        if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let dealt = Dealt::join(all);
        if self.skip.iter().all(|skip| !skip) && dealt.all_rows() != rows_in.load(Ordering::Relaxed)
        {
            let lost = std::io::Error::new(std::io::ErrorKind::InvalidData, "rows were lost");
            return Err(spill.failed(lost).into());
        }
        Ok(dealt)
    }

    fn work(
        &self,
        dealer: &mut Dealer,
        next: &AtomicUsize,
        rows_in: &AtomicU64,
        spill: &SpillFolder,
        tick: &(dyn Fn(u64) -> Result<()> + Sync),
    ) -> Result<(), ScatterError> {
        let engine = |cause| self.scan.failed(cause);
        let mut carrier = Carrier::try_new(&self.layout, &self.dictionaries).map_err(engine)?;
        let mut rows = Rows::new(&self.layout);
        loop {
            let span = next.fetch_add(1, Ordering::Relaxed);
            if span >= self.scan.spans.len() {
                return Ok(());
            }
            let mut number = 0;
            let mut batches = self.scan.open(span)?;
            loop {
                let batch = batches.next().transpose().map_err(engine)?;
                let end = batch.is_none();
                if let Some(batch) = batch {
                    rows_in.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
                    carrier
                        .append(&batch, &mut rows)
                        .map_err(|error| match error {
                            CarryError::Overflow { column } => ScatterError::Overflow { column },
                            CarryError::Engine(cause) => ScatterError::Failed(engine(cause)),
                        })?;
                }
                if end || rows.len >= self.deal_rows {
                    let place = (span as u64, number);
                    let written = dealer
                        .deal(&mut carrier, &mut rows, place)
                        .map_err(|error| match error {
                            DealError::Spill(cause) => spill.failed(cause),
                            DealError::Engine(cause) => engine(cause),
                        })?;
                    number += 1;
                    tick(written)?;
                }
                if end {
                    break;
                }
            }
        }
    }
}

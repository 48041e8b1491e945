//! A source that is sorted by keys: its pieces are cut into units where those keys change, and each unit
//! is read and aggregated alone. Nothing is dealt, unless a unit is very large.
//!
//! Where a unit begins is told without a look back: it leaves the first run of equal keys of its pieces
//! to the unit before, whether or not that had begun with it, and takes the first run of the unit behind.
//! A unit that is one run leaves all of it, and takes nothing.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arrow_array::RecordBatch;
use datafusion::arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::Result as DfResult;

use super::dictionary::{Dictionary, NULL};
use super::group::{Bucket, Grouping, Groups, TooLarge};
use super::pack::Packing;
use super::partition::{Deal, Dealer, Dealt};
use super::rows::{Carrier, CarryError, Form, Layout, Rows, Texts};
use super::scan::Scan;
use super::stream::Batches;
use crate::cut::Cut;
use crate::session::BATCH_ROWS;
use crate::temp::SpillFolder;
use crate::{Error, Piece, Result};

/// Pieces in units of at least so many rows.
pub(crate) fn units(pieces: &[Piece], rows: u64) -> Vec<Range<usize>> {
    let mut units = Vec::new();
    let (mut start, mut held) = (0, 0);
    for (number, piece) in pieces.iter().enumerate() {
        held += piece.rows;
        if held >= rows || number + 1 == pieces.len() {
            units.push(start..number + 1);
            (start, held) = (number + 1, 0);
        }
    }
    if units.is_empty() {
        units.push(0..0);
    }
    units
}

/// One unit of a sorted source.
pub(crate) struct SortedUnit<'a> {
    pub(crate) cut: &'a Arc<Cut>,
    pub(crate) scan: &'a Scan,
    pub(crate) layout: &'a Arc<Layout>,
    /// The keys, among the carried columns, by which the source is sorted.
    pub(crate) prefix: &'a [usize],
    pub(crate) units: &'a [Range<usize>],
    pub(crate) number: usize,
    pub(crate) spill: &'a Arc<SpillFolder>,
    pub(crate) spilled: &'a Arc<AtomicU64>,
    /// Rows that are kept in memory; a unit of more is dealt.
    pub(crate) most_rows: usize,
    /// What the aggregate may hold.
    pub(crate) memory: usize,
    /// What the dictionaries of the unit's texts may hold.
    pub(crate) codes: usize,
}

/// A dictionary's views here: the worker's hashes, and the places of its codes in order.
const VIEWS: usize = 3;

/// What aggregating a unit came to, or the column whose texts do not fit into their dictionary.
type Tried = Result<(Groups, u64), usize>;

impl SortedUnit<'_> {
    /// The unit's rows of the table, and how many rows of the source they come from.
    pub(crate) fn groups(&self) -> Result<(Groups, u64)> {
        let mut layout = Arc::clone(self.layout);
        let mut as_text = Vec::new();
        loop {
            match self.try_groups(&layout)? {
                Ok(groups) => return Ok(groups),
                Err(column) => as_text.push(column),
            }
            let carried = Arc::clone(&layout.schema);
            layout = Arc::new(Layout::new(carried, layout.keys, &as_text));
        }
    }

    fn try_groups(&self, layout: &Arc<Layout>) -> Result<Tried> {
        let share = self.codes / layout.dictionaries.max(1);
        let dictionaries: Vec<Arc<Dictionary>> = (0..layout.dictionaries)
            .map(|_| Arc::new(Dictionary::new(share, VIEWS)))
            .collect();
        let engine = |cause| self.scan.failed(cause);
        let mut carrier = Carrier::try_new(layout, &dictionaries).map_err(engine)?;
        let mut rows = Rows::new(layout);
        let mut last: Option<Vec<Place>> = None;
        let mut dealer: Option<Dealer> = None;
        let mut flush = 0;
        let mut count = 0;
        for batch in self.batches()? {
            let batch = batch.map_err(engine)?;
            count += batch.num_rows() as u64;
            match carrier.append(&batch, &mut rows) {
                Ok(()) => {}
                Err(CarryError::Engine(cause)) => return Err(engine(cause)),
                // What was dealt of the unit so far is written again.
                Err(CarryError::Overflow { column }) => return Ok(Err(column)),
            }
            if rows.len >= self.most_rows {
                self.check_order(layout, &rows, &dictionaries, &mut last)?;
                let dealer = match &mut dealer {
                    Some(dealer) => dealer,
                    None => dealer.insert(self.dealer(layout)?),
                };
                self.deal(dealer, &mut carrier, &mut rows, flush)?;
                flush += 1;
            }
        }
        self.check_order(layout, &rows, &dictionaries, &mut last)?;
        let grouping = Arc::new(Grouping {
            cut: Arc::clone(self.cut),
            layout: Arc::clone(layout),
            texts: Arc::new(Texts::new(&dictionaries)),
            dictionaries,
            spill: Some(Arc::clone(self.spill)),
            spilled: Arc::clone(self.spilled),
        });
        if dealer.is_none() {
            match self.in_memory(&grouping, &rows)? {
                Ok(batches) => return Ok(Ok((Groups { batches, pieces: 1 }, count))),
                Err(TooLarge { .. }) => dealer = Some(self.dealer(layout)?),
            }
        }
        let Some(mut dealer) = dealer else {
            return Err(engine(datafusion::error::DataFusionError::Internal(
                "no dealer".to_owned(),
            )));
        };
        self.deal(&mut dealer, &mut carrier, &mut rows, flush)?;
        drop(rows);
        let dealt = Arc::new(Dealt::join(vec![dealer.finish()]));
        let groups = grouping.groups(&Bucket::new(&dealt, 0, 0), self.memory)?;
        Ok(Ok((groups, count)))
    }

    fn dealer(&self, layout: &Arc<Layout>) -> Result<Dealer> {
        let one = Deal { used: 0, bits: 0 };
        Ok(Dealer::new(
            layout,
            one,
            Arc::default(),
            self.spill.file()?,
            0,
        ))
    }

    fn deal(
        &self,
        dealer: &mut Dealer,
        carrier: &mut Carrier,
        rows: &mut Rows,
        flush: u64,
    ) -> Result<()> {
        let written = dealer
            .deal(carrier, rows, (0, flush))
            .map_err(|error| match error {
                super::partition::DealError::Spill(cause) => self.spill.failed(cause),
                super::partition::DealError::Engine(cause) => self.scan.failed(cause),
            })?;
        self.spilled
            .fetch_add(written, std::sync::atomic::Ordering::Relaxed);
        Ok(())
    }

    /// The groups of rows that are all here.
    fn in_memory(
        &self,
        grouping: &Arc<Grouping>,
        rows: &Rows,
    ) -> Result<Result<Batches, TooLarge>> {
        let ranges: Vec<(u64, u64)> = rows
            .lanes
            .iter()
            .map(|lane| {
                lane.iter()
                    .fold((u64::MAX, 0), |(a, b), &word| (a.min(word), b.max(word)))
            })
            .collect();
        let packing = Arc::new(Packing::new(&grouping.layout, &ranges));
        if grouping.by_number(&packing) {
            return Ok(Err(TooLarge { rows_in: 0 }));
        }
        let parts: Vec<DfResult<RecordBatch>> = if rows.len == 0 {
            Vec::new()
        } else {
            let packed = packing
                .pack(rows, &grouping.texts)
                .map_err(|cause| self.scan.failed(cause))?;
            (0..packed.num_rows())
                .step_by(BATCH_ROWS)
                .map(|start| Ok(packed.slice(start, BATCH_ROWS.min(packed.num_rows() - start))))
                .collect()
        };
        let none = AtomicU64::new(0);
        match grouping.at_once(Box::new(parts.into_iter()), &none, &packing, self.memory)? {
            Ok(groups) => Ok(Ok(grouping.finish(groups, &packing)?)),
            Err(too_large) => Ok(Err(too_large)),
        }
    }

    /// Batches of the unit's rows.
    fn batches(&self) -> Result<Batches> {
        let fields = self.prefix.iter().map(|&column| {
            SortField::new(self.cut.below.carried.field(column).data_type().clone())
        });
        let converter = RowConverter::new(fields.collect());
        let converter = converter.map_err(|cause| self.scan.failed(cause.into()))?;
        let mut runs = Runs {
            converter,
            prefix: self.prefix.to_vec(),
            first: None,
        };

        let own = self.scan.open_pieces(self.units[self.number].clone())?;
        let (scan, units, number) = (self.scan.clone(), self.units.to_vec(), self.number);
        let mut current: Option<Batches> = Some(own);
        // The unit whose pieces are read, and whether this one has rows beyond its first run.
        let mut at = number;
        let mut mine = number == 0;
        Ok(Box::new(std::iter::from_fn(move || {
            loop {
                let Some(batch) = current.as_mut()?.next() else {
                    // A unit that is one run has nothing of its own, and takes nothing.
                    if !mine || at + 1 >= units.len() {
                        current = None;
                        return None;
                    }
                    at += 1;
                    runs.first = None;
                    match scan.open_pieces(units[at].clone()) {
                        Ok(batches) => current = Some(batches),
                        Err(error) => {
                            current = None;
                            return Some(Err(datafusion::error::DataFusionError::External(
                                Box::new(error),
                            )));
                        }
                    }
                    continue;
                };
                let batch = match batch {
                    Ok(batch) if batch.num_rows() == 0 => continue,
                    Ok(batch) => batch,
                    Err(error) => {
                        current = None;
                        return Some(Err(error));
                    }
                };
                if at == number && mine {
                    return Some(Ok(batch));
                }
                let head = match runs.head(&batch) {
                    Ok(head) => head,
                    Err(error) => {
                        current = None;
                        return Some(Err(error));
                    }
                };
                let rest = batch.num_rows() - head;
                if at == number {
                    if rest == 0 {
                        continue;
                    }
                    mine = true;
                    return Some(Ok(batch.slice(head, rest)));
                }
                if rest > 0 {
                    current = None;
                }
                if head > 0 {
                    return Some(Ok(batch.slice(0, head)));
                }
                return None;
            }
        })))
    }

    /// Refuses rows that are not sorted as the source says. `last` is the row before, and then the last.
    fn check_order(
        &self,
        layout: &Layout,
        rows: &Rows,
        dictionaries: &[Arc<Dictionary>],
        last: &mut Option<Vec<Place>>,
    ) -> Result<()> {
        let columns: Vec<Ordered> = self
            .prefix
            .iter()
            // Behind a column that travels as text nothing can be told.
            .map_while(|&column| match layout.forms[column] {
                Form::Code { dictionary, lane } => Some(Ordered {
                    words: &rows.lanes[lane],
                    validity: None,
                    ranks: Some(dictionaries[dictionary].ranks()),
                }),
                Form::Word { lane, nullable } => Some(Ordered {
                    words: &rows.lanes[lane],
                    validity: nullable.then(|| rows.lanes[lane + 1].as_slice()),
                    ranks: None,
                }),
                Form::Plain { .. } => None,
            })
            .collect();
        let at = |row: usize, column: usize| columns[column].at(row);
        for row in 0..rows.len {
            let before = |column: usize| match (row, &*last) {
                (0, Some(last)) => last[column],
                (0, None) => at(0, column),
                _ => at(row - 1, column),
            };
            let change = (0..columns.len()).find(|&column| before(column) != at(row, column));
            if change
                .is_some_and(|column| columns[column].descends(before(column), at(row, column)))
            {
                return Err(Error::Source {
                    place: self.cut.source.clone(),
                    problem: "it says that it is sorted, and it is not".to_owned(),
                    cause: None,
                });
            }
        }
        if let Some(row) = rows.len.checked_sub(1) {
            *last = Some((0..columns.len()).map(|column| at(row, column)).collect());
        }
        Ok(())
    }
}

/// A word, or a null.
type Place = Option<u64>;

/// A column by which rows are sorted.
struct Ordered<'a> {
    words: &'a [u64],
    validity: Option<&'a [u64]>,
    /// The order of codes.
    ranks: Option<Vec<u64>>,
}

impl Ordered<'_> {
    fn at(&self, row: usize) -> Place {
        let word = self.words[row];
        let valid = match (&self.ranks, self.validity) {
            (Some(_), _) => word != u64::from(NULL),
            (None, Some(validity)) => validity[row] == 1,
            (None, None) => true,
        };
        valid.then_some(word)
    }

    /// Whether the second comes before the first. Nulls may stand first or last.
    fn descends(&self, first: Place, second: Place) -> bool {
        match (first, second, &self.ranks) {
            (Some(first), Some(second), Some(ranks)) => {
                ranks[first as usize] > ranks[second as usize]
            }
            (Some(first), Some(second), None) => first > second,
            _ => false,
        }
    }
}

/// Finds where the first run of equal keys ends.
struct Runs {
    converter: RowConverter,
    prefix: Vec<usize>,
    first: Option<OwnedRow>,
}

impl Runs {
    /// How many rows at the batch's beginning belong to the first run that was seen.
    fn head(&mut self, batch: &RecordBatch) -> DfResult<usize> {
        let columns: Vec<_> = self
            .prefix
            .iter()
            .map(|&column| Arc::clone(batch.column(column)))
            .collect();
        let keys = self.converter.convert_columns(&columns)?;
        let first = self.first.get_or_insert_with(|| keys.row(0).owned()).row();
        Ok((0..keys.num_rows())
            .find(|&row| keys.row(row) != first)
            .unwrap_or(keys.num_rows()))
    }
}

//! Which way a table is made, from a sample of its source. The choice and the number of units follow
//! from sources and model alone: memory and threads change how long a run takes, never what it makes.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use datafusion::common::Result as DfResult;
use lakeseed_budget::{Bytes, MIB};

use crate::Result;
use crate::cut::Cut;
use crate::engine::dictionary::Dictionary;
use crate::engine::partition::{ByValue, Deal};
use crate::engine::rows::{Carrier, CarryError, Form, Layout, Rows, is_text};
use crate::engine::scan::Scan;
use crate::engine::sorted;

/// Pieces that a sample looks into, and rows of each.
const SAMPLE_PIECES: usize = 8;
const SAMPLE_ROWS: u64 = 1 << 15;
/// What a sample holds, about; of very long texts it has fewer rows.
pub(crate) const SAMPLE_BYTES: Bytes = Bytes::new(32 * MIB.get());
/// A table of fewer groups than this is aggregated at once.
const FEW_GROUPS: u64 = 200_000;
/// Rows of a unit, about.
const UNIT_ROWS: u64 = 250_000;
/// Groups of a unit, at least, where there are surely no more than estimated.
const UNIT_GROUPS: u64 = 50_000;
/// The most units of a table.
const MOST_UNIT_BITS: u32 = 12;
/// Rows of one run of a sorted source, on average, with which its units end well.
const MOST_RUN_ROWS: u64 = 20_000;
/// A text column with more values than this, as the sample has it, is not worth a dictionary.
const MOST_TEXTS: u64 = 20_000_000;

/// How a table is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strategy {
    /// Few groups: partial aggregates of spans, joined by one. Nothing is spilled; one unit.
    Direct,
    /// The source is sorted by keys: each run of spans is aggregated in a stream; nothing is spilled.
    Sorted,
    /// Rows are dealt to buckets on disk by the hash of their keys, and each bucket is aggregated alone.
    Scatter,
    /// The statement joins, or is more than one aggregate: its sources are dealt alike to buckets on
    /// disk by a key that it compares, and the whole statement runs on each bucket alone. Few rows are
    /// one bucket.
    Together,
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Direct => "direct",
            Self::Sorted => "sorted",
            Self::Scatter => "scatter and gather",
            Self::Together => "bucket by bucket",
        })
    }
}

/// What is known of a table before it is made.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Choice {
    /// How it is made.
    pub strategy: Strategy,
    /// Why, for people.
    pub reason: String,
    /// Rows of the source; an estimate where its files do not tell.
    pub source_rows: u64,
    /// Rows that pass the filter, estimated.
    pub rows: u64,
    /// Groups, estimated.
    pub groups: u64,
    /// Units that are committed.
    pub units: usize,
    /// Bytes that are going to be written to temporary files, estimated.
    pub spill: Bytes,
    /// Columns of texts that are carried as they are: they have too many values.
    pub as_text: Vec<String>,
}

/// A choice with what the engine needs beside it.
pub(crate) struct Chosen {
    pub(crate) choice: Choice,
    pub(crate) deal: Deal,
    pub(crate) as_text: Vec<usize>,
    /// Bytes of the plain columns of a row.
    pub(crate) plain_row: u64,
    /// The keys by which the source is sorted, where that helps.
    pub(crate) prefix: Vec<usize>,
    /// The pieces of each unit, where the source is sorted.
    pub(crate) sorted: Vec<Range<usize>>,
    /// The batches, where the caller cuts by a column.
    pub(crate) by_value: Option<Arc<ByValue>>,
}

/// Looks at a sample and chooses.
pub(crate) fn choose(
    cut: &Cut,
    scan: &Scan,
    total: u64,
    forced: Option<Strategy>,
    by_value: Option<Arc<ByValue>>,
) -> Result<Chosen> {
    let sample = Sample::take(cut, scan)?;
    let rows = sample.scale(sample.rows, total);
    let (groups, is_upper) = sample.groups(rows);
    let as_text = sample.as_text(cut, rows);
    let layout_all = Layout::new(Arc::clone(&cut.below.carried), cut.below.keys, &[]);
    let layout = Layout::new(Arc::clone(&cut.below.carried), cut.below.keys, &as_text);
    let plain_row = sample.plain_row(&layout);
    let row_bytes = sample.row_bytes + plain_row / 2;

    let prefix = sorted_keys(cut, scan.source.sorted_by());
    let short = sample.runs_are_short(&layout_all, &prefix);
    let few = groups <= FEW_GROUPS || cut.below.keys == 0;
    let strategy = match forced {
        _ if by_value.is_some() => Strategy::Scatter,
        Some(Strategy::Scatter) if cut.below.keys > 0 => Strategy::Scatter,
        Some(Strategy::Direct) => Strategy::Direct,
        Some(Strategy::Sorted) if !prefix.is_empty() => Strategy::Sorted,
        _ if few => Strategy::Direct,
        _ if !prefix.is_empty() && short => Strategy::Sorted,
        _ => Strategy::Scatter,
    };
    let sorted = sorted::units(scan.source.pieces(), UNIT_ROWS);
    let (deal, reason) = match strategy {
        Strategy::Sorted => {
            let names: Vec<String> = prefix.iter().map(|&key| column_name(cut, key)).collect();
            (
                Deal { used: 0, bits: 0 },
                format!(
                    "about {groups} groups, and the source is sorted by {}",
                    names.join(", ")
                ),
            )
        }
        Strategy::Direct => (
            Deal { used: 0, bits: 0 },
            format!("about {groups} groups: their state is small"),
        ),
        Strategy::Scatter if by_value.is_some() => (
            Deal { used: 0, bits: 0 },
            format!("about {groups} groups, and a batch for each value was asked for"),
        ),
        Strategy::Scatter | Strategy::Together => {
            let mut units = rows.div_ceil(UNIT_ROWS).max(1);
            if is_upper {
                // A dimension of large facts: many rows, few of its own.
                units = units.min(groups.div_ceil(UNIT_GROUPS).max(1));
            }
            let bits = (u64::BITS - (units - 1).leading_zeros()).min(MOST_UNIT_BITS);
            (
                Deal { used: 0, bits },
                format!("about {groups} groups, and no order of the source helps"),
            )
        }
    };
    let spill = match strategy {
        Strategy::Direct | Strategy::Sorted => Bytes::ZERO,
        Strategy::Scatter | Strategy::Together => rows * Bytes::new(row_bytes),
    };
    let names = as_text
        .iter()
        .map(|&column| column_name(cut, column))
        .collect();
    let choice = Choice {
        strategy,
        reason,
        source_rows: total,
        rows,
        groups,
        units: match (&by_value, strategy) {
            (Some(by_value), _) => by_value.names.len(),
            (None, Strategy::Sorted) => sorted.len(),
            (None, _) => deal.buckets(),
        },
        spill,
        as_text: names,
    };
    Ok(Chosen {
        choice,
        deal,
        as_text,
        plain_row,
        prefix,
        sorted,
        by_value,
    })
}

/// The keys that are the first columns by which the source is sorted.
fn sorted_keys(cut: &Cut, sorted_by: &[String]) -> Vec<usize> {
    let key = |name: &String| {
        let mut keys = cut.key_columns.iter();
        keys.position(|key| key.as_ref() == Some(name))
    };
    sorted_by.iter().map_while(key).collect()
}

/// What people call a carried column.
pub(crate) fn column_name(cut: &Cut, column: usize) -> String {
    match cut.key_columns.get(column) {
        Some(Some(name)) => name.clone(),
        _ => format!("column {} of {}", column + 1, cut.below.table),
    }
}

/// Rows from pieces all over a source.
struct Sample {
    read: u64,
    rows: u64,
    groups: GroupsSeen,
    /// Values of each text column: seen once, more than once; bytes of all rows.
    texts: HashMap<usize, (u64, u64)>,
    plain_bytes: HashMap<usize, u64>,
    row_bytes: u64,
    all: Rows,
}

impl Sample {
    fn take(cut: &Cut, scan: &Scan) -> Result<Self> {
        let layout = Arc::new(Layout::new(
            Arc::clone(&cut.below.carried),
            cut.below.keys,
            &[],
        ));
        let dictionaries: Vec<Arc<Dictionary>> = (0..layout.dictionaries)
            .map(|_| Arc::new(Dictionary::new(usize::MAX, 0)))
            .collect();
        let mut all = Rows::new(&layout);
        let mut plain_bytes: HashMap<usize, u64> = HashMap::new();
        let mut read = 0;
        let mut ends = Vec::new();
        let engine = |cause| scan.failed(cause);
        let mut carrier = Carrier::try_new(&layout, &dictionaries).map_err(engine)?;
        let pieces = sampled(scan.source.pieces().len());
        for (number, &piece) in pieces.iter().enumerate() {
            // No piece takes the room of those behind it.
            let most = SAMPLE_BYTES.as_usize() / pieces.len() * (number + 1);
            let counted = Scan {
                rows: Arc::default(),
                ..scan.clone()
            };
            for batch in counted.open_pieces(piece..piece + 1)? {
                let batch = batch.map_err(engine)?;
                for (column, array) in batch.columns().iter().enumerate() {
                    *plain_bytes.entry(column).or_default() += text_bytes(array).map_err(engine)?;
                }
                carrier
                    .append(&batch, &mut all)
                    .map_err(|error| match error {
                        CarryError::Engine(cause) => engine(cause),
                        CarryError::Overflow { .. } => {
                            engine(datafusion::error::DataFusionError::Internal(
                                "a sample has billions of texts".to_owned(),
                            ))
                        }
                    })?;
                let texts: usize = dictionaries.iter().map(|one| one.bytes()).sum();
                let plain = plain_bytes
                    .iter()
                    .filter(|(column, _)| matches!(layout.forms[**column], Form::Plain { .. }));
                let plain: u64 = plain.map(|(_, bytes)| bytes).sum();
                let held = texts + plain as usize + 8 * all.len * layout.lanes;
                let rows = counted.rows.load(std::sync::atomic::Ordering::Relaxed);
                if rows >= SAMPLE_ROWS || held >= most {
                    break;
                }
            }
            read += counted.rows.load(std::sync::atomic::Ordering::Relaxed);
            ends.push(all.len);
        }
        let mut hashes = Vec::new();
        if all.len > 0 {
            carrier.hash(&all, &mut hashes).map_err(engine)?;
        }
        let groups = GroupsSeen::new(&hashes, &ends);
        let mut texts = HashMap::new();
        let mut row_bytes = 0;
        for (column, form) in layout.forms.iter().enumerate() {
            match *form {
                Form::Code { lane, .. } => {
                    texts.insert(column, repeats(all.lanes[lane].iter().copied()));
                    row_bytes += width(&all.lanes[lane]);
                }
                Form::Word { lane, .. } => row_bytes += width(&all.lanes[lane]),
                Form::Plain { .. } => {}
            }
        }
        Ok(Self {
            read,
            rows: all.len as u64,
            groups,
            texts,
            plain_bytes,
            row_bytes,
            all,
        })
    }

    /// A count of the sample for the whole.
    fn scale(&self, count: u64, total: u64) -> u64 {
        if self.read == 0 {
            return total;
        }
        (u128::from(count) * u128::from(total) / u128::from(self.read)) as u64
    }

    /// Groups of so many rows, and whether that is surely not too low.
    fn groups(&self, rows: u64) -> (u64, bool) {
        self.groups.of(self.rows, rows)
    }

    /// Coded columns whose dictionary would be larger than what it saves.
    fn as_text(&self, cut: &Cut, rows: u64) -> Vec<usize> {
        let mut columns: Vec<usize> = self
            .texts
            .iter()
            .filter(|&(_, &(once, more))| {
                let all_new = more == 0 && self.rows > 1_000 && once * 100 > self.rows * 99;
                let values = estimate(once, more, self.rows, rows);
                values > MOST_TEXTS || (all_new && rows > MOST_TEXTS)
            })
            .map(|(&column, _)| column)
            .filter(|&column| is_text(cut.below.carried.field(column).data_type()))
            .collect();
        columns.sort_unstable();
        columns
    }

    /// Whether rows with the same sorted keys are few enough to end units well.
    fn runs_are_short(&self, layout: &Layout, prefix: &[usize]) -> bool {
        let lanes: Vec<usize> = prefix
            .iter()
            .filter_map(|&column| match layout.forms[column] {
                Form::Code { lane, .. } | Form::Word { lane, .. } => Some(lane),
                Form::Plain { .. } => None,
            })
            .collect();
        if lanes.len() < prefix.len() {
            return false;
        }
        let key = |row: usize| lanes.iter().map(move |&lane| self.all.lanes[lane][row]);
        let runs = (1..self.all.len)
            .filter(|&row| !key(row).eq(key(row - 1)))
            .count() as u64
            + 1;
        self.rows / runs <= MOST_RUN_ROWS
    }

    /// Bytes of the columns of a row that travel as they are.
    fn plain_row(&self, layout: &Layout) -> u64 {
        let plain = layout.forms.iter().enumerate();
        let bytes: u64 = plain
            .filter(|(_, form)| matches!(form, Form::Plain { .. }))
            .filter_map(|(column, _)| self.plain_bytes.get(&column))
            .sum();
        bytes / self.rows.max(1)
    }
}

/// Pieces all over the source, always the same.
pub(crate) fn sampled(pieces: usize) -> Vec<usize> {
    let count = SAMPLE_PIECES.min(pieces);
    let places: HashSet<usize> = (0..count).map(|number| number * pieces / count).collect();
    let mut places: Vec<usize> = places.into_iter().collect();
    places.sort_unstable();
    places
}

/// How often the groups of a sample were met.
struct GroupsSeen {
    once: u64,
    more: u64,
    /// Met in one of the sampled pieces only.
    alone: u64,
    pieces: usize,
}

impl GroupsSeen {
    /// `ends` are where the rows of each piece end.
    fn new(hashes: &[u64], ends: &[usize]) -> Self {
        let (once, more) = repeats(hashes.iter().copied());
        let mut met: HashMap<u64, (usize, bool)> = HashMap::new();
        let mut start = 0;
        for (piece, &end) in ends.iter().enumerate() {
            for &hash in &hashes[start..end] {
                let (first, is_alone) = met.entry(hash).or_insert((piece, true));
                *is_alone &= *first == piece;
            }
            start = end;
        }
        Self {
            once,
            more,
            alone: met.values().filter(|(_, is_alone)| *is_alone).count() as u64,
            pieces: ends.len(),
        }
    }

    /// Groups of all rows. Where pieces have hardly a group in common, equal rows stand together, or
    /// there are more groups than the sample could show: each piece brings as many new ones. Otherwise
    /// those that were met again count once, and those that were not as many times as the square root
    /// of the sample's share. And whether that is surely not too low.
    fn of(&self, sampled: u64, rows: u64) -> (u64, bool) {
        let all = self.once + self.more;
        if self.pieces < 2 || self.alone * 10 < all * 9 || sampled == 0 {
            return (estimate(self.once, self.more, sampled, rows), false);
        }
        let scaled = u128::from(self.alone) * u128::from(rows) / u128::from(sampled);
        ((scaled as u64 + all - self.alone).min(rows), true)
    }
}

fn repeats(values: impl Iterator<Item = u64>) -> (u64, u64) {
    let mut counts: HashMap<u64, bool> = HashMap::new();
    for value in values {
        counts
            .entry(value)
            .and_modify(|again| *again = true)
            .or_insert(false);
    }
    let more = counts.values().filter(|&&again| again).count() as u64;
    (counts.len() as u64 - more, more)
}

fn estimate(once: u64, more: u64, sampled: u64, rows: u64) -> u64 {
    if sampled == 0 {
        return 0;
    }
    let factor = (rows as f64 / sampled as f64).max(1.0).sqrt();
    ((once as f64 * factor) as u64 + more).min(rows)
}

/// Bytes that a lane's words take in a block, about.
fn width(words: &[u64]) -> u64 {
    let least = words.iter().copied().min().unwrap_or(0);
    let most = words.iter().copied().max().unwrap_or(0);
    u64::from((u64::BITS - (most - least).leading_zeros()).div_ceil(8))
}

/// Bytes of a column as plain values.
fn text_bytes(array: &ArrayRef) -> DfResult<u64> {
    Ok(match array.data_type() {
        // A dictionary's values are shared: each row counts as a short text.
        DataType::Dictionary(..) => 16 * array.len() as u64,
        _ => array.to_data().get_slice_memory_size()? as u64,
    })
}

/// What an aggregate holds for a group, about: keys, its entry in the table, the state of each function,
/// and all of it once more when it is given out.
pub(crate) fn group_bytes(cut: &Cut) -> u64 {
    let results = (cut.grouped.fields().len() - cut.below.keys) as u64;
    2 * (16 + 24 + 24 * results)
}

/// The least that a unit's aggregate is given.
pub(crate) const LEAST_STATE: Bytes = Bytes::new(4 * MIB.get());

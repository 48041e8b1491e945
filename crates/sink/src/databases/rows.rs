//! The rows of a table in parts: ranges of rows that are made, pieces of files that are read.

use std::ops::Range;
use std::sync::Arc;

use arrow_schema::{ArrowError, SchemaRef};

use super::plan::PART_ROWS;
use crate::error::{Error, Result};
use crate::messages::{Pieces, failed_rows};
use crate::plan::id::Digest;
use crate::source::{BoxedReader, Source};

/// Where the rows of a table come from.
#[derive(Clone)]
pub(super) enum Rows<'a> {
    /// A range of a source's rows, in parts of [`PART_ROWS`].
    Made {
        source: Arc<dyn Source + 'a>,
        range: Range<u64>,
        /// The same in ranges that follow each other, where the table is loaded in rounds; no part is of
        /// two of them.
        rounds: Option<Vec<Range<u64>>>,
    },
    /// Files, a piece a part.
    Read(Arc<dyn Pieces + 'a>),
}

/// What is known of a part before its rows are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PartRows {
    /// For people: `rows 0..65536`, `a.parquet, row group 3`.
    pub(super) name: String,
    /// Its first row, counted from the table's first, where rows have numbers.
    pub(super) first_row: Option<u64>,
    /// How many rows it has, where somebody has counted them.
    pub(super) rows: Option<u64>,
}

impl Rows<'_> {
    pub(super) fn schema(&self) -> SchemaRef {
        match self {
            Self::Made { source, .. } => source.schema(),
            Self::Read(pieces) => pieces.schema(),
        }
    }

    /// How many there are, where somebody has counted them.
    pub(super) fn count(&self) -> Option<u64> {
        match self {
            Self::Made { range, .. } => Some(range.end.saturating_sub(range.start)),
            Self::Read(pieces) => pieces.pieces().iter().map(|piece| piece.rows).sum(),
        }
    }

    /// The first one's number, where rows have numbers.
    pub(super) fn first(&self) -> Option<u64> {
        match self {
            Self::Made { range, .. } => Some(range.start),
            Self::Read(_) => None,
        }
    }

    pub(super) fn parts(&self) -> u64 {
        match self {
            Self::Made { range, rounds, .. } => cuts(range, rounds.as_deref()).map(parts_of).sum(),
            Self::Read(pieces) => pieces.pieces().len() as u64,
        }
    }

    /// Refuses rounds that do not follow each other or do not hold all rows.
    pub(super) fn check_rounds(&self, table: &str) -> Result<()> {
        let (Self::Made { range, .. }, Some(rounds)) = (self, self.ranges()) else {
            return Ok(());
        };
        let mut next = range.start;
        let follows = |round: &Range<u64>| {
            let follows = round.start == next && round.end >= next;
            next = round.end;
            follows
        };
        if rounds.iter().all(follows) && next == range.end {
            return Ok(());
        }
        let Range { start, end } = range;
        Err(Error::Invalid {
            what: "rounds",
            expected: format!("ranges that follow each other from {start} to {end}"),
            found: format!("others, of table `{table}`"),
        })
    }

    /// In how many rounds the table is loaded; none where it is no part of rounds.
    pub(super) fn rounds(&self) -> Option<u64> {
        self.ranges().map(|rounds| rounds.len() as u64)
    }

    fn ranges(&self) -> Option<&[Range<u64>]> {
        match self {
            Self::Made { rounds, .. } => rounds.as_deref(),
            Self::Read(_) => None,
        }
    }

    /// The parts of a round; without one those of a table that is no part of rounds.
    pub(super) fn parts_of_round(&self, round: Option<usize>) -> Range<u64> {
        match (self.ranges(), round) {
            (None, None) => 0..self.parts(),
            (Some(ranges), Some(round)) => {
                let start = ranges[..round].iter().map(parts_of).sum();
                start..start + parts_of(&ranges[round])
            }
            _ => 0..0,
        }
    }

    /// The rows of a round; none of a table that is no part of rounds.
    pub(super) fn rows_of_round(&self, round: usize) -> u64 {
        let range = self.ranges().map(|ranges| &ranges[round]);
        range.map_or(0, |range| range.end - range.start)
    }

    pub(super) fn part(&self, part: u64) -> PartRows {
        match self {
            Self::Made { range, rounds, .. } => {
                let Range { start, end } = made_part(range, rounds.as_deref(), part);
                PartRows {
                    name: format!("rows {start}..{end}"),
                    first_row: Some(start),
                    rows: Some(end - start),
                }
            }
            Self::Read(pieces) => {
                let piece = &pieces.pieces()[part as usize];
                PartRows {
                    name: piece.name.clone(),
                    first_row: piece.first_row,
                    rows: piece.rows,
                }
            }
        }
    }

    /// A reader of a part's rows.
    pub(super) fn open(&self, table: &str, part: u64, batch_rows: usize) -> Result<BoxedReader> {
        match self {
            Self::Made {
                source,
                range,
                rounds,
            } => {
                let rows = made_part(range, rounds.as_deref(), part);
                let opened = source.open(rows, batch_rows);
                opened.map_err(|error| failed_rows(table, error))
            }
            Self::Read(pieces) => pieces.open(part as usize, batch_rows),
        }
    }

    /// What an open reader holds beside its batches, in bytes.
    pub(super) fn open_bytes(&self) -> u64 {
        match self {
            Self::Made { .. } => 0,
            Self::Read(pieces) => pieces.open_bytes(),
        }
    }

    /// What decides which rows there are, and how they are cut.
    pub(super) fn identify(&self, digest: &mut Digest) {
        match self {
            Self::Made { range, rounds, .. } => {
                digest.number(range.start);
                digest.number(range.end);
                if let Some(rounds) = rounds {
                    digest.text("rounds");
                    digest.number(rounds.len() as u64);
                    for round in rounds {
                        digest.number(round.end);
                    }
                }
            }
            Self::Read(pieces) => {
                digest.text("files");
                digest.number(pieces.pieces().len() as u64);
                for piece in pieces.pieces() {
                    digest.text(&piece.identity);
                }
            }
        }
    }

    /// What keeps a table from being loaded: an error of ours, or the source's own.
    pub(super) fn failed(table: &str, error: ArrowError) -> Error {
        failed_rows(table, error)
    }

    /// An error with the row of a part, as people find the row: of a file by the file, and the row
    /// counted from the piece's first.
    pub(super) fn place(&self, part: u64, error: Error) -> Error {
        match (self, error) {
            (
                Self::Read(pieces),
                Error::Value {
                    column,
                    row,
                    expected,
                    found,
                    ..
                },
            ) => Error::Input {
                path: pieces.pieces()[part as usize].name.clone(),
                reason: format!("row {row}, column `{column}`: expected {expected}, found {found}"),
            },
            (_, error) => error,
        }
    }
}

/// The ranges within which parts lie.
fn cuts<'r>(
    range: &'r Range<u64>,
    rounds: Option<&'r [Range<u64>]>,
) -> impl Iterator<Item = &'r Range<u64>> {
    rounds.unwrap_or(std::slice::from_ref(range)).iter()
}

fn parts_of(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start).div_ceil(PART_ROWS)
}

fn made_part(range: &Range<u64>, rounds: Option<&[Range<u64>]>, mut part: u64) -> Range<u64> {
    for cut in cuts(range, rounds) {
        let parts = parts_of(cut);
        if part < parts {
            let start = cut.start + part * PART_ROWS;
            return start..cut.end.min(start + PART_ROWS);
        }
        part -= parts;
    }
    range.end..range.end
}

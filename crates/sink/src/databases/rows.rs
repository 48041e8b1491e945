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
            Self::Made { range, .. } => range.end.saturating_sub(range.start).div_ceil(PART_ROWS),
            Self::Read(pieces) => pieces.pieces().len() as u64,
        }
    }

    pub(super) fn part(&self, part: u64) -> PartRows {
        match self {
            Self::Made { range, .. } => {
                let Range { start, end } = made_part(range, part);
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
            Self::Made { source, range } => {
                let opened = source.open(made_part(range, part), batch_rows);
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
            Self::Made { range, .. } => {
                digest.number(range.start);
                digest.number(range.end);
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

fn made_part(range: &Range<u64>, part: u64) -> Range<u64> {
    let start = range.start + part * PART_ROWS;
    start..range.end.min(start + PART_ROWS)
}

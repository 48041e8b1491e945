//! Rows cut into pieces that can be read alone: ranges of a generated table, row groups, parts of a
//! text file.

use std::ops::Range;
use std::sync::Arc;

use arrow_schema::{ArrowError, SchemaRef};

use crate::error::{Error, Result};
use crate::source::{BoxedReader, Source};

/// Rows of a piece of a generated table. No message crosses from one to the next, so that messages
/// do not depend on how the work is cut.
pub const PIECE_ROWS: u64 = 65_536;

/// A piece: what is known of it before it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// For people and errors: `rows 0..65536`, `a.parquet, row group 3`.
    pub name: String,
    /// What tells this content from another one: a range, a digest, sizes. It goes into the plan's id.
    pub identity: String,
    /// The number of its first row within the table, where that is known before reading.
    pub first_row: Option<u64>,
    /// How many rows it has, where that is known before reading.
    pub rows: Option<u64>,
}

/// What keeps rows from being made: an error of ours that came as Arrow's, or the source's own.
pub(crate) fn failed_rows(table: &str, source: ArrowError) -> Error {
    let source = match source {
        ArrowError::ExternalError(error) => match error.downcast::<Error>() {
            Ok(ours) => return *ours,
            Err(other) => ArrowError::ExternalError(other),
        },
        other => other,
    };
    Error::Source {
        table: table.to_owned(),
        source,
    }
}

/// A table in pieces. Opening a piece twice gives the same rows in the same order.
pub trait Pieces: Send + Sync {
    /// The schema of every batch.
    fn schema(&self) -> SchemaRef;

    /// The pieces, in the order of the rows.
    fn pieces(&self) -> &[Piece];

    /// A reader of all rows of a piece, in batches of about `batch_rows`.
    ///
    /// # Errors
    /// Whatever keeps the piece from being read.
    fn open(&self, piece: usize, batch_rows: usize) -> Result<BoxedReader>;

    /// The most memory that an open piece holds, in bytes, beside its batches.
    fn open_bytes(&self) -> u64 {
        0
    }
}

/// A table whose rows are JSON objects as texts already. They become messages as they stand: no value
/// changes its form, and no column needs a type.
pub trait TextPieces: Send + Sync {
    /// The pieces, in the order of the rows.
    fn pieces(&self) -> &[Piece];

    /// Gives all rows of a piece to `each`, in order: objects without a line's end.
    ///
    /// # Errors
    /// Whatever keeps the piece from being read, and what `each` fails with.
    fn each_row(&self, piece: usize, each: &mut dyn FnMut(&str) -> Result<()>) -> Result<()>;

    /// The most memory that an open piece holds, in bytes, but for lines that are longer.
    fn open_bytes(&self) -> u64 {
        4 << 20
    }
}

/// A range of a [`Source`] in pieces of [`PIECE_ROWS`].
pub(super) struct TablePieces<'a> {
    table: String,
    source: Arc<dyn Source + 'a>,
    pieces: Vec<Piece>,
}

impl<'a> TablePieces<'a> {
    pub(super) fn new(table: &str, source: Arc<dyn Source + 'a>, rows: Range<u64>) -> Self {
        let starts = (rows.start..rows.end).step_by(PIECE_ROWS as usize);
        let piece = |start: u64| {
            let end = rows.end.min(start + PIECE_ROWS);
            Piece {
                name: format!("rows {start}..{end}"),
                identity: format!("{start}..{end}"),
                first_row: Some(start),
                rows: Some(end - start),
            }
        };
        Self {
            table: table.to_owned(),
            pieces: starts.map(piece).collect(),
            source,
        }
    }
}

impl Pieces for TablePieces<'_> {
    fn schema(&self) -> SchemaRef {
        self.source.schema()
    }

    fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    fn open(&self, piece: usize, batch_rows: usize) -> Result<BoxedReader> {
        let found = &self.pieces[piece];
        let start = found.first_row.unwrap_or(0);
        let rows = start..start + found.rows.unwrap_or(0);
        let opened = self.source.open(rows, batch_rows);
        opened.map_err(|source| Error::Source {
            table: self.table.clone(),
            source,
        })
    }
}

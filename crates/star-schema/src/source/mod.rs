//! Where the rows of a model come from: a trait, and files of any folder or bucket behind it.

mod bounds;
mod calendar;
mod counted;
mod file;
mod files;
mod folders;
mod parquet;
mod rejects;
mod sorted;
mod subset;
mod text;
mod windows;

use std::ops::Range;

use arrow_array::RecordBatchReader;
use arrow_schema::{DataType, SchemaRef};

use crate::Result;

pub use bounds::Bounds;
pub use calendar::Calendar;
pub use counted::BytesRead;
pub use file::{File, LocalFile, Stamp};
pub use files::{FileFormat, Files, FilesOptions};
pub use rejects::{RejectedRow, Rejects};
pub(crate) use subset::Subset;
pub use text::{TextOptions, column_type};

/// Batches in order, each with its error.
pub type BatchReader = Box<dyn RecordBatchReader + Send>;

/// A table that a model reads, cut into pieces that can be read alone, in any order, again and again.
///
/// Texts of few values come as dictionaries where the file has them so: what follows then works on
/// their codes.
pub trait Source: Send + Sync {
    /// All columns. Timestamps, decimals and numbers as they are; text is `Utf8` or
    /// `Dictionary(Int32, Utf8)`, never a view.
    fn schema(&self) -> SchemaRef;

    /// The smallest parts that can be read alone, in the table's order: row groups, ranges of lines.
    fn pieces(&self) -> &[Piece];

    /// Reads the named columns (positions in [`Source::schema`], in this order) of one piece.
    ///
    /// # Errors
    /// Here and from the reader: what cannot be read, and what has changed since it was pinned.
    fn read(&self, piece: usize, columns: &[usize], batch_rows: usize) -> Result<BatchReader>;

    /// What one open reader of these columns holds at most, beside the batches that it gave: an
    /// estimate where the format does not tell.
    fn held_bytes(&self, piece: usize, columns: &[usize]) -> u64 {
        let _ = columns;
        self.pieces().get(piece).map_or(0, |piece| piece.bytes)
    }

    /// The columns by which all rows are sorted, the first first; ascending, and the first of them
    /// without nulls. Empty where nobody knows.
    fn sorted_by(&self) -> &[String] {
        &[]
    }

    /// What pins the content: a manifest's digest, or paths, sizes and times. Two sources of the same
    /// identity have the same rows in the same order.
    fn identity(&self) -> &str;

    /// What comes and goes as a whole, as files do, in the order of their pieces: every piece is of one
    /// of them. All of it where nobody knows more.
    fn parts(&self) -> Vec<Part> {
        vec![Part {
            identity: self.identity().to_owned(),
            pieces: 0..self.pieces().len(),
        }]
    }

    /// Between which values a column (a position in [`Source::schema`]) lies in each piece, known
    /// without reading rows. `None` where it is not known of every piece.
    fn bounds(&self, column: usize) -> Option<Bounds> {
        let _ = column;
        None
    }
}

/// A part of a source that comes and goes as a whole, as a file does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What pins its content; no two parts of a source share it.
    pub identity: String,
    /// Its pieces.
    pub pieces: Range<usize>,
}

/// What is known of a piece before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Its rows; an estimate where the format does not tell.
    pub rows: u64,
    /// Whether `rows` is exact.
    pub exact: bool,
    /// Its bytes where it is stored.
    pub bytes: u64,
}

/// Text as codes into a dictionary.
fn codes() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

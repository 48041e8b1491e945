//! Where rows go that cannot be read.

use std::io;

/// A row of a text file that cannot be read, as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectedRow<'r> {
    /// The file.
    pub path: &'r str,
    /// The line that the row begins in, from 1.
    pub line: u64,
    /// What was expected, and what came.
    pub problem: &'r str,
    /// Its bytes without the line end; no more than [`TextOptions::max_row_bytes`] of them.
    ///
    /// [`TextOptions::max_row_bytes`]: super::TextOptions::max_row_bytes
    pub bytes: &'r [u8],
    /// Whether `bytes` is only the beginning of a longer row.
    pub is_cut: bool,
}

/// Takes rows that cannot be read, instead of the error that the first of them would be.
///
/// A row is given once, however often its piece is read and whatever columns are asked for: rows of
/// a table = rows read + rows rejected.
pub trait Rejects: Send + Sync {
    /// Keeps a row. Called by several threads; rows of one piece come in order.
    ///
    /// # Errors
    /// What cannot be kept ends the reader.
    fn reject(&self, row: &RejectedRow<'_>) -> io::Result<()>;
}

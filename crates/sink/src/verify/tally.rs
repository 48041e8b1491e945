//! What is summed up over the rows of a part: of the file, and of the same rows made again.
//!
//! Every batch that is read or made passes here, once, in row order, with the columns of the files.
//! Text is compared as text: its rows are counted here, and where they are the same as those made
//! again, whatever is summed up over those holds for both.

use arrow_array::RecordBatch;

/// The sums over a part.
#[derive(Debug, Default)]
pub(super) struct Tally {
    found_rows: u64,
    made_rows: u64,
}

impl Tally {
    /// Takes rows of the file.
    pub(super) fn found(&mut self, rows: &RecordBatch) {
        self.found_rows += rows.num_rows() as u64;
    }

    /// Takes rows of a file of text, which have not become batches.
    pub(super) fn found_lines(&mut self, rows: u64) {
        self.found_rows += rows;
    }

    /// Takes rows made again.
    pub(super) fn made(&mut self, rows: &RecordBatch) {
        self.made_rows += rows.num_rows() as u64;
    }

    /// Rows of the file so far.
    pub(super) fn found_rows(&self) -> u64 {
        self.found_rows
    }

    /// Rows made again so far.
    pub(super) fn made_rows(&self) -> u64 {
        self.made_rows
    }
}

//! Rows of a piece as batches: what CSV and JSON lines have in common.

use std::io;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, DataType, SchemaRef};

use super::build::Build;
use super::rows::{Fault, Row, Rows, without_line_end};
use super::split::Splitter;
use super::values::type_name;
use super::{BadRow, TextFile, TextOptions};
use crate::source::files::unreadable;
use crate::{Error, Result};

/// How the lines of one format become rows.
pub(super) trait Lines: Send {
    /// Passes over what stands before the first row of a file.
    fn pass_head(&self, rows: &mut Rows) -> io::Result<()>;

    /// Whether a line is passed over: it holds nothing, in a table of so many columns.
    fn is_blank(&self, line: &[u8], columns: usize) -> bool;

    /// Puts the values of a row into the columns, or tells why it cannot.
    fn take(&mut self, row: &[u8], splitter: &Splitter, build: &mut Build) -> Result<(), Wrong>;
}

/// Why a row cannot be read.
pub(super) struct Wrong {
    /// The column that is wrong, from 0.
    column: Option<usize>,
    problem: String,
}

impl Wrong {
    /// The row as a whole.
    pub(super) fn row(problem: String) -> Self {
        Self {
            column: None,
            problem,
        }
    }

    /// A value that is none of its column's type.
    pub(super) fn value(column: usize, expected: &DataType, found: &str) -> Self {
        let expected = type_name(expected);
        Self {
            column: Some(column),
            problem: format!("expected {expected}, found {found}"),
        }
    }
}

/// Rows of a piece as batches.
pub(super) struct TextReader<L> {
    rows: Rows,
    lines: L,
    file: Arc<TextFile>,
    piece: usize,
    is_at_head: bool,
    build: Build,
    batch_rows: usize,
    options: TextOptions,
    is_done: bool,
}

impl<L: Lines> TextReader<L> {
    /// `rows` are those of the file's piece, from its first byte on.
    pub(super) fn new(
        (rows, lines): (Rows, L),
        (file, piece): (Arc<TextFile>, usize),
        build: Build,
        batch_rows: usize,
        options: TextOptions,
    ) -> Self {
        Self {
            rows,
            lines,
            file,
            piece,
            // What stands before the first row belongs to the first piece of the file.
            is_at_head: piece == 0,
            build,
            batch_rows,
            options,
            is_done: false,
        }
    }

    /// The next batch that has rows; `None` at the end.
    fn batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            while self.build.rows() < self.batch_rows {
                let found = self.find().map_err(|cause| self.unreadable(cause))?;
                let Some(row) = found else {
                    self.is_done = true;
                    break;
                };
                self.take(&row)?;
                self.rows
                    .pass(&row)
                    .map_err(|cause| self.unreadable(cause))?;
            }
            let batch = self
                .build
                .finish()
                .map_err(|cause| unreadable(self.file.path(), "makes no batch", cause))?;
            if batch.num_rows() > 0 {
                return Ok(Some(batch));
            }
            if self.is_done {
                return Ok(None);
            }
        }
    }

    /// The next row that is not blank.
    fn find(&mut self) -> io::Result<Option<Row>> {
        if self.is_at_head {
            self.is_at_head = false;
            self.lines.pass_head(&mut self.rows)?;
        }
        let columns = self.build.all().fields().len();
        while let Some(row) = self.rows.find()? {
            let (bytes, _) = self.rows.row(&row);
            if row.fault.is_some() || !self.lines.is_blank(bytes, columns) {
                return Ok(Some(row));
            }
            self.rows.pass(&row)?;
        }
        Ok(None)
    }

    /// Puts a row into the columns, or refuses it.
    fn take(&mut self, row: &Row) -> Result<()> {
        let (bytes, splitter) = self.rows.row(row);
        let wrong = match &row.fault {
            None => match self.lines.take(bytes, splitter, &mut self.build) {
                Ok(()) => return Ok(()),
                Err(wrong) => wrong,
            },
            Some(Fault::TooLong) => {
                let most = self.options.max_row_bytes;
                Wrong::row(format!("the row is longer than {most} bytes"))
            }
            Some(Fault::Broken(column, problem)) => Wrong {
                column: Some(*column),
                problem: problem.to_string(),
            },
        };
        self.refuse(row, &wrong)
    }

    fn refuse(&self, row: &Row, wrong: &Wrong) -> Result<()> {
        let (bytes, _) = self.rows.row(row);
        let bytes = without_line_end(bytes);
        let most = bytes.len().min(self.options.max_row_bytes);
        let fields = self.build.all().fields();
        let name = |at: usize| {
            fields
                .get(at)
                .map_or("beyond the last", |field| field.name().as_str())
        };
        let bad = BadRow {
            offset: self.rows.offset,
            lines: self.rows.lines,
            column: wrong.column.map(|at| (at, name(at))),
            problem: &wrong.problem,
            bytes: &bytes[..most],
            is_cut: row.is_cut || most < bytes.len(),
        };
        self.file
            .refuse(self.piece, &bad, self.options.rejects.as_ref())
    }

    fn unreadable(&self, cause: io::Error) -> Error {
        let before = self.file.lines_before(self.piece).unwrap_or(0);
        let line = before + self.rows.lines + 1;
        let place = format!("{}, line {line}", self.file.path());
        unreadable(place, "cannot be read on", cause)
    }
}

impl<L: Lines> Iterator for TextReader<L> {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let batch = self.batch().transpose()?;
        Some(batch.map_err(|error| {
            self.is_done = true;
            ArrowError::ExternalError(Box::new(error))
        }))
    }
}

impl<L: Lines> RecordBatchReader for TextReader<L> {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.build.schema())
    }
}

//! Batches to rows as text, in chunks: the lines of `LOAD DATA`, or the values of `INSERT`.

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Schema};

use super::cells::{Form, Line, Literal};
use crate::databases::cells::{Cells, Unfit, Words, WriteCell};
use crate::databases::database::{Encode, Give};
use crate::databases::load::CHUNK_BYTES;
use crate::error::{Error, Result};

/// Rows that fill a chunk stand in it whole: so much is kept free for the last one.
const SLACK_BYTES: usize = 8 << 10;

/// Encodes the rows of one part. Beside the chunk that it fills it holds what the dictionaries of the
/// last batch are as bytes; a row allocates nothing. A chunk begins and ends with a whole row.
#[derive(Debug)]
pub(super) struct Encoder<'t> {
    table: &'t str,
    form: Form,
    /// Bytes of a full chunk.
    full: usize,
    /// By column: what the values of its dictionary are.
    words: Vec<Words>,
    chunk: Vec<u8>,
    next_row: u64,
}

impl<'t> Encoder<'t> {
    /// For a table's rows from `first_row` on; a chunk shall not be much larger than `most` bytes.
    pub(super) fn new(
        table: &'t str,
        schema: &Schema,
        first_row: u64,
        form: Form,
        most: usize,
    ) -> Self {
        let columns = schema.fields().len();
        let full = CHUNK_BYTES.min(most);
        Self {
            table,
            form,
            full,
            words: (0..columns).map(|_| Words::default()).collect(),
            chunk: Vec::with_capacity(full + SLACK_BYTES),
            next_row: first_row,
        }
    }

    fn unfit(&self, batch: &RecordBatch, column: usize, row: usize, found: Unfit) -> Error {
        Error::Value {
            table: self.table.to_owned(),
            column: batch.schema_ref().field(column).name().clone(),
            row: self.next_row + row as u64,
            expected: found.0.to_owned(),
            found: found.1,
        }
    }

    fn learn(&mut self, batch: &RecordBatch) -> Result<()> {
        for (at, array) in batch.columns().iter().enumerate() {
            let DataType::Dictionary(..) = array.data_type() else {
                continue;
            };
            let values = array.as_any_dictionary().values();
            let learnt = match self.form {
                Form::Line => self.words[at].learn(values, Line),
                Form::Literal => self.words[at].learn(values, Literal),
            };
            learnt.map_err(|found| self.unfit(batch, at, 0, found))?;
        }
        Ok(())
    }

    /// Appends the rows of a batch. `between` stands between values; rows stand between `begin` and
    /// `end`.
    fn rows<W: WriteCell>(
        &mut self,
        batch: &RecordBatch,
        form: W,
        [begin, between, end]: [&[u8]; 3],
        give: &mut Give<'_>,
    ) -> Result<()> {
        let words = std::mem::take(&mut self.words);
        let mut columns = Vec::with_capacity(batch.num_columns());
        for (at, (array, words)) in batch.columns().iter().zip(&words).enumerate() {
            let cells = Cells::of(array, words).ok_or_else(|| Error::Unsupported {
                format: "MySQL",
                column: batch.schema_ref().field(at).name().clone(),
                found: Box::new(array.data_type().clone()),
            })?;
            columns.push(cells);
        }
        for row in 0..batch.num_rows() {
            if self.form == Form::Literal && !self.chunk.is_empty() {
                self.chunk.push(b',');
            }
            self.chunk.extend_from_slice(begin);
            for (at, cells) in columns.iter().enumerate() {
                if at > 0 {
                    self.chunk.extend_from_slice(between);
                }
                if let Err(found) = form.write(cells, row, &mut self.chunk) {
                    return Err(self.unfit(batch, at, row, found));
                }
            }
            self.chunk.extend_from_slice(end);
            if self.chunk.len() >= self.full {
                let next = Vec::with_capacity(self.full + SLACK_BYTES);
                give(std::mem::replace(&mut self.chunk, next))?;
            }
        }
        drop(columns);
        self.words = words;
        self.next_row += batch.num_rows() as u64;
        Ok(())
    }
}

impl Encode for Encoder<'_> {
    fn add(&mut self, batch: &RecordBatch, give: &mut Give<'_>) -> Result<()> {
        self.learn(batch)?;
        match self.form {
            Form::Line => self.rows(batch, Line, [b"", b"\t", b"\n"], give),
            Form::Literal => self.rows(batch, Literal, [b"(", b",", b")"], give),
        }
    }

    fn finish(self: Box<Self>, give: &mut Give<'_>) -> Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        give(self.chunk)
    }
}

//! Batches to the bytes of `COPY … FROM STDIN BINARY`, in chunks.

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Schema};

use super::cells::Binary;
use crate::databases::cells::{Cells, Unfit, Words, WriteCell};
use crate::databases::database::{Encode, Give};
use crate::databases::load::CHUNK_BYTES;
use crate::error::{Error, Result};

/// Rows that fill a chunk stand in it whole: so much is kept free for the last one.
const SLACK_BYTES: usize = 8 << 10;
/// The signature, no flags, no more header.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// In place of the number of columns of one more row.
const END: [u8; 2] = (-1_i16).to_be_bytes();

/// Encodes the rows of one part. Beside the chunk that it fills it holds what the dictionaries of the
/// last batch are as bytes; a row allocates nothing.
#[derive(Debug)]
pub(super) struct Encoder<'t> {
    table: &'t str,
    /// By column: what the values of its dictionary are.
    words: Vec<Words>,
    chunk: Vec<u8>,
    next_row: u64,
}

impl<'t> Encoder<'t> {
    /// For a table's rows from `first_row` on.
    pub(super) fn new(table: &'t str, schema: &Schema, first_row: u64) -> Self {
        let columns = schema.fields().len();
        let mut chunk = new_chunk();
        chunk.extend_from_slice(HEADER);
        Self {
            table,
            words: (0..columns).map(|_| Words::default()).collect(),
            chunk,
            next_row: first_row,
        }
    }
}

impl Encode for Encoder<'_> {
    fn add(&mut self, batch: &RecordBatch, give: &mut Give<'_>) -> Result<()> {
        let Self {
            table,
            words,
            chunk,
            next_row,
        } = self;
        let first_row = *next_row;
        let unfit = |column: usize, row: usize, (expected, found): Unfit| Error::Value {
            table: (*table).to_owned(),
            column: batch.schema_ref().field(column).name().clone(),
            row: first_row + row as u64,
            expected: expected.to_owned(),
            found,
        };
        for (at, array) in batch.columns().iter().enumerate() {
            if let DataType::Dictionary(_, kind) = array.data_type() {
                let values = array.as_any_dictionary().values();
                let nul = is_text(kind).then(|| Cells::of(values, &Words::default())?.first_nul());
                if nul.flatten().is_some() {
                    return Err(unfit(at, 0, nul_found("a value of its dictionary")));
                }
                words[at]
                    .learn(values, Binary)
                    .map_err(|found| unfit(at, 0, found))?;
            }
        }
        let mut columns = Vec::with_capacity(batch.num_columns());
        for (at, (array, words)) in batch.columns().iter().zip(words.iter()).enumerate() {
            let cells = Cells::of(array, words).ok_or_else(|| Error::Unsupported {
                format: "PostgreSQL",
                column: batch.schema_ref().field(at).name().clone(),
                found: Box::new(array.data_type().clone()),
            })?;
            if is_text(array.data_type())
                && let Some(row) = cells.first_nul()
            {
                return Err(unfit(at, row, nul_found("one")));
            }
            columns.push(cells);
        }
        // The number of columns of a table fits: it has at most 1,600.
        let count = (columns.len() as i16).to_be_bytes();
        for row in 0..batch.num_rows() {
            chunk.extend_from_slice(&count);
            for (at, cells) in columns.iter().enumerate() {
                if let Err(found) = Binary.write(cells, row, chunk) {
                    return Err(unfit(at, row, found));
                }
            }
            if chunk.len() >= CHUNK_BYTES {
                give(std::mem::replace(chunk, new_chunk()))?;
            }
        }
        *next_row += batch.num_rows() as u64;
        Ok(())
    }

    fn finish(mut self: Box<Self>, give: &mut Give<'_>) -> Result<()> {
        self.chunk.extend_from_slice(&END);
        give(self.chunk)
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8)
}

fn nul_found(where_it_is: &str) -> Unfit {
    ("a text without NUL", format!("{where_it_is} with it"))
}

fn new_chunk() -> Vec<u8> {
    Vec::with_capacity(CHUNK_BYTES + SLACK_BYTES)
}

//! An encoded sample of a table: how many bytes a row takes, and how much memory a worker.

use arrow_schema::SchemaRef;

use super::TableSpec;
use crate::error::Result;
use crate::format::{Format, FormatKind};
use crate::rows::{Checked, Watch};
use crate::store::PartWriter;

/// Rows that are encoded to learn a table's size: enough for dictionaries to show.
const SAMPLE_ROWS: u64 = 65_536;
/// The same where rows do not know of one another, and take more room.
const TEXT_SAMPLE_ROWS: u64 = 8_192;
/// What a worker holds besides: a stack, a buffer of the file, and what the allocator keeps for its
/// thread of memory that was freed or outgrown. Measured, with `need_table` of the benches.
const FIXED_BYTES: u64 = 6 << 20;

/// What a sample tells, in bytes a row where nothing else is said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// In the file.
    pub(super) in_file: f64,
    /// Before a text codec.
    pub(super) plain: f64,
    /// What a file takes besides its chunks: header, footer, metadata of a chunk.
    pub(super) around: u64,
    /// As Arrow arrays.
    in_memory: f64,
    /// What an encoder holds besides, in all.
    encoder_bytes: u64,
}

impl Sample {
    /// The most that a worker holds with chunks of `chunk_rows`, beside what its open file keeps.
    pub(super) fn need(&self, chunk_rows: u64, batch_rows: u64) -> u64 {
        // A chunk's memory is handed on to the next one: a fifth is kept for rows that are wider
        // than the sample's.
        let rows = chunk_rows as f64;
        let chunk = 1.2 * rows * self.in_file;
        let text = if self.plain > self.in_file {
            1.2 * rows * self.plain
        } else {
            0.0
        };
        let batches = 3.0 * batch_rows as f64 * self.in_memory;
        (chunk + text + batches) as u64 + self.encoder_bytes + FIXED_BYTES
    }
}

/// Encodes rows from the middle of the table.
pub(super) fn take(
    spec: &TableSpec<'_>,
    projection: &[usize],
    schema: &SchemaRef,
    format: &dyn Format,
    batch_rows: usize,
    kind: FormatKind,
) -> Result<Sample> {
    let count = spec.rows.end - spec.rows.start;
    let taken = count.min(match kind {
        FormatKind::Parquet => SAMPLE_ROWS,
        _ => TEXT_SAMPLE_ROWS,
    });
    if taken == 0 {
        return Ok(Sample {
            in_file: 1.0,
            plain: 1.0,
            around: 0,
            in_memory: 1.0,
            encoder_bytes: format.encoder_bytes(),
        });
    }
    let start = spec.rows.start + (count - taken) / 2;
    let watch = Watch::default();
    let mut rows = Checked::open(
        &spec.name,
        spec.source.as_ref(),
        projection,
        schema,
        start..start + taken,
        batch_rows,
        &watch,
    )?;
    let chunk = rows.encode(format.encoder()?.as_mut())?;
    let mut file = format.assemble(Box::new(Counted(0)))?;
    file.append(&chunk)?;
    let around = file.finish()?.saturating_sub(chunk.bytes());
    let per_row = |bytes: u64| bytes as f64 / taken as f64;
    Ok(Sample {
        in_file: per_row(chunk.bytes()),
        plain: per_row(chunk.plain_bytes()),
        around,
        in_memory: per_row(rows.arrow_bytes()),
        encoder_bytes: format.encoder_bytes(),
    })
}

/// A file of which only the size counts.
struct Counted(u64);

impl PartWriter for Counted {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0 += bytes.len() as u64;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<u64> {
        Ok(self.0)
    }
}

//! Arrow IPC, as a file and as a stream.
//!
//! Encoding is copying here, so a chunk is its batches, and the assembler copies them into the
//! file. Dictionaries stay dictionaries; in the file format their values may not change within a
//! file, which the writer refuses.

use arrow_array::{Array, RecordBatch, RecordBatchOptions, RecordBatchReader};
use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_schema::SchemaRef;

use super::through::{Failure, PartAsWrite};
use super::{Assembler, Chunk, ChunkData, EncodeError, Encoder, Format};
use crate::error::{Error, Result};
use crate::hints;
use crate::store::PartWriter;

const NAME: &str = "arrow";
/// The fewest rows of a batch but the last one of a chunk.
const LEAST_BATCH_ROWS: u64 = 1024;
/// What the list of batches takes for one: it grows to twice what stands in it, and is then written.
const BLOCK_BYTES: u64 = 96;

/// Arrow IPC for one schema.
#[derive(Debug)]
pub(super) struct ArrowFormat {
    schema: SchemaRef,
    is_stream: bool,
}

impl ArrowFormat {
    pub(super) fn file(schema: &SchemaRef) -> Self {
        Self {
            schema: hints::strip(schema),
            is_stream: false,
        }
    }

    pub(super) fn stream(schema: &SchemaRef) -> Self {
        Self {
            schema: hints::strip(schema),
            is_stream: true,
        }
    }
}

impl Format for ArrowFormat {
    fn encoder(&self) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(BatchCollector {
            schema: self.schema.clone(),
        }))
    }

    fn encoder_bytes(&self) -> u64 {
        0
    }

    /// A file ends with a list of its batches: where each stands, and how long it is.
    fn kept_bytes(&self, rows: u64) -> u64 {
        let batches = rows.div_ceil(LEAST_BATCH_ROWS) + 1;
        if self.is_stream {
            0
        } else {
            batches * BLOCK_BYTES
        }
    }

    fn assemble(&self, out: Box<dyn PartWriter>) -> Result<Box<dyn Assembler>> {
        let (out, failure) = PartAsWrite::new(out);
        if self.is_stream {
            let writer = StreamWriter::try_new(out, &self.schema);
            let writer = writer.map_err(|error| failure.or(NAME, error))?;
            Ok(Box::new(StreamAssembler { writer, failure }))
        } else {
            let writer = FileWriter::try_new(out, &self.schema);
            let writer = writer.map_err(|error| failure.or(NAME, error))?;
            Ok(Box::new(FileAssembler { writer, failure }))
        }
    }
}

struct BatchCollector {
    schema: SchemaRef,
}

impl Encoder for BatchCollector {
    fn encode(&mut self, rows: &mut dyn RecordBatchReader) -> Result<Chunk, EncodeError> {
        let mut batches = Vec::new();
        let (mut count, mut bytes) = (0, 0);
        for batch in rows {
            let batch = batch.map_err(EncodeError::Rows)?;
            // Not `with_schema`, which refuses to take metadata off; that of nested fields stays
            // in the arrays, and does not go into the file.
            let options = RecordBatchOptions::new()
                .with_row_count(Some(batch.num_rows()))
                .with_match_field_names(false);
            let columns = batch.columns().to_vec();
            let batch = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
                .map_err(EncodeError::Rows)?;
            count += batch.num_rows() as u64;
            for array in batch.columns() {
                let size = array.to_data().get_slice_memory_size();
                bytes += size.map_err(EncodeError::Rows)? as u64;
            }
            batches.push(batch);
        }
        Ok(Chunk {
            rows: count,
            plain_bytes: bytes,
            data: ChunkData::Batches(batches),
        })
    }

    fn recycle(&mut self, _chunk: Chunk) {}
}

/// A chunk of another format cannot come: the pump keeps them apart.
fn batches(chunk: &Chunk) -> Result<&[RecordBatch]> {
    match &chunk.data {
        ChunkData::Batches(batches) => Ok(batches),
        _ => Err(Error::Invalid {
            what: "chunk",
            expected: "one of the same format".to_owned(),
            found: "one of another".to_owned(),
        }),
    }
}

struct FileAssembler {
    writer: FileWriter<PartAsWrite>,
    failure: Failure,
}

impl Assembler for FileAssembler {
    fn append(&mut self, chunk: &Chunk) -> Result<()> {
        for batch in batches(chunk)? {
            self.writer
                .write(batch)
                .map_err(|error| self.failure.or(NAME, error))?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<u64> {
        self.writer
            .finish()
            .map_err(|error| self.failure.or(NAME, error))?;
        self.writer
            .into_inner()
            .map_err(Error::encode(NAME))?
            .into_part()
            .finish()
    }
}

struct StreamAssembler {
    writer: StreamWriter<PartAsWrite>,
    failure: Failure,
}

impl Assembler for StreamAssembler {
    fn append(&mut self, chunk: &Chunk) -> Result<()> {
        for batch in batches(chunk)? {
            self.writer
                .write(batch)
                .map_err(|error| self.failure.or(NAME, error))?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<u64> {
        self.writer
            .finish()
            .map_err(|error| self.failure.or(NAME, error))?;
        self.writer
            .into_inner()
            .map_err(Error::encode(NAME))?
            .into_part()
            .finish()
    }
}

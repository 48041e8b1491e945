//! Arrow IPC, as a file and as a stream.
//!
//! Encoding is copying here, so a chunk is its batches, and the assembler copies them into the
//! file. Dictionaries stay dictionaries; in the file format their values may not change within a
//! file, which the writer refuses.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{Array, RecordBatch, RecordBatchOptions, RecordBatchReader};
use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_schema::{ArrowError, SchemaRef};

use super::{Assembler, Chunk, ChunkData, EncodeError, Encoder, Format};
use crate::error::{Error, Result};
use crate::hints;
use crate::store::PartWriter;
use crate::sync::lock;

const NAME: &str = "arrow";

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

    fn assemble(&self, out: Box<dyn PartWriter>) -> Result<Box<dyn Assembler>> {
        let failure = Failure::default();
        let out = PartAsWrite {
            out,
            failure: failure.clone(),
        };
        if self.is_stream {
            let writer = StreamWriter::try_new(out, &self.schema);
            let writer = writer.map_err(|error| failure.or(error))?;
            Ok(Box::new(StreamAssembler { writer, failure }))
        } else {
            let writer = FileWriter::try_new(out, &self.schema);
            let writer = writer.map_err(|error| failure.or(error))?;
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
                .map_err(|error| self.failure.or(error))?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<u64> {
        self.writer
            .finish()
            .map_err(|error| self.failure.or(error))?;
        self.writer
            .into_inner()
            .map_err(Error::encode(NAME))?
            .out
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
                .map_err(|error| self.failure.or(error))?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<u64> {
        self.writer
            .finish()
            .map_err(|error| self.failure.or(error))?;
        self.writer
            .into_inner()
            .map_err(Error::encode(NAME))?
            .out
            .finish()
    }
}

/// The part's own error, which the library in between would turn into text.
#[derive(Clone, Default)]
struct Failure(Arc<Mutex<Option<Error>>>);

impl Failure {
    fn or(&self, other: ArrowError) -> Error {
        let own = lock(&self.0).take();
        own.unwrap_or_else(|| Error::encode(NAME)(other))
    }
}

/// A part writer where a library wants [`Write`].
struct PartAsWrite {
    out: Box<dyn PartWriter>,
    failure: Failure,
}

impl Write for PartAsWrite {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.out.write(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(error) => {
                *self
                    .failure
                    .0
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = Some(error);
                Err(io::Error::other("the part could not be written"))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! Batches to bytes. One folder or file a format, all of one shape.
//!
//! ```text
//! rows of a chunk -> Encoder::encode -> Chunk \
//! rows of a chunk -> Encoder::encode -> Chunk  > Assembler::append, in order -> finish -> one file
//! rows of a chunk -> Encoder::encode -> Chunk /
//! ```
//! A chunk (a Parquet row group, a block of lines, a run of batches) is encoded without a look at
//! its neighbours, so the chunks of one file are encoded side by side. A format has no idea where
//! its bytes go.

mod arrow;
mod compression;
mod kind;
mod parquet;
pub(crate) mod text;
mod through;

use arrow_array::RecordBatchReader;

pub use self::compression::{Compression, DEFAULT_GZIP_LEVEL, DEFAULT_ZSTD_LEVEL};
pub use self::kind::{Csv, FileFormat, FormatKind, Json, Parquet};
pub(crate) use self::parquet::readable_type;
pub(crate) use self::text::csv_header;
use crate::error::Result;
use crate::store::PartWriter;

/// One format bound to one schema.
pub trait Format: Send + Sync {
    /// A new encoder. It belongs to one worker, which reuses it from chunk to chunk.
    ///
    /// # Errors
    /// When a codec cannot be set up.
    fn encoder(&self) -> Result<Box<dyn Encoder>>;

    /// What an encoder holds besides batches and its chunk: pages, codecs.
    fn encoder_bytes(&self) -> u64;

    /// The most that an open file keeps of a chunk of so many rows until the file is finished, where
    /// its end tells of every chunk.
    fn kept_bytes(&self, rows: u64) -> u64 {
        let _ = rows;
        0
    }

    /// The most chunks that one file can have, where there is such a number.
    fn most_chunks(&self) -> Option<u64> {
        None
    }

    /// Starts a file on `out`.
    ///
    /// # Errors
    /// When the file's first bytes cannot be written.
    fn assemble(&self, out: Box<dyn PartWriter>) -> Result<Box<dyn Assembler>>;
}

/// Makes chunks.
pub trait Encoder: Send {
    /// Encodes all rows of `rows` into one chunk. The bytes depend on the rows alone, not on how
    /// they are cut into batches.
    ///
    /// After an error the encoder may be used again; nothing of the failed chunk remains.
    ///
    /// # Errors
    /// What the reader fails with, and what the format cannot hold.
    fn encode(&mut self, rows: &mut dyn RecordBatchReader) -> Result<Chunk, EncodeError>;

    /// Takes back the memory of a chunk that has been written.
    fn recycle(&mut self, chunk: Chunk);
}

/// Why a chunk could not be made.
#[derive(Debug)]
pub enum EncodeError {
    /// The rows did not come.
    Rows(arrow_schema::ArrowError),
    /// The rows came, but could not be encoded.
    Format(crate::error::Error),
}

impl From<crate::error::Error> for EncodeError {
    fn from(error: crate::error::Error) -> Self {
        Self::Format(error)
    }
}

/// Joins chunks into a file.
pub trait Assembler: Send {
    /// Appends the next chunk. After an error the file is lost: drop the assembler.
    ///
    /// # Errors
    /// When the bytes cannot be written.
    fn append(&mut self, chunk: &Chunk) -> Result<()>;

    /// Writes what closes the file, and makes it durable. Returns its size in bytes.
    ///
    /// # Errors
    /// When the bytes cannot be written or made durable.
    fn finish(self: Box<Self>) -> Result<u64>;
}

/// Encoded rows, ready to be appended to a file.
#[derive(Debug)]
pub struct Chunk {
    rows: u64,
    /// Bytes of the same rows before a text codec: what a chunk's size is planned by.
    plain_bytes: u64,
    data: ChunkData,
}

#[derive(Debug)]
enum ChunkData {
    /// A block of lines.
    Text(Vec<u8>),
    /// A row group.
    RowGroup(parquet::RowGroup),
    /// Batches that are copied into the file as they stand.
    Batches(Vec<arrow_array::RecordBatch>),
}

impl Chunk {
    /// How many rows the chunk holds.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// About how many bytes it takes in the file.
    pub fn bytes(&self) -> u64 {
        match &self.data {
            ChunkData::Text(text) => text.len() as u64,
            ChunkData::RowGroup(group) => group.bytes(),
            ChunkData::Batches(_) => self.plain_bytes,
        }
    }

    /// The lines of a text format.
    pub(crate) fn text(&self) -> Option<&[u8]> {
        match &self.data {
            ChunkData::Text(text) => Some(text),
            _ => None,
        }
    }

    /// How many bytes it was before a text codec squeezed it; else the same as [`Self::bytes`].
    pub fn plain_bytes(&self) -> u64 {
        self.plain_bytes
    }
}

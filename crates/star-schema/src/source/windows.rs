//! A file as the parquet crate wants one: any range of it, through one window a column chunk.

use std::sync::{Arc, Mutex, PoisonError};

use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::reader::{ChunkReader, Length};
use bytes::Bytes;
use bytes::buf::{Buf, Reader};

use super::File;

/// What is read ahead in a column chunk: pages are small and come one after the other.
const WINDOW_BYTES: u64 = 256 * 1024;

/// What is read ahead in each of the column chunks of these lengths, where so much is worth reading
/// ahead in all.
pub(super) fn window_bytes(read_ahead: u64, lengths: &[u64]) -> u64 {
    let all: u64 = lengths.iter().sum();
    if all <= read_ahead {
        return read_ahead;
    }
    (read_ahead / lengths.len().max(1) as u64).max(WINDOW_BYTES)
}

/// Column chunks are read side by side, each from front to back. The bytes that were last read of
/// each are kept, so that a page's header and its body are one request, and what is held is one
/// window a column. Neighbours that fit into a window together are read as one.
#[derive(Clone)]
pub(super) struct Windows {
    file: Arc<dyn File>,
    size: u64,
    ahead: u64,
    chunks: Arc<Vec<Chunk>>,
}

/// The place of one column chunk, or of neighbours, in the file, and what was last read of it.
struct Chunk {
    start: u64,
    end: u64,
    window: Mutex<(u64, Bytes)>,
}

impl Windows {
    /// `chunks` are the places, from and until, of the column chunks that will be read.
    pub(super) fn new(file: Arc<dyn File>, size: u64, mut chunks: Vec<(u64, u64)>) -> Self {
        chunks.sort_unstable();
        let lengths: Vec<u64> = chunks.iter().map(|(start, end)| end - start).collect();
        let ahead = window_bytes(file.read_ahead(), &lengths);
        let mut joined: Vec<Chunk> = Vec::with_capacity(chunks.len());
        for (start, end) in chunks {
            match joined.last_mut() {
                // What lies between them is read too: not more than a read is worth.
                Some(last) if end - last.start <= ahead && start - last.end <= WINDOW_BYTES => {
                    last.end = end;
                }
                _ => joined.push(Chunk {
                    start,
                    end,
                    window: Mutex::default(),
                }),
            }
        }
        Self {
            file,
            size,
            ahead,
            chunks: Arc::new(joined),
        }
    }

    /// `least` bytes from `at` on, and what a window has beyond; fewer never.
    fn bytes_from(&self, at: u64, least: u64) -> Result<Bytes> {
        let until = at.checked_add(least).filter(|until| *until <= self.size);
        let until = until.ok_or_else(|| {
            ParquetError::EOF(format!("{least} bytes at {at} of a file of {}", self.size))
        })?;
        let Some(chunk) = self.chunks.iter().find(|c| c.start <= at && at < c.end) else {
            return self.fetch(at, least);
        };
        let mut window = chunk.window.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, held) = &*window;
        let held_until = start + held.len() as u64;
        if *start <= at && until <= held_until {
            return Ok(held.slice((at - start) as usize..));
        }
        // Of neighbours none is the first that is asked for.
        let is_whole = chunk.end - chunk.start <= self.ahead;
        let start = if is_whole { chunk.start } else { at };
        let ahead = start.saturating_add(self.ahead).min(chunk.end);
        // Let go before the next is read.
        *window = (0, Bytes::new());
        let bytes = self.fetch(start, until.max(ahead) - start)?;
        *window = (start, bytes.clone());
        Ok(bytes.slice((at - start) as usize..))
    }

    fn fetch(&self, at: u64, length: u64) -> Result<Bytes> {
        let length = usize::try_from(length)?;
        let bytes = self
            .file
            .read_range(at, length)
            .map_err(|error| ParquetError::External(Box::new(error)))?;
        if bytes.len() < length {
            return Err(ParquetError::EOF(format!(
                "{length} bytes at {at} were asked for, {} came",
                bytes.len()
            )));
        }
        Ok(bytes)
    }
}

impl Length for Windows {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for Windows {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Reader<Bytes>> {
        // Headers only are read this way; statistics in them may be long, so a whole window's worth.
        let left = self.size.saturating_sub(start);
        let chunk = self
            .chunks
            .iter()
            .find(|c| c.start <= start && start < c.end);
        let least = chunk.map_or(left.min(WINDOW_BYTES), |chunk| {
            (chunk.end - start).min(HEADER_BYTES)
        });
        Ok(self.bytes_from(start, least)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let bytes = self.bytes_from(start, length as u64)?;
        Ok(bytes.slice(..length))
    }
}

/// What a page's header may take.
const HEADER_BYTES: u64 = 16 * 1024;

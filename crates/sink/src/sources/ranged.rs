//! A part of a store as the parquet crate wants a file: any range of it, through a few windows.
//!
//! Columns are read one beside the other, each in order. A window for each keeps the number of
//! requests small, and what is held bounded, whatever the file's size. A page that is larger than a
//! window is read by itself, and let go with its last byte.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::{Buf, Bytes};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use super::thrift::page_sizes;
use crate::error::Error;
use crate::store::Store;
use crate::sync::lock;

/// What a page may become, and a file's footer be: more than any that we write.
const MAX_PAGE_BYTES: u64 = 256 << 20;
/// What a page's header may take.
const HEADER_BYTES: u64 = 64 * 1024;

/// A file read in ranges.
#[derive(Clone)]
pub(crate) struct RangedFile {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    name: String,
    size: u64,
    window_bytes: u64,
    most_windows: usize,
    /// The one that was used last stands last.
    windows: Mutex<Vec<(u64, Bytes)>>,
    /// Whether a page was larger than a window: then what is read ahead of one is read twice.
    has_large_pages: AtomicBool,
    read_bytes: AtomicU64,
    /// Why the store could not be asked: the parquet crate keeps the text alone.
    lost: Mutex<Option<Error>>,
}

impl RangedFile {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        name: &str,
        size: u64,
        window_bytes: u64,
        most_windows: usize,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                store,
                name: name.to_owned(),
                size,
                window_bytes,
                most_windows: most_windows.max(2),
                windows: Mutex::default(),
                has_large_pages: AtomicBool::new(false),
                read_bytes: AtomicU64::new(0),
                lost: Mutex::default(),
            }),
        }
    }

    /// Bytes that were read since the last call.
    pub(crate) fn take_read_bytes(&self) -> u64 {
        self.inner.read_bytes.swap(0, Ordering::Relaxed)
    }

    /// Why the store could not be asked, where it could not.
    pub(crate) fn take_lost(&self) -> Option<Error> {
        lock(&self.inner.lost).take()
    }

    /// At least `least` bytes from `at` on; more where a window has them already. A new one has `ahead`
    /// bytes where the file does.
    fn window(&self, at: u64, least: u64, ahead: u64) -> Result<Bytes, ParquetError> {
        let end = at.checked_add(least).filter(|end| *end <= self.inner.size);
        let Some(end) = end else {
            return Err(ParquetError::EOF(format!(
                "{least} bytes at {at} of a file of {}",
                self.inner.size
            )));
        };
        let mut windows = lock(&self.inner.windows);
        let holds =
            |(start, bytes): &(u64, Bytes)| *start <= at && end - start <= bytes.len() as u64;
        if let Some(found) = windows.iter().position(holds) {
            let (start, bytes) = windows.remove(found);
            windows.push((start, bytes.clone()));
            return Ok(bytes.slice((at - start) as usize..));
        }
        let until = end.max(at.saturating_add(ahead)).min(self.inner.size);
        let bytes = self
            .inner
            .store
            .read_range(&self.inner.name, at..until)
            .map_err(|error| {
                *lock(&self.inner.lost) = error.lost();
                ParquetError::External(Box::new(error))
            })?
            .map(Bytes::from)
            .unwrap_or_default();
        self.inner
            .read_bytes
            .fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if (bytes.len() as u64) < least {
            return Err(ParquetError::EOF("the file ends early".to_owned()));
        }
        // A window that its column has passed goes first.
        windows.retain(|(start, held)| {
            let held_end = start + held.len() as u64;
            !(*start < at && at <= held_end)
        });
        if windows.len() >= self.inner.most_windows {
            windows.remove(0);
        }
        // What is wanted to its last byte is passed by then.
        if bytes.len() as u64 > least {
            windows.push((at, bytes.clone()));
        }
        Ok(bytes)
    }

    /// Bytes of a range, whole.
    pub(super) fn bytes(&self, at: u64, length: u64) -> Result<Bytes, ParquetError> {
        let ahead = self.inner.window_bytes;
        if length > ahead {
            self.inner.has_large_pages.store(true, Ordering::Relaxed);
        }
        let bytes = self.window(at, length, ahead)?;
        Ok(bytes.slice(..length as usize))
    }
}

impl Length for RangedFile {
    fn len(&self) -> u64 {
        self.inner.size
    }
}

impl ChunkReader for RangedFile {
    type T = HeaderRead;

    fn get_read(&self, start: u64) -> Result<HeaderRead, ParquetError> {
        let left = self.inner.size.saturating_sub(start);
        let least = left.min(HEADER_BYTES);
        let ahead = if self.inner.has_large_pages.load(Ordering::Relaxed) {
            least
        } else {
            self.inner.window_bytes
        };
        let bytes = self.window(start, least, ahead)?;
        Ok(HeaderRead {
            bytes,
            is_checked: false,
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.bytes(start, length as u64)?;
        // The crate's gzip decoder goes on to the end of the stream, whatever the header says.
        if bytes.starts_with(&[0x1f, 0x8b, 0x08]) && unpacks_beyond(&bytes, MAX_PAGE_BYTES) {
            return Err(too_large());
        }
        Ok(bytes)
    }
}

/// A page's header about to be read. Sizes beyond all reason are refused before somebody makes
/// room for them.
pub(crate) struct HeaderRead {
    bytes: Bytes,
    is_checked: bool,
}

impl Read for HeaderRead {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !self.is_checked {
            self.is_checked = true;
            let sizes = page_sizes(&self.bytes);
            if sizes.is_none_or(|sizes| sizes.iter().any(|size| *size > MAX_PAGE_BYTES)) {
                return Err(io::Error::other(too_large()));
            }
        }
        let most = into.len().min(self.bytes.len());
        self.bytes.copy_to_slice(&mut into[..most]);
        Ok(most)
    }
}

fn too_large() -> ParquetError {
    ParquetError::General("a page of an unreasonable size".to_owned())
}

/// Whether a gzip stream becomes more than `most` bytes.
fn unpacks_beyond(packed: &[u8], most: u64) -> bool {
    // Deflate cannot do better than 1 in 1032.
    if packed.len() as u64 * 1032 <= most {
        return false;
    }
    let decoder = flate2::read::MultiGzDecoder::new(packed);
    let unpacked = io::copy(&mut decoder.take(most + 1), &mut io::sink());
    unpacked.is_ok_and(|unpacked| unpacked > most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gzip_bomb_is_told_by_its_output() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        io::Write::write_all(&mut packed, &vec![0; 1 << 20]).unwrap();
        let packed = packed.finish().unwrap();
        assert!(unpacks_beyond(&packed, (1 << 20) - 1));
        assert!(!unpacks_beyond(&packed, 1 << 20));
    }
}

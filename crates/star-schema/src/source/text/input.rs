//! The bytes of a text file, unpacked, a bounded buffer at a time.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf, Bytes};

use crate::source::File;

/// What is read at once where reads are cheap.
pub(super) const BLOCK_BYTES: usize = 1024 * 1024;

/// What is read at once of a file: half of what is worth it, for the next comes beside the last.
pub(super) fn block_bytes(file: &Arc<dyn File>) -> usize {
    BLOCK_BYTES.max(usize::try_from(file.read_ahead() / 2).unwrap_or(BLOCK_BYTES))
}
/// The largest window of zstd that is unpacked: 16 MiB, more than level 19 asks for.
const ZSTD_WINDOW_LOG: u32 = 24;

/// How a text file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Gzip,
    Zstd,
}

impl Packing {
    pub(super) fn of_path(path: &str) -> Self {
        let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
        match ending.to_ascii_lowercase().as_str() {
            "gz" => Self::Gzip,
            "zst" => Self::Zstd,
            _ => Self::None,
        }
    }

    /// What unpacking holds.
    pub(super) fn held_bytes(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Gzip => 64 * 1024,
            Self::Zstd => 1 << ZSTD_WINDOW_LOG,
        }
    }
}

/// Opens the bytes from `start` until `end` of the file as it is stored.
pub(super) fn open(
    file: &Arc<dyn File>,
    packing: Packing,
    start: u64,
    end: u64,
) -> io::Result<Box<dyn Read + Send>> {
    let stored = RangeRead {
        file: Arc::clone(file),
        at: start,
        end,
        block: Bytes::new(),
    };
    Ok(match packing {
        Packing::None => Box::new(stored),
        Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(stored)),
        Packing::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(stored)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
    })
}

/// A range of a file, read block by block.
struct RangeRead {
    file: Arc<dyn File>,
    at: u64,
    end: u64,
    block: Bytes,
}

impl Read for RangeRead {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.block.is_empty() {
            let length = (self.end - self.at).min(block_bytes(&self.file) as u64) as usize;
            if length == 0 {
                return Ok(0);
            }
            self.block = self.file.read_range(self.at, length)?;
            if self.block.is_empty() {
                let problem = format!("ends at byte {}, not at {}", self.at, self.end);
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, problem));
            }
            self.at += self.block.len() as u64;
        }
        let most = into.len().min(self.block.len());
        self.block.copy_to_slice(&mut into[..most]);
        Ok(most)
    }
}

/// What was read and not used yet.
pub(super) struct Buffer {
    input: Box<dyn Read + Send>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    is_at_end: bool,
}

impl Buffer {
    pub(super) fn new(input: Box<dyn Read + Send>) -> Self {
        Self {
            input,
            bytes: Vec::new(),
            start: 0,
            end: 0,
            is_at_end: false,
        }
    }

    /// What is there now.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Whether nothing will come behind [`Buffer::bytes`].
    pub(super) fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    /// Lets go of the first bytes.
    pub(super) fn consume(&mut self, length: usize) {
        self.start = (self.start + length).min(self.end);
    }

    /// Reads on. What is held grows only by what nobody consumed.
    pub(super) fn fill(&mut self) -> io::Result<()> {
        if self.is_at_end {
            return Ok(());
        }
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let room = self.end + BLOCK_BYTES / 4;
        if self.bytes.len() < room {
            self.bytes.resize(room, 0);
        }
        let read = loop {
            match self.input.read(&mut self.bytes[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.end += read;
        self.is_at_end = read == 0;
        Ok(())
    }
}

//! Squeezes a block of lines as one gzip member or one zstd frame.

use std::fmt;
use std::io::Write;

use super::super::Compression;
use crate::error::{Error, Result};

/// A codec with the memory that it keeps from block to block.
pub(super) enum TextCodec {
    Plain,
    Zstd {
        compressor: Box<zstd::bulk::Compressor<'static>>,
        /// The memory of an earlier squeezed block.
        spare: Vec<u8>,
    },
    Gzip {
        level: flate2::Compression,
        /// The memory of an earlier squeezed block.
        spare: Vec<u8>,
    },
}

impl fmt::Debug for TextCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "Plain",
            Self::Zstd { .. } => "Zstd",
            Self::Gzip { .. } => "Gzip",
        })
    }
}

/// What a codec holds besides a block and its squeezed form: tables and windows, which grow with
/// the level. Measured on blocks of 2 MiB, with some room.
pub(super) fn context_bytes(compression: Compression) -> u64 {
    let mebibytes = match compression {
        Compression::None | Compression::Snappy => 0,
        Compression::Gzip(_) => 2,
        Compression::Zstd(0..=3) => 5,
        Compression::Zstd(4..=9) => 10,
        Compression::Zstd(10..=15) => 24,
        Compression::Zstd(_) => 64,
    };
    mebibytes << 20
}

impl TextCodec {
    pub(super) fn try_new(compression: Compression) -> Result<Self> {
        Ok(match compression {
            Compression::Zstd(level) => {
                let compressor =
                    zstd::bulk::Compressor::new(i32::from(level)).map_err(Error::encode("zstd"))?;
                Self::Zstd {
                    compressor: Box::new(compressor),
                    spare: Vec::new(),
                }
            }
            Compression::Gzip(level) => Self::Gzip {
                level: flate2::Compression::new(u32::from(level)),
                spare: Vec::new(),
            },
            // Snappy has no place in text: `FileFormat` refuses it.
            Compression::None | Compression::Snappy => Self::Plain,
        })
    }

    /// Squeezes `text`, and leaves its memory in `text_spare` where it is no longer needed.
    pub(super) fn squeeze(&mut self, text: Vec<u8>, text_spare: &mut Vec<u8>) -> Result<Vec<u8>> {
        match self {
            Self::Plain => Ok(text),
            Self::Zstd { compressor, spare } => {
                let mut squeezed = std::mem::take(spare);
                squeezed.clear();
                squeezed.reserve(zstd::zstd_safe::compress_bound(text.len()));
                compressor
                    .compress_to_buffer(&text, &mut squeezed)
                    .map_err(Error::encode("zstd"))?;
                *text_spare = text;
                Ok(squeezed)
            }
            Self::Gzip { level, spare } => {
                let mut squeezed = std::mem::take(spare);
                squeezed.clear();
                let mut encoder = flate2::write::GzEncoder::new(squeezed, *level);
                encoder.write_all(&text).map_err(Error::encode("gzip"))?;
                *text_spare = text;
                encoder.finish().map_err(Error::encode("gzip"))
            }
        }
    }

    /// Takes back the memory of a written block.
    pub(super) fn recycle(&mut self, block: Vec<u8>, text_spare: &mut Vec<u8>) {
        match self {
            Self::Plain => *text_spare = block,
            Self::Zstd { spare, .. } | Self::Gzip { spare, .. } => *spare = block,
        }
    }
}

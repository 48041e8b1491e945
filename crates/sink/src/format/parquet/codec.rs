//! Squeezes pages, in the memory of earlier pages.

use std::fmt;
use std::io::Write;

use parquet::basic::Compression as Codec;

use super::NAME;
use crate::error::{Error, Result};

/// The codec of a table's pages, with its context.
pub(super) struct PageCodec {
    kind: Kind,
    squeezed: Vec<u8>,
    /// For a column whose values only become a page when the page ends. Pages end one after the
    /// other, so all columns share it.
    pub(super) page: Vec<u8>,
    /// Levels and values side by side, likewise.
    pub(super) payload: Vec<u8>,
}

enum Kind {
    Plain,
    Snappy(Box<snap::raw::Encoder>),
    Zstd(Box<zstd::bulk::Compressor<'static>>),
    Gzip(flate2::Compression),
}

impl fmt::Debug for PageCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageCodec").finish_non_exhaustive()
    }
}

impl PageCodec {
    pub(super) fn try_new(codec: Codec) -> Result<Self> {
        let kind = match codec {
            Codec::SNAPPY => Kind::Snappy(Box::new(snap::raw::Encoder::new())),
            Codec::ZSTD(level) => {
                let compressor = zstd::bulk::Compressor::new(level.compression_level())
                    .map_err(Error::encode(NAME))?;
                Kind::Zstd(Box::new(compressor))
            }
            Codec::GZIP(level) => Kind::Gzip(flate2::Compression::new(level.compression_level())),
            _ => Kind::Plain,
        };
        Ok(Self {
            kind,
            squeezed: Vec::new(),
            page: Vec::new(),
            payload: Vec::new(),
        })
    }

    /// The squeezed page, until the next one.
    pub(super) fn squeeze<'a>(&'a mut self, page: &'a [u8]) -> Result<&'a [u8]> {
        let squeezed = &mut self.squeezed;
        match &mut self.kind {
            Kind::Plain => return Ok(page),
            Kind::Snappy(encoder) => {
                squeezed.resize(snap::raw::max_compress_len(page.len()), 0);
                let len = encoder
                    .compress(page, squeezed)
                    .map_err(Error::encode(NAME))?;
                squeezed.truncate(len);
            }
            Kind::Zstd(compressor) => {
                squeezed.clear();
                squeezed.reserve(zstd::zstd_safe::compress_bound(page.len()));
                compressor
                    .compress_to_buffer(page, squeezed)
                    .map_err(Error::encode(NAME))?;
            }
            Kind::Gzip(level) => {
                squeezed.clear();
                let mut encoder = flate2::write::GzEncoder::new(squeezed, *level);
                encoder.write_all(page).map_err(Error::encode(NAME))?;
                encoder.finish().map_err(Error::encode(NAME))?;
            }
        }
        Ok(&self.squeezed)
    }
}

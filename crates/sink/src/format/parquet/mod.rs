//! Parquet, laid out by what the columns' hints say instead of by guesses.
//!
//! A chunk is a row group. Its columns are encoded one beside the other into memory, each with
//! offsets of its own; the assembler moves the offsets and writes the bytes as they are, so that
//! nothing is copied on the way to the file.

mod assemble;
mod blocks;
mod bounds;
mod codec;
mod encode;
mod flat;
mod layout;
mod library;
mod packing;
mod pages;

use std::sync::Arc;

use arrow_schema::SchemaRef;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::offset_index::OffsetIndexMetaData;

use self::blocks::Blocks;
pub(crate) use self::layout::readable_type;
use self::layout::{ColumnLayout, FileLayout};
use super::{Assembler, Compression, Encoder, Format};
use crate::error::Result;
use crate::store::PartWriter;

pub(super) const NAME: &str = "parquet";

/// What a codec holds at its higher levels, with the page that it squeezes.
const CODEC_BYTES: u64 = 4 << 20;

/// Parquet for one schema.
#[derive(Debug)]
pub(super) struct ParquetFormat {
    layout: Arc<FileLayout>,
}

impl ParquetFormat {
    pub(super) fn try_new(schema: &SchemaRef, compression: Compression) -> Result<Self> {
        Ok(Self {
            layout: Arc::new(FileLayout::try_new(schema, compression)?),
        })
    }
}

impl Format for ParquetFormat {
    fn encoder(&self) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(encode::RowGroupEncoder::try_new(
            self.layout.clone(),
        )?))
    }

    fn encoder_bytes(&self) -> u64 {
        CODEC_BYTES
            + self
                .layout
                .columns
                .iter()
                .map(ColumnLayout::page_bytes)
                .sum::<u64>()
    }

    fn kept_bytes(&self, rows: u64) -> u64 {
        assemble::kept_bytes(&self.layout, rows)
    }

    fn most_chunks(&self) -> Option<u64> {
        Some(assemble::MAX_ROW_GROUPS as u64)
    }

    fn assemble(&self, out: Box<dyn PartWriter>) -> Result<Box<dyn Assembler>> {
        Ok(Box::new(assemble::FileAssembler::try_new(
            self.layout.clone(),
            out,
        )?))
    }
}

/// The columns of one row group.
#[derive(Debug)]
pub(super) struct RowGroup {
    columns: Vec<EncodedColumn>,
}

impl RowGroup {
    /// What it takes in the file, dictionaries included.
    pub(super) fn bytes(&self) -> u64 {
        self.columns
            .iter()
            .map(|column| (column.head.len() + column.blocks.len()) as u64)
            .sum()
    }
}

/// The column chunks of one field, with offsets that count from the first byte of `head`.
#[derive(Debug)]
struct EncodedColumn {
    /// What was known last and stands first: the dictionary page.
    head: Vec<u8>,
    blocks: Blocks,
    /// One a leaf: a nested field has several.
    leaves: Vec<Leaf>,
}

#[derive(Debug)]
struct Leaf {
    metadata: ColumnChunkMetaData,
    column_index: Option<ColumnIndexMetaData>,
    offset_index: Option<OffsetIndexMetaData>,
}

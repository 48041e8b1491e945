//! Row groups to a file: bytes as they are, offsets moved, the footer last.

use std::io::{self, Write};
use std::iter;
use std::sync::Arc;

use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, ParquetMetaDataBuilder, ParquetMetaDataWriter,
    RowGroupMetaData,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::offset_index::OffsetIndexMetaData;
use parquet::file::writer::TrackedWrite;

use super::layout::{CREATED_BY, FileLayout};
use super::library::shifted;
use super::{Leaf, NAME};
use crate::error::{Error, Result};
use crate::format::{Assembler, Chunk, ChunkData};
use crate::store::PartWriter;

const MAGIC: &[u8; 4] = b"PAR1";
/// The version of the format that the footer names: data pages are of the first kind.
const FORMAT_VERSION: i32 = 1;
/// The most row groups that a file can number.
const MAX_ROW_GROUPS: usize = i16::MAX as usize;

/// One file on its way.
pub(super) struct FileAssembler {
    layout: Arc<FileLayout>,
    out: Box<dyn PartWriter>,
    /// Bytes written so far.
    at: u64,
    rows: u64,
    groups: Vec<RowGroupMetaData>,
    column_indexes: Vec<Vec<ColumnIndexMetaData>>,
    offset_indexes: Vec<Vec<OffsetIndexMetaData>>,
}

impl FileAssembler {
    pub(super) fn try_new(layout: Arc<FileLayout>, mut out: Box<dyn PartWriter>) -> Result<Self> {
        out.write(MAGIC)?;
        Ok(Self {
            layout,
            out,
            at: MAGIC.len() as u64,
            rows: 0,
            groups: Vec::new(),
            column_indexes: Vec::new(),
            offset_indexes: Vec::new(),
        })
    }

    fn add(&mut self, chunk: &Chunk) -> Result<()> {
        let ChunkData::RowGroup(group) = &chunk.data else {
            return Err(Error::Invalid {
                what: "chunk",
                expected: "a row group".to_owned(),
                found: "one of another format".to_owned(),
            });
        };
        if self.groups.len() == MAX_ROW_GROUPS {
            return Err(Error::Invalid {
                what: "row group size",
                expected: format!("at most {MAX_ROW_GROUPS} row groups a file"),
                found: "one more".to_owned(),
            });
        }
        let first = self.at;
        let mut metadata = RowGroupMetaData::builder(self.layout.parquet_schema.clone())
            .set_num_rows(chunk.rows as i64)
            .set_sorting_columns(self.layout.sorting.clone())
            .set_ordinal(self.groups.len() as i16)
            .set_file_offset(first as i64);
        let (mut total, mut column_index, mut offset_index) = (0, Vec::new(), Vec::new());
        for column in &group.columns {
            for leaf in &column.leaves {
                total += leaf.metadata.uncompressed_size();
                metadata = metadata.add_column_metadata(moved(leaf, self.at)?);
                column_index.push(
                    leaf.column_index
                        .clone()
                        .unwrap_or(ColumnIndexMetaData::NONE),
                );
                offset_index.extend(
                    leaf.offset_index
                        .as_ref()
                        .map(|index| shifted(index, self.at as i64)),
                );
            }
            for bytes in iter::once(column.head.as_slice()).chain(column.blocks.iter()) {
                self.out.write(bytes)?;
                self.at += bytes.len() as u64;
            }
        }
        let metadata = metadata
            .set_total_byte_size(total)
            .build()
            .map_err(Error::encode(NAME))?;
        self.groups.push(metadata);
        self.column_indexes.push(column_index);
        self.offset_indexes.push(offset_index);
        self.rows += chunk.rows;
        Ok(())
    }

    /// The footer's bytes: page indexes, metadata, length, magic.
    fn footer(&mut self) -> Result<Vec<u8>> {
        let file = FileMetaData::new(
            FORMAT_VERSION,
            self.rows as i64,
            Some(CREATED_BY.to_owned()),
            Some(self.layout.key_values.clone()),
            self.layout.parquet_schema.clone(),
            None,
        );
        let metadata = ParquetMetaDataBuilder::new(file)
            .set_row_groups(std::mem::take(&mut self.groups))
            .set_column_index(Some(std::mem::take(&mut self.column_indexes)))
            .set_offset_index(Some(std::mem::take(&mut self.offset_indexes)))
            .build();
        let mut footer = FooterBytes {
            skip: self.at,
            bytes: Vec::new(),
        };
        let mut tracked = TrackedWrite::new(&mut footer);
        advance(&mut tracked, self.at).map_err(Error::encode(NAME))?;
        ParquetMetaDataWriter::new_with_tracked(tracked, &metadata)
            .finish()
            .map_err(Error::encode(NAME))?;
        Ok(footer.bytes)
    }
}

impl Assembler for FileAssembler {
    fn append(&mut self, chunk: &Chunk) -> Result<()> {
        self.add(chunk)
    }

    fn finish(mut self: Box<Self>) -> Result<u64> {
        let footer = self.footer()?;
        self.out.write(&footer)?;
        self.out.finish()
    }
}

/// A leaf's metadata with its pages `shift` bytes further on.
fn moved(leaf: &Leaf, shift: u64) -> Result<ColumnChunkMetaData> {
    let metadata = &leaf.metadata;
    let shift = shift as i64;
    metadata
        .clone()
        .into_builder()
        .set_data_page_offset(metadata.data_page_offset() + shift)
        .set_dictionary_page_offset(metadata.dictionary_page_offset().map(|at| at + shift))
        .build()
        .map_err(Error::encode(NAME))
}

/// Takes the footer's bytes. The footer's writer counts from the start of the file, so it is first
/// led over what stands in the file already; those bytes are left out here.
struct FooterBytes {
    skip: u64,
    bytes: Vec<u8>,
}

impl Write for FooterBytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let skipped = self.skip.min(bytes.len() as u64);
        self.skip -= skipped;
        self.bytes.extend_from_slice(&bytes[skipped as usize..]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Moves a writer's position `by` bytes on.
fn advance<W: Write>(tracked: &mut TrackedWrite<W>, by: u64) -> io::Result<()> {
    let block = vec![0; 64 << 10];
    let mut left = by;
    while left > 0 {
        let step = left.min(block.len() as u64);
        tracked.write_all(&block[..step as usize])?;
        left -= step;
    }
    Ok(())
}

//! Row groups to a file: bytes as they are, offsets moved, the footer last.
//!
//! **Memory.** The footer tells of every row group, so an open file keeps the metadata of all that it
//! has ([`kept_bytes`]). The footer itself goes into the file as it is made.

use std::io::{self, Write};
use std::iter;
use std::sync::Arc;

use arrow_schema::DataType;
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, ParquetMetaData, ParquetMetaDataBuilder,
    ParquetMetaDataWriter, RowGroupMetaData,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::offset_index::OffsetIndexMetaData;
use parquet::file::writer::TrackedWrite;

use super::layout::{CREATED_BY, FileLayout};
use super::library::shifted;
use super::{Leaf, NAME};
use crate::error::{Error, Result};
use crate::format::through::PartAsWrite;
use crate::format::{Assembler, Chunk, ChunkData};
use crate::store::PartWriter;

const MAGIC: &[u8; 4] = b"PAR1";
/// The version of the format that the footer names: data pages are of the first kind.
const FORMAT_VERSION: i32 = 1;
/// The most row groups that a file can number.
pub(super) const MAX_ROW_GROUPS: usize = i16::MAX as usize;
/// What is kept of a column chunk whatever its pages: numbers, the least and the greatest value.
const LEAF_BYTES: u64 = (size_of::<ColumnChunkMetaData>()
    + size_of::<ColumnIndexMetaData>()
    + size_of::<OffsetIndexMetaData>()) as u64
    + 256;
/// What is kept of a page: where it stands, its nulls, its least and its greatest value.
const PAGE_BYTES: u64 = 64;
/// The same where values are text, which is cut to 64 bytes.
const TEXT_PAGE_BYTES: u64 = 192;

/// The most that an open file keeps of a row group of so many rows. The parquet crate works on a copy
/// of its own when it makes the footer, so all of it counts twice; lists of pages have grown up to
/// twice of what stands in them.
pub(super) fn kept_bytes(layout: &FileLayout, rows: u64) -> u64 {
    let columns = layout.columns.iter().map(|column| {
        let page = match column.field.data_type() {
            DataType::Boolean => PAGE_BYTES,
            other if other.is_primitive() => PAGE_BYTES,
            _ => TEXT_PAGE_BYTES,
        };
        let pages = rows.div_ceil(column.page_rows() as u64);
        layout.leaves(column) * (2 * LEAF_BYTES + 3 * pages * page)
    });
    columns.sum()
}

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

    /// All that the footer tells: schema, row groups, page indexes.
    fn metadata(&mut self) -> ParquetMetaData {
        let file = FileMetaData::new(
            FORMAT_VERSION,
            self.rows as i64,
            Some(CREATED_BY.to_owned()),
            Some(self.layout.key_values.clone()),
            self.layout.parquet_schema.clone(),
            None,
        );
        ParquetMetaDataBuilder::new(file)
            .set_row_groups(std::mem::take(&mut self.groups))
            .set_column_index(Some(std::mem::take(&mut self.column_indexes)))
            .set_offset_index(Some(std::mem::take(&mut self.offset_indexes)))
            .build()
    }
}

impl Assembler for FileAssembler {
    fn append(&mut self, chunk: &Chunk) -> Result<()> {
        self.add(chunk)
    }

    fn finish(mut self: Box<Self>) -> Result<u64> {
        let metadata = self.metadata();
        let (mut out, failure) = PartAsWrite::new(self.out);
        let made = write_footer(&metadata, self.at, &mut out);
        made.map_err(|error| failure.or(NAME, error))?;
        // Its writer has a buffer, and says nothing of what that meets at the end.
        match failure.take() {
            Some(error) => Err(error),
            None => out.into_part().finish(),
        }
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

/// Writes page indexes, metadata, length and magic behind the `at` bytes that stand in the file.
fn write_footer(
    metadata: &ParquetMetaData,
    at: u64,
    out: &mut PartAsWrite,
) -> Result<(), ParquetError> {
    let mut tracked = TrackedWrite::new(Behind { skip: at, out });
    advance(&mut tracked, at)?;
    ParquetMetaDataWriter::new_with_tracked(tracked, metadata).finish()
}

/// Takes the footer's bytes. The footer's writer counts from the start of the file, so it is first
/// led over what stands in the file already; those bytes are left out here.
struct Behind<'o> {
    skip: u64,
    out: &'o mut PartAsWrite,
}

impl Write for Behind<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let skipped = self.skip.min(bytes.len() as u64);
        self.skip -= skipped;
        self.out.write_all(&bytes[skipped as usize..])?;
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

#[cfg(test)]
mod tests {
    use arrow_array::builder::{ListBuilder, StringBuilder};
    use arrow_array::{
        ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchIterator,
        StringArray,
    };

    use super::*;
    use crate::format::{Compression, Encoder};

    struct Nowhere;

    impl PartWriter for Nowhere {
        fn write(&mut self, _bytes: &[u8]) -> Result<()> {
            Ok(())
        }

        fn finish(self: Box<Self>) -> Result<u64> {
            Ok(0)
        }
    }

    /// Texts longer than bounds may be.
    fn batch(rows: usize) -> RecordBatch {
        let text = |at: usize| format!("{at:0100}");
        let mut lists = ListBuilder::new(StringBuilder::new());
        for at in 0..rows {
            lists.append_value([Some(text(at)), None]);
        }
        let columns: [(&str, ArrayRef); 5] = [
            ("id", Arc::new(Int64Array::from_iter_values(0..rows as i64))),
            (
                "price",
                Arc::new(Float64Array::from_iter_values(
                    (0..rows).map(|at| at as f64),
                )),
            ),
            ("paid", Arc::new(BooleanArray::from(vec![true; rows]))),
            (
                "name",
                Arc::new(StringArray::from_iter_values((0..rows).map(text))),
            ),
            ("tags", Arc::new(lists.finish())),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    /// What the crate itself counts for the metadata of so many row groups.
    fn held(layout: &Arc<FileLayout>, chunk: &Chunk, groups: usize) -> u64 {
        let mut file = FileAssembler::try_new(layout.clone(), Box::new(Nowhere)).unwrap();
        for _ in 0..groups {
            file.add(chunk).unwrap();
        }
        file.metadata().memory_size() as u64
    }

    /// Takes so many bytes; every write after them fails in words of its own.
    struct Full {
        room: usize,
        failed: u32,
    }

    impl PartWriter for Full {
        fn write(&mut self, bytes: &[u8]) -> Result<()> {
            if let Some(room) = self.room.checked_sub(bytes.len()) {
                self.room = room;
                return Ok(());
            }
            self.room = 0;
            self.failed += 1;
            Err(Error::Invalid {
                what: "part",
                expected: "room".to_owned(),
                found: format!("failure {}", self.failed),
            })
        }

        fn finish(self: Box<Self>) -> Result<u64> {
            Ok(0)
        }
    }

    /// A short footer stays in a buffer until that is dropped, a long one fails before.
    #[test]
    fn a_footer_that_cannot_be_written_fails_with_the_parts_own_error() {
        let batch = batch(10);
        let schema = batch.schema();
        let layout = Arc::new(FileLayout::try_new(&schema, Compression::None).unwrap());
        let mut encoder = super::super::encode::RowGroupEncoder::try_new(layout.clone()).unwrap();
        let mut reader = RecordBatchIterator::new([Ok(batch)], schema);
        let chunk = encoder.encode(&mut reader).unwrap();
        for groups in [1, 100] {
            let room = MAGIC.len() + groups * chunk.bytes() as usize;
            let full = Box::new(Full { room, failed: 0 });
            let mut file = Box::new(FileAssembler::try_new(layout.clone(), full).unwrap());
            for _ in 0..groups {
                file.add(&chunk).unwrap();
            }
            let error = file.finish().unwrap_err();
            assert!(error.to_string().contains("failure 1"), "{groups}: {error}");
        }
    }

    #[test]
    fn row_groups_keep_no_more_than_is_said() {
        for rows in [10, 1_000, 50_000] {
            let batch = batch(rows);
            let schema = batch.schema();
            let layout = Arc::new(FileLayout::try_new(&schema, Compression::None).unwrap());
            let mut encoder = super::super::encode::RowGroupEncoder::try_new(layout.clone());
            let mut reader = RecordBatchIterator::new([Ok(batch)], schema);
            let chunk = encoder.as_mut().unwrap().encode(&mut reader).unwrap();
            // The difference: schema and key values are no row group's.
            let each = (held(&layout, &chunk, 9) - held(&layout, &chunk, 1)) / 8;
            let said = kept_bytes(&layout, rows as u64);
            // Twice, since the footer is made of a copy; and not much more than that.
            assert!(2 * each <= said, "{rows} rows: twice {each} of {said}");
            assert!(said <= 8 * each, "{rows} rows: {each} of {said}");
        }
    }
}

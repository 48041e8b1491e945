//! A column by the parquet crate's own writer: nested and seldom types.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema, SchemaRef};
use arrow_select::concat::concat;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{LogicalType, Type as Physical};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::page_index::offset_index::OffsetIndexMetaData;

use super::blocks::Blocks;
use super::codec::PageCodec;
use super::flat::ColumnEncoder;
use super::layout::ColumnLayout;
use super::{EncodedColumn, Leaf, NAME};
use crate::error::{Error, Result};

/// Rows that are written at once.
const BATCH_ROWS: usize = 8_192;

/// One field of a row group, on its way through a file of its own in memory.
pub(super) struct LibraryColumn {
    schema: SchemaRef,
    writer: ArrowWriter<Blocks>,
    /// Rows that wait until they are a batch: where a page ends depends on how its rows come in, and
    /// may not depend on how the caller cuts them.
    waiting: Vec<ArrayRef>,
    rows: usize,
    /// Whether bounds of floating-point leaves would pass over a NaN, as this writer's do.
    has_nan: bool,
}

impl LibraryColumn {
    pub(super) fn try_new(layout: &ColumnLayout, mut spare: Blocks) -> Result<Self> {
        let schema = Arc::new(Schema::new(vec![layout.field.clone()]));
        let options = ArrowWriterOptions::new()
            .with_properties(layout.properties())
            .with_skip_arrow_metadata(true);
        spare.clear();
        let writer = ArrowWriter::try_new_with_options(spare, schema.clone(), options)
            .map_err(Error::encode(NAME))?;
        Ok(Self {
            schema,
            writer,
            waiting: Vec::new(),
            rows: 0,
            // Floats within lists and structs are not looked at.
            has_nan: layout.field.data_type().is_nested(),
        })
    }
}

impl LibraryColumn {
    /// What waits, as one array.
    fn take_waiting(&mut self) -> Result<ArrayRef> {
        self.rows = 0;
        let waiting = std::mem::take(&mut self.waiting);
        match waiting.as_slice() {
            [one] => Ok(one.clone()),
            several => {
                let several: Vec<&dyn Array> = several.iter().map(AsRef::as_ref).collect();
                concat(&several).map_err(Error::encode(NAME))
            }
        }
    }

    fn write_batch(&mut self, array: ArrayRef) -> Result<()> {
        let batch =
            RecordBatch::try_new(self.schema.clone(), vec![array]).map_err(Error::encode(NAME))?;
        self.writer.write(&batch).map_err(Error::encode(NAME))
    }
}

impl ColumnEncoder for LibraryColumn {
    fn write(&mut self, array: &ArrayRef, _codec: &mut PageCodec) -> Result<()> {
        self.has_nan = self.has_nan || has_nan(array);
        self.rows += array.len();
        self.waiting.push(array.clone());
        if self.rows < BATCH_ROWS {
            return Ok(());
        }
        let all = self.take_waiting()?;
        let whole = all.len() - all.len() % BATCH_ROWS;
        for start in (0..whole).step_by(BATCH_ROWS) {
            self.write_batch(all.slice(start, BATCH_ROWS))?;
        }
        if whole < all.len() {
            self.rows = all.len() - whole;
            self.waiting.push(all.slice(whole, self.rows));
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, _codec: &mut PageCodec) -> Result<EncodedColumn> {
        if self.rows > 0 {
            let last = self.take_waiting()?;
            self.write_batch(last)?;
        }
        let file = self.writer.finish().map_err(Error::encode(NAME))?;
        let mut blocks = std::mem::take(self.writer.inner_mut());
        let group = file.row_groups().first().ok_or_else(|| {
            Error::encode(NAME)(ParquetError::General("no rows in a row group".to_owned()))
        })?;
        let mut leaves = Vec::with_capacity(group.columns().len());
        for (at, metadata) in group.columns().iter().enumerate() {
            let mut metadata = bare(metadata)?;
            let mut column_index = file.column_index().map(|groups| groups[0][at].clone());
            let offset_index = file.offset_index().map(|groups| groups[0][at].clone());
            if self.has_nan && is_float(&metadata) {
                metadata = metadata
                    .into_builder()
                    .clear_statistics()
                    .build()
                    .map_err(Error::encode(NAME))?;
                column_index = None;
            }
            leaves.push(Leaf {
                metadata,
                column_index,
                offset_index,
            });
        }
        // Page indexes and a footer of the file of its own stand behind the pages.
        let ends = group.columns().iter().map(|leaf| {
            let (start, size) = leaf.byte_range();
            (start + size) as usize
        });
        blocks.truncate(ends.max().unwrap_or(0));
        Ok(EncodedColumn {
            head: Vec::new(),
            blocks,
            leaves,
        })
    }
}

/// Whether an array of floating-point numbers has a NaN.
fn has_nan(array: &dyn Array) -> bool {
    fn any<T: ArrowPrimitiveType>(array: &dyn Array, is_nan: impl Fn(T::Native) -> bool) -> bool {
        array
            .as_primitive::<T>()
            .iter()
            .any(|value| value.is_some_and(&is_nan))
    }
    match array.data_type() {
        DataType::Float16 => {
            any::<Float16Type>(array, <Float16Type as ArrowPrimitiveType>::Native::is_nan)
        }
        DataType::Float32 => any::<Float32Type>(array, f32::is_nan),
        DataType::Float64 => any::<Float64Type>(array, f64::is_nan),
        // As seldom as not to be worth a look at which values are used.
        DataType::Dictionary(_, values) => values.is_floating(),
        _ => false,
    }
}

fn is_float(metadata: &ColumnChunkMetaData) -> bool {
    let descr = metadata.column_descr();
    matches!(descr.physical_type(), Physical::FLOAT | Physical::DOUBLE)
        || descr.logical_type_ref() == Some(&LogicalType::Float16)
}

/// The metadata without the places of indexes, which are written anew.
fn bare(metadata: &ColumnChunkMetaData) -> Result<ColumnChunkMetaData> {
    metadata
        .clone()
        .into_builder()
        .set_column_index_offset(None)
        .set_column_index_length(None)
        .set_offset_index_offset(None)
        .set_offset_index_length(None)
        .build()
        .map_err(Error::encode(NAME))
}

/// Moves the pages of an index by `shift` bytes.
pub(super) fn shifted(index: &OffsetIndexMetaData, shift: i64) -> OffsetIndexMetaData {
    let mut index = index.clone();
    for page in &mut index.page_locations {
        page.offset += shift;
    }
    index
}

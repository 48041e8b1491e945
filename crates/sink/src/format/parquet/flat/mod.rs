//! Our own column encoders: numbers, text and dictionaries, straight from Arrow's memory to pages.
//!
//! A page ends after a fixed number of rows, whatever the batches are, so that the bytes of a
//! file follow from its rows alone.

mod number;
mod text;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type};
use arrow_array::{Array, ArrayRef, DictionaryArray, Int32Array};
use arrow_schema::DataType;
use parquet::basic::{Encoding as ParquetEncoding, Type as Physical};
use parquet::schema::types::ColumnDescPtr;

use self::number::{FloatValues, IntegerValues, is_integer};
use self::text::{DictionaryValues, TextValues};
use super::blocks::Blocks;
use super::bounds::Bound;
use super::codec::PageCodec;
use super::layout::ColumnLayout;
use super::pages::Pages;
use super::{EncodedColumn, NAME};
use crate::error::{Error, Result};
use crate::hints::Encoding;

/// One column of a row group under construction.
pub(super) trait ColumnEncoder: Send {
    /// Appends the values of an array.
    fn write(&mut self, array: &ArrayRef, codec: &mut PageCodec) -> Result<()>;

    /// Closes the column.
    fn finish(self: Box<Self>, codec: &mut PageCodec) -> Result<EncodedColumn>;
}

/// The encoder of our own for a column, where there is one.
pub(super) fn encoder(
    layout: &ColumnLayout,
    descr: &ColumnDescPtr,
    spare: Blocks,
) -> Result<Box<dyn ColumnEncoder>, Blocks> {
    let kind = match layout.encoding {
        Encoding::Plain => ParquetEncoding::PLAIN,
        Encoding::Delta => ParquetEncoding::DELTA_BINARY_PACKED,
        Encoding::DeltaLength => ParquetEncoding::DELTA_LENGTH_BYTE_ARRAY,
        Encoding::Dictionary => ParquetEncoding::RLE_DICTIONARY,
        Encoding::ByteStreamSplit => ParquetEncoding::BYTE_STREAM_SPLIT,
    };
    let is_dictionary = layout.encoding == Encoding::Dictionary;
    match (layout.field.data_type(), descr.physical_type()) {
        (DataType::Dictionary(key, values), Physical::BYTE_ARRAY)
            if is_dictionary && **key == DataType::Int32 && **values == DataType::Utf8 =>
        {
            Ok(flat(
                DictionaryValues::default(),
                kind,
                layout,
                descr,
                spare,
            ))
        }
        (DataType::Dictionary(..) | DataType::UInt32 | DataType::UInt64, _) => Err(spare),
        (DataType::Utf8, _)
            if matches!(layout.encoding, Encoding::Plain | Encoding::DeltaLength) =>
        {
            let has_lengths_first = layout.encoding == Encoding::DeltaLength;
            Ok(flat(
                TextValues::new(has_lengths_first),
                kind,
                layout,
                descr,
                spare,
            ))
        }
        (_, _) if is_dictionary => Err(spare),
        (data_type, Physical::INT32) if is_integer(data_type) => Ok(flat(
            IntegerValues::<i32>::new(layout.encoding),
            kind,
            layout,
            descr,
            spare,
        )),
        (data_type, Physical::INT64) if is_integer(data_type) => Ok(flat(
            IntegerValues::<i64>::new(layout.encoding),
            kind,
            layout,
            descr,
            spare,
        )),
        (DataType::Float32, _) if layout.encoding == Encoding::Plain => Ok(flat(
            FloatValues::<Float32Type>::default(),
            kind,
            layout,
            descr,
            spare,
        )),
        (DataType::Float64, _) if layout.encoding == Encoding::Plain => Ok(flat(
            FloatValues::<Float64Type>::default(),
            kind,
            layout,
            descr,
            spare,
        )),
        _ => Err(spare),
    }
}

fn flat<V: PageValues + 'static>(
    values: V,
    encoding: ParquetEncoding,
    layout: &ColumnLayout,
    descr: &ColumnDescPtr,
    spare: Blocks,
) -> Box<dyn ColumnEncoder> {
    Box::new(FlatColumn {
        pages: Pages::new(
            descr.clone(),
            layout.codec,
            encoding,
            layout.page_rows(),
            spare,
        ),
        values,
    })
}

/// What differs between the kinds of columns.
trait PageValues: Send {
    type Bound: Bound + Send;

    /// Takes the values of an array, which do not go beyond the page, without nulls.
    fn push(&mut self, array: &dyn Array, out: &mut Vec<u8>);

    /// Writes what is left of the page, and returns its bounds.
    fn end(&mut self, out: &mut Vec<u8>) -> Option<(Self::Bound, Self::Bound)>;

    /// The page of distinct values, and their number.
    fn dictionary(&self) -> Option<(&[u8], usize)> {
        None
    }
}

struct FlatColumn<V: PageValues> {
    pages: Pages<V::Bound>,
    values: V,
}

impl<V: PageValues> FlatColumn<V> {
    fn end_page(&mut self, codec: &mut PageCodec) -> Result<()> {
        self.pages.borrow(codec);
        let bounds = self.values.end(self.pages.values());
        self.pages.end(bounds, codec)
    }
}

impl<V: PageValues> ColumnEncoder for FlatColumn<V> {
    fn write(&mut self, array: &ArrayRef, codec: &mut PageCodec) -> Result<()> {
        let array = &with_all_nulls(array)?;
        let mut at = 0;
        while at < array.len() {
            let rows = self.pages.room().min(array.len() - at);
            let slice = array.slice(at, rows);
            self.values.push(slice.as_ref(), self.pages.values());
            self.pages.count(slice.as_ref());
            at += rows;
            if self.pages.room() == 0 {
                self.end_page(codec)?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, codec: &mut PageCodec) -> Result<EncodedColumn> {
        if !self.pages.is_empty() {
            self.end_page(codec)?;
        }
        self.pages.finish(self.values.dictionary(), codec)
    }
}

/// The array, with keys that point to a null made null themselves.
fn with_all_nulls(array: &ArrayRef) -> Result<ArrayRef> {
    let Some(dictionary) = array.as_dictionary_opt::<Int32Type>() else {
        return Ok(array.clone());
    };
    let values = dictionary.values();
    if values.null_count() == 0 {
        return Ok(array.clone());
    }
    let keys = dictionary.keys().values().clone();
    let keys = Int32Array::new(keys, dictionary.logical_nulls());
    let dictionary = DictionaryArray::try_new(keys, values.clone()).map_err(Error::encode(NAME))?;
    Ok(Arc::new(dictionary))
}

/// Calls `take` with each run of values that are there.
fn for_valid(array: &dyn Array, mut take: impl FnMut(usize, usize)) {
    match array.nulls().filter(|nulls| nulls.null_count() > 0) {
        Some(nulls) => nulls
            .valid_slices()
            .for_each(|(start, end)| take(start, end)),
        None => take(0, array.len()),
    }
}

//! Our own column encoders: numbers, text and dictionaries, straight from Arrow's memory to pages.
//!
//! A page ends after a fixed number of rows, whatever the batches are, so that the bytes of a
//! file follow from its rows alone.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, UInt8Type, UInt16Type,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray};
use arrow_schema::{DataType, TimeUnit};
use parquet::basic::{Encoding as ParquetEncoding, Type as Physical};
use parquet::schema::types::ColumnDescPtr;

use super::EncodedColumn;
use super::bounds::{Bound, TextBound, float_bounds, integer_bounds};
use super::codec::PageCodec;
use super::layout::ColumnLayout;
use super::packing::{Delta, bits, put_delta, put_hybrid};
use super::pages::Pages;
use crate::error::Result;
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
    spare: Vec<u8>,
) -> Result<Box<dyn ColumnEncoder>, Vec<u8>> {
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
        (data_type, Physical::INT32) if integers(data_type).is_some() => Ok(flat(
            IntegerValues::<i32>::new(layout.encoding),
            kind,
            layout,
            descr,
            spare,
        )),
        (data_type, Physical::INT64) if integers(data_type).is_some() => Ok(flat(
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
    spare: Vec<u8>,
) -> Box<dyn ColumnEncoder> {
    Box::new(FlatColumn {
        pages: Pages::new(descr.clone(), layout.codec, encoding, spare),
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
        let bounds = self.values.end(self.pages.values());
        self.pages.end(bounds, codec)
    }
}

impl<V: PageValues> ColumnEncoder for FlatColumn<V> {
    fn write(&mut self, array: &ArrayRef, codec: &mut PageCodec) -> Result<()> {
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

/// Calls `take` with each run of values that are there.
fn for_valid(array: &dyn Array, mut take: impl FnMut(usize, usize)) {
    match array.nulls().filter(|nulls| nulls.null_count() > 0) {
        Some(nulls) => nulls
            .valid_slices()
            .for_each(|(start, end)| take(start, end)),
        None => take(0, array.len()),
    }
}

/// An integer as Parquet stores it.
trait Stored: Delta + Ord + Bound + Send {
    fn from_wide(wide: i64) -> Self;
    fn put(values: &[Self], out: &mut Vec<u8>);
    fn split(values: &[Self], out: &mut Vec<u8>);
    /// The values of an array that has them in this very form.
    fn same(array: &dyn Array) -> Option<&[Self]>;
}

macro_rules! stored {
    ($type:ty, $($arrow:ty),+) => {
        impl Stored for $type {
            fn from_wide(wide: i64) -> Self {
                wide as Self
            }

            fn put(values: &[Self], out: &mut Vec<u8>) {
                let start = out.len();
                out.resize(start + size_of_val(values), 0);
                let (places, _) = out[start..].as_chunks_mut();
                for (place, value) in places.iter_mut().zip(values) {
                    *place = value.to_le_bytes();
                }
            }

            fn split(values: &[Self], out: &mut Vec<u8>) {
                let start = out.len();
                out.resize(start + size_of_val(values), 0);
                for (at, stream) in out[start..].chunks_exact_mut(values.len().max(1)).enumerate() {
                    for (place, value) in stream.iter_mut().zip(values) {
                        *place = (value >> (8 * at)) as u8;
                    }
                }
            }

            fn same(array: &dyn Array) -> Option<&[Self]> {
                $(if let Some(array) = array.as_primitive_opt::<$arrow>() {
                    return Some(array.values());
                })+
                None
            }
        }
    };
}

stored!(i32, Int32Type, Date32Type);
stored!(
    i64,
    Int64Type,
    TimestampMicrosecondType,
    TimestampMillisecondType,
    TimestampNanosecondType
);

/// Whether a type's values can be taken as integers here.
fn integers(data_type: &DataType) -> Option<()> {
    match data_type {
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Some(()),
        DataType::UInt8 | DataType::UInt16 | DataType::Date32 => Some(()),
        DataType::Decimal128(precision, _) if *precision <= 18 => Some(()),
        // Parquet has no seconds: the library makes milliseconds of them.
        DataType::Timestamp(TimeUnit::Second, _) => None,
        DataType::Timestamp(..) => Some(()),
        _ => None,
    }
}

struct IntegerValues<T> {
    encoding: Encoding,
    values: Vec<T>,
}

impl<T: Stored> IntegerValues<T> {
    fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            values: Vec::new(),
        }
    }

    fn extend<A>(&mut self, array: &dyn Array, wide: impl Fn(A::Native) -> i64)
    where
        A: ArrowPrimitiveType,
    {
        let Some(array) = array.as_primitive_opt::<A>() else {
            return;
        };
        let values = array.values();
        for_valid(array, |start, end| {
            self.values.extend(
                values[start..end]
                    .iter()
                    .map(|value| T::from_wide(wide(*value))),
            );
        });
    }
}

impl<T: Stored> PageValues for IntegerValues<T> {
    type Bound = T;

    fn push(&mut self, array: &dyn Array, _out: &mut Vec<u8>) {
        if let Some(values) = T::same(array) {
            for_valid(array, |start, end| {
                self.values.extend_from_slice(&values[start..end])
            });
            return;
        }
        match array.data_type() {
            DataType::Int8 => self.extend::<Int8Type>(array, i64::from),
            DataType::Int16 => self.extend::<Int16Type>(array, i64::from),
            DataType::UInt8 => self.extend::<UInt8Type>(array, i64::from),
            DataType::UInt16 => self.extend::<UInt16Type>(array, i64::from),
            // The precision says that it fits.
            _ => self.extend::<Decimal128Type>(array, |value| value as i64),
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Option<(T, T)> {
        let bounds = integer_bounds(&self.values);
        match self.encoding {
            Encoding::Delta => put_delta(&self.values, out),
            Encoding::ByteStreamSplit => T::split(&self.values, out),
            _ => T::put(&self.values, out),
        }
        self.values.clear();
        bounds
    }
}

/// A floating-point number as Parquet stores it.
trait StoredFloat:
    ArrowPrimitiveType<Native: Bound + Send + std::ops::Neg<Output = Self::Native>>
{
    const INFINITY: Self::Native;
    const ZERO: Self::Native;
    fn put(value: Self::Native, out: &mut Vec<u8>);
}

impl StoredFloat for Float32Type {
    const INFINITY: f32 = f32::INFINITY;
    const ZERO: f32 = 0.0;

    fn put(value: f32, out: &mut Vec<u8>) {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

impl StoredFloat for Float64Type {
    const INFINITY: f64 = f64::INFINITY;
    const ZERO: f64 = 0.0;

    fn put(value: f64, out: &mut Vec<u8>) {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

struct FloatValues<A: StoredFloat> {
    bounds: Option<(A::Native, A::Native)>,
}

impl<A: StoredFloat> Default for FloatValues<A> {
    fn default() -> Self {
        Self { bounds: None }
    }
}

impl<A: StoredFloat> FloatValues<A> {
    fn append(array: &PrimitiveArray<A>, start: usize, end: usize, out: &mut Vec<u8>) {
        let values = &array.values()[start..end];
        if cfg!(target_endian = "little") {
            let size = size_of::<A::Native>();
            // Arrow's memory is what Parquet wants.
            out.extend_from_slice(&array.values().inner().as_slice()[start * size..end * size]);
        } else {
            values.iter().for_each(|value| A::put(*value, out));
        }
    }
}

impl<A: StoredFloat> PageValues for FloatValues<A> {
    type Bound = A::Native;

    fn push(&mut self, array: &dyn Array, out: &mut Vec<u8>) {
        let Some(array) = array.as_primitive_opt::<A>() else {
            return;
        };
        for_valid(array, |start, end| {
            Self::append(array, start, end, out);
            let values = &array.values()[start..end];
            let here = float_bounds(values, A::INFINITY, A::ZERO);
            let ends = |(least, greatest)| [least, greatest];
            let all: Vec<_> = self
                .bounds
                .take()
                .into_iter()
                .chain(here)
                .flat_map(ends)
                .collect();
            self.bounds = float_bounds(&all, A::INFINITY, A::ZERO);
        });
    }

    fn end(&mut self, _out: &mut Vec<u8>) -> Option<(A::Native, A::Native)> {
        self.bounds.take()
    }
}

/// The least and the greatest text so far, by their first eight bytes wherever those differ.
#[derive(Default)]
struct TextBounds {
    least: Option<(u64, Vec<u8>)>,
    greatest: Option<(u64, Vec<u8>)>,
}

impl TextBounds {
    #[inline]
    fn add(&mut self, text: &[u8]) {
        let start = match text.first_chunk() {
            Some(start) => u64::from_be_bytes(*start),
            None => {
                let mut start = [0; 8];
                start[..text.len()].copy_from_slice(text);
                u64::from_be_bytes(start)
            }
        };
        let key = (start, text);
        match &mut self.least {
            Some((at, least)) if key >= (*at, least.as_slice()) => {}
            least => *least = Some((start, text.to_vec())),
        }
        match &mut self.greatest {
            Some((at, greatest)) if key <= (*at, greatest.as_slice()) => {}
            greatest => *greatest = Some((start, text.to_vec())),
        }
    }

    fn take(&mut self) -> Option<(TextBound, TextBound)> {
        let least = self.least.take()?.1;
        let greatest = self.greatest.take()?.1;
        Some((TextBound::at_most(&least), TextBound::at_least(&greatest)))
    }
}

struct TextValues {
    has_lengths_first: bool,
    lengths: Vec<i32>,
    text: Vec<u8>,
    bounds: TextBounds,
}

impl TextValues {
    fn new(has_lengths_first: bool) -> Self {
        Self {
            has_lengths_first,
            lengths: Vec::new(),
            text: Vec::new(),
            bounds: TextBounds::default(),
        }
    }
}

impl PageValues for TextValues {
    type Bound = TextBound;

    fn push(&mut self, array: &dyn Array, out: &mut Vec<u8>) {
        let Some(array) = array.as_string_opt::<i32>() else {
            return;
        };
        let (offsets, bytes) = (array.value_offsets(), array.value_data());
        for_valid(array, |start, end| {
            let offsets = &offsets[start..=end];
            for ends in offsets.windows(2) {
                let text = &bytes[ends[0] as usize..ends[1] as usize];
                self.bounds.add(text);
                if !self.has_lengths_first {
                    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
                    out.extend_from_slice(text);
                }
            }
            if self.has_lengths_first {
                self.lengths
                    .extend(offsets.windows(2).map(|ends| ends[1] - ends[0]));
                let (first, last) = (offsets[0] as usize, offsets[offsets.len() - 1] as usize);
                self.text.extend_from_slice(&bytes[first..last]);
            }
        });
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Option<(TextBound, TextBound)> {
        if self.has_lengths_first {
            put_delta(&self.lengths, out);
            out.extend_from_slice(&self.text);
            self.lengths.clear();
            self.text.clear();
        }
        self.bounds.take()
    }
}

/// A key that no value has been given yet.
const NO_KEY: u32 = u32::MAX;

/// Keys of an Arrow dictionary, renumbered by their first appearance in the row group: so the
/// bytes do not depend on what else the dictionary holds, or on a new one for each batch.
#[derive(Default)]
struct DictionaryValues {
    /// The dictionary of the last array, and its keys in ours.
    values: Option<ArrayRef>,
    ours: Vec<u32>,
    known: HashMap<Box<[u8]>, u32>,
    texts: Vec<Box<[u8]>>,
    /// The dictionary page.
    page: Vec<u8>,
    keys: Vec<u32>,
    /// Which of our keys the page has.
    used: Vec<bool>,
}

impl DictionaryValues {
    fn key_of(&mut self, text: &[u8]) -> u32 {
        if let Some(key) = self.known.get(text) {
            return *key;
        }
        let key = self.texts.len() as u32;
        self.known.insert(text.into(), key);
        self.texts.push(text.into());
        self.page
            .extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.page.extend_from_slice(text);
        self.used.push(false);
        key
    }
}

impl PageValues for DictionaryValues {
    type Bound = TextBound;

    fn push(&mut self, array: &dyn Array, _out: &mut Vec<u8>) {
        let Some(array) = array.as_dictionary_opt::<Int32Type>() else {
            return;
        };
        let values = array.values();
        let Some(texts) = values.as_string_opt::<i32>() else {
            return;
        };
        let is_same = self
            .values
            .as_ref()
            .is_some_and(|last| Arc::ptr_eq(last, values));
        if !is_same {
            self.ours.clear();
            self.ours.resize(values.len(), NO_KEY);
            self.values = Some(values.clone());
        }
        let keys = array.keys().values();
        for_valid(array, |start, end| {
            self.keys.reserve(end - start);
            for key in &keys[start..end] {
                let mut ours = self.ours[*key as usize];
                if ours == NO_KEY {
                    ours = self.key_of(texts.value(*key as usize).as_bytes());
                    self.ours[*key as usize] = ours;
                }
                self.used[ours as usize] = true;
                self.keys.push(ours);
            }
        });
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Option<(TextBound, TextBound)> {
        let width = bits(self.texts.len().saturating_sub(1) as u64);
        out.push(width as u8);
        put_hybrid(&self.keys, width, out);
        self.keys.clear();
        let mut bounds = TextBounds::default();
        for (text, used) in self.texts.iter().zip(&mut self.used) {
            if std::mem::take(used) {
                bounds.add(text);
            }
        }
        bounds.take()
    }

    fn dictionary(&self) -> Option<(&[u8], usize)> {
        Some((&self.page, self.texts.len()))
    }
}

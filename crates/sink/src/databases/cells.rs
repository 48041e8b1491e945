//! The values of a column of a batch, ready to be written one after the other, in the form of a system.
//!
//! What a column is gets decided once a batch; a value is a look at a slice and some bytes.

use std::fmt::Display;
use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowDictionaryKeyType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, NullBuffer};
use arrow_schema::{DataType, TimeUnit};

/// Why a value cannot be sent: what would be taken, and what came.
pub(super) type Unfit = (&'static str, String);

/// A column of a batch.
pub(super) struct Cells<'b> {
    pub(super) values: Values<'b>,
    nulls: Option<&'b NullBuffer>,
    /// Whether texts are bytes.
    #[cfg(feature = "mysql")]
    pub(super) is_binary: bool,
}

pub(super) enum Values<'b> {
    Bool(&'b BooleanBuffer),
    I8(&'b [i8]),
    I16(&'b [i16]),
    I32(&'b [i32]),
    I64(&'b [i64]),
    U8(&'b [u8]),
    U16(&'b [u16]),
    U32(&'b [u32]),
    U64(&'b [u64]),
    F32(&'b [f32]),
    F64(&'b [f64]),
    Days(&'b [i32]),
    /// With microseconds of its unit.
    Times(&'b [i64], i64),
    Decimals(&'b [i128], u8),
    Texts(&'b [i32], &'b [u8]),
    LargeTexts(&'b [i64], &'b [u8]),
    Codes(Vec<u32>, &'b Words),
}

/// Appends a value to a chunk.
pub(super) trait WriteCell: Copy {
    /// What stands for a null.
    const NULL: &'static [u8];

    /// Appends the value of a row.
    ///
    /// # Errors
    /// A value that the column's type in the database has not.
    fn write(self, cells: &Cells<'_>, row: usize, out: &mut Vec<u8>) -> Result<(), Unfit>;
}

/// The values of a dictionary as they are sent.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// The dictionary, held so that its address stays its own.
    of: Option<ArrayRef>,
    ends: Vec<u32>,
    bytes: Vec<u8>,
}

impl Words {
    /// Renders the values of a dictionary, unless they are those of the batch before.
    ///
    /// # Errors
    /// A value that cannot be sent.
    pub(super) fn learn(&mut self, values: &ArrayRef, form: impl WriteCell) -> Result<(), Unfit> {
        if self.of.as_ref().is_some_and(|known| {
            std::sync::Arc::ptr_eq(known, values) || known.to_data().ptr_eq(&values.to_data())
        }) {
            return Ok(());
        }
        self.of = None;
        (self.ends, self.bytes) = (Vec::with_capacity(values.len() + 1), Vec::new());
        self.ends.push(0);
        let nothing = Self::default();
        // A dictionary of dictionaries is refused with the types.
        let cells = Cells::of(values, &nothing);
        for row in 0..values.len() {
            let written = cells
                .as_ref()
                .map(|cells| form.write(cells, row, &mut self.bytes));
            if !matches!(written, Some(Ok(()))) {
                return Err(match written {
                    Some(Err(unfit)) => unfit,
                    _ => ("values of a known type", values.data_type().to_string()),
                });
            }
            let end = u32::try_from(self.bytes.len());
            self.ends.push(end.map_err(|_| {
                (
                    "a dictionary of less than 4 GiB",
                    format!("{} values", values.len()),
                )
            })?);
        }
        self.of = Some(values.clone());
        Ok(())
    }

    /// Appends a value; false for a code that points to none, as any that stands under a null may.
    #[inline]
    pub(super) fn append(&self, code: u32, out: &mut Vec<u8>) -> bool {
        let at = code as usize;
        let (Some(start), Some(end)) = (self.ends.get(at), self.ends.get(at + 1)) else {
            return false;
        };
        append(out, &self.bytes, *start as usize..*end as usize);
        true
    }
}

/// Appends a range of `bytes`. A short one is copied with bytes behind it, which are cut off again: a copy
/// of a known length needs no call.
#[inline]
pub(super) fn append(out: &mut Vec<u8>, bytes: &[u8], range: Range<usize>) {
    const SHORT: usize = 32;
    match bytes[range.start..].first_chunk::<SHORT>() {
        Some(piece) if range.len() <= SHORT => {
            out.extend_from_slice(piece);
            out.truncate(out.len() - SHORT + range.len());
        }
        _ => out.extend_from_slice(&bytes[range]),
    }
}

impl<'b> Cells<'b> {
    /// What a column holds; nothing for a type that is not sent.
    pub(super) fn of(array: &'b ArrayRef, words: &'b Words) -> Option<Self> {
        let values = match array.data_type() {
            DataType::Boolean => Values::Bool(array.as_boolean().values()),
            DataType::Int8 => Values::I8(array.as_primitive::<Int8Type>().values()),
            DataType::Int16 => Values::I16(array.as_primitive::<Int16Type>().values()),
            DataType::Int32 => Values::I32(array.as_primitive::<Int32Type>().values()),
            DataType::Int64 => Values::I64(array.as_primitive::<Int64Type>().values()),
            DataType::UInt8 => Values::U8(array.as_primitive::<UInt8Type>().values()),
            DataType::UInt16 => Values::U16(array.as_primitive::<UInt16Type>().values()),
            DataType::UInt32 => Values::U32(array.as_primitive::<UInt32Type>().values()),
            DataType::UInt64 => Values::U64(array.as_primitive::<UInt64Type>().values()),
            DataType::Float32 => Values::F32(array.as_primitive::<Float32Type>().values()),
            DataType::Float64 => Values::F64(array.as_primitive::<Float64Type>().values()),
            DataType::Date32 => Values::Days(array.as_primitive::<Date32Type>().values()),
            DataType::Timestamp(TimeUnit::Second, _) => Values::Times(
                array.as_primitive::<TimestampSecondType>().values(),
                1_000_000,
            ),
            DataType::Timestamp(TimeUnit::Millisecond, _) => Values::Times(
                array.as_primitive::<TimestampMillisecondType>().values(),
                1_000,
            ),
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Values::Times(array.as_primitive::<TimestampMicrosecondType>().values(), 1)
            }
            DataType::Decimal128(_, scale) => {
                let scale = u8::try_from(*scale).ok()?;
                Values::Decimals(array.as_primitive::<Decimal128Type>().values(), scale)
            }
            DataType::Utf8 => {
                let texts = array.as_string::<i32>();
                Values::Texts(texts.value_offsets(), texts.value_data())
            }
            DataType::LargeUtf8 => {
                let texts = array.as_string::<i64>();
                Values::LargeTexts(texts.value_offsets(), texts.value_data())
            }
            DataType::Binary => {
                let bytes = array.as_binary::<i32>();
                Values::Texts(bytes.value_offsets(), bytes.value_data())
            }
            DataType::LargeBinary => {
                let bytes = array.as_binary::<i64>();
                Values::LargeTexts(bytes.value_offsets(), bytes.value_data())
            }
            DataType::Dictionary(key, _) => Values::Codes(codes(array, key), words),
            _ => return None,
        };
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
        Some(Self {
            values,
            nulls,
            #[cfg(feature = "mysql")]
            is_binary: matches!(array.data_type(), DataType::Binary | DataType::LargeBinary),
        })
    }

    /// The first row whose text holds a NUL.
    #[cfg(feature = "postgres")]
    pub(super) fn first_nul(&self) -> Option<usize> {
        let (start, end, bytes) = match &self.values {
            Values::Texts(offsets, bytes) => (
                offsets[0] as usize,
                offsets[offsets.len() - 1] as usize,
                bytes,
            ),
            Values::LargeTexts(offsets, bytes) => (
                offsets[0] as usize,
                offsets[offsets.len() - 1] as usize,
                bytes,
            ),
            _ => return None,
        };
        if !bytes[start..end].contains(&0) {
            return None;
        }
        let rows = match &self.values {
            Values::Texts(offsets, _) => offsets.len() - 1,
            Values::LargeTexts(offsets, _) => offsets.len() - 1,
            _ => 0,
        };
        (0..rows).find(|row| !self.is_null(*row) && self.text(*row).contains(&0))
    }

    /// The bytes of a text.
    pub(super) fn text(&self, row: usize) -> &[u8] {
        let (bytes, range) = self.text_in(row);
        &bytes[range]
    }

    /// The bytes of all texts, and where in them that of a row is.
    pub(super) fn text_in(&self, row: usize) -> (&[u8], Range<usize>) {
        match &self.values {
            Values::Texts(offsets, bytes) => {
                (bytes, offsets[row] as usize..offsets[row + 1] as usize)
            }
            Values::LargeTexts(offsets, bytes) => {
                (bytes, offsets[row] as usize..offsets[row + 1] as usize)
            }
            _ => (&[], 0..0),
        }
    }

    pub(super) fn is_null(&self, row: usize) -> bool {
        self.nulls.is_some_and(|nulls| nulls.is_null(row))
    }
}

/// A value that cannot be sent, beside those that can.
pub(super) fn beyond(expected: &'static str, found: impl Display) -> Unfit {
    (expected, format!("{found} in Arrow's unit"))
}

/// The codes of a column, whatever their type.
fn codes(array: &ArrayRef, key: &DataType) -> Vec<u32> {
    fn of<K: ArrowDictionaryKeyType>(array: &ArrayRef) -> Vec<u32> {
        let keys = array.as_dictionary::<K>().keys().values();
        // One that is too large points to no value, as any that stands under a null.
        let code = |key: &K::Native| u32::try_from(key.as_usize()).unwrap_or(u32::MAX - 1);
        keys.iter().map(code).collect()
    }
    match key {
        DataType::Int8 => of::<Int8Type>(array),
        DataType::Int16 => of::<Int16Type>(array),
        DataType::Int32 => of::<Int32Type>(array),
        DataType::Int64 => of::<Int64Type>(array),
        DataType::UInt8 => of::<UInt8Type>(array),
        DataType::UInt16 => of::<UInt16Type>(array),
        DataType::UInt32 => of::<UInt32Type>(array),
        _ => of::<UInt64Type>(array),
    }
}

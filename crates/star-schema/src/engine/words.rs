//! Values of at most 64 bits as words: integers so that their order is that of unsigned numbers, the
//! rest by their bits. A null's word is that of zero, beside a word that tells whether there is a value.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal128Type, DurationMicrosecondType,
    DurationMillisecondType, DurationNanosecondType, DurationSecondType, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, PrimitiveArray};
use arrow_buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow_schema::{DataType, TimeUnit};

const SIGN: u64 = 1 << 63;
/// The most digits whose unscaled number is an `i64`.
const WORD_DIGITS: u8 = 18;

trait Word: ArrowPrimitiveType {
    fn word(value: Self::Native) -> u64;
    fn value(word: u64) -> Self::Native;
}

macro_rules! signed {
    ($($type:ty),+) => { $(impl Word for $type {
        #[inline]
        #[allow(clippy::cast_lossless, clippy::unnecessary_cast, reason = "one body for all widths")]
        fn word(value: Self::Native) -> u64 { value as i64 as u64 ^ SIGN }
        #[inline]
        #[allow(clippy::cast_lossless, clippy::unnecessary_cast, reason = "one body for all widths")]
        fn value(word: u64) -> Self::Native { (word ^ SIGN) as i64 as Self::Native }
    })+ };
}
macro_rules! unsigned {
    ($($type:ty),+) => { $(impl Word for $type {
        #[inline]
        #[allow(clippy::cast_lossless, clippy::unnecessary_cast, reason = "one body for all widths")]
        fn word(value: Self::Native) -> u64 { value as u64 }
        #[inline]
        #[allow(clippy::unnecessary_cast, reason = "one body for all widths")]
        fn value(word: u64) -> Self::Native { word as Self::Native }
    })+ };
}
signed!(
    Int8Type,
    Int16Type,
    Int32Type,
    Int64Type,
    Date32Type,
    Date64Type,
    Decimal128Type,
    Time32SecondType,
    Time32MillisecondType,
    Time64MicrosecondType,
    Time64NanosecondType,
    TimestampSecondType,
    TimestampMillisecondType,
    TimestampMicrosecondType,
    TimestampNanosecondType,
    DurationSecondType,
    DurationMillisecondType,
    DurationMicrosecondType,
    DurationNanosecondType
);
unsigned!(UInt8Type, UInt16Type, UInt32Type, UInt64Type);

impl Word for Float32Type {
    fn word(value: f32) -> u64 {
        u64::from(value.to_bits())
    }
    fn value(word: u64) -> f32 {
        f32::from_bits(word as u32)
    }
}

impl Word for Float64Type {
    fn word(value: f64) -> u64 {
        value.to_bits()
    }
    fn value(word: u64) -> f64 {
        f64::from_bits(word)
    }
}

/// Calls `$f::<Type>($args)` for the type's words, or gives `None`.
macro_rules! for_word_type {
    ($type:expr, $f:ident($($arg:expr),*)) => {
        match $type {
            DataType::Int8 => Some($f::<Int8Type>($($arg),*)),
            DataType::Int16 => Some($f::<Int16Type>($($arg),*)),
            DataType::Int32 => Some($f::<Int32Type>($($arg),*)),
            DataType::Int64 => Some($f::<Int64Type>($($arg),*)),
            DataType::UInt8 => Some($f::<UInt8Type>($($arg),*)),
            DataType::UInt16 => Some($f::<UInt16Type>($($arg),*)),
            DataType::UInt32 => Some($f::<UInt32Type>($($arg),*)),
            DataType::UInt64 => Some($f::<UInt64Type>($($arg),*)),
            DataType::Float32 => Some($f::<Float32Type>($($arg),*)),
            DataType::Float64 => Some($f::<Float64Type>($($arg),*)),
            DataType::Date32 => Some($f::<Date32Type>($($arg),*)),
            DataType::Date64 => Some($f::<Date64Type>($($arg),*)),
            DataType::Decimal128(digits, _) if *digits <= WORD_DIGITS => {
                Some($f::<Decimal128Type>($($arg),*))
            }
            DataType::Time32(TimeUnit::Second) => Some($f::<Time32SecondType>($($arg),*)),
            DataType::Time32(TimeUnit::Millisecond) => Some($f::<Time32MillisecondType>($($arg),*)),
            DataType::Time64(TimeUnit::Microsecond) => Some($f::<Time64MicrosecondType>($($arg),*)),
            DataType::Time64(TimeUnit::Nanosecond) => Some($f::<Time64NanosecondType>($($arg),*)),
            DataType::Timestamp(TimeUnit::Second, _) => Some($f::<TimestampSecondType>($($arg),*)),
            DataType::Timestamp(TimeUnit::Millisecond, _) => Some($f::<TimestampMillisecondType>($($arg),*)),
            DataType::Timestamp(TimeUnit::Microsecond, _) => Some($f::<TimestampMicrosecondType>($($arg),*)),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => Some($f::<TimestampNanosecondType>($($arg),*)),
            DataType::Duration(TimeUnit::Second) => Some($f::<DurationSecondType>($($arg),*)),
            DataType::Duration(TimeUnit::Millisecond) => Some($f::<DurationMillisecondType>($($arg),*)),
            DataType::Duration(TimeUnit::Microsecond) => Some($f::<DurationMicrosecondType>($($arg),*)),
            DataType::Duration(TimeUnit::Nanosecond) => Some($f::<DurationNanosecondType>($($arg),*)),
            _ => None,
        }
    };
}

/// Whether values of this type travel as words.
pub(crate) fn is_word(data_type: &DataType) -> bool {
    fn yes<T: Word>() {}
    *data_type == DataType::Boolean || for_word_type!(data_type, yes()).is_some()
}

/// The least and the largest word that a type can have.
pub(crate) fn range(data_type: &DataType) -> (u64, u64) {
    let signed = |bits: u32| (SIGN - (1 << (bits - 1)), SIGN + ((1 << (bits - 1)) - 1));
    match data_type {
        DataType::Boolean => (0, 1),
        DataType::UInt8 => (0, u64::from(u8::MAX)),
        DataType::UInt16 => (0, u64::from(u16::MAX)),
        DataType::UInt32 | DataType::Float32 => (0, u64::from(u32::MAX)),
        DataType::Int8 => signed(8),
        DataType::Int16 => signed(16),
        DataType::Int32 | DataType::Date32 | DataType::Time32(_) => signed(32),
        _ => (0, u64::MAX),
    }
}

/// Appends the words of an array of such a type; of another type, nothing.
pub(crate) fn append(array: &ArrayRef, out: &mut Vec<u64>) {
    fn typed<T: Word>(array: &ArrayRef, out: &mut Vec<u64>) {
        let array = array.as_primitive::<T>();
        match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => out.extend(array.values().iter().map(|&value| T::word(value))),
            Some(nulls) => {
                let zero = T::word(T::Native::default());
                out.extend(
                    array.values().iter().zip(nulls).map(
                        |(&value, valid)| {
                            if valid { T::word(value) } else { zero }
                        },
                    ),
                );
            }
        }
    }
    if let Some(array) = array.as_boolean_opt() {
        out.extend((0..array.len()).map(|row| u64::from(array.is_valid(row) && array.value(row))));
    } else {
        for_word_type!(array.data_type(), typed(array, out));
    }
}

/// Appends for each row whether it has a value.
pub(crate) fn append_validity(array: &ArrayRef, out: &mut Vec<u64>) {
    match array.nulls() {
        None => out.resize(out.len() + array.len(), 1),
        Some(nulls) => out.extend(nulls.iter().map(u64::from)),
    }
}

/// The array of such words. `None` where the type has no words.
pub(crate) fn array(
    data_type: &DataType,
    words: &[u64],
    validity: Option<&[u64]>,
) -> Option<ArrayRef> {
    fn typed<T: Word>(data_type: &DataType, words: &[u64], nulls: Option<NullBuffer>) -> ArrayRef {
        let values: ScalarBuffer<T::Native> = words.iter().map(|&word| T::value(word)).collect();
        Arc::new(PrimitiveArray::<T>::new(values, nulls).with_data_type(data_type.clone()))
    }
    let nulls = validity.and_then(|validity| {
        let all = validity.iter().all(|&valid| valid == 1);
        (!all).then(|| NullBuffer::new(validity.iter().map(|&valid| valid == 1).collect()))
    });
    if *data_type == DataType::Boolean {
        let values: BooleanBuffer = words.iter().map(|&word| word == 1).collect();
        return Some(Arc::new(BooleanArray::new(values, nulls)));
    }
    for_word_type!(data_type, typed(data_type, words, nulls))
}

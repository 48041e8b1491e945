//! Integers and floating-point numbers of a page.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, UInt8Type, UInt16Type,
};
use arrow_array::{Array, PrimitiveArray};
use arrow_schema::{DataType, TimeUnit};

use super::super::bounds::{Bound, float_bounds, integer_bounds, joined};
use super::super::packing::{Delta, put_delta};
use super::super::pages::PAGE_ROWS;
use super::{PageValues, for_valid};
use crate::hints::Encoding;

/// An integer as Parquet stores it.
pub(super) trait Stored: Delta + Ord + Bound + Send {
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

/// Whether a type's values are taken as integers here.
pub(super) fn is_integer(data_type: &DataType) -> bool {
    match data_type {
        DataType::Decimal128(precision, _) => *precision <= 18,
        // Parquet has no seconds: the library makes milliseconds of them.
        DataType::Timestamp(unit, _) => *unit != TimeUnit::Second,
        other => matches!(
            other,
            DataType::Int8
                | DataType::Int16
                | DataType::Int32
                | DataType::Int64
                | DataType::UInt8
                | DataType::UInt16
                | DataType::Date32
        ),
    }
}

/// Integers, and how they are encoded.
pub(super) struct IntegerValues<T> {
    encoding: Encoding,
    values: Vec<T>,
}

impl<T: Stored> IntegerValues<T> {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            // Only what is used of it is ever touched; growing would leave pieces behind.
            values: Vec::with_capacity(PAGE_ROWS),
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
                self.values.extend_from_slice(&values[start..end]);
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
pub(super) trait StoredFloat:
    ArrowPrimitiveType<Native: Bound + Send + std::ops::Neg<Output = Self::Native>>
{
    const INFINITY: Self::Native;
    const ZERO: Self::Native;
    fn is_nan(value: Self::Native) -> bool;
    fn put(value: Self::Native, out: &mut Vec<u8>);
}

impl StoredFloat for Float32Type {
    const INFINITY: f32 = f32::INFINITY;
    const ZERO: f32 = 0.0;

    fn is_nan(value: f32) -> bool {
        value.is_nan()
    }

    fn put(value: f32, out: &mut Vec<u8>) {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

impl StoredFloat for Float64Type {
    const INFINITY: f64 = f64::INFINITY;
    const ZERO: f64 = 0.0;

    fn is_nan(value: f64) -> bool {
        value.is_nan()
    }

    fn put(value: f64, out: &mut Vec<u8>) {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// Floating-point numbers, which go into the page as they stand in memory.
pub(super) struct FloatValues<A: StoredFloat> {
    bounds: Option<(A::Native, A::Native)>,
    has_nan: bool,
}

impl<A: StoredFloat> Default for FloatValues<A> {
    fn default() -> Self {
        Self {
            bounds: None,
            has_nan: false,
        }
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
            for value in values {
                A::put(*value, out);
            }
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
            match float_bounds(values, A::is_nan, A::INFINITY, A::ZERO) {
                Some(bounds) => self.bounds = Some(joined(self.bounds.take(), bounds)),
                None => self.has_nan |= !values.is_empty(),
            }
        });
    }

    fn end(&mut self, _out: &mut Vec<u8>) -> Option<(A::Native, A::Native)> {
        let bounds = self.bounds.take();
        if std::mem::take(&mut self.has_nan) {
            None
        } else {
            bounds
        }
    }
}

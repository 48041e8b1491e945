//! Columns of numbers, dates and booleans.

use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type,
    TimestampMicrosecondType,
};
use arrow_array::{ArrayRef, BooleanArray, PrimitiveArray};
use arrow_buffer::{BooleanBuffer, ScalarBuffer};
use arrow_schema::DataType;

use super::{Column, Values};
use crate::date::Date;
use crate::hints;
use crate::rows::Rows;
use crate::seed::{Stream, below};

struct Primitive<T: ArrowPrimitiveType, F> {
    data_type: DataType,
    stream: Stream,
    at: F,
    _type: std::marker::PhantomData<fn() -> T>,
}

impl<T: ArrowPrimitiveType, F> Values for Primitive<T, F>
where
    F: Fn(Stream, u64) -> T::Native + Send + Sync,
{
    fn take(&self, rows: &Rows<'_>) -> ArrayRef {
        let values: Vec<T::Native> = rows.map(|row| (self.at)(self.stream, row));
        let array = PrimitiveArray::<T>::new(ScalarBuffer::from(values), None);
        Arc::new(array.with_data_type(self.data_type.clone()))
    }
}

fn primitive<T: ArrowPrimitiveType>(
    data_type: DataType,
    at: impl Fn(Stream, u64) -> T::Native + Send + Sync + 'static,
) -> Column {
    Column::new(move |context| {
        let values = Primitive::<T, _> {
            data_type: data_type.clone(),
            stream: context.stream,
            at,
            _type: std::marker::PhantomData,
        };
        Ok((data_type, Arc::new(values)))
    })
}

/// `start`, `start + 1`, ...: a key that follows from the row number.
pub fn sequence(start: i64) -> Column {
    integer(move |_, row| start.wrapping_add(row as i64))
        .hint(hints::ENCODING, "delta")
        .hint(hints::SORTED, "asc")
}

/// Int64 from the column's stream and the row number.
pub fn integer(at: impl Fn(Stream, u64) -> i64 + Send + Sync + 'static) -> Column {
    primitive::<Int64Type>(DataType::Int64, at).hint(hints::ENCODING, "delta")
}

/// Int64, every number of `low..=high` equally likely.
///
/// An empty range is refused when the table is built.
pub fn uniform(low: i64, high: i64) -> Column {
    Column::new(move |context| {
        if low > high {
            return Err(context.refuse(format!("{low}..={high} is empty; swap its ends")));
        }
        // One more than 2^64 - 1 numbers: all of them.
        let count = (high.wrapping_sub(low) as u64).checked_add(1);
        let at = move |stream: Stream, row: u64| match count {
            Some(count) => low.wrapping_add(below(stream.at(row), count) as i64),
            None => stream.at(row) as i64,
        };
        let values = Primitive::<Int64Type, _> {
            data_type: DataType::Int64,
            stream: context.stream,
            at,
            _type: std::marker::PhantomData,
        };
        Ok((DataType::Int64, Arc::new(values)))
    })
    .hint(hints::ENCODING, "delta")
}

/// Int32 from the column's stream and the row number.
pub fn int32(at: impl Fn(Stream, u64) -> i32 + Send + Sync + 'static) -> Column {
    primitive::<Int32Type>(DataType::Int32, at).hint(hints::ENCODING, "delta")
}

/// Float64 from the column's stream and the row number.
pub fn float(at: impl Fn(Stream, u64) -> f64 + Send + Sync + 'static) -> Column {
    // The mantissas of a random column do not compress: zstd halves the speed and saves 6 %.
    primitive::<Float64Type>(DataType::Float64, at)
        .hint(hints::ENCODING, "plain")
        .hint(hints::COMPRESS, "none")
}

/// Float64 from any distribution of `rand_distr`.
///
/// Repeatable on one platform: many of its distributions use the C library's maths. Each row has a
/// generator of its own, so rows stay independent of each other.
///
/// ```
/// use lakeseed_gen_core::{Table, column::distribution};
///
/// let weights = rand_distr::LogNormal::new(2.3, 0.4)?;
/// let pets = Table::builder("pets", 10).column("weight_kg", distribution(weights)).build()?;
/// assert_eq!(pets.all_rows().batch()?.num_rows(), 10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "rand_distr")]
pub fn distribution(
    distribution: impl rand_distr::Distribution<f64> + Send + Sync + 'static,
) -> Column {
    float(move |stream, row| distribution.sample(&mut stream.rng(row)))
}

/// Decimal128 of that precision and scale; the function gives units of the last place.
pub fn decimal(
    precision: u8,
    scale: i8,
    at: impl Fn(Stream, u64) -> i64 + Send + Sync + 'static,
) -> Column {
    let at = move |stream, row| i128::from(at(stream, row));
    primitive::<Decimal128Type>(DataType::Decimal128(precision, scale), at)
        .hint(hints::ENCODING, "delta")
}

/// Date32 from the column's stream and the row number.
pub fn date(at: impl Fn(Stream, u64) -> Date + Send + Sync + 'static) -> Column {
    primitive::<Date32Type>(DataType::Date32, move |stream, row| at(stream, row).days())
        .hint(hints::ENCODING, "delta")
}

/// Timestamp in microseconds, wall time without a zone, from the column's stream and the row.
pub fn timestamp(at: impl Fn(Stream, u64) -> i64 + Send + Sync + 'static) -> Column {
    let data_type = DataType::Timestamp(arrow_schema::TimeUnit::Microsecond, None);
    primitive::<TimestampMicrosecondType>(data_type, at).hint(hints::ENCODING, "delta")
}

/// Boolean from the column's stream and the row number.
pub fn boolean(at: impl Fn(Stream, u64) -> bool + Send + Sync + 'static) -> Column {
    Column::new(move |context| {
        Ok((
            DataType::Boolean,
            Arc::new(Booleans {
                stream: context.stream,
                at,
            }),
        ))
    })
}

struct Booleans<F> {
    stream: Stream,
    at: F,
}

impl<F: Fn(Stream, u64) -> bool + Send + Sync> Values for Booleans<F> {
    fn take(&self, rows: &Rows<'_>) -> ArrayRef {
        let values: Vec<bool> = rows.map(|row| (self.at)(self.stream, row));
        Arc::new(BooleanArray::new(BooleanBuffer::from(values), None))
    }
}

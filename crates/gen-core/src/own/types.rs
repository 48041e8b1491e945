//! The types in which rows of one's own are held: one for each kind of value, so that the same rows are
//! the same data whichever reader they came from.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray, StringArray, new_null_array};
use arrow_schema::{DataType, TimeUnit};

use super::Wrong;
use crate::error::{Error, Result};

/// What can be held, for who asks.
const HELD: &str = "a boolean, whole numbers, doubles, decimals, dates, timestamps or text";

/// The column in the type that it is held in.
///
/// # Errors
/// A type that is not held, and a value that its held type has no room for.
pub(super) fn held(wrong: &Wrong<'_>, array: &ArrayRef) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Boolean
        | DataType::Int32
        | DataType::Int64
        | DataType::Float64
        | DataType::Decimal128(..)
        | DataType::Date32
        | DataType::Utf8 => Arc::clone(array),
        DataType::Int8 => widened::<Int8Type, Int32Type>(array),
        DataType::Int16 => widened::<Int16Type, Int32Type>(array),
        DataType::UInt8 => widened::<UInt8Type, Int32Type>(array),
        DataType::UInt16 => widened::<UInt16Type, Int32Type>(array),
        DataType::UInt32 => widened::<UInt32Type, Int64Type>(array),
        DataType::UInt64 => tried::<UInt64Type, Int64Type>(wrong, array, |value| {
            i64::try_from(value).map_err(|_| ("a whole number below 2^63", value.to_string()))
        })?,
        DataType::Float32 => widened::<Float32Type, Float64Type>(array),
        DataType::Timestamp(unit, zone) => {
            let micros = micros(wrong, array, *unit)?;
            // What a zone is called is no part of an instant.
            let zone = zone.as_ref().map(|_| Arc::from("UTC"));
            let micros = micros.as_primitive::<TimestampMicrosecondType>().clone();
            Arc::new(micros.with_timezone_opt::<Arc<str>>(zone))
        }
        DataType::LargeUtf8 => texts(array.as_string::<i64>().iter()),
        DataType::Utf8View => texts(array.as_string_view().iter()),
        DataType::Null => new_null_array(&DataType::Utf8, array.len()),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let values = held(wrong, dictionary.values())?;
            let taken = arrow_select::take::take(&values, dictionary.keys(), None);
            taken.map_err(|error| unheld(wrong, &error.to_string()))?
        }
        other => return Err(unheld(wrong, &other.to_string())),
    })
}

fn unheld(wrong: &Wrong<'_>, found: &str) -> Error {
    wrong.error(HELD, found, "give it another type, or leave the column out")
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn widened<From, To>(array: &ArrayRef) -> ArrayRef
where
    From: ArrowPrimitiveType,
    To: ArrowPrimitiveType,
    To::Native: std::convert::From<From::Native>,
{
    let narrow = array.as_primitive::<From>();
    let wide: PrimitiveArray<To> = narrow.unary(To::Native::from);
    Arc::new(wide)
}

/// Each value by a function that may refuse it: with what was expected, and what came.
pub(super) fn tried<From, To>(
    wrong: &Wrong<'_>,
    array: &ArrayRef,
    value: impl Fn(From::Native) -> Result<To::Native, (&'static str, String)>,
) -> Result<ArrayRef>
where
    From: ArrowPrimitiveType,
    To: ArrowPrimitiveType,
{
    let from = array.as_primitive::<From>();
    let mut values = Vec::with_capacity(from.len());
    for row in 0..from.len() {
        if from.is_null(row) {
            values.push(To::Native::default());
            continue;
        }
        let taken = value(from.value(row)).map_err(|(expected, found)| {
            let wrong = Wrong {
                row: Some(row),
                ..*wrong
            };
            wrong.error(expected, found, "correct the row")
        })?;
        values.push(taken);
    }
    let to = PrimitiveArray::<To>::new(values.into(), from.nulls().cloned());
    Ok(Arc::new(to))
}

fn micros(wrong: &Wrong<'_>, array: &ArrayRef, unit: TimeUnit) -> Result<ArrayRef> {
    const ROOM: &str = "a timestamp within 290,000 years of 1970";
    let scaled = |value: i64, by: i64| {
        let scaled = value.checked_mul(by);
        scaled.ok_or((ROOM, format!("{value} {unit:?}s")))
    };
    match unit {
        TimeUnit::Second => {
            tried::<TimestampSecondType, TimestampMicrosecondType>(wrong, array, |value| {
                scaled(value, 1_000_000)
            })
        }
        TimeUnit::Millisecond => {
            tried::<TimestampMillisecondType, TimestampMicrosecondType>(wrong, array, |value| {
                scaled(value, 1_000)
            })
        }
        TimeUnit::Microsecond => Ok(Arc::clone(array)),
        TimeUnit::Nanosecond => {
            tried::<TimestampNanosecondType, TimestampMicrosecondType>(wrong, array, |value| {
                let is_whole = value % 1_000 == 0;
                let found = || format!("{value} nanoseconds since 1970");
                is_whole
                    .then_some(value / 1_000)
                    .ok_or_else(|| ("a timestamp of whole microseconds", found()))
            })
        }
    }
}

/// Whole numbers, from any type that holds some.
///
/// # Errors
/// Another type, and a decimal beyond 64 bits.
pub(super) fn whole(wrong: &Wrong<'_>, array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Int64 => Ok(Arc::clone(array)),
        DataType::Int32 => Ok(widened::<Int32Type, Int64Type>(array)),
        DataType::Decimal128(_, 0) => tried::<Decimal128Type, Int64Type>(wrong, array, |value| {
            i64::try_from(value).map_err(|_| ("a whole number within 64 bits", value.to_string()))
        }),
        other => {
            let advice = "keys are numbers here: number the rows, and carry their own codes in \
                          another column";
            Err(wrong.error("whole numbers", named(other), advice))
        }
    }
}

/// Amounts in cents, from any type that holds them exactly.
///
/// # Errors
/// Another type, and an amount that is not one of cents.
pub(super) fn cents(wrong: &Wrong<'_>, array: &ArrayRef) -> Result<ArrayRef> {
    const CENTS: &str = "an amount of whole cents";
    match array.data_type() {
        DataType::Int32 | DataType::Int64 => {
            let whole = whole(wrong, array)?;
            tried::<Int64Type, Decimal128Type>(wrong, &whole, |value| Ok(i128::from(value) * 100))
        }
        DataType::Float64 => tried::<Float64Type, Decimal128Type>(wrong, array, |value| {
            let cents = libm::round(value * 100.0);
            // The double nearest to so many cents, and no other.
            let is_exact = cents.abs() < 1e15 && (cents / 100.0).to_bits() == value.to_bits();
            is_exact
                .then_some(cents as i128)
                .ok_or_else(|| (CENTS, value.to_string()))
        }),
        DataType::Decimal128(_, scale) => {
            let scale = *scale;
            tried::<Decimal128Type, Decimal128Type>(wrong, array, |value| {
                scaled_to_cents(value, scale).ok_or_else(|| {
                    let found = format!("{value} of {scale} decimal places");
                    (CENTS, found)
                })
            })
        }
        other => {
            let advice = "give it as a number with a point";
            Err(wrong.error("amounts of money", named(other), advice))
        }
    }
}

fn scaled_to_cents(value: i128, scale: i8) -> Option<i128> {
    let power = |digits: i8| 10i128.checked_pow(u32::from(digits.unsigned_abs()));
    if scale <= 2 {
        return value.checked_mul(power(2 - scale)?);
    }
    let one = power(scale - 2)?;
    (value % one == 0).then_some(value / one)
}

/// A type as its user knows it.
pub(super) fn named(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 => "text".to_owned(),
        DataType::Int32 | DataType::Int64 => "whole numbers".to_owned(),
        DataType::Float64 => "doubles".to_owned(),
        DataType::Boolean => "booleans".to_owned(),
        DataType::Date32 => "dates".to_owned(),
        DataType::Timestamp(..) => "timestamps".to_owned(),
        DataType::Decimal128(precision, scale) => format!("decimals ({precision}, {scale})"),
        other => other.to_string(),
    }
}

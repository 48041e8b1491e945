//! One value for people and for JSON, exactly as files hold it.

use std::fmt;

use anyhow::{Result, anyhow};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, DecimalType, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use lakeseed_gen_core::Date;
use lakeseed_gen_core::date::DAY_MICROS;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    Null,
    /// A text, a date, a time: quoted in JSON.
    Text(String),
    /// A number or a truth value, in full: decimals keep their scale.
    Bare(String),
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bare(text) => match RawValue::from_string(text.clone()) {
                Ok(number) => number.serialize(serializer),
                Err(error) => Err(serde::ser::Error::custom(error)),
            },
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Text(text) | Self::Bare(text) => f.write_str(text),
        }
    }
}

/// The value in a row of a column.
///
/// # Errors
/// When no file of ours holds its type.
pub(crate) fn cell(array: &ArrayRef, at: usize) -> Result<Cell> {
    if array.is_null(at) {
        return Ok(Cell::Null);
    }
    Ok(match array.data_type() {
        DataType::Int8 => number::<Int8Type>(array, at),
        DataType::Int16 => number::<Int16Type>(array, at),
        DataType::Int32 => number::<Int32Type>(array, at),
        DataType::Int64 => number::<Int64Type>(array, at),
        DataType::UInt8 => number::<UInt8Type>(array, at),
        DataType::UInt16 => number::<UInt16Type>(array, at),
        DataType::UInt32 => number::<UInt32Type>(array, at),
        DataType::UInt64 => number::<UInt64Type>(array, at),
        DataType::Float32 => number::<Float32Type>(array, at),
        DataType::Float64 => number::<Float64Type>(array, at),
        DataType::Boolean => Cell::Bare(array.as_boolean().value(at).to_string()),
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(at).to_owned()),
        DataType::LargeUtf8 => Cell::Text(array.as_string::<i64>().value(at).to_owned()),
        DataType::Decimal128(precision, scale) => {
            let value = array.as_primitive::<Decimal128Type>().value(at);
            Cell::Bare(Decimal128Type::format_decimal(value, *precision, *scale))
        }
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().value(at);
            Cell::Text(Date::from_days(days).to_string())
        }
        DataType::Timestamp(unit, zone) => {
            let micros = match unit {
                TimeUnit::Second => array
                    .as_primitive::<TimestampSecondType>()
                    .value(at)
                    .saturating_mul(1_000_000),
                TimeUnit::Millisecond => array
                    .as_primitive::<TimestampMillisecondType>()
                    .value(at)
                    .saturating_mul(1_000),
                TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(at),
                TimeUnit::Nanosecond => array
                    .as_primitive::<TimestampNanosecondType>()
                    .value(at)
                    .div_euclid(1_000),
            };
            // An instant is kept as it is in UTC, whatever the zone is called.
            let instant = if zone.is_some() { "Z" } else { "" };
            Cell::Text(format!("{}{instant}", timestamp(micros)))
        }
        DataType::Dictionary(_, _) => {
            // The one key: all of them for each cell would be their square.
            let one = array.slice(at, 1);
            let keys = one.as_any_dictionary();
            let key = keys.normalized_keys().first().copied().unwrap_or_default();
            return cell(keys.values(), key);
        }
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(at);
            let items = (0..items.len()).map(|item| Ok(cell(&items, item)?.to_string()));
            Cell::Text(format!(
                "[{}]",
                items.collect::<Result<Vec<_>>>()?.join(", ")
            ))
        }
        DataType::Struct(fields) => {
            let columns = fields.iter().zip(array.as_struct().columns());
            let pairs = columns
                .map(|(field, column)| Ok(format!("{}: {}", field.name(), cell(column, at)?)));
            Cell::Text(format!(
                "{{{}}}",
                pairs.collect::<Result<Vec<_>>>()?.join(", ")
            ))
        }
        other => return Err(anyhow!("cannot show a value of type {other}")),
    })
}

fn number<T: ArrowPrimitiveType>(array: &ArrayRef, at: usize) -> Cell
where
    T::Native: fmt::Display,
{
    Cell::Bare(array.as_primitive::<T>().value(at).to_string())
}

/// `2023-01-01 08:15:30.000125`: wall time with six decimals, as in the files.
fn timestamp(micros: i64) -> String {
    let day = Date::from_days(micros.div_euclid(DAY_MICROS) as i32);
    let of_day = micros.rem_euclid(DAY_MICROS);
    let (seconds, fraction) = (of_day / 1_000_000, of_day % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{day} {hour:02}:{minute:02}:{second:02}.{fraction:06}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_wall_time() {
        assert_eq!(timestamp(0), "1970-01-01 00:00:00.000000");
        assert_eq!(timestamp(-1), "1969-12-31 23:59:59.999999");
        assert_eq!(
            timestamp(86_400_000_000 + 3_600_000_000),
            "1970-01-02 01:00:00.000000"
        );
    }
}

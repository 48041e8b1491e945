//! Values of the binary protocol to columns.

use mysql_async::{Row, Value};

use crate::databases::columns::{Column, ReadRows};
use crate::databases::database::Take;
use crate::error::Result;

/// Adds a row as the client has it.
///
/// # Errors
/// [`Error::Value`](crate::Error::Value) for a value that the column's type in Arrow cannot be,
/// [`Error::Promise`](crate::Error::Promise) for another number of columns, and what `take` fails with.
pub(super) fn add_row(rows: &mut ReadRows, row: Row, take: &mut Take<'_>) -> Result<()> {
    rows.check_columns(row.len())?;
    for (at, value) in row.unwrap().into_iter().enumerate() {
        let value = Some(value).filter(|value| *value != Value::NULL);
        let shown = |value: Value| value.as_sql(false);
        rows.add(at, value, add, shown)?;
    }
    rows.end_row(take)
}

/// Bytes that a row has brought, about.
pub(super) fn bytes_of(row: &Row) -> u64 {
    let value = |at| match row.as_ref(at) {
        Some(Value::Bytes(bytes)) => bytes.len() as u64,
        Some(_) => 8,
        None => 0,
    };
    (0..row.len()).map(value).sum()
}

/// Adds a value; nothing where it is none of the column's type.
fn add(column: &mut Column, value: &Value) -> Option<()> {
    match column {
        Column::Bool(builder) => builder.append_value(match integer(value)? {
            0 => false,
            1 => true,
            _ => return None,
        }),
        Column::I8(builder) => builder.append_value(integer(value)?.try_into().ok()?),
        Column::I16(builder) => builder.append_value(integer(value)?.try_into().ok()?),
        Column::I32(builder) => builder.append_value(integer(value)?.try_into().ok()?),
        Column::I64(builder) => builder.append_value(integer(value)?.try_into().ok()?),
        Column::U8(builder) => builder.append_value(integer(value)?.try_into().ok()?),
        Column::U16(builder) => builder.append_value(integer(value)?.try_into().ok()?),
        Column::U32(builder) => builder.append_value(integer(value)?.try_into().ok()?),
        Column::U64(builder) => builder.append_value(integer(value)?.try_into().ok()?),
        Column::F32(builder) => match value {
            Value::Float(value) => builder.append_value(*value),
            _ => return None,
        },
        Column::F64(builder) => match value {
            Value::Double(value) => builder.append_value(*value),
            _ => return None,
        },
        Column::Days(builder) => match value {
            Value::Date(year, month, day, 0, 0, 0, 0) => {
                builder.append_value(days(*year, *month, *day)?.try_into().ok()?);
            }
            _ => return None,
        },
        Column::Seconds(builder) => builder.append_value(time(value, 1_000_000)?),
        Column::Millis(builder) => builder.append_value(time(value, 1_000)?),
        Column::Micros(builder) => builder.append_value(time(value, 1)?),
        Column::Decimals(builder, scale) => builder.append_value(decimal(value, *scale)?),
        Column::Texts(builder) => builder.append_value(text(value)?),
        Column::LargeTexts(builder) => builder.append_value(text(value)?),
        Column::Bytes(builder) => builder.append_value(bytes(value)?),
        Column::LargeBytes(builder) => builder.append_value(bytes(value)?),
    }
    Some(())
}

fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Int(value) => Some(i128::from(*value)),
        Value::UInt(value) => Some(i128::from(*value)),
        _ => None,
    }
}

fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

fn text(value: &Value) -> Option<&str> {
    std::str::from_utf8(bytes(value)?).ok()
}

/// Digits as the server writes them, in units of the scale; nothing where there are more behind the
/// point than that, unless they are zeros.
fn decimal(value: &Value, scale: u8) -> Option<i128> {
    let text = text(value)?;
    let (is_negative, text) = match text.strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, text),
    };
    let (whole, behind) = text.split_once('.').unwrap_or((text, ""));
    let scale = usize::from(scale);
    let (kept, rest) = behind.split_at_checked(scale).unwrap_or((behind, ""));
    if rest.bytes().any(|digit| digit != b'0') {
        return None;
    }
    let digits = whole.bytes().chain(kept.bytes());
    let zeros = std::iter::repeat_n(b'0', scale - kept.len());
    let mut number = 0_i128;
    for digit in digits.chain(zeros) {
        let digit = i128::from(digit.is_ascii_digit().then(|| digit - b'0')?);
        number = number.checked_mul(10)?.checked_add(digit)?;
    }
    Some(if is_negative { -number } else { number })
}

/// Days from 1970-01-01; nothing for a day that no calendar has, such as the zero of old tables.
fn days(year: u16, month: u8, day: u8) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Howard Hinnant's `days_from_civil`, for years from 1 on.
    let (month, day) = (i64::from(month), i64::from(day));
    let year = i64::from(year) - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let in_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    Some(era * 146_097 + in_era - 719_468)
}

/// A time in units of so many microseconds; nothing where it lies between two of them.
fn time(value: &Value, unit: i64) -> Option<i64> {
    let Value::Date(year, month, day, hour, minute, second, micros) = value else {
        return None;
    };
    let seconds = (i64::from(*hour) * 60 + i64::from(*minute)) * 60 + i64::from(*second);
    let of_day = seconds * 1_000_000 + i64::from(*micros);
    let micros = days(*year, *month, *day)? * 86_400_000_000 + of_day;
    (micros % unit == 0).then_some(micros / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_every_digit() {
        let of = |text: &str, scale| decimal(&Value::Bytes(text.as_bytes().to_vec()), scale);
        assert_eq!(of("-0.05", 2), Some(-5));
        assert_eq!(of("12.5", 2), Some(1_250));
        assert_eq!(of("12.5000", 2), Some(1_250));
        assert_eq!(of("12.501", 2), None);
        assert_eq!(
            of("99999999999999999999999999999999999999", 0),
            Some(10_i128.pow(38) - 1)
        );
        assert_eq!(of("1e3", 2), None);
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(days(1, 1, 1), Some(-719_162));
        assert_eq!(days(1970, 1, 1), Some(0));
        assert_eq!(days(2000, 2, 29), Some(11_016));
        assert_eq!(days(9999, 12, 31), Some(2_932_896));
        assert_eq!(days(0, 0, 0), None);
        let value = Value::Date(1969, 12, 31, 23, 59, 59, 999_999);
        assert_eq!((time(&value, 1), time(&value, 1_000)), (Some(-1), None));
    }
}

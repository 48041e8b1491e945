//! Numbers for people.

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type};
use arrow_schema::DataType;
use datafusion::arrow::compute::cast;

use super::plain;
use crate::model::NumberFormat;

/// A number that is there, as text.
pub(super) fn text(array: &ArrayRef, row: usize, format: NumberFormat, currency: &str) -> String {
    if format == NumberFormat::Code {
        return plain(array, row);
    }
    let is_whole = array.data_type().is_integer();
    let decimals = match format {
        NumberFormat::Money => 2,
        NumberFormat::Percent if !is_whole => 1,
        NumberFormat::Number if !is_whole => 2,
        _ => 0,
    };
    let digits = match array.data_type() {
        DataType::Decimal128(_, scale) => {
            let value = array.as_primitive::<Decimal128Type>().value(row);
            exact(value, *scale, decimals)
        }
        _ if is_whole => match cast(array, &DataType::Int64) {
            Ok(whole) => exact(
                whole.as_primitive::<Int64Type>().value(row).into(),
                0,
                decimals,
            ),
            Err(error) => return error.to_string(),
        },
        _ => match cast(array, &DataType::Float64) {
            Ok(reals) => format!(
                "{:.decimals$}",
                reals.as_primitive::<Float64Type>().value(row)
            ),
            Err(error) => return error.to_string(),
        },
    };
    let (sign, digits) = signed(&digits);
    let digits = grouped(digits);
    match format {
        NumberFormat::Money if !currency.is_empty() => format!("{sign}{currency} {digits}"),
        NumberFormat::Percent => format!("{sign}{digits} %"),
        _ => format!("{sign}{digits}"),
    }
}

/// A number of few letters, as its format has it.
pub(super) fn short_as(number: f64, format: NumberFormat) -> String {
    match format {
        NumberFormat::Percent => {
            let digits = format!("{number:.1}");
            let (sign, digits) = signed(&digits);
            format!("{sign}{digits} %")
        }
        _ => short(number),
    }
}

/// Three figures with a unit of thousands: `12.3 M`.
///
/// ```
/// use lakeseed_star_schema::short;
///
/// assert_eq!(short(12_345_678.0), "12.3 M");
/// assert_eq!(short(-950.0), "-950");
/// assert_eq!(short(2.5), "2.5");
/// ```
pub fn short(number: f64) -> String {
    let units = ["", " k", " M", " G", " T"];
    let (mut value, mut unit) = (number.abs(), 0);
    // What would be rounded up to a thousand is one of the next unit.
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    let decimals = match value {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    let text = match text.split_once('.') {
        Some(_) => text.trim_end_matches('0').trim_end_matches('.'),
        None => text.as_str(),
    };
    let sign = if number < 0.0 && text != "0" { "-" } else { "" };
    format!("{sign}{text}{}", units[unit])
}

/// A decimal number with so many decimals, rounded half away from zero.
fn exact(value: i128, scale: i8, decimals: usize) -> String {
    let scale = usize::try_from(scale).unwrap_or(0);
    let (sign, mut value) = (if value < 0 { "-" } else { "" }, value.unsigned_abs());
    let power = |exponent: usize| 10_u128.saturating_pow(u32::try_from(exponent).unwrap_or(38));
    if scale > decimals {
        let unit = power(scale - decimals);
        value = value / unit + u128::from(value % unit >= unit.div_ceil(2));
    } else {
        value = value.saturating_mul(power(decimals - scale));
    }
    if decimals == 0 {
        return format!("{sign}{value}");
    }
    let unit = power(decimals);
    format!("{sign}{}.{:0decimals$}", value / unit, value % unit)
}

/// The sign and the rest; what is rounded to nothing has none.
fn signed(digits: &str) -> (&str, &str) {
    match digits.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|byte| matches!(byte, b'0' | b'.')) => ("", rest),
        Some(rest) => ("-", rest),
        None => ("", digits),
    }
}

/// `1,234,567.89`.
fn grouped(digits: &str) -> String {
    let (whole, rest) = match digits.find('.') {
        Some(at) => digits.split_at(at),
        None => (digits, ""),
    };
    let mut text = String::with_capacity(digits.len() + whole.len() / 3);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && digit.is_ascii_digit() && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Decimal128Array, Float64Array, Int32Array};

    use super::*;

    #[test]
    fn numbers_are_as_their_format_has_them() {
        let decimals = |value: i128, scale: i8| -> ArrayRef {
            let decimals = Decimal128Array::from(vec![value]);
            Arc::new(decimals.with_precision_and_scale(38, scale).unwrap())
        };
        let real = |value: f64| -> ArrayRef { Arc::new(Float64Array::from(vec![value])) };
        let whole = |value: i32| -> ArrayRef { Arc::new(Int32Array::from(vec![value])) };
        for (array, format, expected) in [
            (
                decimals(123_456_789, 2),
                NumberFormat::Money,
                "R$ 1,234,567.89",
            ),
            (decimals(-5, 2), NumberFormat::Money, "-R$ 0.05"),
            (decimals(12_345, 4), NumberFormat::Money, "R$ 1.23"),
            (decimals(12_350, 4), NumberFormat::Money, "R$ 1.24"),
            (whole(1_000), NumberFormat::Money, "R$ 1,000.00"),
            (decimals(150, 2), NumberFormat::Count, "2"),
            (decimals(-149, 2), NumberFormat::Count, "-1"),
            (real(62.04), NumberFormat::Percent, "62.0 %"),
            (real(-0.04), NumberFormat::Percent, "0.0 %"),
            (whole(5), NumberFormat::Percent, "5 %"),
            (real(1_234.5), NumberFormat::Number, "1,234.50"),
            (whole(-123_456), NumberFormat::Count, "-123,456"),
            (whole(-123), NumberFormat::Count, "-123"),
            (whole(2_023), NumberFormat::Code, "2023"),
            (
                decimals(i128::MAX / 10, 0),
                NumberFormat::Code,
                "17014118346046923173168730371588410572",
            ),
        ] {
            assert_eq!(text(&array, 0, format, "R$"), expected, "{array:?}");
        }
        assert_eq!(text(&decimals(100, 2), 0, NumberFormat::Money, ""), "1.00");
    }

    #[test]
    fn short_ones_have_three_figures() {
        for (number, expected) in [
            (0.0, "0"),
            (0.004, "0"),
            (-0.001, "0"),
            (0.25, "0.25"),
            (9.999, "10"),
            (99.96, "100"),
            (999.4, "999"),
            (999.6, "1 k"),
            (1_234.0, "1.23 k"),
            (999_600.0, "1 M"),
            (1e15, "1000 T"),
            (-7_521_000.0, "-7.52 M"),
        ] {
            assert_eq!(short(number), expected, "{number}");
        }
        assert_eq!(short_as(-12.34, NumberFormat::Percent), "-12.3 %");
        assert_eq!(short_as(12_340.0, NumberFormat::Money), "12.3 k");
    }
}

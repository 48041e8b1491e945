//! Values as text: as lines of `LOAD DATA` have them, and as literals of `INSERT`.

use crate::databases::cells::{Cells, Unfit, Values, WriteCell, beyond};

/// Days from Arrow's day 0 to 0001-01-01 and 9999-12-31, the ends of both systems' calendars.
const DAYS: std::ops::RangeInclusive<i64> = -719_162..=2_932_896;
const DAY_MICROS: i64 = 86_400_000_000;

/// How values are put beside each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Between tabs, with backslashes before what would end a value.
    Line,
    /// As literals: texts in quotes, bytes in hexadecimal digits.
    Literal,
}

/// Values in one of the forms.
#[derive(Clone, Copy)]
pub(super) struct Line;

/// See [`Form::Literal`].
#[derive(Clone, Copy)]
pub(super) struct Literal;

impl WriteCell for Line {
    const NULL: &'static [u8] = b"\\N";

    #[inline]
    fn write(self, cells: &Cells<'_>, row: usize, out: &mut Vec<u8>) -> Result<(), Unfit> {
        write(cells, row, Form::Line, out)
    }
}

impl WriteCell for Literal {
    const NULL: &'static [u8] = b"NULL";

    #[inline]
    fn write(self, cells: &Cells<'_>, row: usize, out: &mut Vec<u8>) -> Result<(), Unfit> {
        write(cells, row, Form::Literal, out)
    }
}

impl Form {
    fn null(self) -> &'static [u8] {
        match self {
            Self::Line => Line::NULL,
            Self::Literal => Literal::NULL,
        }
    }

    /// Appends a text that needs nothing before any sign of it.
    fn plain(self, text: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Line => out.extend_from_slice(text),
            Self::Literal => {
                out.push(b'\'');
                out.extend_from_slice(text);
                out.push(b'\'');
            }
        }
    }
}

#[inline]
fn write(cells: &Cells<'_>, row: usize, form: Form, out: &mut Vec<u8>) -> Result<(), Unfit> {
    if cells.is_null(row) {
        out.extend_from_slice(form.null());
        return Ok(());
    }
    match &cells.values {
        Values::Bool(values) => out.push(b'0' + u8::from(values.value(row))),
        Values::I8(values) => integer(values[row], out),
        Values::I16(values) => integer(values[row], out),
        Values::I32(values) => integer(values[row], out),
        Values::I64(values) => integer(values[row], out),
        Values::U8(values) => integer(values[row], out),
        Values::U16(values) => integer(values[row], out),
        Values::U32(values) => integer(values[row], out),
        Values::U64(values) => integer(values[row], out),
        // By its double: the server reads a double, and cuts it to a float.
        Values::F32(values) => double(f64::from(values[row]), out)?,
        Values::F64(values) => double(values[row], out)?,
        Values::Days(values) => {
            let days = i64::from(values[row]);
            if !DAYS.contains(&days) {
                return Err(beyond("a day from 0001-01-01 to 9999-12-31", days));
            }
            form.plain(&date(days), out);
        }
        Values::Times(values, unit) => {
            let micros = values[row].checked_mul(*unit);
            let days = |micros: &i64| DAYS.contains(&micros.div_euclid(DAY_MICROS));
            let Some(micros) = micros.filter(days) else {
                let expected = "a time from 0001-01-01 to 9999-12-31";
                return Err(beyond(expected, values[row]));
            };
            form.plain(&time(micros), out);
        }
        Values::Decimals(values, scale) => decimal(values[row], *scale, out),
        Values::Texts(..) | Values::LargeTexts(..) => match form {
            Form::Line => escaped(cells.text(row), *b"\\\t\n\0", out),
            Form::Literal if cells.is_binary => hexadecimal(cells.text(row), out),
            Form::Literal => {
                out.push(b'\'');
                escaped(cells.text(row), *b"\\'\"\0", out);
                out.push(b'\'');
            }
        },
        Values::Codes(codes, words) => {
            if !words.append(codes[row], out) {
                out.extend_from_slice(form.null());
            }
        }
    }
    Ok(())
}

fn integer(value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// The shortest text that reads back the same; always with an exponent, since a literal without one is
/// a decimal first.
fn double(value: f64, out: &mut Vec<u8>) -> Result<(), Unfit> {
    if value == 0.0 && value.is_sign_negative() {
        // MariaDB makes 0 of it, in silence.
        return Err(("a number other than negative zero", "-0".to_owned()));
    }
    if !value.is_finite() {
        return Err(("a finite number", value.to_string()));
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    out.extend_from_slice(text.as_bytes());
    if !text.contains(['e', 'E']) {
        out.extend_from_slice(b"e0");
    }
    Ok(())
}

fn decimal(value: i128, scale: u8, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value.unsigned_abs()).as_bytes();
    let scale = usize::from(scale);
    let whole = digits.len().saturating_sub(scale);
    if whole == 0 {
        out.push(b'0');
    }
    out.extend_from_slice(&digits[..whole]);
    if scale > 0 {
        out.push(b'.');
        out.extend(std::iter::repeat_n(
            b'0',
            scale.saturating_sub(digits.len()),
        ));
        out.extend_from_slice(&digits[whole..]);
    }
}

/// Two digits.
fn pair(number: i64) -> [u8; 2] {
    [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]
}

/// A day as `2023-01-31`.
fn date(days: i64) -> [u8; 10] {
    // Howard Hinnant's `civil_from_days`, for years from 1 on.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let mut text = *b"0000-00-00";
    text[..2].copy_from_slice(&pair(year / 100));
    text[2..4].copy_from_slice(&pair(year % 100));
    text[5..7].copy_from_slice(&pair(month));
    text[8..].copy_from_slice(&pair(day));
    text
}

/// A time as `2023-01-31 12:00:00.000001`.
fn time(micros: i64) -> [u8; 26] {
    let (days, of_day) = (micros.div_euclid(DAY_MICROS), micros.rem_euclid(DAY_MICROS));
    let (seconds, fraction) = (of_day / 1_000_000, of_day % 1_000_000);
    let mut text = *b"0000-00-00 00:00:00.000000";
    text[..10].copy_from_slice(&date(days));
    text[11..13].copy_from_slice(&pair(seconds / 3_600));
    text[14..16].copy_from_slice(&pair(seconds / 60 % 60));
    text[17..19].copy_from_slice(&pair(seconds % 60));
    text[20..22].copy_from_slice(&pair(fraction / 10_000));
    text[22..24].copy_from_slice(&pair(fraction / 100 % 100));
    text[24..].copy_from_slice(&pair(fraction % 100));
    text
}

/// Appends bytes, each of the special ones behind a backslash.
fn escaped(text: &[u8], special: [u8; 4], out: &mut Vec<u8>) {
    if !text.iter().any(|byte| special.contains(byte)) {
        out.extend_from_slice(text);
        return;
    }
    for byte in text {
        if special.contains(byte) {
            out.push(b'\\');
        }
        out.push(match byte {
            b'\t' if special.contains(byte) => b't',
            b'\n' if special.contains(byte) => b'n',
            0 => b'0',
            byte => *byte,
        });
    }
}

fn hexadecimal(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(b"X'");
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
    out.push(b'\'');
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::*;

    use super::*;
    use crate::databases::cells::Words;

    fn written(array: impl Array + 'static, form: Form) -> Vec<String> {
        let array: ArrayRef = Arc::new(array);
        let words = Words::default();
        let cells = Cells::of(&array, &words).unwrap();
        let one = |row| {
            let mut out = Vec::new();
            write(&cells, row, form, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        (0..array.len()).map(one).collect()
    }

    #[test]
    fn what_would_end_a_value_is_escaped() {
        let texts = || StringArray::from(vec!["a\tb\n\\N\0", "it's \"so\"", ""]);
        assert_eq!(
            written(texts(), Form::Line),
            ["a\\tb\\n\\\\N\\0", "it's \"so\"", ""]
        );
        let literals = ["'a\tb\n\\\\N\\0'", "'it\\'s \\\"so\\\"'", "''"];
        assert_eq!(written(texts(), Form::Literal), literals);
        let bytes = BinaryArray::from(vec![&[0_u8, 171][..], &[]]);
        assert_eq!(written(bytes, Form::Literal), ["X'00AB'", "X''"]);
    }

    #[test]
    fn numbers_and_days_are_exact() {
        let cents = Decimal128Array::from(vec![-5, 1_000_000, 0, i128::from(i64::MIN)]);
        let cents = cents.with_precision_and_scale(20, 2).unwrap();
        let texts = ["-0.05", "10000.00", "0.00", "-92233720368547758.08"];
        assert_eq!(written(cents, Form::Line), texts);
        let days = Date32Array::from(vec![-719_162, -1, 0, 11_016, 19_417, 2_932_896]);
        let texts = [
            "0001-01-01",
            "1969-12-31",
            "1970-01-01",
            "2000-02-29",
            "2023-03-01",
            "9999-12-31",
        ];
        assert_eq!(written(days, Form::Line), texts);
        let times = TimestampMicrosecondArray::from(vec![-1, 1_672_531_200_000_001]);
        let texts = ["1969-12-31 23:59:59.999999", "2023-01-01 00:00:00.000001"];
        assert_eq!(written(times, Form::Line), texts);
        let doubles = Float64Array::from(vec![0.0, 0.1, 1e300, 5e-324]);
        let texts = written(doubles, Form::Literal);
        let back: Vec<f64> = texts.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(
            back.iter().map(|it| it.to_bits()).collect::<Vec<_>>(),
            [0.0_f64, 0.1, 1e300, 5e-324].map(f64::to_bits)
        );
        assert!(texts.iter().all(|text| text.contains('e')), "{texts:?}");
    }
}

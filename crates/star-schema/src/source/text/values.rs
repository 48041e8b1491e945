//! Values as text: what the types are called, how a value is read, which type a sample has.

use std::collections::HashSet;

use arrow_schema::{DataType, TimeUnit};
use chrono::{NaiveDate, NaiveTime};

use crate::source::codes;

/// The type that a name stands for in a model or an option: `text`, `i32`, `i64`, `f64`, `bool`,
/// `date`, `timestamp`, `timestamp utc`, `decimal(12,2)`.
///
/// ```
/// use arrow_schema::DataType;
/// use lakeseed_star_schema::column_type;
///
/// assert_eq!(column_type("decimal(12,2)"), Some(DataType::Decimal128(12, 2)));
/// assert_eq!(column_type("string"), None);
/// ```
pub fn column_type(name: &str) -> Option<DataType> {
    Some(match name.trim() {
        "text" => DataType::Utf8,
        "i32" => DataType::Int32,
        "i64" => DataType::Int64,
        "f64" => DataType::Float64,
        "bool" => DataType::Boolean,
        "date" => DataType::Date32,
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, None),
        "timestamp utc" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        other => {
            let inner = other.strip_prefix("decimal(")?.strip_suffix(')')?;
            let (precision, scale) = inner.split_once(',')?;
            let precision: u8 = precision.trim().parse().ok()?;
            let scale: i8 = scale.trim().parse().ok()?;
            let is_known = (1..=38).contains(&precision) && (0..=precision as i8).contains(&scale);
            return is_known.then_some(DataType::Decimal128(precision, scale));
        }
    })
}

/// What a type is called in errors.
pub(super) fn type_name(of: &DataType) -> String {
    match of {
        DataType::Utf8 | DataType::Dictionary(..) => "text in UTF-8".to_owned(),
        DataType::Int32 => "a whole number of 32 bits".to_owned(),
        DataType::Int64 => "a whole number of 64 bits".to_owned(),
        DataType::Float64 => "a number".to_owned(),
        DataType::Boolean => "true or false".to_owned(),
        DataType::Date32 => "a date as 2023-01-31".to_owned(),
        DataType::Timestamp(_, None) => "a time as 2023-01-31 10:11:12.000000".to_owned(),
        DataType::Timestamp(_, Some(_)) => "a time as 2023-01-31T10:11:12Z".to_owned(),
        DataType::Decimal128(precision, scale) => {
            format!("a decimal of {precision} digits, {scale} of them behind the point")
        }
        other => other.to_string(),
    }
}

/// A whole number: digits, perhaps behind a minus. A leading zero makes it a code, which a number
/// would lose.
pub(super) fn whole(bytes: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || (digits[0] == b'0' && (digits.len() > 1 || is_negative)) {
        return None;
    }
    let mut value = 0_i64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        // Towards the negative: its range is larger by one.
        value = value
            .checked_mul(10)?
            .checked_sub(i64::from(digit - b'0'))?;
    }
    if is_negative {
        Some(value)
    } else {
        value.checked_neg()
    }
}

/// A number with or without a point and an exponent; `NaN`, `inf`, `-inf`.
pub(super) fn number(bytes: &[u8]) -> Option<f64> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// A decimal in units of its last digit; digits beyond the scale must be zeros.
pub(super) fn decimal(bytes: &[u8], precision: u8, scale: i8) -> Option<i128> {
    let (is_negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let point = memchr::memchr(b'.', digits);
    let (before, behind) = match point {
        Some(point) => (&digits[..point], &digits[point + 1..]),
        None => (digits, &[][..]),
    };
    if before.is_empty() || (point.is_some() && behind.is_empty()) {
        return None;
    }
    let scale = usize::try_from(scale).ok()?;
    let (kept, beyond) = behind.split_at(behind.len().min(scale));
    if beyond.iter().any(|digit| *digit != b'0') {
        return None;
    }
    let mut value = 0_i128;
    let missing = std::iter::repeat_n(&b'0', scale - kept.len());
    for digit in before.iter().chain(kept).chain(missing) {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value
            .checked_mul(10)?
            .checked_add(i128::from(digit - b'0'))?;
    }
    let fits = value < 10_i128.pow(u32::from(precision));
    fits.then_some(if is_negative { -value } else { value })
}

/// `true` or `false`, in any case.
pub(super) fn truth(bytes: &[u8]) -> Option<bool> {
    if bytes.eq_ignore_ascii_case(b"true") {
        return Some(true);
    }
    bytes.eq_ignore_ascii_case(b"false").then_some(false)
}

/// `2023-01-31` in days since 1970.
pub(super) fn date(bytes: &[u8]) -> Option<i32> {
    let epoch = NaiveDate::default();
    let days = civil_date(bytes)?.signed_duration_since(epoch).num_days();
    i32::try_from(days).ok()
}

fn civil_date(bytes: &[u8]) -> Option<NaiveDate> {
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = bytes else {
        return None;
    };
    let year = digits(&[*y0, *y1, *y2, *y3])?;
    NaiveDate::from_ymd_opt(year as i32, digits(&[*m0, *m1])?, digits(&[*d0, *d1])?)
}

fn digits(bytes: &[u8]) -> Option<u32> {
    let mut value = 0;
    for byte in bytes {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u32::from(byte - b'0');
    }
    Some(value)
}

/// `2023-01-31 10:11:12.000000` in microseconds since 1970; a `T` may stand for the space, seconds'
/// parts may be missing, parts of a microsecond must be zeros. `is_utc` asks for a `Z` at the end.
pub(super) fn timestamp(bytes: &[u8], is_utc: bool) -> Option<i64> {
    let bytes = match (bytes, is_utc) {
        ([rest @ .., b'Z'], true) => rest,
        (bytes, false) => bytes,
        _ => return None,
    };
    let (day, time) = bytes.split_at_checked(10)?;
    let ([b' ' | b'T', clock @ ..], day) = (time, civil_date(day)?) else {
        return None;
    };
    let (clock, parts) = clock.split_at_checked(8)?;
    let [h0, h1, b':', m0, m1, b':', s0, s1] = clock else {
        return None;
    };
    let micros = match parts {
        [] => 0,
        [b'.', parts @ ..] if (1..=9).contains(&parts.len()) => {
            let nanos = digits(parts)? * 10_u32.pow(9 - parts.len() as u32);
            if !nanos.is_multiple_of(1000) {
                return None;
            }
            nanos / 1000
        }
        _ => return None,
    };
    let time = NaiveTime::from_hms_micro_opt(
        digits(&[*h0, *h1])?,
        digits(&[*m0, *m1])?,
        digits(&[*s0, *s1])?,
        micros,
    )?;
    Some(day.and_time(time).and_utc().timestamp_micros())
}

/// A type that a column's sample may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Whole,
    Number,
    Truth,
    Date,
    Time,
    UtcTime,
}

impl Shape {
    /// The narrowest first.
    const ALL: [Self; 6] = [
        Self::Whole,
        Self::Number,
        Self::Truth,
        Self::Date,
        Self::Time,
        Self::UtcTime,
    ];

    fn fits(self, value: &[u8]) -> bool {
        match self {
            Self::Whole => whole(value).is_some(),
            Self::Number => is_plain_number(value),
            Self::Truth => truth(value).is_some(),
            Self::Date => date(value).is_some(),
            Self::Time => timestamp(value, false).is_some(),
            Self::UtcTime => timestamp(value, true).is_some(),
        }
    }

    fn column_type(self) -> DataType {
        let microseconds = |zone| DataType::Timestamp(TimeUnit::Microsecond, zone);
        match self {
            Self::Whole => DataType::Int64,
            Self::Number => DataType::Float64,
            Self::Truth => DataType::Boolean,
            Self::Date => DataType::Date32,
            Self::Time => microseconds(None),
            Self::UtcTime => microseconds(Some("UTC".into())),
        }
    }
}

/// What the values of a column's sample are.
#[derive(Debug, Clone)]
pub(super) struct Guess {
    values: usize,
    /// The types that all values so far have.
    shapes: Vec<Shape>,
    distinct: HashSet<Vec<u8>>,
}

/// Texts of a sample are dictionaries where a distinct one stands for at least so many values.
const VALUES_A_CODE: usize = 4;

impl Guess {
    pub(super) fn new() -> Self {
        Self {
            values: 0,
            shapes: Shape::ALL.to_vec(),
            distinct: HashSet::new(),
        }
    }

    /// Takes a value of the sample that is not null.
    pub(super) fn see(&mut self, value: &[u8]) {
        self.values += 1;
        self.shapes.retain(|shape| shape.fits(value));
        if !self.distinct.contains(value) {
            self.distinct.insert(value.to_vec());
        }
    }

    /// Takes a value that is a text, whatever it looks like, or a date or time as one.
    pub(super) fn see_text(&mut self, value: &[u8]) {
        let is_text = |shape: &Shape| matches!(shape, Shape::Date | Shape::Time | Shape::UtcTime);
        self.shapes.retain(is_text);
        self.see(value);
    }

    /// The narrowest type that all values have; text where there is none to tell.
    pub(super) fn column_type(&self) -> DataType {
        match self.shapes.first() {
            _ if self.values == 0 => DataType::Utf8,
            Some(shape) => shape.column_type(),
            None if self.distinct.len() * VALUES_A_CODE <= self.values => codes(),
            None => DataType::Utf8,
        }
    }
}

/// A number that is no code: no leading zeros, no plus, no words.
fn is_plain_number(value: &[u8]) -> bool {
    let unsigned = value.strip_prefix(b"-").unwrap_or(value);
    let is_code = matches!(unsigned, [b'0', b'0'..=b'9', ..]);
    let begins = unsigned.first().is_some_and(u8::is_ascii_digit);
    begins && !is_code && number(value).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_and_nothing_else() {
        assert_eq!(whole(b"0"), Some(0));
        assert_eq!(whole(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(whole(b"9223372036854775807"), Some(i64::MAX));
        for text in [
            "9223372036854775808",
            "",
            "-",
            "-0",
            "01",
            "+1",
            "1.0",
            "1e3",
            " 1",
        ] {
            assert_eq!(whole(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn decimals_to_the_last_digit() {
        let cents = |text: &str| decimal(text.as_bytes(), 5, 2);
        assert_eq!(cents("12.5"), Some(1250));
        assert_eq!(cents("-0.05"), Some(-5));
        assert_eq!(cents("7"), Some(700));
        assert_eq!(cents("7.1200"), Some(712));
        assert_eq!(cents("999.99"), Some(99_999));
        for text in ["1000", "1.234", "", ".5", "5.", "1,5", "--1", "1e2"] {
            assert_eq!(cents(text), None, "{text}");
        }
    }

    #[test]
    fn times_that_exist() {
        assert_eq!(date(b"1970-01-02"), Some(1));
        assert_eq!(date(b"2023-02-29"), None);
        let micros = |text: &str| timestamp(text.as_bytes(), false);
        assert_eq!(micros("1970-01-01 00:00:01.500000"), Some(1_500_000));
        assert_eq!(micros("1970-01-01T00:00:01"), Some(1_000_000));
        assert_eq!(micros("1969-12-31 23:59:59.999999"), Some(-1));
        for text in [
            "1970-01-01",
            "1970-01-01 24:00:00",
            "1970-01-01 00:00:00.0000001",
        ] {
            assert_eq!(micros(text), None, "{text}");
        }
        assert_eq!(micros("1970-01-01T00:00:01Z"), None);
        assert_eq!(timestamp(b"1970-01-01T00:00:01Z", true), Some(1_000_000));
    }

    #[test]
    fn a_sample_tells_the_narrowest_type() {
        let guess = |values: &[&str]| {
            let mut guess = Guess::new();
            for value in values {
                guess.see(value.as_bytes());
            }
            guess.column_type()
        };
        assert_eq!(guess(&["1", "-2"]), DataType::Int64);
        assert_eq!(guess(&["1", "2.5"]), DataType::Float64);
        assert_eq!(guess(&["1", "007"]), DataType::Utf8);
        assert_eq!(guess(&["0.5", "00.5"]), DataType::Utf8);
        assert_eq!(guess(&["true", "False"]), DataType::Boolean);
        assert_eq!(guess(&["2023-01-31"]), DataType::Date32);
        assert_eq!(guess(&[]), DataType::Utf8);
        assert_eq!(guess(&["a", "a", "a", "a"]), codes());
        assert_eq!(guess(&["NaN", "inf"]), DataType::Utf8);
    }
}

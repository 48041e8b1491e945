//! Dates and moments of bounds as text, and back.

use std::fmt::Write;

use crate::format::text::times::civil;

const DAY_NANOS: i128 = 86_400_000_000_000;
const SECOND_NANOS: i128 = 1_000_000_000;

/// `2023-01-31`; a year outside 0 to 9999 has a sign and as many digits as it needs.
pub(super) fn date_text(day: i128) -> String {
    let (year, month, day_of_month) = civil(day as i64);
    if (0..=9999).contains(&year) {
        return format!("{year:04}-{month:02}-{day_of_month:02}");
    }
    let sign = if year < 0 { '-' } else { '+' };
    let size = year.unsigned_abs();
    format!("{sign}{size:04}-{month:02}-{day_of_month:02}")
}

/// `2023-01-31T12:34:56.123456` from nanoseconds; nine digits where six do not hold the moment.
pub(super) fn moment_text(nanos: i128, is_instant: bool) -> String {
    let mut text = date_text(nanos.div_euclid(DAY_NANOS));
    let of_day = nanos.rem_euclid(DAY_NANOS);
    let (seconds, fraction) = (of_day / SECOND_NANOS, of_day % SECOND_NANOS);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    // Writing to a text cannot fail.
    let _ = write!(text, "T{hour:02}:{minute:02}:{second:02}.");
    let _ = if fraction % 1_000 == 0 {
        write!(text, "{:06}", fraction / 1_000)
    } else {
        write!(text, "{fraction:09}")
    };
    if is_instant {
        text.push('Z');
    }
    text
}

/// The day of a date's text, counted from 1970-01-01.
pub(super) fn parse_date(text: &str) -> Option<i128> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let mut fields = digits.splitn(3, '-');
    let year = number(fields.next()?)?;
    let (month, day_of_month) = (number(fields.next()?)?, number(fields.next()?)?);
    let day = day_of(if negative { -year } else { year }, month, day_of_month)?;
    // A 31st of February, a 13th month: only what would be written is read.
    (date_text(day) == text).then_some(day)
}

/// The nanoseconds of a moment's text, counted from 1970-01-01T00:00.
pub(super) fn parse_moment(text: &str, is_instant: bool) -> Option<i128> {
    let bare = if is_instant {
        text.strip_suffix('Z')?
    } else {
        text
    };
    let (date, clock) = bare.split_once('T')?;
    let (clock, fraction) = clock.split_once('.')?;
    let mut fields = clock.splitn(3, ':');
    let mut seconds = 0;
    for _ in 0..3 {
        seconds = seconds * 60 + number(fields.next()?)?;
    }
    let fraction_nanos = match fraction.len() {
        6 => number(fraction)? * 1_000,
        9 => number(fraction)?,
        _ => return None,
    };
    let nanos = parse_date(date)? * DAY_NANOS + seconds * SECOND_NANOS + fraction_nanos;
    (moment_text(nanos, is_instant) == text).then_some(nanos)
}

/// A number of at most 15 digits: enough for the year of any 64-bit second.
fn number(digits: &str) -> Option<i128> {
    let is_number = (1..=15).contains(&digits.len()) && digits.bytes().all(|d| d.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?
}

/// The day of a civil date, counted from 1970-01-01.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
fn day_of(year: i128, month: i128, day_of_month: i128) -> Option<i128> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day_of_month) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day_of_month - 1;
    let year_of_era = year.rem_euclid(400);
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(year.div_euclid(400) * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_read_back() {
        let days = (-1_000_000..3_500_000).step_by(97);
        for day in days.chain([-719_529, -719_528, 0, 19_388, 2_932_896, 2_932_897]) {
            assert_eq!(parse_date(&date_text(day)), Some(day));
        }
        assert_eq!(date_text(19_388), "2023-01-31");
        for text in [
            "",
            "2023-02-31",
            "2023-13-01",
            "2023-1-1",
            "23-01-01",
            "é",
            "2023-01",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    #[test]
    fn moments_read_back() {
        let micros = 1_675_168_496_123_456_i128;
        let text = moment_text(micros * 1_000, false);
        assert_eq!(text, "2023-01-31T12:34:56.123456");
        assert_eq!(moment_text(-1, true), "1969-12-31T23:59:59.999999999Z");
        let far = i128::from(i64::MAX) * SECOND_NANOS;
        for nanos in [0, -1, -1_000, micros * 1_000, micros * 1_000 + 7, far, -far] {
            for is_instant in [false, true] {
                let text = moment_text(nanos, is_instant);
                assert_eq!(parse_moment(&text, is_instant), Some(nanos), "{text}");
                assert_eq!(parse_moment(&text, !is_instant), None);
            }
        }
        assert_eq!(parse_moment("2023-01-31T24:00:00.000000", false), None);
        assert_eq!(parse_moment("2023-01-31T12:34:56", false), None);
    }
}

//! Dates and times as text: `2023-01-31` and `2023-01-31 10:11:12.000000`.
//!
//! Of all forms this is the one that DuckDB, pandas and Arrow each take for a timestamp unasked, in
//! CSV and in JSON. The fraction has always six digits, nine where ticks are nanoseconds, because pandas
//! takes the format of a column from its first value, and DuckDB one format for all. An instant (a
//! timestamp with a zone) ends in `Z`.

use super::TextStyle;
use super::lines::Lines;

/// The widest date or time, years beyond 9999 and the zone's letter included.
pub(super) const TIME_BYTES: usize = 48;

pub(super) const DAY_MICROS: i64 = 86_400_000_000;
const CACHED_DAYS: usize = 512;

/// Dates as text, by day: rows are mostly in time order, and a year fits.
#[derive(Debug)]
pub(super) struct DayCache {
    days: Vec<(i64, [u8; 10])>,
}

impl Default for DayCache {
    fn default() -> Self {
        // A day that belongs to another place of the table, so that no place is taken for filled.
        let empty = |place: usize| (place as i64 + 1, [0; 10]);
        Self {
            days: (0..CACHED_DAYS).map(empty).collect(),
        }
    }
}

impl DayCache {
    /// A day as text, where its year has four digits.
    #[inline]
    pub(super) fn text(&mut self, day: i64) -> Option<&[u8; 10]> {
        let place = &mut self.days[day as usize % CACHED_DAYS];
        if place.0 != day {
            *place = (day, four_digit_year(day)?);
        }
        Some(&place.1)
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
pub(crate) fn civil(day: i64) -> (i64, u64, u64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u64, day_of_month as u64)
}

fn four_digit_year(day: i64) -> Option<[u8; 10]> {
    let (year, month, day_of_month) = civil(day);
    if !(0..=9999).contains(&year) {
        return None;
    }
    let mut lines = Lines::default();
    lines.ensure(TIME_BYTES);
    lines.padded(year as u64, 4);
    lines.byte(b'-');
    lines.padded(month, 2);
    lines.byte(b'-');
    lines.padded(day_of_month, 2);
    lines.as_slice().try_into().ok()
}

impl Lines {
    /// Writes a day counted from 1970-01-01, in quotes where the style wants them.
    #[inline]
    pub(super) fn date(&mut self, day: i64, cache: &mut DayCache, style: TextStyle) {
        self.quote(style);
        self.bare_date(day, cache);
        self.quote(style);
    }

    #[inline]
    fn quote(&mut self, style: TextStyle) {
        if style == TextStyle::Json {
            self.byte(b'"');
        }
    }

    #[inline]
    fn bare_date(&mut self, day: i64, cache: &mut DayCache) {
        match cache.text(day) {
            Some(text) => self.fixed(text, 10),
            None => self.far_date(day),
        }
    }

    /// A year outside 0 to 9999, with its sign, as ISO 8601 has it.
    #[cold]
    fn far_date(&mut self, day: i64) {
        let (year, month, day_of_month) = civil(day);
        self.byte(if year < 0 { b'-' } else { b'+' });
        let size = year.unsigned_abs();
        if size < 10_000 {
            self.padded(size, 4);
        } else {
            self.unsigned(size);
        }
        self.byte(b'-');
        self.padded(month, 2);
        self.byte(b'-');
        self.padded(day_of_month, 2);
    }

    /// Writes microseconds counted from 1970-01-01T00:00.
    #[inline]
    pub(super) fn timestamp(
        &mut self,
        micros: i64,
        is_instant: bool,
        cache: &mut DayCache,
        style: TextStyle,
    ) {
        self.quote(style);
        self.moment(micros, cache);
        if is_instant {
            self.byte(b'Z');
        }
        self.quote(style);
    }

    /// Writes nanoseconds counted from 1970-01-01T00:00.
    pub(super) fn nanoseconds(
        &mut self,
        nanos: i64,
        is_instant: bool,
        cache: &mut DayCache,
        style: TextStyle,
    ) {
        self.quote(style);
        self.moment(nanos.div_euclid(1_000), cache);
        self.padded(nanos.rem_euclid(1_000) as u64, 3);
        if is_instant {
            self.byte(b'Z');
        }
        self.quote(style);
    }

    /// A date and the time of day to the microsecond.
    #[inline]
    fn moment(&mut self, micros: i64, cache: &mut DayCache) {
        self.bare_date(micros.div_euclid(DAY_MICROS), cache);
        let of_day = micros.rem_euclid(DAY_MICROS) as u64;
        let (seconds, fraction) = (of_day / 1_000_000, of_day % 1_000_000);
        let (minutes, second) = (seconds / 60, seconds % 60);
        let (hour, minute) = (minutes / 60, minutes % 60);
        let clock = [
            b' ',
            b'0' + (hour / 10) as u8,
            b'0' + (hour % 10) as u8,
            b':',
            b'0' + (minute / 10) as u8,
            b'0' + (minute % 10) as u8,
            b':',
            b'0' + (second / 10) as u8,
            b'0' + (second % 10) as u8,
            b'.',
        ];
        self.fixed(&clock, clock.len());
        self.padded(fraction, 6);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(day: i64) -> String {
        let mut lines = Lines::default();
        lines.ensure(200);
        lines.date(day, &mut DayCache::default(), TextStyle::Csv);
        String::from_utf8(lines.into_bytes()).unwrap()
    }

    #[test]
    fn dates_follow_the_calendar() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(-1), "1969-12-31");
        assert_eq!(date(19_358), "2023-01-01");
        assert_eq!(date(19_782), "2024-02-29");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(2_932_896), "9999-12-31");
        assert_eq!(date(2_932_897), "+10000-01-01");
        assert_eq!(date(-719_529), "-0001-12-31");
    }

    #[test]
    fn days_that_share_a_place_of_the_cache_stay_apart() {
        let mut cache = DayCache::default();
        let mut lines = Lines::default();
        lines.ensure(200);
        for day in [0, 512, 0, -512, 1, 513] {
            lines.date(day, &mut cache, TextStyle::Csv);
            lines.byte(b' ');
        }
        let text = String::from_utf8(lines.into_bytes()).unwrap();
        assert_eq!(
            text,
            "1970-01-01 1971-05-28 1970-01-01 1968-08-07 1970-01-02 1971-05-29 "
        );
    }

    #[test]
    fn timestamps_have_six_digits_of_fraction() {
        let mut lines = Lines::default();
        lines.ensure(200);
        let mut cache = DayCache::default();
        lines.timestamp(1_675_159_872_000_045, false, &mut cache, TextStyle::Csv);
        lines.byte(b' ');
        lines.timestamp(-1, true, &mut cache, TextStyle::Csv);
        assert_eq!(
            String::from_utf8(lines.into_bytes()).unwrap(),
            "2023-01-31 10:11:12.000045 1969-12-31 23:59:59.999999Z"
        );
    }

    #[test]
    fn nanoseconds_have_nine() {
        let mut lines = Lines::default();
        lines.ensure(200);
        let mut cache = DayCache::default();
        for nanos in [-1, 1_675_159_872_000_045_006, i64::MIN] {
            lines.nanoseconds(nanos, nanos < 0, &mut cache, TextStyle::Csv);
            lines.byte(b' ');
        }
        assert_eq!(
            String::from_utf8(lines.into_bytes()).unwrap(),
            "1969-12-31 23:59:59.999999999Z 2023-01-31 10:11:12.000045006 1677-09-21 00:12:43.145224192Z "
        );
    }
}

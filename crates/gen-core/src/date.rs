//! Civil dates as days since 1970-01-01, in integer arithmetic.
//!
//! Source of the conversions: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// Microseconds of a day.
pub const DAY_MICROS: i64 = 86_400_000_000;

/// A day of the Gregorian calendar.
///
/// ```
/// use lakeseed_gen_core::Date;
///
/// let day: Date = "2024-02-29".parse()?;
/// assert_eq!(day.ymd(), (2024, 2, 29));
/// assert_eq!(day.next().to_string(), "2024-03-01");
/// assert!("2023-02-29".parse::<Date>().is_err());
/// # Ok::<(), lakeseed_gen_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(i32);

impl Date {
    /// The day of that year, month and day, which must exist.
    pub const fn new(year: i32, month: u32, day: u32) -> Self {
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let month_from_march = (month as i32 + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + day as i32 - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Self(era * 146_097 + day_of_era - 719_468)
    }

    /// The day that many days after 1970-01-01.
    pub const fn from_days(days: i32) -> Self {
        Self(days)
    }

    /// Days since 1970-01-01.
    pub const fn days(self) -> i32 {
        self.0
    }

    /// Microseconds from 1970-01-01 to midnight of this day.
    pub const fn micros(self) -> i64 {
        self.0 as i64 * DAY_MICROS
    }

    /// Year, month 1..=12, day 1..=31.
    pub const fn ymd(self) -> (i32, u32, u32) {
        let days = self.0 + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
        (year, month as u32, day as u32)
    }

    /// 0 for Monday to 6 for Sunday.
    pub const fn weekday(self) -> u32 {
        (self.0 + 3).rem_euclid(7) as u32
    }

    /// The day after.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The day that many days later.
    #[must_use]
    pub const fn plus(self, days: i32) -> Self {
        Self(self.0 + days)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Date {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = || Error::bad_value("a date", "a day that exists, as 2023-12-31", text);
        let mut parts = text.splitn(3, '-');
        let mut part = |digits: usize| {
            let part = parts.next().filter(|part| part.len() == digits);
            let part = part.filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
            part.and_then(|part| part.parse::<u32>().ok())
                .ok_or_else(refused)
        };
        let (year, month, day) = (part(4)? as i32, part(2)?, part(2)?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return Err(refused());
        }
        let date = Self::new(year, month, day);
        if date.ymd() == (year, month, day) {
            Ok(date)
        } else {
            Err(refused())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_four_centuries_comes_back() {
        let mut date = Date::new(1800, 1, 1);
        while date < Date::new(2200, 1, 1) {
            let (year, month, day) = date.ymd();
            assert_eq!(Date::new(year, month, day), date);
            date = date.next();
        }
    }

    #[test]
    fn known_days() {
        assert_eq!(Date::new(1970, 1, 1).days(), 0);
        assert_eq!(Date::new(2023, 1, 1).days(), 19_358);
        assert_eq!(Date::new(2023, 1, 1).weekday(), 6);
        assert_eq!(Date::new(2026, 11, 20).weekday(), 4);
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2023",
            "2023-13-01",
            "2023-00-10",
            "2023-04-31",
            "23-04-30",
            "2023-4-3",
            "2023-04-30-1",
            "+023-04-30",
            "hoje",
        ] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
    }
}

//! How busy each day is: weekday, month, trend and Brazilian holidays, in integers.
//!
//! A day's weight follows from its date alone. The number of rows before a day is
//! `floor(N * W(day) / W(base year))`, with W the weights summed up from the epoch: exact, and the
//! same whichever window is asked for, so that later days leave earlier rows as they were.

use std::ops::Range;

use crate::dataset::{EPOCH, HORIZON};
use crate::date::Date;

/// Sales by weekday from Monday, relative to 100: strongest before the weekend, Sunday halved.
/// Reasoning: a distributor delivers to shops that restock for Friday and Saturday.
const WEEKDAYS: [u64; 7] = [96, 98, 101, 106, 124, 116, 52];

/// Sales by month from January, relative to 100: December's trade, and the lull after it.
const MONTHS: [u64; 12] = [93, 88, 97, 97, 103, 98, 100, 101, 100, 104, 109, 131];

/// Growth of a year in thousandths, spread evenly over its days.
const YEARLY_GROWTH: u64 = 60;

/// What is left of a usual day's sales on a holiday, in hundredths.
const HOLIDAY: u64 = 35;
/// The same on Christmas and New Year's Day.
const QUIET_HOLIDAY: u64 = 12;
/// The four days before Christmas, in hundredths.
const CHRISTMAS_RUSH: u64 = 145;
/// The day of discounts, the fourth Friday of November or its successor, in hundredths.
const BLACK_FRIDAY: u64 = 210;

/// Fixed national holidays of Brazil as (month, day).
///
/// Source: Laws 662/1949, 6.802/1980, 10.607/2002 and, from 2024 on, 14.759/2023 (20 November).
const FIXED_HOLIDAYS: [(u32, u32); 8] = [
    (1, 1),
    (4, 21),
    (5, 1),
    (9, 7),
    (10, 12),
    (11, 2),
    (11, 15),
    (12, 25),
];

/// Movable ones as days after Easter: Carnival Monday and Tuesday, Good Friday, Corpus Christi.
const MOVABLE_HOLIDAYS: [i32; 4] = [-48, -47, -2, 60];

/// Easter Sunday of a Gregorian year.
///
/// Source: the anonymous algorithm in Meeus, "Astronomical Algorithms" (1991), chapter 8.
pub const fn easter(year: i32) -> Date {
    let golden = year % 19;
    let (century, rest) = (year / 100, year % 100);
    let leap = century / 4;
    let correction = (century - (century + 8) / 25 + 1) / 3;
    let epact = (19 * golden + century - leap - correction + 15) % 30;
    let weekday = (32 + 2 * (century % 4) + 2 * (rest / 4) - epact - rest % 4) % 7;
    let late = (golden + 11 * epact + 22 * weekday) / 451;
    let march = epact + weekday - 7 * late + 114;
    Date::new(year, (march / 31) as u32, (march % 31 + 1) as u32)
}

/// Whether a day is a national holiday or Carnival in Brazil.
pub fn is_holiday(day: Date) -> bool {
    let (year, month, of_month) = day.ymd();
    let after_easter = day.days() - easter(year).days();
    FIXED_HOLIDAYS.contains(&(month, of_month))
        || (year >= 2024 && (month, of_month) == (11, 20))
        || MOVABLE_HOLIDAYS.contains(&after_easter)
}

/// The weight of one day.
pub fn weight(day: Date) -> u64 {
    let (_, month, of_month) = day.ymd();
    let factor = match (month, of_month) {
        (1, 1) | (12, 25) => QUIET_HOLIDAY,
        (12, 21..=24) => CHRISTMAS_RUSH,
        _ if is_holiday(day) => HOLIDAY,
        // The Friday from the 23rd to the 29th follows the fourth Thursday.
        (11, 23..=29) if day.weekday() == 4 => BLACK_FRIDAY,
        _ => 100,
    };
    let trend = 365_000 + YEARLY_GROWTH * (day.days() - EPOCH.days()).max(0) as u64;
    WEEKDAYS[day.weekday() as usize] * MONTHS[month as usize - 1] * factor * trend
}

/// Row numbers by day: how many rows of an event table come before any day of a window.
#[derive(Debug, Clone)]
pub struct Calendar {
    start: Date,
    /// Rows before each day of the window, and before the day after it.
    before: Vec<u64>,
}

impl Calendar {
    /// For a table of `base_rows` rows in the base year, over the days of a window.
    ///
    /// None when a count in the window passes 2^62.
    pub fn new(base_rows: u64, start: Date, end: Date) -> Option<Self> {
        let base_end = Date::new(EPOCH.ymd().0 + 1, 1, 1);
        let base_weight = u128::from(weights(EPOCH..base_end).sum::<u64>());
        let mut cumulative = weights(EPOCH..start).sum::<u64>();
        let mut before = Vec::with_capacity((end.days() - start.days() + 2) as usize);
        for today in weights(start..end.next()).map(Some).chain([None]) {
            let rows = u128::from(base_rows) * u128::from(cumulative) / base_weight;
            if rows > 1 << 62 {
                return None;
            }
            before.push(rows as u64);
            cumulative += today.unwrap_or_default();
        }
        Some(Self { start, before })
    }

    /// The rows of the whole window.
    pub fn rows(&self) -> Range<u64> {
        let first = self.before.first().copied().unwrap_or_default();
        first..self.before.last().copied().unwrap_or(first)
    }

    /// The days of the window with their rows, in order; days without rows too.
    pub fn days(&self) -> impl Iterator<Item = (Date, Range<u64>)> + '_ {
        let pairs = self.before.windows(2).enumerate();
        pairs.map(|(at, pair)| (self.start.plus(at as i32), pair[0]..pair[1]))
    }

    /// The day of a row, which must be inside the window.
    fn day_of(&self, row: u64) -> usize {
        self.before
            .partition_point(|&first| first <= row)
            .saturating_sub(1)
    }

    /// Begins to walk over rows: the next one is mostly of the same day.
    pub fn walk(&self) -> Walk<'_> {
        Walk {
            calendar: self,
            day: None,
        }
    }
}

fn weights(days: Range<Date>) -> impl Iterator<Item = u64> {
    debug_assert!(days.end <= HORIZON.next());
    (days.start.days()..days.end.days()).map(|day| weight(Date::from_days(day)))
}

/// One day with its rows.
#[derive(Debug, Clone)]
pub struct Day {
    /// The date.
    pub date: Date,
    /// Its year.
    pub year: i32,
    /// Its month, 1 to 12.
    pub month: i32,
    /// Its day of the month.
    pub day: i32,
    /// Its rows.
    pub rows: Range<u64>,
    share: f64,
}

impl Day {
    /// Where in the day a row lies, in `[0, 1]`: row k of n at `(k + u) / n`, so that rows are in
    /// order of time whatever `u` of `[0, 1)` each one draws.
    #[inline]
    pub fn position(&self, row: u64, u: f64) -> f64 {
        ((row - self.rows.start) as f64 + u) * self.share
    }
}

/// Finds the day of one row after the other.
#[derive(Debug)]
pub struct Walk<'a> {
    calendar: &'a Calendar,
    day: Option<Day>,
}

impl Walk<'_> {
    /// The day of that row, which must be inside the window.
    #[inline]
    pub fn day(&mut self, row: u64) -> &Day {
        let same = self.day.as_ref().is_some_and(|day| day.rows.contains(&row));
        if !same {
            self.day = None;
        }
        self.day.get_or_insert_with(|| {
            let before = &self.calendar.before;
            let at = self
                .calendar
                .day_of(row)
                .min(before.len().saturating_sub(2));
            let date = self.calendar.start.plus(at as i32);
            let rows = before[at]..before[at + 1];
            let (year, month, day) = date.ymd();
            let share = 1.0 / (rows.end - rows.start).max(1) as f64;
            Day {
                date,
                year,
                month: month as i32,
                day: day as i32,
                rows,
                share,
            }
        })
    }
}

/// When in a day things happen: weights of the 24 hours, even inside each.
#[derive(Debug, Clone)]
pub struct Hours {
    /// Share of the day before each hour; infinity after the last.
    until: [f64; 24],
    from: [f64; 24],
    micros_per_share: [f64; 24],
    /// The hour to begin the search at, by 64ths of the day's rows.
    guess: [u8; 64],
}

const HOUR_MICROS: i64 = 3_600_000_000;

impl Hours {
    /// With these weights, all above zero.
    pub fn new(weights: [u32; 24]) -> Self {
        let total: u32 = weights.iter().sum();
        let mut hours = Self {
            until: [f64::INFINITY; 24],
            from: [0.0; 24],
            micros_per_share: [0.0; 24],
            guess: [0; 64],
        };
        let mut cumulative = 0;
        for (hour, weight) in weights.into_iter().enumerate() {
            hours.from[hour] = f64::from(cumulative) / f64::from(total);
            hours.micros_per_share[hour] =
                HOUR_MICROS as f64 * f64::from(total) / f64::from(weight.max(1));
            cumulative += weight;
            if hour < 23 {
                hours.until[hour] = f64::from(cumulative) / f64::from(total);
            }
        }
        for (cell, guess) in hours.guess.iter_mut().enumerate() {
            let position = cell as f64 / 64.0;
            *guess = hours
                .until
                .iter()
                .take_while(|&&until| until <= position)
                .count() as u8;
        }
        hours
    }

    /// Microseconds after midnight at a position of the day: never falls as the position rises.
    #[inline]
    pub fn micros(&self, position: f64) -> i64 {
        let mut hour = self.guess[((position * 64.0) as usize).min(63)] as usize;
        while position >= self.until[hour] {
            hour += 1;
        }
        let within = ((position - self.from[hour]) * self.micros_per_share[hour]) as i64;
        hour as i64 * HOUR_MICROS + within.clamp(0, HOUR_MICROS - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easters_of_record() {
        // The dates of the Brazilian calendars of these years.
        for (year, month, day) in [(2023, 4, 9), (2024, 3, 31), (2025, 4, 20), (2038, 4, 25)] {
            assert_eq!(easter(year), Date::new(year, month, day));
        }
        assert!(is_holiday(Date::new(2024, 2, 13)), "Carnival Tuesday");
        assert!(is_holiday(Date::new(2024, 5, 30)), "Corpus Christi");
        assert!(!is_holiday(Date::new(2023, 11, 20)) && is_holiday(Date::new(2024, 11, 20)));
    }

    #[test]
    fn the_base_year_has_its_rows_and_windows_join() {
        let end = Date::new(2023, 12, 31);
        let year = Calendar::new(3_000_000, EPOCH, end).unwrap();
        assert_eq!(year.rows(), 0..3_000_000);
        let next = Calendar::new(3_000_000, end.next(), Date::new(2024, 12, 31)).unwrap();
        assert_eq!(next.rows().start, 3_000_000);
        let growth = (next.rows().end - 3_000_000) as f64 / 3e6;
        assert!((1.05..1.08).contains(&growth), "{growth}");
        let june = Calendar::new(3_000_000, Date::new(2023, 6, 1), Date::new(2023, 6, 30)).unwrap();
        let inside: Vec<_> = year.days().filter(|(day, _)| day.ymd().1 == 6).collect();
        assert_eq!(june.days().collect::<Vec<_>>(), inside);
    }

    #[test]
    fn a_walk_finds_the_day_of_any_row() {
        let calendar = Calendar::new(1000, EPOCH, Date::new(2023, 12, 31)).unwrap();
        let mut walk = calendar.walk();
        for (date, rows) in calendar.days() {
            for row in rows.clone() {
                assert_eq!(walk.day(row).date, date);
                assert_eq!(calendar.walk().day(row).rows, rows);
            }
        }
    }

    #[test]
    fn hours_rise_and_stay_in_the_day() {
        let hours = Hours::new(std::array::from_fn(|hour| 1 + hour as u32 % 5));
        let mut last = -1;
        for step in 0..=100_000 {
            let micros = hours.micros(f64::from(step) / 100_000.0);
            assert!(micros >= last && micros < 24 * HOUR_MICROS);
            last = micros;
        }
        assert_eq!(hours.micros(0.0), 0);
        assert!(last > 24 * HOUR_MICROS - 1_000_000);
    }

    #[test]
    fn too_many_rows_are_refused() {
        assert!(Calendar::new(1 << 62, EPOCH, Date::new(2024, 12, 31)).is_none());
    }
}

//! Dates and times of a block of rows as text, as [`times`](super::times) has them.

use super::TextStyle;
use super::digits::{EightDigits, eight_digits_each, joined};
use super::grid::BLOCK;
use super::numbers::ASCII_ZEROS;
use super::slots::TEXT_BYTES;
use super::times::{DAY_MICROS, DayCache};

/// What makes colons of the zeros between hours, minutes and seconds: eight digits in one number, the
/// first in the lowest byte.
const COLONS: u64 = 0x0000_0a00_000a_0000;
/// What makes a point of the zero in the lowest byte.
const POINT: u64 = 0x1e;

/// The times of a block of rows.
pub(super) struct Moments {
    days: [i64; BLOCK],
    /// Of the clock, with a zero for each colon, and of the microseconds.
    digits: [[EightDigits; 2]; BLOCK],
    is_instant: bool,
    style: TextStyle,
}

impl Moments {
    /// Works out the digits of at most [`BLOCK`] moments in ticks of so many microseconds.
    #[inline]
    pub(super) fn new(ticks: &[i64], micros: i64, is_instant: bool, style: TextStyle) -> Self {
        let mut days = [0; BLOCK];
        let mut numbers = [[0; 2]; BLOCK];
        for ((ticks, day), number) in ticks.iter().zip(&mut days).zip(&mut numbers) {
            let moment = ticks.saturating_mul(micros);
            *day = moment.div_euclid(DAY_MICROS);
            let of_day = moment.rem_euclid(DAY_MICROS) as u64;
            let seconds = (of_day / 1_000_000) as u32;
            let minutes = seconds / 60;
            let clock = minutes / 60 * 1_000_000 + minutes % 60 * 1_000 + seconds % 60;
            *number = [clock, (of_day % 1_000_000) as u32];
        }
        Self {
            days,
            digits: eight_digits_each(&numbers),
            is_instant,
            style,
        }
    }

    /// Writes a moment; its length, or `None` where its year has no four digits.
    #[inline]
    pub(super) fn write(
        &self,
        at: usize,
        days: &mut DayCache,
        into: &mut [u8; TEXT_BYTES],
    ) -> Option<usize> {
        let [clock, fraction] = self.digits[at].map(joined);
        let clock = (clock | ASCII_ZEROS) | COLONS;
        // Two zeros stand before the six digits: one goes, the other becomes the point.
        let fraction = ((fraction | ASCII_ZEROS) >> 8) ^ POINT;
        let start = quote(into, 0, self.style);
        into[start..start + 10].copy_from_slice(days.text(self.days[at])?);
        into[start + 10] = b' ';
        into[start + 11..start + 19].copy_from_slice(&clock.to_le_bytes());
        into[start + 19..start + 27].copy_from_slice(&fraction.to_le_bytes());
        let mut end = start + 26;
        if self.is_instant {
            into[end] = b'Z';
            end += 1;
        }
        Some(quote(into, end, self.style))
    }
}

/// Writes a date; its length, or `None` where its year has no four digits.
#[inline]
pub(super) fn date(
    day: i64,
    days: &mut DayCache,
    style: TextStyle,
    into: &mut [u8; TEXT_BYTES],
) -> Option<usize> {
    let start = quote(into, 0, style);
    into[start..start + 10].copy_from_slice(days.text(day)?);
    Some(quote(into, start + 10, style))
}

/// Writes a quote where the style wants one; the place behind it.
#[inline]
fn quote(into: &mut [u8; TEXT_BYTES], at: usize, style: TextStyle) -> usize {
    into[at] = b'"';
    at + usize::from(style == TextStyle::Json)
}

#[cfg(test)]
mod tests {
    use super::super::lines::Lines;
    use super::*;

    /// Ticks that fall on every hour, and around them.
    fn ticks(of_second: i64) -> Vec<i64> {
        let mut ticks = vec![0, -1, 1, DAY_MICROS, -DAY_MICROS];
        for day in [-1, 0, 19_358, 19_782, -719_528, 2_932_896] {
            for hour in 0..24 {
                let second = day * 86_400 + hour * 3_600;
                for more in [0, 1, 59, 61, 3_599] {
                    ticks.push((second + more) * of_second + more * 13 % of_second);
                    ticks.push((second + more) * of_second + of_second - 1);
                }
            }
        }
        ticks
    }

    #[test]
    fn moments_and_dates_read_as_one_by_one() {
        let mut days = DayCache::default();
        for style in [TextStyle::Csv, TextStyle::Json] {
            for (of_second, is_instant) in [(1, false), (1_000, true), (1_000_000, false)] {
                let micros = 1_000_000 / of_second;
                let ticks: Vec<i64> = ticks(of_second)
                    .into_iter()
                    .filter(|tick| tick.saturating_mul(micros).abs() < i64::MAX / 2)
                    .collect();
                for block in ticks.chunks(BLOCK) {
                    let moments = Moments::new(block, micros, is_instant, style);
                    for (at, tick) in block.iter().enumerate() {
                        let mut lines = Lines::default();
                        lines.ensure(100);
                        lines.timestamp(*tick * micros, is_instant, &mut days, style);
                        let mut text = [b'?'; TEXT_BYTES];
                        let written = moments.write(at, &mut days, &mut text);
                        // A year of four digits gives one length, any other a longer one.
                        let quotes = 2 * usize::from(style == TextStyle::Json);
                        let usual = 26 + usize::from(is_instant) + quotes;
                        assert_eq!(written.is_some(), lines.len() == usual, "{tick}");
                        let text = written.map_or(lines.as_slice(), |len| &text[..len]);
                        assert_eq!(str::from_utf8(text), str::from_utf8(lines.as_slice()));
                    }
                }
            }
            for day in [-719_528, -1, 0, 19_358, 2_932_896] {
                let mut lines = Lines::default();
                lines.ensure(100);
                lines.date(day, &mut days, style);
                let mut text = [b'?'; TEXT_BYTES];
                let len = date(day, &mut days, style, &mut text).unwrap();
                assert_eq!(&text[..len], lines.as_slice());
            }
            for far in [-719_529, 2_932_897] {
                assert_eq!(date(far, &mut days, style, &mut [0; TEXT_BYTES]), None);
                let moments = Moments::new(&[far * DAY_MICROS], 1, false, style);
                assert_eq!(moments.write(0, &mut days, &mut [0; TEXT_BYTES]), None);
            }
        }
    }
}

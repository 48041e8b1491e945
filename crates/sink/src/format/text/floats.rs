//! Doubles of a block of rows, rendered column by column into a [`Grid`] before the rows are put
//! together.
//!
//! A number that has just been rendered cannot be read at once in larger pieces than it was
//! written in: the processor waits until the small ones have left it. A block later they have, and
//! the columns were read in order instead of all at a time. On the machine of `benches/results` a row
//! of 30 doubles fell from 0.92 to 0.57 microseconds.
//!
//! Numbers of at most six places, as rounded columns have them, are told by one division and rendered
//! as integers. Columns are asked by their first number of a block: one that is not rounded pays for
//! one division in thirty-two numbers. Of the others, those below 1 have a way of their own
//! ([`fractions`](super::fractions)).

use super::TextStyle;
use super::digits::{EightDigits, eight_digits_each, joined};
use super::fractions::{Fractions, STORED_BITS, TEXT_BYTES};
use super::grid::{BLOCK, Grid, PREFIX_BYTES, block};
use super::numbers::ASCII_ZEROS;

/// The texts of doubles.
pub(super) type FloatGrid = Grid<{ PREFIX_BYTES + TEXT_BYTES }>;

/// One above the largest number of places that are rendered as integers.
const MILLION: f64 = 1e6;
/// The least number that is rendered so.
const LEAST: f64 = 1e-3;
/// The first double of those that are all whole numbers.
const WHOLE: f64 = (1_u64 << STORED_BITS) as f64;

/// A column of doubles.
#[derive(Debug, Clone, Copy)]
pub(super) struct FloatColumn<'a> {
    /// What stands before each: at most [`PREFIX_BYTES`].
    pub(super) prefix: &'a [u8],
    pub(super) values: &'a [f64],
}

/// Renders rows `start` and following of each column, at most [`BLOCK`] of them.
pub(super) fn render(
    columns: &[FloatColumn<'_>],
    start: usize,
    style: TextStyle,
    grid: &mut FloatGrid,
) {
    for (at, column) in columns.iter().enumerate() {
        let values = block(column.values, start);
        let of_prefix = column.prefix.len();
        let is_rounded = values.first().is_some_and(|value| millionths(*value) > 0);
        // Numbers that are not of the column's kind come as other texts.
        if is_rounded {
            let rounded = Rounded::new(values);
            grid.fill(at, of_prefix, values, |value, row, text| {
                let written = rounded.write(row, text);
                Some(written.unwrap_or_else(|| other_text(value, text, style)))
            });
        } else {
            let fractions = Fractions::new(values);
            grid.fill(at, of_prefix, values, |value, row, text| {
                let written = fractions.write(row, text);
                Some(written.unwrap_or_else(|| other_text(value, text, style)))
            });
        }
    }
}

/// Numbers of six places of a block, in millionths.
struct Rounded {
    digits: [[EightDigits; 1]; BLOCK],
}

impl Rounded {
    #[inline]
    fn new(values: &[f64]) -> Self {
        let mut numbers = [[0]; BLOCK];
        for (value, number) in values.iter().zip(&mut numbers) {
            // The places begin at the first of eight digits.
            number[0] = millionths(*value) * 100;
        }
        Self {
            digits: eight_digits_each(&numbers),
        }
    }

    /// Writes a number as `0.123456`, without zeros at the end; its length, or `None` where it has
    /// more places.
    #[inline]
    fn write(&self, at: usize, into: &mut [u8; TEXT_BYTES]) -> Option<usize> {
        let digits = joined(self.digits[at][0]);
        into[..2].copy_from_slice(b"0.");
        into[2..10].copy_from_slice(&(digits | ASCII_ZEROS).to_le_bytes());
        // The last digits are in the highest bytes.
        (digits != 0).then_some(10 - (digits.leading_zeros() / 8) as usize)
    }
}

/// A number between a thousandth and 1 that is one of six places, in millionths; zero for any other.
///
/// A double that is nearest to a decimal of at most 15 digits is nearest to no other one: that decimal
/// is its shortest form. A division gives the double that is nearest. Nothing here is decided by a
/// branch, so that several numbers are asked at a time.
#[inline]
#[expect(
    clippy::float_cmp,
    clippy::needless_bitwise_bool,
    reason = "the nearest double and no other, without a branch"
)]
fn millionths(value: f64) -> u32 {
    // Behind so large a number there is no place for anything but a whole one.
    let shifted = value * MILLION + WHOLE;
    let number = shifted - WHOLE;
    // What is rounded up to 1 has no place behind the point.
    let is_ours = (value >= LEAST) & (number < MILLION) & (number / MILLION == value);
    shifted.to_bits() as u32 & u32::from(is_ours).wrapping_neg()
}

/// The text of any number; its length.
fn other_text(value: f64, into: &mut [u8; TEXT_BYTES], style: TextStyle) -> usize {
    let mut buffer = zmij::Buffer::new();
    let text = if value.is_finite() {
        buffer.format_finite(value).as_bytes()
    } else {
        not_finite(value, style)
    };
    into[..text.len()].copy_from_slice(text);
    text.len()
}

/// What stands for a number that is none, or not finite.
#[cold]
pub(super) fn not_finite(value: f64, style: TextStyle) -> &'static [u8] {
    match style {
        TextStyle::Json => b"null",
        TextStyle::Csv if value.is_nan() => b"NaN",
        TextStyle::Csv if value > 0.0 => b"inf",
        TextStyle::Csv => b"-inf",
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::Lines;
    use super::*;

    fn rendered(column: &[f64]) -> Vec<String> {
        let columns = [b"".as_slice(), b",\"a name\":"].map(|prefix| FloatColumn {
            prefix,
            values: column,
        });
        let mut grid = FloatGrid::default();
        grid.begin(&columns, |column| column.prefix);
        let mut texts = Vec::new();
        for row in 0..column.len() {
            if row % BLOCK == 0 {
                render(&columns, row, TextStyle::Json, &mut grid);
            }
            let mut lines = Lines::default();
            lines.ensure(2 * (PREFIX_BYTES + TEXT_BYTES));
            grid.write(row, 0, 2, &mut lines);
            let both = String::from_utf8(lines.into_bytes()).unwrap();
            let (text, again) = both.split_once(",\"a name\":").unwrap();
            assert_eq!(text, again);
            texts.push(text.to_owned());
        }
        texts
    }

    fn shortest(value: f64) -> String {
        zmij::Buffer::new().format_finite(value).to_owned()
    }

    #[test]
    fn every_number_of_six_places_is_in_its_shortest_form() {
        let column: Vec<f64> = (0..=1_000_000).map(|at| f64::from(at) / 1e6).collect();
        for (text, value) in rendered(&column).iter().zip(&column) {
            assert_eq!(*text, shortest(*value));
        }
    }

    #[test]
    fn numbers_beside_those_of_six_places_keep_all_their_digits() {
        let mut column = Vec::new();
        for at in (1_000..1_000_000).step_by(37) {
            let value = f64::from(at) / 1e6;
            // The first of a block decides which way the others are tried.
            column.extend([
                value,
                value.next_up(),
                value.next_down(),
                -value,
                value / 3.0,
            ]);
            column.extend([
                value * 10.0,
                0.0,
                -0.0,
                1.0,
                f64::MIN_POSITIVE,
                1e-3,
                f64::NAN,
            ]);
        }
        for (text, value) in rendered(&column).iter().zip(&column) {
            if value.is_nan() {
                assert_eq!(text, "null");
            } else {
                assert_eq!(*text, shortest(*value));
                assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
            }
        }
    }
}

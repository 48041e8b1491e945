//! Doubles of a block of rows, rendered column by column before the rows are put together.
//!
//! A number that has just been rendered cannot be read at once in larger pieces than it was
//! written in: the processor waits until the small ones have left it. A block later they have, and
//! the columns were read in order instead of all at a time. On the machine of `benches/results` a row
//! of 30 doubles fell from 0.92 to 0.57 microseconds.
//!
//! A text waits in a slot of fixed size behind what stands before it in a row, a comma or a name, which
//! is written there once a batch: both go into the row in one move.
//!
//! Numbers of at most six places, as rounded columns have them, are told by one division and rendered
//! as integers. Columns are asked by their first number of a block: one that is not rounded pays for
//! one division in thirty-two numbers. Of the others, those below 1 have a way of their own
//! ([`fractions`](super::fractions)).

use super::TextStyle;
use super::digits::{EightDigits, eight_digits_each, joined};
use super::fractions::{Fractions, STORED_BITS, TEXT_BYTES};
use super::lines::Lines;
use super::numbers::ASCII_ZEROS;

/// Rows that are rendered at a time: the texts stay in the nearest caches.
pub(super) const BLOCK: usize = 32;
/// What stands before a number in its slot is at most this long.
pub(super) const PREFIX_BYTES: usize = 24;
/// The memory of a number, and of what stands before it.
const SLOT_BYTES: usize = PREFIX_BYTES + TEXT_BYTES;

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

/// The memory in which doubles are rendered: row after row, in the order of the columns.
#[derive(Debug, Default)]
pub(super) struct FloatBuffers {
    columns: usize,
    slots: Vec<[u8; SLOT_BYTES]>,
    /// Of what stands in the slots.
    lens: Vec<u8>,
}

impl FloatBuffers {
    /// Begins a batch.
    pub(super) fn begin(&mut self, columns: &[FloatColumn<'_>]) {
        self.columns = columns.len();
        self.slots.resize(columns.len() * BLOCK, [0; SLOT_BYTES]);
        self.lens.resize(columns.len() * BLOCK, 0);
        for row in self.slots.chunks_exact_mut(columns.len().max(1)) {
            for (slot, column) in row.iter_mut().zip(columns) {
                slot[..column.prefix.len()].copy_from_slice(column.prefix);
            }
        }
    }

    /// Renders rows `start` and following of each column, at most [`BLOCK`] of them.
    pub(super) fn render(&mut self, columns: &[FloatColumn<'_>], start: usize, style: TextStyle) {
        for (at, column) in columns.iter().enumerate() {
            let end = column.values.len().min(start + BLOCK);
            let column = FloatColumn {
                values: &column.values[start..end],
                ..*column
            };
            let is_rounded = column
                .values
                .first()
                .is_some_and(|value| millionths(*value) > 0);
            if is_rounded {
                let rounded = Rounded::new(column.values);
                self.place(at, column, style, |row, text| rounded.write(row, text));
            } else {
                let fractions = Fractions::new(column.values);
                self.place(at, column, style, |row, text| fractions.write(row, text));
            }
        }
    }

    /// Fills the slots of one column with what `write` makes of each row, and of numbers that are not
    /// its own with their texts.
    #[inline]
    fn place(
        &mut self,
        at: usize,
        column: FloatColumn<'_>,
        style: TextStyle,
        write: impl Fn(usize, &mut [u8; TEXT_BYTES]) -> Option<usize>,
    ) {
        let of_prefix = column.prefix.len();
        let slots = self.slots.chunks_exact_mut(self.columns);
        let lens = self.lens.chunks_exact_mut(self.columns);
        let of_rows = slots.zip(lens).zip(column.values).enumerate();
        for (row, ((slots, lens), value)) in of_rows {
            let Some(text) = slots[at][of_prefix..].first_chunk_mut::<TEXT_BYTES>() else {
                return;
            };
            let written = write(row, text).unwrap_or_else(|| other_text(*value, text, style));
            lens[at] = (of_prefix + written) as u8;
        }
    }

    /// Writes `count` columns of a row, from the one in place `first` on, with what stands before each.
    #[inline]
    pub(super) fn write(&self, row: usize, first: usize, count: usize, lines: &mut Lines) {
        let from = row % BLOCK * self.columns + first;
        lines.each_fixed(
            &self.slots[from..from + count],
            &self.lens[from..from + count],
        );
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
    use super::*;

    fn rendered(column: &[f64]) -> Vec<String> {
        let columns = [b"".as_slice(), b",\"a name\":"].map(|prefix| FloatColumn {
            prefix,
            values: column,
        });
        let mut buffers = FloatBuffers::default();
        buffers.begin(&columns);
        let mut texts = Vec::new();
        for row in 0..column.len() {
            if row % BLOCK == 0 {
                buffers.render(&columns, row, TextStyle::Json);
            }
            let mut lines = Lines::default();
            lines.ensure(2 * SLOT_BYTES);
            buffers.write(row, 0, 2, &mut lines);
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

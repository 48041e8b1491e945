//! Doubles of a block of rows, rendered column by column before the rows are put together.
//!
//! A number that has just been rendered cannot be read at once in larger pieces than it was
//! written in: the processor waits until the small ones have left it. A block later they have, and
//! the columns were read in order instead of all at a time. On the machine of `benches/results` a row
//! of 30 doubles fell from 0.92 to 0.57 microseconds.
//!
//! Numbers of at most six places, as rounded columns have them, are told by one division and rendered
//! as integers. Columns are asked by their first number of a block: one that is not rounded pays for
//! one division in thirty-two numbers. Of the others, those below 1 have a way of their own
//! ([`fractions`]).

use super::TextStyle;
use super::fractions::{self, TEXT_BYTES};
use super::numbers::{ASCII_ZEROS, eight_digits};

/// Rows that are rendered at a time: the texts stay in the nearest cache.
pub(super) const BLOCK: usize = 32;

/// One above the largest number of places that are rendered as integers.
const MILLION: f64 = 1e6;
/// Numbers from here up to 1 are written without an exponent, and with a zero before the point.
const LEAST_FIXED: f64 = 1e-3;

/// The memory in which doubles are rendered.
#[derive(Default)]
pub(super) struct FloatBuffers(Vec<Slot>);

/// The memory of one number.
type Slot = [u8; TEXT_BYTES];

impl FloatBuffers {
    /// Renders rows `start` and following of each column, at most [`BLOCK`] of them. The text of
    /// a row of the column in place `slot` is at [`place`].
    pub(super) fn render<'b>(
        &'b mut self,
        columns: &[&[f64]],
        start: usize,
        style: TextStyle,
    ) -> Vec<&'b [u8]> {
        if columns.is_empty() {
            return Vec::new();
        }
        self.0.resize(columns.len() * BLOCK, [0; TEXT_BYTES]);
        let mut texts = Vec::with_capacity(columns.len() * BLOCK);
        for (column, buffers) in columns.iter().zip(self.0.chunks_exact_mut(BLOCK)) {
            let end = column.len().min(start + BLOCK);
            let column = &column[start..end];
            let is_rounded = column
                .first()
                .is_some_and(|value| millionths(*value).is_some());
            for (value, slot) in column.iter().zip(buffers) {
                let number = if is_rounded { millionths(*value) } else { None };
                texts.push(match number {
                    Some(number) => places(number, slot),
                    None => text(*value, slot, style),
                });
            }
            // Each column takes a whole block of places, the last rows of a batch too.
            texts.resize(texts.len().next_multiple_of(BLOCK), b"".as_slice());
        }
        texts
    }
}

/// Where the text of a row stands among those of its block.
#[inline]
pub(super) fn place(slot: usize, row: usize) -> usize {
    slot * BLOCK + row % BLOCK
}

/// A number between a thousandth and 1 that is one of six places, in millionths.
///
/// A double that is nearest to a decimal of at most 15 digits is nearest to no other one: that decimal
/// is its shortest form.
#[inline]
fn millionths(value: f64) -> Option<u32> {
    if !(LEAST_FIXED..1.0).contains(&value) {
        return None;
    }
    let number = (value * MILLION + 0.5) as u32;
    let is_it = (f64::from(number) / MILLION).to_bits() == value.to_bits();
    // What is rounded up to 1 has no place behind the point.
    (is_it && number < 1_000_000).then_some(number)
}

/// Renders millionths as `0.123456`, without zeros at the end.
#[inline]
fn places(number: u32, into: &mut Slot) -> &[u8] {
    let digits = eight_digits(u64::from(number) * 100);
    // The last digits are in the highest bytes.
    let len = 10 - (digits.leading_zeros() / 8) as usize;
    into[..2].copy_from_slice(b"0.");
    into[2..10].copy_from_slice(&(digits | ASCII_ZEROS).to_le_bytes());
    &into[..len]
}

#[inline]
fn text(value: f64, into: &mut Slot, style: TextStyle) -> &[u8] {
    match fractions::render(value, into) {
        Some(len) => &into[..len],
        None => other_text(value, into, style),
    }
}

fn other_text(value: f64, into: &mut Slot, style: TextStyle) -> &[u8] {
    if !value.is_finite() {
        return not_finite(value, style);
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value).as_bytes();
    into[..text.len()].copy_from_slice(text);
    &into[..text.len()]
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
        let mut buffers = FloatBuffers::default();
        let mut texts = Vec::new();
        for start in (0..column.len()).step_by(BLOCK) {
            let block = buffers.render(&[column], start, TextStyle::Json);
            let count = BLOCK.min(column.len() - start);
            let block = block[..count].iter();
            texts.extend(block.map(|text| String::from_utf8(text.to_vec()).unwrap()));
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

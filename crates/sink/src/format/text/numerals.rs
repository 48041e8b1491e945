//! Integers and decimals of a block of rows as text.

use super::digits::{EightDigits, eight_digits_each, joined};
use super::grid::BLOCK;
use super::lines::Lines;
use super::numbers::{ASCII_ZEROS, INTEGER_BYTES};
use super::slots::TEXT_BYTES;

const EIGHT: u64 = 100_000_000;

/// The numbers of a block, by the widest of them.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for a block at a time, and it is not moved"
)]
pub(super) enum Numerals {
    /// At most eight digits each.
    Short(Digits<1>),
    /// At most sixteen.
    Long(Digits<2>),
    /// More: see [`other`].
    Other,
}

/// The digits of a block of numbers, eight by eight.
pub(super) struct Digits<const M: usize> {
    eights: [[EightDigits; M]; BLOCK],
    negative: [bool; BLOCK],
    places: usize,
}

impl Numerals {
    /// Works out the digits of at most [`BLOCK`] numbers with so many places behind the point, fewer than
    /// eight.
    #[inline]
    pub(super) fn new<T: Copy>(values: &[T], places: u8, wide: impl Fn(T) -> i64) -> Self {
        let mut negative = [false; BLOCK];
        let mut sizes = [0; BLOCK];
        let mut widest = 0;
        for ((value, size), negative) in values.iter().zip(&mut sizes).zip(&mut negative) {
            let value = wide(*value);
            *size = value.unsigned_abs();
            *negative = value < 0;
            widest = widest.max(*size);
        }
        let places = usize::from(places);
        if widest < EIGHT {
            let numbers = sizes.map(|size| [size as u32]);
            Self::Short(Digits {
                eights: eight_digits_each(&numbers),
                negative,
                places,
            })
        } else if widest < EIGHT * EIGHT {
            let numbers = sizes.map(|size| [(size / EIGHT) as u32, (size % EIGHT) as u32]);
            Self::Long(Digits {
                eights: eight_digits_each(&numbers),
                negative,
                places,
            })
        } else {
            Self::Other
        }
    }
}

impl Digits<1> {
    /// Writes a number; its length.
    #[inline]
    pub(super) fn write(&self, at: usize, into: &mut [u8; TEXT_BYTES]) -> usize {
        let digits = joined(self.eights[at][0]);
        // The digit before the point is written even where it is zero.
        let zeros = (digits | (1 << ((7 - self.places) * 8))).trailing_zeros() as usize / 8;
        let ascii = digits | ASCII_ZEROS;
        let start = usize::from(self.negative[at]);
        into[0] = b'-';
        put(into, start, (ascii >> (zeros * 8)).to_le_bytes());
        pointed(into, start + 8 - zeros, self.places, ascii)
    }
}

impl Digits<2> {
    /// Writes a number; its length.
    #[inline]
    pub(super) fn write(&self, at: usize, into: &mut [u8; TEXT_BYTES]) -> usize {
        let [high, low] = self.eights[at].map(joined);
        let digits = u128::from(high) | (u128::from(low) << 64);
        let zeros = (digits | (1 << ((15 - self.places) * 8))).trailing_zeros() as usize / 8;
        let zeros_of_two = u128::from(ASCII_ZEROS) * ((1 << 64) + 1);
        let start = usize::from(self.negative[at]);
        into[0] = b'-';
        let shifted = (digits | zeros_of_two) >> (zeros * 8);
        put(into, start, shifted.to_le_bytes());
        pointed(into, start + 16 - zeros, self.places, low | ASCII_ZEROS)
    }
}

/// Puts the point before the last `places` of the digits that end at `end`, of which `last` are the last
/// eight; the new end.
#[inline]
fn pointed(into: &mut [u8; TEXT_BYTES], end: usize, places: usize, last: u64) -> usize {
    if places == 0 {
        return end;
    }
    let point = end - places;
    into[point] = b'.';
    put(into, point + 1, (last >> ((8 - places) * 8)).to_le_bytes());
    end + 1
}

#[inline]
fn put<const N: usize>(into: &mut [u8; TEXT_BYTES], at: usize, bytes: [u8; N]) {
    into[at..at + N].copy_from_slice(&bytes);
}

/// Writes a number of any size; its length.
#[cold]
pub(super) fn other(value: i64, places: u8, into: &mut [u8; TEXT_BYTES]) -> Option<usize> {
    let mut lines = Lines::default();
    lines.ensure(2 * INTEGER_BYTES);
    lines.decimal(i128::from(value), places);
    let text = lines.as_slice();
    into.get_mut(..text.len())?.copy_from_slice(text);
    Some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[i64], places: u8) {
        let numerals = Numerals::new(values, places, |value| value);
        for (at, value) in values.iter().enumerate() {
            let mut text = [b'?'; TEXT_BYTES];
            let len = match &numerals {
                Numerals::Short(short) => short.write(at, &mut text),
                Numerals::Long(long) => long.write(at, &mut text),
                Numerals::Other => other(*value, places, &mut text).unwrap(),
            };
            let mut lines = Lines::default();
            lines.ensure(2 * INTEGER_BYTES);
            lines.decimal(i128::from(*value), places);
            let expected = str::from_utf8(lines.as_slice());
            assert_eq!(str::from_utf8(&text[..len]), expected, "{value} {places}");
        }
    }

    #[test]
    fn numbers_of_every_width_and_sign_and_scale() {
        let mut power = 1_i64;
        for width in 1..=19 {
            let sevenths = power.saturating_mul(9) / 7;
            let numbers = [power - 1, power, power + 1, sevenths, power / 3];
            let both = numbers.map(|number| [number, -number]);
            for places in 0..8 {
                check(both.as_flattened(), places);
                // Beside wider ones a number has leading zeros.
                for widest in [1, 99_999_999, 9_999_999_999_999_999, i64::MAX, i64::MIN] {
                    check(&[power - 1, widest, -power, 0, 7], places);
                }
            }
            if width < 19 {
                power *= 10;
            }
        }
    }
}

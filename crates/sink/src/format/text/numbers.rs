//! Integers, decimals and floating-point numbers as text.
//!
//! Eight digits are made at once inside one 64-bit word, by three multiplications instead of eight
//! divisions; leading zeros are shifted out.

use super::lines::Lines;

const EIGHT: u64 = 100_000_000;
/// The zeros of eight ASCII digits.
pub(super) const ASCII_ZEROS: u64 = 0x3030_3030_3030_3030;
/// The widest integer: 39 digits of 128 bits and a sign.
pub(super) const INTEGER_BYTES: usize = 40;
/// The widest shortest-form double, with its sign and exponent.
pub(super) const FLOAT_BYTES: usize = 32;

/// The eight decimal digits of a number below 10^8, one a byte, the first in the lowest.
#[inline]
pub(super) fn eight_digits(number: u64) -> u64 {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let pairs = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((pairs - tens * 10) << 8)
}

impl Lines {
    /// Writes a number below 10^8 without leading zeros.
    #[inline]
    fn up_to_eight(&mut self, number: u64) {
        let digits = eight_digits(number);
        // The last digit is written even where it is zero.
        let zeros = ((digits | (1 << 56)).trailing_zeros() / 8) as usize;
        let ascii = (digits | ASCII_ZEROS) >> (zeros * 8);
        self.fixed(&ascii.to_le_bytes(), 8 - zeros);
    }

    /// Writes a number below 10^8 with all eight digits.
    #[inline]
    fn all_eight(&mut self, number: u64) {
        self.fixed(&(eight_digits(number) | ASCII_ZEROS).to_le_bytes(), 8);
    }

    /// Writes the last `width` (at most eight) digits of a number, zeros included.
    #[inline]
    pub(super) fn padded(&mut self, number: u64, width: usize) {
        let ascii = (eight_digits(number) | ASCII_ZEROS) >> ((8 - width) * 8);
        self.fixed(&ascii.to_le_bytes(), width);
    }

    #[inline]
    pub(super) fn unsigned(&mut self, number: u64) {
        if number < EIGHT {
            self.up_to_eight(number);
        } else if number < EIGHT * EIGHT {
            self.up_to_eight(number / EIGHT);
            self.all_eight(number % EIGHT);
        } else {
            let (high, low) = (number / EIGHT, number % EIGHT);
            self.up_to_eight(high / EIGHT);
            self.all_eight(high % EIGHT);
            self.all_eight(low);
        }
    }

    #[inline]
    pub(super) fn signed(&mut self, number: i64) {
        if number < 0 {
            self.byte(b'-');
        }
        self.unsigned(number.unsigned_abs());
    }

    /// Writes a decimal of `scale` places: `1250` at scale 2 is `12.50`.
    #[inline]
    pub(super) fn decimal(&mut self, number: i128, scale: u8) {
        let Ok(small) = i64::try_from(number) else {
            return self.wide_decimal(number, scale);
        };
        if small < 0 {
            self.byte(b'-');
        }
        let size = small.unsigned_abs();
        // Divisions by constants are multiplications; money has two places, rates four.
        match scale {
            0 => self.unsigned(size),
            2 => self.whole_and_places(size / 100, size % 100, 2),
            4 => self.whole_and_places(size / 10_000, size % 10_000, 4),
            1..=8 => {
                let one = 10_u64.pow(u32::from(scale));
                self.whole_and_places(size / one, size % one, usize::from(scale));
            }
            _ => {
                // The sign stands already.
                self.wide_decimal(i128::from(size), scale);
            }
        }
    }

    #[inline]
    fn whole_and_places(&mut self, whole: u64, places: u64, width: usize) {
        self.unsigned(whole);
        self.byte(b'.');
        self.padded(places, width);
    }

    /// A decimal of more than 64 bits or of many places.
    #[cold]
    fn wide_decimal(&mut self, number: i128, scale: u8) {
        if number < 0 {
            self.byte(b'-');
        }
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number.unsigned_abs()).as_bytes();
        let scale = usize::from(scale);
        if scale == 0 {
            return self.slice(digits);
        }
        let whole = digits.len().saturating_sub(scale);
        if whole == 0 {
            self.byte(b'0');
        } else {
            self.slice(&digits[..whole]);
        }
        self.byte(b'.');
        for _ in digits.len()..scale {
            self.byte(b'0');
        }
        self.slice(&digits[whole..]);
    }

    /// Writes the shortest form of a finite double that reads back the same.
    #[inline]
    pub(super) fn double(&mut self, number: f64) {
        let mut buffer = zmij::Buffer::new();
        self.short(buffer.format_finite(number).as_bytes());
    }

    /// Writes the shortest form of a finite float that reads back the same.
    #[inline]
    pub(super) fn float(&mut self, number: f32) {
        let mut buffer = zmij::Buffer::new();
        self.short(buffer.format_finite(number).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Lines)) -> String {
        let mut lines = Lines::default();
        lines.ensure(200);
        write(&mut lines);
        String::from_utf8(lines.into_bytes()).unwrap()
    }

    #[test]
    fn integers_read_as_the_standard_library_writes_them() {
        let mut number = 1_u64;
        let mut numbers = vec![0, u64::MAX, i64::MAX as u64, EIGHT, EIGHT * EIGHT];
        for _ in 0..19 {
            numbers.extend([number - 1, number, number + 1, number * 7 / 3]);
            number *= 10;
        }
        for number in numbers {
            assert_eq!(text(|lines| lines.unsigned(number)), number.to_string());
            let signed = number as i64;
            assert_eq!(text(|lines| lines.signed(signed)), signed.to_string());
        }
        assert_eq!(text(|lines| lines.signed(i64::MIN)), i64::MIN.to_string());
    }

    #[test]
    fn every_number_of_few_digits() {
        for number in 0..100_000_u64 {
            assert_eq!(text(|lines| lines.unsigned(number)), number.to_string());
            let wide = number * 997;
            assert_eq!(text(|lines| lines.unsigned(wide)), wide.to_string());
            assert_eq!(
                text(|lines| lines.padded(number, 8)),
                format!("{number:08}")
            );
        }
    }

    #[test]
    fn decimals_keep_their_places() {
        for (number, scale, expected) in [
            (1250, 2, "12.50"),
            (-1250, 2, "-12.50"),
            (-5, 2, "-0.05"),
            (0, 2, "0.00"),
            (600, 4, "0.0600"),
            (7, 0, "7"),
            (-7, 1, "-0.7"),
            (123_456_789, 8, "1.23456789"),
            (123, 9, "0.000000123"),
            (-123, 12, "-0.000000000123"),
            (
                i128::from(i64::MAX) * 1000 + 7,
                2,
                "92233720368547758070.07",
            ),
            (
                -(i128::from(i64::MAX) * 1000 + 7),
                2,
                "-92233720368547758070.07",
            ),
        ] {
            assert_eq!(text(|lines| lines.decimal(number, scale)), expected);
        }
    }
}

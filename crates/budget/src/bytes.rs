//! A number of bytes as a type: read from text, shown to people, never confused with a row count.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Mul, Sub};
use std::str::FromStr;

use crate::{Error, Result};

/// 1,024 bytes.
pub const KIB: Bytes = Bytes::new(1 << 10);
/// 1,024 KiB.
pub const MIB: Bytes = Bytes::new(1 << 20);
/// 1,024 MiB.
pub const GIB: Bytes = Bytes::new(1 << 30);

/// Names of the units, smallest first, with their powers of 1,000 and of 1,024.
const UNITS: [(&str, &str, u64, u64); 6] = [
    ("kB", "KiB", 1_000, 1 << 10),
    ("MB", "MiB", 1_000_000, 1 << 20),
    ("GB", "GiB", 1_000_000_000, 1 << 30),
    ("TB", "TiB", 1_000_000_000_000, 1 << 40),
    ("PB", "PiB", 1_000_000_000_000_000, 1 << 50),
    ("EB", "EiB", 1_000_000_000_000_000_000, 1 << 60),
];

/// A number of bytes.
///
/// Reads `512MiB` (2^20 each), `512MB` and `512M` (10^6 each), `1.5GiB`, `60_000_000`; units in any
/// case, a space before them allowed. Shows the unit that divides the number evenly, or else one
/// decimal: a text for people, while [`Bytes::get`] is exact. Sums and products stop at the largest
/// number instead of wrapping, and differences at zero.
///
/// ```
/// use lakeseed_budget::{Bytes, MIB};
///
/// let size: Bytes = "512MiB".parse()?;
/// assert_eq!(size, 512 * MIB);
/// assert_eq!(size.get(), 536_870_912);
/// assert_eq!("512MB".parse::<Bytes>()?.get(), 512_000_000);
/// assert_eq!(Bytes::new(1_234_567).to_string(), "1.2 MiB");
///
/// let error = "12 parsecs".parse::<Bytes>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "expected a size such as 512MiB or 60_000_000, got \"12 parsecs\": unknown unit",
/// );
/// # Ok::<(), lakeseed_budget::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(u64);

impl Bytes {
    /// None at all.
    pub const ZERO: Self = Self(0);

    /// So many bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The exact number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number for a capacity; the largest `usize` where it does not fit.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// As [`f64`], for rates and ratios.
    pub const fn as_f64(self) -> f64 {
        self.0 as f64
    }
}

impl From<usize> for Bytes {
    fn from(bytes: usize) -> Self {
        Self(bytes as u64)
    }
}

impl From<u64> for Bytes {
    fn from(bytes: u64) -> Self {
        Self(bytes)
    }
}

impl Add for Bytes {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Bytes {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Mul<Bytes> for u64 {
    type Output = Bytes;
    fn mul(self, size: Bytes) -> Bytes {
        Bytes(size.0.saturating_mul(self))
    }
}

impl Sum for Bytes {
    fn sum<I: Iterator<Item = Self>>(sizes: I) -> Self {
        sizes.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0;
        let largest_first = || UNITS.iter().rev();
        // Four digits at most: 512 MB is not to be shown as 500000 KiB.
        let even = |unit: u64| bytes.is_multiple_of(unit) && (1..10_000).contains(&(bytes / unit));
        let text = if let Some((_, name, _, unit)) = largest_first().find(|u| even(u.3)) {
            format!("{} {name}", bytes / unit)
        } else if let Some((name, _, unit, _)) = largest_first().find(|u| even(u.2)) {
            format!("{} {name}", bytes / unit)
        } else if let Some((_, name, _, unit)) = largest_first().find(|u| bytes >= u.3) {
            format!("{:.1} {name}", bytes as f64 / *unit as f64)
        } else {
            format!("{bytes} B")
        };
        f.pad(&text)
    }
}

impl FromStr for Bytes {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        parse(text).map_err(|reason| Error::NotASize {
            text: text.to_owned(),
            reason,
        })
    }
}

/// Integers all the way: a double would round what it cannot hold.
fn parse(text: &str) -> Result<Bytes, &'static str> {
    let text = text.trim();
    let number_ends = text
        .find(|c: char| !(c.is_ascii_digit() || c == '_' || c == '.'))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(number_ends);
    if number.is_empty() {
        return Err(if unit.starts_with('-') {
            "it is negative"
        } else {
            "no number in front"
        });
    }
    let unit = unit_of(unit.trim_start()).ok_or("unknown unit")?;

    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole = digits(whole)?;
    let whole_bytes = whole.checked_mul(u128::from(unit)).ok_or(TOO_LARGE)?;
    let fraction_digits = fraction.bytes().filter(u8::is_ascii_digit).count();
    if fraction_digits > MOST_DECIMALS {
        return Err("more than 15 decimals");
    }
    // At most 10^15 times 2^60: far inside 128 bits.
    let fraction_bytes = digits(fraction)? * u128::from(unit) / 10_u128.pow(fraction_digits as u32);
    let bytes = whole_bytes.checked_add(fraction_bytes).ok_or(TOO_LARGE)?;
    u64::try_from(bytes).map(Bytes).map_err(|_| TOO_LARGE)
}

const TOO_LARGE: &str = "more than 16 EiB";
const MOST_DECIMALS: usize = 15;

fn digits(text: &str) -> Result<u128, &'static str> {
    if text.contains('.') {
        return Err("two points");
    }
    if text.starts_with('_') || text.ends_with('_') || text.is_empty() {
        return Err("digits are missing");
    }
    text.bytes()
        .filter(u8::is_ascii_digit)
        .try_fold(0_u128, |number, digit| {
            let shifted = number.checked_mul(10).ok_or(TOO_LARGE)?;
            shifted
                .checked_add(u128::from(digit - b'0'))
                .ok_or(TOO_LARGE)
        })
}

fn unit_of(name: &str) -> Option<u64> {
    if name.is_empty() || name.eq_ignore_ascii_case("B") {
        return Some(1);
    }
    let prefix_only = |unit: &str| unit[..1].eq_ignore_ascii_case(name);
    UNITS
        .iter()
        .find_map(|&(decimal, binary, decimal_unit, binary_unit)| {
            if name.eq_ignore_ascii_case(binary) {
                Some(binary_unit)
            } else if name.eq_ignore_ascii_case(decimal) || prefix_only(decimal) {
                Some(decimal_unit)
            } else {
                None
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> u64 {
        text.parse::<Bytes>().unwrap().get()
    }

    fn refuse(text: &str) -> &'static str {
        match text.parse::<Bytes>() {
            Err(Error::NotASize {
                reason,
                text: named,
            }) => {
                assert_eq!(named, text);
                reason
            }
            other => panic!("{text:?} gave {other:?}"),
        }
    }

    #[test]
    fn reads_both_families_of_units() {
        assert_eq!(read("512MB"), 512_000_000);
        assert_eq!(read("512MiB"), 512 << 20);
        assert_eq!(read("512M"), 512_000_000);
        assert_eq!(read(" 2 gib "), 2 << 30);
        assert_eq!(read("3kB"), 3_000);
        assert_eq!(read("7B"), 7);
        assert_eq!(read("60_000_000"), 60_000_000);
        assert_eq!(read("1.5GiB"), 3 << 29);
        assert_eq!(read("0.1kB"), 100);
        assert_eq!(read("0"), 0);
    }

    #[test]
    fn keeps_every_bit_up_to_the_largest() {
        assert_eq!(read("18446744073709551615"), u64::MAX);
        assert_eq!(read("15.999999999999999EiB"), 18_446_744_073_709_550_463);
        assert_eq!(refuse("18446744073709551616"), TOO_LARGE);
        assert_eq!(refuse("16EiB"), TOO_LARGE);
        assert_eq!(refuse(&"9".repeat(60)), TOO_LARGE);
        assert_eq!(
            refuse("340282366920938463463374607431768211455EB"),
            TOO_LARGE
        );
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(refuse(""), "no number in front");
        assert_eq!(refuse("MiB"), "no number in front");
        assert_eq!(refuse("-1"), "it is negative");
        assert_eq!(refuse("1XB"), "unknown unit");
        assert_eq!(refuse("1Ki"), "unknown unit");
        assert_eq!(refuse("1e6"), "unknown unit");
        assert_eq!(refuse("1.2.3"), "two points");
        assert_eq!(refuse("1."), "digits are missing");
        assert_eq!(refuse(".5GB"), "digits are missing");
        assert_eq!(refuse("_1"), "digits are missing");
        assert_eq!(refuse("_"), "digits are missing");
        assert_eq!(refuse("1.0000000000000000"), "more than 15 decimals");
        assert_eq!(refuse("1\u{b5}B"), "unknown unit");
    }

    #[test]
    fn shows_the_even_unit_or_one_decimal() {
        let show = |bytes| Bytes::new(bytes).to_string();
        assert_eq!(show(0), "0 B");
        assert_eq!(show(1_023), "1023 B");
        assert_eq!(show(1_536), "1.5 KiB");
        assert_eq!(show(512 << 20), "512 MiB");
        assert_eq!(show(1_536 << 20), "1536 MiB");
        assert_eq!(show(512_000_000), "512 MB");
        assert_eq!(show(500_000_000), "500 MB");
        assert_eq!(show(u64::MAX), "16.0 EiB");
        assert_eq!(format!("[{MIB:>9}]"), "[    1 MiB]");
    }

    #[test]
    fn arithmetic_stops_at_its_ends() {
        let most = Bytes::new(u64::MAX);
        assert_eq!(most + KIB, most);
        assert_eq!(KIB - MIB, Bytes::ZERO);
        assert_eq!(u64::MAX * GIB, most);
        assert_eq!(
            [MIB, MIB, KIB].into_iter().sum::<Bytes>(),
            Bytes::new(2_098_176)
        );
    }
}

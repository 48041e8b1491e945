//! Sums of decimals that are never rounded and never run over.

use std::fmt;
use std::str::FromStr;

use arrow_buffer::i256;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The exact sum of a column, with its scale: `123.45`.
///
/// A batch adds at most 2^63 values of 128 bits, so 256 bits are never run over.
///
/// ```
/// let sum: lakeseed_sink::ExactSum = "-0.05".parse()?;
/// assert_eq!(sum.to_string(), "-0.05");
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExactSum {
    unscaled: i256,
    scale: i8,
}

impl ExactSum {
    pub(super) fn zero(scale: i8) -> Self {
        Self {
            unscaled: i256::ZERO,
            scale,
        }
    }

    /// Adds a sum of low halves and a sum of high halves of 128-bit values.
    pub(super) fn add_halves(&mut self, low: u128, high: i128) {
        let high = i256::from_parts((high as u128) << 64, high >> 64);
        let sum = i256::from_parts(low, 0).wrapping_add(high);
        self.unscaled = self.unscaled.wrapping_add(sum);
    }

    pub(super) fn add_integer(&mut self, sum: i128) {
        self.unscaled = self.unscaled.wrapping_add(i256::from_i128(sum));
    }

    /// The sum so far; from here on it is zero.
    pub(super) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::zero(self.scale))
    }

    /// The sum of both; nothing where the scales differ or 256 bits do not hold it.
    pub(super) fn checked_add(self, other: Self) -> Option<Self> {
        if self.scale != other.scale {
            return None;
        }
        let unscaled = self.unscaled.checked_add(other.unscaled)?;
        Some(Self { unscaled, ..self })
    }
}

/// All digits of the scale, trailing zeros too; a negative scale as an exponent, `12e3`.
impl fmt::Display for ExactSum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.unscaled.to_string();
        let Ok(scale) = usize::try_from(self.scale) else {
            return write!(f, "{text}e{}", -i16::from(self.scale));
        };
        if scale == 0 {
            return f.write_str(&text);
        }
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", text.as_str()),
        };
        let digits = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        write!(f, "{sign}{whole}.{fraction}")
    }
}

impl FromStr for ExactSum {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        parse(text).ok_or_else(|| Error::Invalid {
            what: "sum",
            expected: "a decimal of at most 76 digits, as 123.45".to_owned(),
            found: format!("{text:?}"),
        })
    }
}

fn parse(text: &str) -> Option<ExactSum> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    let (digits, scale) = if let Some((digits, exponent)) = digits.split_once('e') {
        (
            digits.to_owned(),
            exponent.parse::<i8>().ok()?.checked_neg()?,
        )
    } else if let Some((whole, fraction)) = digits.split_once('.') {
        if whole.is_empty() || fraction.is_empty() {
            return None;
        }
        (
            format!("{whole}{fraction}"),
            i8::try_from(fraction.len()).ok()?,
        )
    } else {
        (digits.to_owned(), 0)
    };
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let unscaled = i256::from_string(&format!("{sign}{digits}"))?;
    Some(ExactSum { unscaled, scale })
}

impl TryFrom<String> for ExactSum {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<ExactSum> for String {
    fn from(sum: ExactSum) -> Self {
        sum.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_add_up_to_the_exact_sum() {
        let mut sum = ExactSum::zero(2);
        for value in [i128::MAX, i128::MAX, i128::MIN, -1, 5, i128::MAX] {
            sum.add_halves(u128::from(value as u64), value >> 64);
        }
        // 2 * (2^127 - 1) + 5 - 2
        assert_eq!(sum.to_string(), "3402823669209384634633746074317682114.57");
    }

    #[test]
    fn text_keeps_the_scale_both_ways() {
        for text in [
            "0.00",
            "-0.05",
            "12",
            "-7",
            "1234567890.123",
            "5e3",
            "-12e12",
        ] {
            let sum: ExactSum = text.parse().unwrap();
            assert_eq!(sum.to_string(), text);
        }
        for text in [
            "", "-", ".5", "5.", "+1", "1.2.3", "1e", "0x1", " 1", "--1", "1_000",
        ] {
            assert!(text.parse::<ExactSum>().is_err(), "{text}");
        }
    }
}

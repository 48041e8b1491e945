//! The least and the greatest value of pages and of a whole column chunk.

use parquet::data_type::ByteArray;
use parquet::file::statistics::{Statistics, ValueStatistics};

use crate::wide::wide;

/// The longest text that statistics hold; a longer one is cut, the greatest rounded up.
const MAX_TEXT_BYTES: usize = 64;

/// A value that has an order, and stands in statistics.
pub(super) trait Bound: Clone + PartialOrd {
    /// The value as the page index holds it.
    fn to_bytes(&self) -> Vec<u8>;

    /// Statistics of a column chunk.
    fn statistics(bounds: Option<(Self, Self)>, nulls: u64) -> Statistics;
}

impl Bound for i32 {
    fn to_bytes(&self) -> Vec<u8> {
        self.to_le_bytes().to_vec()
    }

    fn statistics(bounds: Option<(Self, Self)>, nulls: u64) -> Statistics {
        let (least, greatest) = bounds.unzip();
        Statistics::int32(least, greatest, None, Some(nulls), false)
    }
}

impl Bound for i64 {
    fn to_bytes(&self) -> Vec<u8> {
        self.to_le_bytes().to_vec()
    }

    fn statistics(bounds: Option<(Self, Self)>, nulls: u64) -> Statistics {
        let (least, greatest) = bounds.unzip();
        Statistics::int64(least, greatest, None, Some(nulls), false)
    }
}

impl Bound for f32 {
    fn to_bytes(&self) -> Vec<u8> {
        self.to_le_bytes().to_vec()
    }

    fn statistics(bounds: Option<(Self, Self)>, nulls: u64) -> Statistics {
        let (least, greatest) = bounds.unzip();
        Statistics::float(least, greatest, None, Some(nulls), false)
    }
}

impl Bound for f64 {
    fn to_bytes(&self) -> Vec<u8> {
        self.to_le_bytes().to_vec()
    }

    fn statistics(bounds: Option<(Self, Self)>, nulls: u64) -> Statistics {
        let (least, greatest) = bounds.unzip();
        Statistics::double(least, greatest, None, Some(nulls), false)
    }
}

/// A text, or where a bound of a text lies.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub(super) struct TextBound {
    pub(super) bytes: Vec<u8>,
    /// Whether some value is exactly this.
    pub(super) is_exact: bool,
}

impl TextBound {
    /// A text that is at most `text`.
    pub(super) fn at_most(text: &[u8]) -> Self {
        let bytes = cut(text).to_vec();
        Self {
            is_exact: bytes.len() == text.len(),
            bytes,
        }
    }

    /// A text that is at least `text`.
    pub(super) fn at_least(text: &[u8]) -> Self {
        let short = cut(text);
        let rounded_up = if short.len() < text.len() {
            next_text(short)
        } else {
            None
        };
        match rounded_up {
            Some(bytes) => Self {
                bytes,
                is_exact: false,
            },
            None => Self {
                bytes: text.to_vec(),
                is_exact: true,
            },
        }
    }
}

impl Bound for TextBound {
    fn to_bytes(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    fn statistics(bounds: Option<(Self, Self)>, nulls: u64) -> Statistics {
        let is_exact = |bound: &Option<Self>| bound.as_ref().is_none_or(|at| at.is_exact);
        let (least, greatest) = bounds.unzip();
        let (least_exact, greatest_exact) = (is_exact(&least), is_exact(&greatest));
        let bytes = |bound: Self| ByteArray::from(bound.bytes);
        Statistics::ByteArray(
            ValueStatistics::new(
                least.map(bytes),
                greatest.map(bytes),
                None,
                Some(nulls),
                false,
            )
            .with_min_is_exact(least_exact)
            .with_max_is_exact(greatest_exact),
        )
    }
}

/// The text, cut before the character that would make it too long.
fn cut(text: &[u8]) -> &[u8] {
    if text.len() <= MAX_TEXT_BYTES {
        return text;
    }
    // A byte of the form 10xxxxxx goes on with a character.
    let goes_on = |at: &usize| text[*at] & 0b1100_0000 == 0b1000_0000;
    let end = (0..=MAX_TEXT_BYTES)
        .rev()
        .find(|at| !goes_on(at))
        .unwrap_or(MAX_TEXT_BYTES);
    &text[..end]
}

/// The least text of that many characters which is greater than all texts that start so.
fn next_text(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let mut characters: Vec<char> = text.chars().collect();
    while let Some(last) = characters.pop() {
        if let Some(next) = char::from_u32(last as u32 + 1) {
            characters.push(next);
            return Some(characters.into_iter().collect::<String>().into_bytes());
        }
    }
    None
}

/// The bounds of all values, of which some have the bounds `sofar` and the others `more`.
pub(super) fn joined<B: PartialOrd>(sofar: Option<(B, B)>, more: (B, B)) -> (B, B) {
    let Some((least, greatest)) = sofar else {
        return more;
    };
    let (low, high) = more;
    (
        if low < least { low } else { least },
        if high > greatest { high } else { greatest },
    )
}

/// Least and greatest of integers.
pub(super) fn integer_bounds<T: Copy + Ord>(values: &[T]) -> Option<(T, T)> {
    wide!(integer_bounds_by_eight(values))
}

/// The same, eight side by side.
#[expect(clippy::inline_always, reason = "what `wide!` is given")]
#[inline(always)]
fn integer_bounds_by_eight<T: Copy + Ord>(values: &[T]) -> Option<(T, T)> {
    let first = *values.first()?;
    let (eights, rest) = values.as_chunks::<8>();
    let (mut least, mut greatest) = ([first; 8], [first; 8]);
    for eight in eights {
        for at in 0..8 {
            least[at] = least[at].min(eight[at]);
            greatest[at] = greatest[at].max(eight[at]);
        }
    }
    let all = || rest.iter().copied();
    let least = least.into_iter().chain(all()).fold(first, Ord::min);
    let greatest = greatest.into_iter().chain(all()).fold(first, Ord::max);
    Some((least, greatest))
}

/// Least and greatest of floating-point numbers; a zero gets the sign that takes in both zeros, as
/// Parquet asks. `None` where a NaN is among them: bounds pass it over, and readers that hold it
/// for the greatest of all would skip it, others take all rows for being within the bounds.
pub(super) fn float_bounds<T>(
    values: &[T],
    is_nan: impl Fn(T) -> bool,
    infinite: T,
    zero: T,
) -> Option<(T, T)>
where
    T: Copy + PartialOrd + std::ops::Neg<Output = T>,
{
    wide!(float_bounds_by_eight(values, is_nan, infinite, zero))
}

/// The same, eight side by side.
#[expect(clippy::inline_always, reason = "what `wide!` is given")]
#[inline(always)]
fn float_bounds_by_eight<T>(
    values: &[T],
    is_nan: impl Fn(T) -> bool,
    infinite: T,
    zero: T,
) -> Option<(T, T)>
where
    T: Copy + PartialOrd + std::ops::Neg<Output = T>,
{
    let (eights, rest) = values.as_chunks::<8>();
    let (mut least, mut greatest) = ([infinite; 8], [-infinite; 8]);
    // A NaN that is met stays; a flag for each lane would keep the loop from becoming vectors.
    let mut unordered = [zero; 8];
    for eight in eights {
        for at in 0..8 {
            unordered[at] = if is_nan(eight[at]) {
                eight[at]
            } else {
                unordered[at]
            };
            least[at] = if eight[at] < least[at] {
                eight[at]
            } else {
                least[at]
            };
            greatest[at] = if eight[at] > greatest[at] {
                eight[at]
            } else {
                greatest[at]
            };
        }
    }
    if values.is_empty() || unordered.iter().chain(rest).any(|value| is_nan(*value)) {
        return None;
    }
    let lower = |low: T, at: T| if at < low { at } else { low };
    let upper = |high: T, at: T| if at > high { at } else { high };
    let least = least
        .into_iter()
        .chain(rest.iter().copied())
        .fold(infinite, lower);
    let greatest = greatest
        .into_iter()
        .chain(rest.iter().copied())
        .fold(-infinite, upper);
    let least = if least == zero { -zero } else { least };
    let greatest = if greatest == zero { zero } else { greatest };
    Some((least, greatest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_without_an_order_have_no_bounds() {
        let bounds = |values: &[f64]| float_bounds(values, f64::is_nan, f64::INFINITY, 0.0);
        assert_eq!(bounds(&[3.0, 2.0, -1.0]), Some((-1.0, 3.0)));
        assert_eq!(bounds(&[2.0, f64::NAN, -1.0]), None);
        assert_eq!(bounds(&[f64::NAN; 20]), None);
        assert_eq!(bounds(&[]), None);
        let infinite = f64::INFINITY;
        assert_eq!(bounds(&[infinite; 9]), Some((infinite, infinite)));
        assert_eq!(bounds(&[-infinite; 9]), Some((-infinite, -infinite)));
        let (least, greatest) = bounds(&[0.0, -0.0]).unwrap();
        assert!(least.is_sign_negative() && greatest.is_sign_positive());
    }

    /// The least and the greatest value at every place, in the lanes and in the rest behind them.
    #[test]
    fn every_lane_is_looked_at() {
        for len in 1..=33 {
            for least_at in 0..len {
                for greatest_at in (0..len).filter(|&at| at != least_at) {
                    let mut integers: Vec<i64> = (0..len).map(|at| at * 7 % 13).collect();
                    integers[least_at as usize] = i64::MIN;
                    integers[greatest_at as usize] = i64::MAX;
                    let bounds = integer_bounds(&integers);
                    assert_eq!(bounds, Some((i64::MIN, i64::MAX)), "{integers:?}");
                    let floats: Vec<f64> = integers.iter().map(|&value| value as f64).collect();
                    let bounds = float_bounds(&floats, f64::is_nan, f64::INFINITY, 0.0);
                    let expected = (floats[least_at as usize], floats[greatest_at as usize]);
                    assert_eq!(bounds, Some(expected), "{floats:?}");
                }
            }
        }
        assert_eq!(integer_bounds::<u32>(&[]), None);
        assert_eq!(integer_bounds(&[7_u32; 9]), Some((7, 7)));
    }

    #[test]
    fn long_texts_are_cut_so_that_they_still_bound() {
        let long = "é".repeat(40);
        let least = TextBound::at_most(long.as_bytes());
        let greatest = TextBound::at_least(long.as_bytes());
        assert!(least.bytes.len() <= 64 && !least.is_exact);
        assert!(std::str::from_utf8(&least.bytes).is_ok());
        assert!(least.bytes.as_slice() < long.as_bytes());
        assert!(greatest.bytes.as_slice() > long.as_bytes() && !greatest.is_exact);
        assert!(TextBound::at_least(b"short").is_exact);
        let topmost = char::MAX.to_string().repeat(20);
        assert_eq!(
            TextBound::at_least(topmost.as_bytes()).bytes,
            topmost.as_bytes()
        );
    }
}

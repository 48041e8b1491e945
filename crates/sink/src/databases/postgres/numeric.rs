//! Decimals in PostgreSQL's binary form: digits to the base of 10,000, counted from the point.

/// The base of a digit.
const BASE: u64 = 10_000;
/// Decimal digits of one of its digits.
const GROUP: u32 = 4;
/// Digits of 38 decimal ones, whose ends lie anywhere in a group.
const MOST_DIGITS: usize = 11;
const NEGATIVE: u16 = 0x4000;
const POWERS: [u64; 5] = [1, 10, 100, 1_000, 10_000];

/// Appends `value / 10^scale` with its length before it.
pub(super) fn write(value: i128, scale: u8, out: &mut Vec<u8>) {
    let mut digits = [0_u16; MOST_DIGITS];
    let mut count = 0;
    let mut push = |digit: u64| {
        digits[count] = digit as u16;
        count += 1;
    };
    let scale = u32::from(scale);
    let (rest, magnitude) = (scale % GROUP, value.unsigned_abs());
    // The last group of the fraction may have fewer digits: zeros fill it up.
    let last = POWERS[rest as usize];
    let mut high = magnitude;
    if rest > 0 {
        push((high % u128::from(last)) as u64 * POWERS[(GROUP - rest) as usize]);
        high /= u128::from(last);
    }
    while high > u128::from(u64::MAX) {
        push((high % u128::from(BASE)) as u64);
        high /= u128::from(BASE);
    }
    // Division of 64 bits is several times as fast, and almost all amounts fit.
    let mut low = high as u64;
    while low > 0 {
        push(low % BASE);
        low /= BASE;
    }
    let digits = &digits[..count];
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    let kept = &digits[zeros..];
    let weight = count as i32 - scale.div_ceil(GROUP) as i32 - 1;
    let weight = if kept.is_empty() { 0 } else { weight };
    let sign = if value < 0 { NEGATIVE } else { 0 };
    out.extend_from_slice(&(8 + 2 * kept.len() as i32).to_be_bytes());
    out.extend_from_slice(&(kept.len() as i16).to_be_bytes());
    out.extend_from_slice(&(weight as i16).to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&(scale as u16).to_be_bytes());
    for digit in kept.iter().rev() {
        out.extend_from_slice(&digit.to_be_bytes());
    }
}

/// Reads a value and scales it by `10^scale`. Nothing where it is no number, or has more digits
/// behind the point, or more in all than 128 bits hold.
pub(super) fn read(bytes: &[u8], scale: u8) -> Option<i128> {
    let at = |at: usize| Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    let (count, weight, sign) = (usize::from(at(0)?), at(2)? as i16, at(4)?);
    if bytes.len() != 8 + 2 * count || (sign != 0 && sign != NEGATIVE) {
        return None;
    }
    let mut value = 0_i128;
    for index in 0..count {
        let digit = i128::from(at(8 + 2 * index)?);
        // Decimal digits of the result behind this group; those of its end may have to be zero.
        let behind = (i32::from(weight) - index as i32) * GROUP as i32 + i32::from(scale);
        let term = if digit == 0 {
            0
        } else if behind >= 0 {
            digit.checked_mul(10_i128.checked_pow(behind as u32)?)?
        } else {
            let cut = 10_i128.checked_pow(behind.unsigned_abs())?;
            (digit % cut == 0).then(|| digit / cut)?
        };
        value = value.checked_add(term)?;
    }
    Some(if sign == NEGATIVE { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(value: i128, scale: u8) -> Vec<u16> {
        let mut out = Vec::new();
        write(value, scale, &mut out);
        assert_eq!(out[..4], (out.len() as i32 - 4).to_be_bytes());
        assert_eq!(read(&out[4..], scale), Some(value), "{value} at {scale}");
        let words = out[4..].chunks(2);
        words
            .map(|word| u16::from_be_bytes([word[0], word[1]]))
            .collect()
    }

    #[test]
    fn stands_as_the_server_writes_it() {
        // Count, weight, sign, digits behind the point; then digits.
        assert_eq!(digits(0, 2), [0, 0, 0, 2]);
        assert_eq!(digits(12_345_678, 2), [3, 1, 0, 2, 12, 3456, 7800]);
        assert_eq!(digits(-5, 2), [1, 0xFFFF, NEGATIVE, 2, 500]);
        assert_eq!(digits(1234, 8), [1, 0xFFFE, 0, 8, 1234]);
        assert_eq!(digits(1_000_000, 2), [1, 1, 0, 2, 1]);
    }

    #[test]
    fn extremes_come_back() {
        let most = 10_i128.pow(38) - 1;
        for scale in 0..=38 {
            for value in [most, -most, 1, -1, 9_999, 10_000, i128::from(u64::MAX) + 1] {
                digits(value, scale);
            }
        }
    }

    #[test]
    fn refuses_what_is_cut() {
        let mut out = Vec::new();
        write(12_345, 3, &mut out);
        assert_eq!(read(&out[4..], 2), None);
        assert_eq!(read(&out[4..], 5), Some(1_234_500));
        assert_eq!(read(&[0, 0, 0, 0, 0xC0, 0, 0, 0], 2), None, "not a number");
    }
}

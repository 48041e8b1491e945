//! Decimals in PostgreSQL's binary form: digits to the base of 10,000, counted from the point.

/// The base of a digit.
const BASE: u64 = 10_000;
/// Decimal digits of one of its digits.
const GROUP: u32 = 4;
/// Bits in which a digit is sent.
const BITS: u32 = 16;
const NEGATIVE: u16 = 0x4000;
const POWERS: [u64; 4] = [1, 10, 100, 1_000];

/// Appends `value / 10^scale` with its length before it.
pub(super) fn write(value: i128, scale: u8, out: &mut Vec<u8>) {
    let magnitude = value.unsigned_abs();
    // The last group of the fraction may have fewer digits: zeros fill it up.
    let zeros = POWERS[usize::from(scale.next_multiple_of(4) - scale)];
    let sign = if value < 0 { NEGATIVE } else { 0 };
    // Almost all amounts fit, and division of 64 bits is several times as fast.
    let small = u64::try_from(magnitude).ok();
    let Some(filled) = small.and_then(|small| small.checked_mul(zeros)) else {
        return write_large(magnitude, zeros, (sign, scale), out);
    };
    // The first digit stands in the highest bits, at most five of them.
    let (mut digits, mut count, mut rest) = (0_u128, 0, filled);
    while rest > 0 {
        digits = digits >> BITS | u128::from(rest % BASE) << (u128::BITS - BITS);
        count += 1;
        rest /= BASE;
    }
    let kept = (u128::BITS - digits.trailing_zeros()).div_ceil(BITS) as usize;
    out.extend_from_slice(&head(count, kept, (sign, scale)));
    let end = out.len() + 2 * kept;
    out.extend_from_slice(&digits.to_be_bytes());
    out.truncate(end);
}

/// The same for `magnitude * zeros`, which may have more bits than any number here.
fn write_large(magnitude: u128, zeros: u64, signed: (u16, u8), out: &mut Vec<u8>) {
    let (base, last) = (u128::from(BASE), u128::from(BASE / zeros));
    // From the last one to the first.
    let mut digits = vec![(magnitude % last) as u16 * zeros as u16];
    let mut rest = magnitude / last;
    while rest > 0 {
        digits.push((rest % base) as u16);
        rest /= base;
    }
    let count = digits.len() as i32;
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    let kept = &digits[zeros..];
    out.extend_from_slice(&head(count, kept.len(), signed));
    for digit in kept.iter().rev() {
        out.extend_from_slice(&digit.to_be_bytes());
    }
}

/// What stands before the digits: the length, the number of those that are kept, the weight of the first
/// of `count`, the sign, and the digits behind the point.
fn head(count: i32, kept: usize, (sign, scale): (u16, u8)) -> [u8; 12] {
    let weight = count - i32::from(scale.div_ceil(4)) - 1;
    let weight = if kept == 0 { 0 } else { weight as u16 };
    let mut head = u128::from(8 + 2 * kept as u32);
    for word in [kept as u16, weight, sign, u16::from(scale)] {
        head = head << BITS | u128::from(word);
    }
    let mut bytes = [0; 12];
    bytes.copy_from_slice(&head.to_be_bytes()[4..]);
    bytes
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
            let around = i128::from(u64::MAX);
            let filled = around / 10_i128.pow((4 - u32::from(scale) % 4) % 4);
            let others = [1, -1, 9_999, 10_000, around, around + 1, filled, filled + 1];
            for value in others
                .into_iter()
                .chain([most, -most, i128::MAX, -i128::MAX])
            {
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

//! The decimal digits of many numbers at a time.
//!
//! Every step is a loop over an array, of numbers that fit into 16 bits from the second one on: the
//! compiler makes vector instructions of it, also of those that every processor has. Eight digits cost
//! a third of what they cost one number after the other.

/// Eight decimal digits as numbers, not as characters: the first in the lowest byte of the first pair.
pub(super) type EightDigits = [u16; 4];

/// The digits of numbers below 10^8, `M` of them side by side.
#[inline]
pub(super) fn eight_digits_each<const M: usize, const N: usize>(
    numbers: &[[u32; M]; N],
) -> [[EightDigits; M]; N] {
    let mut fours = [[[0_u16; 2]; M]; N];
    let of_number = fours.as_flattened_mut().iter_mut();
    for (four, number) in of_number.zip(numbers.as_flattened()) {
        // 2^45 / 10,000, rounded up.
        let high = ((u64::from(*number) * 3_518_437_209) >> 45) as u16;
        // What is left is below 10,000: the lower bits say all.
        let low = (*number as u16).wrapping_sub(high.wrapping_mul(10_000));
        *four = [high, low];
    }
    let mut pairs = [[[[0_u16; 2]; 2]; M]; N];
    let of_four = pairs.as_flattened_mut().as_flattened_mut().iter_mut();
    for (pair, four) in of_four.zip(fours.as_flattened().as_flattened()) {
        // 2^19 / 100, rounded up.
        let high = ((u32::from(*four) * 5_243) >> 16) as u16 >> 3;
        *pair = [high, four.wrapping_sub(high.wrapping_mul(100))];
    }
    let mut digits = [[[0_u16; 4]; M]; N];
    let of_pair = digits.as_flattened_mut().as_flattened_mut().iter_mut();
    let pairs = pairs.as_flattened().as_flattened().as_flattened();
    for (digit, pair) in of_pair.zip(pairs) {
        // 2^10 / 10, rounded up.
        let ten = pair.wrapping_mul(103) >> 10;
        *digit = ten | (pair.wrapping_sub(ten.wrapping_mul(10)) << 8);
    }
    digits
}

/// Eight digits in one number, the first in the lowest byte.
#[inline]
pub(super) fn joined(digits: EightDigits) -> u64 {
    let [first, second, third, fourth] = digits.map(u64::from);
    first | (second << 16) | (third << 32) | (fourth << 48)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_read_as_the_standard_library_writes_them() {
        let mut number = 0_u32;
        loop {
            let numbers = [0, 1, 2, 3].map(|more| [(number + more).min(99_999_999)]);
            for ([number], [digits]) in numbers.iter().zip(eight_digits_each(&numbers)) {
                let text = joined(digits).to_le_bytes().map(|digit| b'0' + digit);
                assert_eq!(str::from_utf8(&text), Ok(format!("{number:08}").as_str()));
            }
            if number >= 99_999_999 {
                break;
            }
            // All small ones, and steps that come to every last four digits.
            number += if number < 20_000 { 4 } else { 9_973 };
        }
    }
}

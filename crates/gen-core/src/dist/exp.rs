//! e^x of many small numbers at once, to the bit as `libm::exp` has it one by one.
//!
//! The method is FreeBSD's `e_exp.c`, which `libm` ports: x = k ln 2 + a rest, a polynomial of the rest,
//! and 2^k. For 0 <= x < [`END`] it needs no branch, so a loop over a row becomes vector code, and each
//! number takes half of the time of a call.

/// Below this, 2^k is a normal number by a wide margin. Logits are far below.
const END: f64 = 512.0;

// The constants of `e_exp.c`.
const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
const ONE_BY_LN2: f64 = std::f64::consts::LOG2_E;
const P: [f64; 5] = [
    1.666_666_666_666_660_2e-1,
    -2.777_777_777_701_559_3e-3,
    6.613_756_321_437_934e-5,
    -1.653_390_220_546_525_2e-6,
    4.138_136_797_057_238_5e-8,
];
/// The last number that is its own remainder: half of ln 2, as far as the upper half of its bits tells.
const LAST_WHOLE: f64 = f64::from_bits(0x3fd6_2e42_ffff_ffff);
/// The last number x of which e^x is 1 + x.
const LAST_TINY: f64 = f64::from_bits(0x3e30_0000_ffff_ffff);
/// 2^52: from here on doubles are whole numbers, so that a sum with it is rounded to one.
const WHOLES: f64 = 4_503_599_627_370_496.0;
const EXPONENT_AT: u32 = f64::MANTISSA_DIGITS - 1;
const EXPONENT_OF_ONE: f64 = 1023.0;

/// Puts e^x in the place of every x, which is to be in `0.0..512.0`.
#[expect(clippy::inline_always, reason = "part of what `wide!` is given")]
#[inline(always)]
pub(super) fn exp_all(values: &mut [f64]) {
    for value in values {
        debug_assert!((0.0..END).contains(value), "{value}");
        *value = exp(*value);
    }
}

#[expect(clippy::inline_always, reason = "part of what `wide!` is given")]
#[inline(always)]
fn exp(x: f64) -> f64 {
    // Both sides of a choice are computed: a choice between two numbers is no branch.
    let nearest = floor(ONE_BY_LN2 * x + 0.5);
    let k = if x > LAST_WHOLE { nearest } else { 0.0 };
    let (high, low) = (x - k * LN2_HIGH, k * LN2_LOW);
    let rest = high - low;
    let square = rest * rest;
    let tail = P[3] + square * P[4];
    let c = rest - square * (P[0] + square * (P[1] + square * (P[2] + square * tail)));
    let of_any = (1.0 + (rest * c / (2.0 - c) - low + high)) * two_to(k);
    let of_tiny = 1.0 + x;
    if x > LAST_TINY { of_any } else { of_tiny }
}

/// The whole part of a number that is not negative and far below 2^51.
#[expect(clippy::inline_always, reason = "part of what `wide!` is given")]
#[inline(always)]
fn floor(x: f64) -> f64 {
    let nearest = (x + WHOLES) - WHOLES;
    let above = if nearest > x { 1.0 } else { 0.0 };
    nearest - above
}

/// 2^k of a whole k: its exponent is the low end of the sum's bits.
#[expect(clippy::inline_always, reason = "part of what `wide!` is given")]
#[inline(always)]
fn two_to(k: f64) -> f64 {
    f64::from_bits((k + EXPONENT_OF_ONE + WHOLES).to_bits() << EXPONENT_AT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Stream;

    /// Holds e^x of each against the call, in rows of every length.
    fn are_as_called(values: &[f64]) {
        for row in values.chunks(7) {
            let mut all = row.to_vec();
            exp_all(&mut all);
            for (x, found) in row.iter().zip(all) {
                let called = libm::exp(*x);
                assert_eq!(
                    found.to_bits(),
                    called.to_bits(),
                    "e^{x:?} = {called:?}, {found:?}"
                );
            }
        }
    }

    #[test]
    fn numbers_at_every_border_are_as_the_call_has_them() {
        let halves_of_ln2 = (0..200).map(|n| f64::from(n) * std::f64::consts::LN_2 / 2.0);
        let powers = (1..1023).map(|exponent| f64::from_bits(exponent << EXPONENT_AT));
        let borders = [0.0, LAST_WHOLE, LAST_TINY, 1.0, 12.0, 511.999];
        for border in halves_of_ln2.chain(powers).chain(borders) {
            let bits = border.to_bits();
            let near = bits.saturating_sub(50)..bits + 50;
            are_as_called(&near.map(f64::from_bits).collect::<Vec<_>>());
        }
        // Where the upper half of the bits decides.
        for upper in [
            0x3fd6_2e42_u64,
            0x3fd6_2e43,
            0x3ff0_a2b2,
            0x3e30_0000,
            0x3e30_0001,
        ] {
            let near = (upper << 32) - 50..(upper << 32) + 50;
            are_as_called(&near.map(f64::from_bits).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_million_numbers_are_as_the_call_has_them() {
        let stream = Stream::root("exp", 1, 7);
        for reach in [1.0, 12.0, 1e-7, 511.0] {
            let values: Vec<f64> = (0..250_000).map(|n| stream.unit(n) * reach).collect();
            are_as_called(&values);
        }
    }
}

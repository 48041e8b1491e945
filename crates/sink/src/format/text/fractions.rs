//! Doubles between a hundred-thousandth and 1 in their shortest form: shares, probabilities, scores.
//!
//! The shortest decimal that reads back as the same double, and of those the nearest, as everywhere in
//! this crate. What makes this range quick is that nothing in it is an approximation: the double times
//! a power of ten is a product of two numbers of 54 and 49 bits, so its neighbours at the last place are
//! found by one multiplication and a shift, and the digits come out where they stand in the text. The
//! idea of looking at the two neighbours and the two tens is that of Schubfach (Raffaello Giulietti, "The
//! Schubfach way to render doubles", 2021).

use super::numbers::{ASCII_ZEROS, eight_digits};

/// A text is at most this long, and so is what is written behind it.
pub(super) const TEXT_BYTES: usize = 24;

/// From here on numbers are written without an exponent.
const LEAST: f64 = 1e-5;
/// The bits of a double's significand that are stored.
const STORED_BITS: u32 = 52;
/// How far the significands of numbers in the range are shifted down: by 53 below 1 to 69.
const SHIFTS: usize = 17;
const LEAST_SHIFT: u32 = 53;
const EIGHT: u64 = 100_000_000;

/// How numbers of one binary exponent become decimals.
#[derive(Clone, Copy)]
struct Scale {
    /// Places behind the point: a unit of the last one is between a tenth of and one whole distance to the next
    /// double.
    places: usize,
    /// Five to the power of `places`.
    fives: u64,
    /// Twice the significand times `fives` has this many bits behind the last place.
    shift: u32,
}

/// For each shift, the numbers just below 1 first.
const SCALES: [Scale; SHIFTS] = scales();

const fn scales() -> [Scale; SHIFTS] {
    let none = Scale {
        places: 0,
        fives: 0,
        shift: 0,
    };
    let mut scales = [none; SHIFTS];
    let mut at = 0;
    while at < SHIFTS {
        let shift = LEAST_SHIFT + at as u32;
        // The logarithm of 2, to five places: near enough for so small numbers.
        let places = shift * 30_103 / 100_000 + 1;
        scales[at] = Scale {
            places: places as usize,
            fives: 5_u64.pow(places),
            shift: shift - places + 1,
        };
        at += 1;
    }
    scales
}

/// Renders a number; its length, or `None` where it is outside of the range, or a power of two, whose
/// neighbours are not equally far.
#[inline]
pub(super) fn render(value: f64, into: &mut [u8; TEXT_BYTES]) -> Option<usize> {
    if !(LEAST..1.0).contains(&value) {
        return None;
    }
    let bits = value.to_bits();
    let stored = bits & ((1 << STORED_BITS) - 1);
    if stored == 0 {
        return None;
    }
    let below_one = 1022 - (bits >> STORED_BITS) as usize;
    let scale = SCALES.get(below_one)?;
    let number = shortest(stored | (1 << STORED_BITS), scale);

    // At most 17 digits: one, and two times eight.
    let (first, rest) = (number / (EIGHT * EIGHT), number % (EIGHT * EIGHT));
    let high = eight_digits(rest / EIGHT);
    let low = eight_digits(rest % EIGHT);
    let end = scale.places + 2;
    into[..6].copy_from_slice(b"0.0000");
    into[end - 17] = b'0' | first as u8;
    // Of 16 places the first digit is a zero, and stood here.
    into[1] = b'.';
    into[end - 16..end - 8].copy_from_slice(&(high | ASCII_ZEROS).to_le_bytes());
    into[end - 8..end].copy_from_slice(&(low | ASCII_ZEROS).to_le_bytes());
    // The last digits are in the highest bytes.
    let zeros = if low == 0 {
        8 + high.leading_zeros() / 8
    } else {
        low.leading_zeros() / 8
    };
    Some(end - zeros as usize)
}

/// The shortest decimal between the middles to the neighbours of a double, and of the shortest the
/// nearest: in units of the last place.
#[inline]
fn shortest(significand: u64, scale: &Scale) -> u64 {
    let product = u128::from(significand * 2) * u128::from(scale.fives);
    let floor = (product >> scale.shift) as u64;
    let one = 1_u64 << scale.shift;
    let behind = product as u64 & (one - 1);
    // A middle itself reads back as the even one of its two doubles.
    let reach = scale.fives + u64::from(significand.is_multiple_of(2));
    let tens = floor / 10 * 10;
    let above_tens = (floor - tens) * one + behind;
    let has_tens = above_tens < reach;
    let has_next_tens = 10 * one - above_tens < reach;
    let half = one / 2;
    let rounds_up = behind > half || (behind == half && !floor.is_multiple_of(2));
    let nearest = floor + u64::from(rounds_up);
    // Which of them it is nobody can guess: no branch.
    let chosen = choose(has_next_tens, tens + 10, nearest);
    choose(has_tens, tens, chosen)
}

#[inline]
fn choose(condition: bool, one: u64, other: u64) -> u64 {
    other ^ ((one ^ other) & u64::from(condition).wrapping_neg())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: f64) {
        let mut buffer = zmij::Buffer::new();
        let expected = buffer.format_finite(value);
        let mut text = [b'?'; TEXT_BYTES];
        let Some(len) = render(value, &mut text) else {
            let is_power = value.to_bits() << 12 == 0;
            assert!(is_power || !(LEAST..1.0).contains(&value), "{expected}");
            return;
        };
        assert_eq!(str::from_utf8(&text[..len]), Ok(expected));
        let read: f64 = expected.parse().unwrap();
        assert_eq!(read.to_bits(), value.to_bits());
    }

    #[test]
    fn ends_and_neighbours_of_every_binary_exponent() {
        for shift in 0..20 {
            let power = 0.5_f64.powi(shift);
            let (mut up, mut down) = (power, power);
            for _ in 0..2_000 {
                check(up);
                check(down);
                (up, down) = (up.next_up(), down.next_down());
            }
        }
        for edge in [1e-5, 1e-4, 1e-3, 0.01, 0.1, 1.0 / 3.0, 0.999_999, 1.0] {
            let (mut up, mut down) = (edge, edge);
            for _ in 0..2_000 {
                check(up);
                check(down);
                (up, down) = (up.next_up(), down.next_down());
            }
        }
        for other in [
            0.0,
            -0.0,
            -0.25,
            -0.3,
            f64::NAN,
            f64::INFINITY,
            1e300,
            5e-324,
        ] {
            assert_eq!(render(other, &mut [0; TEXT_BYTES]), None);
        }
    }

    #[test]
    fn decimals_of_few_places() {
        for places in 1..=9 {
            let one = 10_u64.pow(places);
            for at in (1..one).step_by((one / 5_000).max(1) as usize) {
                check(at as f64 / one as f64);
            }
        }
    }

    /// Significands from a sequence that comes near to every residue, for every exponent.
    #[test]
    fn numbers_of_every_exponent() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..300_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            for exponent in 1005..1023 {
                check(f64::from_bits((exponent << STORED_BITS) | (state >> 12)));
            }
        }
    }
}

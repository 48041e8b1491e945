//! Doubles between a hundred-thousandth and 1 in their shortest form: shares, probabilities, scores.
//!
//! The shortest decimal that reads back as the same double, and of those the nearest, as everywhere in
//! this crate. What makes this range quick is that nothing in it is an approximation: the double times
//! a power of ten is a product of two numbers of 53 and 54 bits, whose upper half ends at the last
//! place, and the digits come out where they stand in the text. The idea of looking at the two
//! neighbours and the two tens is that of Schubfach (Raffaello Giulietti, "The Schubfach way to render
//! doubles", 2021).
//!
//! Which of the four it is, and how many digits it has, nobody can guess: a branch that depends on it
//! costs more than all the arithmetic. There is none that is taken in turns here; look at the instructions
//! after a change.

use super::digits::{EightDigits, eight_digits_each, joined};
use super::grid::BLOCK;
use super::numbers::ASCII_ZEROS;

/// A text is at most this long, and so is what is written behind it.
pub(super) const TEXT_BYTES: usize = 24;

/// From here on numbers are written without an exponent.
const LEAST: f64 = 1e-5;
/// The bits of a double's significand that are stored.
pub(super) const STORED_BITS: u32 = 52;
/// How far the significands of numbers in the range are shifted down: by 53 below 1 to 69.
const SHIFTS: usize = 17;
const LEAST_SHIFT: u32 = 53;
/// Scales are found by as many bits, so that nothing has to be checked.
const SCALE_BITS: u32 = 5;
const EIGHT: u64 = 100_000_000;
/// Distances are told in this share of a unit of the last place, of which ten have room.
const UNIT_BITS: u32 = 59;

/// How numbers of one binary exponent become decimals. A unit of the last place is between a tenth of and
/// one whole distance to the next double.
#[derive(Clone, Copy)]
struct Scale {
    /// The length of a text that has all places.
    end: usize,
    /// A significand of 64 bits times this has its last place at the 64th bit.
    multiplier: u64,
    /// How far from an even double, and from an odd one, a decimal still reads back as it: to the
    /// middle between two, which itself is the even one's.
    reach: [u64; 2],
}

/// For each shift, the numbers just below 1 first.
const SCALES: [Scale; 1 << SCALE_BITS] = scales();

const fn scales() -> [Scale; 1 << SCALE_BITS] {
    let none = Scale {
        end: 0,
        multiplier: 0,
        reach: [0; 2],
    };
    let mut scales = [none; 1 << SCALE_BITS];
    let mut at = 0;
    while at < SHIFTS {
        let shift = LEAST_SHIFT + at as u32;
        // The logarithm of 2, to five places: near enough for so small numbers.
        let places = shift * 30_103 / 100_000 + 1;
        // Half the distance to the next double, with this many bits behind the last place.
        let fives = 5_u64.pow(places);
        let bits = shift - places + 1;
        scales[at] = Scale {
            end: places as usize + 2,
            // Of the 64 bits, the significand takes 53 and its half distance one.
            multiplier: fives << (64 - 10 - bits),
            reach: [
                (fives + 1) << (UNIT_BITS - bits),
                fives << (UNIT_BITS - bits),
            ],
        };
        at += 1;
    }
    scales
}

/// The digits of a block of numbers.
pub(super) struct Fractions {
    /// Behind the first: two times eight.
    digits: [[EightDigits; 2]; BLOCK],
    lasts: [u8; BLOCK],
    /// Zero where a number is not one of ours.
    ends: [u8; BLOCK],
}

impl Fractions {
    /// Works out the digits of at most [`BLOCK`] numbers.
    #[inline]
    pub(super) fn new(values: &[f64]) -> Self {
        let mut halves = [[0; 2]; BLOCK];
        let (mut lasts, mut ends) = ([0; BLOCK], [0; BLOCK]);
        let places = lasts.iter_mut().zip(&mut ends);
        for ((value, half), (last, end)) in values.iter().zip(&mut halves).zip(places) {
            let Some((significand, scale)) = parts(*value) else {
                continue;
            };
            let (front, digit) = shortest(significand, scale);
            let high = front / EIGHT;
            *half = [high as u32, (front - high * EIGHT) as u32];
            *last = digit as u8;
            *end = scale.end as u8;
        }
        Self {
            digits: eight_digits_each(&halves),
            lasts,
            ends,
        }
    }

    /// Writes the text of a number; its length, or `None` where it is outside of the range, or a power
    /// of two, whose neighbours are not equally far.
    #[inline]
    pub(super) fn write(&self, at: usize, into: &mut [u8; TEXT_BYTES]) -> Option<usize> {
        let end = usize::from(self.ends[at]);
        if end == 0 {
            return None;
        }
        let [high, low] = self.digits[at].map(joined);
        let last = self.lasts[at];
        into[..8].copy_from_slice(b"0.000000");
        let digits = &mut into[end - 17..end];
        digits[..8].copy_from_slice(&(high | ASCII_ZEROS).to_le_bytes());
        digits[8..16].copy_from_slice(&(low | ASCII_ZEROS).to_le_bytes());
        digits[16] = b'0' | last;
        // Of 16 places the first digit is a zero, and stood here.
        into[1] = b'.';
        // The last digits are in the highest bytes.
        let zeros = if low == 0 {
            8 + high.leading_zeros() / 8
        } else {
            low.leading_zeros() / 8
        };
        Some(end - choose(last == 0, u64::from(zeros) + 1, 0) as usize)
    }
}

/// The significand of a number in the range, and how it becomes a decimal.
#[inline]
fn parts(value: f64) -> Option<(u64, &'static Scale)> {
    let bits = value.to_bits();
    let stored = bits & ((1 << STORED_BITS) - 1);
    // Positive doubles are ordered as their bits are, and all others are above them.
    let is_within = bits.wrapping_sub(LEAST.to_bits()) < 1.0_f64.to_bits() - LEAST.to_bits();
    if !is_within || stored == 0 {
        return None;
    }
    let below_one = 1022 - (bits >> STORED_BITS) as usize;
    let scale = &SCALES[below_one % SCALES.len()];
    Some((stored | (1 << STORED_BITS), scale))
}

/// The shortest decimal between the middles to the neighbours of a double, and of the shortest the
/// nearest, in units of the last place: all digits but the last, and the last.
#[inline]
fn shortest(significand: u64, scale: &Scale) -> (u64, u64) {
    let product = u128::from(significand << 11) * u128::from(scale.multiplier);
    let (floor, behind) = ((product >> 64) as u64, product as u64);
    let tens = floor / 10;
    let one = floor - tens * 10;
    let above_tens = (one << UNIT_BITS) | (behind >> (64 - UNIT_BITS));
    let reach = scale.reach[(significand % 2) as usize];
    let has_tens = u64::from(above_tens < reach);
    let has_next_tens = u64::from(above_tens + reach > 10 << UNIT_BITS);
    // To the nearest, and from the middle to the even one.
    let rounds_up = behind + floor % 2 > 1 << 63;
    let nearest = one + u64::from(rounds_up);
    // Nothing is left of it beside one of the tens.
    let last = nearest & (has_tens | has_next_tens).wrapping_sub(1);
    (tens + (has_next_tens & !has_tens), last)
}

#[inline]
fn choose(condition: bool, one: u64, other: u64) -> u64 {
    other ^ ((one ^ other) & u64::from(condition).wrapping_neg())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(value: f64, into: &mut [u8; TEXT_BYTES]) -> Option<usize> {
        Fractions::new(&[0.5, value]).write(1, into)
    }

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

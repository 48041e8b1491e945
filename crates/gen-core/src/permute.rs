//! Keyed bijections of `0..n`: unique codes and shuffled identifiers without memory.
//!
//! Multiplications by odd numbers and xor-shifts are bijections of `k` bits; three keyed rounds of
//! them scramble the smallest power of two that holds `n`, and a result past `n` goes round again
//! (cycle walking), less than twice on average. Both directions cost the same, about 10 ns.

use crate::seed::Stream;

const ROUNDS: usize = 3;

/// A keyed permutation of `0..n`, and its inverse.
///
/// ```
/// use lakeseed_gen_core::{permute::Permutation, seed::Stream};
///
/// let shuffle = Permutation::new(Stream::root("codes", 1, 42), 1000);
/// let code = shuffle.forward(7);
/// assert!(code < 1000);
/// assert_eq!(shuffle.inverse(code), 7);
/// ```
#[derive(Debug, Clone)]
pub struct Permutation {
    n: u64,
    mask: u64,
    shift: u32,
    rounds: [Round; ROUNDS],
}

#[derive(Debug, Clone, Copy)]
struct Round {
    factor: u64,
    inverse: u64,
    offset: u64,
}

impl Permutation {
    /// The permutation of `0..n` that belongs to this stream.
    pub fn new(stream: Stream, n: u64) -> Self {
        // Two bits at least, so that the shift below is not the whole width.
        let bits = (64 - n.saturating_sub(1).leading_zeros()).max(2);
        let mask = u64::MAX >> (64 - bits);
        let rounds = std::array::from_fn(|round| {
            let factor = (stream.at(2 * round as u64) | 1) & mask;
            let offset = stream.at(2 * round as u64 + 1) & mask;
            Round {
                factor,
                inverse: odd_inverse(factor),
                offset,
            }
        });
        Self {
            n,
            mask,
            shift: bits.div_ceil(2),
            rounds,
        }
    }

    /// How many numbers it permutes.
    pub const fn len(&self) -> u64 {
        self.n
    }

    /// Whether there is nothing to permute.
    pub const fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// Where `x` goes; `x` must be below `n`: beyond, it may go anywhere, and for an `n` of 0 nowhere
    /// ends the search.
    #[inline]
    pub fn forward(&self, mut x: u64) -> u64 {
        debug_assert!(x < self.n);
        loop {
            for round in &self.rounds {
                x = x.wrapping_mul(round.factor).wrapping_add(round.offset) & self.mask;
                // At least half the width: this xor-shift is its own inverse.
                x ^= x >> self.shift;
            }
            if x < self.n {
                return x;
            }
        }
    }

    /// What goes to `y`; `y` must be below `n`, as in [`forward`](Self::forward).
    #[inline]
    pub fn inverse(&self, mut y: u64) -> u64 {
        debug_assert!(y < self.n);
        loop {
            for round in self.rounds.iter().rev() {
                y ^= y >> self.shift;
                y = y.wrapping_sub(round.offset).wrapping_mul(round.inverse) & self.mask;
            }
            if y < self.n {
                return y;
            }
        }
    }
}

/// The inverse of an odd number modulo 2^64, by Newton's iteration.
const fn odd_inverse(factor: u64) -> u64 {
    let mut inverse = factor;
    let mut step = 0;
    while step < 6 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(factor.wrapping_mul(inverse)));
        step += 1;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permutation(seed: u64, n: u64) -> Permutation {
        Permutation::new(Stream::root("test", 1, seed), n)
    }

    #[test]
    fn each_number_once_and_back() {
        for n in [1, 2, 3, 4, 5, 15, 16, 17, 31, 1000, 1024, 65_537] {
            let shuffle = permutation(n, n);
            let mut seen = vec![false; n as usize];
            for x in 0..n {
                let y = shuffle.forward(x);
                assert!(
                    !std::mem::replace(&mut seen[y as usize], true),
                    "{y} twice in {n}"
                );
                assert_eq!(shuffle.inverse(y), x);
            }
        }
    }

    #[test]
    fn large_domains_come_back() {
        let n = (1 << 62) + 12_345;
        let shuffle = permutation(1, n);
        for x in (0..n).step_by(1 << 50) {
            assert_eq!(shuffle.inverse(shuffle.forward(x)), x);
        }
    }

    #[test]
    fn neighbours_are_spread_evenly() {
        // Consecutive inputs fall into 64 cells as draws would: chi-square of 63 degrees.
        for seed in 0..20 {
            let shuffle = permutation(seed, 1_000_000);
            let mut cells = [0u32; 64];
            for x in 0..64_000 {
                cells[(shuffle.forward(x) * 64 / 1_000_000) as usize] += 1;
            }
            let chi: f64 = cells
                .iter()
                .map(|&c| libm::pow(f64::from(c) - 1000.0, 2.0) / 1000.0)
                .sum();
            assert!(chi < 140.0, "seed {seed}: {chi}");
        }
    }
}

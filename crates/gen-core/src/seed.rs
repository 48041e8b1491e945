//! Counter-based randomness: a stream per name, a draw per row number, no state.
//!
//! A [`Stream`] is a 64-bit key made from names: dataset and data version, seed, table, column.
//! Its draw at a row is the SplitMix64 output function of `key + row * GOLDEN`, so that any row
//! costs the same, in any order, on any thread. Streams are keyed by names and never by position:
//! adding a column, a table or a parameter changes no other value.
//!
//! Source of the mixing function: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number
//! Generators" (2014), with the constants of David Stafford's variant 13.

/// The odd integer nearest to 2^64 divided by the golden ratio: the step between rows.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Scrambles 64 bits; a bijection.
#[inline]
pub const fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Maps 64 random bits onto `0..n` by the high half of the product.
///
/// The bias is at most `n / 2^64`: below anything that a sample can show.
#[inline]
pub const fn below(bits: u64, n: u64) -> u64 {
    ((bits as u128 * n as u128) >> 64) as u64
}

/// Maps 64 random bits onto `[0, 1)` in steps of 2^-53.
#[inline]
pub const fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// An independent source of random bits, addressed by row number.
///
/// ```
/// use lakeseed_gen_core::seed::Stream;
///
/// let names = Stream::root("pets", 1, 42).named("pets").named("name");
/// assert_eq!(names.at(7_000_000), names.at(7_000_000));
/// assert_ne!(names.at(0), Stream::root("pets", 1, 43).named("pets").named("name").at(0));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stream(u64);

impl Stream {
    /// The stream that all streams of a dataset descend from.
    pub fn root(dataset: &str, data_version: u32, seed: u64) -> Self {
        Self(mix(seed)).named(dataset).fork(u64::from(data_version))
    }

    /// The child stream of that name.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        // FNV-1a over the name, begun from the parent's key; the final mix spreads short names.
        let mut hash = self.0 ^ 0xCBF2_9CE4_8422_2325;
        for byte in name.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
        Self(mix(hash ^ (name.len() as u64) << 56))
    }

    /// The child stream of that number: a row that needs several draws of its own.
    #[inline]
    #[must_use]
    pub const fn fork(self, number: u64) -> Self {
        Self(self.at(number))
    }

    /// 64 random bits for that row.
    #[inline]
    pub const fn at(self, row: u64) -> u64 {
        mix(self.0.wrapping_add(row.wrapping_mul(GOLDEN)))
    }

    /// A number of `0..n` for that row.
    #[inline]
    pub const fn below(self, row: u64, n: u64) -> u64 {
        below(self.at(row), n)
    }

    /// A number of `low..=high` for that row.
    #[inline]
    pub const fn between(self, row: u64, low: i64, high: i64) -> i64 {
        low + self.below(row, (high - low + 1) as u64) as i64
    }

    /// A number of `[0, 1)` for that row.
    #[inline]
    pub const fn unit(self, row: u64) -> f64 {
        unit(self.at(row))
    }

    /// A random generator for that row alone, for distributions that draw as often as they like.
    #[cfg(feature = "rand_distr")]
    pub const fn rng(self, row: u64) -> RowRng {
        RowRng {
            stream: self.fork(row),
            drawn: 0,
        }
    }

    /// Whether an event of `per_mille` in a thousand happens at that row.
    #[inline]
    pub const fn happens(self, row: u64, per_mille: u64) -> bool {
        self.below(row, 1000) < per_mille
    }
}

/// The draws of one row as a generator of the `rand` crates.
#[cfg(feature = "rand_distr")]
#[derive(Debug, Clone)]
pub struct RowRng {
    stream: Stream,
    drawn: u64,
}

#[cfg(feature = "rand_distr")]
impl rand::TryRng for RowRng {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.try_next_u64().map(|bits| (bits >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.drawn += 1;
        Ok(self.stream.at(self.drawn - 1))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        for chunk in out.chunks_mut(8) {
            let bits = self.try_next_u64()?;
            chunk.copy_from_slice(&bits.to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_stability() {
        let stream = Stream::root("retail", 1, 42)
            .named("customers")
            .named("name");
        let draws: Vec<u64> = [0, 1, 2, u64::MAX].map(|row| stream.at(row)).to_vec();
        assert_eq!(draws, KNOWN, "changed values need a new data version");
    }

    /// Computed apart, from the formulas at the head of this file.
    const KNOWN: [u64; 4] = [
        0xE732_D3D9_16B0_1112,
        0x55E5_FE14_6836_A2FD,
        0x6D74_9C11_837D_8812,
        0xA16F_BA03_A5F7_C667,
    ];

    #[test]
    fn siblings_share_nothing() {
        let root = Stream::root("d", 1, 0);
        let (a, b) = (root.named("a"), root.named("b"));
        let equal_bits: u32 = (0..10_000)
            .map(|row| (!(a.at(row) ^ b.at(row))).count_ones())
            .sum();
        // 640,000 fair coins: five standard deviations are 2,000.
        assert!((318_000..322_000).contains(&equal_bits), "{equal_bits}");
    }

    #[test]
    fn below_reaches_both_ends() {
        assert_eq!(below(0, 10), 0);
        assert_eq!(below(u64::MAX, 10), 9);
        assert!(unit(u64::MAX) < 1.0);
    }
}

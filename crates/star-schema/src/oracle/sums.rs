//! Sets of keys as sums: equal sets have equal sums, whatever their order.
//!
//! A key's hash of 128 bits says in which of a thousand sums it is counted. Where two sets differ in a
//! single key of a sum, the difference of the sums is that key's hash, which names it.

use std::collections::HashMap;

use twox_hash::XxHash3_128;

/// How many sums there are, as bits of the hash.
const PLACE_BITS: u32 = 10;

/// How many keys, and the sum of their hashes modulo 2^128, by the first bits of the hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sums(Vec<Sum>);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    count: u64,
    hashes: u128,
}

/// What one set has and another has not, as far as sums tell.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// Hashes of single keys, and whether these are missing or there once too often.
    singles: HashMap<u128, bool>,
    /// In how many of the sums the sets differ, each by a key or more.
    pub(super) places: usize,
}

impl Default for Sums {
    fn default() -> Self {
        Self(vec![Sum::default(); 1 << PLACE_BITS])
    }
}

fn hash(key: u128) -> u128 {
    XxHash3_128::oneshot(&key.to_le_bytes())
}

impl Sums {
    pub(super) fn add(&mut self, key: u128) {
        let hash = hash(key);
        let sum = &mut self.0[(hash >> (u128::BITS - PLACE_BITS)) as usize];
        sum.count += 1;
        sum.hashes = sum.hashes.wrapping_add(hash);
    }

    pub(super) fn and(mut self, other: Self) -> Self {
        for (sum, other) in self.0.iter_mut().zip(other.0) {
            sum.count += other.count;
            sum.hashes = sum.hashes.wrapping_add(other.hashes);
        }
        self
    }

    pub(super) fn rows(&self) -> u64 {
        self.0.iter().map(|sum| sum.count).sum()
    }

    /// In what they differ from those that were found; `None` where they are the same.
    pub(super) fn beyond(&self, found: &Self) -> Option<Lost> {
        let mut lost = Lost::default();
        for (expected, found) in self.0.iter().zip(&found.0) {
            if expected == found {
                continue;
            }
            lost.places += 1;
            let missing = expected.hashes.wrapping_sub(found.hashes);
            if expected.count == found.count + 1 {
                lost.singles.insert(missing, true);
            } else if expected.count + 1 == found.count {
                lost.singles.insert(missing.wrapping_neg(), false);
            }
        }
        (lost.places > 0).then_some(lost)
    }
}

impl Lost {
    /// Whether a key is one of those that are missing; `None` where it is none of the lost.
    pub(super) fn is_missing(&self, key: u128) -> Option<bool> {
        self.singles.get(&hash(key)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(keys: impl IntoIterator<Item = u128>) -> Sums {
        keys.into_iter().fold(Sums::default(), |mut sums, key| {
            sums.add(key);
            sums
        })
    }

    #[test]
    fn order_and_cuts_do_not_count() {
        let all = sums(0..10_000);
        assert_eq!(sums((0..10_000).rev()), all);
        assert_eq!(sums(5_000..10_000).and(sums(0..5_000)), all);
        assert_eq!(all.rows(), 10_000);
        assert!(all.beyond(&all).is_none());
    }

    #[test]
    fn what_is_missing_or_doubled_has_a_name() {
        let all = sums(0..10_000);
        let found = sums((0..10_000).filter(|key| *key != 17).chain([4_711]));
        let lost = all.beyond(&found).unwrap();
        assert_eq!(lost.places, 2);
        for key in 0..10_000 {
            let expected = match key {
                17 => Some(true),
                4_711 => Some(false),
                _ => None,
            };
            assert_eq!(lost.is_missing(key), expected);
        }
        // The same number of rows, and all of them other ones.
        assert_eq!(
            sums(0..3).beyond(&sums(3..6)).map(|lost| lost.places > 0),
            Some(true)
        );
    }
}

//! Neighbouring slices of `0..n`: groups of a permuted id, so that drawing a member is slice, then
//! rank, then id.

use std::ops::Range;

/// `0..n` cut by shares; a slice that stays empty borrows its nearest neighbour's members.
#[derive(Debug, Clone)]
pub struct Slices {
    ends: Vec<u64>,
    members: Vec<Range<u64>>,
}

impl Slices {
    /// Cuts `0..n` in proportion to integer weights, of which one at least is above zero.
    pub fn new(n: u64, weights: &[u64]) -> Self {
        let total: u128 = weights
            .iter()
            .map(|&weight| u128::from(weight))
            .sum::<u128>()
            .max(1);
        let mut cumulative = 0;
        let ends: Vec<u64> = weights
            .iter()
            .map(|&weight| {
                cumulative += u128::from(weight);
                // Rounded to the nearest, so that small sets keep the larger groups.
                ((u128::from(n) * cumulative + total / 2) / total) as u64
            })
            .collect();
        Self::ending_at(ends, n)
    }

    /// Slices of these sizes, one after the other, of which one at least is above zero.
    pub fn of_sizes(sizes: &[u64]) -> Self {
        let mut n = 0;
        let ends = sizes.iter().map(|size| {
            n += size;
            n
        });
        let ends = ends.collect();
        Self::ending_at(ends, n)
    }

    fn ending_at(ends: Vec<u64>, n: u64) -> Self {
        let own = |at: usize| {
            if at == 0 {
                0..ends[0]
            } else {
                ends[at - 1]..ends[at]
            }
        };
        let nearest = |at: usize| {
            let full = (0..ends.len()).filter(|&other| !own(other).is_empty());
            full.min_by_key(|other| other.abs_diff(at))
                .map_or(0..n, own)
        };
        let members = (0..ends.len()).map(nearest).collect();
        Self { ends, members }
    }

    /// How many slices there are.
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// The slice that a position lies in.
    ///
    /// # Panics
    /// Where there is no slice.
    #[inline]
    pub fn of(&self, position: u64) -> usize {
        // Counts them all, without a jump that depends on the position.
        let at: usize = self
            .ends
            .iter()
            .map(|&end| usize::from(end <= position))
            .sum();
        at.min(self.ends.len() - 1)
    }

    /// The positions to draw a member of a slice from: never empty when `n` is above zero.
    #[inline]
    pub fn members(&self, slice: usize) -> Range<u64> {
        self.members[slice].clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_lie_in_their_slice() {
        let slices = Slices::new(100, &[80, 17, 3]);
        assert_eq!(slices.members(1), 80..97);
        assert_eq!(
            [0, 79, 80, 96, 97, 99].map(|at| slices.of(at)),
            [0, 0, 1, 1, 2, 2]
        );
    }

    #[test]
    fn sizes_are_kept_and_an_empty_one_borrows() {
        let slices = Slices::of_sizes(&[0, 3, 0, 2]);
        let members: Vec<_> = (0..4).map(|at| slices.members(at)).collect();
        assert_eq!(members, [0..3, 0..3, 0..3, 3..5]);
        assert_eq!([0, 2, 3, 4].map(|at| slices.of(at)), [1, 1, 3, 3]);
    }

    #[test]
    fn an_empty_slice_falls_to_its_neighbour() {
        let slices = Slices::new(15, &[80, 17, 3]);
        assert_eq!(slices.members(2), 12..15);
        assert_eq!(Slices::new(1, &[1, 1, 1, 1]).members(3), 0..1);
    }
}

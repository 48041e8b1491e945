//! Weighted categories by Walker's alias method, in integers.

use std::hint::select_unpredictable;

/// Categories `0..n` with integer weights: one table look-up a draw (about 3 ns).
///
/// Shares are exact to 2^-32. At most 2^20 categories; weights may be zero, not all of them.
///
/// Source: A. J. Walker (1977); construction after M. D. Vose (1991), in integers.
///
/// ```
/// use lakeseed_gen_core::dist::Weighted;
///
/// let coin = Weighted::new(&[1, 3]);
/// assert_eq!(coin.draw(0), 0);
/// assert_eq!(coin.draw(u64::MAX), 1);
/// ```
#[derive(Debug, Clone)]
pub struct Weighted {
    cells: Vec<Cell>,
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    /// Below this the cell's own category is drawn, at or above it the other one.
    threshold: u32,
    other: u32,
}

impl Weighted {
    /// Prepares the table; without any weight, all categories weigh the same.
    pub fn new(weights: &[u64]) -> Self {
        let n = weights.len() as u128;
        let total: u128 = weights.iter().map(|&weight| u128::from(weight)).sum();
        if total == 0 {
            let cells = (0..weights.len() as u32).map(|at| Cell {
                threshold: u32::MAX,
                other: at,
            });
            return Self {
                cells: cells.collect(),
            };
        }
        // A cell holds `total`; category i brings `weight * n` to share out among the cells.
        let mut left: Vec<u128> = weights
            .iter()
            .map(|&weight| u128::from(weight) * n)
            .collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..weights.len()).partition(|&at| left[at] < total);
        let mut cells: Vec<Cell> = (0..weights.len() as u32)
            .map(|at| Cell {
                threshold: u32::MAX,
                other: at,
            })
            .collect();
        while let (Some(poor), Some(&rich)) = (small.pop(), large.last()) {
            let threshold = (left[poor] << 32) / total;
            cells[poor] = Cell {
                threshold: threshold as u32,
                other: rich as u32,
            };
            left[rich] -= total - left[poor];
            if left[rich] < total {
                large.pop();
                small.push(rich);
            }
        }
        Self { cells }
    }

    /// How many categories.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there is no category.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The category that these random bits choose.
    ///
    /// # Panics
    /// Without a category.
    #[inline]
    pub fn draw(&self, bits: u64) -> usize {
        // The high bits choose the cell; what the product leaves over is still uniform.
        let product = u128::from(bits) * self.cells.len() as u128;
        let at = (product >> 64) as usize;
        let cell = self.cells[at];
        // Nobody can foresee which: a jump would be wrong as often as a draw can be.
        let own = ((product >> 32) as u32) < cell.threshold;
        select_unpredictable(own, at, cell.other as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Stream;

    #[test]
    fn shares_are_those_of_the_weights() {
        let weights = [0, 1, 5, 10, 84, 0, 900];
        let table = Weighted::new(&weights);
        let stream = Stream::root("weighted", 1, 1);
        let mut counts = [0u64; 7];
        let draws = 4_000_000;
        for row in 0..draws {
            counts[table.draw(stream.at(row))] += 1;
        }
        for (count, weight) in counts.iter().zip(weights) {
            let expected = (draws * weight) as f64 / 1000.0;
            assert!(
                (*count as f64 - expected).abs() <= 5.0 * expected.sqrt(),
                "{count} {expected}"
            );
        }
    }

    #[test]
    fn one_category_and_no_weight() {
        assert_eq!(Weighted::new(&[7]).draw(u64::MAX), 0);
        assert_eq!(Weighted::new(&[0, 0]).draw(u64::MAX), 1);
    }
}

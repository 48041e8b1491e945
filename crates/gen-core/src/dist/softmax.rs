//! Rows of class probabilities that sum to one, as a classifier puts them out.

use super::exp::exp_all;
use crate::seed::{Stream, unit};

/// Softmax over logits of which a few are raised: one clear winner in most rows, some rivals.
///
/// Every class has a base logit in `[0, 1)`. One to three classes are raised by up to
/// [`RAISE`](Self::RAISE); which ones is drawn with weights that fall with the class number, so
/// that the arg-max is skewed over the classes as a trained model's is.
#[derive(Debug, Clone)]
pub struct Softmax {
    classes: usize,
    favourites: super::Weighted,
}

impl Softmax {
    /// The most that a logit is raised by: e^6 is about 400 times the odds of its neighbours.
    pub const RAISE: f64 = 6.0;

    /// For rows of that many classes.
    pub fn new(classes: usize) -> Self {
        // Harmonic weights: the first of 30 classes wins a quarter of the rows.
        let weights: Vec<u64> = (1..=classes as u64)
            .map(|rank| 1_000_000_000 / rank)
            .collect();
        Self {
            classes,
            favourites: super::Weighted::new(&weights),
        }
    }

    /// Fills one row: `row` draws, classes in order. The sum is 1 within 1e-12.
    pub fn fill(&self, row: Stream, out: &mut [f64]) {
        debug_assert_eq!(out.len(), self.classes);
        for (class, value) in out.iter_mut().enumerate() {
            *value = row.unit(class as u64);
        }
        let extra = self.classes as u64;
        let raised = 1 + row.below(extra, 3);
        for number in 0..raised {
            let favourite = self.favourites.draw(row.at(extra + 1 + 2 * number));
            // The first raise is the largest by construction: a winner and its rivals.
            let height = (0.5 + 0.5 * unit(row.at(extra + 2 + 2 * number))) / (number + 1) as f64;
            out[favourite] += Self::RAISE * height;
        }
        exp_all(out);
        let total = out.iter().fold(0.0, |total, value| total + value);
        let scale = 1.0 / total;
        for value in out.iter_mut() {
            *value *= scale;
        }
    }
}

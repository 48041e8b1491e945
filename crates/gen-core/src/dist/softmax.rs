//! Rows of class probabilities that sum to one, as a classifier puts them out.

use super::exp::exp_all;
use crate::seed::{Stream, unit};
use crate::wide::wide;

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
    ///
    /// # Panics
    /// When `out` has not as many numbers as there are classes.
    pub fn fill(&self, row: Stream, out: &mut [f64]) {
        assert_eq!(out.len(), self.classes, "a number for each class");
        for (class, value) in out.iter_mut().enumerate() {
            *value = row.unit(class as u64);
        }
        self.raise(row, |class, by| out[class] += by);
        exp_all(out);
        let total = out.iter().fold(0.0, |total, value| total + value);
        let scale = 1.0 / total;
        for value in out.iter_mut() {
            *value *= scale;
        }
    }

    /// Fills rows side by side, each from its own stream, with what [`fill`](Self::fill) gives one by
    /// one. The classes follow one another: of row `r` and class `c`, `out` has the number at
    /// `c * rows.len() + r`.
    ///
    /// For a few dozen rows, as long as all of `out` stays in the processor's nearest cache, this takes
    /// half of the time.
    ///
    /// # Panics
    /// When `out` has not as many numbers as `rows` times the classes.
    pub fn fill_rows(&self, rows: &[Stream], out: &mut [f64]) {
        assert_eq!(
            out.len(),
            rows.len() * self.classes,
            "a number for each row and class"
        );
        if rows.is_empty() {
            return;
        }
        wide!(draw(rows, out));
        for (at, row) in rows.iter().enumerate() {
            self.raise(*row, |class, by| out[class * rows.len() + at] += by);
        }
        let mut totals = vec![0.0; rows.len()];
        wide!(normalise(out, &mut totals));
    }

    /// Tells which classes of a row are raised, and by how much.
    fn raise(&self, row: Stream, mut tell: impl FnMut(usize, f64)) {
        let extra = self.classes as u64;
        let raised = 1 + row.below(extra, 3);
        for number in 0..raised {
            let favourite = self.favourites.draw(row.at(extra + 1 + 2 * number));
            // The first raise is the largest by construction: a winner and its rivals.
            let height = (0.5 + 0.5 * unit(row.at(extra + 2 + 2 * number))) / (number + 1) as f64;
            tell(favourite, Self::RAISE * height);
        }
    }
}

/// The base logits of all rows, class by class.
#[expect(clippy::inline_always, reason = "what `wide!` is given")]
#[inline(always)]
fn draw(rows: &[Stream], out: &mut [f64]) {
    for (class, values) in out.chunks_exact_mut(rows.len()).enumerate() {
        for (value, row) in values.iter_mut().zip(rows) {
            *value = row.unit(class as u64);
        }
    }
}

/// Turns logits into probabilities. `totals` has a zero for each row.
#[expect(clippy::inline_always, reason = "what `wide!` is given")]
#[inline(always)]
fn normalise(out: &mut [f64], totals: &mut [f64]) {
    for values in out.chunks_exact_mut(totals.len()) {
        exp_all(values);
        for (total, value) in totals.iter_mut().zip(values) {
            *total += *value;
        }
    }
    for total in totals.iter_mut() {
        *total = 1.0 / *total;
    }
    for values in out.chunks_exact_mut(totals.len()) {
        for (value, scale) in values.iter_mut().zip(totals.iter()) {
            *value *= scale;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSES: usize = 30;

    fn streams(rows: u64) -> Vec<Stream> {
        let root = Stream::root("softmax", 1, 11);
        (0..rows).map(|row| root.fork(row)).collect()
    }

    /// One by one, nothing is wide.
    #[test]
    fn rows_side_by_side_are_those_one_by_one() {
        let softmax = Softmax::new(CLASSES);
        for count in [0, 1, 2, 7, 8, 9, 64, 100] {
            let rows = streams(count);
            let mut all = vec![0.0; rows.len() * CLASSES];
            softmax.fill_rows(&rows, &mut all);
            for (at, row) in rows.iter().enumerate() {
                let mut one = [0.0; CLASSES];
                softmax.fill(*row, &mut one);
                let of_all = all[at..].iter().step_by(rows.len());
                assert!(of_all.eq(one.iter()), "row {at} of {count}");
            }
        }
    }
}

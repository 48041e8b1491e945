//! A block of rows: terms are added to its states, a column at a time.

use arrow_buffer::BooleanBuffer;

/// Rows that are looked at together to learn whether a value stays: many at once in the processor's
/// vectors, and few where it does not.
const STEP_ROWS: usize = 64;

/// Some rows of a column, and the states of these rows.
pub(super) struct Block<'b> {
    pub(super) start: usize,
    pub(super) states: &'b mut [u128],
    /// What each of the rows gets besides.
    pub(super) common: &'b mut u128,
    /// Whether each row of the block has a value; nothing where all have.
    pub(super) valid: Option<BooleanBuffer>,
    /// What a null adds.
    pub(super) null: u128,
}

impl Block<'_> {
    /// The values of the block, of those of the column.
    #[inline]
    fn rows<'v, T>(&self, values: &'v [T]) -> &'v [T] {
        &values[self.start..self.start + self.states.len()]
    }

    /// Adds the term of each value of the column to the state of its row.
    ///
    /// Rows in order of time have the same year, month and day for thousands of rows: what all rows
    /// of a block add is worked out once. `Eq` keeps doubles out: zeros of both signs are equal, and
    /// their terms are not.
    #[inline]
    pub(super) fn add<T: Copy + Eq>(&mut self, values: &[T], term: impl Fn(T) -> u128) {
        let steady = match self.valid {
            None => steady(self.rows(values)),
            Some(_) => None,
        };
        match steady {
            Some(value) => *self.common = self.common.wrapping_add(term(value)),
            None => self.add_each(values, term),
        }
    }

    /// The same value by value; `term` is asked for those under nulls as well.
    #[inline]
    pub(super) fn add_each<T: Copy>(&mut self, values: &[T], mut term: impl FnMut(T) -> u128) {
        let values = self.rows(values);
        let rows = self.states.iter_mut().zip(values);
        match &self.valid {
            None => {
                for (state, value) in rows {
                    *state = state.wrapping_add(term(*value));
                }
            }
            Some(valid) => {
                for ((state, value), is_valid) in rows.zip(valid) {
                    let term = select(is_valid, term(*value), self.null);
                    *state = state.wrapping_add(term);
                }
            }
        }
    }

    /// The same for values that are not a slice; `term` is not asked for a null's.
    #[inline]
    pub(super) fn add_rows(&mut self, term: impl Fn(usize) -> u128) {
        let rows = self.states.iter_mut().zip(self.start..);
        match &self.valid {
            None => {
                for (state, row) in rows {
                    *state = state.wrapping_add(term(row));
                }
            }
            Some(valid) => {
                for ((state, row), is_valid) in rows.zip(valid) {
                    let term = if is_valid { term(row) } else { self.null };
                    *state = state.wrapping_add(term);
                }
            }
        }
    }

    /// Calls `each` with the values that are no nulls.
    #[inline]
    pub(super) fn each_valid<T: Copy>(&self, values: &[T], mut each: impl FnMut(T)) {
        let values = self.rows(values);
        match &self.valid {
            None => values.iter().for_each(|value| each(*value)),
            Some(valid) => {
                for at in valid.set_indices() {
                    each(values[at]);
                }
            }
        }
    }
}

/// The value of all rows, where it is the same.
#[inline]
fn steady<T: Copy + Eq>(values: &[T]) -> Option<T> {
    let (first, last) = (*values.first()?, *values.last()?);
    let all_same = |step: &[T]| {
        let both = |same: bool, value: &T| same & value.eq(&first);
        step.iter().fold(true, both)
    };
    (first == last && values.chunks(STEP_ROWS).all(all_same)).then_some(first)
}

/// One of two, without a branch.
#[inline]
fn select(is_first: bool, first: u128, second: u128) -> u128 {
    let mask = 0_u128.wrapping_sub(u128::from(is_first));
    second ^ ((first ^ second) & mask)
}

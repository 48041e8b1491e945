//! A block of rows: terms are added to its states, a column at a time.

use arrow_buffer::BooleanBuffer;

/// The rows of a block, and their states.
pub(super) struct Block<'b> {
    pub(super) start: usize,
    pub(super) states: &'b mut [u128],
    /// Whether each row of the block has a value; nothing where all have.
    pub(super) valid: Option<BooleanBuffer>,
    pub(super) null: u128,
}

impl Block<'_> {
    /// Adds the term of each value of the column to the state of its row.
    #[inline]
    pub(super) fn add<T: Copy>(&mut self, values: &[T], term: impl Fn(T) -> u128) {
        let values = &values[self.start..self.start + self.states.len()];
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
    pub(super) fn add_each(&mut self, term: impl Fn(usize) -> u128) {
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

    #[inline]
    pub(super) fn each_valid<T: Copy>(&self, values: &[T], mut each: impl FnMut(T)) {
        let values = &values[self.start..self.start + self.states.len()];
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

/// One of two, without a branch.
#[inline]
fn select(is_first: bool, first: u128, second: u128) -> u128 {
    let mask = 0_u128.wrapping_sub(u128::from(is_first));
    second ^ ((first ^ second) & mask)
}

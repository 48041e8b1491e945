//! Texts of a block of rows, in slots of fixed size: rendered column by column, put together row by
//! row.
//!
//! A text waits in its slot behind what stands before it in a row, a comma or a name, which is written
//! there once a batch. So neighbours go into the row in one loop of moves of one size, which asks for
//! no type and no length before it moves.

use super::lines::Lines;

/// Rows that are rendered at a time: the texts stay in the nearest caches.
pub(super) const BLOCK: usize = 32;
/// What stands before a text in its slot is at most this long.
pub(super) const PREFIX_BYTES: usize = 24;

/// The memory of the slots: row after row, in the order of the columns.
#[derive(Debug, Default)]
pub(super) struct Grid<const SLOT: usize> {
    columns: usize,
    slots: Vec<[u8; SLOT]>,
    /// Of what stands in the slots.
    lens: Vec<u8>,
}

impl<const SLOT: usize> Grid<SLOT> {
    /// Begins a batch of so many columns, with what `prefix` says stands before the texts of each.
    pub(super) fn begin<C>(&mut self, columns: &[C], prefix: impl Fn(&C) -> &[u8]) {
        self.columns = columns.len();
        self.slots.resize(columns.len() * BLOCK, [0; SLOT]);
        self.lens.resize(columns.len() * BLOCK, 0);
        for row in self.slots.chunks_exact_mut(columns.len().max(1)) {
            for (slot, column) in row.iter_mut().zip(columns) {
                let prefix = prefix(column);
                slot[..prefix.len()].copy_from_slice(prefix);
            }
        }
    }

    /// Fills the slots of a column, behind so long a prefix, with what `write` makes of each value and
    /// its row in the block; false where it makes nothing of one.
    #[inline]
    pub(super) fn fill<const TEXT: usize, T: Copy>(
        &mut self,
        at: usize,
        of_prefix: usize,
        values: &[T],
        mut write: impl FnMut(T, usize, &mut [u8; TEXT]) -> Option<usize>,
    ) -> bool {
        let slots = self.slots.chunks_exact_mut(self.columns);
        let lens = self.lens.chunks_exact_mut(self.columns);
        for (row, ((slots, lens), value)) in slots.zip(lens).zip(values).enumerate() {
            let text = slots[at][of_prefix..].first_chunk_mut::<TEXT>();
            let Some(len) = text.and_then(|text| write(*value, row, text)) else {
                return false;
            };
            lens[at] = (of_prefix + len) as u8;
        }
        true
    }

    /// Writes `count` columns of a row, from the one in place `first` on, with what stands before each.
    #[inline]
    pub(super) fn write(&self, row: usize, first: usize, count: usize, lines: &mut Lines) {
        let from = row % BLOCK * self.columns + first;
        lines.each_fixed(
            &self.slots[from..from + count],
            &self.lens[from..from + count],
        );
    }
}

/// The values of the block that begins at row `start`.
pub(super) fn block<T>(values: &[T], start: usize) -> &[T] {
    &values[start..values.len().min(start + BLOCK)]
}

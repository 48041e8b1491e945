//! Which row stands at which position: positions are grouped, so that a group is a slice of them, and
//! within a group they are in a keyed order.

use std::ops::Range;

use crate::own::OwnTable;
use crate::permute::Permutation;
use crate::seed::Stream;
use crate::slices::Slices;

/// Rows and positions, and the keys of the rows.
#[derive(Debug, Clone)]
pub(super) enum Order {
    /// By arithmetic: the key of row r is r + 1.
    Keyed(Permutation),
    /// Rows of the user's own, which are held.
    Own(Listed),
}

/// Every row at its position, and back.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    rows: Vec<u32>,
    positions: Vec<u32>,
    keys: Vec<i64>,
}

impl Order {
    /// The order of generated rows.
    pub(super) fn keyed(stream: Stream, count: u64) -> Self {
        Self::Keyed(Permutation::new(stream, count))
    }

    /// The order of rows of the user's own, and their groups: those that they name, or else shares of
    /// them.
    ///
    /// The place of a row within its group follows from its key, so that one more row moves no other
    /// past its neighbours.
    pub(super) fn of_own(
        stream: Stream,
        own: &OwnTable,
        groups: Option<&[u8]>,
        shares: &[u64],
    ) -> (Self, Slices) {
        let keys = own.keys();
        let group = |row: u32| groups.map_or(0, |groups| groups[row as usize]);
        let mut rows: Vec<u32> = (0..keys.len() as u32).collect();
        rows.sort_by_cached_key(|&row| (group(row), stream.at(keys[row as usize] as u64), row));
        let mut positions = vec![0; rows.len()];
        for (position, &row) in rows.iter().enumerate() {
            positions[row as usize] = position as u32;
        }
        let slices = match groups {
            Some(groups) => {
                let mut sizes = vec![0; shares.len()];
                for &group in groups {
                    sizes[usize::from(group)] += 1;
                }
                Slices::of_sizes(&sizes)
            }
            None => Slices::new(own.count(), shares),
        };
        let listed = Listed {
            keys: keys.to_vec(),
            positions,
            rows,
        };
        (Self::Own(listed), slices)
    }

    /// The row of a position.
    #[inline]
    pub(super) fn row(&self, position: u64) -> u64 {
        match self {
            Self::Keyed(order) => order.inverse(position),
            Self::Own(own) => u64::from(own.rows[position as usize]),
        }
    }

    /// The position of a row.
    #[inline]
    pub(super) fn position(&self, row: u64) -> u64 {
        match self {
            Self::Keyed(order) => order.forward(row),
            Self::Own(own) => u64::from(own.positions[row as usize]),
        }
    }

    /// The key of the row of a position.
    #[inline]
    pub(super) fn key(&self, position: u64) -> i64 {
        match self {
            Self::Keyed(order) => order.inverse(position) as i64 + 1,
            Self::Own(own) => own.keys[own.rows[position as usize] as usize],
        }
    }
}

/// A value of each row in the order of positions.
pub(super) fn by_position<T>(
    order: &Order,
    positions: Range<u64>,
    of_row: impl Fn(usize) -> T,
) -> Vec<T> {
    positions
        .map(|position| of_row(order.row(position) as usize))
        .collect()
}

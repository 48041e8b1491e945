//! Which rows of a table: a contiguous range, or a list in any order.
//!
//! The **partition law** holds for every table: any cut of its rows into ranges gives, joined, the
//! same rows in the same order, and any range costs the same to reach.

use std::ops::Range;

/// Row numbers to make, in the order in which they come out.
#[derive(Debug, Clone)]
pub enum Rows<'a> {
    /// A contiguous range: what files are written from.
    Range(Range<u64>),
    /// Scattered rows: the parents of other rows.
    List(&'a [u64]),
}

impl Rows<'_> {
    /// How many rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Range(range) => (range.end - range.start) as usize,
            Self::List(list) => list.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `f` with each row number and collects.
    #[inline]
    pub fn map<T, C: FromIterator<T>>(&self, mut f: impl FnMut(u64) -> T) -> C {
        match self {
            Self::Range(range) => range.clone().map(f).collect(),
            Self::List(list) => list.iter().map(|&row| f(row)).collect(),
        }
    }

    /// Calls `f` with each row number.
    #[inline]
    pub fn for_each(&self, mut f: impl FnMut(u64)) {
        match self {
            Self::Range(range) => range.clone().for_each(f),
            Self::List(list) => list.iter().for_each(|&row| f(row)),
        }
    }
}

/// Cuts a range into pieces of at most `size` rows, in order.
pub fn cut(range: Range<u64>, size: u64) -> impl Iterator<Item = Range<u64>> {
    let mut next = range.start;
    std::iter::from_fn(move || {
        let start = next;
        next = start.saturating_add(size.max(1)).min(range.end);
        (start < range.end).then_some(start..next)
    })
}

/// Cuts a range into so many shares, in order, none more than a row larger than another.
pub fn shares(range: Range<u64>, shares: u64) -> impl Iterator<Item = Range<u64>> {
    let rows = u128::from(range.end.saturating_sub(range.start));
    // At most as many rows as there are.
    let before = move |share: u64| (rows * u128::from(share) / u128::from(shares.max(1))) as u64;
    (0..shares).map(move |share| range.start + before(share)..range.start + before(share + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_join_to_the_whole() {
        let pieces: Vec<_> = cut(5..23, 7).collect();
        assert_eq!(pieces, [5..12, 12..19, 19..23]);
        assert_eq!(cut(5..5, 7).count(), 0);
    }

    #[test]
    fn shares_join_to_the_whole_and_differ_by_a_row() {
        let even: Vec<_> = shares(5..23, 4).collect();
        assert_eq!(even, [5..9, 9..14, 14..18, 18..23]);
        let large: Vec<_> = shares(0..u64::MAX, 2).collect();
        assert_eq!(large, [0..u64::MAX / 2, u64::MAX / 2..u64::MAX]);
        assert!(shares(7..9, 5).all(|share| share.end - share.start <= 1));
        assert_eq!(shares(5..23, 0).count(), 0);
    }
}

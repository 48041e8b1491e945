//! Values as ranges, and whether two lists of them have none in common.

use std::ops::Range;

use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use datafusion::arrow::compute::cast;
use datafusion::arrow::row::{RowConverter, SortField};

use crate::Bounds;

/// What is known of the values of one column in some rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranges {
    /// The least and the greatest value of each piece, as bytes that compare as the values do.
    spans: Vec<(Vec<u8>, Vec<u8>)>,
    has_nulls: bool,
}

/// What is known of a column's pieces, in a type that both sides of a comparison share.
pub(super) struct Known {
    least: Vec<Option<Vec<u8>>>,
    greatest: Vec<Option<Vec<u8>>>,
    has_nulls: Vec<bool>,
}

impl Known {
    /// `None` where values are not of the type.
    pub(super) fn new(bounds: &Bounds, shared: &DataType) -> Option<Self> {
        Some(Self {
            least: words(&bounds.least, shared)?,
            greatest: words(&bounds.greatest, shared)?,
            has_nulls: bounds.has_nulls.clone(),
        })
    }
}

impl Ranges {
    /// Adds what is known of some pieces.
    pub(super) fn add(&mut self, known: &Known, pieces: Range<usize>) {
        for piece in pieces {
            let span = known.least[piece]
                .clone()
                .zip(known.greatest[piece].clone());
            self.spans.extend(span);
            self.has_nulls |= known.has_nulls[piece];
        }
    }

    /// Adds values themselves, to one range; `None` where they are not of the type.
    pub(super) fn add_values(&mut self, values: &ArrayRef, shared: &DataType) -> Option<()> {
        self.has_nulls |= values.logical_null_count() > 0;
        let words = words(values, shared)?;
        let mut least: Option<&Vec<u8>> = None;
        let mut greatest: Option<&Vec<u8>> = None;
        for word in words.iter().flatten() {
            least = Some(least.map_or(word, |least| least.min(word)));
            greatest = Some(greatest.map_or(word, |greatest| greatest.max(word)));
        }
        if let Some((least, greatest)) = least.zip(greatest) {
            match self.spans.first_mut() {
                Some((from, to)) => {
                    if least < from {
                        from.clone_from(least);
                    }
                    if greatest > to {
                        to.clone_from(greatest);
                    }
                }
                None => self.spans.push((least.clone(), greatest.clone())),
            }
        }
        Some(())
    }
}

/// Each value as bytes that compare as the values do; `None` for a null, and for values that are not of
/// the type.
fn words(values: &ArrayRef, shared: &DataType) -> Option<Vec<Option<Vec<u8>>>> {
    let of_type = cast(values, shared).ok()?;
    if of_type.logical_null_count() != values.logical_null_count() {
        return None;
    }
    let converter = RowConverter::new(vec![SortField::new(shared.clone())]).ok()?;
    let rows = converter
        .convert_columns(std::slice::from_ref(&of_type))
        .ok()?;
    let words = rows.iter().enumerate();
    let word = |at: usize, row: &[u8]| (!of_type.is_null(at)).then(|| row.to_vec());
    Some(words.map(|(at, row)| word(at, row.as_ref())).collect())
}

/// Whether no two of these have a value in common. Nulls count as one value.
pub(super) fn are_apart(all: &[Ranges]) -> bool {
    if all.iter().filter(|one| one.has_nulls).count() > 1 {
        return false;
    }
    let labelled = all.iter().enumerate();
    let mut spans: Vec<_> = labelled
        .flat_map(|(label, one)| one.spans.iter().map(move |span| (span, label)))
        .collect();
    spans.sort_unstable();
    // How far the spans so far reach: the farthest, and the farthest of those of other labels.
    let mut farthest: Option<(&Vec<u8>, usize)> = None;
    let mut of_others: Option<&Vec<u8>> = None;
    for ((least, greatest), label) in spans {
        let reach = match farthest {
            Some((reach, of)) if of != label => Some(reach),
            _ => of_others,
        };
        if reach.is_some_and(|reach| reach >= least) {
            return false;
        }
        match farthest {
            Some((reach, of)) if of == label => farthest = Some((reach.max(greatest), label)),
            Some((reach, _)) => {
                // It begins behind all others, so it reaches farther.
                of_others = Some(reach);
                farthest = Some((greatest, label));
            }
            None => farthest = Some((greatest, label)),
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int32Array, Int64Array, StringArray};
    use proptest::prelude::*;

    use super::*;

    fn ranges(spans: &[(i64, i64)], has_nulls: bool) -> Ranges {
        let array = |of: &dyn Fn(&(i64, i64)) -> i64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(spans.iter().map(of)))
        };
        let bounds = Bounds {
            least: array(&|span| span.0),
            greatest: array(&|span| span.1),
            has_nulls: vec![has_nulls; spans.len()],
        };
        let mut ranges = Ranges::default();
        let known = Known::new(&bounds, &DataType::Int64).unwrap();
        ranges.add(&known, 0..spans.len());
        ranges
    }

    #[test]
    fn values_are_compared_as_what_they_are() {
        let mut small = Ranges::default();
        let values: ArrayRef = Arc::new(Int32Array::from(vec![Some(-3), None, Some(9)]));
        small.add_values(&values, &DataType::Int64).unwrap();
        assert!(are_apart(&[small.clone(), ranges(&[(10, 200)], false)]));
        assert!(!are_apart(&[small.clone(), ranges(&[(9, 200)], false)]));
        assert!(!are_apart(&[small.clone(), ranges(&[(-900, -3)], false)]));
        assert!(!are_apart(&[small, ranges(&[(10, 200)], true)]));
        let text: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
        assert_eq!(
            Ranges::default().add_values(&text, &DataType::Int64),
            None,
            "a text is no number"
        );
    }

    proptest! {
        #[test]
        fn apart_is_what_every_pair_is(
            lists in prop::collection::vec(
                (prop::collection::vec((0_i64..40, 0_i64..4), 0..5), prop::bool::weighted(0.1)),
                0..4,
            ),
        ) {
            let lists: Vec<(Vec<(i64, i64)>, bool)> = lists
                .into_iter()
                .map(|(spans, nulls)| {
                    let spans: Vec<_> = spans.into_iter().map(|(at, len)| (at, at + len)).collect();
                    let has_nulls = nulls && !spans.is_empty();
                    (spans, has_nulls)
                })
                .collect();
            let holds = |(spans, _): &(Vec<(i64, i64)>, bool), value: i64| {
                spans.iter().any(|&(least, greatest)| (least..=greatest).contains(&value))
            };
            let twice = (0..44).any(|value| lists.iter().filter(|one| holds(one, value)).count() > 1);
            let nulls = lists.iter().filter(|(_, nulls)| *nulls).count();
            let all: Vec<Ranges> =
                lists.iter().map(|(spans, nulls)| ranges(spans, *nulls)).collect();
            prop_assert_eq!(are_apart(&all), !twice && nulls < 2);
        }
    }
}

//! Numbers, dates, times and values of dictionaries of a block of rows, rendered column by column into
//! a [`Grid`] before the rows are put together, as doubles are ([`floats`](super::floats)).
//!
//! A few values have no room in a slot: decimals of more than 64 bits, years of five digits. The rows of
//! their block are written cell by cell.

use super::TextStyle;
use super::caches::Rendered;
use super::grid::{Grid, PREFIX_BYTES, block};
use super::lines::SHORT;
use super::moments::Moments;
use super::numerals::Numerals;
use super::times::DayCache;

/// A text is at most this long, and so is what is written behind it.
pub(super) const TEXT_BYTES: usize = SHORT;
/// Decimals of more places are written cell by cell.
pub(super) const MOST_PLACES: u8 = 7;

/// The texts of columns of these kinds.
pub(super) type SlotGrid = Grid<{ PREFIX_BYTES + TEXT_BYTES }>;

/// The values of a column that can wait in slots; each row has one.
#[derive(Debug)]
pub(super) enum SlotValues<'a> {
    I32(&'a [i32]),
    I64(&'a [i64]),
    /// At most [`MOST_PLACES`].
    Decimal(&'a [i128], u8),
    Date(&'a [i32]),
    /// Ticks, microseconds per tick, whether it is an instant.
    Timestamp(&'a [i64], i64, bool),
    /// Values of at most [`SHORT`] bytes.
    Dictionary(&'a [i32], Rendered),
}

/// A column whose texts wait in slots.
#[derive(Debug)]
pub(super) struct SlotColumn<'a> {
    /// What stands before each: at most [`PREFIX_BYTES`].
    pub(super) prefix: &'a [u8],
    pub(super) values: SlotValues<'a>,
}

/// Renders rows `start` and following of each column, at most [`BLOCK`](super::grid::BLOCK) of them;
/// false where a text has no room, and the rows of this block are to be written in another way.
pub(super) fn render(
    columns: &[SlotColumn<'_>],
    start: usize,
    style: TextStyle,
    days: &mut DayCache,
    grid: &mut SlotGrid,
) -> bool {
    columns.iter().enumerate().all(|(at, column)| {
        let mut place = Place {
            at,
            of_prefix: column.prefix.len(),
            grid,
        };
        place.render(&column.values, start, style, days)
    })
}

/// The slots of one column.
struct Place<'g> {
    at: usize,
    of_prefix: usize,
    grid: &'g mut SlotGrid,
}

impl Place<'_> {
    fn render(
        &mut self,
        values: &SlotValues<'_>,
        start: usize,
        style: TextStyle,
        days: &mut DayCache,
    ) -> bool {
        match values {
            SlotValues::I32(values) => self.numerals(block(values, start), 0, i64::from),
            SlotValues::I64(values) => self.numerals(block(values, start), 0, |value| value),
            SlotValues::Decimal(values, places) => {
                let values = block(values, start);
                // What is cut off here is not used.
                values.iter().all(|value| i64::try_from(*value).is_ok())
                    && self.numerals(values, *places, |value| value as i64)
            }
            SlotValues::Date(values) => self.fill(block(values, start), |value, _, text| {
                super::moments::date(i64::from(value), days, style, text)
            }),
            SlotValues::Timestamp(values, micros, is_instant) => {
                let values = block(values, start);
                let moments = Moments::new(values, *micros, *is_instant, style);
                self.fill(values, |_, row, text| moments.write(row, days, text))
            }
            SlotValues::Dictionary(keys, rendered) => {
                self.fill(block(keys, start), |key, _, text| {
                    let (value, len) = rendered.short(key as usize)?;
                    *text = *value;
                    Some(len)
                })
            }
        }
    }

    #[inline]
    fn numerals<T: Copy>(&mut self, values: &[T], places: u8, wide: impl Fn(T) -> i64) -> bool {
        let numerals = Numerals::new(values, places, &wide);
        match &numerals {
            Numerals::Short(short) => {
                self.fill(values, |_, row, text| Some(short.write(row, text)))
            }
            Numerals::Long(long) => self.fill(values, |_, row, text| Some(long.write(row, text))),
            Numerals::Other => self.fill(values, |value, _, text| {
                super::numerals::other(wide(value), places, text)
            }),
        }
    }

    #[inline]
    fn fill<T: Copy>(
        &mut self,
        values: &[T],
        write: impl FnMut(T, usize, &mut [u8; TEXT_BYTES]) -> Option<usize>,
    ) -> bool {
        self.grid.fill(self.at, self.of_prefix, values, write)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        Array, ArrayRef, Date32Array, Decimal128Array, DictionaryArray, Int32Array, Int64Array,
        RecordBatch, StringArray, TimestampMicrosecondArray,
    };

    use super::super::grid::BLOCK;
    use super::super::lines::Lines;
    use super::super::rows::Rows;
    use super::super::{CsvLines, JsonLines, TextStyle};

    const ROWS: usize = 5 * BLOCK + 7;

    /// Columns of every kind. The texts of two values, in different blocks, have no room in a slot.
    fn columns() -> Vec<(&'static str, ArrayRef)> {
        let rows = 0..ROWS as i32;
        let far_at = |row: i32, block: usize| row as usize == block * BLOCK + 5;
        let decimals = rows.clone().map(|row| match row {
            row if far_at(row, 1) => i128::from(i64::MAX) * 1_000 + 7,
            row => i128::from(row - 30) * 12_345_678,
        });
        let days = rows.clone().map(|row| match row {
            row if far_at(row, 3) => 2_932_897,
            row => row * 37,
        });
        let moments = rows
            .clone()
            .map(|row| i64::from(row - 20) * 7_777_777_777_777);
        let keys = Int32Array::from_iter_values(rows.clone().map(|row| row % 3));
        let words = |last: &str| {
            let words: ArrayRef = Arc::new(StringArray::from(vec!["a", "two, \"words\"", last]));
            DictionaryArray::new(keys.clone(), words)
        };
        let long = "longer than what can be moved at once";
        let decimals = Decimal128Array::from_iter_values(decimals)
            .with_precision_and_scale(38, 2)
            .unwrap();
        let wide = rows.clone().map(|row| i64::from(row) << (row % 60));
        let fewer = Decimal128Array::from_iter_values(rows.clone().map(i128::from))
            .with_precision_and_scale(38, 9)
            .unwrap();
        vec![
            ("id", Arc::new(Int32Array::from_iter_values(rows))),
            ("wide", Arc::new(Int64Array::from_iter_values(wide))),
            ("total", Arc::new(decimals)),
            ("of nine places", Arc::new(fewer)),
            ("day", Arc::new(Date32Array::from_iter_values(days))),
            (
                "a name that has no room before a value",
                Arc::new(Int32Array::from_iter_values(0..ROWS as i32)),
            ),
            ("word", Arc::new(words("third"))),
            ("long", Arc::new(words(long))),
            (
                "moment",
                Arc::new(TimestampMicrosecondArray::from_iter_values(moments)),
            ),
        ]
    }

    fn text(columns: Vec<(&str, ArrayRef)>, style: TextStyle) -> Vec<String> {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut rows = Rows::new(&batch.schema(), style);
        let mut lines = Lines::default();
        match style {
            TextStyle::Csv => rows.write(&batch, &mut lines, &mut CsvLines).unwrap(),
            TextStyle::Json => rows.write(&batch, &mut lines, &mut JsonLines).unwrap(),
        }
        let text = String::from_utf8(lines.into_bytes()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// The same columns and a last row of nulls: such columns are written cell by cell.
    #[test]
    fn rows_read_as_cell_by_cell() {
        for style in [TextStyle::Csv, TextStyle::Json] {
            let with_null = columns().into_iter().map(|(name, column)| {
                let null = arrow_array::new_null_array(column.data_type(), 1);
                let both = [column.as_ref(), null.as_ref()];
                (name, arrow_select::concat::concat(&both).unwrap())
            });
            let expected = text(with_null.collect(), style);
            let found = text(columns(), style);
            assert_eq!((found.len(), expected.len()), (ROWS, ROWS + 1));
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found, expected);
            }
        }
    }
}

//! Which invoice and line each item row is: the walk over blocks of invoices.

use super::sales::{BLOCK, Sales};
use crate::rows::Rows;

/// The most lines an invoice has (domain rule).
pub(super) const MAX_LINES: usize = 10;

/// One line in money; all amounts in cents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) quantity: i32,
    pub(super) unit_price: i64,
    pub(super) discount: i64,
    pub(super) total: i64,
}

/// Neighbouring items of one invoice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// The invoice's row.
    pub(super) invoice: u64,
    /// The first of its lines here, from 0.
    pub(super) first: u16,
    /// One past the last of its lines here.
    pub(super) end: u16,
}

impl Span {
    pub(super) fn lines(&self) -> std::ops::Range<usize> {
        usize::from(self.first)..usize::from(self.end)
    }
}

/// The spans of item rows, in order. A contiguous range costs about 2 ns a row, a scattered row
/// one block (some microseconds).
pub(super) fn spans(sales: &Sales, rows: &Rows<'_>) -> Vec<Span> {
    let per_block = sales.items_per_block();
    match rows {
        Rows::Range(range) => {
            let mut spans =
                Vec::with_capacity(rows.len() * BLOCK as usize / per_block as usize + 2);
            let mut row = range.start;
            while row < range.end {
                let (block, from) = (row / per_block, (row % per_block) as u16);
                let until = (range.end - block * per_block).min(per_block) as u16;
                let starts = sales.block_starts(block);
                let mut at = starts.partition_point(|&start| start <= from) - 1;
                let mut first = from;
                while first < until {
                    let end = starts[at + 1].min(until);
                    let begin = starts[at];
                    let invoice = block * BLOCK + at as u64;
                    spans.push(Span {
                        invoice,
                        first: first - begin,
                        end: end - begin,
                    });
                    first = end;
                    at += 1;
                }
                row = block * per_block + u64::from(until);
            }
            spans
        }
        Rows::List(list) => {
            let span = |&row: &u64| {
                let (block, from) = (row / per_block, (row % per_block) as u16);
                let starts = sales.block_starts(block);
                let at = starts.partition_point(|&start| start <= from) - 1;
                let line = from - starts[at];
                Span {
                    invoice: block * BLOCK + at as u64,
                    first: line,
                    end: line + 1,
                }
            };
            list.iter().map(span).collect()
        }
    }
}

/// A value per row, the same for all lines of a span.
pub(super) fn repeat<T: Copy + Default>(
    spans: &[Span],
    count: usize,
    mut at: impl FnMut(&Span) -> T,
) -> Vec<T> {
    each_span(spans, count, |span, out| *out = [at(span); MAX_LINES])
}

/// A value per row, written span by span.
///
/// Always as many values as the longest invoice has lines, of which the next span overwrites those
/// that are too many: a copy of fixed size beats a loop of unforeseeable length.
pub(super) fn each_span<T: Copy + Default>(
    spans: &[Span],
    count: usize,
    mut write: impl FnMut(&Span, &mut [T; MAX_LINES]),
) -> Vec<T> {
    let mut values = vec![T::default(); count + MAX_LINES];
    let mut at = 0;
    for span in spans {
        if let Some(out) = values[at..].first_chunk_mut() {
            write(span, out);
        }
        at += span.lines().len();
    }
    values.truncate(count);
    values
}

/// The number of each line in its invoice, from 0.
pub(super) fn line_numbers(spans: &[Span], count: usize) -> Vec<i32> {
    const NUMBERS: [i32; 2 * MAX_LINES] = {
        let mut numbers = [0; 2 * MAX_LINES];
        let mut at = 0;
        while at < numbers.len() {
            numbers[at] = at as i32;
            at += 1;
        }
        numbers
    };
    each_span(spans, count, |span, out| {
        let from = usize::from(span.first);
        out.copy_from_slice(&NUMBERS[from..from + MAX_LINES]);
    })
}

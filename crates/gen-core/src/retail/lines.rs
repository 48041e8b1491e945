//! Which invoice and line each item row is: the walk over blocks of invoices.

use super::sales::{BLOCK, Sales};
use crate::rows::Rows;

/// The most lines an invoice has (domain rule).
pub(super) const MAX_LINES: usize = 10;

/// One line in money; all amounts in cents.
#[derive(Debug, Clone, Copy)]
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

//! The lines of many invoices at once, column by column.
//!
//! The same values as [`Sales`] gives for one invoice after the other, for two thirds of the time: each
//! step goes over all lines before the next one begins, and no jump depends on what was drawn. How many
//! lines an invoice has, and which of them meet, can be foreseen by nobody, a processor included.

use std::ops::Range;

use super::lines::{Line, Span, line_numbers, repeat};
use super::sales::{Sales, months_since_epoch};
use crate::calendar::Day;
use crate::seed::Stream;

/// What the lines of one invoice draw from.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Draw {
    pub(super) segment: usize,
    pub(super) stream: Stream,
}

/// Lines that follow each other, as spans of invoices.
#[derive(Debug, Clone, Copy)]
pub(super) struct Baskets<'a> {
    sales: &'a Sales,
    spans: &'a [Span],
    /// Lines in all spans together.
    count: usize,
}

impl<'a> Baskets<'a> {
    pub(super) fn new(sales: &'a Sales, spans: &'a [Span], count: usize) -> Self {
        Self {
            sales,
            spans,
            count,
        }
    }

    /// What quantities and discounts of each line draw from.
    pub(super) fn draws(&self) -> Vec<Draw> {
        repeat(self.spans, self.count, |span| Draw {
            segment: self.sales.segment(span.invoice),
            stream: self.sales.line_stream(span.invoice),
        })
    }

    /// The position of each line's product.
    pub(super) fn positions(&self) -> Vec<u32> {
        let sales = self.sales;
        let streams = repeat(self.spans, self.count, |span| {
            sales.product_stream(span.invoice)
        });
        let numbers = line_numbers(self.spans, self.count);
        let mut positions = Vec::with_capacity(self.count);
        self.each_day(|day, lines| {
            let season = sales.products.season(day.month);
            let draws = streams[lines.clone()].iter().zip(&numbers[lines]);
            positions.extend(draws.map(|(stream, &line)| {
                let bits = stream.at(Sales::first_try(line as u64));
                sales.products.draw(season, bits) as u32
            }));
        });
        self.draw_again(&mut positions, &numbers);
        positions
    }

    /// Where lines of an invoice have met, or its first ones are not here, they are drawn one after the
    /// other.
    fn draw_again(&self, positions: &mut [u32], numbers: &[i32]) {
        let mut met = met(positions, numbers).into_iter();
        let mut next = met.next();
        let mut walk = self.sales.calendar.walk();
        let mut end = 0;
        for span in self.spans {
            let start = end;
            end += span.lines().len();
            let again = next.is_some_and(|line| line < end);
            if again || span.first > 0 {
                let month = walk.day(span.invoice).month;
                let lines = span.lines();
                let all = self.sales.product_positions(span.invoice, month, lines.end);
                for (position, &drawn) in positions[start..end].iter_mut().zip(&all[lines]) {
                    *position = drawn as u32;
                }
            }
            while next.is_some_and(|line| line < end) {
                next = met.next();
            }
        }
    }

    /// Each line in money, as `of` sees it.
    pub(super) fn lines<T>(
        &self,
        draws: &[Draw],
        positions: &[u32],
        of: impl Fn(Line) -> T,
    ) -> Vec<T> {
        let sales = self.sales;
        let numbers = line_numbers(self.spans, self.count);
        let mut values = Vec::with_capacity(self.count);
        self.each_day(|day, lines| {
            let prices = sales.products.prices_in(months_since_epoch(day));
            let rows = draws[lines.clone()]
                .iter()
                .zip(&positions[lines.clone()])
                .zip(&numbers[lines]);
            values.extend(rows.map(|((draw, &position), &line)| {
                let unit_price = prices.of(u64::from(position));
                of(sales.line_at(draw.segment, unit_price, draw.stream.at(line as u64)))
            }));
        });
        values
    }

    /// The sum of the lines of each span, in cents.
    pub(super) fn totals(&self) -> Vec<i64> {
        let totals = self.lines(&self.draws(), &self.positions(), |line| line.total);
        let mut sum = 0;
        let mut before = Vec::with_capacity(self.count + 1);
        before.push(0);
        before.extend(totals.into_iter().map(|total| {
            sum += total;
            sum
        }));
        let mut end = 0;
        let of_span = |span: &Span| {
            let start = end;
            end += span.lines().len();
            before[end] - before[start]
        };
        self.spans.iter().map(of_span).collect()
    }

    /// Calls `f` with each day and its lines, in order.
    fn each_day(&self, mut f: impl FnMut(&Day, Range<usize>)) {
        let mut walk = self.sales.calendar.walk();
        let (mut spans, mut start) = (self.spans, 0);
        while let Some(first) = spans.first() {
            let day = walk.day(first.invoice);
            let mut end = start;
            let of_day = spans
                .iter()
                .take_while(|span| day.rows.contains(&span.invoice))
                .inspect(|span| end += span.lines().len())
                .count();
            f(day, start..end);
            (spans, start) = (&spans[of_day..], end);
        }
    }
}

/// The lines that have the product of an earlier line of the same invoice.
fn met(positions: &[u32], numbers: &[i32]) -> Vec<usize> {
    let mut met = vec![0u8; positions.len()];
    let most = numbers.iter().copied().max().unwrap_or_default();
    for back in 1..=most {
        let at = back as usize;
        let pairs = positions.iter().zip(&positions[at.min(positions.len())..]);
        let later = numbers.iter().zip(&mut met).skip(at);
        for ((earlier, position), (&number, met)) in pairs.zip(later) {
            *met |= u8::from(earlier == position) & u8::from(number >= back);
        }
    }
    let lines = met.into_iter().enumerate();
    lines
        .filter_map(|(line, met)| (met > 0).then_some(line))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::lines::spans;
    use super::super::{INFO, Parts};
    use super::*;
    use crate::dataset::Settings;
    use crate::rows::Rows;

    /// Sales of so many products, over some months.
    fn sales(products: u64) -> std::sync::Arc<Sales> {
        let settings = Settings::new()
            .rows("products", products)
            .rows("invoices", 40_000)
            .parameter("items-per-invoice", "4");
        let dataset = INFO.dataset(&settings).expect("valid settings");
        Parts::new(dataset.resolved())
            .expect("valid settings")
            .sales
    }

    /// Each line as the arithmetic of its invoice alone gives it.
    fn one_by_one(sales: &Sales, spans: &[Span]) -> Vec<(u32, Line)> {
        let mut walk = sales.calendar.walk();
        let of_span = |span: &Span| {
            let day = walk.day(span.invoice);
            let (segment, month) = (sales.segment(span.invoice), months_since_epoch(day));
            let all = sales.product_positions(span.invoice, day.month, span.lines().end);
            let stream = sales.line_stream(span.invoice);
            let line = |at: usize| {
                let line = sales.line(segment, all[at], month, stream.at(at as u64));
                (all[at] as u32, line)
            };
            span.lines().map(line).collect::<Vec<_>>()
        };
        spans.iter().flat_map(of_span).collect()
    }

    #[test]
    fn many_at_once_are_what_each_is_alone() {
        // Eleven products: nearly all long invoices draw one twice. 3,000,000: no month of their prices is kept.
        for products in [11, 500, 3_000_000] {
            let sales = sales(products);
            let total = sales.item_rows().end;
            let scattered: Vec<u64> = (0..total).step_by(977).collect();
            let cuts = [
                Rows::Range(0..20_000),
                Rows::Range(total / 2 + 1..total / 2 + 9_002),
                Rows::List(&scattered),
            ];
            for rows in cuts {
                let spans = spans(&sales, &rows);
                let baskets = Baskets::new(&sales, &spans, rows.len());
                let positions = baskets.positions();
                let lines = baskets.lines(&baskets.draws(), &positions, |line| line);
                let together: Vec<_> = positions.into_iter().zip(lines).collect();
                let alone = one_by_one(&sales, &spans);
                assert_eq!(together, alone, "{products} products");
                let mut lines = alone.into_iter().map(|(_, line)| line.total);
                for (span, total) in spans.iter().zip(baskets.totals()) {
                    let of_span = lines.by_ref().take(span.lines().len());
                    assert_eq!(total, of_span.sum::<i64>());
                }
            }
        }
    }

    #[test]
    fn lines_meet_in_their_own_invoice_only() {
        // Invoices of 3, 1, 2 and 2 lines.
        let numbers = [0, 1, 2, 0, 0, 1, 0, 1];
        assert_eq!(met(&[5, 6, 5, 5, 6, 6, 6, 7], &numbers), [2, 5]);
        assert_eq!(met(&[], &[]), [0usize; 0]);
    }
}

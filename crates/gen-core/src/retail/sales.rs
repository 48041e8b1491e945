//! The arithmetic of one invoice: when, who, how much. Pure functions of its row number.

use std::hint::select_unpredictable;
use std::ops::Range;
use std::sync::Arc;

use super::customers::Customers;
use super::lines::{Line, MAX_LINES};
use super::products::Products;
use super::sellers::Sellers;
use super::{invoice_items, invoices};
use crate::brazil::{REGIONS, STATES, tax_rate};
use crate::calendar::{Calendar, Day, Hours};
use crate::dataset::{EPOCH, Resolved};
use crate::dist::{Geometric, Weighted};
use crate::error::{Error, Result};
use crate::permute::Permutation;
use crate::rows::Rows;
use crate::seed::{Stream, below, unit};

/// Invoices by segment, in per cent (domain rule).
const SEGMENT_SHARES: [u64; 3] = [55, 28, 17];

/// Trade by hour: low at night, peaks at 11 and 18 h (domain rule; the rest a usual shop's day).
const HOURS: [u32; 24] = [
    2, 1, 1, 1, 1, 2, 6, 14, 28, 44, 58, 66, 54, 46, 44, 46, 52, 62, 70, 58, 40, 24, 12, 5,
];

/// Payment methods by weight (domain rule).
pub(super) static PAYMENTS: [(&str, u64); 5] = [
    ("PIX", 42),
    ("credit card", 25),
    ("debit card", 13),
    ("boleto", 12),
    ("cash", 8),
];

/// Status by weight, in halves of a per cent (domain rule).
pub(super) static STATUSES: [(&str, u64); 3] = [("issued", 193), ("cancelled", 5), ("returned", 2)];

/// Discounts by segment: how often, in thousandths, and how much, in ten-thousandths from and to.
/// Reasoning: companies negotiate; the larger the buyer, the more.
pub(super) struct Discount {
    how_often: u64,
    least: u64,
    most: u64,
}

/// On a whole invoice.
const INVOICE_DISCOUNTS: [Discount; 3] = [
    Discount {
        how_often: 80,
        least: 100,
        most: 500,
    },
    Discount {
        how_often: 250,
        least: 100,
        most: 700,
    },
    Discount {
        how_often: 550,
        least: 200,
        most: 1000,
    },
];
/// On one line.
const LINE_DISCOUNTS: [Discount; 3] = [
    Discount {
        how_often: 100,
        least: 100,
        most: 500,
    },
    Discount {
        how_often: 200,
        least: 100,
        most: 800,
    },
    Discount {
        how_often: 500,
        least: 300,
        most: 1200,
    },
];

/// Quantities of a line by segment: units of a package and how many packages, geometric. A
/// consumer buys single units, a small business in threes, a corporation by the dozen.
const PACKAGES: [(i32, u32); 3] = [(1, 8), (3, 10), (12, 12)];

impl Discount {
    /// The discount on an amount, in cents: half cents away from zero.
    #[inline]
    fn of(&self, amount: i64, bits: u64) -> i64 {
        let rate = self.least + below(bits.rotate_left(32), self.most - self.least + 1);
        // A rate of zero is no discount; who has one cannot be foreseen.
        let rate = select_unpredictable(below(bits, 1000) < self.how_often, rate, 0);
        (amount * rate as i64 + 5000) / 10_000
    }
}

/// How often a line draws before it takes what is free.
const TRIES: u64 = 16;

/// Invoices whose item counts are one fixed multiset, in a keyed order: row numbers of items are
/// arithmetic over blocks.
pub(super) const BLOCK: u64 = 1024;

/// Who buys, and from whom: positions and what follows from them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parties {
    pub(super) customer: u64,
    pub(super) state: usize,
    pub(super) seller: u64,
    pub(super) tax_rate: i64,
}

/// All that invoices and items share.
#[derive(Debug)]
pub(super) struct Sales {
    pub(super) customers: Arc<Customers>,
    pub(super) sellers: Arc<Sellers>,
    pub(super) products: Arc<Products>,
    pub(super) calendar: Calendar,
    hours: Hours,
    item_counts: Geometric,
    segments: Weighted,
    packages: [Weighted; 3],
    /// By the seller's region and the customer's state.
    tax_rates: [[i64; STATES.len()]; REGIONS.len()],
    streams: Streams,
}

/// The streams of an invoice, each keyed by the column it serves.
#[derive(Debug, Clone, Copy)]
struct Streams {
    segment: Stream,
    customer: Stream,
    seller: Stream,
    time: Stream,
    discount: Stream,
    counts: Stream,
    product: Stream,
    quantity: Stream,
}

impl Sales {
    pub(super) fn new(
        dataset: Stream,
        settings: &Resolved,
        customers: Arc<Customers>,
        sellers: Arc<Sellers>,
        products: Arc<Products>,
    ) -> Result<Self> {
        let (invoice, item) = (
            dataset.named(invoices::NAME),
            dataset.named(invoice_items::NAME),
        );
        let most = products.count.min(MAX_LINES as u64) as u16;
        let mean = settings.number("items-per-invoice").unwrap_or(2.5);
        let item_counts = Geometric::multiset(BLOCK as u16, mean, most);
        let base_rows = settings.rows(invoices::NAME);
        // Items are at most ten times as many: they must stay below 2^62 too.
        let calendar = Calendar::new(base_rows, settings.start, settings.end)
            .filter(|calendar| calendar.rows().end < 1 << 58)
            .ok_or_else(|| {
                let expected = format!("fewer than 2^58 rows from the epoch to {}", settings.end);
                Error::bad_value(invoices::NAME, expected, base_rows)
            })?;
        Ok(Self {
            customers,
            sellers,
            products,
            calendar,
            hours: Hours::new(HOURS),
            item_counts,
            segments: Weighted::new(&SEGMENT_SHARES),
            packages: PACKAGES.map(|(_, most)| {
                // Each package more is 30 % rarer.
                let weights: Vec<u64> = (0..most)
                    .map(|n| 7u64.pow(n) * 10u64.pow(most - n))
                    .collect();
                Weighted::new(&weights)
            }),
            tax_rates: std::array::from_fn(|region| {
                std::array::from_fn(|state| tax_rate(region, state))
            }),
            streams: Streams {
                segment: invoice.named("segment"),
                customer: invoice.named("customer_id"),
                seller: invoice.named("seller_id"),
                time: invoice.named("issued_at"),
                discount: invoice.named("discount"),
                counts: invoice.named("item_count"),
                product: item.named("product_id"),
                quantity: item.named("quantity"),
            },
        })
    }

    /// The buyer's segment.
    #[inline]
    pub(super) fn segment(&self, invoice: u64) -> usize {
        self.segments.draw(self.streams.segment.at(invoice))
    }

    /// Buyer, seller and the tax between them.
    #[inline]
    pub(super) fn parties(&self, invoice: u64) -> Parties {
        let segment = self.segment(invoice);
        let customer = self
            .customers
            .draw(segment, self.streams.customer.at(invoice));
        let state = self.customers.state(customer);
        self.sold_to(invoice, customer, state)
    }

    /// The same, of an invoice whose buyer is known.
    #[inline]
    fn sold_to(&self, invoice: u64, customer: u64, state: usize) -> Parties {
        let bits = self.streams.seller.at(invoice);
        let seller = self.sellers.draw(STATES[state].region, bits);
        Parties {
            customer,
            state,
            seller,
            tax_rate: self.tax_rates[self.sellers.region(seller)][state],
        }
    }

    /// The same for many invoices: a step goes over all of them before the next one, so that the
    /// look-ups of many are under way at once.
    pub(super) fn all_parties(&self, rows: &Rows<'_>) -> Vec<Parties> {
        let segments: Vec<usize> = rows.map(|invoice| self.segment(invoice));
        let mut segments = segments.into_iter();
        let customers: Vec<u64> = rows.map(|invoice| {
            let segment = segments.next().unwrap_or_default();
            self.customers
                .draw(segment, self.streams.customer.at(invoice))
        });
        let states: Vec<usize> = customers
            .iter()
            .map(|&customer| self.customers.state(customer))
            .collect();
        let mut buyers = customers.into_iter().zip(states);
        rows.map(|invoice| {
            let (customer, state) = buyers.next().unwrap_or_default();
            self.sold_to(invoice, customer, state)
        })
    }

    /// Microseconds since 1970 on that day, which must be the invoice's.
    #[inline]
    pub(super) fn issued_at(&self, invoice: u64, day: &Day) -> i64 {
        let u = unit(self.streams.time.at(invoice));
        day.date.micros() + self.hours.micros(day.position(invoice, u))
    }

    /// The discount on the whole invoice, in cents.
    #[inline]
    pub(super) fn discount(&self, invoice: u64, gross_total: i64) -> i64 {
        let bits = self.streams.discount.at(invoice);
        INVOICE_DISCOUNTS[self.segment(invoice)].of(gross_total, bits)
    }

    /// The keyed order of a block's item counts.
    fn block_order(&self, block: u64) -> Permutation {
        Permutation::new(self.streams.counts.fork(block), BLOCK)
    }

    /// Begins to ask invoices for their item counts: the next one is mostly of the same block.
    pub(super) fn item_counts(&self) -> ItemCounts<'_> {
        ItemCounts {
            sales: self,
            block: 0,
            order: self.block_order(0),
        }
    }

    /// The items of a whole block.
    pub(super) fn items_per_block(&self) -> u64 {
        self.item_counts.total()
    }

    /// Where each invoice of a block has its first item, counted from the block's first; one more
    /// for the block's end.
    pub(super) fn block_starts(&self, block: u64) -> [u16; BLOCK as usize + 1] {
        let order = self.block_order(block);
        let counts = self.item_counts.counts();
        let mut starts = [0; BLOCK as usize + 1];
        for at in 0..BLOCK as usize {
            starts[at + 1] = starts[at] + counts[order.forward(at as u64) as usize];
        }
        starts
    }

    /// The row of the first item of an invoice.
    pub(super) fn first_item(&self, invoice: u64) -> u64 {
        let (block, at) = (invoice / BLOCK, (invoice % BLOCK) as usize);
        let before = block * self.items_per_block();
        if at == 0 {
            before
        } else {
            before + u64::from(self.block_starts(block)[at])
        }
    }

    /// The item rows of invoices that follow each other.
    pub(super) fn items_of(&self, invoices: Range<u64>) -> Range<u64> {
        self.first_item(invoices.start)..self.first_item(invoices.end)
    }

    /// The item rows of the window.
    pub(super) fn item_rows(&self) -> Range<u64> {
        self.items_of(self.calendar.rows())
    }

    /// The random bits of products of an invoice's lines.
    #[inline]
    pub(super) fn product_stream(&self, invoice: u64) -> Stream {
        self.streams.product.fork(invoice)
    }

    /// Which of an invoice's draws is the first of that line, from 0.
    #[inline]
    pub(super) const fn first_try(line: u64) -> u64 {
        line * TRIES
    }

    /// The positions of the products of an invoice's first lines; no product comes twice.
    ///
    /// A line that meets an earlier one draws again, and after 16 tries takes the next position
    /// that is free, which exists: an invoice has no more lines than there are products.
    #[inline]
    pub(super) fn product_positions(&self, invoice: u64, month: i32, lines: usize) -> Lines<u64> {
        let season = self.products.season(month);
        let stream = self.product_stream(invoice);
        let mut positions = [0; MAX_LINES];
        for line in 0..lines {
            let mut attempt = Self::first_try(line as u64);
            let mut position = self.products.draw(season, stream.at(attempt));
            while positions[..line].contains(&position) {
                attempt += 1;
                position = if attempt.is_multiple_of(TRIES) {
                    let taken = &positions[..line];
                    let next = (0..self.products.count)
                        .map(|step| (position + step) % self.products.count);
                    next.into_iter()
                        .find(|free| !taken.contains(free))
                        .unwrap_or(position)
                } else {
                    self.products.draw(season, stream.at(attempt))
                };
            }
            positions[line] = position;
        }
        positions
    }

    /// How many units a line sells.
    #[inline]
    pub(super) fn quantity(&self, segment: usize, bits: u64) -> i32 {
        (self.packages[segment].draw(bits) as i32 + 1) * PACKAGES[segment].0
    }

    /// The random bits of quantities and discounts of an invoice's lines.
    #[inline]
    pub(super) fn line_stream(&self, invoice: u64) -> Stream {
        self.streams.quantity.fork(invoice)
    }

    /// One line in money.
    ///
    /// `month` counts on from the epoch; `bits` are those of the line.
    #[inline]
    pub(super) fn line(&self, segment: usize, position: u64, month: i32, bits: u64) -> Line {
        self.line_at(segment, self.products.price_in(position, month), bits)
    }

    /// The same at that price.
    #[inline]
    pub(super) fn line_at(&self, segment: usize, unit_price: i64, bits: u64) -> Line {
        let quantity = self.quantity(segment, bits);
        let amount = unit_price * i64::from(quantity);
        let discount = LINE_DISCOUNTS[segment].of(amount, crate::seed::mix(bits));
        Line {
            quantity,
            unit_price,
            discount,
            total: amount - discount,
        }
    }
}

/// Tells how many items one invoice after the other has.
#[derive(Debug)]
pub(super) struct ItemCounts<'a> {
    sales: &'a Sales,
    block: u64,
    order: Permutation,
}

impl ItemCounts<'_> {
    #[inline]
    pub(super) fn of(&mut self, invoice: u64) -> u16 {
        let block = invoice / BLOCK;
        if block != self.block {
            *self = Self {
                sales: self.sales,
                block,
                order: self.sales.block_order(block),
            };
        }
        self.sales.item_counts.counts()[self.order.forward(invoice % BLOCK) as usize]
    }
}

/// A value for each line of an invoice.
pub(super) type Lines<T> = [T; MAX_LINES];

/// Months from the epoch's.
#[inline]
pub(super) fn months_since_epoch(day: &Day) -> i32 {
    (day.year - EPOCH.ymd().0) * 12 + day.month - 1
}

/// The tax on an amount in cents at a rate in ten-thousandths: half cents to the even one.
#[inline]
pub(super) fn tax(amount: i64, rate: i64) -> i64 {
    let exact = amount * rate;
    let (whole, rest) = (exact.div_euclid(10_000), exact.rem_euclid(10_000));
    whole + i64::from(rest > 5000 || (rest == 5000 && whole % 2 != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_cents_go_to_the_even_one() {
        assert_eq!(
            [50, 150, 250, 149, 151].map(|amount| tax(amount, 100)),
            [0, 2, 2, 1, 2]
        );
    }
}

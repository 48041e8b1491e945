//! The same sales without rows: for those who check what was computed from rows.

use std::ops::Range;

use super::invoices::{Choice, payments, statuses};
use super::lines::Line;
use super::sales::{ItemCounts, Sales, months_since_epoch, tax};
use super::{INFO, Parts};
use crate::brazil::STATES;
use crate::calendar::{Calendar, Walk};
use crate::dataset::Settings;
use crate::date::Date;
use crate::error::Result;

/// Every invoice of `retail` with its lines, by number.
///
/// ```
/// use lakeseed_gen_core::{Settings, retail::Ledger};
///
/// let ledger = Ledger::new(&Settings::new())?;
/// let invoice = ledger.walk().invoice(2_999_999).expect("the last of the base year");
/// assert_eq!(invoice.day.to_string(), "2023-12-31");
/// let gross: i64 = invoice.lines.iter().map(|line| line.total).sum();
/// assert!(invoice.discount < gross);
/// # Ok::<(), lakeseed_gen_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Ledger {
    sales: std::sync::Arc<Sales>,
    payments: Choice,
    statuses: Choice,
}

/// An invoice. Amounts are in cents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// Its number, from 0 in the epoch; `invoice_id` is one more.
    pub number: u64,
    /// The day of `issued_at`.
    pub day: Date,
    /// The row of the customer, from 0; `customer_id` is one more, or that row's own.
    pub customer: u64,
    /// The row of the seller.
    pub seller: u64,
    /// `state`, the customer's.
    pub state: &'static str,
    /// `payment_method`.
    pub payment: &'static str,
    /// `status`.
    pub status: &'static str,
    /// The discount on the whole invoice.
    pub discount: i64,
    /// The tax on what is left of its lines.
    pub tax: i64,
    /// Its lines; `line_number` is the place, from 1.
    pub lines: Vec<InvoiceLine>,
}

/// A line of an invoice. Amounts are in cents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvoiceLine {
    /// The row of the product; `product_id` is one more, or that row's own.
    pub product: u64,
    /// `quantity`.
    pub quantity: i32,
    /// `unit_price`.
    pub unit_price: i64,
    /// `discount`, on this line.
    pub discount: i64,
    /// `line_total`: quantity x price - discount.
    pub total: i64,
}

impl Ledger {
    /// Fixes the settings.
    ///
    /// # Errors
    /// As [`Dataset::new`](crate::Dataset::new).
    pub fn new(settings: &Settings) -> Result<Self> {
        let dataset = INFO.dataset(settings)?;
        let Parts { stream, sales, .. } = Parts::new(dataset.resolved())?;
        Ok(Self {
            payments: payments(stream),
            statuses: statuses(stream),
            sales,
        })
    }

    /// The numbers of the window's invoices.
    pub fn invoices(&self) -> Range<u64> {
        self.sales.calendar.rows()
    }

    /// The days of the window with the numbers of their invoices.
    pub fn days(&self) -> impl Iterator<Item = (Date, Range<u64>)> + '_ {
        Calendar::days(&self.sales.calendar)
    }

    /// `payment_method` of the invoice of that number.
    pub fn payment(&self, number: u64) -> &'static str {
        self.payments.at(number)
    }

    /// Begins to ask for invoices: the next one is mostly near the last. Any of them costs about a
    /// microsecond.
    pub fn walk(&self) -> LedgerWalk<'_> {
        LedgerWalk {
            ledger: self,
            days: self.sales.calendar.walk(),
            counts: self.sales.item_counts(),
        }
    }
}

/// Tells of one invoice after the other.
#[derive(Debug)]
pub struct LedgerWalk<'a> {
    ledger: &'a Ledger,
    days: Walk<'a>,
    counts: ItemCounts<'a>,
}

impl LedgerWalk<'_> {
    /// How many lines the invoice of that number has; costs less than the invoice.
    pub fn lines(&mut self, number: u64) -> usize {
        usize::from(self.counts.of(number))
    }

    /// The invoice of that number, where the window has it.
    pub fn invoice(&mut self, number: u64) -> Option<Invoice> {
        let sales = &self.ledger.sales;
        if !sales.calendar.rows().contains(&number) {
            return None;
        }
        let day = self.days.day(number);
        let (parties, segment) = (sales.parties(number), sales.segment(number));
        let count = usize::from(self.counts.of(number));
        let positions = sales.product_positions(number, day.month, count);
        let (stream, month) = (sales.line_stream(number), months_since_epoch(day));
        let line = |(at, &position): (usize, &u64)| {
            let line = sales.line(segment, position, month, stream.at(at as u64));
            let Line {
                quantity,
                unit_price,
                discount,
                total,
            } = line;
            InvoiceLine {
                product: sales.products.row(position),
                quantity,
                unit_price,
                discount,
                total,
            }
        };
        let lines: Vec<_> = positions[..count].iter().enumerate().map(line).collect();
        let gross = lines.iter().map(|line| line.total).sum();
        let discount = sales.discount(number, gross);
        Some(Invoice {
            number,
            day: day.date,
            customer: sales.customers.row(parties.customer),
            seller: sales.sellers.row(parties.seller),
            state: STATES[parties.state].code,
            payment: self.ledger.payments.at(number),
            status: self.ledger.statuses.at(number),
            discount,
            tax: tax(gross - discount, parties.tax_rate),
            lines,
        })
    }
}

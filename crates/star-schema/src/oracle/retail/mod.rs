//! The star of `retail`, from its tables and its ledger.

mod daily;
mod dimensions;
mod fact;
mod members;
mod shares;
mod stock;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use lakeseed_gen_core::Settings;
use lakeseed_gen_core::retail::{Invoice, Ledger, Retail};

use self::members::Members;
use self::shares::shares;
use super::keyed::Keyed;
use super::{Judged, oracle_error};
use crate::Result;

/// The key of a dimension's member for what it does not know.
const UNKNOWN: i64 = -1;
/// Invoices of a piece.
const PIECE: u64 = 16_384;

/// All tables of the star.
pub(super) fn tables(
    settings: &Settings,
    threads: usize,
    stop: &AtomicBool,
) -> Result<Vec<Box<dyn Judged>>> {
    let refused = |error: lakeseed_gen_core::Error| oracle_error("retail", error.to_string());
    let retail = Retail::new(settings).map_err(refused)?;
    let ledger = Arc::new(Ledger::new(settings).map_err(refused)?);
    let members = |name, table, columns: &[&str]| -> Result<Box<dyn Judged>> {
        let members = Members::try_new(name, table, columns).map_err(refused)?;
        Ok(Box::new(Keyed::new(members, threads, stop)?))
    };
    let payments = dimensions::Payments::new(&ledger);
    let stock = stock::Stock::new(retail.stock(), retail.products());
    Ok(vec![
        members("dim_customer", retail.customers(), &members::CUSTOMER)?,
        Box::new(Keyed::new(dimensions::Dates::new(), threads, stop)?),
        Box::new(Keyed::new(payments, threads, stop)?),
        members("dim_product", retail.products(), &members::PRODUCT)?,
        members("dim_seller", retail.sellers(), &members::SELLER)?,
        Box::new(Keyed::new(fact::Lines::new(&ledger), threads, stop)?),
        Box::new(daily::Daily::new(&ledger, threads, stop)?),
        Box::new(Keyed::new(stock, threads, stop)?),
    ])
}

/// An invoice with what each of its lines has of its discount and its tax.
struct Shared {
    invoice: Invoice,
    discounts: Vec<i64>,
    taxes: Vec<i64>,
}

impl Shared {
    fn of(invoice: Invoice) -> Self {
        let totals: Vec<i64> = invoice.lines.iter().map(|line| line.total).collect();
        Self {
            discounts: shares(invoice.discount, &totals),
            taxes: shares(invoice.tax, &totals),
            invoice,
        }
    }

    /// What a line comes to, from 0.
    fn net(&self, line: usize) -> i64 {
        self.invoice.lines[line].total - self.discounts[line] + self.taxes[line]
    }
}

/// A day as a number: 20230131.
fn date_id(day: lakeseed_gen_core::Date) -> i64 {
    let (year, month, day) = day.ymd();
    i64::from(year) * 10_000 + i64::from(month) * 100 + i64::from(day)
}

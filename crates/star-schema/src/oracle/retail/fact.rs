//! `fact_sales`: a line of an invoice, with its share of what the whole invoice has.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, SchemaRef};
use lakeseed_gen_core::retail::Ledger;

use super::dimensions::way_of;
use super::{PIECE, Shared, date_id};
use crate::oracle::keyed::Table;
use crate::oracle::rows::{Cell, MONEY, Made, RowsBuilder, numbers, schema};

/// Bits of a key that are the line's.
const LINE_BITS: u32 = 16;

pub(super) struct Lines {
    ledger: Arc<Ledger>,
    schema: SchemaRef,
}

/// The number of an invoice and the place of a line, both from 0.
fn key(invoice: u64, line: usize) -> u128 {
    u128::from(invoice) << LINE_BITS | line as u128
}

impl Lines {
    pub(super) fn new(ledger: &Arc<Ledger>) -> Self {
        let number = || DataType::Int64;
        Self {
            ledger: Arc::clone(ledger),
            schema: schema(&[
                ("invoice_id", number()),
                ("line_number", number()),
                ("date_id", number()),
                ("customer_id", number()),
                ("seller_id", number()),
                ("product_id", number()),
                ("payment_id", number()),
                ("state", DataType::Utf8),
                ("status", DataType::Utf8),
                ("quantity", number()),
                ("unit_price", MONEY),
                ("line_discount", MONEY),
                ("line_total", MONEY),
                ("discount", MONEY),
                ("tax", MONEY),
                ("net_total", MONEY),
            ]),
        }
    }
}

fn push(of: &Shared, at: usize, rows: &mut RowsBuilder) {
    let (invoice, line) = (&of.invoice, of.invoice.lines[at]);
    let id = |row: u64| Cell::Whole(row as i64 + 1);
    rows.push(
        key(invoice.number, at),
        &[
            id(invoice.number),
            id(at as u64),
            Cell::Whole(date_id(invoice.day)),
            id(invoice.customer),
            id(invoice.seller),
            id(line.product),
            Cell::Whole(way_of(invoice.payment).map_or(0, |way| way as i64 + 1)),
            Cell::Text(invoice.state),
            Cell::Text(invoice.status),
            Cell::Whole(line.quantity.into()),
            Cell::Whole(line.unit_price),
            Cell::Whole(line.discount),
            Cell::Whole(line.total),
            Cell::Whole(of.discounts[at]),
            Cell::Whole(of.taxes[at]),
            Cell::Whole(of.net(at)),
        ],
    );
}

impl Table for Lines {
    fn name(&self) -> &'static str {
        "fact_sales"
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn like(&self, rows: &RecordBatch) -> Result<Made, String> {
        let (invoice, line) = (numbers(rows, 0), numbers(rows, 1));
        let mut walk = self.ledger.walk();
        let mut made = RowsBuilder::new(&self.schema);
        // Lines of an invoice mostly stand together.
        let mut last: Option<Shared> = None;
        let from_1 = |number: Option<i64>| u64::try_from(number? - 1).ok();
        for row in 0..rows.num_rows() {
            let (invoice, line) = (from_1(invoice(row)), from_1(line(row)));
            if last.as_ref().map(|last| last.invoice.number) != invoice {
                last = invoice
                    .and_then(|number| walk.invoice(number))
                    .map(Shared::of);
            }
            let line = line.and_then(|line| usize::try_from(line).ok());
            let there = last.as_ref().zip(line);
            match there.filter(|(of, line)| *line < of.invoice.lines.len()) {
                Some((of, line)) => push(of, line, &mut made),
                None => made.push_none(),
            }
        }
        Ok(made.finish())
    }

    fn pieces(&self) -> usize {
        let all = self.ledger.invoices();
        (all.end - all.start).div_ceil(PIECE) as usize
    }

    fn keys(&self, piece: usize, take: &mut dyn FnMut(u128)) {
        let all = self.ledger.invoices();
        let first = all.start + piece as u64 * PIECE;
        let mut walk = self.ledger.walk();
        for invoice in first..all.end.min(first + PIECE) {
            (0..walk.lines(invoice)).for_each(|line| take(key(invoice, line)));
        }
    }

    fn describe(&self, key: u128) -> String {
        let (invoice, line) = (key >> LINE_BITS, key & ((1 << LINE_BITS) - 1));
        format!("invoice_id {}, line_number {}", invoice + 1, line + 1)
    }
}

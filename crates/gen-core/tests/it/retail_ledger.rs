//! What `retail` tells of invoices without rows, beside its rows.

use lakeseed_gen_core::retail::{Ledger, Retail};
use lakeseed_gen_core::{Date, Settings};

use crate::support::Frame;

#[test]
fn the_ledger_is_what_the_rows_say() {
    for (rows, start, end) in [
        (900, (2023, 1, 1), (2023, 12, 31)),
        (40_000, (2024, 2, 27), (2024, 3, 2)),
    ] {
        let day = |(year, month, day)| Date::new(year, month, day);
        let settings = Settings::new()
            .rows("invoices", rows)
            .rows("products", 40)
            .start(day(start))
            .end(day(end));
        let (retail, ledger) = (
            Retail::new(&settings).unwrap(),
            Ledger::new(&settings).unwrap(),
        );
        let (invoices, items) = (
            Frame::all(retail.invoices()),
            Frame::all(retail.invoice_items()),
        );
        assert_eq!(ledger.invoices(), retail.invoices().row_range());
        let numbers = |frame: &Frame, columns: &[&str]| -> Vec<Vec<i64>> {
            columns.iter().map(|column| frame.ints(column)).collect()
        };
        let columns = [
            "invoice_id",
            "customer_id",
            "seller_id",
            "year",
            "month",
            "day",
            "discount",
            "tax",
        ];
        let of_invoices = numbers(&invoices, &columns);
        let columns = [
            "invoice_id",
            "line_number",
            "product_id",
            "quantity",
            "unit_price",
            "discount",
            "line_total",
        ];
        let of_items = numbers(&items, &columns);
        let texts = ["state", "payment_method", "status"].map(|column| invoices.texts(column));
        let row_of = |columns: &[Vec<i64>], row: usize| -> Vec<i64> {
            columns.iter().map(|column| column[row]).collect()
        };
        let mut walk = ledger.walk();
        let mut line_row = 0;
        for (row, number) in ledger.invoices().enumerate() {
            let invoice = walk.invoice(number).unwrap();
            // Any invoice is the same without those before it.
            assert_eq!(ledger.walk().invoice(number).as_ref(), Some(&invoice));
            let (year, month, day) = invoice.day.ymd();
            let expected = [
                number as i64 + 1,
                invoice.customer as i64 + 1,
                invoice.seller as i64 + 1,
                i64::from(year),
                i64::from(month),
                i64::from(day),
                invoice.discount,
                invoice.tax,
            ];
            assert_eq!(row_of(&of_invoices, row), expected);
            let words = [invoice.state, invoice.payment, invoice.status];
            assert_eq!(texts.each_ref().map(|column| column[row]), words);
            for (at, line) in invoice.lines.iter().enumerate() {
                let expected = [
                    number as i64 + 1,
                    at as i64 + 1,
                    line.product as i64 + 1,
                    i64::from(line.quantity),
                    line.unit_price,
                    line.discount,
                    line.total,
                ];
                assert_eq!(row_of(&of_items, line_row), expected);
                line_row += 1;
            }
        }
        assert_eq!(line_row, items.len());
        assert!(walk.invoice(ledger.invoices().end).is_none());
    }
}

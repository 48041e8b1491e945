//! `stock`: what lies in the warehouses, one row for each product in each of them.

use std::sync::Arc;

use super::micros_before_epoch;
use super::products::Products;
use crate::column::{decimal, foreign_row, int32, timestamp};
use crate::error::Result;
use crate::hints;
use crate::seed::Stream;
use crate::table::Table;

pub(super) const NAME: &str = "stock";
pub(super) const ABOUT: &str = "the stock of a product in a warehouse";

/// Warehouses of the distributor (domain rule).
pub(super) const WAREHOUSES: u64 = 10;

/// Restock when less than this is left, in units: from slow to fast products.
const REORDER_POINTS: (i64, i64) = (20, 240);

/// The table: row r is product r / 10 in warehouse r % 10.
pub(super) fn table(dataset: Stream, products: &Arc<Products>, parent: &Table) -> Result<Table> {
    let reorder = dataset.named(NAME).named("reorder_point");
    let reorder_point = move |row| reorder.between(row, REORDER_POINTS.0, REORDER_POINTS.1);
    let model = products.clone();
    Table::builder(NAME, products.count * WAREHOUSES)
        .about(ABOUT)
        .stream(dataset)
        .column("product_id", foreign_row(parent, |_, row| row / WAREHOUSES).key()
            .hint(hints::SORTED, "asc"))
        .column("warehouse_id", int32(|_, row| (row % WAREHOUSES) as i32 + 1).key())
        // Up to four times the reorder point; one in twenty has run out.
        .column("quantity", int32(move |stream, row| {
            if stream.named("out").happens(row, 50) { 0 }
            else { stream.between(row, 1, 4 * reorder_point(row)) as i32 }
        }))
        .column("reorder_point", int32(move |_, row| reorder_point(row) as i32))
        .column("unit_cost", decimal(12, 2, move |_, row| model.unit_cost(row / WAREHOUSES)))
        .column("updated_at", timestamp(|stream, row| micros_before_epoch(stream.at(row), 30))
            .doc("before the epoch; does not follow from the invoices"))
        .build()
}

//! `fact_stock`: the table of the dataset as it stands, row by row.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, SchemaRef};
use arrow_select::take::take;
use datafusion::arrow::compute::cast;
use lakeseed_gen_core::Table as Generated;

use super::members::{PIECE, plain};
use crate::oracle::keyed::Table;
use crate::oracle::rows::{Made, numbers, schema};

/// Stock of products in warehouses; a key is the row, from 0: all warehouses of a product, then those of
/// the next.
pub(super) struct Stock {
    table: Generated,
    schema: SchemaRef,
    warehouses: u64,
}

impl Stock {
    pub(super) fn new(stock: &Generated, products: &Generated) -> Self {
        let of_type = |data_type: &DataType| match data_type {
            DataType::Int32 => DataType::Int64,
            other => plain(other),
        };
        let fields = stock.schema().fields().iter();
        let fields: Vec<_> = fields
            .map(|field| (field.name().as_str(), of_type(field.data_type())))
            .collect();
        Self {
            schema: schema(&fields),
            warehouses: stock.row_count() / products.row_count().max(1),
            table: stock.clone(),
        }
    }

    /// The row of a product and a warehouse, which are counted from 1.
    fn row(&self, product: i64, warehouse: i64) -> Option<u64> {
        let product = u64::try_from(product.checked_sub(1)?).ok()?;
        let warehouse = u64::try_from(warehouse.checked_sub(1)?).ok()?;
        let row = product.checked_mul(self.warehouses)? + warehouse;
        (warehouse < self.warehouses && row < self.table.row_count()).then_some(row)
    }
}

impl Table for Stock {
    fn name(&self) -> &'static str {
        "fact_stock"
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn like(&self, rows: &RecordBatch) -> Result<Made, String> {
        let (product, warehouse) = (numbers(rows, 0), numbers(rows, 1));
        let (mut found, mut places, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..rows.num_rows() {
            let key = product(row).zip(warehouse(row));
            let there = key.and_then(|(product, warehouse)| self.row(product, warehouse));
            places.push(there.map(|_| found.len() as u64));
            keys.push(there.map(u128::from));
            found.extend(there);
        }
        let columns: Vec<usize> = (0..self.schema.fields().len()).collect();
        let gathered = self.table.gather(&found, &columns);
        let gathered = gathered.map_err(|error| error.to_string())?;
        let places = UInt64Array::from(places);
        let column = |(array, field): (ArrayRef, &Arc<Field>)| {
            take(&cast(&array, field.data_type())?, &places, None)
        };
        let columns = gathered.into_iter().zip(self.schema.fields()).map(column);
        let columns: Result<Vec<_>, _> = columns.collect();
        Ok(Made {
            keys,
            columns: columns.map_err(|error| error.to_string())?,
        })
    }

    fn pieces(&self) -> usize {
        self.table.row_count().div_ceil(PIECE).max(1) as usize
    }

    fn keys(&self, piece: usize, take: &mut dyn FnMut(u128)) {
        let first = piece as u64 * PIECE;
        let end = self.table.row_count().min(first + PIECE);
        (first..end).for_each(|row| take(u128::from(row)));
    }

    fn describe(&self, key: u128) -> String {
        let warehouses = u128::from(self.warehouses.max(1));
        let (product, warehouse) = (key / warehouses + 1, key % warehouses + 1);
        format!("product_id {product}, warehouse_id {warehouse}")
    }
}

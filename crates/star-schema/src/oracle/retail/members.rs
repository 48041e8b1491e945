//! Dimensions that are tables of the dataset as they stand, and the member for what they do not know.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, UInt64Array, new_null_array};
use arrow_schema::{DataType, SchemaRef};
use arrow_select::concat::concat;
use arrow_select::take::take;
use datafusion::arrow::compute::cast;
use lakeseed_gen_core::Table as Generated;

use super::UNKNOWN;
use crate::oracle::keyed::Table;
use crate::oracle::rows::{MONEY, Made, numbers, schema};

/// Rows of a piece.
pub(super) const PIECE: u64 = 1 << 20;
/// What the member for the unknown is called, where members have names.
const UNKNOWN_NAME: &str = "unknown";

pub(super) const CUSTOMER: [&str; 12] = [
    "customer_id",
    "name",
    "cpf",
    "gender",
    "birth_date",
    "segment",
    "district",
    "city",
    "state",
    "postal_code",
    "credit_limit",
    "created_at",
];
pub(super) const PRODUCT: [&str; 10] = [
    "product_id",
    "code",
    "name",
    "line",
    "packaging",
    "size",
    "flavour",
    "category",
    "list_price",
    "unit_cost",
];
pub(super) const SELLER: [&str; 8] = [
    "seller_id",
    "registration",
    "name",
    "district",
    "region",
    "commission_rate",
    "hired_on",
    "on_leave",
];

/// Rows of a generated table by their keys, the first of the columns.
pub(super) struct Members {
    name: &'static str,
    table: Generated,
    columns: Vec<usize>,
    schema: SchemaRef,
}

impl Members {
    pub(super) fn try_new(
        name: &'static str,
        table: &Generated,
        columns: &[&str],
    ) -> Result<Self, lakeseed_gen_core::Error> {
        let at: Result<Vec<usize>, _> = columns
            .iter()
            .map(|name| table.column_index(name))
            .collect();
        let at = at?;
        let fields = at.iter().map(|at| table.schema().field(*at));
        let fields: Vec<_> = fields
            .map(|field| (field.name().as_str(), plain(field.data_type())))
            .collect();
        Ok(Self {
            name,
            table: table.clone(),
            schema: schema(&fields),
            columns: at,
        })
    }

    /// The member for what is not known, as a row.
    fn unknown(&self) -> Vec<ArrayRef> {
        let fields = self.schema.fields().iter().enumerate();
        fields
            .map(|(at, field)| match field.name().as_str() {
                _ if at == 0 => Arc::new(Int64Array::from(vec![UNKNOWN])) as ArrayRef,
                "name" => Arc::new(StringArray::from(vec![UNKNOWN_NAME])),
                _ => new_null_array(field.data_type(), 1),
            })
            .collect()
    }
}

/// The type that has the same values without codes, and decimals of any size.
pub(super) fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain(values),
        DataType::Decimal128(_, 2) => MONEY,
        DataType::Decimal128(_, scale) => DataType::Decimal128(38, *scale),
        other => other.clone(),
    }
}

impl Table for Members {
    fn name(&self) -> &'static str {
        self.name
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn like(&self, rows: &RecordBatch) -> Result<Made, String> {
        let id = numbers(rows, 0);
        let range = self.table.row_range();
        let (mut members, mut places, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        let row_of = |id| self.table.row_of_key(id).filter(|row| range.contains(row));
        for row in 0..rows.num_rows() {
            let id = id(row);
            let member = id.and_then(row_of);
            // The unknown one stands before the others.
            let place = member.map(|_| members.len() as u64 + 1);
            places.push(place.or_else(|| (id == Some(UNKNOWN)).then_some(0)));
            keys.push(match member {
                Some(member) => Some(u128::from(member) + 1),
                None => (id == Some(UNKNOWN)).then_some(0),
            });
            members.extend(member);
        }
        let gathered = self.table.gather(&members, &self.columns);
        let gathered = gathered.map_err(|error| error.to_string())?;
        let places = UInt64Array::from(places);
        let column =
            |(unknown, (found, field)): (&ArrayRef, (ArrayRef, &Arc<arrow_schema::Field>))| {
                let found = cast(&found, field.data_type())?;
                let all = concat(&[unknown.as_ref(), found.as_ref()])?;
                take(&all, &places, None)
            };
        let unknown = self.unknown();
        let gathered = gathered.into_iter().zip(self.schema.fields());
        let columns = unknown.iter().zip(gathered).map(column);
        let columns: Result<Vec<ArrayRef>, _> = columns.collect();
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
        if piece == 0 {
            take(0);
        }
        (first..end).for_each(|row| take(u128::from(row) + 1));
    }

    fn describe(&self, key: u128) -> String {
        let id = if key == 0 { UNKNOWN } else { key as i64 };
        format!("{} {id}", self.schema.field(0).name())
    }
}

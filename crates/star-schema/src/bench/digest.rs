//! What an answer is, whatever order its rows come in: so that answers of several runs are compared
//! without being kept.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Int8Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, Schema};
use datafusion::arrow::compute::cast;
use datafusion::arrow::row::{RowConverter, SortField};
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

/// How far two sums of floating-point numbers may be apart, as a part of what was summed up: their last
/// digits follow the order of the additions, which is another with other partitions.
const TOLERANCE: f64 = 1e-9;

/// What an answer is: how many rows, a hash of their values, and sums of their floating-point numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Digest {
    rows: u64,
    hash: String,
    floats: Vec<Sum>,
}

/// A column of floating-point numbers, each weighed by a hash of the other values of its row, so that it
/// makes a difference where a number stands.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Sum {
    sum: f64,
    magnitude: f64,
}

impl Digest {
    /// Whether two answers have the same rows, in any order. Floating-point numbers may differ in their
    /// last digits.
    pub fn agrees_with(&self, other: &Self) -> bool {
        let sums = self.floats.iter().zip(&other.floats);
        self.rows == other.rows
            && self.hash == other.hash
            && self.floats.len() == other.floats.len()
            && sums.into_iter().all(|(one, other)| one.is_near(*other))
    }

    /// The hash of rows, in hexadecimal digits.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

impl Sum {
    fn is_near(self, other: Self) -> bool {
        let most = self.magnitude.max(other.magnitude) * TOLERANCE;
        (self.sum - other.sum).abs() <= most
    }
}

/// A digest on its way.
pub(super) struct Digesting {
    rows_of: RowConverter,
    rows: u64,
    hash: u128,
    /// Positions of columns, and what they have come to.
    floats: Vec<(usize, Sum)>,
}

impl Digesting {
    pub(super) fn new(schema: &Schema) -> Result<Self, ArrowError> {
        let types = schema.fields().iter().map(|field| field.data_type());
        let fields = types.clone().map(|data_type| {
            SortField::new(if is_float(data_type) {
                DataType::Int8
            } else {
                data_type.clone()
            })
        });
        let floats = types
            .enumerate()
            .filter(|(_, data_type)| is_float(data_type));
        Ok(Self {
            rows_of: RowConverter::new(fields.collect())?,
            rows: 0,
            hash: 0,
            floats: floats.map(|(at, _)| (at, Sum::default())).collect(),
        })
    }

    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let columns = batch
            .columns()
            .iter()
            .map(|column| match column.data_type() {
                DataType::Float64 | DataType::Float32 => kinds(column),
                _ => Ok(Arc::clone(column)),
            });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let rows = self.rows_of.convert_columns(&columns)?;
        let hashes: Vec<u128> = rows
            .iter()
            .map(|row| XxHash3_128::oneshot(row.as_ref()))
            .collect();
        for (at, sum) in &mut self.floats {
            let numbers = as_doubles(batch.column(*at))?;
            let numbers = numbers.as_primitive::<Float64Type>().iter();
            for (number, hash) in numbers.zip(&hashes) {
                let number = number
                    .filter(|number| number.is_finite())
                    .unwrap_or_default();
                // From 1 to 2.
                let weighed = number * (1.0 + (hash >> 64) as f64 / 2_f64.powi(64));
                // Beyond the largest number there is no JSON.
                sum.sum = (sum.sum + weighed).clamp(f64::MIN, f64::MAX);
                sum.magnitude = (sum.magnitude + weighed.abs()).min(f64::MAX);
            }
        }
        self.rows += batch.num_rows() as u64;
        self.hash = hashes.into_iter().fold(self.hash, u128::wrapping_add);
        Ok(())
    }

    pub(super) fn finish(self) -> Digest {
        Digest {
            rows: self.rows,
            hash: format!("{:032x}", self.hash),
            floats: self.floats.into_iter().map(|(_, sum)| sum).collect(),
        }
    }
}

fn is_float(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Float32 | DataType::Float64)
}

fn as_doubles(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    cast(column, &DataType::Float64)
}

/// What is exact of floating-point numbers: which are null, and which are no numbers.
fn kinds(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let numbers = as_doubles(column)?;
    let kinds = numbers.as_primitive::<Float64Type>().iter().map(|number| {
        number.map(|number| match number {
            number if number.is_finite() => 0_i8,
            number if number.is_nan() => 1,
            number if number > 0.0 => 2,
            _ => 3,
        })
    });
    Ok(Arc::new(kinds.collect::<Int8Array>()))
}

#[cfg(test)]
mod tests {
    use arrow_array::{Float64Array, Int64Array};

    use super::*;

    fn digest(batches: &[(&[i64], &[f64])]) -> Digest {
        let batches: Vec<RecordBatch> = batches
            .iter()
            .map(|(keys, numbers)| {
                let keys = Arc::new(Int64Array::from(keys.to_vec())) as ArrayRef;
                let numbers = Arc::new(Float64Array::from(numbers.to_vec())) as ArrayRef;
                RecordBatch::try_from_iter([("key", keys), ("number", numbers)]).unwrap()
            })
            .collect();
        let mut digesting = Digesting::new(&batches[0].schema()).unwrap();
        for batch in &batches {
            digesting.add(batch).unwrap();
        }
        digesting.finish()
    }

    #[test]
    fn order_and_last_digits_make_no_difference_and_values_do() {
        let whole = digest(&[(&[1, 2, 3], &[0.1, 0.2, 1e6])]);
        let cut = digest(&[(&[3], &[1e6 + 1e-9]), (&[2, 1], &[0.2, 0.1])]);
        assert!(whole.agrees_with(&cut));
        for other in [
            digest(&[(&[1, 2], &[0.1, 0.2])]),
            digest(&[(&[1, 2, 4], &[0.1, 0.2, 1e6])]),
            digest(&[(&[1, 2, 3], &[0.1, 0.2, 1e6 + 1.0])]),
            // The same numbers in other rows.
            digest(&[(&[1, 2, 3], &[1e6, 0.2, 0.1])]),
            digest(&[(&[1, 2, 3], &[0.1, 0.2, f64::NAN])]),
            // Each row twice cancels nothing.
            digest(&[(&[1, 2, 3, 1, 1], &[0.1, 0.2, 1e6, 0.0, 0.0])]),
        ] {
            assert!(!whole.agrees_with(&other), "{other:?}");
        }
    }
}

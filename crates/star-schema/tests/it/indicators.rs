//! Indicators of the built-in models: every number of every answer, computed a second time from the rows
//! of the dataset and not from the star.

mod assessments;
mod retail;

use std::collections::BTreeSet;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type};
use arrow_schema::DataType;
use datafusion::arrow::compute::cast;
use lakeseed_star_schema::Model;

use crate::models::Star;

/// A value of an answer.
#[derive(Debug, Clone, PartialEq)]
enum Cell {
    Null,
    Text(String),
    Whole(i64),
    Cents(i128),
    Real(f64),
}

impl Cell {
    fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A part of a hundred.
    fn share(part: i128, whole: i128) -> Self {
        Self::Real(100.0 * part as f64 / whole as f64)
    }

    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Real(one), Self::Real(other)) => {
                (one - other).abs() <= 1e-12 * one.abs().max(other.abs())
            }
            _ => self == other,
        }
    }
}

type Rows = Vec<Vec<Cell>>;

/// The answers of a model's indicators, each held against an expected one.
struct Answers<'s> {
    star: &'s Star,
    model: &'s Model,
    checked: BTreeSet<String>,
}

impl<'s> Answers<'s> {
    fn new(star: &'s Star, model: &'s Model) -> Self {
        Self {
            star,
            model,
            checked: BTreeSet::new(),
        }
    }

    /// The answer has these rows, in this order.
    fn is(&mut self, name: &str, expected: &Rows) {
        let found = self.of(name);
        assert_eq!(found.len(), expected.len(), "rows of {name}");
        for (row, (found, expected)) in found.iter().zip(expected).enumerate() {
            let same = found.len() == expected.len()
                && found
                    .iter()
                    .zip(expected)
                    .all(|(one, other)| one.is_like(other));
            assert!(
                same,
                "{name}, row {row}: {found:?}, but expected {expected:?}"
            );
        }
        self.checked.insert(name.to_owned());
    }

    fn of(&self, name: &str) -> Rows {
        let answer = self.star.ask(&self.model.indicator(name).unwrap().sql);
        let columns = answer.columns().iter().map(|column| {
            let rows = 0..column.len();
            let cells: Vec<Cell> = match column.data_type() {
                DataType::Decimal128(_, scale) => {
                    assert!((0..=2).contains(scale), "{name}: {}", column.data_type());
                    let cents = cast(column, &DataType::Decimal128(38, 2)).unwrap();
                    let cents = cents.as_primitive::<Decimal128Type>();
                    rows.map(|row| Cell::Cents(cents.value(row))).collect()
                }
                DataType::Float64 => {
                    let reals = column.as_primitive::<Float64Type>();
                    rows.map(|row| Cell::Real(reals.value(row))).collect()
                }
                // An answer has few types, which every reader and format knows.
                DataType::Int32 | DataType::Int64 => {
                    let whole = cast(column, &DataType::Int64).unwrap();
                    let whole = whole.as_primitive::<arrow_array::types::Int64Type>();
                    rows.map(|row| Cell::Whole(whole.value(row))).collect()
                }
                DataType::Utf8 | DataType::Utf8View | DataType::Dictionary(..) => {
                    let texts = cast(column, &DataType::Utf8).unwrap();
                    let texts = texts.as_string::<i32>();
                    rows.map(|row| Cell::text(texts.value(row))).collect()
                }
                other => panic!("{name}: {other}"),
            };
            let cells = cells.into_iter().enumerate();
            cells
                .map(|(row, cell)| {
                    if column.is_null(row) {
                        Cell::Null
                    } else {
                        cell
                    }
                })
                .collect::<Vec<Cell>>()
        });
        let columns: Vec<Vec<Cell>> = columns.collect();
        (0..answer.num_rows())
            .map(|row| columns.iter().map(|column| column[row].clone()).collect())
            .collect()
    }

    /// Every indicator of the model was held against something.
    fn are_all(&self) {
        let names = self.model.indicators.iter();
        let names: BTreeSet<String> = names.map(|indicator| indicator.name.clone()).collect();
        assert_eq!(self.checked, names);
    }
}

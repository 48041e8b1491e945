//! Dimensions that no table of the dataset is: days, and ways to pay.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, SchemaRef};
use lakeseed_gen_core::Date;
use lakeseed_gen_core::calendar::is_holiday;
use lakeseed_gen_core::retail::Ledger;

use super::{UNKNOWN, date_id};
use crate::oracle::keyed::Table;
use crate::oracle::rows::{Cell, Made, RowsBuilder, numbers, schema};

/// The first and the last day that there are.
const DAYS: [Date; 2] = [Date::new(2020, 1, 1), Date::new(2039, 12, 31)];
/// The ways to pay; each has its place, from 1, as its number.
pub(super) const PAYMENTS: [&str; 5] = ["PIX", "credit card", "debit card", "boleto", "cash"];

/// `dim_date`, by days since the first.
pub(super) struct Dates {
    schema: SchemaRef,
}

impl Dates {
    pub(super) fn new() -> Self {
        let number = || DataType::Int64;
        Self {
            schema: schema(&[
                ("date_id", number()),
                ("date", DataType::Date32),
                ("year", number()),
                ("quarter", number()),
                ("month", number()),
                ("day", number()),
                ("weekday", number()),
                ("day_of_year", number()),
                ("is_weekend", DataType::Boolean),
                ("is_holiday", DataType::Boolean),
            ]),
        }
    }

    fn count() -> u64 {
        let [first, last] = DAYS;
        (last.days() - first.days() + 1) as u64
    }
}

/// The day of a number as 20230131, where there is such a day.
fn day_of(id: i64) -> Option<Date> {
    let [first, last] = DAYS;
    let month = u32::try_from(id / 100 % 100)
        .ok()
        .filter(|month| (1..=12).contains(month))?;
    let of_month = u32::try_from(id % 100)
        .ok()
        .filter(|day| (1..=31).contains(day))?;
    let day = Date::new(i32::try_from(id / 10_000).ok()?, month, of_month);
    // The 31st of a month without one is a day of the next.
    let is_there = date_id(day) == id && (first..=last).contains(&day);
    is_there.then_some(day)
}

impl Table for Dates {
    fn name(&self) -> &'static str {
        "dim_date"
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn like(&self, rows: &RecordBatch) -> Result<Made, String> {
        let id = numbers(rows, 0);
        let mut made = RowsBuilder::new(&self.schema);
        for row in 0..rows.num_rows() {
            let id = id(row);
            let Some(day) = id.and_then(day_of) else {
                if id == Some(UNKNOWN) {
                    let mut cells = [Cell::Null; 10];
                    cells[0] = Cell::Whole(UNKNOWN);
                    made.push(0, &cells);
                } else {
                    made.push_none();
                }
                continue;
            };
            let (year, month, of_month) = day.ymd();
            let (weekday, new_year) = (day.weekday() + 1, Date::new(year, 1, 1));
            let cells = [
                Cell::Whole(date_id(day)),
                Cell::Whole(i64::from(day.days())),
                Cell::Whole(i64::from(year)),
                Cell::Whole(i64::from(month.div_ceil(3))),
                Cell::Whole(i64::from(month)),
                Cell::Whole(i64::from(of_month)),
                Cell::Whole(i64::from(weekday)),
                Cell::Whole(i64::from(day.days() - new_year.days() + 1)),
                Cell::Is(weekday >= 6),
                Cell::Is(is_holiday(day)),
            ];
            made.push((day.days() - DAYS[0].days()) as u128 + 1, &cells);
        }
        Ok(made.finish())
    }

    fn pieces(&self) -> usize {
        1
    }

    fn keys(&self, _: usize, take: &mut dyn FnMut(u128)) {
        (0..=Self::count()).for_each(|key| take(key.into()));
    }

    fn describe(&self, key: u128) -> String {
        let id = match i32::try_from(key) {
            Ok(key) if key > 0 => date_id(DAYS[0].plus(key - 1)),
            _ => UNKNOWN,
        };
        format!("date_id {id}")
    }
}

/// `dim_payment`, by the number of the way, 0 for the one that is not known.
pub(super) struct Payments {
    schema: SchemaRef,
    /// Which of them invoices name.
    named: [bool; PAYMENTS.len()],
}

impl Payments {
    pub(super) fn new(ledger: &Arc<Ledger>) -> Self {
        let mut named = [false; PAYMENTS.len()];
        for number in ledger.invoices() {
            if let Some(at) = way_of(ledger.payment(number)) {
                named[at] = true;
            }
            // All of them come soon.
            if named == [true; PAYMENTS.len()] {
                break;
            }
        }
        Self {
            schema: schema(&[
                ("payment_id", DataType::Int64),
                ("payment_method", DataType::Utf8),
            ]),
            named,
        }
    }
}

/// The place of a way to pay.
pub(super) fn way_of(payment: &str) -> Option<usize> {
    PAYMENTS.iter().position(|way| *way == payment)
}

impl Table for Payments {
    fn name(&self) -> &'static str {
        "dim_payment"
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn like(&self, rows: &RecordBatch) -> Result<Made, String> {
        let id = numbers(rows, 0);
        let mut made = RowsBuilder::new(&self.schema);
        for row in 0..rows.num_rows() {
            let id = id(row);
            let at = id.and_then(|id| usize::try_from(id - 1).ok());
            match at.filter(|at| self.named.get(*at) == Some(&true)) {
                Some(at) => {
                    let cells = [Cell::Whole(at as i64 + 1), Cell::Text(PAYMENTS[at])];
                    made.push(at as u128 + 1, &cells);
                }
                None if id == Some(UNKNOWN) => {
                    made.push(0, &[Cell::Whole(UNKNOWN), Cell::Text("unknown")]);
                }
                None => made.push_none(),
            }
        }
        Ok(made.finish())
    }

    fn pieces(&self) -> usize {
        1
    }

    fn keys(&self, _: usize, take: &mut dyn FnMut(u128)) {
        take(0);
        let named = (1..).zip(self.named);
        named
            .filter(|(_, named)| *named)
            .for_each(|(key, _)| take(key));
    }

    fn describe(&self, key: u128) -> String {
        let id = if key == 0 { UNKNOWN } else { key as i64 };
        format!("payment_id {id}")
    }
}

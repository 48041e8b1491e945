//! Days as a source: what a date dimension is made from.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Int32Array, RecordBatch, RecordBatchIterator,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use lakeseed_gen_core::Date;
use lakeseed_gen_core::calendar::is_holiday;

use super::{BatchReader, Piece, Source};
use crate::{Error, Result};

/// Every day from one to another, both included, in order.
///
/// | column | type | what |
/// |---|---|---|
/// | `date` | `Date32` | the day |
/// | `year`, `quarter`, `month`, `day` | `Int32` | of the Gregorian calendar |
/// | `weekday` | `Int32` | 1 is Monday, 7 Sunday, as in ISO 8601 |
/// | `day_of_year` | `Int32` | from 1 |
/// | `is_holiday` | `Boolean` | a national holiday or Carnival in Brazil |
///
/// Holidays are those of [`lakeseed_gen_core::calendar`], where their source stands.
///
/// ```
/// use lakeseed_star_schema::{Calendar, Source};
///
/// let year = Calendar::new("2024-01-01".parse()?, "2024-12-31".parse()?)?;
/// assert_eq!(year.pieces()[0].rows, 366);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Calendar {
    first: Date,
    pieces: [Piece; 1],
    identity: String,
}

impl Calendar {
    /// From a day to another, both included.
    ///
    /// # Errors
    /// [`Error::Source`] where the last day is before the first.
    pub fn new(first: Date, last: Date) -> Result<Self> {
        let days = i64::from(last.days()) - i64::from(first.days()) + 1;
        let Some(rows) = u64::try_from(days).ok().filter(|&days| days > 0) else {
            return Err(Error::Source {
                place: "calendar".to_owned(),
                problem: format!("its last day, {last}, is before its first, {first}"),
                cause: None,
            });
        };
        Ok(Self {
            first,
            pieces: [Piece {
                rows,
                exact: true,
                bytes: rows * 16,
            }],
            identity: format!("calendar from {first} to {last}"),
        })
    }
}

impl Source for Calendar {
    fn schema(&self) -> SchemaRef {
        let number = |name: &str| Field::new(name, DataType::Int32, false);
        Arc::new(Schema::new(vec![
            Field::new("date", DataType::Date32, false),
            number("year"),
            number("quarter"),
            number("month"),
            number("day"),
            number("weekday"),
            number("day_of_year"),
            Field::new("is_holiday", DataType::Boolean, false),
        ]))
    }

    fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    fn read(&self, _: usize, columns: &[usize], batch_rows: usize) -> Result<BatchReader> {
        let failed = |cause: ArrowError| Error::Source {
            place: "calendar".to_owned(),
            problem: "there are other columns".to_owned(),
            cause: Some(Box::new(cause)),
        };
        let whole = self.schema();
        let schema = Arc::new(whole.project(columns).map_err(failed)?);
        let (first, rows): (i32, i32) = (self.first.days(), self.pieces[0].rows as i32);
        let columns = columns.to_vec();
        let batches = (0..rows).step_by(batch_rows.max(1)).map(move |start: i32| {
            let end = rows.min(start.saturating_add(batch_rows.max(1) as i32));
            let days = (first + start..first + end).map(Date::from_days);
            let arrays = arrays(&days.collect::<Vec<_>>());
            RecordBatch::try_new(Arc::clone(&whole), arrays)?.project(&columns)
        });
        Ok(Box::new(RecordBatchIterator::new(batches, schema)))
    }

    fn sorted_by(&self) -> &[String] {
        &[]
    }

    fn identity(&self) -> &str {
        &self.identity
    }
}

fn arrays(days: &[Date]) -> Vec<ArrayRef> {
    let number = |of: &dyn Fn(&Date) -> i32| -> ArrayRef {
        Arc::new(days.iter().map(|day| Some(of(day))).collect::<Int32Array>())
    };
    let of_year = |day: &Date| day.days() - Date::new(day.ymd().0, 1, 1).days() + 1;
    let dates = days.iter().map(|day| Some(day.days()));
    let holidays = days.iter().map(|&day| Some(is_holiday(day)));
    vec![
        Arc::new(dates.collect::<Date32Array>()),
        number(&|day| day.ymd().0),
        number(&|day| (day.ymd().1 as i32 + 2) / 3),
        number(&|day| day.ymd().1 as i32),
        number(&|day| day.ymd().2 as i32),
        number(&|day| day.weekday() as i32 + 1),
        number(&of_year),
        Arc::new(holidays.collect::<BooleanArray>()),
    ]
}

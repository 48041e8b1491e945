//! `fact_sales_daily`: what each day's issued sales sum to. How a day's rows are cut, by product,
//! seller and state, cannot be told row by row without a day's lines in memory: their sums can.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::cast::AsArray;
use arrow_array::types::Decimal128Type;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use lakeseed_gen_core::retail::Ledger;

use super::{Shared, date_id};
use crate::Result;
use crate::oracle::rows::{MONEY, numbers, schema};
use crate::oracle::{Differs, Judged, NAMED, Stray, side_by_side};

/// Columns of keys, before those that are summed.
const KEYS: usize = 4;
const MEASURES: [&str; 6] = [
    "lines",
    "quantity",
    "line_total",
    "discount",
    "tax",
    "net_total",
];
/// How many of the measures, the first ones, are counts and not money.
const COUNTS: usize = 2;

/// Of each measure its sum, in cents where it is money.
type Sums = [i128; MEASURES.len()];

/// Sums by day.
pub(super) struct Daily {
    schema: SchemaRef,
    expected: BTreeMap<i64, Sums>,
    found: Mutex<BTreeMap<i64, Sums>>,
}

impl Daily {
    pub(super) fn new(ledger: &Arc<Ledger>, threads: usize, stop: &AtomicBool) -> Result<Self> {
        let days: Vec<_> = ledger.days().collect();
        let of_day = |at: usize| {
            let (day, invoices) = days[at].clone();
            let mut walk = ledger.walk();
            let mut sums = Sums::default();
            let all = invoices.filter_map(|number| walk.invoice(number));
            for of in all
                .filter(|invoice| invoice.status == "issued")
                .map(Shared::of)
            {
                for (at, line) in of.invoice.lines.iter().enumerate() {
                    let quantity = i64::from(line.quantity);
                    let (discount, tax) = (of.discounts[at], of.taxes[at]);
                    let measures = [1, quantity, line.total, discount, tax, of.net(at)];
                    add(&mut sums, measures.map(i128::from));
                }
            }
            (date_id(day), sums)
        };
        let expected = side_by_side(days.len(), threads, stop, of_day)?;
        let number = || DataType::Int64;
        let keys = [
            ("date_id", number()),
            ("product_id", number()),
            ("seller_id", number()),
        ];
        let mut columns = keys.to_vec();
        columns.push(("state", DataType::Utf8));
        let types = |at: usize| if at < COUNTS { number() } else { MONEY };
        columns.extend(
            MEASURES
                .iter()
                .enumerate()
                .map(|(at, name)| (*name, types(at))),
        );
        Ok(Self {
            schema: schema(&columns),
            // A day without sales has no rows.
            expected: expected
                .into_iter()
                .filter(|(_, sums)| sums[0] > 0)
                .collect(),
            found: Mutex::default(),
        })
    }
}

fn add(sums: &mut Sums, measures: Sums) {
    for (sum, measure) in sums.iter_mut().zip(measures) {
        *sum += measure;
    }
}

impl Judged for Daily {
    fn name(&self) -> &'static str {
        "fact_sales_daily"
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn rows(&self) -> Option<u64> {
        None
    }

    fn check(&self, rows: &RecordBatch, differs: &mut Differs<'_>) -> Result<(), String> {
        let day = numbers(rows, 0);
        let counts = [0, 1].map(|at| numbers(rows, KEYS + at));
        let money = [2, 3, 4, 5].map(|at| rows.column(KEYS + at).as_primitive::<Decimal128Type>());
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        for row in 0..rows.num_rows() {
            let Some(day) = day(row).filter(|day| self.expected.contains_key(day)) else {
                let texts = || ("a day with sales".to_owned(), format!("{:?}", day(row)));
                differs(row, Some("date_id"), &texts);
                continue;
            };
            let [lines, quantity] = counts.each_ref().map(|of| of(row).map_or(0, i128::from));
            // A null counts as nothing, and so makes a difference.
            let [line_total, discount, tax, net_total] =
                money.map(|of| if of.is_null(row) { 0 } else { of.value(row) });
            let measures = [lines, quantity, line_total, discount, tax, net_total];
            add(found.entry(day).or_default(), measures);
        }
        Ok(())
    }

    fn strays(&self, _: usize, _: &AtomicBool) -> Result<Vec<Stray>> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let mut strays = Vec::new();
        for (day, expected) in &self.expected {
            let found = found.get(day).copied().unwrap_or_default();
            let Some(at) = (0..MEASURES.len()).find(|at| expected[*at] != found[*at]) else {
                continue;
            };
            let of = |sums: &Sums| {
                let sum = sums[at];
                let unit = if at < COUNTS { "" } else { " cents" };
                format!("{} of date_id {day}: {sum}{unit}", MEASURES[at])
            };
            strays.push(Stray::Count {
                expected: of(expected),
                found: of(&found),
            });
        }
        let more = strays.len().saturating_sub(NAMED);
        strays.truncate(NAMED);
        if more > 0 {
            strays.push(Stray::Count {
                expected: "no other day that differs".to_owned(),
                found: format!("{more} more days"),
            });
        }
        Ok(strays)
    }
}

//! Parents and their children: two tables of four parts, with two primary keys and a foreign one.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use lakeseed_sink::databases::{
    Database, Load, LoadPlan, Loaded, PART_ROWS, TableToLoad, VerifyLoad,
};
use lakeseed_sink::{BatchSource, Findings, Result};

use super::Shop;

/// Rows of the children: three parts.
pub(crate) const ROWS: u64 = 2 * PART_ROWS + 1_000;
pub(crate) const PARENTS: u64 = 50;
/// Long enough for a server that is there.
const PATIENCE: Duration = Duration::from_secs(20);

fn hinted(name: &str, data_type: DataType, hints: &[(&str, &str)]) -> Field {
    let hints = hints
        .iter()
        .map(|(key, value)| (format!("lakeseed:{key}"), (*value).to_owned()));
    Field::new(name, data_type, false).with_metadata(hints.collect::<HashMap<_, _>>())
}

pub(crate) fn parents() -> RecordBatch {
    let schema = Schema::new(vec![
        hinted(
            "id",
            DataType::Int64,
            &[("key", "primary"), ("doc", "it's a number")],
        ),
        hinted("name", DataType::Utf8, &[]),
    ]);
    let ids = Int64Array::from_iter_values(1..=PARENTS as i64);
    let names = StringArray::from_iter_values((1..=PARENTS).map(|id| format!("parent {id}")));
    let columns: Vec<ArrayRef> = vec![Arc::new(ids), Arc::new(names)];
    RecordBatch::try_new(Arc::new(schema), columns).unwrap()
}

/// Children of parents from 1 on, `PARENTS` or more of them.
pub(super) fn children_of(rows: Range<u64>, parents: u64) -> RecordBatch {
    let schema = Schema::new(vec![
        // Believed where rows are made, and not where they are read: a table has no order.
        hinted(
            "id",
            DataType::Int64,
            &[("key", "primary"), ("sorted", "asc")],
        ),
        hinted("parent_id", DataType::Int64, &[("parent", "parents.id")]),
        hinted("amount", DataType::Decimal128(12, 2), &[]),
    ]);
    let ids = Int64Array::from_iter_values(rows.clone().map(|row| row as i64 + 1));
    let parents = rows.clone().map(|row| (row % parents) as i64 + 1);
    let parents = Int64Array::from_iter_values(parents);
    let amounts = rows.map(|row| i128::from(row) * 7 - 1_000);
    let amounts = Decimal128Array::from_iter_values(amounts);
    let amounts = amounts.with_precision_and_scale(12, 2).unwrap();
    let columns: Vec<ArrayRef> = vec![Arc::new(ids), Arc::new(parents), Arc::new(amounts)];
    RecordBatch::try_new(Arc::new(schema), columns).unwrap()
}

pub(super) fn children(rows: Range<u64>) -> RecordBatch {
    children_of(rows, PARENTS)
}

/// Parents and these children.
pub(super) fn family_with<S: Shop>(children: RecordBatch) -> LoadPlan<'static> {
    let rows = children.num_rows() as u64;
    let parents = TableToLoad::new("parents", BatchSource::new(parents()), 0..PARENTS);
    let children = TableToLoad::new("children", BatchSource::new(children), 0..rows);
    let plan = S::plan().data_id("family v1");
    let plan = plan
        .table(parents.about("who has children"))
        .table(children);
    plan.build().unwrap()
}

/// Parents and their children.
pub(crate) fn family<S: Shop>() -> LoadPlan<'static> {
    family_with::<S>(children(0..ROWS))
}

/// One table of a batch.
pub(crate) fn plan_of<S: Shop>(name: &str, batch: RecordBatch) -> LoadPlan<'static> {
    let rows = batch.num_rows() as u64;
    let table = TableToLoad::new(name, BatchSource::new(batch), 0..rows);
    S::plan().table(table).build().unwrap()
}

/// The system at an address: the shop's, that of something before it, or one that leads nowhere.
pub(crate) fn at<S: Shop>(url: &str) -> Box<dyn Database> {
    S::at(url, PATIENCE)
}

pub(crate) fn load<S: Shop>(plan: &LoadPlan<'_>, url: &str) -> Result<Loaded> {
    let to = at::<S>(url);
    Load::new(plan, to.as_ref()).threads(2).run()
}

pub(crate) fn verified<S: Shop>(plans: &[LoadPlan<'_>], url: &str) -> Result<Findings> {
    let from = at::<S>(url);
    // Two tables at a time.
    VerifyLoad::new(plans, from.as_ref()).threads(4).run()
}

/// Rows, the sum of the numbers, and the sum of amounts, as they must be and nothing else.
#[track_caller]
pub(crate) fn holds_the_family<S: Shop>(shop: &S) {
    let rows = ROWS;
    let ids = rows * (rows + 1) / 2;
    let cents = 7 * (rows as i64 * (rows as i64 - 1) / 2) - 1_000 * rows as i64;
    let sums = "SELECT count(*), count(DISTINCT id), sum(id), \
                CAST(sum(amount) * 100 AS DECIMAL(20, 0)) FROM children";
    assert_eq!(shop.ask(sums), format!("{rows}|{rows}|{ids}|{cents}"));
    assert_eq!(
        shop.ask("SELECT count(*) FROM parents"),
        PARENTS.to_string()
    );
    assert_eq!(keys(shop), "3", "two primary keys and a foreign one");
    let lines = "SELECT count(*), sum(row_count) FROM lakeseed_ledger";
    assert_eq!(shop.ask(lines), format!("4|{}", rows + PARENTS));
    assert_eq!(complete_runs(shop), "1|1");
}

/// Constraints of both tables. PostgreSQL counts columns without nulls among them, by such names.
fn keys<S: Shop>(shop: &S) -> String {
    let ask = "SELECT count(*) FROM information_schema.table_constraints \
               WHERE table_name IN ('parents', 'children') AND constraint_name NOT LIKE '%_not_null' \
               AND constraint_schema = ";
    shop.ask(&format!("{ask}{}", S::HERE))
}

/// How many runs there are, and how many of them are complete.
pub(super) fn complete_runs<S: Shop>(shop: &S) -> String {
    shop.ask("SELECT count(*), sum(CASE WHEN is_complete THEN 1 ELSE 0 END) FROM lakeseed_runs")
}

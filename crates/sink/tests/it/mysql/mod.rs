//! Loads into MariaDB, with a real server. What stands there is looked at by its own client.

mod forbidden;
mod refused;
pub(crate) mod server;
mod types;

use std::collections::HashMap;
use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use lakeseed_sink::databases::ddl::Dialect;
use lakeseed_sink::databases::mysql::{Mysql, MysqlOptions};
use lakeseed_sink::databases::{Load, LoadPlan, Loaded, PART_ROWS, TableToLoad, VerifyLoad};
use lakeseed_sink::{BatchSource, Environment, Error, Findings, Result};

use self::server::Shop;

/// Rows of the children: three parts.
const ROWS: u64 = 2 * PART_ROWS + 1_000;
const PARENTS: u64 = 50;

fn mysql_at(url: &str) -> Mysql {
    let options = MysqlOptions {
        patience: Duration::from_secs(20),
        environment: Environment::new(|_| None),
    };
    Mysql::new(url, &options).unwrap()
}

fn hinted(name: &str, data_type: DataType, hints: &[(&str, &str)]) -> Field {
    let hints = hints
        .iter()
        .map(|(key, value)| (format!("lakeseed:{key}"), (*value).to_owned()));
    Field::new(name, data_type, false).with_metadata(hints.collect::<HashMap<_, _>>())
}

fn parents() -> RecordBatch {
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
fn children_of(rows: Range<u64>, parents: u64) -> RecordBatch {
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

fn children(rows: Range<u64>) -> RecordBatch {
    children_of(rows, PARENTS)
}

/// Parents and these children.
fn family_with(children: RecordBatch) -> LoadPlan<'static> {
    let rows = children.num_rows() as u64;
    let parents = TableToLoad::new("parents", BatchSource::new(parents()), 0..PARENTS);
    let children = TableToLoad::new("children", BatchSource::new(children), 0..rows);
    let plan = LoadPlan::builder().dialect(Dialect::Mysql);
    let plan = plan.data_id("family v1");
    let plan = plan
        .table(parents.about("who has children"))
        .table(children);
    plan.build().unwrap()
}

/// Parents and their children.
fn family() -> LoadPlan<'static> {
    family_with(children(0..ROWS))
}

fn plan_of(name: &str, batch: RecordBatch) -> LoadPlan<'static> {
    let rows = batch.num_rows() as u64;
    let table = TableToLoad::new(name, BatchSource::new(batch), 0..rows);
    let plan = LoadPlan::builder().dialect(Dialect::Mysql);
    plan.table(table).build().unwrap()
}

fn load(plan: &LoadPlan<'_>, url: &str) -> Result<Loaded> {
    let to = mysql_at(url);
    Load::new(plan, &to).threads(2).run()
}

fn verified(plans: &[LoadPlan<'_>], url: &str) -> Result<Findings> {
    let from = mysql_at(url);
    // Two tables at a time.
    VerifyLoad::new(plans, &from).threads(4).run()
}

/// Rows, the sum of the numbers, and the sum of amounts, as they must be and nothing else.
#[track_caller]
fn holds_the_family(shop: &Shop) {
    let rows = ROWS;
    let ids = rows * (rows + 1) / 2;
    let cents = 7 * (rows as i64 * (rows as i64 - 1) / 2) - 1_000 * rows as i64;
    let sums = "SELECT count(*), count(DISTINCT id), sum(id), CAST(sum(amount) * 100 AS INTEGER) \
                FROM children";
    assert_eq!(shop.ask(sums), format!("{rows}|{rows}|{ids}|{cents}"));
    assert_eq!(
        shop.ask("SELECT count(*) FROM parents"),
        PARENTS.to_string()
    );
    let keys = "SELECT count(*) FROM information_schema.table_constraints \
                WHERE constraint_schema = DATABASE() AND table_name IN ('parents', 'children')";
    assert_eq!(shop.ask(keys), "3", "two primary keys and a foreign one");
    let lines = "SELECT count(*), sum(row_count) FROM lakeseed_ledger";
    assert_eq!(shop.ask(lines), format!("4|{}", rows + PARENTS));
    assert_eq!(shop.ask("SELECT is_complete FROM lakeseed_runs"), "1");
}

/// What an error says, with its causes.
fn text(error: &Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

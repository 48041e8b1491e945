//! Tables that this server alone refuses, or lets stand and we do not.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use lakeseed_sink::BatchSource;
use lakeseed_sink::databases::{IfExists, TableToLoad};

use crate::databases::family::{load, parents, plan_of};
use crate::databases::{MariadbShop, Shop, text};

/// Parts would be half loaded there after a failure.
#[test]
fn a_table_without_transactions_is_refused() {
    let Some(shop) = MariadbShop::open("a_table_without_transactions") else {
        return;
    };
    let columns = "id bigint, name text";
    shop.ask(&format!(
        "CREATE TABLE parents ({columns}) ENGINE=MyISAM CHARSET utf8mb4"
    ));
    let plan = plan_of::<MariadbShop>("parents", parents());
    let error = shop.load(&plan, IfExists::Append).unwrap_err();
    assert!(text(&error).contains("InnoDB"), "{error}");
}

#[test]
fn a_table_that_cannot_be_made_leaves_nothing() {
    let Some(shop) = MariadbShop::open("a_table_that_cannot") else {
        return;
    };
    // More columns of texts than a row of the server may have.
    let names: Vec<String> = (0..70).map(|at| format!("c{at}")).collect();
    let text_column = || Arc::new(StringArray::from(vec!["x"])) as ArrayRef;
    let columns = names.iter().map(|name| (name.as_str(), text_column()));
    let wide = RecordBatch::try_from_iter(columns).unwrap();
    let tables = [("narrow", parents()), ("wide", wide)];
    let mut plan = MariadbShop::plan();
    for (name, batch) in tables {
        let rows = batch.num_rows() as u64;
        plan = plan.table(TableToLoad::new(name, BatchSource::new(batch), 0..rows));
    }
    let error = load::<MariadbShop>(&plan.build().unwrap(), &shop.url()).unwrap_err();
    assert!(
        text(&error).contains("Row size too large"),
        "{}",
        text(&error)
    );
    let left = "SELECT group_concat(table_name ORDER BY 1) FROM information_schema.tables \
                WHERE table_schema = DATABASE()";
    assert_eq!(shop.ask(left), "lakeseed_ledger,lakeseed_runs");
    assert_eq!(shop.ask("SELECT count(*) FROM lakeseed_runs"), "0");
}

//! What is no query, and what is not there.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use lakeseed_gen_core::Table;
use lakeseed_gen_core::column::sequence;
use lakeseed_star_schema::Error;
use lakeseed_star_schema::query::Queries;

use super::{answer, over, retail, settings};
use crate::common::Memory;

fn said(queries: &Queries, sql: &str) -> String {
    match queries.prepare(sql) {
        Err(error @ Error::Query { .. }) => error.to_string(),
        other => panic!("{sql}: {other:?}"),
    }
}

#[test]
fn other_statements_are_refused_by_name() {
    let queries = over(&retail());
    for (sql, found) in [
        ("DROP TABLE invoices", "DROP in line 1"),
        ("\nINSERT INTO invoices VALUES (1)", "INSERT in line 2"),
        ("COPY invoices TO 'x'", "COPY"),
        (
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/'",
            "CREATE",
        ),
        ("SET x = 1", "SET"),
        ("SELECT 1; SELECT 2", "something behind the statement"),
        ("", "nothing"),
        ("EXPLAIN SELECT 1", "EXPLAIN"),
    ] {
        let said = said(&queries, sql);
        assert!(
            said.contains("expected one SELECT") && said.contains(found),
            "{said}"
        );
    }
    // What begins like a query and is none.
    let said = said(&queries, "SELECT 1 INTO t");
    assert!(said.starts_with("the query: expected SQL"), "{said}");
}

#[test]
fn names_that_are_near_are_told() {
    let queries = over(&retail());
    for (sql, parts) in [
        (
            "SELECT * FROM invoces",
            ["'invoces'", "did you mean 'retail.invoices'?"],
        ),
        (
            "SELECT * FROM retail.invoce",
            ["'retail.invoce'", "did you mean 'retail.invoices'?"],
        ),
        (
            "SELECT * FROM nothing_alike",
            ["'nothing_alike'", "choose retail.customers,"],
        ),
        (
            "SELECT * FROM other.invoices",
            ["'other.invoices'", "did you mean 'retail.invoices'?"],
        ),
        (
            "SELECT net_totl FROM invoices",
            ["'net_totl'", "did you mean 'net_total'?"],
        ),
        (
            "SELECT i.net_totl FROM retail.invoices AS i",
            ["a column of i", "did you mean 'net_total'?"],
        ),
        ("SELECT sum(x) FROM invoices", ["'x'", "invoice_id"]),
        ("SELECT nosuch(1)", ["nosuch", ""]),
        (
            "SELECT seller_id FROM invoices, sellers",
            ["'seller_id', which several have", "put the table's name"],
        ),
        ("SELECT sum( FROM invoices", ["expected SQL", ""]),
    ] {
        let said = said(&queries, sql);
        assert!(
            parts.iter().all(|part| said.contains(part)),
            "{sql}: {said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn a_name_of_two_schemas_has_to_be_said_in_full() {
    let pets = |rows| {
        Table::builder("pets", rows)
            .column("id", sequence(1))
            .build()
            .unwrap()
    };
    let mut queries = Queries::new(&settings()).unwrap();
    queries.register_table("mine", &pets(3)).unwrap();
    assert_eq!(answer(&queries, "SELECT count(*) FROM pets").0, ["3"]);
    queries.register_table("yours", &pets(4)).unwrap();
    let said = said(&queries, "SELECT count(*) FROM pets");
    assert!(said.contains("one of mine.pets, yours.pets"), "{said}");
    let both = "SELECT count(*) FROM mine.pets UNION ALL SELECT count(*) FROM yours.pets";
    assert_eq!(answer(&queries, both).0, ["3", "4"]);
    // One without a schema is meant where no schema is said.
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let batch = RecordBatch::try_from_iter([("id", ids)]).unwrap();
    let source = Memory::new(batch.schema(), vec![batch]);
    queries
        .register_source("pets", Arc::new(source.clone()))
        .unwrap();
    assert_eq!(answer(&queries, "SELECT count(*) FROM pets").0, ["2"]);
    assert_eq!(queries.tables(), ["mine.pets", "pets", "yours.pets"]);
    assert!(queries.register_source("pets", Arc::new(source)).is_err());
}

#[test]
fn upper_case_names_need_no_quotes() {
    let answers = lakeseed_gen_core::Settings::new().rows("pupils", 100);
    let assessments = lakeseed_gen_core::Dataset::new("assessments", &answers).unwrap();
    let queries = over(&assessments);
    let table = &assessments.tables()[0];
    let sql = format!(
        "SELECT COUNT(ATR_CERTO), Sum(ATR_CERTO) FROM assessments.{}",
        table.name()
    );
    let (rows, report) = answer(&queries, &sql);
    assert_eq!(rows.len(), 1);
    assert_eq!(report.rows_read.values().sum::<u64>(), table.row_count());
}

/// What the engine was doing when it met a value that is none is of no use.
#[test]
fn values_that_are_none_are_named() {
    let queries = over(&retail());
    for (sql, value) in [
        (
            "SELECT count(*) FROM invoices WHERE issued_at >= '2024-13-01'",
            "2024-13-01",
        ),
        (
            "SELECT count(*) FROM invoices WHERE issued_at >= 'yesterday'",
            "yesterday",
        ),
        ("SELECT CAST('abc' AS INT)", "abc"),
    ] {
        let said = said(&queries, sql);
        assert!(said.contains(value), "{sql}: {said}");
        assert!(!said.contains("simplify"), "{sql}: {said}");
    }
}

/// Also where two sides of a UNION agree on a type, and inside of lists.
#[test]
fn answers_have_types_that_files_hold() {
    let queries = over(&retail());
    let sql = "SELECT DATE '2024-01-01' AS t UNION ALL SELECT TIMESTAMP '2024-01-01 00:00:00'";
    let schema = queries.prepare(sql).unwrap().schema();
    let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
    assert_eq!(*schema.field(0).data_type(), micros);
    let sql = "SELECT array_agg(INTERVAL '1 day') AS days FROM sellers WHERE seller_id = 1";
    let schema = queries.prepare(sql).unwrap().schema();
    let DataType::List(item) = schema.field(0).data_type() else {
        panic!("{schema}");
    };
    assert_eq!(*item.data_type(), DataType::Utf8);
    assert_eq!(answer(&queries, sql).0.len(), 1);
}

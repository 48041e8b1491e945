//! Row groups of files that conditions leave out: fewer rows are read, and no row is lost.

use std::fs::File;
use std::sync::Arc;

use lakeseed_star_schema::query::Queries;
use lakeseed_star_schema::{Files, LocalFile};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use super::{Oracle, answer, retail, settings};

/// Rows of a row group; 90,000 invoices are in eighteen of them, in order of time.
const GROUP_ROWS: usize = 5_000;

#[test]
fn conditions_leave_out_what_footers_exclude() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("invoices.parquet");
    let retail = retail();
    let invoices = retail.table("invoices").unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(GROUP_ROWS));
    let mut writer = ArrowWriter::try_new(
        File::create(&path).unwrap(),
        invoices.schema().clone(),
        Some(properties.build()),
    )
    .unwrap();
    for batch in invoices.all_rows().reader().unwrap() {
        writer.write(&batch.unwrap()).unwrap();
    }
    writer.close().unwrap();
    let files = Files::open(vec![Arc::new(LocalFile::new(&path))]).unwrap();
    let mut queries = Queries::new(&settings()).unwrap();
    queries
        .register_source("invoices", Arc::new(files))
        .unwrap();
    let oracle = Oracle::new([invoices]);
    // The condition, and the most rows that it should make anybody read.
    for (condition, most) in [
        (
            "issued_at >= '2023-06-01' AND issued_at < '2023-07-01'",
            15_000,
        ),
        ("issued_at::date = '2023-03-05'", 10_000),
        ("invoice_id = 40000", 5_000),
        ("invoice_id IN (40000, 46000)", 15_000),
        ("invoice_id BETWEEN 100 AND 6000 AND state = 'SP'", 10_000),
        ("invoice_id < 0", 0),
        ("invoice_id > 89000 OR invoice_id < 10", 90_000),
        ("invoice_id % 7 = 3", 90_000),
        ("customer_id = 17", 90_000),
        ("net_total > 1e12", 0),
        ("NOT (invoice_id > 7000)", 10_000),
        ("invoice_id IS NULL OR invoice_id = 3", 90_000),
        ("status LIKE 'iss%' AND invoice_id <= 5000", 5_000),
    ] {
        let sql = format!(
            "SELECT COUNT(*), SUM(net_total), MIN(invoice_id) FROM invoices WHERE {condition}"
        );
        let (found, report) = answer(&queries, &sql);
        assert_eq!(found, oracle.answer(&sql), "{condition}");
        let read = report.rows_read.get("invoices").copied().unwrap_or(0);
        assert!(read <= most, "{condition}: {read} rows read");
    }
    let sql =
        "SELECT invoice_id FROM invoices WHERE invoice_id > 50001 ORDER BY invoice_id LIMIT 3";
    assert_eq!(answer(&queries, sql).0, ["50002", "50003", "50004"]);
}

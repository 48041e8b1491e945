//! Row groups of files that conditions leave out: fewer rows are read, and no row is lost.

use std::fs::File;
use std::sync::Arc;

use lakeseed_star_schema::query::Queries;
use lakeseed_star_schema::{Files, FilesOptions, LocalFile};
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

/// A file a month, by the folders of the partitioned form: no other month's file is opened.
#[test]
fn folders_leave_out_what_their_names_exclude() {
    let folder = tempfile::tempdir().unwrap();
    let retail = retail();
    let invoices = retail.table("invoices").unwrap();
    let schema = invoices.schema();
    let in_files: Vec<usize> = (0..schema.fields().len())
        .filter(|&column| !["year", "month"].contains(&schema.field(column).name().as_str()))
        .collect();
    let mut paths = Vec::new();
    for partition in invoices.partitions(&["year", "month"]).unwrap() {
        let folders = partition.values.iter();
        let folders = folders.map(|(name, value)| format!("{name}={value}/"));
        let path = folders.collect::<String>() + "part.parquet";
        let below = folder.path().join(&path);
        std::fs::create_dir_all(below.parent().unwrap()).unwrap();
        let written = Arc::new(schema.project(&in_files).unwrap());
        let mut writer =
            ArrowWriter::try_new(File::create(&below).unwrap(), written, None).unwrap();
        for batch in invoices.rows(partition.rows).reader().unwrap() {
            writer
                .write(&batch.unwrap().project(&in_files).unwrap())
                .unwrap();
        }
        writer.close().unwrap();
        paths.push(path);
    }
    assert_eq!(paths.len(), 12);
    let options = FilesOptions {
        hive_paths: Some(paths.clone()),
        ..FilesOptions::default()
    };
    let files = paths.iter().map(|path| {
        let file = Arc::new(LocalFile::new(folder.path().join(path)));
        file as Arc<dyn lakeseed_star_schema::File>
    });
    let files = Files::open_with(files.collect(), &options).unwrap();
    let mut queries = Queries::new(&settings()).unwrap();
    queries
        .register_source("invoices", Arc::new(files))
        .unwrap();
    let oracle = Oracle::new([invoices]);
    let rows = |months: &str| -> u64 {
        let sql = format!("SELECT COUNT(*) FROM invoices WHERE {months}");
        oracle.answer(&sql)[0].parse().unwrap()
    };
    // The condition, and the months whose rows are read for it.
    for (condition, months) in [
        ("year = 2023 AND month = 1", "month = 1"),
        ("month = 7 AND state = 'SP'", "month = 7"),
        ("month BETWEEN 3 AND 5", "month BETWEEN 3 AND 5"),
        ("month IN (2, 3)", "month IN (2, 3)"),
        ("month = 4 AND issued_at < '2023-03-01'", "false"),
        ("year = 2024", "false"),
        ("year * 100 + month = 202305", "true"),
        ("month = 2 OR invoice_id = 1", "month <= 2"),
        ("month > 10 AND issued_at >= '2023-12-01'", "month = 12"),
    ] {
        let sql = format!(
            "SELECT COUNT(*), SUM(net_total), MIN(month), MAX(year) FROM invoices WHERE {condition}"
        );
        let (found, report) = answer(&queries, &sql);
        assert_eq!(found, oracle.answer(&sql), "{condition}");
        let read = report.rows_read.get("invoices").copied().unwrap_or(0);
        assert_eq!(read, rows(months), "{condition}");
    }
    let by_month =
        "SELECT month, COUNT(*), SUM(net_total) FROM invoices GROUP BY month ORDER BY month";
    assert_eq!(answer(&queries, by_month).0, oracle.answer(by_month));
    let joined = "SELECT a.month, COUNT(*) FROM invoices AS a JOIN invoices AS b \
                  ON a.invoice_id = b.invoice_id AND a.month = b.month GROUP BY a.month ORDER BY 1";
    assert_eq!(answer(&queries, joined).0, oracle.answer(joined));
}

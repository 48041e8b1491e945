//! `--size`: so much in all files together.

use crate::support::{json, refused};

const FORMATS: [&str; 4] = ["parquet", "csv", "json", "arrow"];

fn is_near(work: &str, size: &str, bytes: f64) {
    for format in FORMATS {
        let folder = tempfile::tempdir().unwrap();
        let args = format!("generate {work} -f {format} --size {size} -o out");
        let result = json(folder.path(), &args);
        let came = result["bytes"].as_f64().unwrap();
        let off = came / bytes - 1.0;
        assert!(
            off.abs() <= 0.03,
            "{args}: {came} bytes, {:.2} % off",
            off * 100.0
        );
        let on_disk: usize = crate::support::parts(folder.path())
            .iter()
            .map(|(_, bytes)| bytes.len())
            .sum();
        assert_eq!(result["bytes"], on_disk, "{args}");
    }
}

#[test]
fn a_megabyte() {
    is_near("retail", "1MB", 1e6);
    is_near("predictions", "1MB", 1e6);
}

#[test]
fn twenty_megabytes() {
    is_near("retail", "20MB", 20e6);
    is_near("predictions", "20MB", 20e6);
}

#[test]
fn compressed_and_in_part() {
    let folder = tempfile::tempdir().unwrap();
    for work in [
        "predictions --classes 4 --mode uniform -f csv -c zstd",
        "retail.invoices -f parquet -c none",
        "retail.invoice_items -f json -c gzip --columns invoice_id,quantity",
    ] {
        let args = format!("generate {work} --size 5MB -o out --overwrite");
        let came = json(folder.path(), &args)["bytes"].as_f64().unwrap();
        assert!((came / 5e6 - 1.0).abs() <= 0.03, "{args}: {came} bytes");
    }
}

/// The scale that was found is an ordinary one: said again, it makes the same plan.
#[test]
fn the_same_size_is_the_same_plan() {
    let folder = tempfile::tempdir().unwrap();
    let args = "generate retail --size 1MB -o out";
    assert_eq!(json(folder.path(), args)["written"], true);
    assert_eq!(json(folder.path(), args)["written"], false);
}

#[test]
fn sizes_that_cannot_be() {
    refused(
        "generate predictions --size 1B",
        2,
        "expected a --size that predictions can have, got 1 B; change --size, or set --scale or \
         --rows",
    );
    refused(
        "generate retail --size 2kB",
        2,
        "expected a --size that retail can have, got 2 kB; change --size, or set --scale or \
         --rows",
    );
}

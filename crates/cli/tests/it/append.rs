//! Windows that are added to a finished output.

use std::path::Path;

use crate::support::{files, json, run, succeed};

const FIRST: &str = "generate retail -s 0.002 -o out --end 2023-12-31";
const SECOND: &str = "generate retail -s 0.002 -o out --start 2024-01-01 --end 2024-12-31 --append";

fn refused(folder: &Path, args: &str, start: &str, got: &str) {
    let before = files(folder);
    let ran = run(folder, args);
    assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""), "{}", ran.err);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(
        ran.err.starts_with(&format!("error: expected {start}")),
        "{}",
        ran.err
    );
    assert!(ran.err.contains(got), "{}", ran.err);
    assert!(files(folder) == before, "{args}");
}

#[test]
fn a_second_year() {
    let folder = tempfile::tempdir().unwrap();
    let first = json(folder.path(), FIRST);
    let second = json(folder.path(), SECOND);
    assert_eq!(second["written"], true);
    let rows = |result: &serde_json::Value, table: usize| {
        result["tables"][table]["rows"].as_u64().unwrap()
    };
    let status = json(folder.path(), "status out");
    assert_eq!(status["state"], "finished");
    assert_eq!(status["plan_ids"].as_array().unwrap().len(), 2);

    // Together they are what one run over both years makes.
    let both = tempfile::tempdir().unwrap();
    let invoices = rows(&first, 4) + rows(&second, 4);
    let whole = json(
        both.path(),
        "generate retail -s 0.002 -o out --end 2024-12-31",
    );
    let of = |folder: &Path, table: &str| {
        let manifest = crate::support::manifest(&folder.join("out"));
        let tables = manifest["tables"].as_array().unwrap().clone();
        let found = tables.into_iter().find(|found| found["name"] == table);
        found.unwrap()
    };
    for table in ["customers", "products", "invoices", "invoice_items"] {
        let (one, two) = (of(folder.path(), table), of(both.path(), table));
        assert_eq!(one["rows"], two["rows"], "{table}");
        assert_eq!(one["totals"], two["totals"], "{table}");
    }
    assert_eq!(
        rows(&whole, 4),
        of(folder.path(), "invoices")["rows"].as_u64().unwrap()
    );
    assert!(invoices >= rows(&whole, 4));
    let verified = json(folder.path(), "verify out");
    assert_eq!(verified["clean"], true);
}

#[test]
fn twice_says_so() {
    let folder = tempfile::tempdir().unwrap();
    succeed(folder.path(), FIRST);
    succeed(folder.path(), SECOND);
    let before = files(folder.path());
    let again = succeed(folder.path(), SECOND);
    assert!(
        again.contains("out holds exactly this already: nothing was written"),
        "{again}"
    );
    assert!(files(folder.path()) == before);
    // So does the first year, which is a part of what is there.
    let first = succeed(folder.path(), FIRST);
    assert!(first.contains("nothing was written"), "{first}");
}

#[test]
fn what_does_not_belong_to_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    succeed(folder.path(), FIRST);
    refused(
        folder.path(),
        "generate retail -s 0.002 -o out --start 2023-07-01 --end 2024-06-30 --append",
        "rows of invoices that are not there yet at out",
        "some of the rows",
    );
    refused(
        folder.path(),
        &format!("{SECOND} --seed 7"),
        "data retail/1?seed=7&",
        "got retail/1?seed=42&",
    );
    refused(
        folder.path(),
        &format!("{SECOND} -f csv"),
        "format csv ",
        ", got parquet;",
    );
    refused(
        folder.path(),
        &SECOND.replace(" --append", ""),
        "nothing else at out",
        "add rows with --append",
    );
}

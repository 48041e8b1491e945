//! Event tables: windows, partitions, and what several tables make of one command.

use std::collections::BTreeSet;

use crate::support::{files, json, parts, succeed};

const RETAIL: &str = "--rows customers=15,sellers=4,products=31,invoices=2k";

#[test]
fn a_window_chooses_rows_and_changes_none() {
    let folder = tempfile::tempdir().unwrap();
    let csv = |window: &str| {
        let args = format!("generate retail.invoices {RETAIL} {window} -f csv -o -");
        let text = succeed(folder.path(), &args);
        text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let both = csv("--start 2023-12-01 --end 2024-01-31");
    let (december, january) = (
        csv("--start 2023-12-01"),
        csv("--start 2024-01-01 --end 2024-01-31"),
    );
    assert!(!december.is_empty() && !january.is_empty());
    assert_eq!(both, [december, january].concat());
    assert!(
        both[0]
            .split(',')
            .next()
            .is_some_and(|id| id.parse::<u64>().unwrap() > 1)
    );
    assert_eq!(csv("").len(), 2_000);
}

#[test]
fn partitions_hold_all_rows_once_and_not_their_own_columns() {
    let folder = tempfile::tempdir().unwrap();
    let flags =
        format!("generate retail {RETAIL} --start 2023-11-01 --end 2024-02-10 -f csv -c none");
    succeed(folder.path(), &format!("{flags} -o whole"));
    succeed(
        folder.path(),
        &format!("{flags} -o cut --partition-by year,month"),
    );
    for (table, cut_by) in [("invoices", 4), ("invoice_items", 4)] {
        let mut found = Vec::new();
        let mut folders = BTreeSet::new();
        for (name, bytes) in parts(&folder.path().join("cut").join(table)) {
            let values: Vec<&str> = name.split('/').collect();
            let [year, month, _] = values.as_slice() else {
                panic!("{name}")
            };
            let of = (
                year.strip_prefix("year=").unwrap(),
                month.strip_prefix("month=").unwrap(),
            );
            folders.insert((of.0.to_owned(), of.1.to_owned()));
            for row in records(&bytes) {
                assert!(
                    !row.contains_key("year") && !row.contains_key("month"),
                    "{row:?}"
                );
                let mut row = row;
                row.insert("year".to_owned(), of.0.to_owned());
                row.insert("month".to_owned(), of.1.to_owned());
                found.push(row);
            }
        }
        assert_eq!(folders.len(), cut_by, "{folders:?}");
        let whole = parts(&folder.path().join("whole").join(table));
        let mut expected = records(&whole[0].1);
        found.sort();
        expected.sort();
        assert!(found == expected, "{table}");
    }
    // Tables without these columns are written as they are.
    assert_eq!(parts(&folder.path().join("cut/customers")).len(), 1);
    assert!(files(folder.path()).contains_key("cut/invoices/_SUCCESS"));
}

type Record = std::collections::BTreeMap<String, String>;

fn records(bytes: &[u8]) -> Vec<Record> {
    csv::Reader::from_reader(bytes)
        .deserialize()
        .map(Result::unwrap)
        .collect()
}

#[test]
fn all_tables_are_one_plan_whatever_the_threads() {
    let folder = tempfile::tempdir().unwrap();
    let flags = format!("generate retail {RETAIL} -o");
    let one = json(folder.path(), &format!("{flags} one -j 1"));
    let many = json(folder.path(), &format!("{flags} many -j 8"));
    assert_eq!(one["plan_id"], many["plan_id"]);
    let names: Vec<&str> = one["tables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|table| table["table"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "customers",
            "sellers",
            "products",
            "stock",
            "invoices",
            "invoice_items"
        ]
    );
    assert!(files(&folder.path().join("one")) == files(&folder.path().join("many")));
}

#[test]
fn a_parameter_changes_the_data_id_and_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    let flags = format!("plan retail {RETAIL} --items-per-invoice 1");
    let plan = json(folder.path(), &flags);
    assert!(
        plan["data_id"]
            .as_str()
            .unwrap()
            .contains("&items-per-invoice=1&"),
        "{plan}"
    );
    assert_eq!(plan["tables"][5]["rows"], 2_000);
}

#[test]
fn peek_of_a_window_finds_the_same_row() {
    let folder = tempfile::tempdir().unwrap();
    let window = format!("{RETAIL} --start 2024-01-01 --end 2024-01-31");
    let row = json(
        folder.path(),
        &format!("generate retail.invoices {window} -o x"),
    );
    assert_eq!(row["written"], true);
    let again = succeed(
        folder.path(),
        &format!("generate retail.invoices {window} -o x"),
    );
    let next = again
        .lines()
        .find_map(|line| line.strip_prefix("next: lakeseed "))
        .unwrap();
    let peeked = json(folder.path(), next);
    assert_eq!(
        (&peeked["row"]["year"], &peeked["row"]["month"]),
        (&2024.into(), &1.into())
    );
}

//! `publish` of CSV files: types from a manifest, from a sample and as they were said.

use std::fs;
use std::path::Path;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::support::{json, run, succeed};

/// The rows of messages, as they stand in them.
fn rows_of(text: &str) -> Vec<String> {
    let arrays = text
        .lines()
        .map(|line| serde_json::from_str::<Vec<&RawValue>>(line).unwrap());
    arrays.flatten().map(|row| row.get().to_owned()).collect()
}

fn put(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn tables_of_ours_have_the_types_of_their_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // More than one piece of 16 MiB; money, times, and codes that look like numbers.
    for (table, scale, parts) in [("invoices", "0.12", 2), ("products", "1", 1)] {
        let of = format!("retail.{table} --scale {scale}");
        succeed(folder, &format!("generate {of} -f csv -o sales-{table} -q"));
        let generated = rows_of(&succeed(folder, &format!("publish {of} --to -")));
        let from = format!("publish --from sales-{table}");
        let read = rows_of(&succeed(folder, &format!("{from} --to -")));
        assert_eq!(read.len(), generated.len(), "{table}");
        assert!(
            read == generated,
            "{table}: {} and {}",
            read[0],
            generated[0]
        );
        let done = json(folder, &format!("{from} --to m-{table} -j 2"));
        assert_eq!(done["rows"], generated.len(), "{table}");
        assert_eq!(done["parts"], parts, "{table}");
        let verified = json(folder, &format!("verify m-{table}"));
        assert_eq!(verified["rows_compared"], generated.len(), "{table}");
    }
}

#[test]
fn files_of_strangers_are_typed_by_a_sample_and_by_the_user() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = "id,zip,name,price\n7,01310,\"Ana\nMaria \"\"A\"\"\",1.50\n8,,\"\",\n";
    put(folder, "in/a.csv", text);
    let told = |line: &str| -> Vec<Value> {
        let text = succeed(folder, &format!("publish --from in --to - {line}"));
        serde_json::from_str(text.trim()).unwrap()
    };
    let name = "Ana\nMaria \"A\"";
    assert_eq!(
        told(""),
        [
            json!({"id": 7, "zip": "01310", "name": name, "price": 1.5}),
            json!({"id": 8, "zip": null, "name": "", "price": null}),
        ]
    );
    let typed = "--type id=text --type price=decimal(12,2)";
    assert_eq!(told(typed)[0]["id"], "7");
    let line = succeed(folder, &format!("publish --from in --to - {typed}"));
    assert!(line.contains("\"price\":1.50"), "{line}");
    // What was said is remembered for whoever verifies.
    json(folder, &format!("publish --from in --to m {typed}"));
    assert_eq!(json(folder, "verify m")["rows_compared"], 2);
}

#[test]
fn what_cannot_be_read_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put(folder, "short/a.csv", "id,town\n1,a\n7\n");
    put(folder, "mixed/a.csv", "id\n1\n");
    put(folder, "mixed/b.jsonl", "{}\n");
    put(folder, "lines/b.jsonl", "{}\n");
    for (line, code, words) in [
        (
            "--from short",
            3,
            "a.csv, line 3, got expected 2 columns, found 1",
        ),
        ("--from mixed", 3, "expected files of one format"),
        ("--from mixed/a.csv --type no=text", 3, "no"),
        ("--from mixed/a.csv --type id=money", 2, "--type id=money"),
        (
            "--from mixed/a.csv --type id",
            2,
            "expected COLUMN=TYPE, as id=text for --type",
        ),
        ("--from lines --type id=text", 2, "expected CSV with --type"),
        (
            "predictions --rows 9 --type id=text",
            2,
            "expected --from CSV",
        ),
    ] {
        let refused = run(folder, &format!("publish {line} --to out"));
        assert_eq!(refused.code, Some(code), "{line}: {}", refused.err);
        assert!(refused.err.contains(words), "{line}: {}", refused.err);
    }
}

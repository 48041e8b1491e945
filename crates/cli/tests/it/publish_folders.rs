//! `publish --from` of outputs whose partition columns stand in the names of folders.

use std::fs;
use std::path::Path;

use serde_json::value::RawValue;

use crate::support::{json, run, succeed};

const INVOICES: &str = "retail.invoices --scale 0.002";

/// The rows of messages, as they stand in them.
fn rows_of(text: &str) -> Vec<String> {
    let arrays = text
        .lines()
        .map(|line| serde_json::from_str::<Vec<&RawValue>>(line).unwrap());
    arrays.flatten().map(|row| row.get().to_owned()).collect()
}

fn generate(folder: &Path, format: &str, by: &str) -> String {
    let out = format!("{format}-{}", by.replace(',', "-"));
    let of = "retail --scale 0.002";
    let line = format!("generate {of} -f {format} --partition-by {by} -o {out} -q");
    succeed(folder, &line);
    out
}

#[test]
fn columns_come_back_with_their_types_in_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let generated = rows_of(&succeed(folder, &format!("publish {INVOICES} --to -")));
    let works = [
        ("parquet", "year"),
        ("parquet", "year,month,day"),
        ("csv", "year,month"),
        ("json", "year,month"),
    ];
    for (format, by) in works {
        let out = generate(folder, format, by);
        let from = format!("publish --from {out}/invoices");
        let read = rows_of(&succeed(folder, &format!("{from} --to -")));
        assert!(
            read == generated,
            "{out}: {} rows like {}, expected {} like {}",
            read.len(),
            read[0],
            generated.len(),
            generated[0]
        );
        json(folder, &format!("{from} --to m-{out} -j 2"));
        let verified = json(folder, &format!("verify m-{out}"));
        assert_eq!(verified["clean"], true, "{verified}");
        assert_eq!(verified["rows_compared"], generated.len());
    }
}

#[test]
fn rows_of_another_folder_are_others() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let out = generate(folder, "parquet", "year,month");
    json(folder, &format!("publish --from {out}/invoices --to m"));
    let table = folder.join("m/invoices");
    let texts = fs::read_dir(table).unwrap().filter_map(|entry| {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        text.contains("\"month\":5,").then_some((path, text))
    });
    let (path, text) = texts.last().unwrap();
    fs::write(path, text.replacen("\"month\":5,", "\"month\":6,", 1)).unwrap();
    let found = run(folder, "verify m");
    assert_ne!(found.code, Some(0));
    assert!(
        found.out.contains("0 missing, 0 doubled, 1 altered"),
        "{}",
        found.out
    );
}

#[test]
fn what_nobody_has_described_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let out = generate(folder, "parquet", "year");
    fs::rename(folder.join(out).join("invoices"), folder.join("strange")).unwrap();
    let refused = run(folder, "publish --from strange --to -");
    assert_eq!((refused.code, refused.out.as_str()), (Some(3), ""));
    assert!(
        refused.err.contains("year=2023")
            && refused
                .err
                .contains("a folder that holds a column in its name"),
        "{}",
        refused.err
    );
    assert_eq!(refused.err.trim().lines().count(), 1, "{}", refused.err);
}

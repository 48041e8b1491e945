//! `verify` of a star: its rows beside the arithmetic of their dataset.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, RecordBatchIterator};
use lakeseed_sink::{LocalStore, Parquet, UnitPlan, UnitRun, UnitTable};
use serde_json::Value;

use crate::star::table;
use crate::support::{files, json, manifest, parts, run, succeed};

const MAKE: &str = "generate assessments -s 0.02 -o answers -q";
const STAR: &str = "star assessments --from answers -o star -q";
const FACT: &str = "fato_resposta_aluno";

/// Writes the star once more, with other rows and with other words for its data: digests, totals and
/// counts are those of the rows that it then has.
fn tampered(
    star: &Path,
    to: &Path,
    rows: impl Fn(&str, RecordBatch) -> RecordBatch,
    words: impl Fn(&mut Value),
) {
    let said = manifest(star);
    let mut data = said["plans"][0]["data"].clone();
    words(&mut data);
    let names = said["tables"].as_array().unwrap().iter();
    let names: Vec<&str> = names.map(|table| table["name"].as_str().unwrap()).collect();
    let tables = names.iter().map(|name| {
        let batches = table(star, name);
        let all = arrow_select::concat::concat_batches(&batches[0].schema(), &batches).unwrap();
        rows(name, all)
    });
    let tables: Vec<RecordBatch> = tables.collect();
    let mut plan = UnitPlan::builder(Parquet::zstd(1))
        .data_id("tampered")
        .data(data);
    for (name, rows) in names.iter().zip(&tables) {
        plan = plan.table(UnitTable {
            name: (*name).to_owned(),
            schema: rows.schema(),
            units: 1,
        });
    }
    let (plan, store) = (plan.build().unwrap(), LocalStore::new(to));
    let written = UnitRun::new(&plan, &store).run(|writer| {
        for (at, rows) in tables.iter().enumerate() {
            let mut rows = RecordBatchIterator::new([Ok(rows.clone())], rows.schema());
            writer.write(at, 0, &mut rows)?;
        }
        Ok(())
    });
    written.unwrap();
}

/// The same with another right answer in one row.
fn with_one_more(rows: &RecordBatch, row: usize) -> RecordBatch {
    let at = rows.schema().index_of("ACERTO").unwrap();
    let right = rows
        .column(at)
        .as_any()
        .downcast_ref::<Int64Array>()
        .unwrap();
    let right = right.values().iter().enumerate();
    let more: Int64Array = right
        .map(|(at, right)| right + i64::from(at == row))
        .collect();
    let mut columns = rows.columns().to_vec();
    columns[at] = Arc::new(more) as ArrayRef;
    RecordBatch::try_new(rows.schema(), columns).unwrap()
}

/// The same without its second row, and with its last one twice.
fn lost_and_doubled(rows: &RecordBatch) -> RecordBatch {
    let last = rows.num_rows() - 1;
    let kept = [
        rows.slice(0, 1),
        rows.slice(2, last - 1),
        rows.slice(last, 1),
    ];
    arrow_select::concat::concat_batches(&rows.schema(), &kept).unwrap()
}

/// What `verify` finds, which is something.
fn found(folder: &Path, star: &str) -> Vec<Value> {
    let ran = run(folder, &format!("verify {star} --json"));
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    let value: Value = serde_json::from_str(&ran.out).unwrap();
    value["findings"].as_array().unwrap().clone()
}

#[test]
fn a_star_is_clean_and_a_row_of_it_that_is_wrong_is_found() {
    let cases = [
        " -f csv --dirt",
        " --states 27 --shuffle --files 2",
        " -f json",
    ];
    for flags in cases {
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str| folder.path().join(name);
        succeed(folder.path(), &format!("{MAKE}{flags}"));
        succeed(folder.path(), STAR);
        let before = files(&of("star"));
        let clean = json(folder.path(), "verify star");
        let said = manifest(&of("star"));
        let rows = said["tables"].as_array().unwrap().iter();
        let rows: u64 = rows.map(|table| table["rows"].as_u64().unwrap()).sum();
        assert_eq!(
            (&clean["clean"], &clean["findings"], &clean["rows_compared"]),
            (&true.into(), &Value::Array(Vec::new()), &rows.into()),
            "{flags}: {clean}"
        );
        assert!(files(&of("star")) == before);

        let of_fact = |name: &str, rows: RecordBatch| match name {
            FACT => with_one_more(&rows, 1_234),
            _ => rows,
        };
        tampered(&of("star"), &of("more"), of_fact, |_| ());
        let findings = found(folder.path(), "more");
        assert_eq!(findings.len(), 1, "{flags}: {findings:#?}");
        let cell = &findings[0];
        assert_eq!(
            (&cell["what"], &cell["table"], &cell["row"], &cell["column"]),
            (
                &"value".into(),
                &FACT.into(),
                &1_234.into(),
                &"ACERTO".into()
            ),
        );
        let [expected, got] = ["expected", "found"].map(|key| cell[key].as_str().unwrap());
        let [expected, got] = [expected, got].map(|text| text.parse::<i64>().unwrap());
        assert_eq!(expected + 1, got);
        // A glance sees nothing of it.
        succeed(folder.path(), "verify more --quick");

        for name in [FACT, "dim_aluno", "dim_descritor"] {
            let lost = |table: &str, rows: RecordBatch| match table {
                table if table == name => lost_and_doubled(&rows),
                _ => rows,
            };
            tampered(&of("star"), &of(name), lost, |_| ());
            let findings = found(folder.path(), name);
            let what = findings
                .iter()
                .map(|finding| finding["what"].as_str().unwrap());
            let mut what: Vec<&str> = what.collect();
            what.sort_unstable();
            assert_eq!(
                what,
                ["missing_rows", "surplus_rows"],
                "{flags} {name}: {findings:#?}"
            );
            assert!(findings.iter().all(|finding| finding["table"] == name));
        }
    }
}

/// The one line of a report that says why rows were not made again.
fn why_not(folder: &Path, star: &str) -> String {
    let told = json(folder, &format!("verify {star}"));
    assert_eq!(
        (&told["clean"], &told["rows_compared"]),
        (&true.into(), &0.into())
    );
    let findings = told["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(findings[0]["what"], "no_source");
    let text = succeed(folder, &format!("verify {star}"));
    assert!(text.contains("note: unknown source"), "{text}");
    findings[0]["found"].as_str().unwrap().to_owned()
}

#[test]
fn a_star_that_nothing_is_known_of_says_so_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    succeed(path, &format!("{MAKE} -f csv"));
    succeed(path, STAR);

    // Files that somebody else may have written.
    fs::create_dir(path.join("in")).unwrap();
    let (name, bytes) = parts(&path.join("answers")).swap_remove(0);
    fs::write(path.join("in/avaliacao.csv"), &bytes).unwrap();
    succeed(path, "star assessments --from in -o strangers -q");
    let said = why_not(path, "strangers");
    assert_eq!(said, "its sources are no output of generate assessments");

    // A model of one's own; a copy of the one that is built in is the same.
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../star-schema/models/assessments");
    for (name, bytes) in files(&built_in) {
        let file = path.join("mine").join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }
    succeed(path, "star ./mine --from answers -o copied -q");
    assert_ne!(json(path, "verify copied")["rows_compared"], 0);
    let sql = path.join("mine/dim_teste.sql");
    let changed = fs::read_to_string(&sql)
        .unwrap()
        .replace("MAX(\"AVA_ANO\")", "MIN(\"AVA_ANO\")");
    fs::write(&sql, changed).unwrap();
    succeed(path, "star ./mine --from answers -o mine-star -q");
    let said = why_not(path, "mine-star");
    assert_eq!(
        said,
        "its statements are not those of the model assessments that is built in"
    );

    // Another version of the data, and a part of its rows.
    let star = path.join("star");
    let of_version = |data: &mut Value| data["generated"][0]["data_version"] = 7.into();
    tampered(&star, &path.join("version"), |_, rows| rows, of_version);
    let said = why_not(path, "version");
    assert_eq!(
        said,
        "it is of version 7 of assessments, and this lakeseed makes 1"
    );
    let of_rows = |data: &mut Value| data["sources"]["avaliacao"]["rows"] = 7.into();
    tampered(&star, &path.join("part"), |_, rows| rows, of_rows);
    let said = why_not(path, "part");
    assert_eq!(said, "its sources are not all rows of their dataset");

    // A row that cannot be read.
    let mut broken = bytes.clone();
    broken.extend_from_slice(b"one field\n");
    fs::write(path.join("answers").join(&name), &broken).unwrap();
    succeed(
        path,
        "star assessments --from answers -o fewer -q --reject-to rejected",
    );
    let said = why_not(path, "fewer");
    assert_eq!(
        said,
        "rows of its sources could not be read and were left out"
    );
    // The flag alone does no harm.
    fs::write(path.join("answers").join(&name), &bytes).unwrap();
    succeed(
        path,
        "star assessments --from answers -o all -q --reject-to none",
    );
    assert_ne!(json(path, "verify all")["rows_compared"], 0);
}

#[test]
fn a_manifest_says_what_a_star_is_made_from_in_few_words() {
    let folder = tempfile::tempdir().unwrap();
    succeed(folder.path(), MAKE);
    succeed(folder.path(), STAR);
    let said = manifest(&folder.path().join("star"));
    let data_id = said["data_id"].as_str().unwrap();
    assert!(
        data_id.starts_with("star assessments ") && data_id.len() < 60,
        "{data_id}"
    );
    let data = &said["plans"][0]["data"];
    assert_eq!(data["star"], "assessments");
    assert_eq!(data["batch_by"], Value::Null);
    assert_eq!(data["statements"].as_str().unwrap().len(), 32);
    let source = &data["sources"]["avaliacao"];
    assert_eq!(source["digest"].as_str().unwrap().len(), 32);
    let rows = manifest(&folder.path().join("answers"))["tables"][0]["rows"].clone();
    assert_eq!(source["rows"], rows);
    assert_eq!(data["generated"][0]["dataset"], "assessments");
    assert!(!said.to_string().contains("SELECT"));
}

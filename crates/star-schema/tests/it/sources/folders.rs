//! Columns that stand in the names of folders, beside those of the files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Int64Type};
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::DataType;
use lakeseed_star_schema::{Error, Files, FilesOptions, Source, TextOptions, column_type};
use parquet::arrow::ArrowWriter;

use super::{files, read, refusal};

/// Files of the numbers from 10 times their place on, three each, below folders.
fn table(folder: &Path, paths: &[&str], options: FilesOptions) -> Result<Files, Error> {
    let mut written: Vec<PathBuf> = Vec::new();
    for (at, path) in paths.iter().enumerate() {
        let start = 10 * at as i64;
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = |line: &dyn Fn(i64) -> String| -> String {
            (start..start + 3)
                .map(|number| line(number) + "\n")
                .collect()
        };
        match path.extension().unwrap().to_str() {
            Some("csv") => {
                let lines = text(&|number| number.to_string());
                fs::write(&path, format!("number\n{lines}")).unwrap();
            }
            Some("json") => {
                let lines = text(&|number| format!("{{\"number\":{number}}}"));
                fs::write(&path, lines).unwrap();
            }
            _ => {
                let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(start..start + 3));
                let batch = RecordBatch::try_from_iter([("number", numbers)]).unwrap();
                let file = fs::File::create(&path).unwrap();
                let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
                writer.write(&batch).unwrap();
                writer.close().unwrap();
            }
        }
        written.push(path);
    }
    let written: Vec<&Path> = written.iter().map(PathBuf::as_path).collect();
    let options = FilesOptions {
        hive_paths: Some(paths.iter().map(|&path| path.to_owned()).collect()),
        ..options
    };
    Files::open_with(files(&written), &options)
}

fn typed(types: &[(&str, &str)]) -> FilesOptions {
    let types = types.iter();
    let types = types.map(|(name, of)| ((*name).to_owned(), column_type(of).unwrap()));
    FilesOptions {
        text: TextOptions {
            types: types.collect::<BTreeMap<_, _>>(),
            ..TextOptions::default()
        },
        ..FilesOptions::default()
    }
}

fn numbers(batch: &RecordBatch, column: usize) -> Vec<i64> {
    batch
        .column(column)
        .as_primitive::<Int64Type>()
        .values()
        .to_vec()
}

fn texts(batch: &RecordBatch, column: usize) -> Vec<Option<String>> {
    let texts = batch
        .column(column)
        .as_dictionary::<arrow_array::types::Int32Type>();
    let texts = texts.downcast_dict::<arrow_array::StringArray>().unwrap();
    texts
        .into_iter()
        .map(|text| text.map(str::to_owned))
        .collect()
}

#[test]
fn columns_of_folders_come_behind_those_of_the_files() {
    for ending in ["parquet", "csv", "json"] {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["sales/year=2023/month=01/a", "sales/year=2024/month=12/b"];
        let paths = paths.map(|path| format!("{path}.{ending}"));
        let table = table(
            folder.path(),
            &paths.each_ref().map(String::as_str),
            FilesOptions::default(),
        )
        .unwrap();
        let names: Vec<String> = table
            .schema()
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .collect();
        assert_eq!(names, ["number", "year", "month"], "{ending}");
        for batch_rows in [1, 2, 100] {
            let all = read(&table, &[0, 1, 2], batch_rows).unwrap();
            assert_eq!(numbers(&all, 0), [0, 1, 2, 10, 11, 12], "{ending}");
            assert_eq!(numbers(&all, 1), [2023, 2023, 2023, 2024, 2024, 2024]);
            assert_eq!(numbers(&all, 2), [1, 1, 1, 12, 12, 12], "{ending}");
            // In any order, more than once, and without a column of the files.
            let mixed = read(&table, &[2, 0, 2], batch_rows).unwrap();
            assert_eq!(numbers(&mixed, 0), numbers(&all, 2), "{ending}");
            assert_eq!(numbers(&mixed, 1), numbers(&all, 0), "{ending}");
            assert_eq!(numbers(&mixed, 2), numbers(&all, 2), "{ending}");
            let alone = read(&table, &[1], batch_rows).unwrap();
            assert_eq!(numbers(&alone, 0), numbers(&all, 1), "{ending}");
        }
        let bounds = table.bounds(2).unwrap();
        assert_eq!(bounds.least.as_primitive::<Int64Type>().values(), &[1, 12]);
        assert_eq!(
            bounds.greatest.as_primitive::<Int64Type>().values(),
            &[1, 12]
        );
        assert_eq!(bounds.has_nulls, [false, false], "{ending}");
        assert!(table.bounds(3).is_none(), "{ending}");
        assert_eq!(
            table.held_bytes(0, &[1, 2]),
            table.held_bytes(0, &[]),
            "{ending}"
        );
    }
}

#[test]
fn values_are_told_their_type() {
    let folder = tempfile::tempdir().unwrap();
    let paths = [
        "day=2023-01-31/state=S%C3%A3o%20Paulo/price=1.50/a.parquet",
        "day=2024-02-29/state=__HIVE_DEFAULT_PARTITION__/price=12/b.parquet",
    ];
    let options = typed(&[("price", "decimal(6,2)")]);
    let table = table(folder.path(), &paths, options).unwrap();
    let schema = table.schema();
    let is_nullable: Vec<bool> = schema.fields().iter().map(|f| f.is_nullable()).collect();
    assert_eq!(is_nullable[1..], [false, true, false]);
    let all = read(&table, &[1, 2, 3], 2).unwrap();
    let days = all.column(0).as_primitive::<Date32Type>();
    assert_eq!((days.value(0), days.value(3)), (19_388, 19_782));
    assert_eq!(texts(&all, 1)[2..4], [Some("São Paulo".to_owned()), None]);
    let prices = all.column(2).as_primitive::<Decimal128Type>();
    assert_eq!((prices.value(0), prices.value(3)), (150, 1_200));
    let bounds = table.bounds(2).unwrap();
    assert_eq!(bounds.least.as_string::<i32>().value(0), "São Paulo");
    assert_eq!(bounds.has_nulls, [false, true]);
}

/// `zip=01234` is a number to every reader of such folders; who wants text says so.
#[test]
fn a_given_type_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["zip=01234/a.csv", "zip=98765/b.csv"];
    let told = table(folder.path(), &paths, FilesOptions::default()).unwrap();
    assert_eq!(numbers(&read(&told, &[1], 9).unwrap(), 0)[0], 1_234);
    let given = table(folder.path(), &paths, typed(&[("zip", "text")])).unwrap();
    let zips = texts(&read(&given, &[1], 9).unwrap(), 0);
    assert_eq!(zips[0].as_deref(), Some("01234"));
    let refused = refusal(table(
        folder.path(),
        &["zip=x/a.csv"],
        typed(&[("zip", "i64")]),
    ));
    assert!(
        refused.starts_with("column zip in the folders of zip=x/a.csv and others"),
        "{refused}"
    );
}

#[test]
fn a_column_of_the_files_is_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["number=7/year=2023/a.csv", "number=7/year=2024/b.csv"];
    let table = table(folder.path(), &paths, FilesOptions::default()).unwrap();
    assert_eq!(table.schema().fields().len(), 2);
    let all = read(&table, &[0, 1], 9).unwrap();
    assert_eq!(numbers(&all, 0), [0, 1, 2, 10, 11, 12]);
    assert_eq!(all.column(1).data_type(), &DataType::Int64);
}

#[test]
fn paths_that_disagree_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (paths, told) in [
        (
            ["year=2023/a.csv", "year=2023/month=1/b.csv"],
            "year=2023/month=1/b.csv: its folders name year, month, but those of year=2023/a.csv \
             name year",
        ),
        (
            ["year=2023/a.csv", "b.csv"],
            "b.csv: its folders name no column, but those of year=2023/a.csv name year",
        ),
        (
            ["a=1/a=2/a.csv", "a=1/a=2/b.csv"],
            "a=1/a=2/a.csv: two of its folders name a",
        ),
    ] {
        let refused = refusal(table(folder.path(), &paths, FilesOptions::default()));
        assert_eq!(refused, told);
    }
}

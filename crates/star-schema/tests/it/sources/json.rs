use std::fs;
use std::sync::{Arc, Mutex};

use arrow_array::Array;
use arrow_schema::DataType;
use datafusion::arrow::util::display::array_value_to_string;
use lakeseed_star_schema::{
    Files, FilesOptions, RejectedRow, Rejects, Source, TextOptions, column_type,
};

use super::{files, read};

fn written(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    fs::write(&path, text).unwrap();
    (folder, path)
}

fn given(types: &[(&str, &str)]) -> FilesOptions {
    let types = types.iter();
    let types = types.map(|(name, of)| ((*name).to_owned(), column_type(of).unwrap()));
    FilesOptions {
        text: TextOptions {
            types: types.collect(),
            ..TextOptions::default()
        },
        ..FilesOptions::default()
    }
}

#[test]
fn objects_a_line_are_rows() {
    let (_folder, path) = written(
        "{\"id\":1,\"name\":\"a \\\"b\\\" \\u00e3\",\"price\":12.50,\"ok\":true,\"n\":{\"x\":[1]}}\n\
         \n\
         {\"price\":7,\"id\":2,\"day\":\"2023-01-31\",\"code\":\"007\",\"name\":null}\r\n\
         {\"id\":9007199254740993}",
    );
    let source = Files::open_with(files(&[&path]), &given(&[("price", "decimal(12,2)")])).unwrap();
    let schema = source.schema();
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    assert_eq!(names, ["id", "name", "price", "ok", "n", "day", "code"]);
    let types: Vec<&DataType> = schema.fields().iter().map(|f| f.data_type()).collect();
    assert_eq!(types[0], &DataType::Int64);
    assert_eq!(types[2], &DataType::Decimal128(12, 2));
    assert_eq!(types[5], &DataType::Date32);
    assert_eq!(
        types[6],
        &DataType::Utf8,
        "a text of digits is none of numbers"
    );
    let got = read(&source, &[0, 1, 2, 3, 4, 5, 6], 2).unwrap();
    let row = |row: usize| -> Vec<String> {
        (0..7)
            .map(|column| match got.column(column) {
                array if array.is_null(row) => "-".to_owned(),
                array => array_value_to_string(array, row).unwrap(),
            })
            .collect()
    };
    assert_eq!(
        row(0),
        ["1", "a \"b\" ã", "12.50", "true", "{\"x\":[1]}", "-", "-"]
    );
    assert_eq!(row(1), ["2", "-", "7.00", "-", "-", "2023-01-31", "007"]);
    assert_eq!(row(2), ["9007199254740993", "-", "-", "-", "-", "-", "-"]);
}

#[derive(Default)]
struct Lines(Mutex<Vec<u64>>);

impl Rejects for Lines {
    fn reject(&self, row: &RejectedRow<'_>) -> std::io::Result<()> {
        self.0.lock().unwrap().push(row.line);
        Ok(())
    }
}

#[test]
fn bad_lines_are_told_or_rejected_once() {
    let good = "{\"id\":1,\"name\":\"a\"}\n";
    for (line, said) in [
        (
            "{\"id\":1.5}",
            "line 3, column 1 (id): expected a whole number of 64 bits, found '1.5'",
        ),
        (
            "{\"id\":\"1\"}",
            "line 3, column 1 (id): expected a whole number of 64 bits, found '1'",
        ),
        (
            "{\"id\":1",
            "line 3: expected an object of JSON on one line: EOF",
        ),
        (
            "[1]",
            "line 3: expected an object of JSON on one line: invalid type",
        ),
        (
            "{\"id\":1} x",
            "line 3: expected an object of JSON on one line: trailing characters",
        ),
        ("{\"id\":1,\"id\":2}", "the key id stands there twice"),
    ] {
        let (_folder, path) = written(&format!("{good}\n{line}\n{good}"));
        let mut options = given(&[("id", "i64"), ("name", "text")]);
        options.text.piece_bytes = 16;
        let source = Files::open_with(files(&[&path]), &options).unwrap();
        for columns in [&[0, 1][..], &[1]] {
            let error = read(&source, columns, 10).unwrap_err();
            assert!(error.contains(said), "{line}: {error}");
        }
        let lines = Arc::new(Lines::default());
        options.text.rejects = Some(Arc::clone(&lines) as Arc<dyn Rejects>);
        let source = Files::open_with(files(&[&path]), &options).unwrap();
        for _ in 0..2 {
            assert_eq!(read(&source, &[0], 10).unwrap().num_rows(), 2);
        }
        assert_eq!(*lines.0.lock().unwrap(), [3]);
    }
}

#[test]
fn a_key_that_no_sample_had_is_not_dropped() {
    let padding = format!("{{\"id\":1,\"name\":\"{}\"}}\n", "x".repeat(1 << 20));
    let (_folder, path) = written(&format!("{padding}{padding}{{\"nome\":1}}\n"));
    let mut options = given(&[]);
    options.text.max_row_bytes = 2 << 20;
    let source = Files::open_with(files(&[&path]), &options).unwrap();
    let error = read(&source, &[0], 10).unwrap_err();
    assert!(
        error.contains("line 3: the key 'nome' is none of id, name"),
        "{error}"
    );
}

#[test]
fn pieces_joined_are_the_whole() {
    let lines: Vec<String> = (0..500).map(|id| format!("{{\"id\":{id}}}\n")).collect();
    let text = lines.concat();
    let (_folder, path) = written(&text);
    for piece_bytes in [1, 7, 64, 1000, 1 << 20] {
        let mut options = given(&[]);
        options.text.piece_bytes = piece_bytes;
        let source = Files::open_with(files(&[&path]), &options).unwrap();
        assert_eq!(
            source.pieces().iter().map(|p| p.bytes).sum::<u64>(),
            text.len() as u64
        );
        let got = read(&source, &[0], 64).unwrap();
        let ids: Vec<i64> = (0..500).collect();
        assert_eq!(
            got.column(0).to_data().buffers()[0].typed_data::<i64>(),
            ids
        );
    }
}

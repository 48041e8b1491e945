use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use bytes::Bytes;
use datafusion::arrow::util::display::array_value_to_string;
use lakeseed_star_schema::{
    File, Files, FilesOptions, RejectedRow, Rejects, Source, Stamp, TextOptions, column_type,
};
use proptest::prelude::*;

use super::{chain, files, read, refusal};

/// A text as a file, with its folder.
fn written(name: &str, text: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    (folder, path)
}

fn options(text: TextOptions) -> FilesOptions {
    FilesOptions {
        text,
        ..FilesOptions::default()
    }
}

fn types(given: &[(&str, &str)]) -> TextOptions {
    let given = given.iter();
    let types = given.map(|(name, of)| ((*name).to_owned(), column_type(of).unwrap()));
    TextOptions {
        types: types.collect(),
        ..TextOptions::default()
    }
}

/// All values as text; nulls as `None`.
fn cells(batch: &RecordBatch) -> Vec<Vec<Option<String>>> {
    let cell = |column: usize, row: usize| {
        let array = batch.column(column);
        let text = || array_value_to_string(array, row).unwrap();
        (!array.is_null(row)).then(text)
    };
    let columns = 0..batch.num_columns();
    (0..batch.num_rows())
        .map(|row| columns.clone().map(|column| cell(column, row)).collect())
        .collect()
}

fn all(source: &Files) -> Vec<usize> {
    (0..source.schema().fields().len()).collect()
}

/// Keeps what is rejected: line, problem, bytes, whether it is cut.
#[derive(Default)]
struct Kept(Mutex<Vec<KeptRow>>);

type KeptRow = (u64, String, Vec<u8>, bool);

impl Rejects for Kept {
    fn reject(&self, row: &RejectedRow<'_>) -> io::Result<()> {
        let mut kept = self.0.lock().unwrap();
        let problem = row.problem.to_owned();
        kept.push((row.line, problem, row.bytes.to_vec(), row.is_cut));
        Ok(())
    }
}

#[test]
fn types_are_told_by_the_head_and_values_read() {
    let text = "\u{feff}id,code,price,ok,day,at,name\r\n\
                1,007,1.5,true,2023-01-31,2023-01-31 10:11:12.000001,\"6o ANO \"\"A\"\", manhã\"\r\n\
                \r\n\
                -2,010,2,FALSE,2024-02-29,2023-01-31T10:11:12,\"two\nlines\"\r\n\
                ,,,,,,\r\n\
                3,\"\",-0.25,true,1969-12-31,1969-12-31 23:59:59,\"\"";
    let (_folder, path) = written("a.csv", text);
    let source = Files::open(files(&[&path])).unwrap();
    let schema = source.schema();
    let types: Vec<&DataType> = schema.fields().iter().map(|f| f.data_type()).collect();
    let time = DataType::Timestamp(TimeUnit::Microsecond, None);
    assert_eq!(
        types,
        [
            &DataType::Int64,
            &DataType::Utf8,
            &DataType::Float64,
            &DataType::Boolean,
            &DataType::Date32,
            &time,
            &DataType::Utf8
        ]
    );
    let got = read(&source, &all(&source), 2).unwrap();
    let text = |cells: &[&str]| -> Vec<Option<String>> {
        cells
            .iter()
            .map(|cell| (*cell != "-").then(|| (*cell).to_owned()))
            .collect()
    };
    assert_eq!(
        cells(&got),
        [
            text(&[
                "1",
                "007",
                "1.5",
                "true",
                "2023-01-31",
                "2023-01-31T10:11:12.000001",
                "6o ANO \"A\", manhã"
            ]),
            text(&[
                "-2",
                "010",
                "2.0",
                "false",
                "2024-02-29",
                "2023-01-31T10:11:12",
                "two\nlines"
            ]),
            text(&["-"; 7]),
            text(&[
                "3",
                "",
                "-0.25",
                "true",
                "1969-12-31",
                "1969-12-31T23:59:59",
                ""
            ]),
        ]
    );
    // Any columns, in any order, twice too.
    let some = read(&source, &[6, 0, 6], 100).unwrap();
    assert_eq!(some.column(0), some.column(2));
    assert_eq!(some.column(1), got.column(0));
    assert_eq!(read(&source, &[], 100).unwrap().num_rows(), 4);
}

#[test]
fn given_types_are_kept() {
    let (_folder, path) = written("a.csv", "a;b;c\n1;2.50;x\n-7;0.05;x\n");
    let text = TextOptions {
        delimiter: b';',
        ..types(&[("a", "i32"), ("b", "decimal(12,2)")])
    };
    let source = Files::open_with(files(&[&path]), &options(text)).unwrap();
    assert_eq!(source.schema().field(0).data_type(), &DataType::Int32);
    let got = read(&source, &[0, 1], 100).unwrap();
    assert_eq!(
        cells(&got)[1],
        [Some("-7".to_owned()), Some("0.05".to_owned())]
    );

    let said = refusal(Files::open_with(
        files(&[&path]),
        &options(types(&[("z", "i64")])),
    ));
    assert!(
        said.contains("a type is given for column z, but the columns are a;b;c"),
        "{said}"
    );
}

#[test]
fn bad_rows_are_told_with_file_line_and_column() {
    let head = "id,name\n1,a\n2,b\n";
    for (row, line, said) in [
        ("3,a,b\n", 4, ": expected 2 columns, found 3"),
        ("3\n", 4, ": expected 2 columns, found 1"),
        (
            "x7,a\n",
            4,
            ", column 1 (id): expected a whole number of 64 bits, found 'x7'",
        ),
        (
            "\"multi\nline\",a\n",
            4,
            ", column 1 (id): expected a whole number",
        ),
        (
            "007,a\n",
            4,
            ", column 1 (id): expected a whole number of 64 bits, found '007'",
        ),
        (
            "3,a\"b\n",
            4,
            ", column 2 (name): a quote inside of a field",
        ),
        (
            "3,\"a\"b\n",
            4,
            ", column 2 (name): text behind a closing quote",
        ),
        (
            "3,\"a\n4,c\n",
            4,
            ", column 2 (name): a quote that is never closed",
        ),
        ("3,\"a\nb\"\n4,c,d\n", 6, ": expected 2 columns, found 3"),
    ] {
        let (_folder, path) = written("a.csv", format!("{head}{row}"));
        let given = options(types(&[("id", "i64"), ("name", "text")]));
        let source = Files::open_with(files(&[&path]), &given).unwrap();
        for columns in [&[0, 1][..], &[1], &[]] {
            let error = read(&source, columns, 100).unwrap_err();
            let expected = format!("a.csv, line {line}{said}");
            assert!(error.contains(&expected), "{row:?}: {error}");
        }
    }
    let (_folder, path) = written("a.csv", b"id,name\n1,\xff\n");
    let source = Files::open(files(&[&path])).unwrap();
    let error = read(&source, &[0], 100).unwrap_err();
    assert!(
        error.contains("line 2, column 2 (name): expected text in UTF-8"),
        "{error}"
    );
}

#[test]
fn headers_that_are_none_are_refused() {
    for (text, said) in [
        ("", "expected a line of column names, found nothing"),
        (
            "a,,b\n",
            "line 1: expected a name of column 2, found nothing",
        ),
        ("a,b,a\n", "line 1: two columns are called a"),
        ("a,\"b\n", "line 1: a quote that is never closed"),
    ] {
        let (_folder, path) = written("a.csv", text);
        let error = refusal(Files::open(files(&[&path])));
        assert!(error.contains(said), "{text:?}: {error}");
    }
    let (folder, a) = written("a.csv", "a,b\n");
    let b = folder.path().join("b.csv");
    fs::write(&b, "b,a\n").unwrap();
    let error = refusal(Files::open(files(&[&a, &b])));
    assert!(
        error.contains("b.csv: the columns are b, a, but in "),
        "{error}"
    );
}

#[test]
fn rejected_rows_are_kept_as_they_stand_and_once() {
    let text = "id,name\n1,a\nx,b\n3,\"c\"d\n4,e\n5,f,g\n6,\"h\n7,i\n";
    let (_folder, path) = written("a.csv", text);
    let kept = Arc::new(Kept::default());
    let mut given = types(&[("id", "i64")]);
    given.rejects = Some(Arc::clone(&kept) as Arc<dyn Rejects>);
    let source = Files::open_with(files(&[&path]), &options(given)).unwrap();
    for columns in [&[0, 1][..], &[1], &[]] {
        assert_eq!(
            read(&source, columns, 2).unwrap().num_rows(),
            3,
            "1, 4 and 7"
        );
    }
    let got: Vec<i64> = cells(&read(&source, &[0], 9).unwrap())
        .iter()
        .map(|row| row[0].as_ref().unwrap().parse().unwrap())
        .collect();
    assert_eq!(got, [1, 4, 7]);
    let kept = kept.0.lock().unwrap();
    let rows: Vec<(u64, &str)> = kept
        .iter()
        .map(|(line, _, bytes, _)| (*line, std::str::from_utf8(bytes).unwrap()))
        .collect();
    assert_eq!(
        rows,
        [(3, "x,b"), (4, "3,\"c\"d"), (6, "5,f,g"), (7, "6,\"h")]
    );
    assert!(
        kept[0]
            .1
            .starts_with("column 1 (id): expected a whole number")
    );
    assert!(kept.iter().all(|(_, _, _, is_cut)| !is_cut));
}

#[test]
fn packed_files_are_one_piece() {
    let text = "id,name\n1,a\n2,b\n";
    let folder = tempfile::tempdir().unwrap();
    let (gz, zst) = (
        folder.path().join("a.csv.gz"),
        folder.path().join("a.csv.zst"),
    );
    // Two members, two frames, as writers that pack block by block make them.
    let (head, rows) = text.split_at(8);
    let mut members = Vec::new();
    for part in [head, rows] {
        let level = flate2::Compression::fast();
        let mut packer = flate2::write::GzEncoder::new(&mut members, level);
        packer.write_all(part.as_bytes()).unwrap();
        packer.finish().unwrap();
    }
    fs::write(&gz, &members).unwrap();
    let frames = [head, rows].map(|part| zstd::encode_all(part.as_bytes(), 1).unwrap());
    fs::write(&zst, frames.concat()).unwrap();
    for path in [&gz, &zst] {
        let mut given = types(&[]);
        given.piece_bytes = 1;
        let source = Files::open_with(files(&[path]), &options(given)).unwrap();
        assert_eq!(source.pieces().len(), 1);
        let got = read(&source, &[0, 1], 100).unwrap();
        assert_eq!(got.num_rows(), 2);
    }
    fs::write(&gz, &members[..members.len() - 5]).unwrap();
    let error = Files::open(files(&[&gz])).map(|source| read(&source, &[0], 10));
    let said = match error {
        Ok(read) => read.unwrap_err(),
        Err(error) => chain(&error),
    };
    assert!(said.contains("a.csv.gz"), "{said}");
}

/// A file of one line that is never held, and counts how much of it is asked for at once.
struct Endless {
    bytes: u64,
    most: Mutex<usize>,
}

impl File for Endless {
    fn path(&self) -> &'static str {
        "endless.csv"
    }

    fn stamp(&self) -> io::Result<Stamp> {
        Ok(Stamp {
            bytes: self.bytes,
            version: "1".to_owned(),
        })
    }

    fn read_range(&self, offset: u64, length: usize) -> io::Result<Bytes> {
        let mut most = self.most.lock().unwrap();
        *most = (*most).max(length);
        let length = (self.bytes - offset.min(self.bytes)).min(length as u64) as usize;
        let mut bytes = vec![b'x'; length];
        for (at, byte) in (offset..).zip(&mut bytes) {
            match at {
                0 => *byte = b'a',
                1 => *byte = b'\n',
                _ if at == self.bytes - 2 => *byte = b'\n',
                _ => {}
            }
        }
        Ok(bytes.into())
    }
}

#[test]
fn a_gigabyte_in_one_line_is_not_held() {
    let file = Arc::new(Endless {
        bytes: 1 << 30,
        most: Mutex::default(),
    });
    let kept = Arc::new(Kept::default());
    let mut given = types(&[]);
    given.rejects = Some(Arc::clone(&kept) as Arc<dyn Rejects>);
    let source =
        Files::open_with(vec![Arc::clone(&file) as Arc<dyn File>], &options(given)).unwrap();
    let mut rows = 0;
    for piece in 0..source.pieces().len() {
        let reader = source.read(piece, &[0], 100).unwrap();
        rows += reader.map(|batch| batch.unwrap().num_rows()).sum::<usize>();
    }
    assert_eq!(rows, 1, "the short last line");
    let kept = kept.0.lock().unwrap();
    assert_eq!(kept.len(), 1);
    let (line, problem, bytes, is_cut) = &kept[0];
    assert_eq!((*line, *is_cut), (2, true));
    assert_eq!(problem, "the row is longer than 1048576 bytes");
    assert_eq!(bytes.len(), TextOptions::MAX_ROW_BYTES);
    assert!(*file.most.lock().unwrap() <= 2 * TextOptions::MAX_ROW_BYTES + 1);
}

#[test]
fn a_place_that_reads_both_ways_is_settled_by_the_rows_before() {
    // Every quote could open as well as close. Two line ends stand side by side inside of quotes in
    // the first text, and outside, as a null behind a value, in the second.
    for (row, values) in [
        ("\"\n\n\"\n", vec![Some("\n\n")]),
        ("\"\n\"\n\n", vec![Some("\n"), None]),
    ] {
        let text = format!("a\n{}", row.repeat(40));
        let (_folder, path) = written("a.csv", &text);
        for piece_bytes in 1..40 {
            let mut given = types(&[("a", "text")]);
            given.piece_bytes = piece_bytes;
            given.max_row_bytes = 30;
            let source = Files::open_with(files(&[&path]), &options(given)).unwrap();
            let got = cells(&read(&source, &[0], 64).unwrap());
            let got: Vec<Option<&str>> = got.iter().map(|row| row[0].as_deref()).collect();
            assert_eq!(got, values.repeat(40), "{row:?}, {piece_bytes}");
        }
    }
}

/// Fields that hold what can go wrong.
fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z]{0,8}",
        2 => "[\",\n\r\"x]{0,6}",
        1 => "(\",\"|\"\n\"|,\n|\"\"){0,4}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// However a file is cut, its rows are those that another reader finds, and line numbers are
    /// those of the file.
    #[test]
    fn pieces_joined_are_the_rows_of_another_reader(
        rows in prop::collection::vec(prop::array::uniform3(field()), 0..120),
        piece_bytes in 1_u64..400,
        max_row_bytes in 60_usize..300,
        quote_all in any::<bool>(),
        bad_end in any::<bool>(),
    ) {
        let style = if quote_all { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let mut writer = csv::WriterBuilder::new().quote_style(style).from_writer(Vec::new());
        writer.write_record(["a", "b", "c"]).unwrap();
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let mut text = writer.into_inner().unwrap();
        let lines = String::from_utf8_lossy(&text).matches('\n').count();
        if bad_end {
            text.extend_from_slice(b"1,2\n");
        }
        let mut reader = csv::Reader::from_reader(text.as_slice());
        let oracle: Vec<Vec<Option<String>>> = reader
            .records()
            .map_while(Result::ok)
            .map(|record| record.iter().map(|f| Some(f.to_owned())).collect())
            .collect();
        let (_folder, path) = written("a.csv", &text);
        let given = TextOptions {
            piece_bytes,
            max_row_bytes,
            ..types(&[("a", "text"), ("b", "text"), ("c", "text")])
        };
        let source = Files::open_with(files(&[&path]), &options(given)).unwrap();
        let pieces = source.pieces();
        prop_assert_eq!(pieces.iter().map(|p| p.bytes).sum::<u64>(), text.len() as u64);
        let read = read(&source, &[0, 1, 2], 7);
        if bad_end {
            let expected = format!("a.csv, line {}: expected 3 columns, found 2", lines + 1);
            let said = read.unwrap_err();
            prop_assert!(said.contains(&expected), "{}", said);
        } else {
            // An empty field without quotes is a null here.
            let got: Vec<Vec<Option<String>>> = cells(&read.unwrap())
                .into_iter()
                .map(|row| row.into_iter().map(|cell| Some(cell.unwrap_or_default())).collect())
                .collect();
            prop_assert_eq!(got, oracle);
        }
    }
}

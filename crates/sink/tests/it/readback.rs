//! Every format and compression, read back by a reader that is not ours.

use std::io::Cursor;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, DictionaryArray, FixedSizeListArray, Float64Array, Int32Array, Int64Array,
    ListViewArray, RecordBatch, StringArray, StructArray,
};
use arrow_schema::{DataType, Field, Fields, Schema};
use arrow_select::concat::concat_batches;
use lakeseed_sink::{Compression, Csv, FileFormat, FormatKind, Json, Layout, Parquet};
use serde_json::Value;

use crate::support::{
    as_file, flat_batch, nested_batch, ragged, unpacked, with_hints, with_short_texts,
    without_dictionaries, write, write_one,
};

const TEXT_CODECS: [Compression; 3] = [
    Compression::None,
    Compression::Zstd(3),
    Compression::Gzip(6),
];
const PARQUET_CODECS: [Compression; 5] = [
    Compression::None,
    Compression::Snappy,
    Compression::Zstd(1),
    Compression::Zstd(9),
    Compression::Gzip(4),
];

pub(crate) fn read_parquet(bytes: &[u8]) -> RecordBatch {
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    let builder = ParquetRecordBatchReaderBuilder::try_new(as_file(bytes)).unwrap();
    let schema = builder.schema().clone();
    let batches: Vec<RecordBatch> = builder.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

/// Reads our CSV with the reader of another crate.
pub(crate) fn read_csv(text: &[u8], like: &RecordBatch) -> RecordBatch {
    let schema = like.schema();
    let reader = arrow_csv::ReaderBuilder::new(schema.clone())
        .with_header(true)
        .build(Cursor::new(text))
        .unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

pub(crate) fn read_json(text: &[u8], like: &RecordBatch) -> RecordBatch {
    let schema = like.schema();
    let reader = arrow_json::ReaderBuilder::new(schema.clone())
        .build(Cursor::new(text))
        .unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

#[test]
fn parquet_reads_back_the_same() {
    for codec in PARQUET_CODECS {
        for nulls in [0, 20, 100] {
            let format = FileFormat::new(FormatKind::Parquet, codec).unwrap();
            let batch = flat_batch(u64::from(nulls as u8), 1_000, nulls);
            assert_eq!(
                read_parquet(&write_one(format, &batch)),
                without_dictionaries(&batch)
            );
        }
    }
}

#[test]
fn parquet_reads_back_the_same_with_every_hint() {
    let integers = [
        "i8",
        "i16",
        "i32",
        "i64",
        "u8",
        "u16",
        "u32",
        "u64",
        "date",
        "timestamp",
        "millis",
    ];
    let decimals = ["money", "rate", "whole"];
    for (hint, columns) in [
        ("delta", [&integers[..], &decimals[..]].concat()),
        (
            "byte_stream_split",
            [&integers[..], &["f32", "f64"][..]].concat(),
        ),
        ("delta_length", vec!["text", "large_text"]),
        (
            "plain",
            [
                &integers[..],
                &decimals[..],
                &["bool", "f32", "f64", "text", "category"],
            ]
            .concat(),
        ),
        (
            "dictionary",
            [
                &integers[..],
                &decimals[..],
                &["f32", "f64", "text", "large_text"],
            ]
            .concat(),
        ),
    ] {
        let hints: Vec<_> = columns
            .iter()
            .map(|column| (*column, "encoding", hint))
            .collect();
        for nulls in [0, 30] {
            let batch = flat_batch(7, 2_000, nulls);
            let hinted = with_hints(&batch, &hints);
            for codec in [Compression::None, Compression::Zstd(1)] {
                let format = FileFormat::new(FormatKind::Parquet, codec).unwrap();
                let read = read_parquet(&write_one(format, &hinted));
                assert_eq!(read, without_dictionaries(&batch), "{hint}");
            }
        }
    }
}

#[test]
fn parquet_holds_nested_columns() {
    let batch = nested_batch(3, 900, 20);
    assert_eq!(read_parquet(&write_one(Parquet::zstd(1), &batch)), batch);
}

#[test]
fn arrow_files_and_streams_read_back_the_same() {
    let batch = flat_batch(5, 1_000, 20);
    let bytes = write_one(FormatKind::Arrow.into(), &batch);
    let reader = arrow_ipc::reader::FileReader::try_new(Cursor::new(bytes), None).unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    assert_eq!(concat_batches(&batch.schema(), &batches).unwrap(), batch);

    let bytes = write_one(FormatKind::ArrowStream.into(), &batch);
    let reader = arrow_ipc::reader::StreamReader::try_new(Cursor::new(bytes), None).unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    assert_eq!(concat_batches(&batch.schema(), &batches).unwrap(), batch);
}

#[test]
fn csv_reads_back_the_same() {
    for codec in TEXT_CODECS {
        for nulls in [0, 20] {
            let format = FileFormat::new(FormatKind::Csv, codec).unwrap();
            let batch = flat_batch(11, 1_000, nulls);
            let text = unpacked(format, &write_one(format, &batch));
            let plain = with_short_texts(&without_dictionaries(&batch));
            assert_eq!(read_csv(&text, &plain), plain);
        }
    }
}

#[test]
fn json_reads_back_the_same() {
    for codec in TEXT_CODECS {
        for nulls in [0, 20] {
            let format = FileFormat::new(FormatKind::Json, codec).unwrap();
            let batch = flat_batch(12, 1_000, nulls);
            let text = unpacked(format, &write_one(format, &batch));
            let plain = without_dictionaries(&batch);
            assert_eq!(read_json(&text, &plain), plain);
        }
    }
    let batch = nested_batch(13, 900, 20);
    let text = unpacked(Json::plain(), &write_one(Json::plain(), &batch));
    assert_eq!(read_json(&text, &batch), batch);
}

/// A timestamp with a `T` and without zeros at the end of its fraction, as the arrow crate has it.
fn trimmed(text: &str) -> String {
    let bytes = text.as_bytes();
    let is_time = text.is_ascii() && text.len() > 18 && bytes[4] == b'-' && bytes[13] == b':';
    if !is_time {
        return text.to_owned();
    }
    let (day, time) = text.split_at(10);
    let time = if time.contains('.') {
        time.trim_end_matches('0')
    } else {
        time
    };
    format!("{day}T{}", time[1..].trim_end_matches('.'))
}

/// Fields as the csv crate reads them; numbers by value, since both may print them differently.
fn csv_fields(text: &[u8]) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text);
    reader
        .records()
        .map(|record| {
            let record = record.unwrap();
            let field = |field: &str| match field.parse::<f64>() {
                Ok(number) if field.contains(['.', 'e', 'E']) => format!("{:x}", number.to_bits()),
                _ => trimmed(field),
            };
            record.iter().map(field).collect()
        })
        .collect()
}

#[test]
fn csv_says_what_the_arrow_crate_says() {
    let batch = flat_batch(21, 2_000, 20);
    // Floats of 32 bits have two right texts; their values were compared above.
    let columns: Vec<usize> = (0..batch.num_columns())
        .filter(|at| batch.schema().field(*at).name() != "f32")
        .collect();
    let batch = batch.project(&columns).unwrap();
    let mut theirs = Vec::new();
    arrow_csv::Writer::new(&mut theirs).write(&batch).unwrap();
    let ours = write_one(Csv::plain(), &batch);
    let (ours, theirs) = (csv_fields(&ours), csv_fields(&theirs));
    assert_eq!(ours.len(), 2_001);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.len(), theirs.len());
}

fn json_values(text: &[u8]) -> Vec<Value> {
    fn normal(value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(trimmed(&text)),
            Value::Object(members) => {
                // A member that is null and one that is not there are the same.
                let members = members.into_iter().filter(|(_, value)| !value.is_null());
                Value::Object(members.map(|(name, value)| (name, normal(value))).collect())
            }
            Value::Array(values) => Value::Array(values.into_iter().map(normal).collect()),
            // The parser of this crate is not exact; the exact values were compared above.
            Value::Number(number) if number.is_f64() => {
                Value::String(format!("{:.13e}", number.as_f64().unwrap()))
            }
            other => other,
        }
    }
    let lines = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    lines
        .map(|line| normal(serde_json::from_slice(line).unwrap()))
        .collect()
}

#[test]
fn json_says_what_the_arrow_crate_says() {
    for batch in [flat_batch(22, 2_000, 20), nested_batch(23, 900, 20)] {
        let columns: Vec<usize> = (0..batch.num_columns())
            .filter(|at| batch.schema().field(*at).name() != "f32")
            .collect();
        let batch = batch.project(&columns).unwrap();
        let mut writer = arrow_json::LineDelimitedWriter::new(Vec::new());
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        let theirs = json_values(&writer.into_inner());
        let ours = json_values(&write_one(Json::plain(), &batch));
        assert_eq!(ours.len(), batch.num_rows());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(ours, theirs);
        }
        assert_eq!(ours.len(), theirs.len());
    }
}

fn one_row(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

#[test]
fn csv_is_what_a_person_expects() {
    let batch = one_row(vec![
        ("id", Arc::new(Int64Array::from(vec![Some(1), None]))),
        (
            "a,name",
            Arc::new(StringArray::from(vec![Some("Rex \"the\" dog"), Some("")])),
        ),
        (
            "weight",
            Arc::new(Float64Array::from(vec![f64::NAN, f64::NEG_INFINITY])),
        ),
    ]);
    let text = String::from_utf8(write_one(Csv::plain(), &batch)).unwrap();
    assert_eq!(
        text,
        "id,\"a,name\",weight\n1,\"Rex \"\"the\"\" dog\",NaN\n,\"\",-inf\n"
    );
}

#[test]
fn a_single_null_is_no_empty_line() {
    let batch = one_row(vec![(
        "id",
        Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])),
    )]);
    let text = String::from_utf8(write_one(Csv::plain(), &batch)).unwrap();
    assert_eq!(text, "id\n1\n\"\"\n3\n");
}

#[test]
fn json_is_what_a_person_expects() {
    let batch = one_row(vec![
        ("id", Arc::new(Int64Array::from(vec![Some(1), None]))),
        (
            "a \"name\"",
            Arc::new(StringArray::from(vec![Some("Rex\n\u{1}"), Some("")])),
        ),
        ("weight", Arc::new(Float64Array::from(vec![f64::NAN, 1.5]))),
    ]);
    let text = String::from_utf8(write_one(Json::plain(), &batch)).unwrap();
    assert_eq!(
        text,
        "{\"id\":1,\"a \\\"name\\\"\":\"Rex\\n\\u0001\",\"weight\":null}\n\
         {\"id\":null,\"a \\\"name\\\"\":\"\",\"weight\":1.5}\n"
    );
}

#[test]
fn an_empty_table_is_a_file_that_readers_take() {
    let batch = flat_batch(1, 0, 10);
    for format in [
        Parquet::zstd(1),
        Csv::plain(),
        Json::gzip(1),
        FormatKind::Arrow.into(),
    ] {
        let bytes = write_one(format, &batch);
        if format.kind() == FormatKind::Parquet {
            assert_eq!(read_parquet(&bytes).num_rows(), 0);
        } else if format.kind() == FormatKind::Csv {
            assert_eq!(csv_fields(&bytes).len(), 1);
        }
    }
}

#[test]
fn columns_of_many_pages_read_back_the_same() {
    let rows = 100_000;
    for nulls in [0, 30] {
        let batch = flat_batch(31, rows, nulls);
        let hinted = with_hints(
            &batch,
            &[
                ("i8", "encoding", "delta"),
                ("i32", "encoding", "delta"),
                ("i64", "encoding", "delta"),
                ("u16", "encoding", "byte_stream_split"),
                ("date", "encoding", "delta"),
                ("timestamp", "encoding", "byte_stream_split"),
                ("seconds", "encoding", "delta"),
                ("money", "encoding", "delta"),
                ("f64", "compress", "none"),
                ("i16", "compress", "none"),
                ("large_text", "encoding", "dictionary"),
                ("text", "encoding", "delta_length"),
            ],
        );
        for format in [Parquet::zstd(1), Parquet::snappy(), Parquet::plain()] {
            let source = ragged(&hinted, 5);
            let layout = Layout {
                files: Some(1),
                ..Layout::default()
            };
            let files = write(format, layout, 1, source, rows as u64);
            let bytes = files.into_values().next().unwrap();
            assert_eq!(
                read_parquet(&bytes),
                without_dictionaries(&batch),
                "{format}"
            );
        }
    }
}

#[test]
fn dictionaries_may_change_from_batch_to_batch() {
    use arrow_array::RecordBatchIterator;
    use lakeseed_sink::{BoxedReader, FnSource};

    let piece = |values: Vec<&str>, keys: Vec<i32>| {
        let values = Arc::new(StringArray::from(values));
        let array = DictionaryArray::<Int32Type>::new(Int32Array::from(keys), values);
        RecordBatch::try_from_iter([("state", Arc::new(array) as ArrayRef)]).unwrap()
    };
    let pieces = [
        piece(vec!["SP", "RJ"], vec![1, 1, 0]),
        piece(vec!["MG", "RJ", "SP", "unused"], vec![0, 1, 2, 0]),
        piece(vec!["RJ", "RJ"], vec![0, 1]),
    ];
    let schema = pieces[0].schema();
    let source = || {
        let (pieces, schema) = (pieces.clone(), schema.clone());
        FnSource::new(schema.clone(), move |rows, _| {
            let batches = if rows == (0..9) {
                pieces.to_vec()
            } else {
                Vec::new()
            };
            let batches = batches.into_iter().map(Ok);
            Ok(Box::new(RecordBatchIterator::new(batches, schema.clone())) as BoxedReader)
        })
    };
    let expected = ["RJ", "RJ", "SP", "MG", "RJ", "SP", "MG", "RJ", "RJ"];
    for format in [
        Parquet::zstd(1),
        Csv::plain(),
        FormatKind::ArrowStream.into(),
    ] {
        let files = write(format, Layout::default(), 1, source(), 9);
        let bytes = files.into_values().next().unwrap();
        if format.kind() == FormatKind::Parquet {
            let read = read_parquet(&bytes);
            assert_eq!(
                read.column(0).as_ref(),
                &StringArray::from(expected.to_vec())
            );
        } else if format.kind() == FormatKind::Csv {
            let text = String::from_utf8(bytes).unwrap();
            assert_eq!(text.lines().skip(1).collect::<Vec<_>>(), expected);
        }
    }
}

#[test]
fn a_dictionary_may_hold_a_null() {
    let values = Arc::new(StringArray::from(vec![Some("SP"), None, Some("unused")]));
    let keys = Int32Array::from(vec![Some(1), Some(0), None, Some(1)]);
    let states: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::new(keys, values));
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..4));
    let fields = vec![
        Field::new("id", DataType::Int64, false),
        Field::new("state", states.data_type().clone(), true),
    ];
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![ids, states]).unwrap();
    let read = read_parquet(&write_one(Parquet::zstd(1), &batch));
    let expected = StringArray::from(vec![None, Some("SP"), None, None]);
    assert_eq!(read.column(1).as_ref(), &expected);
    let text = write_one(Csv::plain(), &batch);
    assert_eq!(text, b"id,state\n0,\n1,SP\n2,\n3,\n");
    let text = write_one(Json::plain(), &batch.slice(0, 2));
    assert_eq!(
        text,
        b"{\"id\":0,\"state\":null}\n{\"id\":1,\"state\":\"SP\"}\n"
    );
}

#[test]
fn columns_of_list_views_do_not_move_those_behind_them() {
    let fields = Fields::from(vec![
        Field::new("a", DataType::Int64, true),
        Field::new("b", DataType::Utf8, true),
    ]);
    let pairs = StructArray::new(
        fields.clone(),
        vec![
            Arc::new(Int64Array::from_iter_values(0..3)),
            Arc::new(StringArray::from(vec!["x", "y", "z"])),
        ],
        None,
    );
    let item = Arc::new(Field::new_list_field(DataType::Struct(fields), true));
    let views = ListViewArray::new(
        item,
        vec![0, 1, 1].into(),
        vec![1, 2, 0].into(),
        Arc::new(pairs),
        None,
    );
    let batch = RecordBatch::try_from_iter([
        ("views", Arc::new(views) as ArrayRef),
        ("id", Arc::new(Int64Array::from(vec![7, 8, 9]))),
        ("name", Arc::new(StringArray::from(vec!["p", "q", "r"]))),
    ])
    .unwrap();
    assert_eq!(read_parquet(&write_one(Parquet::zstd(1), &batch)), batch);
}

#[test]
fn hints_within_nested_columns_are_taken_off_too() {
    let hint = |field: Field| {
        let hints = [("lakeseed:doc".to_owned(), "a note".to_owned())];
        Arc::new(field.with_metadata(hints.into()))
    };
    let pair = FixedSizeListArray::new(
        hint(Field::new("item", DataType::Int64, false)),
        2,
        Arc::new(Int64Array::from_iter_values(0..6)),
        None,
    );
    let notes = StructArray::new(
        vec![hint(Field::new("note", DataType::Utf8, false))].into(),
        vec![Arc::new(StringArray::from(vec!["x", "y", "z"]))],
        None,
    );
    let batch = RecordBatch::try_from_iter([
        ("pair", Arc::new(pair) as ArrayRef),
        ("notes", Arc::new(notes)),
    ])
    .unwrap();
    let read = read_parquet(&write_one(Parquet::zstd(1), &batch));
    assert_eq!(read.num_rows(), 3);
    assert!(
        !read.schema().to_string().contains("lakeseed"),
        "{}",
        read.schema()
    );
    let bytes = write_one(FormatKind::Arrow.into(), &batch);
    let reader = arrow_ipc::reader::FileReader::try_new(Cursor::new(bytes), None).unwrap();
    assert!(
        !reader.schema().to_string().contains("lakeseed"),
        "{}",
        reader.schema()
    );
}

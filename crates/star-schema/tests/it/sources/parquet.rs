use std::fs;
use std::path::Path;
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::file::metadata::SortingColumn;
use ::parquet::file::properties::WriterProperties;
use arrow_array::builder::StringViewBuilder;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use lakeseed_star_schema::{Error, Files, Source};

use super::{chain, files, read, refusal};

/// Rows `from..until`: an id, a town of few, a name of its own, a note as a view with nulls.
fn rows(from: i64, until: i64) -> RecordBatch {
    let ids = || from..until;
    let mut notes = StringViewBuilder::new();
    for id in ids() {
        notes.append_option((id % 3 > 0).then(|| format!("a note that is long enough {}", id % 5)));
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from_iter_values(ids()))),
        (
            "town",
            Arc::new(StringArray::from_iter_values(
                ids().map(|id| format!("town {}", id % 7)),
            )),
        ),
        (
            "name",
            Arc::new(StringArray::from_iter_values(
                ids().map(|id| format!("name number {id}")),
            )),
        ),
        ("note", Arc::new(notes.finish())),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn write(path: &Path, batch: &RecordBatch, sorted: bool) {
    let by_id = SortingColumn {
        column_idx: 0,
        descending: false,
        nulls_first: false,
    };
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(1000))
        .set_data_page_size_limit(2000)
        .set_write_batch_size(100)
        .set_dictionary_page_size_limit(4096)
        .set_sorting_columns(sorted.then(|| vec![by_id]))
        .build();
    let file = fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

fn texts(batch: &RecordBatch, column: usize) -> Vec<Option<String>> {
    let array = batch.column(column);
    let array = match array.data_type() {
        DataType::Utf8 => Arc::clone(array),
        _ => datafusion::arrow::compute::cast(array, &DataType::Utf8).unwrap(),
    };
    let array = array.as_any().downcast_ref::<StringArray>().unwrap();
    array.iter().map(|text| text.map(str::to_owned)).collect()
}

fn codes() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

#[test]
fn row_groups_of_several_files_come_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (
        folder.path().join("a.parquet"),
        folder.path().join("b.parquet"),
    );
    write(&a, &rows(0, 2500), true);
    write(&b, &rows(2500, 4000), true);
    let source = Files::open(files(&[&a, &b])).unwrap();

    let pieces: Vec<u64> = source.pieces().iter().map(|piece| piece.rows).collect();
    assert_eq!(pieces, [1000, 1000, 500, 1000, 500]);
    assert!(
        source
            .pieces()
            .iter()
            .all(|piece| piece.exact && piece.bytes > 0)
    );
    let types: Vec<DataType> = source
        .schema()
        .fields()
        .iter()
        .map(|field| field.data_type().clone())
        .collect();
    // The name fell back from its dictionary; the view came as what it holds.
    assert_eq!(types, [DataType::Int64, codes(), DataType::Utf8, codes()]);

    let whole = rows(0, 4000);
    for batch_rows in [1, 300, 8192] {
        let got = read(&source, &[3, 0, 2, 1], batch_rows).unwrap();
        assert_eq!(got.column(1), whole.column(0));
        assert_eq!(texts(&got, 2), texts(&whole, 2));
        assert_eq!(texts(&got, 3), texts(&whole, 1));
        assert_eq!(texts(&got, 0), texts(&whole, 3));
    }
    assert_eq!(read(&source, &[], 100).unwrap().num_rows(), 4000);
    assert!(source.held_bytes(0, &[0]) > 0);
    assert!(source.held_bytes(0, &[0, 1, 2]) > source.held_bytes(0, &[0]));
    assert_eq!(source.held_bytes(0, &[]), 0);
}

#[test]
fn sorted_only_where_statistics_prove_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write(&path("a.parquet"), &rows(0, 2500), true);
    write(&path("b.parquet"), &rows(2500, 4000), true);
    write(&path("plain.parquet"), &rows(4000, 5000), false);
    let sorted_by = |names: &[&str]| {
        let paths: Vec<_> = names.iter().map(|name| path(name)).collect();
        let paths: Vec<&Path> = paths.iter().map(std::path::PathBuf::as_path).collect();
        Files::open(files(&paths)).unwrap().sorted_by().to_vec()
    };
    assert_eq!(sorted_by(&["a.parquet", "b.parquet"]), ["id"]);
    assert!(sorted_by(&["b.parquet", "a.parquet"]).is_empty());
    assert!(sorted_by(&["a.parquet", "b.parquet", "plain.parquet"]).is_empty());
}

#[test]
fn another_order_of_the_same_columns_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (
        folder.path().join("a.parquet"),
        folder.path().join("b.parquet"),
    );
    write(&a, &rows(0, 10), false);
    write(&b, &rows(0, 10).project(&[0, 2, 1, 3]).unwrap(), false);
    let said = refusal(Files::open(files(&[&a, &b])));
    assert!(
        said.contains("b.parquet: column 2 is name Utf8, but in "),
        "{said}"
    );
    assert!(said.contains("a.parquet it is town Utf8"), "{said}");

    write(&b, &rows(0, 10).project(&[0, 1]).unwrap(), false);
    let said = refusal(Files::open(files(&[&a, &b])));
    assert!(said.contains("has 2 columns, but "), "{said}");
}

#[test]
fn nullable_in_one_file_is_nullable_in_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (
        folder.path().join("a.parquet"),
        folder.path().join("b.parquet"),
    );
    for (path, value, is_nullable) in [(&a, Some(1), false), (&b, None, true)] {
        let schema = Schema::new(vec![Field::new("id", DataType::Int64, is_nullable)]);
        let column: ArrayRef = Arc::new(Int64Array::from(vec![value]));
        write(
            path,
            &RecordBatch::try_new(Arc::new(schema), vec![column]).unwrap(),
            false,
        );
    }
    let got = read(&Files::open(files(&[&a, &b])).unwrap(), &[0], 10).unwrap();
    assert_eq!(got.num_rows(), 2);
    assert_eq!(got.column(0).null_count(), 1);
}

#[test]
fn a_changed_file_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    write(&path, &rows(0, 10), false);
    let source = Files::open(files(&[&path])).unwrap();
    let before = source.identity().to_owned();
    write(&path, &rows(0, 11), false);
    let error = source.read(0, &[0], 10).err().unwrap();
    assert!(matches!(error, Error::SourceChanged { .. }), "{error}");
    let after = Files::open(files(&[&path])).unwrap();
    assert_ne!(before, after.identity());
    assert_eq!(
        after.identity(),
        Files::open(files(&[&path])).unwrap().identity()
    );
}

#[test]
fn a_file_cut_anywhere_is_an_error_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    write(&path, &rows(0, 2500), false);
    let whole = fs::read(&path).unwrap();
    for length in [0, 3, 8, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let said = refusal(Files::open(files(&[&path])));
        assert!(
            said.contains("a.parquet: is not a whole Parquet file"),
            "{said}"
        );
    }
    // A whole footer behind spoilt pages.
    let mut spoilt = whole;
    for byte in &mut spoilt[4..3000] {
        *byte = 0xff;
    }
    fs::write(&path, &spoilt).unwrap();
    let source = Files::open(files(&[&path])).unwrap();
    let said = read(&source, &[0, 1, 2, 3], 100).unwrap_err();
    assert!(
        said.contains("a.parquet, row group 1: cannot be read"),
        "{said}"
    );
}

#[test]
fn what_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gone.parquet");
    let error = Files::open(files(&[&path])).err().unwrap();
    assert!(chain(&error).contains("gone.parquet: cannot be read: No such file"));
    assert!(refusal(Files::open(Vec::new())).contains("has no files"));
    let other = folder.path().join("a.orc");
    fs::write(&other, "").unwrap();
    let said = refusal(Files::open(files(&[&other])));
    assert!(
        said.contains("a.orc: expected a name that ends in .parquet"),
        "{said}"
    );
}

#[test]
fn a_spoilt_byte_anywhere_is_an_error_or_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    write(&path, &rows(0, 100), true);
    let whole = fs::read(&path).unwrap();
    let mut refused = 0;
    let places = (0..100).chain(whole.len() - 1200..whole.len());
    for place in places {
        for value in [0x7f, 0xff] {
            let mut spoilt = whole.clone();
            spoilt[place] = value;
            fs::write(&path, &spoilt).unwrap();
            let got = Files::open(files(&[&path])).map_err(|error| chain(&error));
            refused += usize::from(got.and_then(|source| tried(&source)).is_err());
        }
    }
    assert!(refused > 500, "{refused}");
}

/// Reads all that there is, whatever comes.
fn tried(source: &Files) -> Result<(), String> {
    let columns: Vec<usize> = (0..source.schema().fields().len()).collect();
    for piece in 0..source.pieces().len() {
        let reader = source
            .read(piece, &columns, 500)
            .map_err(|error| chain(&error))?;
        for batch in reader {
            batch.map_err(|error| chain(&error))?;
        }
    }
    Ok(())
}

#[test]
fn footers_tell_between_which_values_columns_lie() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (
        folder.path().join("a.parquet"),
        folder.path().join("b.parquet"),
    );
    write(&one, &rows(0, 1_500), true);
    write(&other, &rows(5_000, 5_100), true);
    let source = Files::open(files(&[&one, &other])).unwrap();
    let parts = source.parts();
    let pieces: Vec<_> = parts.iter().map(|part| part.pieces.clone()).collect();
    assert_eq!(pieces, [0..2, 2..3]);
    assert_ne!(parts[0].identity, parts[1].identity);

    // Held against what a read of each piece finds.
    for column in 0..4 {
        let bounds = source.bounds(column).unwrap();
        for piece in 0..3 {
            let found = source
                .read(piece, &[column], 2_000)
                .unwrap()
                .next()
                .unwrap();
            let found = found.unwrap();
            let values: Vec<Option<String>> = if column == 0 {
                let ids = found.column(0).as_any().downcast_ref::<Int64Array>();
                // As wide as each other, so that texts compare as numbers do.
                let ids = ids.unwrap().iter();
                ids.map(|id| id.map(|id| format!("{id:09}"))).collect()
            } else {
                texts(&found, 0)
            };
            let known = |array: &ArrayRef| {
                if let Some(ids) = array.as_any().downcast_ref::<Int64Array>() {
                    return format!("{:09}", ids.value(piece));
                }
                let texts = array.as_any().downcast_ref::<StringArray>();
                texts.unwrap().value(piece).to_owned()
            };
            let least = values.iter().flatten().min().unwrap();
            let greatest = values.iter().flatten().max().unwrap();
            assert!(
                known(&bounds.least) <= *least,
                "column {column}, piece {piece}"
            );
            assert!(
                known(&bounds.greatest) >= *greatest,
                "column {column}, piece {piece}"
            );
            assert_eq!(bounds.has_nulls[piece], values.iter().any(Option::is_none));
        }
    }

    // What one file does not tell is not known.
    let silent = folder.path().join("c.parquet");
    let properties = WriterProperties::builder()
        .set_statistics_enabled(::parquet::file::properties::EnabledStatistics::None)
        .build();
    let batch = rows(9_000, 9_100);
    let file = fs::File::create(&silent).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let source = Files::open(files(&[&one, &silent])).unwrap();
    assert!(source.bounds(0).is_none());
}

/// Numbers with a point have two zeros, and some writers count NaN.
#[test]
fn floats_have_no_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let share: ArrayRef = Arc::new(arrow_array::Float64Array::from(vec![0.5, -0.0]));
    write(
        &path,
        &RecordBatch::try_from_iter([("share", share)]).unwrap(),
        false,
    );
    assert!(Files::open(files(&[&path])).unwrap().bounds(0).is_none());
}

//! What stands inside Parquet files: row groups, encodings, order, statistics, no hints.

use std::sync::Arc;

use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, Float32Array, Float64Array, ListArray, RecordBatch};
use lakeseed_sink::{BatchSource, Layout, Parquet};
use parquet::basic::{Compression, Encoding, Type};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::page_index::column_index::ColumnIndexMetaData;

use crate::support::{as_file, flat_batch, numbers, with_hints, write, write_one};

fn metadata(bytes: &[u8]) -> ParquetMetaData {
    let mut reader = ParquetMetaDataReader::new()
        .with_page_index_policy(parquet::file::metadata::PageIndexPolicy::Required);
    reader.try_parse(&as_file(bytes)).unwrap();
    reader.finish().unwrap()
}

fn hinted() -> RecordBatch {
    let batch = flat_batch(4, 1_000, 0);
    with_hints(
        &batch,
        &[
            ("i64", "encoding", "delta"),
            ("i64", "sorted", "asc"),
            ("i64", "key", "primary"),
            ("i64", "doc", "a number"),
            ("i32", "encoding", "dictionary"),
            ("f64", "compress", "none"),
            ("f64", "encoding", "plain"),
            ("f32", "encoding", "byte_stream_split"),
            ("text", "encoding", "delta_length"),
        ],
    )
}

#[test]
fn hints_decide_encodings_and_codecs() {
    let file = metadata(&write_one(Parquet::zstd(1), &hinted()));
    let column = |name: &str| {
        let columns = file.row_group(0).columns();
        columns
            .iter()
            .find(|column| column.column_path().string() == name)
            .unwrap()
    };
    let has = |name: &str, encoding: Encoding| column(name).encodings().any(|at| at == encoding);
    assert!(has("i64", Encoding::DELTA_BINARY_PACKED));
    assert!(has("i32", Encoding::RLE_DICTIONARY));
    assert!(has("f32", Encoding::BYTE_STREAM_SPLIT));
    assert!(has("text", Encoding::DELTA_LENGTH_BYTE_ARRAY));
    assert!(has("f64", Encoding::PLAIN) && !has("f64", Encoding::RLE_DICTIONARY));
    assert!(has("i16", Encoding::PLAIN) && !has("i16", Encoding::RLE_DICTIONARY));
    assert!(has("category", Encoding::RLE_DICTIONARY));
    assert_eq!(column("f64").compression(), Compression::UNCOMPRESSED);
    assert!(matches!(column("i64").compression(), Compression::ZSTD(_)));
    assert_eq!(column("money").column_type(), Type::INT64);
    assert_eq!(column("rate").column_type(), Type::INT32);
    assert_eq!(column("timestamp").column_type(), Type::INT64);
    assert_eq!(column("category").column_type(), Type::BYTE_ARRAY);
}

#[test]
fn order_statistics_and_indexes_are_declared() {
    let batch = with_hints(&numbers(1_000), &[("id", "sorted", "asc")]);
    let file = metadata(&write_one(Parquet::zstd(1), &batch));
    assert_eq!(file.num_row_groups(), 4);
    assert_eq!(file.file_metadata().num_rows(), 1_000);
    let mut at = 0;
    for (number, group) in file.row_groups().iter().enumerate() {
        let sorting = group.sorting_columns().unwrap();
        assert_eq!(
            (sorting.len(), sorting[0].column_idx, sorting[0].descending),
            (1, 0, false)
        );
        let statistics = group.column(0).statistics().unwrap();
        let first: [u8; 8] = statistics.min_bytes_opt().unwrap().try_into().unwrap();
        assert_eq!(i64::from_le_bytes(first), at);
        at += group.num_rows();
        let last: [u8; 8] = statistics.max_bytes_opt().unwrap().try_into().unwrap();
        assert_eq!(i64::from_le_bytes(last), at - 1);
        let pages = &file.offset_index().unwrap()[number][0].page_locations;
        assert_eq!(pages[0].first_row_index, 0);
        assert!(file.column_index().unwrap()[number][0].is_sorted());
    }
    assert_eq!(at, 1_000);
}

#[test]
fn files_carry_no_hints() {
    let bytes = write_one(Parquet::zstd(1), &hinted());
    let file = metadata(&bytes);
    let created_by = file.file_metadata().created_by().unwrap();
    assert_eq!(created_by, concat!("lakeseed ", env!("CARGO_PKG_VERSION")));
    let schema = crate::readback::read_parquet(&bytes).schema();
    assert!(
        schema
            .fields()
            .iter()
            .all(|field| field.metadata().is_empty())
    );
    let hint = b"lakeseed:";
    assert!(!bytes.windows(hint.len()).any(|window| window == hint));
    for format in [
        lakeseed_sink::FormatKind::Arrow,
        lakeseed_sink::FormatKind::ArrowStream,
    ] {
        let bytes = write_one(format.into(), &hinted());
        assert!(!bytes.windows(hint.len()).any(|window| window == hint));
    }
}

#[test]
fn row_groups_keep_both_limits() {
    let batch = flat_batch(9, 20_000, 0);
    let rows = 20_000;
    for (layout, expected) in [
        (
            Layout {
                files: Some(1),
                row_group_rows: 4_096,
                ..Layout::default()
            },
            4_096,
        ),
        (
            Layout {
                files: Some(1),
                row_group_bytes: 300_000,
                ..Layout::default()
            },
            3_000,
        ),
    ] {
        let files = write(
            Parquet::plain(),
            layout,
            2,
            BatchSource::new(batch.clone()),
            rows,
        );
        let bytes = files.values().next().unwrap();
        let file = metadata(bytes);
        for group in file.row_groups() {
            assert!(group.num_rows() <= expected, "{}", group.num_rows());
            assert!(group.compressed_size() <= layout.row_group_bytes as i64 * 11 / 10);
        }
        assert!(file.num_row_groups() >= 5);
    }
}

#[test]
fn files_are_about_as_large_as_asked() {
    let batch = flat_batch(10, 40_000, 0);
    let layout = Layout {
        file_bytes: 500_000,
        ..Layout::default()
    };
    let files = write(Parquet::plain(), layout, 2, BatchSource::new(batch), 40_000);
    assert!(files.len() > 3);
    for bytes in files.values() {
        assert!((400_000..600_000).contains(&bytes.len()), "{}", bytes.len());
    }
}

#[test]
fn pages_can_be_skipped_to() {
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use parquet::arrow::arrow_reader::{
        ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
    };

    let rows = 300_000;
    let layout = Layout {
        files: Some(1),
        row_group_rows: 200_000,
        ..Layout::default()
    };
    let batch = with_hints(&numbers(rows), &[("id", "encoding", "delta")]);
    let files = write(Parquet::zstd(1), layout, 1, BatchSource::new(batch), rows);
    let bytes = files.values().next().unwrap();
    let file = metadata(bytes);
    assert_eq!(file.num_row_groups(), 2);
    for (group, indexes) in file.offset_index().unwrap().iter().enumerate() {
        for index in indexes {
            let pages = &index.page_locations;
            let page_rows = 32_768;
            assert_eq!(
                pages.len() as i64,
                file.row_group(group).num_rows() / page_rows + 1
            );
            for (number, page) in pages.iter().enumerate() {
                assert_eq!(page.first_row_index, number as i64 * page_rows);
            }
            let size = |page: &parquet::file::page_index::offset_index::PageLocation| {
                i64::from(page.compressed_page_size)
            };
            assert!(
                pages
                    .windows(2)
                    .all(|pair| pair[0].offset + size(&pair[0]) == pair[1].offset)
            );
        }
    }
    // A reader that goes straight to the pages of some rows gets those rows.
    let options = ArrowReaderOptions::new()
        .with_page_index_policy(parquet::file::metadata::PageIndexPolicy::Required);
    let selection = RowSelection::from(vec![
        RowSelector::skip(131_072),
        RowSelector::select(2),
        RowSelector::skip(100_000),
        RowSelector::select(3),
    ]);
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(as_file(bytes), options)
        .unwrap()
        .with_row_selection(selection)
        .build()
        .unwrap();
    let ids: Vec<i64> = reader
        .flat_map(|batch| {
            batch
                .unwrap()
                .column(0)
                .as_primitive::<Int64Type>()
                .values()
                .to_vec()
        })
        .collect();
    assert_eq!(ids, [131_072, 131_073, 231_074, 231_075, 231_076]);
}

/// Bounds pass over NaN: readers that take it for the greatest number would skip its rows, and
/// those that compare bounds alone would find rows that are not there.
#[test]
fn a_column_with_a_nan_has_no_bounds() {
    let values: Vec<f64> = (0..2_000)
        .map(|row| if row == 40 { f64::NAN } else { f64::from(row) })
        .collect();
    let doubles: ArrayRef = Arc::new(Float64Array::from(values.clone()));
    let singles: ArrayRef = Arc::new(
        values
            .iter()
            .map(|at| Some(*at as f32))
            .collect::<Float32Array>(),
    );
    let within = ListArray::from_iter_primitive::<Float64Type, _, _>(
        values.iter().map(|at| Some(vec![Some(*at)])),
    );
    let batch = RecordBatch::try_from_iter([
        ("plain", doubles.clone()),
        ("single", singles),
        ("split", doubles.clone()),
        ("dictionary", doubles),
        ("within", Arc::new(within)),
    ])
    .unwrap();
    let hints = [
        ("split", "encoding", "byte_stream_split"),
        ("dictionary", "encoding", "dictionary"),
    ];
    let layout = Layout {
        files: Some(1),
        row_group_rows: 1_000,
        ..Layout::default()
    };
    let batch = with_hints(&batch, &hints);
    let files = write(Parquet::zstd(1), layout, 1, BatchSource::new(batch), 2_000);
    let file = metadata(files.values().next().unwrap());
    let has_bounds = |group: usize, column: usize| {
        let statistics = file.row_group(group).column(column).statistics();
        statistics.is_some_and(|at| at.min_bytes_opt().is_some() || at.max_bytes_opt().is_some())
    };
    let has_index = |group: usize, column: usize| {
        let index = &file.column_index().unwrap()[group][column];
        !matches!(index, ColumnIndexMetaData::NONE)
    };
    for column in 0..5 {
        assert!(!has_bounds(0, column), "{column}");
        assert!(!has_index(0, column), "{column}");
    }
    for column in 0..4 {
        assert!(has_bounds(1, column), "{column}");
        assert!(has_index(1, column), "{column}");
    }
}

#[test]
fn between_row_groups_stand_pages_alone() {
    let bytes = write_one(Parquet::zstd(1), &flat_batch(9, 1_000, 20));
    let file = metadata(&bytes);
    let mut at = 4;
    for group in file.row_groups() {
        for column in group.columns() {
            let (start, size) = column.byte_range();
            // A column of the parquet crate brings the mark of a file of its own.
            assert!(start == at || start == at + 4, "{}", column.column_path());
            at = start + size;
        }
    }
}

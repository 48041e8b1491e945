//! Nothing is found where nothing is wrong.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StructArray};
use arrow_schema::{DataType, Field, Fields, Schema};
use lakeseed_sink::{Error, FindingKind, LocalStore, MemoryStore, Store, Verify};

use crate::support::{Output, ROWS, formats, kinds, of_kind, pets, verify, verify_with, write};

#[test]
fn every_format_compression_and_partitioning_is_clean() {
    let rows = pets(ROWS);
    for format in formats() {
        for by_year in [false, true] {
            let output = Output::of(format, &rows, 3, by_year);
            let found = output.verify();
            assert_eq!(kinds(&found), [], "{format} {by_year} {found:#?}");
            let parts = if by_year { 9 } else { 3 };
            assert_eq!((found.parts, found.rows_compared), (parts, ROWS as u64));
            assert_eq!(found.rows_read, ROWS as u64);
            let bytes: u64 = output.manifest().bytes();
            assert!(found.bytes_read >= bytes, "{format} {found:?}");
            assert_eq!(kinds(&output.quick()), [], "{format} {by_year}");
        }
    }
}

#[test]
fn a_folder_is_clean_and_read_in_ranges() {
    let rows = pets(ROWS);
    for format in formats() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::new(folder.path());
        write(&store, format, &rows, 2, true);
        let found = verify(Arc::new(LocalStore::new(folder.path())), &rows);
        assert_eq!(kinds(&found), [], "{format} {found:#?}");
        let name = found.run_id.is_empty();
        assert!(!name);
        let path = store.list("pets/", 1).unwrap().remove(0).name;
        let whole = store.get(&path).unwrap().unwrap();
        let range = |range| store.read_range(&path, range).unwrap().unwrap();
        assert_eq!(range(3..9), whole[3..9]);
        assert_eq!(
            range(whole.len() as u64 - 2..u64::MAX),
            whole[whole.len() - 2..]
        );
        assert_eq!(range(u64::MAX / 4..u64::MAX), [0; 0]);
        assert_eq!(store.read_range("pets/none", 0..1).unwrap(), None);
    }
}

#[test]
fn nested_columns_with_hints_are_compared_by_value() {
    let hint: std::collections::HashMap<String, String> =
        [("lakeseed:x".to_owned(), "y".to_owned())].into();
    let inner = Fields::from(vec![
        Field::new("a", DataType::Int64, true).with_metadata(hint),
        Field::new("b", DataType::Float64, true),
    ]);
    let nested = |first: i64| {
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + 500));
        let halves: ArrayRef = Arc::new(Float64Array::from_iter_values((0..500).map(f64::from)));
        let pair = StructArray::new(inner.clone(), vec![ids, halves], None);
        let mut list = ListBuilder::new(StringBuilder::new());
        for row in 0..500 {
            for item in 0..row % 3 {
                list.values().append_value(format!("{row}-{item}"));
            }
            list.append(row % 7 != 0);
        }
        let list = list.finish();
        let schema = Schema::new(vec![
            Field::new("pair", DataType::Struct(inner.clone()), true),
            Field::new("list", list.data_type().clone(), true),
        ]);
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(pair), Arc::new(list)]).unwrap()
    };
    for format in formats() {
        if format.kind() == lakeseed_sink::FormatKind::Csv {
            continue;
        }
        let output = Output::new(format, &nested(0), 1);
        assert_eq!(
            kinds(&output.verify()),
            [],
            "{format} {:#?}",
            output.verify()
        );
        output.take_from(&Output::new(format, &nested(1), 1), 0);
        let found = output.verify();
        let values = of_kind(&found, FindingKind::Value);
        assert_eq!(values[0].column.as_deref(), Some("pair"), "{format}");
        assert!(values[0].expected.contains('0') && values[0].found.contains('1'));
    }
}

#[test]
fn an_empty_table_is_clean() {
    for format in formats() {
        let output = Output::new(format, &pets(0), 1);
        let found = output.verify();
        assert_eq!(kinds(&found), [], "{format} {found:#?}");
        assert_eq!(kinds(&output.quick()), [], "{format}");
    }
}

#[test]
fn without_a_source_everything_but_values_is_checked() {
    for format in formats() {
        let output = Output::new(format, &pets(ROWS), 2);
        let found = Verify::new(Arc::new(output.store.clone())).run().unwrap();
        assert_eq!(
            kinds(&found),
            [FindingKind::NoSource],
            "{format} {found:#?}"
        );
        assert!(found.is_clean());
        assert_eq!((found.rows_compared, found.rows_read), (0, ROWS as u64));
        output.take_from(&Output::new(format, &pets(ROWS - 2), 2), 1);
        let found = Verify::new(Arc::new(output.store.clone())).run().unwrap();
        assert_eq!(
            of_kind(&found, FindingKind::MissingRows).len(),
            1,
            "{format}"
        );
    }
}

#[test]
fn findings_do_not_depend_on_threads() {
    let rows = pets(ROWS);
    let format = lakeseed_sink::Json::plain();
    let output = Output::of(format, &rows, 3, true);
    for part in [1, 4, 7] {
        let mut bytes = output.bytes(part);
        bytes[200] ^= 1;
        output.set(part, &bytes);
    }
    output.store.replace("pets/stranger", b"?").unwrap();
    let one = verify_with(Arc::new(output.store.clone()), &rows, 1);
    assert_eq!(one.errors().count(), 6, "{one:#?}");
    for threads in [2, 3, 16] {
        let many = verify_with(Arc::new(output.store.clone()), &rows, threads);
        assert_eq!(many.findings, one.findings);
    }
    let json = serde_json::to_value(&one).unwrap();
    assert_eq!(json["findings"][0]["grade"], "error");
    assert_eq!(json["findings"][0]["what"], "digest");
}

#[test]
fn what_is_not_finished_is_refused() {
    let store = MemoryStore::new();
    let run = |store: &MemoryStore| Verify::new(Arc::new(store.clone())).run();
    assert!(matches!(run(&store), Err(Error::NoOutput { .. })));
    store.replace("_lakeseed/plan-1.json", b"{}").unwrap();
    assert!(matches!(run(&store), Err(Error::Unfinished { .. })));
}

//! Other rows in a valid file: the row and the column are named.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray};
use lakeseed_sink::{FindingKind, FormatKind, Grade, Store};

use crate::support::{
    Output, ROWS, formats, ids_as_text, kinds, of_kind, pets, with_column, with_id,
};

/// Where the one damaged value is: the row's number in the table, which is in the second file.
const ROW: usize = 2_013;

/// Puts rows with one changed value into the second file and expects exactly that to be told.
fn check(name: &str, changed: &RecordBatch, expected: &str, found: &str) {
    for format in formats() {
        let output = Output::new(format, &pets(ROWS), 2);
        output.take_from(&Output::new(format, changed, 2), 1);
        let findings = output.verify();
        let values = of_kind(&findings, FindingKind::Value);
        assert_eq!(values.len(), 1, "{format} {name} {findings:#?}");
        let value = values[0];
        assert_eq!(value.row, Some(ROW as u64), "{format} {name}");
        assert_eq!(value.column.as_deref(), Some(name), "{format}");
        assert_eq!(value.table, "pets");
        assert_eq!(value.part.as_deref(), Some(output.path(1).as_str()));
        assert_eq!(value.grade, Grade::Error);
        // JSON quotes texts, CSV where it must.
        let shown = [
            value.expected.trim_matches('"'),
            value.found.trim_matches('"'),
        ];
        assert_eq!(shown, [expected, found], "{format}");
        let others = findings
            .findings
            .iter()
            .filter(|finding| finding.what != FindingKind::Value);
        let others: Vec<_> = others.map(|finding| finding.what).collect();
        let only_bytes = others
            .iter()
            .all(|what| matches!(what, FindingKind::Size | FindingKind::Digest));
        assert!(only_bytes && others.len() == 1, "{format} {findings:#?}");
    }
}

#[test]
fn a_number() {
    check("id", &with_id(&pets(ROWS), ROW, -7), "2013", "-7");
}

#[test]
fn the_sign_of_a_zero_and_the_last_bit_of_a_double() {
    let rows = pets(ROWS);
    let weight = ROW as f64 / 8.0;
    let next = f64::from_bits(weight.to_bits() + 1);
    let weights: Float64Array = rows["weight"]
        .as_primitive::<arrow_array::types::Float64Type>()
        .iter()
        .enumerate()
        .map(|(row, weight)| if row == ROW { Some(next) } else { weight })
        .collect();
    let changed = with_column(&rows, "weight", Arc::new(weights));
    check("weight", &changed, &weight.to_string(), &next.to_string());
}

#[test]
fn a_text() {
    let rows = pets(ROWS);
    let names: StringArray = rows["name"]
        .as_string::<i32>()
        .iter()
        .enumerate()
        .map(|(row, name)| if row == ROW { Some("Bello") } else { name })
        .collect();
    check(
        "name",
        &with_column(&rows, "name", Arc::new(names)),
        "São Paulo 🦀",
        "Bello",
    );
}

#[test]
fn a_value_of_a_dictionary() {
    let rows = pets(ROWS);
    // Another dictionary with the same values in another order changes nothing else.
    let kinds = rows["kind"].as_dictionary::<Int32Type>();
    let keys: Int32Array = kinds
        .keys()
        .iter()
        .enumerate()
        .map(|(row, key)| {
            if row == ROW {
                Some(0)
            } else {
                key.map(|key| 2 - key)
            }
        })
        .collect();
    let values: ArrayRef = Arc::new(StringArray::from(vec!["ç", "a,b", "dog"]));
    let kinds = DictionaryArray::<Int32Type>::try_new(keys, values).unwrap();
    check(
        "kind",
        &with_column(&rows, "kind", Arc::new(kinds)),
        "dog",
        "ç",
    );
}

#[test]
fn a_null_is_not_a_value() {
    let rows = pets(ROWS);
    for format in formats() {
        let weights: Float64Array = rows["weight"]
            .as_primitive::<arrow_array::types::Float64Type>()
            .iter()
            .enumerate()
            .map(|(row, weight)| if row == ROW { None } else { weight })
            .collect();
        let output = Output::new(format, &rows, 2);
        let changed = with_column(&rows, "weight", Arc::new(weights));
        output.take_from(&Output::new(format, &changed, 2), 1);
        let findings = output.verify();
        let value = of_kind(&findings, FindingKind::Value)[0];
        assert_eq!(
            (value.row, value.column.as_deref()),
            (Some(ROW as u64), Some("weight"))
        );
        let null = if format.kind() == FormatKind::Csv {
            ""
        } else {
            "null"
        };
        assert_eq!(
            (value.expected.as_str(), value.found.as_str()),
            ("251.625", null),
            "{format}"
        );
    }
}

#[test]
fn many_values_are_counted() {
    let rows = pets(ROWS);
    let ids = (0..ROWS as i64).map(|id| if id % 10 == 0 { -1 } else { id });
    let ids = arrow_array::Int64Array::from_iter_values(ids);
    let changed = with_column(&rows, "id", Arc::new(ids));
    for format in formats() {
        let output = Output::new(format, &rows, 1);
        output.take_from(&Output::new(format, &changed, 1), 0);
        let findings = output.verify();
        let values = of_kind(&findings, FindingKind::Value);
        let rows: Vec<_> = values.iter().filter_map(|value| value.row).collect();
        assert_eq!(rows, [0, 10, 20, 30, 40], "{format}");
        let count = of_kind(&findings, FindingKind::Values)[0];
        assert_eq!(count.found, "300 values of 300 rows differ in all");
        assert_eq!(findings.rows_compared, ROWS as u64);
    }
}

#[test]
fn missing_and_surplus_rows() {
    let rows = pets(ROWS);
    for format in formats() {
        let whole = Output::new(format, &rows, 1);
        let short = Output::new(format, &rows.slice(0, ROWS - 40), 1);
        let (long_bytes, short_bytes) = (whole.bytes(0), short.bytes(0));
        whole.set(0, &short_bytes);
        let findings = whole.verify();
        let missing = of_kind(&findings, FindingKind::MissingRows);
        assert_eq!(missing.len(), 1, "{format} {findings:#?}");
        assert_eq!(missing[0].row, Some(2_960), "{format}");
        assert_eq!(
            (missing[0].expected.as_str(), missing[0].found.as_str()),
            ("3000 rows", "2960 rows")
        );
        assert_eq!(
            of_kind(&findings, FindingKind::Value),
            [] as [&lakeseed_sink::Finding; 0]
        );
        short.set(0, &long_bytes);
        let findings = short.verify();
        let surplus = of_kind(&findings, FindingKind::SurplusRows);
        assert_eq!(surplus.len(), 1, "{format} {findings:#?}");
        assert_eq!(surplus[0].row, Some(2_960), "{format}");
        assert_eq!(surplus[0].found, "3000 rows");
        assert_eq!(
            of_kind(&findings, FindingKind::Value),
            [] as [&lakeseed_sink::Finding; 0]
        );
    }
}

#[test]
fn another_type_is_named() {
    let rows = pets(ROWS);
    for format in formats() {
        if matches!(format.kind(), FormatKind::Csv | FormatKind::Json) {
            continue;
        }
        let output = Output::new(format, &rows, 1);
        output.take_from(&Output::new(format, &ids_as_text(&rows), 1), 0);
        let findings = output.verify();
        let types = of_kind(&findings, FindingKind::Type);
        assert_eq!(types.len(), 1, "{format} {findings:#?}");
        assert_eq!(types[0].column.as_deref(), Some("id"));
        assert_eq!(types[0].expected, "Int64 not null");
        assert_eq!(types[0].found, "Utf8 not null");
        // The other columns are compared all the same.
        assert_eq!(findings.rows_compared, ROWS as u64);
        assert_eq!(of_kind(&findings, FindingKind::Value).len(), 0);
    }
}

#[test]
fn other_columns_are_named() {
    let rows = pets(ROWS);
    let fewer = rows.project(&[0, 1, 2, 3, 4, 5, 6, 7]).unwrap();
    let turned = rows.project(&[1, 0, 2, 3, 4, 5, 6, 7, 8]).unwrap();
    for format in formats() {
        for (changed, column) in [(&fewer, Some("is_good")), (&turned, None)] {
            let output = Output::new(format, &rows, 1);
            output.take_from(&Output::new(format, changed, 1), 0);
            let findings = output.verify();
            if format.kind() == FormatKind::Json {
                assert!(!of_kind(&findings, FindingKind::Value).is_empty());
                continue;
            }
            let columns = of_kind(&findings, FindingKind::Columns);
            assert_eq!(columns.len(), 1, "{format} {findings:#?}");
            if format.kind() != FormatKind::Csv {
                assert_eq!(columns[0].column.as_deref(), column, "{format}");
            }
        }
    }
}

#[test]
fn another_source_differs_and_a_failing_one_is_told() {
    let output = Output::new(lakeseed_sink::Parquet::zstd(1), &pets(ROWS), 1);
    let few = crate::support::verify(Arc::new(output.store.clone()), &pets(100));
    assert_eq!(kinds(&few), [FindingKind::NotMade], "{few:#?}");
    assert!(!few.is_clean());
    let other = crate::support::verify(Arc::new(output.store.clone()), &ids_as_text(&pets(ROWS)));
    assert_eq!(kinds(&other), [FindingKind::NotMade]);
    assert!(other.findings[0].found.contains("Utf8"), "{other:#?}");
}

#[test]
fn a_part_in_another_folder_is_named() {
    let output = Output::of(lakeseed_sink::Parquet::plain(), &pets(ROWS), 1, true);
    let mut manifest = output.manifest();
    let part = &mut manifest.tables[0].parts[1];
    let bytes = output.store.get(&part.path).unwrap().unwrap();
    output.store.remove(&part.path).unwrap();
    part.path = part.path.replace("year=2021", "year=2031");
    output.store.replace(&part.path, &bytes).unwrap();
    output.set_manifest(&manifest);
    let findings = output.verify();
    assert_eq!(kinds(&findings), [FindingKind::Value], "{findings:#?}");
    let value = &findings.findings[0];
    assert_eq!(
        (value.row, value.column.as_deref()),
        (Some(1_000), Some("year"))
    );
    assert_eq!(
        (value.expected.as_str(), value.found.as_str()),
        ("2021", "2031")
    );
}

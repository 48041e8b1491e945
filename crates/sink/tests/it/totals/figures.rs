//! Sums, bounds, nulls, and totals as a value: JSON, merging, differences.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, Date32Array, Decimal128Array, DictionaryArray, Int32Array, Int64Array,
    IntervalYearMonthArray, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema};
use lakeseed_sink::{Error, Tally, Totals};
use proptest::prelude::*;

use super::{total, totals};
use crate::support::with_hints;

fn pets() -> RecordBatch {
    let price = Decimal128Array::from(vec![Some(-1_050), Some(99), None]);
    let columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3])), false),
        (
            "name",
            Arc::new(StringArray::from(vec!["Rex", "Ada", "Zoë"])),
            false,
        ),
        (
            "legs",
            Arc::new(Int32Array::from(vec![Some(4), None, Some(3)])),
            true,
        ),
        (
            "price",
            Arc::new(price.with_precision_and_scale(12, 2).unwrap()),
            true,
        ),
        (
            "born",
            Arc::new(Date32Array::from(vec![19_388, 19_389, -1])),
            false,
        ),
        (
            "seen",
            Arc::new(TimestampMicrosecondArray::from(vec![
                1_675_168_496_123_456,
                0,
                1,
            ])),
            false,
        ),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let hints = [
        ("id", "key", "primary"),
        ("id", "sorted", "asc"),
        ("name", "key", "primary"),
        ("legs", "total", "sum"),
    ];
    with_hints(&batch, &hints)
}

const PETS: &str = r#"{
  "rows": 3,
  "row_hash": "881d77709c1781d0778238db0d09956c",
  "sums": {
    "legs": "7",
    "price": "-9.51"
  },
  "bounds": {
    "born": {
      "kind": "date",
      "min": "1969-12-31",
      "max": "2023-02-01"
    },
    "id": {
      "kind": "integer",
      "min": "1",
      "max": "3"
    },
    "name": {
      "kind": "text",
      "min": "Ada",
      "max": "Zoë"
    },
    "seen": {
      "kind": "timestamp",
      "min": "1970-01-01T00:00:00.000000",
      "max": "2023-01-31T12:34:56.123456"
    }
  },
  "nulls": {
    "legs": 1,
    "price": 1
  }
}"#;

#[test]
fn value_stability() {
    assert_eq!(serde_json::to_string_pretty(&total(&pets())).unwrap(), PETS);
}

#[test]
fn json_reads_back_and_nothing_else_is_read() {
    let read: Totals = serde_json::from_str(PETS).unwrap();
    assert_eq!(read, total(&pets()));
    let mut twice = read.clone();
    twice.merge(&read).unwrap();
    assert_eq!(twice, totals(&[pets(), pets()]));
    for (text, broken) in [
        ("\"-9.51\"", "\"-9.5.1\""),
        ("2023-02-01", "2023-02-31"),
        ("\"1970-01-01T00:00:00.000000\"", "\"1970-01-01\""),
        ("\"integer\"", "\"number\""),
        ("\"max\": \"3\"", "\"max\": \"three\""),
        ("\"row_hash\": \"", "\"row_hash\": \"0"),
    ] {
        let broken = PETS.replacen(text, broken, 1);
        assert_ne!(broken, PETS);
        assert!(serde_json::from_str::<Totals>(&broken).is_err(), "{broken}");
    }
}

#[test]
fn differences_are_told_one_by_one() {
    let ours = total(&pets());
    assert_eq!(ours.difference(&ours), Vec::<String>::new());
    let theirs = total(&pets().slice(0, 2));
    let lines = ours.difference(&theirs);
    let expected = [
        "rows: 3 against 2",
        "row hash: ",
        "sum of `legs`: 7 against 4",
        "bounds of `born`: date 1969-12-31 to 2023-02-01 against date 2023-01-31 to 2023-02-01",
        "bounds of `id`: integer 1 to 3 against integer 1 to 2",
        "bounds of `name`: text Ada to Zoë against text Ada to Rex",
        "nulls of `price`: 1 against 0",
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}");
    }
    let bare = total(&pets().project(&[0, 1, 2, 4, 5]).unwrap());
    let lines = ours.difference(&bare);
    assert!(lines.contains(&"sum of `price`: -9.51 against none".to_owned()));
}

#[test]
fn unlike_totals_do_not_merge() {
    let mut ours = total(&pets());
    let before = ours.clone();
    let other_columns = total(&pets().project(&[0, 1]).unwrap());
    let coarse = Decimal128Array::from(vec![1])
        .with_precision_and_scale(12, 1)
        .unwrap();
    let coarse = RecordBatch::try_from_iter([("x", Arc::new(coarse) as ArrayRef)]).unwrap();
    let fine = Decimal128Array::from(vec![1])
        .with_precision_and_scale(12, 2)
        .unwrap();
    let fine = RecordBatch::try_from_iter([("x", Arc::new(fine) as ArrayRef)]).unwrap();
    assert!(matches!(
        ours.merge(&other_columns),
        Err(Error::Invalid { .. })
    ));
    assert_eq!(ours, before);
    assert!(total(&fine).merge(&total(&coarse)).is_err());
    let full = Totals {
        rows: u64::MAX,
        ..before.clone()
    };
    assert!(ours.merge(&full).is_err());
    assert_eq!(ours, before);
}

#[test]
fn one_long_text_takes_the_bounds_away() {
    let key = |texts: Vec<&str>| {
        let column: ArrayRef = Arc::new(StringArray::from(texts));
        let batch = RecordBatch::try_from_iter([("key", column)]).unwrap();
        total(&with_hints(&batch, &[("key", "key", "primary")]))
    };
    let (edge, long) = ("m".repeat(64), "m".repeat(65));
    assert_eq!(key(vec!["a", &edge]).bounds["key"].max(), Some(edge));
    // It is neither the least nor the greatest, but would be in a part of its own.
    let whole = key(vec!["a", "z", &long]);
    assert!(whole.bounds["key"].is_too_long());
    let mut merged = key(vec![&long]);
    merged.merge(&key(vec!["z", "a"])).unwrap();
    assert_eq!(merged, whole);
    let json = serde_json::to_string(&whole.bounds).unwrap();
    assert_eq!(json, r#"{"key":{"kind":"text","too_long":true}}"#);
    assert_eq!(key(vec![]).bounds["key"].min(), None);
}

#[test]
fn sums_do_not_run_over() {
    let column: ArrayRef = Arc::new(Decimal128Array::from(vec![i128::MAX; 5_000]));
    let batch = RecordBatch::try_from_iter([("x", column)]).unwrap();
    let sum = total(&batch).sums["x"].to_string();
    // 5,000 x (2^127 - 1), with the ten digits of the type after the point.
    assert_eq!(sum, "85070591730234615865843651857942.0528635000");
}

#[test]
fn what_has_no_totals_is_refused() {
    let refused = |fields: Vec<Field>| Tally::try_new(&Arc::new(Schema::new(fields))).err();
    let interval = IntervalYearMonthArray::from(vec![1]).data_type().clone();
    let inner = Field::new(
        "pair",
        DataType::Struct(vec![Field::new("gap", interval, true)].into()),
        true,
    );
    let error = refused(vec![inner]).unwrap().to_string();
    assert!(error.contains("`pair.gap`"), "{error}");
    let id = || Field::new("id", DataType::Int64, false);
    assert!(matches!(
        refused(vec![id(), id()]),
        Some(Error::Invalid { .. })
    ));
    let mut tally = Tally::try_new(&pets().schema()).unwrap();
    assert!(
        tally
            .add(&pets().project(&[0, 1, 2, 3, 5, 4]).unwrap())
            .is_err()
    );
    assert!(tally.add(&pets().project(&[0]).unwrap()).is_err());
    assert_eq!(tally.take().rows, 0);
}

#[test]
fn a_tally_starts_anew_after_each_part() {
    let mut tally = Tally::try_new(&pets().schema()).unwrap();
    for _ in 0..2 {
        tally.add(&pets()).unwrap();
        assert_eq!(tally.take(), total(&pets()));
    }
    assert_eq!(tally.take().bounds["id"].min(), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bounds_and_sums_are_those_of_the_values(
        mut ids in proptest::collection::vec(any::<Option<i32>>(), 1..2_000),
        texts in proptest::collection::vec("[a-c]{0,10}", 1..2_000),
        money in proptest::collection::vec(any::<Option<i64>>(), 1..2_000),
        is_sorted in any::<bool>(),
    ) {
        if is_sorted {
            ids.sort_unstable();
        }
        let count = ids.len().min(texts.len()).min(money.len());
        let (ids, texts, money) = (&ids[..count], &texts[..count], &money[..count]);
        let keys: DictionaryArray<Int32Type> = texts.iter().map(String::as_str).collect();
        let wide = |value: i64| i128::from(value) * 1_000_000_007;
        let amounts: Decimal128Array = money.iter().map(|value| value.map(wide)).collect();
        let counts: UInt64Array = money.iter().map(|value| value.map(|value| value as u64)).collect();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("id", Arc::new(Int32Array::from(ids.to_vec()))),
            ("text", Arc::new(StringArray::from_iter_values(texts))),
            ("code", Arc::new(keys)),
            ("money", Arc::new(amounts.with_precision_and_scale(38, 0).unwrap())),
            ("count", Arc::new(counts)),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, array)| (name, array, true)),
        ).unwrap();
        let mut hints = vec![
            ("id", "key", "primary"),
            ("text", "key", "primary"),
            ("count", "total", "sum"),
        ];
        if is_sorted {
            hints.push(("id", "sorted", "asc"));
        }
        let totals = total(&with_hints(&batch, &hints));
        let id = &totals.bounds["id"];
        prop_assert_eq!(id.min(), ids.iter().flatten().min().map(ToString::to_string));
        prop_assert_eq!(id.max(), ids.iter().flatten().max().map(ToString::to_string));
        let text = &totals.bounds["text"];
        prop_assert_eq!(text.min(), texts.iter().min().cloned());
        prop_assert_eq!(text.max(), texts.iter().max().cloned());
        let sum: i128 = money.iter().flatten().map(|value| wide(*value)).sum();
        prop_assert_eq!(totals.sums["money"].to_string(), sum.to_string());
        let sum: i128 = money.iter().flatten().map(|value| i128::from(*value as u64)).sum();
        prop_assert_eq!(totals.sums["count"].to_string(), sum.to_string());
        let nulls = ids.iter().filter(|id| id.is_none()).count() as u64;
        prop_assert_eq!(totals.nulls.get("id").copied().unwrap_or(0), nulls);
    }
}

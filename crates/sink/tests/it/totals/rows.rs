//! The hash of the rows.

use std::sync::Arc;

use arrow_array::builder::{FixedSizeListBuilder, Int32Builder, MapBuilder, StringBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BinaryArray, Decimal128Array, DictionaryArray, FixedSizeBinaryArray,
    Float32Array, Float64Array, Int8Array, Int32Array, Int64Array, LargeStringArray, NullArray,
    RecordBatch, StringArray, StringViewArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt64Array,
};
use proptest::prelude::*;

use super::{oracle, total, totals};
use crate::support::{Random, flat_batch, nested_batch, without_dictionaries};

fn hash_of(columns: Vec<(&str, ArrayRef)>) -> u128 {
    total(&RecordBatch::try_from_iter(columns).unwrap()).row_hash
}

fn one(array: impl Array + 'static) -> u128 {
    hash_of(vec![("x", Arc::new(array))])
}

/// Pieces of random sizes, some of them empty.
fn cut(batch: &RecordBatch, seed: u64) -> Vec<RecordBatch> {
    let mut random = Random(seed);
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < batch.num_rows() {
        let len = (random.below(900) as usize).min(batch.num_rows() - at);
        pieces.push(batch.slice(at, len));
        at += len;
    }
    pieces
}

fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut random = Random(seed);
    let mut order: Vec<usize> = (0..count).collect();
    for at in (1..count).rev() {
        order.swap(at, random.below(at as u64 + 1) as usize);
    }
    order
}

fn taken(batch: &RecordBatch, rows: &[usize]) -> RecordBatch {
    let rows = UInt64Array::from_iter_values(rows.iter().map(|row| *row as u64));
    arrow_select::take::take_record_batch(batch, &rows).unwrap()
}

fn with_column(batch: &RecordBatch, at: usize, array: ArrayRef) -> RecordBatch {
    let mut columns = batch.columns().to_vec();
    columns[at] = array;
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_oracle_agrees(
        seed in any::<u64>(),
        rows in 1_usize..2_500,
        nulls in prop_oneof![Just(0_u64), 1..60_u64, Just(100_u64)],
    ) {
        for batch in [flat_batch(seed, rows, nulls), nested_batch(seed, rows, nulls)] {
            let pieces = cut(&batch, seed);
            prop_assert_eq!(totals(&pieces).row_hash, oracle::row_hash(&pieces));
        }
    }

    #[test]
    fn order_and_cuts_do_not_matter(
        seed in any::<u64>(),
        rows in 1_usize..2_500,
        nulls in prop_oneof![Just(0_u64), 1..60_u64],
    ) {
        for batch in [flat_batch(seed, rows, nulls), nested_batch(seed, rows, nulls)] {
            let whole = total(&batch);
            prop_assert_eq!(&totals(&cut(&batch, !seed)), &whole);
            prop_assert_eq!(&total(&taken(&batch, &shuffled(rows, seed))), &whole);
            let columns = shuffled(batch.num_columns(), seed);
            prop_assert_eq!(&total(&batch.project(&columns).unwrap()), &whole);
            prop_assert_eq!(&total(&without_dictionaries(&batch)), &whole);
        }
    }

    #[test]
    fn parts_merge_to_the_whole(
        seed in any::<u64>(),
        rows in 1_usize..1_500,
        nulls in prop_oneof![Just(0_u64), 1..60_u64],
    ) {
        let batch = flat_batch(seed, rows, nulls);
        let whole = total(&batch);
        let parts: Vec<_> = cut(&batch, seed).iter().map(total).collect();
        let mut forward = lakeseed_sink::Totals::default();
        for at in shuffled(parts.len(), seed) {
            forward.merge(&parts[at]).unwrap();
        }
        prop_assert_eq!(&forward, &whole);
        // Halves first, then the halves: the other way to set brackets.
        let (left, right) = parts.split_at(parts.len() / 2);
        let join = |parts: &[lakeseed_sink::Totals]| {
            let mut joined = lakeseed_sink::Totals::default();
            for part in parts {
                joined.merge(part).unwrap();
            }
            joined
        };
        let mut halves = join(right);
        halves.merge(&join(left)).unwrap();
        prop_assert_eq!(&halves, &whole);
    }

    #[test]
    fn no_changed_value_escapes(seed in any::<u64>(), rows in 2_usize..300) {
        let batch = without_dictionaries(&flat_batch(seed, rows, 20));
        let whole = total(&batch);
        let mut random = Random(seed);
        let (one, other) = (random.below(rows as u64) as usize, random.below(rows as u64) as usize);
        for (at, array) in batch.columns().iter().enumerate() {
            // The values of two rows of one column change places.
            let mut order: Vec<usize> = (0..rows).collect();
            order.swap(one, other);
            let swapped = taken(&batch, &order).column(at).clone();
            let is_same = swapped.to_data() == array.to_data();
            let changed = total(&with_column(&batch, at, swapped));
            prop_assert_eq!(changed.row_hash == whole.row_hash, is_same, "column {}", at);
            // The value of one row takes the place of another's.
            order[one] = one;
            let copied = taken(&batch, &order).column(at).clone();
            let is_same = copied.to_data() == array.to_data();
            let changed = total(&with_column(&batch, at, copied));
            prop_assert_eq!(changed.row_hash == whole.row_hash, is_same, "column {}", at);
        }
        // A row that stands twice, and one that is missing.
        let twice: Vec<usize> = (0..rows).chain([one]).collect();
        prop_assert_ne!(total(&taken(&batch, &twice)).row_hash, whole.row_hash);
        prop_assert_ne!(total(&batch.slice(1, rows - 1)).row_hash, whole.row_hash);
    }

    #[test]
    fn values_do_not_change_columns_unseen(left in any::<i64>(), right in any::<i64>()) {
        let pair = |left: i64, right: i64| hash_of(vec![
            ("left", Arc::new(Int64Array::from(vec![left]))),
            ("right", Arc::new(Int64Array::from(vec![right]))),
        ]);
        prop_assert_eq!(pair(left, right) == pair(right, left), left == right);
    }

    #[test]
    fn no_bit_escapes(value in any::<i128>(), bit in 0..128_u32) {
        let decimal = |value: i128| one(Decimal128Array::from(vec![value]));
        prop_assert_ne!(decimal(value), decimal(value ^ (1 << bit)));
        let value = value as i64;
        let integer = |value: i64| one(Int64Array::from(vec![value]));
        prop_assert_ne!(integer(value), integer(value ^ (1 << (bit % 64))));
    }
}

#[test]
fn the_type_in_memory_does_not_matter() {
    let of_int = |value: i64| one(Int64Array::from(vec![value]));
    for value in [-128_i64, -1, 0, 1, 127] {
        assert_eq!(one(Int8Array::from(vec![value as i8])), of_int(value));
        assert_eq!(one(Int32Array::from(vec![value as i32])), of_int(value));
        let decimal = Decimal128Array::from(vec![i128::from(value)]);
        assert_eq!(
            one(decimal.with_precision_and_scale(5, 2).unwrap()),
            of_int(value)
        );
        assert_eq!(
            one(Decimal128Array::from(vec![i128::from(value)])),
            of_int(value)
        );
        let moment = one(TimestampSecondArray::from(vec![value]));
        assert_eq!(
            one(TimestampMillisecondArray::from(vec![value * 1_000])),
            moment
        );
        assert_eq!(
            one(TimestampMicrosecondArray::from(vec![value * 1_000_000])),
            moment
        );
        assert_eq!(
            one(TimestampNanosecondArray::from(vec![value * 1_000_000_000])),
            moment
        );
    }
    assert_eq!(one(UInt64Array::from(vec![7])), of_int(7));
    assert_ne!(one(UInt64Array::from(vec![u64::MAX])), of_int(-1));
    let text = one(StringArray::from(vec!["Rex"]));
    assert_eq!(one(LargeStringArray::from(vec!["Rex"])), text);
    assert_eq!(one(StringViewArray::from(vec!["Rex"])), text);
    assert_eq!(one(BinaryArray::from(vec![b"Rex".as_slice()])), text);
    let fixed = FixedSizeBinaryArray::try_from_iter([b"Rex"].into_iter()).unwrap();
    assert_eq!(one(fixed), text);
    let keys = DictionaryArray::<Int32Type>::from_iter(["Rex"]);
    assert_eq!(one(keys), text);
    let double = one(Float64Array::from(vec![0.5]));
    assert_eq!(one(Float32Array::from(vec![0.5])), double);
}

#[test]
fn doubles_count_by_their_bits() {
    let of = |value: f64| one(Float64Array::from(vec![value]));
    assert_ne!(of(0.0), of(-0.0));
    assert_eq!(of(f64::NAN), of(f64::from_bits(0xfff8_0000_0000_1234)));
    assert_eq!(one(Float32Array::from(vec![f32::NAN])), of(f64::NAN));
    assert_ne!(of(f64::NAN), of(f64::INFINITY));
}

#[test]
fn absence_is_not_a_value() {
    let none = one(Int64Array::from(vec![None]));
    for value in [0, 1, -1, i64::MIN, i64::MAX] {
        assert_ne!(one(Int64Array::from(vec![value])), none);
    }
    assert_eq!(one(StringArray::from(vec![None::<&str>])), none);
    assert_eq!(one(NullArray::new(1)), none);
    assert_ne!(one(StringArray::from(vec![""])), none);
    // A key without a value, and a key of a null.
    let values: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
    let dictionary = |key: Option<i32>| {
        DictionaryArray::<Int32Type>::try_new(Int32Array::from(vec![key]), values.clone()).unwrap()
    };
    assert_eq!(one(dictionary(None)), none);
    assert_eq!(one(dictionary(Some(1))), none);
    assert_ne!(one(dictionary(Some(0))), none);
    // One more column, be it all of zeros or nulls, is another table.
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![5]));
    let zero: ArrayRef = Arc::new(Int64Array::from(vec![0]));
    let alone = hash_of(vec![("id", ids.clone())]);
    assert_ne!(hash_of(vec![("id", ids.clone()), ("x", zero)]), alone);
    assert_ne!(
        hash_of(vec![("id", ids), ("x", Arc::new(NullArray::new(1)))]),
        alone
    );
}

#[test]
fn dictionaries_may_change_between_batches() {
    let of = |names: &[&str], keys: Vec<i32>| {
        let names: ArrayRef = Arc::new(StringArray::from(names.to_vec()));
        let column = DictionaryArray::<Int32Type>::try_new(keys.into(), names).unwrap();
        RecordBatch::try_from_iter([("x", Arc::new(column) as ArrayRef)]).unwrap()
    };
    let first = of(&["a", "b"], vec![0, 1, 1]);
    let second = of(&["b", "a"], vec![0, 1, 1]);
    let batches = [first.clone(), second.clone(), first.slice(1, 1), second];
    assert_eq!(totals(&batches).row_hash, oracle::row_hash(&batches));
    let empty = of(&[], vec![]);
    assert_eq!(totals(&[empty, first.clone()]), total(&first));
}

#[test]
fn lists_count_their_order_and_their_length() {
    let of = |lists: &[&[Option<i32>]]| {
        let mut builder = arrow_array::builder::ListBuilder::new(Int32Builder::new());
        for list in lists {
            builder.append_value(list.iter().copied());
        }
        one(builder.finish())
    };
    let known = of(&[&[Some(1), Some(2)]]);
    for other in [
        &[Some(2), Some(1)][..],
        &[Some(1)],
        &[],
        &[Some(1), Some(2), None],
        &[Some(1), Some(2), Some(0)],
    ] {
        assert_ne!(of(&[other]), known);
    }
    assert_ne!(
        of(&[&[Some(1)], &[Some(2)]]),
        of(&[&[Some(1), Some(2)], &[]])
    );
}

#[test]
fn seldom_types_follow_the_definition_too() {
    let mut fixed = FixedSizeListBuilder::new(Int32Builder::new(), 2);
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for row in 0..40_i32 {
        fixed.values().append_option((row % 3 > 0).then_some(row));
        fixed.values().append_value(-row);
        fixed.append(row % 7 > 0);
        for key in 0..row % 4 {
            map.keys().append_value(format!("key {key}"));
            map.values().append_option((row % 5 > 0).then_some(row));
        }
        map.append(row % 6 > 0).unwrap();
    }
    let nanos = (0..40).map(|row| (row % 4 > 0).then_some(row * 999_999_999_999));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("fixed", Arc::new(fixed.finish())),
        ("map", Arc::new(map.finish())),
        (
            "nanos",
            Arc::new(nanos.collect::<TimestampNanosecondArray>()),
        ),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap();
    let pieces = [batch.slice(0, 7), batch.slice(7, 33)];
    assert_eq!(totals(&pieces).row_hash, oracle::row_hash(&pieces));
}

//! Rows that have much in common, and rows at the edges of their types, beside the oracle: a tally
//! may take short ways through them, and must come out where the long way does.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::types::{
    ArrowDictionaryKeyType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, Float32Array, Float64Array,
    Int32Array, PrimitiveArray, RecordBatch, StringArray,
};
use arrow_buffer::NullBuffer;
use proptest::prelude::*;

use super::{oracle, total, totals};
use crate::support::{Random, with_hints};

/// How long a value stays, and how often it is null, in percent.
#[derive(Debug, Clone)]
struct Runs {
    lengths: Range<u64>,
    nulls: u64,
}

impl Runs {
    /// The values of `rows` rows, and which of them are no nulls. Under a null stands anything.
    fn of<T: Clone>(
        &self,
        random: &mut Random,
        rows: usize,
        make: impl Fn(&mut Random) -> T,
    ) -> (Vec<T>, NullBuffer) {
        let (mut values, mut valid) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        while values.len() < rows {
            let spread = self.lengths.end - self.lengths.start;
            let length = (self.lengths.start + random.below(spread)) as usize;
            let end = rows.min(values.len() + length);
            values.resize(end, make(random));
            valid.resize(end, random.below(100) >= self.nulls);
        }
        (values, valid.into())
    }
}

/// A decimal of few bits or of many, on either side of zero.
fn decimal(random: &mut Random) -> i128 {
    let bits = (u128::from(random.next()) << 64) | u128::from(random.next());
    bits as i128 >> [0, 40, 63, 64, 65, 90, 127][random.below(7) as usize]
}

/// Zeros of both signs are equal and have other bits; all that is not a number counts as one.
fn double(random: &mut Random) -> f64 {
    [0.0, -0.0, f64::NAN, -f64::NAN, 0.5, 1e300][random.below(6) as usize]
}

fn categories<K: ArrowDictionaryKeyType>(keys: PrimitiveArray<K>) -> ArrayRef {
    let values = StringArray::from(vec![Some("SP"), Some(""), None, Some("ç"), Some("RJ")]);
    Arc::new(DictionaryArray::try_new(keys, Arc::new(values)).unwrap())
}

/// Integers and decimals ask for their sums, integers for their bounds as well.
const HINTS: [(&str, &str, &str); 6] = [
    ("i8", "total", "sum"),
    ("i8", "key", "primary"),
    ("i64", "total", "sum"),
    ("i64", "key", "primary"),
    ("u64", "total", "sum"),
    ("u64", "key", "primary"),
];

fn batch(seed: u64, rows: usize, runs: &Runs) -> RecordBatch {
    let random = &mut Random(seed);
    let mut columns: Vec<(&str, ArrayRef)> = Vec::new();
    macro_rules! column {
        ($name:literal, $type:ty, $make:expr) => {
            let (values, nulls) = runs.of(random, rows, $make);
            let array = PrimitiveArray::<$type>::new(values.into(), Some(nulls));
            columns.push(($name, Arc::new(array)));
        };
    }
    column!("i8", Int8Type, |random| random.integer() as i8);
    column!("i16", Int16Type, |random| random.integer() as i16);
    column!("i32", Int32Type, |random| random.integer() as i32);
    column!("i64", Int64Type, Random::integer);
    column!("u8", UInt8Type, |random| random.integer() as u8);
    column!("u16", UInt16Type, |random| random.integer() as u16);
    column!("u32", UInt32Type, |random| random.integer() as u32);
    column!("u64", UInt64Type, |random| random.integer() as u64);
    column!("f32", Float32Type, |random| double(random) as f32);
    column!("f64", Float64Type, double);
    column!("date", Date32Type, |random| random.integer() as i32 >> 12);
    column!("second", TimestampSecondType, Random::integer);
    column!("micro", TimestampMicrosecondType, Random::integer);
    let money = |random: &mut Random| i128::from(random.next() >> 30);
    for (name, make) in [
        ("money", money as fn(&mut Random) -> i128),
        ("wide", decimal),
    ] {
        let (values, nulls) = runs.of(random, rows, make);
        let array = Decimal128Array::new(values.into(), Some(nulls));
        columns.push((
            name,
            Arc::new(array.with_precision_and_scale(38, 0).unwrap()),
        ));
    }
    let (keys, nulls) = runs.of(random, rows, |random| random.below(5) as i16);
    let keys = PrimitiveArray::<Int16Type>::new(keys.into(), Some(nulls));
    columns.push(("category", categories(keys)));
    let (keys, nulls) = runs.of(random, rows, |random| random.below(5) as u8);
    let keys = PrimitiveArray::<UInt8Type>::new(keys.into(), Some(nulls));
    columns.push(("small_category", categories(keys)));
    let (values, nulls) = runs.of(random, rows, |random| random.below(2) == 0);
    columns.push((
        "bool",
        Arc::new(BooleanArray::new(values.into(), Some(nulls))),
    ));
    let (values, nulls) = runs.of(random, rows, Random::text);
    let texts = values.iter().zip(&nulls);
    let texts: StringArray = texts
        .map(|(text, is_valid)| is_valid.then_some(text))
        .collect();
    columns.push(("text", Arc::new(texts)));
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    with_hints(&batch, &HINTS)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_oracle_agrees_on_runs(
        seed in any::<u64>(),
        rows in 1_usize..4_500,
        lengths in prop_oneof![Just(1..2_u64), Just(1..90_u64), Just(700..2_600_u64)],
        nulls in prop_oneof![Just(0_u64), 1..60_u64, Just(100_u64)],
    ) {
        // A slice, so that no column starts where its memory does.
        let batch = batch(seed, rows + 3, &Runs { lengths, nulls }).slice(3, rows);
        let half = rows / 2;
        let pieces = [batch.slice(0, half), batch.slice(half, 0), batch.slice(half, rows - half)];
        let found = totals(&pieces);
        prop_assert_eq!(found.row_hash, oracle::row_hash(&pieces));
        for name in ["i8", "i64", "u64", "money", "wide"] {
            let expected = oracle::sum(batch.column_by_name(name).unwrap());
            prop_assert_eq!(found.sums[name].to_string(), expected.to_string(), "{}", name);
        }
        for name in ["i8", "i64", "u64"] {
            let bounds = &found.bounds[name];
            let expected = oracle::ends(batch.column_by_name(name).unwrap());
            let expected = expected.map(|(min, max)| (min.to_string(), max.to_string()));
            prop_assert_eq!(bounds.min().zip(bounds.max()), expected, "{}", name);
        }
        for (name, nulls) in &found.nulls {
            let column = batch.column_by_name(name).unwrap();
            prop_assert_eq!(*nulls, column.logical_null_count() as u64, "{}", name);
        }
    }
}

#[test]
fn equal_zeros_are_not_the_same() {
    let doubles: ArrayRef = Arc::new(Float64Array::from(vec![0.0, -0.0, 0.0]));
    let floats: ArrayRef = Arc::new(Float32Array::from(vec![0.0, -0.0, 0.0]));
    let batch = RecordBatch::try_from_iter([("double", doubles), ("float", floats)]).unwrap();
    assert_eq!(total(&batch).row_hash, oracle::row_hash(&[batch]));
}

#[test]
fn a_key_under_a_null_may_point_anywhere() {
    let keys = PrimitiveArray::<Int32Type>::new(
        vec![i32::MAX, -1, 1, 5, 0].into(),
        Some(vec![false, false, true, false, true].into()),
    );
    let batch = RecordBatch::try_from_iter([("x", categories(keys))]).unwrap();
    assert_eq!(total(&batch).row_hash, oracle::row_hash(&[batch]));
}

#[test]
fn a_dictionary_of_nothing_has_nulls_only() {
    let keys = Int32Array::from(vec![None, None]);
    let values: ArrayRef = Arc::new(StringArray::from(Vec::<&str>::new()));
    let array: ArrayRef = Arc::new(DictionaryArray::try_new(keys, values).unwrap());
    let nulls: ArrayRef = Arc::new(Int32Array::from(vec![None, None]));
    let hash = |array| total(&RecordBatch::try_from_iter([("x", array)]).unwrap()).row_hash;
    assert_eq!(hash(array), hash(nulls));
}

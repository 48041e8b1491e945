//! Sources that are sorted by keys.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use lakeseed_budget::MIB;
use lakeseed_star_schema::{Error, Strategy};

use crate::common::{Kept, Memory, ROOMY, Way, chance, oracle, run, try_run};

/// Rows by class and pupil, `items` of each, in pieces of this size; a class of 300 pupils.
fn sorted(pupils: i64, items: impl Fn(i64) -> i64, piece: usize) -> Memory {
    let (mut classes, mut ids, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    for pupil in 0..pupils {
        for item in 0..items(pupil) {
            classes.push(format!("class {:04}", pupil / 300));
            ids.push(pupil);
            answers.push(chance(pupil as u64, item as u64) as i64 % 100);
        }
    }
    let schema = Arc::new(Schema::new(vec![
        Field::new("class", DataType::Utf8, true),
        Field::new("pupil", DataType::Int64, false),
        Field::new("answer", DataType::Int64, false),
    ]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(classes)),
        Arc::new(Int64Array::from(ids)),
        Arc::new(Int64Array::from(answers)),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    Memory::new(schema, vec![batch])
        .sorted_by(&["class", "pupil"])
        .cut(piece)
}

const SQL: &str = "SELECT pupil, class, answer % 5 AS kind, count(*) AS n, sum(answer) AS s, \
    min(class) AS c FROM t GROUP BY pupil, class, answer % 5";

fn way(threads: usize, memory: lakeseed_budget::Bytes) -> Way {
    Way::new(Some(Strategy::Sorted), threads, memory)
}

#[test]
fn units_end_where_keys_change() {
    for (pupils, piece) in [
        (60_000, 7_001),
        (60_000, 100_000),
        (1_000, 10),
        (3_000, 1_000_000),
    ] {
        let source = sorted(pupils, |pupil| 1 + pupil % 20, piece);
        let expected = oracle(&source, SQL);
        let first = run(&source, SQL, &way(1, ROOMY));
        assert_eq!(
            first.lines(),
            expected,
            "{pupils} pupils in pieces of {piece}"
        );
        for (threads, memory) in [(3, ROOMY), (2, 40 * MIB)] {
            let again = run(&source, SQL, &way(threads, memory));
            assert!(
                again.in_order() == first.in_order(),
                "{threads} threads, {memory}"
            );
        }
    }
}

#[test]
fn a_run_longer_than_units_belongs_to_one() {
    for long in [0, 777, 1_999] {
        let source = sorted(
            2_000,
            |pupil| if pupil == long { 900_000 } else { 3 },
            50_000,
        );
        let kept = run(&source, SQL, &way(2, ROOMY));
        assert_eq!(
            kept.lines(),
            oracle(&source, SQL),
            "the long run is number {long}"
        );
        assert!(kept.in_order().len() > 3, "one unit proves nothing");
    }
}

#[test]
fn filters_that_leave_pieces_empty() {
    let source = sorted(60_000, |_| 12, 10_000);
    for filter in [
        "pupil > 45000",
        "pupil < 500",
        "pupil % 10000 = 7",
        "pupil < 0",
    ] {
        let sql = format!(
            "SELECT class, pupil, count(*) AS n FROM t WHERE {filter} GROUP BY class, pupil"
        );
        assert_eq!(
            run(&source, &sql, &way(2, ROOMY)).lines(),
            oracle(&source, &sql),
            "{filter}"
        );
    }
}

#[test]
fn a_source_that_is_not_sorted_as_it_says_is_an_error() {
    let source = sorted(60_000, |_| 10, 20_000);
    let mut batches = source.batches.clone();
    // One row in its place in another piece is enough.
    let two = datafusion::arrow::compute::concat_batches(
        &source.schema,
        [&batches[7].slice(5_000, 1), &batches[3]],
    )
    .unwrap();
    batches[3] = two;
    let wrong = Memory::new(Arc::clone(&source.schema), batches).sorted_by(&["class", "pupil"]);
    let store = Kept::default();
    let error = try_run(&wrong, SQL, &way(2, ROOMY), &store, &()).unwrap_err();
    assert!(
        matches!(&error, Error::Source { problem, .. } if problem.contains("is not")),
        "{error:?}"
    );
}

#[test]
fn many_groups_of_a_sorted_source_need_no_force() {
    let source = sorted(60_000, |_| 10, 50_000);
    let sorted = run(&source, SQL, &Way::new(None, 2, ROOMY)).in_order();
    assert!(
        sorted == run(&source, SQL, &way(1, ROOMY)).in_order(),
        "another way was taken"
    );
}

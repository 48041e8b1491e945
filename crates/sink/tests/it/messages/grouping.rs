//! Neighbours: any rows, any limits, read back by other crates.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Fields, Schema};
use lakeseed_sink::Error;
use lakeseed_sink::messages::{MessageId, MessageSettings, Nulls, PIECE_ROWS};
use proptest::prelude::*;
use serde_json::Value;

use super::{Seen, all_of, plan_of};
use crate::readback::read_json;
use crate::support::{flat_batch, nested_batch, numbers, without_dictionaries};

fn limits(max_rows: u64, max_bytes: u64) -> MessageSettings {
    MessageSettings {
        max_rows,
        max_bytes,
        ..MessageSettings::default()
    }
}

/// Checks that no limit is broken, that no message could have held more, and that names are right.
fn check(messages: &[Seen], settings: &MessageSettings) -> Result<Vec<String>, TestCaseError> {
    let mut rows = Vec::new();
    let mut names = HashSet::new();
    for (at, message) in messages.iter().enumerate() {
        let own = message.rows();
        prop_assert_eq!(own.len() as u64, message.rows);
        prop_assert!(!own.is_empty() && own.len() as u64 <= settings.max_rows);
        prop_assert!(message.body.len() as u64 <= settings.max_bytes);
        if let Some(next) = messages
            .get(at + 1)
            .filter(|next| next.part == message.part)
        {
            let first = next.rows().first().map_or(0, String::len);
            let is_full = message.rows == settings.max_rows
                || (message.body.len() + 1 + first) as u64 > settings.max_bytes;
            prop_assert!(is_full, "message {} has room for another row", at);
        }
        let id: MessageId = message.id.parse().unwrap();
        prop_assert!(id.is_of(&message.body) && id.part() == message.part as u64);
        prop_assert!(names.insert(message.id.clone()));
        // Nothing but rows and what makes an array of them: bytes are counted, none is lost.
        let rows_bytes: usize = own.iter().map(String::len).sum();
        prop_assert_eq!(message.body.len(), rows_bytes + own.len() + 1);
        rows.extend(own);
    }
    Ok(rows)
}

/// Rows as JSON lines, read back by another crate.
fn read_back(rows: &[String], like: &RecordBatch) -> RecordBatch {
    read_json(rows.join("\n").as_bytes(), like)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_rows_and_limits(
        seed in any::<u64>(),
        cut in any::<u64>(),
        rows in 1_usize..700,
        nulls in prop_oneof![Just(0_u64), 1..60_u64],
        max_rows in prop_oneof![1_u64..12, 1_u64..1_000],
        max_bytes in prop_oneof![3_000_u64..6_000, 3_000_u64..2_000_000],
    ) {
        let settings = limits(max_rows, max_bytes);
        for batch in [flat_batch(seed, rows, nulls), nested_batch(seed, rows, nulls)] {
            let plain = without_dictionaries(&batch);
            let messages = all_of(&plan_of(&batch, cut, settings).unwrap()).unwrap();
            let found = check(&messages, &settings)?;
            prop_assert_eq!(&read_back(&found, &plain), &plain);
            let otherwise = all_of(&plan_of(&batch, !cut, settings).unwrap()).unwrap();
            prop_assert_eq!(&messages, &otherwise);
        }
    }

    #[test]
    fn nulls_are_left_out_with_their_names(
        seed in any::<u64>(),
        rows in 1_usize..300,
        nulls in 0..100_u64,
    ) {
        let kept = MessageSettings::default();
        let omitted = MessageSettings { nulls: Nulls::Omit, ..kept };
        for batch in [flat_batch(seed, rows, nulls), nested_batch(seed, rows, nulls)] {
            let values = |settings| -> Vec<Value> {
                let messages = all_of(&plan_of(&batch, seed, settings).unwrap()).unwrap();
                let rows = check(&messages, &settings).unwrap();
                rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect()
            };
            let expected: Vec<Value> = values(kept).into_iter().map(without_nulls).collect();
            prop_assert_eq!(values(omitted), expected);
        }
    }
}

/// Members that are null, gone; elements of lists stay.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect(),
        other => other,
    }
}

#[test]
fn no_message_crosses_a_part() {
    let rows = 2 * PIECE_ROWS + 5;
    let plan = plan_of(&numbers(rows), 1, limits(10, 1 << 20)).unwrap();
    let messages = all_of(&plan).unwrap();
    let counts: Vec<u64> = (0..3)
        .map(|part| {
            messages
                .iter()
                .filter(|at| at.part == part)
                .map(|at| at.rows)
                .sum()
        })
        .collect();
    assert_eq!(counts, [PIECE_ROWS, PIECE_ROWS, 5]);
    // 65,536 is no multiple of ten: the last message of a part is a short one.
    assert_eq!(messages.len(), 6_554 + 6_554 + 1);
    assert_eq!(plan.rows(), Some(rows));
}

#[test]
fn a_row_that_fits_in_no_message_is_named() {
    let row = |plan: MessageSettings| all_of(&plan_of(&numbers(200), 3, plan).unwrap());
    // `[{"id":100,"half":50.0}]` is the first that takes 24 bytes.
    assert!(row(limits(10, 24)).is_ok());
    match row(limits(10, 23)) {
        Err(Error::MessageTooLarge {
            table,
            part,
            what,
            bytes,
            most,
        }) => {
            assert_eq!((table.as_str(), part.as_str()), ("pets", "rows 0..200"));
            assert_eq!((what.as_str(), bytes, most), ("row 100", 24, 23));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn rows_are_numbered_from_the_tables_first() {
    let batch = numbers(80_000);
    let settings = limits(1_000, 27);
    let Err(error) = all_of(&plan_of(&batch, 3, settings).unwrap()) else {
        panic!("a row of five digits fits");
    };
    let text = error.to_string();
    assert!(
        text.contains("row 10000 of table `pets` (rows 0..65536)"),
        "{text}"
    );
    let later = lakeseed_sink::messages::MessagePlan::builder("pets")
        .settings(settings)
        .source(crate::support::ragged(&batch, 1), 70_000..80_000);
    let Err(error) = all_of(&later.build().unwrap()) else {
        panic!("a row of five digits fits");
    };
    assert!(error.to_string().contains("row 70000"), "{error}");
}

#[test]
fn limits_that_nothing_can_keep_are_refused() {
    for settings in [
        limits(0, 1000),
        limits(10, 3),
        limits(10, u64::MAX),
        limits(u64::MAX, 10),
    ] {
        assert!(matches!(
            plan_of(&numbers(1), 0, settings),
            Err(Error::Invalid { .. })
        ));
    }
}

#[test]
fn the_plan_is_named_by_all_that_decides_its_messages() {
    let batch = numbers(100);
    let id = |settings| plan_of(&batch, 7, settings).unwrap().id().to_owned();
    let settings = MessageSettings::default();
    assert_eq!(id(settings), id(settings));
    let others = [
        limits(11, settings.max_bytes),
        limits(settings.max_rows, 5_000),
        MessageSettings {
            nulls: Nulls::Omit,
            ..settings
        },
    ];
    for other in others {
        assert_ne!(id(settings), id(other));
    }
}

#[test]
fn names_that_are_none_are_refused() {
    for text in [
        "",
        "a-1-2",
        "a-1-2-3",
        "a-01-2-00000000000000000000000000000000",
        "a-1-2-00000000000000000000000000000000-x",
        "-1-2-00000000000000000000000000000000",
        "a-+1-2-00000000000000000000000000000000",
    ] {
        assert!(text.parse::<MessageId>().is_err(), "{text}");
    }
}

#[test]
fn names_that_come_twice_are_refused() {
    let of = |names: [&str; 2]| -> Fields {
        let field = |name: &str| Field::new(name, DataType::Int64, true);
        names.into_iter().map(field).collect()
    };
    let nested = |fields: Fields, is_list: bool| {
        let inner = DataType::Struct(fields);
        let inner = if is_list {
            DataType::List(Arc::new(Field::new("item", inner, true)))
        } else {
            inner
        };
        let outer = Fields::from(vec![Field::new("b", inner, true)]);
        Schema::new(vec![Field::new("a", DataType::Struct(outer), true)])
    };
    let build = |schema: Schema| {
        let batch = RecordBatch::new_empty(Arc::new(schema));
        plan_of(&batch, 1, MessageSettings::default()).map(drop)
    };
    for (schema, name) in [
        (Schema::new(of(["x", "x"])), "`x`"),
        (nested(of(["x", "x"]), false), "`a.b.x`"),
        (nested(of(["x", "x"]), true), "`a.b[].x`"),
    ] {
        match build(schema) {
            Err(Error::Invalid { found, .. }) => assert!(found.contains(name), "{found}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    for schema in [
        Schema::new(of(["x", "X"])),
        nested(of(["a", "b"]), false),
        nested(of(["a", "b"]), true),
    ] {
        build(schema).unwrap();
    }
}

//! Groups by modulo against a plain recomputation.

use lakeseed_sink::Error;
use lakeseed_sink::messages::{Grouping, MessagePlan, MessageSettings};
use proptest::prelude::*;

use super::{all_of, plan_of};
use crate::support::{flat_batch, numbers, ragged};

fn modulo(max_rows: u64) -> MessageSettings {
    MessageSettings {
        max_rows,
        grouping: Grouping::Modulo,
        ..MessageSettings::default()
    }
}

fn neighbours(max_rows: u64) -> MessageSettings {
    MessageSettings {
        grouping: Grouping::Neighbours,
        ..modulo(max_rows)
    }
}

/// The groups as the original has them: number every row, group by the number modulo G.
fn recomputed(rows: &[String], group_rows: u64) -> Vec<String> {
    let groups = (rows.len() as u64).div_ceil(group_rows);
    let mut bodies = vec![Vec::new(); groups as usize];
    for (number, row) in rows.iter().enumerate() {
        bodies[number % groups as usize].push(row.as_str());
    }
    bodies
        .iter()
        .map(|rows| format!("[{}]", rows.join(",")))
        .collect()
}

fn bodies(plan: &MessagePlan<'_>) -> Vec<String> {
    let messages = all_of(plan).unwrap().into_iter();
    messages
        .map(|at| String::from_utf8(at.body).unwrap())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn groups_are_those_of_a_plain_recomputation(
        seed in any::<u64>(),
        rows in 1_usize..500,
        group_rows in prop_oneof![1_u64..12, 1_u64..600],
    ) {
        let batch = flat_batch(seed, rows, 10);
        // Each row as it stands alone.
        let alone = all_of(&plan_of(&batch, seed, neighbours(1)).unwrap()).unwrap();
        let alone: Vec<String> = alone.iter().flat_map(super::Seen::rows).collect();
        let plan = plan_of(&batch, seed, modulo(group_rows)).unwrap();
        prop_assert_eq!(bodies(&plan), recomputed(&alone, group_rows));
    }
}

#[test]
fn groups_of_several_parts() {
    let rows = 200_003;
    let batch = numbers(rows);
    let alone: Vec<String> = (0..rows)
        .map(|row| format!("{{\"id\":{row},\"half\":{:?}}}", row as f64 / 2.0))
        .collect();
    for group_rows in [1, 3, 10] {
        let plan = plan_of(&batch, 9, modulo(group_rows)).unwrap();
        assert!(plan.parts().len() > 3);
        assert_eq!(plan.rows(), Some(rows));
        assert_eq!(bodies(&plan), recomputed(&alone, group_rows));
    }
}

#[test]
fn numbers_count_from_the_first_row_asked_for() {
    let plan = MessagePlan::builder("pets")
        .settings(modulo(2))
        .source(ragged(&numbers(100), 4), 90..95)
        .build()
        .unwrap();
    let ids: Vec<String> = bodies(&plan)
        .iter()
        .map(|body| body.replace(|at: char| !at.is_ascii_digit() && at != '"', ""))
        .collect();
    // Five rows, three groups: 90 and 93, 91 and 94, 92 alone.
    assert_eq!(ids.len(), 3);
    assert!(ids[0].contains("90") && ids[0].contains("93"));
    assert!(ids[2].contains("92") && !ids[2].contains("95"));
}

#[test]
fn a_group_that_is_too_large_is_named() {
    let settings = MessageSettings {
        max_bytes: 60,
        ..modulo(10)
    };
    match all_of(&plan_of(&numbers(100), 4, settings).unwrap()) {
        Err(Error::MessageTooLarge { what, bytes, .. }) => {
            assert_eq!(what, "group 0");
            assert!(bytes > 60);
        }
        other => panic!("{other:?}"),
    }
}

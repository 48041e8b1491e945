//! Much to do in little memory, again and again: every run ends.

use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use lakeseed_budget::MIB;
use lakeseed_star_schema::Strategy;

use crate::common::{Memory, Way, chance, in_time, oracle, run};
use crate::equal::rows;

const ROUNDS: usize = 200;
const WAYS: [Strategy; 2] = [Strategy::Scatter, Strategy::Direct];

/// Many groups, memory for few of them.
#[test]
fn two_hundred_runs_under_pressure_all_end() {
    in_time("a run under pressure", || {
        let source = rows(12, 4, 2_000, 0);
        let sql =
            "SELECT id, city, day, count(*) AS n, min(city) AS c FROM t GROUP BY id, city, day";
        let expected = oracle(&source, sql).len();
        for round in 0..ROUNDS {
            let way = Way::new(Some(WAYS[round % 2]), 2, 30 * MIB);
            assert_eq!(run(&source, sql, &way).lines().len(), expected);
        }
    });
}

/// The query of apache/datafusion#24883, which waits for ever where its rows are spread over
/// partitions under a tight pool: few keys, some hundred long texts of each, batches of 64 rows. With
/// as little memory as two workers are carried by.
#[test]
fn two_hundred_runs_of_the_query_that_hangs_elsewhere_all_end() {
    in_time("the query", || {
        let source = hanging();
        let sql = "SELECT g, count(DISTINCT trace_id) AS n FROM t GROUP BY g";
        let expected = oracle(&source, sql);
        assert_eq!(expected.len(), 13);
        for round in 0..ROUNDS {
            let way = Way::new(Some(WAYS[round % 2]), 2, 28 * MIB);
            assert_eq!(run(&source, sql, &way).lines(), expected);
        }
    });
}

/// Forty thousand rows in pieces of 64.
fn hanging() -> Memory {
    let schema = Arc::new(Schema::new(vec![
        Field::new("g", DataType::Int64, false),
        Field::new("trace_id", DataType::Utf8, false),
    ]));
    let text = |row: u64| format!("{:016x}{:016x}", chance(1, row % 337), chance(2, row % 337));
    let batches = (1..=40_000_u64).step_by(64).map(|start| {
        let rows = start..(start + 64).min(40_001);
        let keys: Int64Array = rows.clone().map(|row| Some((row % 13) as i64)).collect();
        let texts: StringArray = rows.map(|row| Some(text(row))).collect();
        RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(keys), Arc::new(texts)]).unwrap()
    });
    let batches = batches.collect();
    Memory::new(schema, batches)
}

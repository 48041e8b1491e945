//! Statements over several sources, and those of several steps: the rows of the engine alone, whatever
//! the memory, and the same units in the same order.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Decimal128Array, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray,
};
use lakeseed_budget::{Budget, Bytes, MIB};
use lakeseed_star_schema::{Error, Result, Source, Star, Statement, Stop, Strategy};

use crate::common::{Kept, Memory, ROOMY, Way, chance, lines_of, oracle_of, settings};

const ORDERS: u64 = 40_000;
const LINES: u64 = 260_000;

/// Orders; every 50th has no buyer.
fn orders() -> Memory {
    let ids: Int64Array = (0..ORDERS as i64).map(Some).collect();
    let buyers: Int32Array = (0..ORDERS)
        .map(|row| (row % 50 > 0).then(|| (chance(1, row) % 700) as i32))
        .collect();
    let states: DictionaryArray<arrow_array::types::Int32Type> = (0..ORDERS)
        .map(|row| ["SP", "RJ", "MG", "BA", "AC"][chance(2, row) as usize % 5])
        .collect();
    let taxes: Decimal128Array = (0..ORDERS)
        .map(|row| Some(i128::from(chance(3, row) % 9_000)))
        .collect();
    let taxes = taxes.with_precision_and_scale(12, 2).unwrap();
    let columns: [(&str, ArrayRef); 4] = [
        ("id", Arc::new(ids)),
        ("buyer", Arc::new(buyers)),
        ("state", Arc::new(states)),
        ("tax", Arc::new(taxes)),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    Memory::new(batch.schema(), vec![batch]).cut(7_000)
}

/// Lines of orders, in no order; some belong to none, and `hot` per mille to order 7.
fn lines(hot: u64) -> Memory {
    let of: Int32Array = (0..LINES)
        .map(|row| {
            let hot = chance(4, row) % 1_000 < hot;
            Some(if hot {
                7
            } else {
                (chance(5, row) % (ORDERS + 500)) as i32
            })
        })
        .collect();
    let numbers: Int32Array = (0..LINES as i32).map(Some).collect();
    let items: StringArray = (0..LINES)
        .map(|row| Some(format!("item {}", chance(6, row) % 3_000)))
        .collect();
    let amounts: Int64Array = (0..LINES)
        .map(|row| (row % 9 > 0).then(|| (chance(7, row) % 40) as i64))
        .collect();
    let columns: [(&str, ArrayRef); 4] = [
        ("order_id", Arc::new(of)),
        ("line", Arc::new(numbers)),
        ("item", Arc::new(items)),
        ("amount", Arc::new(amounts)),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    Memory::new(batch.schema(), vec![batch]).cut(9_000)
}

/// A few buyers, with names.
fn buyers() -> Memory {
    let ids: Int64Array = (0..650).map(Some).collect();
    let names: StringArray = (0..650).map(|row| Some(format!("buyer {row}"))).collect();
    let columns: [(&str, ArrayRef); 2] = [("id", Arc::new(ids)), ("name", Arc::new(names))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    Memory::new(batch.schema(), vec![batch])
}

fn tables(hot: u64) -> [(&'static str, Memory); 3] {
    [
        ("orders", orders()),
        ("lines", lines(hot)),
        ("buyers", buyers()),
    ]
}

/// What a run says beside its rows: each table's strategy and reason.
type Chosen = (Strategy, String);

fn run(tables: &[(&str, Memory)], sql: &str, way: &Way) -> Result<(Kept, Chosen)> {
    let store = Kept::default();
    let chosen = run_into(tables, sql, way, &store)?;
    Ok((store, chosen))
}

fn run_into(tables: &[(&str, Memory)], sql: &str, way: &Way, store: &Kept) -> Result<Chosen> {
    let sources = tables.iter().map(|(name, table)| {
        let source: Arc<dyn Source> = Arc::new(table.clone());
        ((*name).to_owned(), source)
    });
    let sources: HashMap<String, Arc<dyn Source>> = sources.collect();
    let temp = tempfile::tempdir().unwrap();
    let settings = settings(way, temp.path());
    let statement = Statement {
        table: "made".to_owned(),
        place: "made.sql".to_owned(),
        sql: sql.to_owned(),
    };
    let star = Star::try_new(&sources, &[statement], &settings)?;
    let (_, choice) = star.choices().next().unwrap();
    let chosen = (choice.strategy, choice.reason.clone());
    let budget = Budget::new(way.memory);
    star.run(&settings, &budget, store, &(), &Stop::new())?;
    assert_eq!(budget.free(), budget.total(), "a lease was kept");
    assert_eq!(
        std::fs::read_dir(temp.path()).unwrap().count(),
        0,
        "temporary files were left"
    );
    Ok(chosen)
}

/// The statement gives the rows of the oracle, and the same units with much and with little memory.
fn check(hot: u64, sql: &str, strategy: Strategy, reason: &str) {
    let tables = tables(hot);
    let expected = oracle_of(&tables, sql);
    assert!(!expected.is_empty(), "{sql} gives nothing");
    let mut first = None;
    for (threads, memory) in [
        (2, ROOMY),
        (1, ROOMY),
        (1, Bytes::new(40 << 20)),
        (3, 96 * MIB),
    ] {
        let (kept, chosen) = run(&tables, sql, &Way::new(None, threads, memory)).unwrap();
        assert_eq!(chosen.0, strategy, "{sql}: {}", chosen.1);
        assert!(chosen.1.contains(reason), "{sql}: {}", chosen.1);
        let found = kept.lines();
        assert_eq!(found.len(), expected.len(), "rows of {sql} with {memory}");
        if let Some((found, expected)) = found.iter().zip(&expected).find(|(a, b)| a != b) {
            panic!("{sql} with {memory}:\n{found}\nbut expected\n{expected}");
        }
        let units = kept.in_order();
        match &first {
            None => first = Some(units),
            Some(first) => assert!(*first == units, "other units of {sql} with {memory}"),
        }
    }
}

const BY_ORDER: &str = "lines by order_id, orders by id";

#[test]
fn joins_are_made_bucket_by_bucket() {
    let sql = "SELECT o.id, l.line, l.item, o.state, o.tax FROM orders AS o \
               JOIN lines AS l ON l.order_id = o.id WHERE l.amount > 20";
    check(
        0,
        sql,
        Strategy::Together,
        "cut alike: lines by order_id, orders by id",
    );
    let sql = "SELECT l.line, l.order_id, o.state, b.name FROM lines AS l \
               LEFT JOIN orders AS o ON o.id = l.order_id LEFT JOIN buyers AS b ON b.id = o.buyer";
    check(0, sql, Strategy::Together, "whole with each bucket: buyers");
    let sql = "SELECT o.id, o.state, l.line FROM orders AS o \
               FULL JOIN lines AS l ON l.order_id = o.id AND l.amount > 3";
    check(0, sql, Strategy::Together, BY_ORDER);
}

#[test]
fn rows_that_meet_none_are_found_bucket_by_bucket() {
    let sql =
        "SELECT id, buyer FROM orders WHERE id IN (SELECT order_id FROM lines WHERE amount > 30)";
    check(0, sql, Strategy::Together, BY_ORDER);
    let sql = "SELECT order_id, line FROM lines AS l \
               WHERE NOT EXISTS (SELECT 1 FROM orders AS o WHERE o.id = l.order_id)";
    check(0, sql, Strategy::Together, BY_ORDER);
}

#[test]
fn windows_and_steps_keep_to_their_bucket() {
    let sql = "WITH shares AS (SELECT *, SUM(amount) OVER (PARTITION BY order_id) AS total, \
               ROW_NUMBER() OVER (PARTITION BY order_id ORDER BY amount DESC, line) AS place FROM lines) \
               SELECT s.order_id, s.line, s.amount, s.total, s.place, CAST(o.tax / s.total AS DECIMAL(12, 4)) AS part \
               FROM shares AS s JOIN orders AS o ON o.id = s.order_id WHERE s.total > 0";
    check(0, sql, Strategy::Together, BY_ORDER);
    let sql = "SELECT o.id, MAX(o.state) AS state, COUNT(*) AS n, SUM(l.amount) AS amount \
               FROM orders AS o JOIN lines AS l ON l.order_id = o.id GROUP BY o.id";
    check(0, sql, Strategy::Together, BY_ORDER);
    let sql = "SELECT DISTINCT order_id, amount FROM lines";
    check(0, sql, Strategy::Together, "cut alike: lines by order_id");
}

#[test]
fn an_aggregate_by_other_keys_has_buckets_of_its_own() {
    let sql = "SELECT o.state, COUNT(*) AS n, SUM(l.amount) AS amount FROM orders AS o \
               JOIN lines AS l ON l.order_id = o.id GROUP BY o.state";
    check(0, sql, Strategy::Direct, BY_ORDER);
    let sql = "SELECT l.item, o.buyer, COUNT(*) AS n, MAX(o.tax) AS tax FROM lines AS l \
               LEFT JOIN orders AS o ON o.id = l.order_id GROUP BY l.item, o.buyer";
    check(
        0,
        sql,
        Strategy::Together,
        "lines by item; whole with each bucket: orders",
    );
    let sql = "SELECT n, COUNT(*) AS orders FROM \
               (SELECT order_id, COUNT(*) AS n FROM lines GROUP BY order_id) GROUP BY n";
    check(0, sql, Strategy::Direct, "cut alike: lines by order_id");
}

#[test]
fn one_key_with_half_of_all_rows_is_met() {
    let sql = "SELECT l.line, o.id, o.state, SUM(l.amount) OVER (PARTITION BY l.order_id) AS total \
               FROM lines AS l JOIN orders AS o ON l.order_id = o.id";
    check(500, sql, Strategy::Together, BY_ORDER);
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_units() {
    let tables = tables(0);
    let sql = "SELECT l.line, o.id, o.state FROM lines AS l JOIN orders AS o ON l.order_id = o.id";
    let way = Way::new(None, 2, ROOMY);
    let (whole, _) = run(&tables, sql, &way).unwrap();
    let units = whole.in_order();
    assert!(units.len() > 1, "one unit cannot be interrupted");
    let half = Kept {
        fail_after: Some(1),
        ..Kept::default()
    };
    let error = run_into(&tables, sql, &way, &half).err().unwrap();
    assert!(matches!(error, Error::Store { .. }), "{error}");
    let half = Kept {
        units: half.units,
        fail_after: None,
    };
    assert_eq!(half.units.lock().unwrap().len(), 1);
    run_into(&tables, sql, &way, &half).unwrap();
    assert!(half.in_order() == units, "other units");
}

#[test]
fn few_rows_may_do_anything() {
    let sql = "SELECT id, name, ROW_NUMBER() OVER (ORDER BY name) AS place FROM buyers \
               WHERE id > (SELECT AVG(id) FROM buyers)";
    check(0, sql, Strategy::Together, "few rows: made at once");
}

#[test]
fn a_table_of_the_star_is_made_again_for_another() {
    let tables = tables(0);
    let sources: HashMap<String, Arc<dyn Source>> = tables
        .iter()
        .map(|(name, table)| {
            (
                (*name).to_owned(),
                Arc::new(table.clone()) as Arc<dyn Source>,
            )
        })
        .collect();
    let statement = |table: &str, sql: &str| Statement {
        table: table.to_owned(),
        place: format!("{table}.sql"),
        sql: sql.to_owned(),
    };
    let fact = "SELECT l.line, o.state, o.buyer, l.amount FROM lines AS l \
                JOIN orders AS o ON o.id = l.order_id";
    let of_fact = "SELECT state, SUM(amount) AS amount FROM fact GROUP BY state";
    let statements = [statement("fact", fact), statement("by_state", of_fact)];
    let temp = tempfile::tempdir().unwrap();
    let settings = settings(&Way::new(None, 2, ROOMY), temp.path());
    let star = Star::try_new(&sources, &statements, &settings).unwrap();
    let store = Kept::default();
    star.run(&settings, &Budget::new(ROOMY), &store, &(), &Stop::new())
        .unwrap();
    let units = store.units.lock().unwrap();
    let by_state = units.iter().filter(|((table, _), _)| table == "by_state");
    let mut found: Vec<String> = by_state
        .flat_map(|(_, batches)| batches.iter().flat_map(lines_of))
        .collect();
    found.sort_unstable();
    let joined = "SELECT o.state, SUM(l.amount) AS amount FROM lines AS l \
                  JOIN orders AS o ON o.id = l.order_id GROUP BY o.state";
    assert_eq!(found, oracle_of(&tables, joined));

    let round = [
        statement("a", "SELECT * FROM b"),
        statement("b", "SELECT * FROM a"),
    ];
    let error = Star::try_new(&sources, &round, &settings)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("a needs b needs a"), "{error}");
}

#[test]
fn what_cannot_be_cut_is_refused_with_the_reason() {
    let refused = |sql: &str| match run(&tables(0), sql, &Way::new(None, 1, ROOMY)) {
        Err(Error::Model {
            expected, found, ..
        }) => (expected, found),
        Err(other) => panic!("{sql}: {other}"),
        Ok(_) => panic!("{sql} was made"),
    };
    let cases = [
        (
            "SELECT line FROM lines WHERE amount > (SELECT AVG(amount) FROM lines)",
            "a GROUP BY without the key",
        ),
        (
            "SELECT a.line, b.line AS other FROM lines AS a JOIN lines AS b ON a.amount < b.line",
            "a join that does not compare the keys",
        ),
        (
            "SELECT line, ROW_NUMBER() OVER (ORDER BY line) AS n FROM lines",
            "PARTITION BY is without the key",
        ),
        (
            "SELECT order_id, line FROM lines ORDER BY line LIMIT 10",
            "ORDER BY",
        ),
        (
            "SELECT id FROM orders UNION ALL SELECT order_id FROM lines",
            "UNION",
        ),
    ];
    for (sql, way) in cases {
        let (expected, found) = refused(sql);
        assert!(
            expected.contains("a key by which all large sources can be cut"),
            "{expected}"
        );
        assert!(found.contains(way), "{sql}: {found}");
    }
}

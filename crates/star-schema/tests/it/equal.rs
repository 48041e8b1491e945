//! Shapes of statements and of data.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array,
    Int32Array, Int64Array, RecordBatch, StringArray, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use lakeseed_budget::{Budget, Bytes, MIB};
use lakeseed_star_schema::{
    Error, Observer, Progress, Source, Star, Statement, Stop, Strategy, UnitDone, Warning,
};

use crate::common::{Kept, Memory, ROOMY, Way, chance, check, oracle, run, settings, try_run};

fn schema() -> SchemaRef {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("STATE", dictionary, true),
        Field::new("city", DataType::Utf8, true),
        Field::new("grade", DataType::Int32, true),
        Field::new("day", DataType::Date32, true),
        Field::new("price", DataType::Decimal128(12, 2), true),
        Field::new("wide", DataType::Decimal128(30, 4), true),
        Field::new("share", DataType::Float64, true),
        Field::new("right", DataType::Boolean, true),
    ]))
}

/// Rows of every type, with nulls; `skew` of 100 rows have the same keys.
pub(crate) fn rows(seed: u64, batches: usize, per_batch: usize, skew: u64) -> Memory {
    let schema = schema();
    let batches = (0..batches)
        .map(|batch| {
            let at = |column: u64, row: usize| {
                let number = (batch * per_batch + row) as u64;
                let hot = chance(seed, number) % 100 < skew;
                chance(seed ^ column << 32, if hot { 0 } else { number })
            };
            let null = |value: u64| value % 11 == 3;
            let column = |number: u64| (0..per_batch).map(move |row| at(number, row));
            let some = move |value: u64| (!null(value)).then_some(value >> 8);
            // Each batch has values of its own, in another order.
            let first = chance(seed, batch as u64) as usize % 27;
            let values: StringArray = (0..27)
                .map(|state| Some(format!("S{:02}", (state + first) % 27)))
                .collect();
            let keys: Int32Array = column(1)
                .map(|value| some(value).map(|value| (value % 27) as i32))
                .collect();
            let columns: Vec<ArrayRef> = vec![
                Arc::new(
                    column(0)
                        .map(|value| Some((value % 5_000) as i64 - 2_500))
                        .collect::<Int64Array>(),
                ),
                Arc::new(DictionaryArray::<Int32Type>::try_new(keys, Arc::new(values)).unwrap()),
                Arc::new(
                    column(2)
                        .map(|value| some(value).map(|value| format!("city {}", value % 700)))
                        .collect::<StringArray>(),
                ),
                Arc::new(
                    column(3)
                        .map(|value| some(value).map(|v| (v % 9) as i32 - 4))
                        .collect::<Int32Array>(),
                ),
                Arc::new(
                    column(4)
                        .map(|value| some(value).map(|v| (v % 400) as i32))
                        .collect::<Date32Array>(),
                ),
                Arc::new(
                    column(5)
                        .map(|value| some(value).map(|v| i128::from(v % 100_000) - 500))
                        .collect::<Decimal128Array>()
                        .with_precision_and_scale(12, 2)
                        .unwrap(),
                ),
                Arc::new(
                    column(6)
                        .map(|value| some(value).map(|v| i128::from(v % 50) << 70))
                        .collect::<Decimal128Array>()
                        .with_precision_and_scale(30, 4)
                        .unwrap(),
                ),
                // Quarters add up exactly, in whatever order.
                Arc::new(
                    column(7)
                        .map(|value| some(value).map(|v| (v % 64) as f64 / 4.0))
                        .collect::<Float64Array>(),
                ),
                Arc::new(
                    column(8)
                        .map(|value| some(value).map(|v| v % 2 == 1))
                        .collect::<BooleanArray>(),
                ),
            ];
            RecordBatch::try_new(Arc::clone(&schema), columns).unwrap()
        })
        .collect();
    Memory::new(schema, batches)
}

const STATEMENTS: [&str; 14] = [
    "SELECT id, STATE, sum(price) AS total, count(*) AS n FROM t GROUP BY id, STATE",
    "SELECT STATE, count(*) FROM t GROUP BY STATE",
    "SELECT city, grade, day, min(price), max(price), avg(share) FROM t GROUP BY city, grade, day",
    "SELECT upper(city) AS c, grade + 1 AS g, sum(grade) FROM t WHERE id % 3 = 0 GROUP BY upper(city), grade + 1",
    "SELECT id, count(*) AS n FROM t GROUP BY id HAVING count(*) > 3",
    "SELECT wide, right, count(DISTINCT city) AS cities FROM t GROUP BY wide, right",
    "SELECT id, city FROM t GROUP BY id, city",
    "SELECT id, min(city) AS a, max(STATE) AS b, count(city) AS c FROM t GROUP BY id",
    "SELECT id, first_value(city ORDER BY day, price, share, grade, city, STATE) AS f FROM t GROUP BY id",
    "SELECT price, share, sum(share) FILTER (WHERE right) AS s FROM t GROUP BY price, share",
    "SELECT id * 2 AS twice, sum(price) / count(*) + 1 AS mean, 'x' AS x FROM t GROUP BY id",
    "SELECT count(*) AS n, sum(price) AS s, min(city) AS c FROM t",
    "SELECT a.id, sum(a.grade) FROM (SELECT id, grade FROM t WHERE right) a GROUP BY a.id",
    "SELECT day, array_agg(id ORDER BY id) AS ids FROM t GROUP BY day",
];

#[test]
fn every_statement_gives_the_same_rows_every_way() {
    let source = rows(1, 7, 3_000, 0);
    for sql in STATEMENTS {
        assert!(!oracle(&source, sql).is_empty());
        check(&source, sql);
    }
}

#[test]
fn a_key_with_half_of_all_rows() {
    for sql in &STATEMENTS[..7] {
        check(&rows(2, 5, 4_000, 50), sql);
    }
}

#[test]
fn one_key_only() {
    for sql in &STATEMENTS[..7] {
        check(&rows(3, 5, 2_000, 100), sql);
    }
}

#[test]
fn empty_sources_and_filters_that_leave_nothing() {
    let none = Memory::new(schema(), Vec::new());
    let empty = Memory::new(schema(), vec![RecordBatch::new_empty(schema())]);
    for sql in STATEMENTS {
        check(&none, sql);
        check(&empty, sql);
    }
    check(
        &rows(4, 2, 500, 0),
        "SELECT id, count(*) FROM t WHERE id > 1000000 GROUP BY id",
    );
}

/// Units, their rows and the order of their rows are the same however the run is cut.
#[test]
fn units_do_not_depend_on_workers_and_memory() {
    let source = rows(5, 9, 70_000, 20);
    let sql =
        "SELECT id, city, day, sum(price) AS total, min(STATE) AS s FROM t GROUP BY id, city, day";
    let scatter = Some(Strategy::Scatter);
    let first = run(&source, sql, &Way::new(scatter, 1, ROOMY)).in_order();
    assert_eq!(first.len(), 4, "the table has several units");
    assert!(first.values().all(|lines| lines.len() > 50_000));
    for (threads, memory) in [(2, ROOMY), (3, 128 * MIB), (1, 64 * MIB), (2, 40 * MIB)] {
        let again = run(&source, sql, &Way::new(scatter, threads, memory)).in_order();
        assert!(
            again == first,
            "{threads} threads and {memory} make other units"
        );
    }
    // Batches and pieces of another size are the same rows.
    let again = run(&source.cut(33_333), sql, &Way::new(scatter, 2, ROOMY)).in_order();
    assert!(again == first, "other pieces make other units");
    assert_eq!(first.values().flatten().count(), oracle(&source, sql).len());
}

#[derive(Default)]
struct Warnings(Mutex<Vec<Warning>>);

impl Observer for Warnings {
    fn warning(&self, warning: &Warning) {
        // The tests of this process share its memory.
        if !matches!(warning, Warning::NearLimit { .. }) {
            self.0.lock().unwrap().push(warning.clone());
        }
    }
}

/// Runs with warnings kept.
fn warned(source: &Memory, sql: &str, way: &Way) -> (Kept, Vec<Warning>) {
    let (store, warnings) = (Kept::default(), Warnings::default());
    try_run(source, sql, way, &store, &warnings).unwrap();
    (store, warnings.0.into_inner().unwrap())
}

#[test]
fn a_unit_whose_groups_do_not_fit_is_split_and_comes_out_the_same() {
    let source = rows(10, 9, 70_000, 0);
    let sql = "SELECT id, city, day, count(*) AS n, array_agg(price ORDER BY price) AS p \
        FROM t GROUP BY id, city, day";
    for strategy in [Strategy::Scatter, Strategy::Direct] {
        let (whole, warnings) = warned(
            &source,
            sql,
            &Way::new(Some(strategy), 2, Bytes::new(8 * ROOMY.get())),
        );
        assert_eq!(warnings, [], "{strategy} has room");
        let (pieces, warnings) = warned(&source, sql, &Way::new(Some(strategy), 2, 64 * MIB));
        let split =
            |warning: &Warning| matches!(warning, Warning::Split { pieces, .. } if *pieces > 1);
        assert!(
            warnings.iter().any(split),
            "{strategy} was not split: {warnings:?}"
        );
        assert!(
            pieces.in_order() == whole.in_order(),
            "{strategy} in pieces is another table"
        );
    }
    assert_eq!(
        run(&source, sql, &Way::new(None, 2, ROOMY)).lines(),
        oracle(&source, sql)
    );
}

#[test]
fn one_group_that_does_not_fit_is_a_clear_error() {
    let source = rows(11, 9, 70_000, 100);
    let sql = "SELECT STATE, array_agg(id) AS a, array_agg(wide) AS b, array_agg(price) AS c FROM t \
        GROUP BY STATE";
    let (store, way) = (
        Kept::default(),
        Way::new(Some(Strategy::Scatter), 1, 32 * MIB),
    );
    let error = try_run(&source, sql, &way, &store, &()).unwrap_err();
    assert!(matches!(error, Error::Memory(_)), "{error:?}");
    assert!(
        error.to_string().contains("the state of one group of made"),
        "{error}"
    );
}

/// Texts that nobody has twice: their dictionary grows until it is full.
#[test]
fn texts_that_outgrow_their_dictionary_are_carried_as_texts() {
    let schema = Arc::new(Schema::new(vec![
        Field::new("name", DataType::Utf8, true),
        Field::new("n", DataType::Int64, false),
    ]));
    let batches = (0..6_u64)
        .map(|batch| {
            // The sample, which looks at the first rows of each piece, sees few texts.
            let name = |row: u64| match row {
                0..40_000 => format!("few {}", row % 50),
                _ => format!("one of very many names, the number {}", chance(batch, row)),
            };
            let names: StringArray = (0..80_000)
                .map(|row| (row % 7 != 0).then(|| name(row)))
                .collect();
            let numbers: Int64Array = (0..80_000).map(|row| Some(row % 3)).collect();
            let columns: Vec<ArrayRef> = vec![Arc::new(names), Arc::new(numbers)];
            RecordBatch::try_new(Arc::clone(&schema), columns).unwrap()
        })
        .collect();
    let source = Memory::new(schema, batches);
    let sql = "SELECT name, n, count(*) AS c FROM t GROUP BY name, n";
    let (roomy, warnings) = warned(&source, sql, &Way::new(Some(Strategy::Scatter), 2, ROOMY));
    assert_eq!(warnings, []);
    let (tight, warnings) = warned(
        &source,
        sql,
        &Way::new(Some(Strategy::Scatter), 2, 64 * MIB),
    );
    let full = Warning::DictionaryFull {
        column: "name".to_owned(),
    };
    assert_eq!(
        warnings.iter().filter(|warning| **warning == full).count(),
        1,
        "{warnings:?}"
    );
    assert_eq!(tight.lines(), roomy.lines());
    assert!(
        tight.in_order() == roomy.in_order(),
        "texts make other units than codes"
    );
    assert_eq!(tight.lines(), oracle(&source, sql));
}

/// What dictionaries may hold is leased from the first row on until the last unit.
#[test]
fn codes_are_leased_while_rows_are_dealt_and_gathered() {
    struct Holders<'b>(&'b Budget);
    impl Observer for Holders<'_> {
        fn progress(&self, _: &Progress<'_>) {
            let holders = format!("{:?}", self.0);
            assert!(holders.contains("codes of texts of made"), "{holders}");
        }
    }
    let source = rows(14, 3, 2_000, 0);
    let sql = "SELECT id, city, count(*) AS n FROM t GROUP BY id, city";
    for strategy in [Strategy::Scatter, Strategy::Direct] {
        let temp = tempfile::tempdir().unwrap();
        let settings = settings(&Way::new(Some(strategy), 1, ROOMY), temp.path());
        let source: Arc<dyn Source> = Arc::new(source.clone());
        let statement = Statement {
            table: "made".to_owned(),
            place: "made.sql".to_owned(),
            sql: sql.to_owned(),
        };
        let sources = HashMap::from([("t".to_owned(), source)]);
        let star = Star::try_new(&sources, &[statement], &settings).unwrap();
        let (store, budget) = (Kept::default(), Budget::new(ROOMY));
        let holders = Holders(&budget);
        star.run(&settings, &budget, &store, &holders, &Stop::new())
            .unwrap();
        assert_eq!(budget.free(), budget.total());
    }
}

#[test]
fn a_raised_flag_stops_the_run() {
    struct Stopping<'a>(&'a Stop);
    impl Observer for Stopping<'_> {
        fn unit_done(&self, _: &UnitDone<'_>) {
            self.0.raise();
        }
    }
    let source = rows(13, 9, 70_000, 0);
    let sql = "SELECT id, city, count(*) AS n FROM t GROUP BY id, city";
    let temp = tempfile::tempdir().unwrap();
    let settings = settings(&Way::new(Some(Strategy::Scatter), 1, ROOMY), temp.path());
    let sources = HashMap::from([("t".to_owned(), Arc::new(source) as Arc<dyn Source>)]);
    let statement = Statement {
        table: "made".to_owned(),
        place: "made.sql".to_owned(),
        sql: sql.to_owned(),
    };
    let star = Star::try_new(&sources, &[statement], &settings).unwrap();
    let (store, stop) = (Kept::default(), Stop::new());
    let budget = Budget::new(ROOMY);
    let error = star
        .run(&settings, &budget, &store, &Stopping(&stop), &stop)
        .unwrap_err();
    assert!(matches!(error, Error::Stopped), "{error:?}");
    assert_eq!(store.units.lock().unwrap().len(), 1);
    assert_eq!(budget.free(), budget.total());
    assert_eq!(
        std::fs::read_dir(temp.path()).unwrap().count(),
        0,
        "temporary files were left"
    );
}

#[test]
fn a_source_that_breaks_its_promise_is_an_error() {
    let source = rows(6, 3, 1_000, 0).promising(1, 1_001);
    for way in crate::common::ways() {
        let store = Kept::default();
        let error = try_run(&source, STATEMENTS[0], &way, &store, &()).unwrap_err();
        assert!(
            matches!(&error, Error::Source { problem, .. } if problem.contains("1000 rows, and 1001")),
            "{error:?}"
        );
        assert!(
            store.units.lock().unwrap().is_empty(),
            "a unit was committed"
        );
    }
}

/// Keys of one, two and three words, and a word beside numbers with a point. The engine keeps the order
/// of rows but where the hashes of two groups meet, which over three such columns of few values is one
/// group in some thousands.
#[test]
fn groups_stand_in_the_order_of_their_rows_whatever_the_way() {
    let rows = 400_000_u64;
    let number = |seed: u64, bits: u32| -> ArrayRef {
        let numbers = (0..rows).map(|row| Some((chance(seed, row / 2) >> (64 - bits)) as i64));
        Arc::new(numbers.collect::<Int64Array>())
    };
    let point = |seed: u64, most: u64| -> ArrayRef {
        let numbers = (0..rows).map(|row| Some((chance(seed, row / 2) % most) as f64));
        Arc::new(numbers.collect::<Float64Array>())
    };
    let columns: [(&str, ArrayRef); 7] = [
        ("row", Arc::new(UInt64Array::from_iter_values(0..rows))),
        ("a", number(1, 40)),
        ("b", number(2, 40)),
        ("c", number(3, 60)),
        ("few", number(4, 12)),
        ("half", point(9, 2)),
        ("share", point(10, 300)),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let source = Memory::new(batch.schema(), vec![batch]).cut(9_000);
    for keys in ["a", "a, b", "a, b, c", "few, half, share"] {
        let sql = format!("SELECT {keys}, MIN(row) AS first FROM t GROUP BY {keys}");
        for (strategy, threads, memory) in [
            (Strategy::Direct, 1, ROOMY),
            (Strategy::Direct, 2, Bytes::new(40 << 20)),
            (Strategy::Direct, 3, 64 * MIB),
            (Strategy::Scatter, 2, ROOMY),
            (Strategy::Scatter, 2, Bytes::new(40 << 20)),
        ] {
            let found = run(&source, &sql, &Way::new(Some(strategy), threads, memory));
            for (unit, lines) in found.in_order() {
                let firsts = lines.iter().map(|line| {
                    let (_, first) = line.rsplit_once('|').unwrap();
                    first.parse::<u64>().unwrap()
                });
                assert!(
                    firsts.is_sorted(),
                    "{keys}, {unit:?}, {strategy:?}, {memory}"
                );
            }
        }
    }
}

#[test]
fn statements_that_do_not_fit_are_refused_by_name() {
    let source = rows(7, 1, 10, 0);
    for (sql, found) in [
        (
            "SELECT id, count(*) FROM t GROUP BY id ORDER BY id",
            "ORDER BY",
        ),
        ("SELECT id FROM t UNION ALL SELECT id FROM t", "UNION"),
        (
            "SELECT id, count(*) FROM t GROUP BY id; SELECT 1",
            "2 statements",
        ),
        (
            "SELECT nothing, count(*) FROM t GROUP BY nothing",
            "nothing",
        ),
        (
            "SELECT id, count(*) FROM elsewhere GROUP BY id",
            "elsewhere",
        ),
        ("SELECT FROM WHERE", "WHERE"),
        ("INSERT INTO t SELECT * FROM t", "another statement"),
        ("SELECT id, sum(city) FROM t GROUP BY id", "sum"),
    ] {
        let store = Kept::default();
        let error = try_run(&source, sql, &Way::new(None, 1, ROOMY), &store, &());
        match error {
            Err(Error::Model {
                place, found: text, ..
            }) => {
                assert_eq!(place, "made.sql");
                assert!(text.contains(found), "{sql}: {text}");
            }
            other => panic!("{sql}: {other:?}"),
        }
    }
}

//! What the process really holds, in a process of its own.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::{
    ArrayRef, Int64Array, RecordBatch, RecordBatchIterator, RecordBatchReader, StringArray,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use lakeseed_budget::{Budget, Bytes, MIB, Peak};
use lakeseed_star_schema::{
    BatchReader, Piece, Result, Settings, Source, Star, Statement, Stop, Store, Strategy, Unit,
};

use crate::common::chance;

/// The limit, and what others hold of the budget, in bytes, and the way.
const CHILD: &str = "LAKESEED_STAR_TEST_LIMIT";
const ROWS: u64 = 6_000_000;
const PIECE_ROWS: u64 = 250_000;
/// Every row but a few has a group of its own, of two numbers, a text and a sum.
const GROUP_BYTES: u64 = 48;

static PEAK: Peak = Peak::new();

/// Rows that are made when they are read.
struct Made {
    schema: SchemaRef,
    pieces: Vec<Piece>,
    /// How many texts there are.
    cities: u64,
    sorted_by: Vec<String>,
}

impl Made {
    fn new(cities: u64, strategy: Strategy) -> Self {
        let is_sorted = strategy == Strategy::Sorted;
        let schema = Arc::new(Schema::new(vec![
            Field::new("a", DataType::Int64, false),
            Field::new("b", DataType::Int64, true),
            Field::new("city", DataType::Utf8, false),
        ]));
        let piece = Piece {
            rows: PIECE_ROWS,
            exact: true,
            bytes: 1,
        };
        Self {
            schema,
            pieces: vec![piece; (ROWS / PIECE_ROWS) as usize],
            cities,
            sorted_by: is_sorted.then(|| "a".to_owned()).into_iter().collect(),
        }
    }
}

impl Source for Made {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    fn read(&self, piece: usize, columns: &[usize], batch_rows: usize) -> Result<BatchReader> {
        let first = piece as u64 * PIECE_ROWS;
        let (schema, columns) = (Arc::clone(&self.schema), columns.to_vec());
        let (cities, is_sorted) = (self.cities, !self.sorted_by.is_empty());
        let projected = Arc::new(schema.project(&columns).unwrap());
        let batches = (0..PIECE_ROWS).step_by(batch_rows).map(move |start| {
            PEAK.tick();
            let rows = first + start..first + (start + batch_rows as u64).min(PIECE_ROWS);
            let a: Int64Array = rows
                .clone()
                .map(|row| {
                    Some(if is_sorted {
                        row as i64
                    } else {
                        chance(1, row) as i64 >> 24
                    })
                })
                .collect();
            let b: Int64Array = rows
                .clone()
                .map(|row| Some(chance(2, row) as i64 % 9))
                .collect();
            let city: StringArray = rows
                .map(|row| Some(format!("the city with number {}", chance(3, row) % cities)))
                .collect();
            let arrays: Vec<ArrayRef> = vec![Arc::new(a), Arc::new(b), Arc::new(city)];
            RecordBatch::try_new(Arc::clone(&schema), arrays)?.project(&columns)
        });
        Ok(Box::new(RecordBatchIterator::new(batches, projected)))
    }

    fn sorted_by(&self) -> &[String] {
        &self.sorted_by
    }

    fn identity(&self) -> &'static str {
        "made"
    }
}

/// Counts rows and forgets them.
#[derive(Default)]
struct Counted(AtomicU64);

impl Store for Counted {
    fn is_done(&self, _: &Unit) -> bool {
        false
    }

    fn commit(
        &self,
        _: &Unit,
        rows: &mut dyn RecordBatchReader,
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        for batch in rows {
            self.0
                .fetch_add(batch?.num_rows() as u64, Ordering::Relaxed);
            PEAK.tick();
        }
        Ok(())
    }
}

/// What a child process does; alone it does nothing.
#[test]
fn child() {
    let Ok(given) = std::env::var(CHILD) else {
        return;
    };
    let words: Vec<&str> = given.split(' ').collect();
    let bytes = |word: &str| Bytes::new(word.parse().unwrap());
    let (limit, others, cities) = (bytes(words[0]), bytes(words[1]), bytes(words[2]).get());
    let strategy = match words[3] {
        "sorted" => Strategy::Sorted,
        _ => Strategy::Scatter,
    };
    let own = lakeseed_budget::resident_anonymous().unwrap() + 16 * MIB;
    let temp = tempfile::tempdir().unwrap();
    let mut settings = Settings::new(temp.path());
    settings.temp_in_memory = true;
    settings.strategy = Some(strategy);
    settings.read_bytes = 4 * MIB;
    settings.store_bytes = MIB;
    let source: Arc<dyn Source> = Arc::new(Made::new(cities, strategy));
    let sources = HashMap::from([("t".to_owned(), source)]);
    let statement = Statement {
        table: "made".to_owned(),
        place: "made.sql".to_owned(),
        sql: "SELECT a, b, city, sum(b) AS s FROM t GROUP BY a, b, city".to_owned(),
    };
    let star = Star::try_new(&sources, &[statement], &settings).unwrap();
    let store = Counted::default();
    let budget = Budget::new(limit - own);
    // They hold it on paper only: what this process holds is ours.
    let theirs = budget.lease("others", others).unwrap();
    star.run(&settings, &budget, &store, &(), &Stop::new())
        .unwrap();
    drop(theirs);
    println!("held {} for {}", PEAK.get().get(), store.0.into_inner());
}

/// The peak of a child, and the rows that it made.
#[cfg(target_os = "linux")]
fn held(limit: Bytes, others: Bytes, cities: u64, way: &str) -> (u64, u64) {
    let given = format!("{} {} {cities} {way}", limit.get(), others.get());
    let out = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "memory::child", "--nocapture"])
        .env(CHILD, given)
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    let at = words.iter().position(|word| *word == "held").expect(&text);
    (
        words[at + 1].parse().unwrap(),
        words[at + 3].parse().unwrap(),
    )
}

#[test]
#[cfg(target_os = "linux")]
fn the_process_stays_inside_its_limit() {
    for limit in [128 * MIB, 256 * MIB] {
        let (held, groups) = held(limit, Bytes::ZERO, 5_000, "scatter");
        assert!(groups > ROWS / 10 * 9, "{groups} groups");
        assert!(
            groups * GROUP_BYTES > limit.get(),
            "the table would have fitted into {limit}"
        );
        assert!(held <= limit.get(), "{} held of {limit}", Bytes::new(held));
    }
}

/// Dictionaries that take all that they may, or are full, beside others who hold half of the budget.
#[test]
#[cfg(target_os = "linux")]
fn what_others_hold_is_left_to_them() {
    let (limit, others) = (256 * MIB, 120 * MIB);
    for way in ["scatter", "sorted"] {
        for cities in [100_000, 4_000_000] {
            let (held, groups) = held(limit, others, cities, way);
            assert!(groups > ROWS / 10 * 9, "{groups} groups");
            let ours = limit - others;
            assert!(
                held <= ours.get(),
                "{} held of {ours}: {way} with {cities} texts",
                Bytes::new(held)
            );
        }
    }
}

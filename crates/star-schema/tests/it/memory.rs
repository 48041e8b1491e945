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
}

impl Made {
    fn new() -> Self {
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
        let projected = Arc::new(schema.project(&columns).unwrap());
        let batches = (0..PIECE_ROWS).step_by(batch_rows).map(move |start| {
            PEAK.tick();
            let rows = first + start..first + (start + batch_rows as u64).min(PIECE_ROWS);
            let a: Int64Array = rows
                .clone()
                .map(|row| Some(chance(1, row) as i64 >> 24))
                .collect();
            let b: Int64Array = rows
                .clone()
                .map(|row| Some(chance(2, row) as i64 % 9))
                .collect();
            let city: StringArray = rows
                .map(|row| Some(format!("the city with number {}", chance(3, row) % 5_000)))
                .collect();
            let arrays: Vec<ArrayRef> = vec![Arc::new(a), Arc::new(b), Arc::new(city)];
            RecordBatch::try_new(Arc::clone(&schema), arrays)?.project(&columns)
        });
        Ok(Box::new(RecordBatchIterator::new(batches, projected)))
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
    let Ok(limit) = std::env::var(CHILD) else {
        return;
    };
    let limit: Bytes = limit.parse().unwrap();
    let own = lakeseed_budget::resident_anonymous().unwrap() + 16 * MIB;
    let temp = tempfile::tempdir().unwrap();
    let mut settings = Settings::new(temp.path());
    settings.temp_in_memory = true;
    settings.strategy = Some(Strategy::Scatter);
    settings.read_bytes = 4 * MIB;
    settings.store_bytes = MIB;
    let sources = HashMap::from([("t".to_owned(), Arc::new(Made::new()) as Arc<dyn Source>)]);
    let statement = Statement {
        table: "made".to_owned(),
        place: "made.sql".to_owned(),
        sql: "SELECT a, b, city, sum(b) AS s FROM t GROUP BY a, b, city".to_owned(),
    };
    let star = Star::try_new(&sources, &[statement], &settings).unwrap();
    let store = Counted::default();
    star.run(
        &settings,
        &Budget::new(limit - own),
        &store,
        &(),
        &Stop::new(),
    )
    .unwrap();
    println!("held {} for {}", PEAK.get().get(), store.0.into_inner());
}

#[test]
#[cfg(target_os = "linux")]
fn the_process_stays_inside_its_limit() {
    for limit in [128 * MIB, 256 * MIB] {
        let out = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "memory::child", "--nocapture"])
            .env(CHILD, limit.get().to_string())
            .output()
            .unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        let words: Vec<&str> = text.split_whitespace().collect();
        let at = words.iter().position(|word| *word == "held").expect(&text);
        let (held, groups): (u64, u64) = (
            words[at + 1].parse().unwrap(),
            words[at + 3].parse().unwrap(),
        );
        assert!(groups > ROWS / 10 * 9, "{groups} groups");
        assert!(
            groups * GROUP_BYTES > limit.get(),
            "the table would have fitted into {limit}"
        );
        assert!(held <= limit.get(), "{} held of {limit}", Bytes::new(held));
    }
}
